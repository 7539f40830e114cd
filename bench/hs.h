/* SPDX-License-Identifier: MIT */
/*
 * Handshakes in memory, both roles in one thread: what each costs, by library,
 * and what the cryptography in it costs by itself.
 */
#ifndef BENCH_HS_H
#define BENCH_HS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum hs_resume {
	HS_FULL,
	HS_TICKET,
	HS_ID,		/* TLS 1.2 */
};

struct hs_case {
	const char *name;
	uint16_t version;	/* 0x0303, 0x0304 */
	const char *key;	/* p256, rsa2048, ed25519 */
	const char *group;	/* libcrypto's name; "x25519" */
	enum hs_resume resume;
	bool mutual;
	bool known;		/* libktls may remember what it has verified */
	bool user;		/* records are made in user space in any case */
};

/* The usual ones: with x25519, their names told apart by @n */
#define HS_13(n, k, ...) { .name = "1.3 " n, .version = 0x0304, .key = k, \
			   .group = "x25519", __VA_ARGS__ }
#define HS_12(n, ...) { .name = "1.2 " n, .version = 0x0303, .key = "p256", \
			.group = "x25519:secp256r1", __VA_ARGS__ }

/* Of one handshake, ns of each side */
struct hs_time {
	double client, server;
};

/* PEM of a root, and of leafs of it for "localhost" and for a client */
struct hs_pki {
	char *ca, *cert, *key, *client_cert, *client_key;
};

/* A way to do them; open() returns NULL where it cannot do the case */
struct hs_impl {
	const char *name;
	void *(*open)(const struct hs_case *c, const struct hs_pki *pki);
	/* One handshake: 0 or -1 after words */
	int (*run)(void *state, struct hs_time *t);
	void (*close)(void *state);
};

extern const struct hs_impl hs_ktls, hs_ssl, hs_gnutls, hs_floor;

/* @key as of a case; 0 or -1 after words */
int hs_pki_new(struct hs_pki *pki, const char *key);
void hs_pki_free(struct hs_pki *pki);

static inline double hs_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* What it costs to look at the clock: a handshake in parts is not dearer */
extern double hs_clock;

/* What @what costs is added to @sum */
#define HS_TIMED(sum, what)						\
	do {								\
		double from_ = hs_now();				\
		what;							\
		(sum) += hs_now() - from_ - hs_clock;			\
	} while (0)

#endif
