/* SPDX-License-Identifier: MIT */
/* Descriptors that somebody has sent, who may have meant no good. */
#ifndef TOOLS_AGENT_FD_H
#define TOOLS_AGENT_FD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "agent_loop.h"

#define FD_TAKE_MAX	4	/* the kernel closes what there is more */
#define FD_CONTROL	CMSG_SPACE(FD_TAKE_MAX * sizeof(int))

/* Before all others, in the thread that has the loop, as they are called */
void fd_begin(struct loop *loop);

/*
 * The one of a message that was received; -1: there is none, or are several,
 * which are closed.
 */
int fd_take(struct msghdr *msg, atomic_uint *count);
bool fd_is_connected_tcp(int fd);
/*
 * Waits for nothing: another thread closes it, and it is counted in *@count
 * until that is done.  -1 is fine.
 */
void fd_close(int fd, atomic_uint *count);
/* More than is left to close of who means well? */
bool fd_is_clogged(atomic_uint *count);

#endif
