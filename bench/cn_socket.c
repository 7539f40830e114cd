// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cn.h"

int cn_listen(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&at, &len)) {
		perror("listen");
		exit(1);
	}
	*port = ntohs(at.sin_port);
	return fd;
}

static void set_nodelay(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

int cn_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		perror("accept");
	else
		set_nodelay(fd);
	return fd;
}

int cn_dial(uint16_t port, int nr)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK +
			(uint32_t)(nr / 20000 % CN_ADDRESSES)),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		set_nodelay(fd);
		return fd;
	}
	perror("connect");
	close(fd);
	return -1;
}

int cn_connect(const struct cn_impl *impl, void *shared, struct cn_end *end)
{
	int err = impl->begin(shared, end);

	if (!err && impl->step(end) != 1)
		err = -1;
	if (!err)
		err = impl->establish(end);
	if (!err && !end->server)
		err = impl->put(end);
	if (!err)
		err = impl->get(end);
	if (!err && end->server)
		err = impl->put(end);
	return err;
}
