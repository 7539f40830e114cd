/* SPDX-License-Identifier: MIT */
/* 'ktls agent': what its command line says, and its processes. */
#ifndef TOOLS_AGENT_H
#define TOOLS_AGENT_H

#include <stdbool.h>
#include <sys/types.h>

struct agent {
	const char *config;
	const char *path;	/* of the socket */
	int listen_fd;
	int alive_fd;		/* at its end when the process that stays is */
	/* whom to become; only if @become */
	bool become;
	uid_t uid;
	gid_t gid;
	/* connections of clients, and handshakes: in all, of one user */
	unsigned int max_clients, max_user_clients;
	unsigned int max_jobs, max_user_jobs;
	int timeout;		/* ms, of a handshake */
	bool no_seccomp;
	bool quiet;
	/* to serve the kernel, and nobody else */
	bool kernel;
	const char *tlshd_config;	/* NULL: where tlshd has it */
};

/*
 * The process that has the keys and does the handshakes: reads the config,
 * gives up what it has no use for, writes a byte to @ready_fd, and serves.
 * SIGTERM: ends when what has begun is done; SIGHUP: another has taken its
 * place, and it ends when nobody is left who has connected to it.  Returns the
 * exit status, after a complaint if it is not 0.
 */
int agent_worker(const struct agent *agent, int ready_fd);

#endif
