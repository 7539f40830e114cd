/* SPDX-License-Identifier: MIT */
/* A process for each connection that is accepted, so many at a time. */
#ifndef TOOLS_ACCEPTOR_H
#define TOOLS_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "net.h"

struct acceptor_child;

struct acceptor {
	unsigned int max;	/* processes */
	int drain_ms;		/* to end in, after a signal */
	/* On SIGHUP, and before each process */
	void (*hang_up)(void *arg);
	void (*before)(void *arg);
	/* A process that is not of a connection has ended; may be NULL */
	void (*stranger)(void *arg, pid_t pid, int status);
	/* The new process, with @fd, non-blocking, of which @peer is the end */
	int (*serve)(void *arg, int fd, const union net_addr *peer);
	void *arg;

	struct acceptor_child *children;
	unsigned int children_len;
	int listeners[NET_HOSTS_MAX];
	size_t listeners_len;
	int signal_fd;
	int64_t accept_at;	/* not before: out of descriptors */
	int64_t drain_end, kill_at;
	unsigned int ends;	/* signals to end that have come */
};

/* Blocks signals and listens; 0, or -1 after a complaint */
int acceptor_open(struct acceptor *a, const struct net_hosts *at);
/* Until a signal ends it; 0, or -1 after a complaint */
int acceptor_run(struct acceptor *a);
/* As a signal does */
void acceptor_end(struct acceptor *a);
void acceptor_close(struct acceptor *a);

#endif
