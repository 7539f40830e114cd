/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Somebody on the path between two ends: a thread that hands on the bytes of a
 * TCP connection record by record, and on demand does what an attacker or a
 * bad network would do to the next record.
 */
#ifndef SELFTESTS_RELAY_LIB_H
#define SELFTESTS_RELAY_LIB_H

#include <pthread.h>

#include "mode_lib.h"
#include "../lib/record.h"

enum relay_act {
	RELAY_PASS,
	RELAY_FLIP,	/* byte @at (negative: from the end) xor @value */
	RELAY_DROP,
	RELAY_TWICE,
	RELAY_SWAP,	/* with the one after it */
	RELAY_CUT,	/* @at bytes of it, then the end of the stream */
	RELAY_INSERT,	/* @bytes, @at of them, before it */
	RELAY_DRIBBLE,	/* byte by byte, and so all that follows */
};

struct relay_order {
	enum relay_act act;
	int at;
	uint8_t value;
	const void *bytes;
};

struct relay_way {
	int from, to;
	struct relay_order order;
	bool dribble, cut;
	size_t have, kept;
	uint8_t buf[2 * RECORD_MAX];
	uint8_t keep[RECORD_MAX];	/* RELAY_SWAP: what comes second */
};

/* Sees each record that goes up or down, before anything is done to it */
typedef void relay_tap_fn(void *arg, bool up, const uint8_t *rec, size_t len);

struct relay {
	pthread_t thread;
	pthread_mutex_t lock;
	int fd[2];		/* ours: towards client and server */
	struct relay_way up, down;	/* to the server, to the client */
	relay_tap_fn *tap;
	void *tap_arg;
};

/* Two connected sockets with the relay between them */
void relay_open(struct relay *r, int fd[2]);
/* What to do with the next whole record that goes up, or down */
void relay_order(struct relay *r, bool up, struct relay_order order);
/* From the next record on; @fn runs in the relay's thread */
void relay_tap(struct relay *r, relay_tap_fn *fn, void *arg);
/* Both ends must be closed by then */
void relay_close(struct relay *r);

#endif /* SELFTESTS_RELAY_LIB_H */
