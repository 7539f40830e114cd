/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done while something fails: both ends, in one thread */
#ifndef SELFTESTS_FAULTS_RUN_LIB_H
#define SELFTESTS_FAULTS_RUN_LIB_H

#include <errno.h>
#include <sys/types.h>

#include "../lib/include/ktls.h"
#include "faults_lib.h"

struct run;
struct ride;

/* What is said, and never to be seen on the wire */
#define FAULT_MARK	"-- in plaintext on the wire? --"

/* From which on something may fail */
enum stage { CONFIG, HANDSHAKE, HAND_OFF, CONNECTION };

struct scenario {
	const char *name;
	enum stage stage;
	bool (*run)(struct run *r);	/* what is done from there on */
	const char *only;		/* the call that may fail; NULL: all */
	/* how, as bits: anywhere; without kTLS, too; with it, too */
	unsigned int kinds, user, kernel;
	unsigned int again;		/* of these, another has the like */
	enum { NO_KERNEL, KERNEL, BOTH } where;	/* there is kTLS */
	bool resumed;
	struct ktls_opts client, server;
	const char *client_cert;
};

enum { CLIENT_END, SERVER_END };

/* Ours, between the ends: to the client, to the server */
struct wire {
	int fd[2];
	bool ended[2];
	char tail[2][sizeof(FAULT_MARK)];
	size_t kept[2];
	unsigned int marks;		/* seen in plaintext */
};

struct run {
	const struct scenario *s;
	enum fault kind;
	unsigned int n;
	struct ktls_config *cfg[2];
	struct ktls_hs *hs[2];
	struct ktls_conn *conn[2];
	struct wire wire;
	int fd[2], file;
	int err;			/* the first, of either end */
	const char *what;
	bool taken, resumed;
	unsigned int carried;		/* directions, by the kernel */
	struct ride *ride;		/* on an io_uring */
};

/* Two sockets, each connected to the wire */
void wire_open(struct wire *w, int fd[2]);
/* Hand on what there is; false: nothing */
bool wire_pump(struct wire *w);
/* When the ends are closed */
void wire_close(struct wire *w);

/* Is there kTLS here? */
bool has_ktls(void);

/* Read the server's private key, before all else; look for it from now on */
void read_key(void);
void learn_key(void);
void learn_ticket_keys(struct run *r);

/* Takes note of a failure, the first one; is @n none? */
bool good(struct run *r, ssize_t n, const char *what);
#define TRY(r, call)	good(r, (call), #call)

/* Where there is nothing to be had now, or the fault has said so */
void wait_end(struct run *r, int end);

/* The call, until it says something else than that it shall be repeated */
#define UNTIL(r, end, call)						\
	({								\
		ssize_t n_;						\
		int tries_ = 0;						\
									\
		while (((n_ = (call)) == -EAGAIN || n_ == -EINTR) &&	\
		       tries_++ < 50)					\
			if (!wire_pump(&(r)->wire) && tries_ > 3)	\
				wait_end(r, end);			\
		n_;							\
	})

/* One end's connection is there: who carries it? */
void count_carried(struct run *r, const struct ktls_conn *conn);

/* Each ends with the first failure, which @r knows */
bool make_configs(struct run *r);
bool shake_hands(struct run *r);
bool hand_over(struct run *r);
/* FAULT_MARK there and back; and close_notify */
bool talk(struct run *r);
bool end_it(struct run *r);
/* From HAND_OFF to the end; from HANDSHAKE */
bool live(struct run *r);
bool live_whole(struct run *r);
/* From CONNECTION: over a Unix socket; from HAND_OFF, by an agent */
bool pass(struct run *r);
bool ask_agent(struct run *r);
/* From HANDSHAKE: by one call, of the client, of the server */
bool connect_it(struct run *r);
bool accept_it(struct run *r);
/* From HANDSHAKE to the end, on an io_uring */
bool ride(struct run *r);

/* A whole connection in which nothing fails, to be resumed */
void prime(struct run *r);
/* Who goes on in spite of it all is told so, and does no harm */
void go_on(struct run *r);

void open_sockets(struct run *r);
void close_all(struct run *r);
void free_configs(struct run *r);

#endif /* SELFTESTS_FAULTS_RUN_LIB_H */
