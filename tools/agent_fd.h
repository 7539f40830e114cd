/* SPDX-License-Identifier: MIT */
/* Descriptors that somebody has sent, who may have meant no good. */
#ifndef TOOLS_AGENT_FD_H
#define TOOLS_AGENT_FD_H

#include <stdbool.h>
#include <sys/socket.h>

#define FD_TAKE_MAX	4	/* the kernel closes what there is more */
#define FD_CONTROL	CMSG_SPACE(FD_TAKE_MAX * sizeof(int))

/* The one of a message that was received; -1: there is none, or are several */
int fd_take(struct msghdr *msg);
bool fd_is_connected_tcp(int fd);
/* -1 is fine */
void fd_close(int fd);

#endif
