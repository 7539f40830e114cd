/* SPDX-License-Identifier: GPL-2.0-only */
/* 'ktls agent', run as a user runs it, and those who ask it */
#ifndef SELFTESTS_AGENT_LIB_H
#define SELFTESTS_AGENT_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "peer.h"
#include "../lib/include/ktls_agent.h"

/* Somebody who is neither root, nor whom the agent becomes, nor in the way */
#define AGENT_STRANGER	65531

struct agent {
	char dir[64];		/* everybody may look into it */
	char path[96];		/* its socket */
	char conf[96];		/* its file */
	pid_t pid;
	bool jailed;		/* under seccomp */
};

/*
 * The file of an agent that is to begin, or to read it again: "web" (server,
 * p256), "cli" (client, trusts ca.pem), "both", which is as either, and "two"
 * (server, p256 and rsa2048), all for this user; "other" for another; and @more.  Keys are "DIR/NAME.key".
 */
void agent_write_conf(const struct agent *a, const char *more);
/*
 * Begin, with @args (NULL at the end) beside --config and --socket; jailed
 * unless --no-seccomp is among them: only then leaks are looked for.
 */
void agent_start(struct agent *a, const char *const *args);
/* SIGTERM: it must end well, and leave no socket behind */
void agent_stop(struct agent *a);
/* ... as it has been told already */
void agent_ends(struct agent *a);
/* Whatever is left of it */
void agent_kill(struct agent *a);

/* The process with the keys; there must be one */
pid_t agent_worker_pid(const struct agent *a);
/* Its open descriptors, as root, else 1; its memory in KiB; its threads */
size_t agent_fds(pid_t worker);
size_t agent_memory(pid_t worker);
size_t agent_threads(pid_t worker);

/* ---- those who ask ------------------------------------------------------ */

/* Connected to it, or the test fails */
int agent_dial(const struct agent *a);
/* @len bytes and @n descriptors, as one message */
void agent_say(int agent, const void *buf, size_t len, const int *fds,
	       size_t n);

/* A request that makes sense, in @buf: its length */
size_t agent_request(uint8_t *buf, size_t size, enum ktls_role role,
		     const char *credential);
/* One field behind the @len bytes in @buf: the new length */
size_t agent_field(uint8_t *buf, size_t len, uint32_t field, const void *p,
		   size_t n);

struct agent_answer {
	size_t len;
	uint8_t b[KTLS_AGENT_TELL_MAX];
};

/* The next answer: its error */
int agent_hear(int agent, struct agent_answer *a);
/* One of its fields, which must be well-formed; NULL: not there */
const uint8_t *agent_find(const struct agent_answer *a, uint32_t field,
			  size_t *len);

/*
 * Both ends of a TCP connection by the agent; what the ends have not said is
 * "cli" for localhost, and "web".
 */
void agent_pair(const struct agent *a, struct pair *p,
		const struct ktls_agent_opts *client,
		const struct ktls_agent_opts *server);

#endif /* SELFTESTS_AGENT_LIB_H */
