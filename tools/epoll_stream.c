// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "engine_epoll.h"
#include "server.h"

#define READ_BYTES	4096		/* what a receive counts for there */

/* What a step comes to */
enum next {
	GO,		/* another step */
	WAIT,		/* for the socket, or the client */
	YIELD,		/* there is more to do, and others wait */
};

/* Of stream_ask() */
enum asking { IDLE, TO_ASK, TO_FLUSH, ASKED };

static enum next run_handshake(struct stream *st)
{
	int rc = ktls_hs_run(st->hs, st->fd);

	if (rc > 0)
		return WAIT;
	if (!rc) {
		rc = ktls_offload(&st->conn, st->hs, st->fd);
		/* it has failed now, and has an alert to send */
		if (rc && ktls_hs_run(st->hs, st->fd) > 0)
			return WAIT;
	}
	if (rc)
		st->broken = st->ended = true;
	else
		st->hs = NULL;
	client_ready(st, rc);
	return GO;
}

/* ---- sending ----------------------------------------------------------- */

static void job_done(struct stream *st, int err)
{
	struct ktls_job *job = st->jobs;

	st->jobs = job->next;
	client_sent(st, job, err);
}

static enum next fail_send(struct stream *st, int err)
{
	if (err == -EAGAIN) {
		st->writable = false;
		return GO;
	}
	if (err == -EINTR)
		return GO;
	while (st->jobs && !st->freed)
		job_done(st, err);
	return GO;
}

static ssize_t send_some(struct stream *st, struct ktls_job *job)
{
	uint64_t left = job->len - job->sent;
	ssize_t n;

	if (job->file < 0)
		return ktls_send(st->conn, (const char *)job->buf + job->sent,
				 left, job->more ? MSG_MORE : 0);
	if (left > (uint64_t)st->budget)
		left = (uint64_t)st->budget;
	n = ktls_sendfile(st->conn, job->file, &job->offset, left);
	return n ? n : -ENODATA;	/* it has become shorter */
}

static enum next run_job(struct stream *st)
{
	struct ktls_job *job = st->jobs;
	ssize_t n;

	if (job->sent < job->len) {
		n = send_some(st, job);
		if (n < 0)
			return fail_send(st, (int)n);
		job->sent += (uint64_t)n;
		st->budget -= (int)n;
		if (job->sent < job->len)
			return GO;
	}
	n = job->more ? 0 : ktls_flush(st->conn);
	if (n < 0)
		return fail_send(st, (int)n);
	job_done(st, 0);
	return GO;
}

static enum next run_close(struct stream *st)
{
	int rc;

	st->closing = false;
	if (st->broken) {
		shutdown(st->fd, SHUT_WR);
		return GO;
	}
	rc = ktls_conn_shutdown(st->conn);
	if (rc == -EAGAIN) {
		st->closing = true;
		st->writable = false;
	} else {
		client_closed(st, rc);
	}
	return GO;
}

/* ---- asking for a certificate ------------------------------------------ */

static void answered(struct stream *st, int err)
{
	st->asking = IDLE;
	client_answered(st, err);
}

static void see_answer(struct stream *st)
{
	if (st->asking == ASKED &&
	    !(ktls_conn_events(st->conn) & KTLS_EV_UNANSWERED))
		answered(st, 0);
}

/* Send the request, and then what the socket did not take of it at once */
static enum next run_ask(struct stream *st)
{
	int err = st->asking == TO_ASK ? ktls_conn_request_auth(st->conn) :
					 ktls_flush(st->conn);

	if (err == -EAGAIN)
		st->writable = false;
	else if (err && err != -EINTR)
		answered(st, err);
	else if (!err)
		st->asking = st->asking == TO_ASK ? TO_FLUSH : ASKED;
	return GO;
}

/* ---- receiving --------------------------------------------------------- */

static ssize_t receive(struct stream *st)
{
	struct server *s = st->server;
	ssize_t n;

	if (!st->broken)
		return ktls_recv(st->conn, s->buf, sizeof(s->buf), 0);
	n = recv(st->fd, s->buf, sizeof(s->buf), 0);
	return n < 0 ? -errno : n;
}

static enum next run_receive(struct stream *st)
{
	ssize_t n = receive(st);

	if (n == -EAGAIN) {
		st->readable = false;
		/* an answer may come together with less than a record */
		see_answer(st);
	} else if (n == -EINTR) {
		see_answer(st);
	} else if (n > 0) {
		st->budget -= READ_BYTES;
		client_data(st, st->server->buf, (size_t)n);
	} else {
		st->ended = true;
		/* it has sent an alert, if one is due */
		if (n <= -KTLS_E_DECODE && n != -KTLS_E_TRUNCATED)
			st->broken = true;
		client_end(st, (int)n);
	}
	return GO;
}

/* ---- the steps --------------------------------------------------------- */

static enum next step(struct stream *st)
{
	if (st->budget <= 0)
		return YIELD;
	if (st->hs && !st->broken)
		return run_handshake(st);
	if ((st->asking == TO_ASK || st->asking == TO_FLUSH) && st->writable)
		return run_ask(st);
	if (st->jobs && st->writable)
		return run_job(st);
	if (st->closing && !st->jobs && st->writable)
		return run_close(st);
	if (st->readable && !st->paused && !st->ended)
		return run_receive(st);
	return WAIT;
}

void epoll_stream_run(struct stream *st)
{
	enum next next = GO;

	st->budget = STREAM_TURN;
	st->running = true;
	while (next == GO && !st->freed)
		next = step(st);
	st->running = false;
	if (next == YIELD && !st->freed)
		list_move_tail(&st->ready, &st->server->ready);
}

static void run_events(struct source *source, unsigned int events)
{
	struct stream *st = list_entry(source, struct stream, source);

	/* freed by another one in this turn: it is on the list of those */
	if (st->freed)
		return;
	if (events & ~(unsigned int)EPOLLOUT)
		st->readable = true;
	if (events & ~(unsigned int)(EPOLLIN | EPOLLRDHUP))
		st->writable = true;
	list_del(&st->ready);
	epoll_stream_run(st);
}

/* ---- what the client has to say ---------------------------------------- */

static void wake(struct stream *st)
{
	if (!st->running)
		list_move_tail(&st->ready, &st->server->ready);
}

int epoll_stream_open(struct stream *st)
{
	int err;

	st->source.run = run_events;
	st->readable = st->writable = true;
	err = epoll_watch(st->server, st->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP |
			  EPOLLET, &st->source);
	/* a hello may be here already */
	if (!err)
		wake(st);
	return err;
}

void epoll_stream_send(struct stream *st, struct ktls_job *job)
{
	struct ktls_job **last = &st->jobs;

	while (*last)
		last = &(*last)->next;
	job->next = NULL;
	*last = job;
	wake(st);
}

void epoll_stream_pause(struct stream *st, bool on)
{
	st->paused = on;
	if (!on)
		wake(st);
}

void epoll_stream_ask(struct stream *st)
{
	st->asking = TO_ASK;
	wake(st);
}

void epoll_stream_close(struct stream *st)
{
	st->closing = true;
	/* until the peer's end: what comes is no records any more */
	if (st->broken)
		st->ended = false;
	wake(st);
}

void epoll_stream_free(struct stream *st)
{
	ktls_hs_free(st->hs);
	ktls_conn_free(st->conn);
	st->hs = NULL;
	st->conn = NULL;
	list_move_tail(&st->ready, &st->server->dead);
}
