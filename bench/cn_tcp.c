// SPDX-License-Identifier: MIT
/* TCP alone, for comparison: no handshake, no records */
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "cn.h"

static void *tcp_open(const struct hs_case *c, const struct hs_pki *pki)
{
	static char shared;

	(void)c;
	(void)pki;
	return &shared;
}

static void tcp_close(void *shared)
{
	(void)shared;
}

static int tcp_begin(void *shared, struct cn_end *end)
{
	(void)shared;
	end->hs = end->conn = NULL;
	return 0;
}

static int tcp_step(struct cn_end *end)
{
	(void)end;
	return 1;
}

static int tcp_establish(struct cn_end *end)
{
	(void)end;
	return 0;
}

static bool tcp_resumed(const struct cn_end *end)
{
	(void)end;
	return false;
}

static unsigned int tcp_kernel(const struct cn_end *end)
{
	(void)end;
	return CN_TX | CN_RX;
}

static int tcp_put(struct cn_end *end)
{
	return send(end->fd, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int tcp_get(struct cn_end *end)
{
	char c;

	return recv(end->fd, &c, 1, 0) == 1 ? 0 : -1;
}

static ssize_t tcp_send(struct cn_end *end, const void *buf, size_t len)
{
	return send(end->fd, buf, len, MSG_NOSIGNAL);
}

static ssize_t tcp_recv(struct cn_end *end, void *buf, size_t len)
{
	return recv(end->fd, buf, len, 0);
}

static ssize_t tcp_sendfile(struct cn_end *end, int file, off_t at, size_t len)
{
	return sendfile(end->fd, file, &at, len);
}

static void tcp_end(struct cn_end *end)
{
	(void)end;
}

const struct cn_impl cn_tcp = {
	.name = "TCP",
	.open = tcp_open,
	.close = tcp_close,
	.begin = tcp_begin,
	.step = tcp_step,
	.establish = tcp_establish,
	.resumed = tcp_resumed,
	.kernel = tcp_kernel,
	.put = tcp_put,
	.get = tcp_get,
	.send = tcp_send,
	.recv = tcp_recv,
	.sendfile = tcp_sendfile,
	.end = tcp_end,
};
