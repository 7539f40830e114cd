/* SPDX-License-Identifier: MIT */
/*
 * Counters of 'ktls serve', and a listener of their own where Prometheus gets
 * them.  Each thread has its counters, which it alone writes, without a lock;
 * they are added up when somebody asks.  Nothing is counted before
 * metrics_start().
 */
#ifndef TOOLS_METRICS_H
#define TOOLS_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include <ktls.h>

#include "net.h"

enum metrics_timeout {
	TIMEOUT_HANDSHAKE,
	TIMEOUT_REQUEST,
	TIMEOUT_IDLE,
	TIMEOUT_SEND,
	TIMEOUT_LINGER,
	TIMEOUTS,
};

/* What came of asking the store of a fleet */
enum metrics_store {
	STORE_HIT,
	STORE_MISS,
	STORE_KEPT,
	STORE_FORGOTTEN,
	STORE_FIRST,		/* early data of a hello that is new */
	STORE_SEEN,		/* ... or is not */
	STORE_YOUNG,		/* ... or the store may have forgotten it */
	STORE_ERROR,
	STORE_TIMEOUT,
	STORE_SKIPPED,		/* it is down: not asked */
	STORE_RESULTS,
};

/* Serve them at @at, by a thread: 0, or -1 after a complaint */
int metrics_start(const struct net_host *at);
/* When all threads that count are gone */
void metrics_stop(void);
bool metrics_counting(void);

/* A connection was accepted, or closed at once (too many from its address) */
void metrics_accept(void);
void metrics_refuse(void);
/* Its handshake is done, or has failed; and its end, if it was done */
void metrics_handshake(const struct ktls_info *info);
void metrics_failure(int err);
void metrics_end(const struct ktls_info *info);
/* Bytes of content, since the last call */
void metrics_bytes(uint64_t sent, uint64_t received);
void metrics_request(int status);
/* A file was looked up: in the cache alone, or not */
void metrics_file(bool hit);
void metrics_timeout(enum metrics_timeout kind);
void metrics_log_lost(void);
void metrics_reload(bool good);
void metrics_store(enum metrics_store result);

#endif
