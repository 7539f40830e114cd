/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways in which a connection may be carried, as variants: a cipher suite,
 * and for each direction the kernel or user space.  What the running kernel does
 * not carry is no variant; in a VM, which is there for it, it is skipped.
 */
#ifndef SELFTESTS_MODE_LIB_H
#define SELFTESTS_MODE_LIB_H

#include "harness.h"
#include "peer.h"
#include "../lib/suite.h"

struct mode {
	const struct suite *suite;
	enum ktls_path tx, rx;	/* KTLS_PATH_KERNEL or KTLS_PATH_USER */
};

/*
 * Generators: both versions, every cipher, on every path; 1.3 alone; both
 * versions with one cipher on every path; 1.3 alone; both versions, every
 * cipher, both directions the kernel's; both versions with one cipher, both
 * directions the kernel's or both ours; the kernel's alone; 1.3 alone.
 */
bool mode_all(size_t i, struct mode *m, char *name, size_t size);
bool mode_13(size_t i, struct mode *m, char *name, size_t size);
bool mode_paths(size_t i, struct mode *m, char *name, size_t size);
bool mode_paths13(size_t i, struct mode *m, char *name, size_t size);
bool mode_suites(size_t i, struct mode *m, char *name, size_t size);
bool mode_ends(size_t i, struct mode *m, char *name, size_t size);
bool mode_kernel(size_t i, struct mode *m, char *name, size_t size);
bool mode_kernel13(size_t i, struct mode *m, char *name, size_t size);

/* FIXTURE(f) { ... }; MODES(f, mode_all); then variant->mode is there */
#define MODES(f, gen)							\
	FIXTURE_VARIANT(f) { struct mode mode; };			\
	static bool gen##_##f(size_t i, FIXTURE_VARIANT(f) *variant,	\
			      char *name, size_t size)			\
	{								\
		return gen(i, &variant->mode, name, size);		\
	}								\
	FIXTURE_VARIANT_GEN(f, gen##_##f)

/* Skips unless the kernel carries those directions that are to be its own */
void mode_need(const struct mode *m);
bool mode_carried(const struct mode *m);
/* KTLS_TX and KTLS_RX, as ktls_conn_kernel() is to say */
unsigned int mode_kernel_bits(const struct mode *m);

/* Can this kernel change the keys of a connection? */
bool kernel_rekeys(void);
/* Can the direction of @m do so? Never in TLS 1.2. */
bool mode_rekeys_tx(const struct mode *m);
bool mode_rekeys_rx(const struct mode *m);

/*
 * A config that carries @m and nothing else, and keeps no sessions; @more (may
 * be NULL) has further options, whose tx, rx, role and ciphers do not count.
 */
struct ktls_config *mode_config(const struct mode *m, enum ktls_role role,
				const struct ktls_opts *more);
/* User space on both directions, with @m's suite */
struct ktls_config *mode_user_config(const struct mode *m,
				     enum ktls_role role);

/* As pair_open(), on sockets that are there already; closed by pair_close() */
void pair_over(struct pair *p, const int fd[2], struct ktls_config *client,
	       struct ktls_config *server);
/* Two ends of ours in @m; only the client in @m, the server in user space */
void mode_pair(struct pair *p, const struct mode *m,
	       const struct ktls_opts *more);
void mode_pair_user(struct pair *p, const struct mode *m);
/*
 * The same over tcp_pair_small(), with I/O of its own for the server, which
 * mode_trickle() has receive @max bytes at most, and compare what is whole with
 * the stream @seed from *@got on.  False: close_notify has come.
 */
void mode_pair_small(struct pair *p, const struct mode *m);
bool mode_trickle(struct pair *p, uint64_t seed, uint64_t *got, size_t max);
/* ... and whatever else ends it; and a record that it is failed for */
ssize_t mode_hear(struct pair *p, uint64_t seed, uint64_t *got, size_t max);
void mode_nonsense(struct pair *p);

/* ---- numbers that are the same in every run ---------------------------- */

struct rnd {
	uint64_t state;
};

uint32_t rnd_next(struct rnd *r);
/* 0 to @n - 1, and 1 to @max with small ones as likely as large ones */
size_t rnd_below(struct rnd *r, size_t n);
size_t rnd_size(struct rnd *r, size_t max);

/* Bytes @pos and on of the endless stream @seed: made, or compared */
void stream_fill(uint64_t seed, uint64_t pos, void *buf, size_t len);
void stream_check(uint64_t seed, uint64_t pos, const void *buf, size_t len);

/* ---- sockets ----------------------------------------------------------- */

void set_nonblock(int fd);
void set_block(int fd);
/* Waits for @events (poll(2)) for as long as no machine needs */
void wait_fd(int fd, short events);
/* What is sent goes out at once; reading in vain ends with EAGAIN at last */
void set_socket(int fd);

/* ---- data -------------------------------------------------------------- */

/* @size where the CPU is itself, and less of it where it is emulated */
size_t modest(size_t size);

/* All of it, from or to the stream @seed */
void send_stream(struct ktls_conn *conn, uint64_t seed, uint64_t pos,
		 size_t len);
void recv_stream(struct ktls_conn *conn, uint64_t seed, uint64_t pos,
		 size_t len);
/* "ping" there and "pong" back: the connection works both ways */
void ping(struct ktls_conn *a, struct ktls_conn *b);

/* close_notify from both, seen by both */
void close_both(struct ktls_conn *a, struct ktls_conn *b);

#endif /* SELFTESTS_MODE_LIB_H */
