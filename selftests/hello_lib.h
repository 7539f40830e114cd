/* SPDX-License-Identifier: GPL-2.0-only */
/* A hello taken apart by the man in the middle, changed, and put together */
#ifndef SELFTESTS_HELLO_LIB_H
#define SELFTESTS_HELLO_LIB_H

#include "mitm_lib.h"

/* Of a ClientHello or ServerHello; what has a length goes without it */
struct hello {
	struct item *it;
	bool client;
	uint16_t version;
	uint8_t random[RANDOM_LEN];
	struct wr session_id;
	struct wr suites;	/* the server's: one */
	struct wr compression;
	struct wr exts;
};

void hello_open(struct hello *h, struct item *it);
/* Write it back, with its lengths */
void hello_close(struct hello *h);

/* Replace the content */
void hello_set(struct wr *w, const void *p, size_t len);
/* The body of an extension; NULL: it is not there */
struct slice hello_ext(const struct hello *h, uint16_t type);
bool hello_has(const struct hello *h, uint16_t type);
bool hello_drop(struct hello *h, uint16_t type);
/* In its place, or behind the last one */
void hello_put(struct hello *h, uint16_t type, const void *p, size_t len);

#endif /* SELFTESTS_HELLO_LIB_H */
