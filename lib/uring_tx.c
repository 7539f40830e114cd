// SPDX-License-Identifier: MIT
/* Sending on a ring, one owner of the direction, and closing it */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "uring.h"

/* Of one request */
#define SEND_MAX	(1u << 30)

/* ---- jobs ---------------------------------------------------------------- */

void ktls_stream_send_size(struct ktls_stream *s, struct ktls_job *job,
			   size_t size)
{
	job->size = size;
	job->next = NULL;
	*s->last = job;
	s->last = &job->next;
	stream_ready(s);
}

bool ktls_stream_sending(const struct ktls_stream *s)
{
	return s->job;
}

void job_done(struct ktls_stream *s, int err)
{
	struct ktls_job *job = s->job;

	s->job = job->next;
	if (!s->job)
		s->last = &s->job;
	s->fetched = s->in_memory = 0;
	job->done(s, job, err);
}

/* Those that are there now: what is called may add others, for the next turn */
void tx_cancel(struct ktls_stream *s, int err)
{
	struct ktls_job **end = s->last;

	/* memory that is being sent is not given back yet, nor is a file */
	while (s->job && !stream_has_job(s)) {
		bool last = &s->job->next == end;

		job_done(s, err);
		if (last)
			return;
	}
}

static void job_sent(struct ktls_stream *s, size_t n)
{
	struct ktls_job *job = s->job;

	job->sent += n;
	if (job->sent == job->len)
		job_done(s, 0);
}

static size_t job_left(const struct ktls_job *job)
{
	uint64_t left = job->len - job->sent;

	return left < SEND_MAX ? (size_t)left : SEND_MAX;
}

/* ---- requests ------------------------------------------------------------ */

static void wait_out(struct ktls_stream *s)
{
	struct io_uring_sqe *sqe = stream_sqe(s);

	if (!sqe)
		return;
	io_uring_prep_poll_add(sqe, s->fd, POLLOUT);
	s->tx = TX_POLL;
	stream_put(s, sqe, OP_TX);
}

bool tx_send(struct ktls_stream *s, enum tx tx, const void *p, size_t len,
	     int flags)
{
	struct io_uring_sqe *sqe = stream_sqe(s);

	if (!sqe)
		return false;
	io_uring_prep_send(sqe, s->fd, p, len, flags | MSG_NOSIGNAL);
	s->tx = (uint8_t)tx;
	stream_put(s, sqe, OP_TX);
	return true;
}

/* ---- for a file ---------------------------------------------------------- */

/* A request to receive that is not in the ring yet would not wait either */
static bool rx_unsubmitted(const struct ktls_stream *s)
{
	struct io_uring *ring = s->u->ring;

	return stream_busy(s, OP_RX) &&
	       (int)(s->rx_at - io_uring_smp_load_acquire(ring->sq.khead)) > 0;
}

/*
 * sendfile(2) is the one way without a copy that does not go to a thread, and
 * waits on a blocking socket; what the ring has already does not mind.
 */
static bool set_nonblock(struct ktls_stream *s, bool on)
{
	int value = on;

	if (s->nonblock == on)
		return true;
	if (on && rx_unsubmitted(s))
		io_uring_submit(s->u->ring);
	if (on && rx_unsubmitted(s))
		return false;
	if (!ioctl(s->fd, FIONBIO, &value))
		s->nonblock = on;
	return s->nonblock == on;
}

void tx_blocking(struct ktls_stream *s)
{
	(void)set_nonblock(s, false);
}

/* ---- one step ------------------------------------------------------------ */

static bool in_kernel(const struct ktls_stream *s)
{
	return ktls_conn_kernel(s->conn) & KTLS_TX;
}

static bool push_user(struct ktls_stream *s)
{
	size_t len;
	const void *p = ktls_conn_out(s->conn, &len);

	return p && tx_send(s, TX_OUT, p, len, 0);
}

/* -EAGAIN: of the socket, or of what is sealed for it; as sent() */
static bool full(struct ktls_stream *s)
{
	if (!in_kernel(s))
		return push_user(s);
	wait_out(s);
	return false;
}

/* What came of it: true to go on at once */
static bool sent(struct ktls_stream *s, ssize_t n)
{
	if (n == -EAGAIN)
		return full(s);
	if (n >= 0)
		job_sent(s, (size_t)n);
	else if (n != -EINTR)
		job_done(s, (int)n);
	return true;
}

static bool send_raw(struct ktls_stream *s)
{
	struct ktls_job *job = s->job;
	size_t len = job_left(job);
	int err = ktls_conn_raw_begin(s->conn, &len);

	if (err)
		return sent(s, err);
	tx_send(s, TX_RAW, (const uint8_t *)job->buf + job->sent, len,
		job->more ? MSG_MORE : 0);
	return false;
}

static ssize_t seal(struct ktls_stream *s)
{
	struct ktls_job *job = s->job;

	return ktls_send(s->conn, (const uint8_t *)job->buf + job->sent,
			 job_left(job), job->more ? MSG_MORE : 0);
}

static ssize_t send_file(struct ktls_stream *s, size_t len, size_t *turn)
{
	struct ktls_job *job = s->job;
	ssize_t n = ktls_sendfile(s->conn, job->file, &job->offset, len);

	if (!n && len)
		return -ENODATA;
	*turn -= n > 0 ? (size_t)n : 0;
	return n;
}

static bool step_file(struct ktls_stream *s, bool kernel, size_t *turn)
{
	size_t len = job_left(s->job);
	ssize_t n;

	if (len > *turn)
		len = *turn;
	/* meanwhile what is sealed goes out */
	if (len && !file_ready(s, &len))
		return !kernel && push_user(s);
	if (!len || (kernel && !set_nonblock(s, true))) {
		stream_ready(s);
		return false;
	}
	n = send_file(s, len, turn);
	return sent(s, n);
}

/* A message: if the socket does not take it whole, it is not left there */
static bool step_call(struct ktls_stream *s)
{
	int err = s->job->call(s, s->job);

	if (err == -EAGAIN)
		return full(s);
	s->flush = true;
	job_done(s, err);
	return true;
}

static bool step_job(struct ktls_stream *s, bool kernel, size_t *turn)
{
	struct ktls_job *job = s->job;

	if (job->call)
		return step_call(s);
	if (job->sent == job->len) {
		job_done(s, 0);
		return true;
	}
	if (job->file >= 0)
		return step_file(s, kernel, turn);
	if (kernel)
		return send_raw(s);
	return sent(s, seal(s));
}

/* Messages of the library's, which no data follows to push them */
static bool flush(struct ktls_stream *s)
{
	int err = ktls_flush(s->conn);

	if (err == -EAGAIN)
		return full(s);
	s->flush = err == -EINTR;
	return true;
}

/*
 * Nor does anything come of a peer who waits for what is not sent.  One who is
 * gone may have said why, and then that is the end.
 */
static void tx_failed(struct ktls_stream *s, int err)
{
	if (err != -EPIPE && err != -ECONNRESET)
		rx_end(s, err);
}

static bool rekey(struct ktls_stream *s)
{
	int err = ktls_conn_rekey(s->conn, s->rekey);

	if (err == -EAGAIN)
		return full(s);
	if (err == -EINTR)
		return true;
	s->rekeying = false;
	s->rekey = 0;
	/* where keys cannot be changed, this one serves on */
	if (err && err != -KTLS_E_NO_REKEY)
		tx_failed(s, err);
	return true;
}

/* ---- closing ------------------------------------------------------------- */

static void tell_closed(struct ktls_stream *s, int err)
{
	s->shut = true;
	/* after a failure the peer's end is waited for */
	if (s->error)
		stream_ready(s);
	if (s->error || s->closed)
		return;
	s->closed = true;
	if (s->ops.closed)
		s->ops.closed(s, err);
}

/* Of a socket without a connection, or with one that sends no more */
static void put_shutdown(struct ktls_stream *s)
{
	struct io_uring_sqe *sqe = stream_sqe(s);

	if (!sqe)
		return;
	io_uring_prep_shutdown(sqe, s->fd, SHUT_WR);
	stream_put(s, sqe, OP_SHUTDOWN);
}

static void close_step(struct ktls_stream *s)
{
	int err;

	if (s->shut || stream_busy(s, OP_SHUTDOWN))
		return;
	if (!s->conn || s->tx_error) {
		put_shutdown(s);
		return;
	}
	err = ktls_conn_shutdown(s->conn);
	if (err == -EINTR)
		stream_ready(s);
	else if (err != -EAGAIN)
		tell_closed(s, err);
	else
		full(s);
}

void tx_shutdown_done(struct ktls_stream *s, int res)
{
	if (s->freed)
		return;
	if (res == -ENOTCONN)
		res = 0;
	tell_closed(s, s->tx_error ? s->tx_error : res);
}

void ktls_stream_close(struct ktls_stream *s)
{
	s->closing = true;
	stream_ready(s);
}

void ktls_stream_rekey(struct ktls_stream *s, unsigned int flags)
{
	s->rekey |= flags;
	s->rekeying = true;
	stream_ready(s);
}

/* ---- what comes next ------------------------------------------------------ */

static void conn_step(struct ktls_stream *s)
{
	size_t turn = s->u->turn_bytes;
	bool kernel = in_kernel(s), more = true;

	if (s->error || s->tx_error)
		tx_cancel(s, s->error ? s->error : s->tx_error);
	if (s->tx_error)
		return;
	while (more && !stream_busy(s, OP_TX) && !s->freed) {
		if (s->flush)
			more = flush(s);
		else if (s->rekeying)
			more = rekey(s);
		else if (s->job)
			more = step_job(s, kernel, &turn);
		else
			more = !kernel && push_user(s);
	}
	s->in_memory = 0;	/* until the next turn it may leave */
}

void tx_step(struct ktls_stream *s)
{
	if (s->conn)
		conn_step(s);
	else if (s->error)
		tx_cancel(s, s->error);
	if (s->closing && !s->job && !stream_busy(s, OP_TX) && !s->freed &&
	    (s->conn || s->error))
		close_step(s);
}

/* The kernel's TLS takes data also for a peer that is gone */
static bool gone(const struct ktls_stream *s)
{
	struct pollfd p = { .fd = s->fd };

	return poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

static void raw_done(struct ktls_stream *s, int res)
{
	int err;

	if (res == -EINTR || res == -ECANCELED)
		return;
	if (res >= 0 && (size_t)res < job_left(s->job) && gone(s))
		res = -EPIPE;
	err = res == -EAGAIN ? res : ktls_conn_raw_end(s->conn, res);
	sent(s, err ? err : res);
}

static void out_done(struct ktls_stream *s, int res)
{
	if (res == -EINTR || res == -EAGAIN || res == -ECANCELED)
		res = 0;
	if (res >= 0) {
		ktls_conn_sent(s->conn, (size_t)res);
		return;
	}
	/* what was sealed was somebody's: nothing is sent any more */
	s->tx_error = res;
	tx_failed(s, res);
}

void tx_done(struct ktls_stream *s, int res)
{
	if (s->freed)
		return;
	switch ((enum tx)s->tx) {
	case TX_HS:
		hs_tx_done(s, res);
		return;
	case TX_POLL:
		return;
	case TX_RAW:
		raw_done(s, res);
		return;
	case TX_OUT:
		out_done(s, res);
		return;
	}
}
