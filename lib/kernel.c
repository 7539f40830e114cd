// SPDX-License-Identifier: MIT
/* Records through a socket whose keys the kernel has */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"
#include "offload.h"

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(uint8_t))];
};

/* ---- sending ----------------------------------------------------------- */

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

/* ---- closing ----------------------------------------------------------- */

/* How long a call on the socket waits, in ms, -1: for ever */
static int patience(int fd, int flags)
{
	struct timeval tv = { 0 };
	socklen_t len = sizeof(tv);

	if (flags & MSG_DONTWAIT || fcntl(fd, F_GETFL) & O_NONBLOCK)
		return 0;
	getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len);
	if (!tv.tv_sec && !tv.tv_usec)
		return -1;
	return tv.tv_sec < 1000000 ?
	       (int)(tv.tv_sec * 1000 + tv.tv_usec / 1000) : -1;
}

/* Until TCP has room, or a failure to be met */
static int await_room(int fd, int flags)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int n = poll(&p, 1, 0);

	if (!n)
		n = poll(&p, 1, patience(fd, flags));
	if (n < 0)
		return -errno;
	return n ? 0 : -EAGAIN;
}

/* Bytes that TCP has been given, sent or not; 0: it does not say */
static uint64_t tcp_bytes(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return 0;
	return info.tcpi_bytes_sent - info.tcpi_bytes_retrans +
	       info.tcpi_notsent_bytes;
}

/* More than the record of an alert, less than TCP takes when it has room */
#define ALERT_RECORD_MAX	64

/*
 * The kernel's TLS takes records for which TCP has no room, and says so to
 * nobody; it gives them to TCP later, unless that has been shut down.  But when
 * TCP has room and takes this one alone, there was nothing in front of it.
 */
int kernel_write_last(int fd, const uint8_t alert[2], int flags)
{
	uint64_t before, taken;
	ssize_t n;
	int err = await_room(fd, flags);

	if (err)
		return err;
	before = tcp_bytes(fd);
	n = kernel_write(fd, CT_ALERT, alert, 2, flags);
	if (n < 0)
		return (int)n;
	taken = tcp_bytes(fd) - before;
	return before && taken && taken <= ALERT_RECORD_MAX;
}

/* ---- receiving --------------------------------------------------------- */

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
