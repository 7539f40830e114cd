// SPDX-License-Identifier: MIT
/* A connection and its socket, to another process over a Unix socket */
#include "conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * On the Unix socket: "kTLS", the length of what follows (4 bytes), and a
 * saved connection; with the first byte, the descriptor.
 */
#define MAGIC		0x6b544c53
#define HEAD_LEN	8
/* What there is beside a message's fragments: two records and one, names */
#define STATE_MAX	(4 * RECORD_MAX)

/* Linux 6.5, which older headers do not name */
#ifndef SCM_PIDFD
#define SCM_PIDFD	4
#endif

/* And what a socket adds that was told to say who sends (SO_PASSCRED) */
union rights {
	struct cmsghdr head;
	char space[CMSG_SPACE(4 * sizeof(int)) +
		   CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
};

/* ---- sending ----------------------------------------------------------- */

static ssize_t send_first(int to, int fd, const struct wr *w)
{
	union rights r = { .head = {
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)),
	} };
	struct iovec iov = { w->buf, w->len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &r,
		.msg_controllen = CMSG_SPACE(sizeof(int)),
	};

	memcpy(CMSG_DATA(&r.head), &fd, sizeof(fd));
	return sendmsg(to, &msg, MSG_NOSIGNAL);
}

/* Half a connection helps nobody: what has begun is waited for */
static int wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

static int send_rest(int to, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = send(to, p, len, MSG_NOSIGNAL);
		int err = 0;

		if (n < 0 && errno == EAGAIN)
			err = wait_for(to, POLLOUT);
		else if (n < 0 && errno != EINTR)
			err = -errno;
		if (err)
			return err;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int ktls_conn_pass(struct ktls_conn *conn, int unix_fd)
{
	struct wr state = { 0 }, w = { 0 };
	int err = conn_save(conn, 0, &state);
	ssize_t n = 0;

	wr_u32(&w, MAGIC);
	wr_opaque(&w, 4, wr_content(&state));
	if (!err && !wr_ok(&w))
		err = -ENOMEM;
	if (!err) {
		n = send_first(unix_fd, conn->fd, &w);
		err = n < 0 ? -errno : 0;
	}
	if (!err)
		err = send_rest(unix_fd, w.buf + n, w.len - (size_t)n);
	if (!err)
		conn_spend(conn);
	wr_free(&state);
	wr_free(&w);
	return err;
}

/* ---- receiving --------------------------------------------------------- */

static int socket_type(int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	return type;
}

/* A message that is none of ours is not to stand before the next one */
static int refuse(int from, bool empty)
{
	int type = socket_type(from);

	if (type != SOCK_STREAM)
		(void)recv(from, NULL, 0, MSG_DONTWAIT);
	return empty && type != SOCK_DGRAM ? -ENOTCONN : -KTLS_E_CONN_SAVED;
}

/* How much there is of it */
static int peek_head(int from, size_t max, size_t *len)
{
	uint8_t head[HEAD_LEN];
	ssize_t n = recv(from, head, sizeof(head), MSG_PEEK);
	bool bad = false;
	struct rd r = rd_init(head, n > 0 ? (size_t)n : 0, &bad);
	uint32_t magic = rd_u32(&r);

	if (n < 0)
		return -errno;
	*len = rd_u32(&r);
	return bad || magic != MAGIC || *len > max ? refuse(from, !n) : 0;
}

/* The one descriptor that is to come with it; others are closed */
static int take_fd(struct msghdr *msg)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		bool rights = c->cmsg_type == SCM_RIGHTS;

		if (c->cmsg_level != SOL_SOCKET ||
		    (!rights && c->cmsg_type != SCM_PIDFD))
			continue;
		for (size_t i = 0; i < n; i++) {
			int one;

			memcpy(&one, CMSG_DATA(c) + i * sizeof(int),
			       sizeof(int));
			if (rights && fd < 0)
				fd = one;
			else
				close(one);
		}
	}
	return fd;
}

static ssize_t recv_first(int from, uint8_t *buf, size_t len, int *fd)
{
	union rights r;
	struct iovec iov = { buf, len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &r,
		.msg_controllen = sizeof(r),
	};
	ssize_t n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	*fd = take_fd(&msg);
	return *fd < 0 || msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC) ?
	       -KTLS_E_CONN_SAVED : n;
}

static int recv_rest(int from, uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = recv(from, p, len, 0);
		int err = 0;

		if (n < 0 && errno == EAGAIN)
			err = wait_for(from, POLLIN);
		else if (n < 0 && errno != EINTR)
			err = -errno;
		else if (!n)
			err = -KTLS_E_CONN_SAVED;
		if (err)
			return err;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Whether a message or a stream, the same bytes */
static int recv_all(int from, uint8_t *buf, size_t len, int *fd)
{
	ssize_t n = recv_first(from, buf, len, fd);

	if (n < 0)
		return (int)n;
	if (socket_type(from) != SOCK_STREAM && (size_t)n < len)
		return -KTLS_E_CONN_SAVED;
	return recv_rest(from, buf + n, len - (size_t)n);
}

int ktls_conn_receive(struct ktls_conn **conn, struct ktls_config *config,
		      int unix_fd, int *fd)
{
	size_t len = 0;
	uint8_t *buf;
	int err = peek_head(unix_fd, config->max_message + STATE_MAX, &len);

	*conn = NULL;
	*fd = -1;
	if (err)
		return err;
	buf = malloc(HEAD_LEN + len);
	if (!buf)
		return -ENOMEM;
	err = recv_all(unix_fd, buf, HEAD_LEN + len, fd);
	if (!err)
		err = ktls_conn_load(conn, config, *fd, buf + HEAD_LEN, len,
				     0);
	wipe_free(buf, HEAD_LEN + len);
	if (err && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	return err;
}
