// SPDX-License-Identifier: MIT
/* A handshake on a ring: what the engine wants, as requests */
#include <errno.h>

#include "uring.h"

static void put_send(struct ktls_stream *s)
{
	size_t len;
	const void *p = ktls_hs_out(s->hs, &len);

	tx_send(s, TX_HS, p, len, 0);
}

/* Exactly so much as the engine asks for: what follows may be the kernel's */
static void put_recv(struct ktls_stream *s)
{
	struct io_uring_sqe *sqe;
	size_t len;
	void *p = ktls_hs_in(s->hs, &len);

	if (!p) {
		stream_ready(s);	/* it has failed */
		return;
	}
	sqe = stream_sqe(s);
	if (!sqe)
		return;
	io_uring_prep_recv(sqe, s->fd, p, len, 0);
	stream_put(s, sqe, OP_RX);
}

static void take(struct ktls_stream *s, int res)
{
	int err = 0;

	/* what fails stays in the handshake, until its alert is out */
	if (res > 0)
		err = ktls_hs_received(s->hs, (size_t)res);
	else if (res != -EINTR && res != -ECANCELED)
		err = ktls_hs_recv_failed(s->hs, res);
	(void)err;
}

static void finish(struct ktls_stream *s)
{
	/* a failure is the handshake's, which may have an alert to send */
	if (ktls_offload(&s->conn, s->hs, s->fd)) {
		stream_ready(s);
		return;
	}
	s->hs = NULL;
	ktls_conn_own_io(s->conn);
	s->flush = true;
	s->ops.ready(s, 0);
}

static void fail(struct ktls_stream *s)
{
	/* nothing is left for a request, but perhaps an alert for the kernel */
	stream_fail(s, ktls_hs_run(s->hs, s->fd));
	s->ended = true;
	/* what comes now is of no interest */
	stream_cancel(s, OP_RX, OP_CANCEL_RX);
	s->ops.ready(s, s->error);
}

static void ask(struct ktls_stream *s, unsigned int wants)
{
	if (s->told == wants)
		return;
	s->told = wants;
	if (s->ops.wants)
		s->ops.wants(s, wants);
}

void hs_step(struct ktls_stream *s)
{
	unsigned int wants;

	if (s->error)
		return;
	if (s->got_some && !stream_busy(s, OP_TX)) {
		s->got_some = false;
		take(s, s->got);
	}
	wants = ktls_hs_wants(s->hs);
	if (wants & KTLS_WANT_SEND && !stream_busy(s, OP_TX))
		put_send(s);
	if (wants & KTLS_WANT_RECV && !stream_busy(s, OP_RX) && !s->got_some)
		put_recv(s);
	/* the answer would move what is being sent */
	if (wants & KTLS_WANT_ANSWER && !stream_busy(s, OP_TX))
		ask(s, wants & KTLS_WANT_ANSWER);
	else if (wants == KTLS_WANT_DONE)
		finish(s);
	else if (wants == KTLS_WANT_FAIL)
		fail(s);
}

/*
 * What is being sent stays where it is only as long as nothing is received:
 * so that waits, but it is on its way, in the same submission.
 */
void hs_rx_done(struct ktls_stream *s, int res)
{
	if (s->error)
		return;
	s->got = res;
	s->got_some = true;
}

void hs_tx_done(struct ktls_stream *s, int res)
{
	if (res >= 0)
		ktls_hs_sent(s->hs, (size_t)res);
	else if (res != -EINTR && res != -ECANCELED)
		ktls_hs_send_failed(s->hs, res);
}
