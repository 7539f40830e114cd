// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two streams on a ring that is none: what they ask for is done when an input
 * says so, in any order, in part, or not at all, and completed with that or with
 * a failure.  An input is a byte, the way and what the streams are, and then what
 * happens (struct edit).
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/tls.h>

#include "../../lib/conn.h"
#include "../harness.h"
#include "../uring_lib.h"
#include "fuzz_way.h"

#define ENTRIES		8
#define BUFFERS		4	/* to receive into */
#define REQUESTS_MAX	32
/* Behind the lengths, before a record */
#define CONTROL		CMSG_SPACE(sizeof(uint8_t))
#define JOBS_MAX	32

enum { HANDSHAKES, HANDSHAKES_TOO, CONNECTIONS, KERNEL };

struct request {
	struct io_uring_sqe sqe;
	bool waits;		/* for the one before: they are linked */
};

struct machine {
	struct io_uring ring;
	struct io_uring_sqe sqe[ENTRIES];
	unsigned int head;	/* of the submissions: the kernel's */
	struct io_uring_buf_ring *buffers;
	uint16_t buffer;	/* the next of them */
	bool full;		/* it takes no submission */
	struct request at[REQUESTS_MAX];
	size_t n;
	struct ktls_uring *u;
	struct uring_end end[2];
	uint64_t sent[2];
	unsigned int jobs[2];
	bool honest;		/* all was done that was asked for */
	bool closing[2], freeing[2];
};

static struct machine *here;

/* ---- submissions ------------------------------------------------------- */

int __wrap_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_register_buf_ring(struct io_uring *ring,
				      struct io_uring_buf_reg *reg,
				      unsigned int flags);
int __wrap_io_uring_unregister_buf_ring(struct io_uring *ring, int group);

int __wrap_io_uring_submit(struct io_uring *ring)
{
	struct machine *m = here;
	bool linked = false;

	if (m->full)
		return -EBUSY;
	for (; m->head != ring->sq.sqe_tail; m->head++) {
		ASSERT_LT(m->n, REQUESTS_MAX);
		m->at[m->n] = (struct request){ m->sqe[m->head % ENTRIES],
						linked };
		linked = m->at[m->n++].sqe.flags & IOSQE_IO_LINK;
	}
	return 0;
}

int __wrap_io_uring_register_buf_ring(struct io_uring *ring,
				      struct io_uring_buf_reg *reg,
				      unsigned int flags)
{
	(void)ring;
	(void)flags;
	here->buffers = (void *)(uintptr_t)reg->ring_addr;
	return 0;
}

int __wrap_io_uring_unregister_buf_ring(struct io_uring *ring, int group)
{
	(void)ring;
	(void)group;
	return 0;
}

/* ---- completions ------------------------------------------------------- */

/* Request @i is over, unless @flags say that more will come of it */
static void complete(struct machine *m, size_t i, int res, uint32_t flags)
{
	const struct io_uring_cqe cqe = {
		.user_data = m->at[i].sqe.user_data, .res = res,
		.flags = flags,
	};
	bool linked = i + 1 < m->n && m->at[i + 1].waits;

	if (!(flags & IORING_CQE_F_MORE)) {
		m->n--;
		memmove(&m->at[i], &m->at[i + 1],
			(m->n - i) * sizeof(*m->at));
		if (linked && res >= 0)
			m->at[i].waits = false;
	}
	ktls_uring_complete(m->u, &cqe);
	if (linked && res < 0)
		complete(m, i, -ECANCELED, 0);
}

static size_t find(const struct machine *m, uint64_t user_data)
{
	size_t i = 0;

	while (i < m->n && m->at[i].sqe.user_data != user_data)
		i++;
	return i;
}

static void cancel(struct machine *m, size_t i)
{
	uint64_t whom = m->at[i].sqe.addr;
	bool there = find(m, whom) < m->n;

	complete(m, i, there ? 0 : -ENOENT, 0);
	i = find(m, whom);
	if (i < m->n && there)
		complete(m, i, -ECANCELED, 0);
}

/* A record of the kernel's: false, there is no buffer or no such request */
static bool give(struct machine *m, size_t i, int type, const void *p,
		 size_t len)
{
	struct io_uring_buf *b = &m->buffers->bufs[m->buffer % BUFFERS];
	struct io_uring_recvmsg_out *out;
	struct cmsghdr *c;

	if (m->buffer == m->buffers->tail) {
		complete(m, i, -ENOBUFS, 0);
		return false;
	}
	m->buffer++;
	out = (void *)(uintptr_t)b->addr;
	c = (void *)(out + 1);
	*out = (struct io_uring_recvmsg_out){
		.payloadlen = (uint32_t)len, .flags = MSG_EOR,
		.controllen = type < 0 ? 0 : CONTROL,
	};
	*c = (struct cmsghdr){ .cmsg_level = SOL_TLS,
		.cmsg_type = TLS_GET_RECORD_TYPE,
		.cmsg_len = CMSG_LEN(sizeof(uint8_t)) };
	*CMSG_DATA(c) = (uint8_t)type;
	memcpy((uint8_t *)c + CONTROL, p, len);
	complete(m, i, (int)(sizeof(*out) + CONTROL + len),
		 IORING_CQE_F_BUFFER |
		 (uint32_t)b->bid << IORING_CQE_BUFFER_SHIFT |
		 (len ? IORING_CQE_F_MORE : 0));
	return true;
}

static bool receive(struct machine *m, size_t i)
{
	uint8_t buf[RECORD_PLAIN_MAX];
	ssize_t n = recv(m->at[i].sqe.fd, buf, sizeof(buf), MSG_DONTWAIT);

	return n >= 0 && give(m, i, n ? CT_DATA : -1, buf, (size_t)n);
}

static ssize_t poll_once(const struct io_uring_sqe *sqe)
{
	struct pollfd p = { .fd = sqe->fd, .events = (short)sqe->poll32_events };

	return poll(&p, 1, 0) > 0 ? p.revents : -EAGAIN;
}

/* Do it, with @max bytes at most: false, not now */
static bool perform(struct machine *m, size_t i, size_t max)
{
	const struct io_uring_sqe *sqe = &m->at[i].sqe;
	void *p = (void *)(uintptr_t)sqe->addr;
	size_t len = sqe->len < max ? sqe->len : max;
	ssize_t n;

	errno = 0;
	switch (sqe->opcode) {
	case IORING_OP_RECV:
		n = recv(sqe->fd, p, len, MSG_DONTWAIT);
		break;
	case IORING_OP_SEND:
		n = send(sqe->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case IORING_OP_SENDMSG:
		n = sendmsg(sqe->fd, p, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case IORING_OP_READV:
		n = preadv(sqe->fd, p, (int)sqe->len, (off_t)sqe->off);
		break;
	case IORING_OP_SHUTDOWN:
		n = shutdown(sqe->fd, (int)sqe->len);
		break;
	case IORING_OP_POLL_ADD:
		n = poll_once(sqe);
		break;
	case IORING_OP_RECVMSG:
		return receive(m, i);
	case IORING_OP_ASYNC_CANCEL:
		cancel(m, i);
		return true;
	default:
		ASSERT_TRUE(false);
		return false;
	}
	if (n == -EAGAIN || (n < 0 && errno == EAGAIN))
		return false;
	complete(m, i, n < 0 ? -errno : (int)n, 0);
	return true;
}

/* Each that can be, once; true: something moved */
static bool perform_all(struct machine *m)
{
	bool moved = false;

	__wrap_io_uring_submit(&m->ring);
	for (size_t i = m->n; i-- > 0; )
		if (i < m->n && !m->at[i].waits)
			moved |= perform(m, i, SIZE_MAX);
	return moved | ktls_uring_turn(m->u);
}

/* Until nothing moves any more */
static void settle(struct machine *m)
{
	int turns = 0;

	m->full = false;
	while (perform_all(m) || m->head != m->ring.sq.sqe_tail)
		ASSERT_LT(turns++, 20000);
}

/* ---- what happens ------------------------------------------------------ */

/* A request that does not wait for another: false, it is none such */
static bool choose(struct machine *m, const struct edit *e, size_t *i)
{
	__wrap_io_uring_submit(&m->ring);
	*i = m->n ? e->at % m->n : 0;
	return m->n && !m->at[*i].waits;
}

static void request(struct machine *m, enum end end, const struct edit *e)
{
	size_t max = e->data.len && e->data.p[0] ? e->data.p[0] : SIZE_MAX;
	size_t i;

	(void)end;
	if (choose(m, e, &i))
		perform(m, i, max);
}

static void failure(struct machine *m, enum end end, const struct edit *e)
{
	static const int errors[] = {
		EIO, EINTR, EAGAIN, ECANCELED, ENOBUFS, EPIPE, ECONNRESET,
		ENOMEM, EINVAL, EBADMSG, EMSGSIZE, ETIMEDOUT, ENOTCONN,
	};
	size_t i;

	(void)end;
	if (!choose(m, e, &i) || m->at[i].sqe.opcode == IORING_OP_ASYNC_CANCEL)
		return;
	m->honest = false;
	complete(m, i, -errors[(e->data.len ? e->data.p[0] : 0u) %
			       (sizeof(errors) / sizeof(*errors))], 0);
}

static void job(struct machine *m, enum end end, const struct edit *e)
{
	size_t len = e->at;

	if (m->closing[end] || m->jobs[end]++ >= JOBS_MAX)
		return;
	if (e->data.len & 1)
		uring_send_file(&m->end[end], 0, m->sent[end], len, len);
	else
		uring_send(&m->end[end], 0, m->sent[end], len,
			   e->data.len & 2);
	m->sent[end] += len;
}

static void hold(struct machine *m, enum end end, const struct edit *e)
{
	(e->at & 1 ? ktls_stream_resume : ktls_stream_pause)(m->end[end].s);
}

static void rekey(struct machine *m, enum end end, const struct edit *e)
{
	if (m->end[end].ready && !m->closing[end])
		ktls_stream_rekey(m->end[end].s, e->at & KTLS_REKEY_BOTH);
}

static void tickets(struct machine *m, enum end end, const struct edit *e)
{
	struct ktls_conn *conn = ktls_stream_conn(m->end[end].s);

	if (conn && !m->closing[end])
		(void)!ktls_conn_send_tickets(conn, 1 + e->at % 2u);
	ktls_stream_go(m->end[end].s);
}

static void leave(struct machine *m, enum end end, const struct edit *e)
{
	(void)e;
	if (!m->closing[end])
		ktls_stream_close(m->end[end].s);
	m->closing[end] = true;
	m->honest = false;
}

static void drop(struct machine *m, enum end end, const struct edit *e)
{
	(void)e;
	m->freeing[end] = true;
	m->honest = false;
	ktls_stream_free(m->end[end].s);
}

static void turn(struct machine *m, enum end end, const struct edit *e)
{
	(void)end;
	if (e->at & 1)
		perform_all(m);
	else
		ktls_uring_turn(m->u);
}

static void no_room(struct machine *m, enum end end, const struct edit *e)
{
	(void)end;
	m->full = !(e->at & 1);
}

/* Of any type, or of none */
static void record(struct machine *m, enum end end, const struct edit *e)
{
	__wrap_io_uring_submit(&m->ring);
	for (size_t i = 0; i < m->n; i++) {
		const struct io_uring_sqe *sqe = &m->at[i].sqe;

		if (sqe->opcode != IORING_OP_RECVMSG ||
		    sqe->fd != m->end[end].fd)
			continue;
		m->honest = false;
		give(m, i, e->at < 1 << 15 ? e->at % 256 : -1, e->data.p,
		     e->data.len);
		return;
	}
}

static void (*const events[])(struct machine *m, enum end end,
			      const struct edit *e) = {
	request, request, failure, job, job, hold, rekey, tickets, leave,
	drop, turn, no_room, record,
};

#define EVENTS	(sizeof(events) / sizeof(*events))

/* ---- from beginning to end --------------------------------------------- */

static void make_ring(struct machine *m)
{
	const struct ktls_uring_opts opts = {
		.size = sizeof(opts), .buffers = BUFFERS, .turn_bytes = 20000,
	};

	m->ring.sq.khead = &m->head;
	m->ring.sq.sqes = m->sqe;
	m->ring.sq.ring_mask = ENTRIES - 1;
	m->ring.sq.ring_entries = ENTRIES;
	ASSERT_OK(ktls_uring_new(&m->u, &m->ring, &opts));
}

/* As if the kernel had it: nobody encrypts */
static void give_to_kernel(struct ktls_conn *conn)
{
	user_tx_free(conn->utx);
	user_rx_free(conn->urx);
	conn->utx = NULL;
	conn->urx = NULL;
}

static void make_streams(struct machine *m, struct mitm *two, unsigned int how)
{
	struct joined j = { 0 };

	if (how < CONNECTIONS) {
		ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				     j.fd));
	} else {
		mitm_run(two, NULL, NULL);
		mitm_join(two, &j);
	}
	for (int i = 0; i < 2; i++) {
		struct uring_end *e = &m->end[i];

		e->fd = j.fd[i];
		e->ignore = how == KERNEL;
		e->ready = how >= CONNECTIONS;
		if (how == KERNEL)
			give_to_kernel(j.conn[i]);
		if (how >= CONNECTIONS)
			ASSERT_OK(ktls_stream_adopt(&e->s, m->u, j.conn[i],
						    -1, &uring_end_ops, e));
		else
			ASSERT_OK(ktls_stream_new(&e->s, m->u, two->hs[i],
						  e->fd, -1, &uring_end_ops,
						  e));
		two->hs[i] = NULL;
	}
}

static void finish(struct machine *m, bool kernel)
{
	for (int i = 0; i < 2; i++)
		if (!m->freeing[i])
			ktls_stream_resume(m->end[i].s);
	settle(m);
	for (int i = 0; i < 2 && m->honest && !kernel; i++) {
		ASSERT_TRUE(m->end[i].ready);
		ASSERT_OK(m->end[i].ready_err);
		ASSERT_OK(m->end[i].first_err);
		ASSERT_EQ(m->end[i].got, m->sent[1 - i]);
	}
	for (int i = 0; i < 2; i++)
		if (!m->freeing[i])
			leave(m, (enum end)i, NULL);
	settle(m);
	for (int i = 0; i < 2; i++)
		if (!m->freeing[i])
			drop(m, (enum end)i, NULL);
	settle(m);
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(m->end[i].freed);
		close(m->end[i].fd);
	}
	ASSERT_EQ(m->n, 0);
	ktls_uring_free(m->u);
}

void fuzz_uring(const uint8_t *p, size_t len)
{
	struct input in = { p, p + len };
	unsigned int first = in_uint(&in, 1), how = first >> 5 & 3;
	struct machine m = { .honest = true };

	here = &m;
	make_ring(&m);
	make_streams(&m, way_begin(first % WAYS_MAX % ways_count()), how);
	for (int i = 0; in_more(&in) && i < EDITS_MAX; i++) {
		struct edit e;
		enum end end;

		edit_read(&in, &e);
		end = e.where >> 7 ? SERVER_END : CLIENT_END;
		if (!m.freeing[end])
			events[e.op % EVENTS](&m, end, &e);
	}
	finish(&m, how == KERNEL);
}

/* ---- seeds: each event, at the beginning and when all is ready ---------- */

void seed_uring(void)
{
	for (uint8_t first = 0; first < 4 * WAYS_MAX; first++) {
		const struct edit some[] = {
			{ .where = 0x80, .op = 3, .at = 40000 },
			{ .op = first % EVENTS, .at = 1 },
			{ .op = 10, .at = 1 }, { .op = 10, .at = 1 },
			{ .op = 3, .at = 30000, .data = slice_str("x") },
			{ .where = 0x80, .op = first / 2 % EVENTS, .at = 2 },
			{ .op = 10, .at = 1 },
			{ .where = 0x80, .op = first / 3 % EVENTS, .at = 0 },
		};
		struct wr w = { 0 };

		wr_u8(&w, first);
		for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
			edit_write(&w, &some[i]);
		seed(w.buf, w.len);
		wr_free(&w);
	}
}
