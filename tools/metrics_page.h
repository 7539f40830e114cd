/* SPDX-License-Identifier: MIT */
/* The counters, between metrics.c and where they become text. */
#ifndef TOOLS_METRICS_PAGE_H
#define TOOLS_METRICS_PAGE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <ktls.h>

#include "metrics.h"
#include "text.h"

#define HANDSHAKES	192	/* kinds: suites, versions, resumed or not */

/* One row for each error of the library's, and three for the rest */
enum reason {
#define KTLS_REASON(nr, name, alert, text) REASON_##name,
	KTLS_ERRORS(KTLS_REASON)
#undef KTLS_REASON
	REASON_TIMEOUT,
	REASON_CLOSED,		/* by the peer, without a word */
	REASON_SYSTEM,		/* any other errno */
	REASONS,
};

struct handshakes {
	_Atomic uint32_t key;	/* 0: free; else suite, version, resumed */
	_Atomic uint64_t n;
};

struct counters {
	_Atomic uint64_t accepted, refused, log_lost;
	_Atomic uint64_t open[3];	/* by directions in user space */
	_Atomic uint64_t failures[REASONS];
	_Atomic uint64_t bytes[2], rekeys[2];	/* sent, received */
	_Atomic uint64_t requests[5];
	_Atomic uint64_t timeouts[TIMEOUTS];
	_Atomic uint64_t reloads[2];
	_Atomic uint64_t files[2];	/* missed, hit in the cache */
	_Atomic uint64_t store[STORE_RESULTS];
	struct handshakes handshakes[HANDSHAKES];
	struct counters *next;
};

/* Those at the beginning that just add up */
#define COUNTERS_PLAIN \
	(offsetof(struct counters, handshakes) / sizeof(uint64_t))

enum reason metrics_reason(int err);
/* Of all threads */
void metrics_sum(struct counters *sum);
/* Text format 0.0.4 */
void metrics_write(struct text *t, const struct counters *c);

/* The listener (metrics_http.c): 0, or -1 after a complaint */
int metrics_listen(const struct net_host *at);
void metrics_unlisten(void);

#endif
