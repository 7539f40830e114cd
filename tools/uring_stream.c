// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>

#include "engine_uring.h"
#include "server.h"

/* Of stream_ask(); what waits for the answer is in st->asking */
enum asking { IDLE, ASKED, ASK_FAILED };

static struct stream *stream_of(struct ktls_stream *s)
{
	return ktls_stream_arg(s);
}

/* A failure of the protocol, not of the socket, nor an end */
static bool breaks(int err)
{
	return err <= -KTLS_E_DECODE && err != -KTLS_E_TRUNCATED;
}

/* ---- what the library tells -------------------------------------------- */

static void tell_ready(struct ktls_stream *s, int err)
{
	struct stream *st = stream_of(s);

	st->broken = err;
	if (!err)
		st->hs = NULL;
	st->conn = ktls_stream_conn(s);
	client_ready(st, err);
}

static void tell_data(struct ktls_stream *s, const void *buf, size_t len)
{
	client_data(stream_of(s), buf, len);
}

static void tell_event(struct ktls_stream *s, unsigned int events)
{
	struct stream *st = stream_of(s);

	if (st->asking != ASKED || events & KTLS_EV_UNANSWERED)
		return;
	st->asking = IDLE;
	client_answered(st, 0);
}

static void tell_end(struct ktls_stream *s, int err)
{
	struct stream *st = stream_of(s);

	st->broken = breaks(err);
	client_end(st, err);
}

/* After a failure it comes when the peer is at its end, too */
static void tell_closed(struct ktls_stream *s, int err)
{
	struct stream *st = stream_of(s);

	if (st->broken)
		client_end(st, 0);
	else
		client_closed(st, err);
}

static void tell_freed(void *arg)
{
	struct stream *st = arg;

	list_move_tail(&st->ready, &st->server->dead);
}

static void tell_sent(struct ktls_stream *s, struct ktls_job *job, int err)
{
	struct stream *st = stream_of(s);

	if (!st->freed)
		client_sent(st, job, err);
}

/* ---- what the client has to say ---------------------------------------- */

int uring_stream_open(struct stream *st)
{
	static const struct ktls_stream_ops ops = {
		.ready = tell_ready,
		.data = tell_data,
		.event = tell_event,
		.end = tell_end,
		.closed = tell_closed,
		.freed = tell_freed,
	};

	return ktls_stream_new(&st->uring, uring_library(st->server), st->hs,
			       st->fd, -1, &ops, st);
}

void uring_stream_send(struct stream *st, struct ktls_job *job)
{
	job->done = tell_sent;
	ktls_stream_send(st->uring, job);
}

void uring_stream_pause(struct stream *st, bool on)
{
	if (on)
		ktls_stream_pause(st->uring);
	else
		ktls_stream_resume(st->uring);
}

static int ask(struct ktls_stream *s, struct ktls_job *job)
{
	(void)job;
	return ktls_conn_request_auth(ktls_stream_conn(s));
}

static void asked(struct ktls_stream *s, struct ktls_job *job, int err)
{
	struct stream *st = stream_of(s);

	free(job);
	if (err && !st->freed) {
		st->asking = IDLE;
		client_answered(st, err);
	}
}

void uring_stream_ask(struct stream *st)
{
	struct ktls_job *job = calloc(1, sizeof(*job));

	if (!job) {
		st->asking = ASK_FAILED;
		list_move_tail(&st->ready, &st->server->ready);
		return;
	}
	st->asking = ASKED;
	job->file = -1;
	job->call = ask;
	job->done = asked;
	ktls_stream_send(st->uring, job);
}

void uring_stream_run(struct stream *st)
{
	if (st->asking != ASK_FAILED)
		return;
	st->asking = IDLE;
	client_answered(st, -ENOMEM);
}

void uring_stream_close(struct stream *st)
{
	ktls_stream_close(st->uring);
}

void uring_stream_free(struct stream *st)
{
	list_del(&st->ready);
	ktls_stream_free(st->uring);
	st->uring = NULL;
	st->hs = NULL;
	st->conn = NULL;
}
