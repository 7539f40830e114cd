// SPDX-License-Identifier: MIT
#include "agent_fd.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/*
 * A socket that lingers makes who closes it last wait for its peer, in
 * whatever mode it is.
 */
void fd_close(int fd)
{
	const struct linger none = { 0, 0 };

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

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

int fd_take(struct msghdr *msg)
{
	int fd = -1, n = 0;

	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m;
	     m = CMSG_NXTHDR(msg, m)) {
		size_t fds = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < fds; i++) {
			if (fd >= 0)
				fd_close(fd);
			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int),
			       sizeof(int));
			n++;
		}
	}
	if (fd >= 0 && (n > 1 || msg->msg_flags & MSG_CTRUNC)) {
		fd_close(fd);
		fd = -1;
	}
	return fd;
}
