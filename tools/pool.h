/* SPDX-License-Identifier: MIT */
/*
 * Connections to the store of a fleet, lent to the threads that ask it.  When
 * one fails, the store is down: for a while nobody asks, and then one at a time
 * does, until it answers.  So a store that hangs costs one thread the time of
 * one request now and then, and all others nothing.
 */
#ifndef TOOLS_POOL_H
#define TOOLS_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "fleet.h"
#include "redis.h"

struct loan {
	struct redis *redis;
	int64_t due;		/* of net_clock(), for all that is done by it */
	bool probe;		/* the one that tries a store that is down */
};

/* Before any thread that handshakes; 0, or -1 after a complaint */
int pool_start(const struct fleet_options *o);
void pool_stop(void);

/*
 * 0; -EBUSY: it is down, and it is not for us to try; or -errno: it is down.
 * @answer is room for what it takes to connect.
 */
int pool_borrow(struct loan *loan, struct redis_answer *answer);
/* @err: what came of it, -errno: the connection is of no use any more */
void pool_return(struct loan *loan, int err, const struct redis_answer *answer);
/* The store has answered that it will not; now and then the log tells why */
void pool_refused(const char *why);

#endif
