/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data both ways at once: two ends and one thread, sockets that do not block,
 * pieces of every size, some of them with MSG_MORE.
 */
#ifndef SELFTESTS_TRAFFIC_LIB_H
#define SELFTESTS_TRAFFIC_LIB_H

#include "mode_lib.h"

struct traffic_end {
	struct ktls_conn *conn;
	uint64_t out, in;	/* the streams' seeds */
	uint64_t sent, got;
	unsigned int cut;	/* sends that took a part, or nothing */
};

struct traffic {
	struct traffic_end end[2];
	struct rnd rnd;
	uint64_t len;		/* each way */
	/* called before each send, if set */
	void (*step)(struct traffic *t, struct ktls_conn *conn);
};

/* @len bytes from each end to the other; sockets block again afterwards */
void traffic_run(struct traffic *t, struct pair *p, uint64_t seed, uint64_t len);

#endif /* SELFTESTS_TRAFFIC_LIB_H */
