// SPDX-License-Identifier: MIT
#include "agent_fd.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool option_is(int fd, int name, int a, int b)
{
	int v;
	socklen_t len = sizeof(v);

	return !getsockopt(fd, SOL_SOCKET, name, &v, &len) &&
	       (v == a || v == b);
}

bool fd_is_connected_tcp(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	return option_is(fd, SO_DOMAIN, AF_INET, AF_INET6) &&
	       option_is(fd, SO_TYPE, SOCK_STREAM, SOCK_STREAM) &&
	       option_is(fd, SO_PROTOCOL, IPPROTO_TCP, IPPROTO_TCP) &&
	       !getpeername(fd, (struct sockaddr *)&addr, &len);
}

/* ---- closing ----------------------------------------------------------- */

struct closing {
	int fd;
	atomic_uint *count;
};

static void *close_there(void *arg)
{
	const struct closing c = *(struct closing *)arg;

	free(arg);
	close(c.fd);
	atomic_fetch_sub(c.count, 1);
	return NULL;
}

/*
 * A file of a file system that its sender runs may take for ever to close, and
 * so may a socket that lingers, which others can set until the last moment, or
 * one in whose queue such sockets are.  Without a thread for it, it stays open,
 * and counts.
 */
void fd_close(int fd, atomic_uint *count)
{
	struct closing *c;
	pthread_attr_t attr;
	pthread_t thread;

	if (fd < 0)
		return;
	c = malloc(sizeof(*c));
	atomic_fetch_add(count, 1);
	if (!c)
		return;
	*c = (struct closing){ fd, count };
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 65536);
	if (pthread_create(&thread, &attr, close_there, c))
		free(c);
	pthread_attr_destroy(&attr);
}

/* ---- taking ------------------------------------------------------------ */

int fd_take(struct msghdr *msg, atomic_uint *count)
{
	int fd = -1, n = 0;

	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m;
	     m = CMSG_NXTHDR(msg, m)) {
		size_t fds = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < fds; i++) {
			fd_close(fd, count);
			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int),
			       sizeof(int));
			n++;
		}
	}
	if (n == 1 && !(msg->msg_flags & MSG_CTRUNC))
		return fd;
	fd_close(fd, count);
	return -1;
}
