/* SPDX-License-Identifier: MIT */
/* A program that stays, and accepts plain connections from a socket of ours. */
#ifndef TOOLS_RESIDENT_H
#define TOOLS_RESIDENT_H

#include <sys/types.h>

#include "backend.h"
#include "identity.h"

struct resident {
	pid_t pid;	/* 0: it is over, and reaped */
	int path_fd;	/* of the socket, which has no name any more */
};

/*
 * Run @argv, as @user, with a listening Unix socket, as sd_listen_fds(3) has
 * it, and say in @at how this process and its children connect to it.  0, or -1
 * after a complaint.
 */
int resident_start(struct resident *r, char *const *argv,
		   const struct identity *user, struct backend_at *at);
/*
 * Ask it to end, if it was started, and see to it that it does: 0, or -1 if it
 * had before
 */
int resident_stop(struct resident *r);

#endif
