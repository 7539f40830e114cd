// SPDX-License-Identifier: MIT
/* Receiving on a ring */
#include <errno.h>
#include <linux/tls.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "offload.h"
#include "uring.h"

#define CONTENT_NONE	0	/* of no record: refused as such */
#define CONTENT_DATA	23
/* Failures in a row of which nothing came */
#define ODD_MAX		16

/* ---- what there is to tell ---------------------------------------------- */

/* An errno, and a stream that was cut, are of this direction alone */
static void end(struct ktls_stream *s, int err)
{
	s->ended = true;
	if (err <= -2048 && err != -KTLS_E_TRUNCATED)
		stream_fail(s, err);
	s->ops.end(s, err);
}

void rx_end(struct ktls_stream *s, int err)
{
	if (!s->ended)
		end(s, err);
}

/* What the library says to a record: go on, closed, or failed */
static void verdict(struct ktls_stream *s, int rc)
{
	if (rc <= 0 && rc != -EAGAIN && rc != -EINTR)
		end(s, rc);
}

/* ---- the kernel's records ----------------------------------------------- */

static void take_record(struct ktls_stream *s, uint8_t type, const void *p,
			size_t len)
{
	int rc;

	if (type == CONTENT_DATA) {
		s->odd = 0;
		rc = ktls_conn_data(s->conn, len);
		if (rc > 0 && len)
			s->ops.data(s, p, len);
		else
			verdict(s, rc);
		return;
	}
	rc = ktls_conn_record(s->conn, type, p, len);
	s->flush = true;
	verdict(s, rc);
	if (rc > 0)
		s->odd = 0;
	if (rc > 0 && s->ops.event && !s->freed)
		s->ops.event(s, ktls_conn_events(s->conn));
}

/* What the kernel could not give as a record: the library looks itself */
static void take_control(struct ktls_stream *s, int res)
{
	int rc = ktls_conn_control(s->conn);

	s->flush = true;
	if (rc > 0 || rc == -EAGAIN || rc == -EINTR) {
		/* it will come, or else it is what it was */
		if (++s->odd > ODD_MAX)
			end(s, res ? res : -KTLS_E_TRUNCATED);
		return;
	}
	end(s, rc);
}

static void take_failure(struct ktls_stream *s, int res)
{
	switch (-res) {
	case ECANCELED:		/* paused */
	case ENOBUFS:		/* given back by now */
	case EINTR:
		return;
	case EIO:
	case EINVAL:
	case EBADMSG:
	case EMSGSIZE:
	case EKEYEXPIRED:
		take_control(s, res);
		return;
	default:
		end(s, res);
	}
}

/* The type, only if it is certainly there and the record whole */
static uint8_t type_of(struct io_uring_recvmsg_out *out, struct msghdr *msg)
{
	struct cmsghdr *c = io_uring_recvmsg_cmsg_firsthdr(out, msg);
	uint8_t type;

	if (!c || c->cmsg_level != SOL_TLS ||
	    c->cmsg_type != TLS_GET_RECORD_TYPE ||
	    c->cmsg_len != CMSG_LEN(sizeof(uint8_t)))
		return CONTENT_NONE;
	type = *CMSG_DATA(c);
	if (type != CONTENT_DATA &&
	    (out->flags & MSG_CTRUNC || !(out->flags & MSG_EOR)))
		return CONTENT_NONE;
	return type;
}

static void take(struct ktls_stream *s, int res, void *buf)
{
	struct msghdr *msg = &s->u->rx_msg;
	struct io_uring_recvmsg_out *out;
	size_t len;

	if (res < 0) {
		take_failure(s, res);
		return;
	}
	out = buf ? io_uring_recvmsg_validate(buf, res, msg) : NULL;
	if (!out) {
		take_control(s, 0);	/* the end of the stream */
		return;
	}
	len = io_uring_recvmsg_payload_length(out, res, msg);
	if (!len && !out->controllen)
		take_control(s, 0);
	else
		take_record(s, type_of(out, msg),
			    io_uring_recvmsg_payload(out, msg), len);
}

/* ---- what came while paused --------------------------------------------- */

static void hold(struct ktls_stream *s, int res, const void *buf)
{
	size_t len = res > 0 && buf ? (size_t)res : 0;
	struct held *h;

	if (res == -ECANCELED || res == -ENOBUFS)
		return;
	h = malloc(sizeof(*h) + len);
	if (!h) {
		end(s, -ENOMEM);
		return;
	}
	*h = (struct held){ .res = res, .len = len };
	if (len)
		memcpy(h->buf, buf, len);
	*s->held_last = h;
	s->held_last = &h->next;
}

static struct held *held_pop(struct ktls_stream *s)
{
	struct held *h = s->held;

	s->held = h->next;
	if (!s->held)
		s->held_last = &s->held;
	return h;
}

static void held_free(struct held *h)
{
	explicit_bzero(h->buf, h->len);
	free(h);
}

static void take_held(struct ktls_stream *s)
{
	while (s->held && !s->paused && !s->ended && !s->freed) {
		struct held *h = held_pop(s);

		take(s, h->res, h->len ? h->buf : NULL);
		held_free(h);
	}
}

void rx_forget(struct ktls_stream *s)
{
	while (s->held)
		held_free(held_pop(s));
}

static void arm_kernel(struct ktls_stream *s)
{
	struct io_uring_sqe *sqe = stream_sqe(s);

	if (!sqe)
		return;
	io_uring_prep_recvmsg_multishot(sqe, s->fd, &s->u->rx_msg, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = s->u->group;
	stream_put(s, sqe, OP_RX);
}

/* ---- our own records ----------------------------------------------------- */

static void take_user(struct ktls_stream *s)
{
	uint8_t *buf = s->u->scratch;

	s->flush = true;
	while (!s->paused && !s->ended && !s->freed) {
		ssize_t n = ktls_recv(s->conn, buf, RECORD_DATA, 0);

		if (n > 0) {
			s->ops.data(s, buf, (size_t)n);
		} else if (n == -EINTR) {
			if (s->ops.event)
				s->ops.event(s, ktls_conn_events(s->conn));
		} else {
			verdict(s, (int)n);
			return;
		}
	}
}

static void arm_user(struct ktls_stream *s)
{
	size_t len;
	void *p = ktls_conn_in(s->conn, &len);
	struct io_uring_sqe *sqe = p ? stream_sqe(s) : NULL;

	if (!sqe)
		return;
	io_uring_prep_recv(sqe, s->fd, p, len, 0);
	stream_put(s, sqe, OP_RX);
}

static void user_done(struct ktls_stream *s, int res)
{
	int err = ktls_conn_received(s->conn, res);

	if (res == -ECANCELED || res == -EINTR)
		return;
	if (res < 0 || err)
		end(s, res < 0 ? res : err);
}

/* ---- after a failure ----------------------------------------------------- */

/* False: plain bytes can be read, be they of no connection or of ours */
static bool kernel_rx(const struct ktls_stream *s)
{
	return s->conn && ktls_conn_kernel(s->conn) & KTLS_RX;
}

/*
 * Unread data would make a reset of our close, which may overtake the alert.
 * What the kernel does not decrypt it does not give away either: there it is
 * the peer's close that is waited for.
 */
static void discard_step(struct ktls_stream *s)
{
	struct io_uring_sqe *sqe;

	if (!s->shut || s->closed || stream_busy(s, OP_RX))
		return;
	sqe = stream_sqe(s);
	if (!sqe)
		return;
	if (kernel_rx(s))
		io_uring_prep_poll_add(sqe, s->fd, POLLRDHUP);
	else
		io_uring_prep_recv(sqe, s->fd, s->u->waste,
				   sizeof(s->u->waste), 0);
	stream_put(s, sqe, OP_RX);
	s->discarding = true;
}

static void discard_done(struct ktls_stream *s, int res)
{
	bool more = res > 0 && !kernel_rx(s);

	if (more || res == -EINTR || s->closed)
		return;
	s->closed = true;
	if (s->ops.closed)
		s->ops.closed(s, s->error);
}

/* ---- all of them --------------------------------------------------------- */

void rx_step(struct ktls_stream *s)
{
	bool kernel;

	if (s->error)
		discard_step(s);
	if (s->error || s->ended)
		return;
	if (s->paused) {
		stream_cancel(s, OP_RX, OP_CANCEL_RX);
		return;
	}
	kernel = ktls_conn_kernel(s->conn) & KTLS_RX;
	if (kernel)
		take_held(s);
	else if (!stream_busy(s, OP_RX))
		take_user(s);
	if (s->paused || s->ended || s->freed || stream_busy(s, OP_RX))
		return;
	if (kernel)
		arm_kernel(s);
	else
		arm_user(s);
}

static void conn_done(struct ktls_stream *s, int res, void *buf)
{
	if (s->ended)
		return;
	if (!(ktls_conn_kernel(s->conn) & KTLS_RX))
		user_done(s, res);
	else if (s->paused || s->held)
		hold(s, res, buf);
	else
		take(s, res, buf);
}

void rx_done(struct ktls_stream *s, const struct io_uring_cqe *cqe)
{
	struct ktls_uring *u = s->u;
	bool buffer = cqe->flags & IORING_CQE_F_BUFFER;
	unsigned int id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	void *buf = buffer ? u->buf + id * uring_buffer_size() : NULL;

	if (s->freed)
		;		/* nobody is there */
	else if (s->discarding)
		discard_done(s, cqe->res);
	else if (s->hs)
		hs_rx_done(s, cqe->res);
	else
		conn_done(s, cqe->res, buf);
	if (buffer)
		uring_give_back(u, id);
}
