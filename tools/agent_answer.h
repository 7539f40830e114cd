/* SPDX-License-Identifier: MIT */
/* What 'ktls agent' answers. */
#ifndef TOOLS_AGENT_ANSWER_H
#define TOOLS_AGENT_ANSWER_H

#include "agent_wire.h"

/* @err: below 0; @why in words, or ""; @info of the handshake, or NULL */
void answer_failure(struct tell *t, int err, const char *why,
		    const struct ktls_info *info);
/*
 * All that @conn is, which is spent by it; @peer_sha256 may be NULL.  0 or the
 * failure, with which there is no answer.
 */
int answer_conn(struct tell *t, struct ktls_conn *conn,
		const uint8_t *peer_sha256);

#endif
