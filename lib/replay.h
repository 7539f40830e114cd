/* SPDX-License-Identifier: MIT */
/*
 * ClientHellos with early data that were accepted lately, so that none is
 * accepted twice (RFC 9846 8.2).  Bounded: when there is no more room, nothing
 * is accepted.  For any number of threads.
 */
#ifndef KTLS_REPLAY_H
#define KTLS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far a hello's time may be from ours, ms (8.3) */
#define REPLAY_WINDOW	10000

#define REPLAY_ID_LEN	32

struct replay;

struct replay *replay_new(void);		/* NULL: no memory */
void replay_free(struct replay *r);		/* NULL is fine */
/*
 * Is @id, of a hello within the window at @now (ms since the epoch), a new
 * one?  It is not from now on.
 */
bool replay_first(struct replay *r, const uint8_t id[REPLAY_ID_LEN],
		  uint64_t now);

#endif /* KTLS_REPLAY_H */
