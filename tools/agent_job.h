/* SPDX-License-Identifier: MIT */
/*
 * One handshake of 'ktls agent', whoever asked for it: on a socket that others
 * have too and may do with what they like, so that nothing here waits for it,
 * whatever mode it is in.
 */
#ifndef TOOLS_AGENT_JOB_H
#define TOOLS_AGENT_JOB_H

#include <ktls.h>

#include "agent_loop.h"

#define JOB_SHA256	32

struct job {
	struct watch watch;	/* its @fd is the connection's */
	struct alarm alarm;
	struct loop *loop;
	struct ktls_hs *hs;	/* NULL: nothing is going on */
	bool over;		/* within @done, after a failure */
	uint32_t events;
	/* of the peer's certificate, if it has shown one */
	uint8_t peer_sha256[JOB_SHA256];
	bool peer_known;
	void (*done)(struct job *job, int err, struct ktls_conn *conn);
};

/*
 * For the hooks of the config, whose @arg is not used: has @peer_sha256 told.
 * Not with KTLS_VERIFY_NONE, under which a hook would be the one who verifies.
 */
extern const struct ktls_hooks job_hooks;

/*
 * Begin, for @ms milliseconds at most.  @fd, a connected TCP socket, has to
 * last until the end and remains the caller's.  0: then @done is called, not
 * from within, with 0 and the connection, which is its own from there on, or
 * with the failure; until it returns, @job->hs is there to be asked (not after
 * success: the connection knows it all).  The job may be freed in it.
 * Otherwise -errno or -KTLS_E_*, and there is no call.
 */
int job_start(struct job *job, struct loop *loop, int fd,
	      struct ktls_config *config, const char *server_name, int ms,
	      void (*done)(struct job *job, int err, struct ktls_conn *conn));
/* Without a call; nothing to do where nothing is going on */
void job_cancel(struct job *job);

static inline bool job_runs(const struct job *job)
{
	return job->hs && !job->over;
}

#endif
