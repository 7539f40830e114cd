// SPDX-License-Identifier: MIT
/* Records through a socket whose keys the kernel has */
#include <errno.h>
#include <linux/tls.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"

#ifndef SOL_TLS
#define SOL_TLS	282
#endif

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(uint8_t))];
};

/*
 * Once the peer has reset the connection, the kernel's TLS takes record after
 * record, says that it did, and keeps them: as much as tcp_mem lets it.
 */
bool kernel_gone(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

ssize_t kernel_write(int fd, uint8_t type, const void *buf, size_t len,
		     int flags)
{
	union control control = { .head = {
		.cmsg_level = SOL_TLS,
		.cmsg_type = TLS_SET_RECORD_TYPE,
		.cmsg_len = CMSG_LEN(sizeof(uint8_t)),
	} };
	struct iovec iov = { (void *)buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (type != CT_DATA) {
		*CMSG_DATA(&control.head) = type;
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		/* a control message ends the open record: never with MORE */
		flags &= ~MSG_MORE;
	}
	n = sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n < len && kernel_gone(fd) ? -EPIPE : n;
}

/* What the kernel's refusal to decrypt means on the wire */
static int read_error(int fd, int err)
{
	socklen_t len = sizeof(err);

	switch (err) {
	case EBADMSG:
		/* it stays on the socket, where our alert would meet it */
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		return -KTLS_E_RECORD_MAC;
	case EMSGSIZE:
		return -KTLS_E_RECORD_OVERFLOW;
	case EINVAL:
		return -KTLS_E_RECORD_TYPE;
	default:
		return -err;
	}
}

/* Believe the type only if it is certainly there */
static bool record_type(struct msghdr *msg, uint8_t *type)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (!c || c->cmsg_level != SOL_TLS ||
	    c->cmsg_type != TLS_GET_RECORD_TYPE ||
	    c->cmsg_len != CMSG_LEN(sizeof(uint8_t)))
		return false;
	*type = *CMSG_DATA(c);
	return true;
}

int kernel_read(int fd, void *buf, size_t len, int flags,
		struct piece *piece)
{
	union control control;
	struct iovec iov = { buf, len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, flags);

	if (n < 0)
		return read_error(fd, errno);
	piece->len = (size_t)n;
	piece->last = msg.msg_flags & MSG_EOR;
	if (record_type(&msg, &piece->type))
		return msg.msg_flags & MSG_CTRUNC ? -KTLS_E_RECORD_TYPE : 0;
	/* only the end of the stream has no type */
	return n ? -KTLS_E_RECORD_TYPE : -KTLS_E_TRUNCATED;
}
