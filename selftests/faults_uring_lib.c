// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done while something fails: on an io_uring.  A request that is to
 * fail is taken out before the kernel sees it (one that does nothing is in its
 * place), and its completion says so: what it would have done is not done.
 */
#include <string.h>
#include <sys/socket.h>

#include "../lib/include/ktls_uring.h"
#include "faults_run_lib.h"
#include "harness.h"
#include "mode_lib.h"

#define MARK_LEN	(sizeof(FAULT_MARK) - 1)
#define TURNS		harness_ms(100)	/* until it is taken to hang */

struct end {
	struct run *r;
	struct ktls_stream *s;
	struct ktls_job job;
	size_t got;
	unsigned int jobs;
	bool ready, ended, closed, freed;
};

struct ride {
	struct run *r;
	struct io_uring ring;
	struct ktls_uring *u;
	struct end end[2];
	bool leaving;
};

/* ---- requests that fail ------------------------------------------------- */

#define MAY(e)		(1u << FAULT_##e)
#define ANY		(MAY(EINTR) | MAY(ENOMEM) | MAY(ECANCELED))
#define SEND		(ANY | MAY(EAGAIN) | MAY(ECONNRESET) | MAY(EPIPE))

static const struct {
	const char *name;
	unsigned int may;
} ops[] = {
	[IORING_OP_SEND] = { "uring send", SEND | MAY(SHORT) },
	[IORING_OP_RECV] = { "uring recv", ANY | MAY(ECONNRESET) |
			     MAY(SHORT) | MAY(END) },
	[IORING_OP_RECVMSG] = { "uring recvmsg", ANY | MAY(ECONNRESET) |
				MAY(ENOBUFS) | MAY(EBADMSG) | MAY(END) },
	[IORING_OP_POLL_ADD] = { "uring poll", ANY },
	[IORING_OP_SHUTDOWN] = { "uring shutdown", ANY },
	[IORING_OP_ASYNC_CANCEL] = { "uring cancel", MAY(EINTR) |
				     MAY(ENOENT) | MAY(ENOMEM) },
};

/* The one taken out, by what it is known by */
static struct {
	unsigned int seen;	/* the tail up to which they have been */
	uint64_t data;		/* 0: none */
	int res;
} out;

static void take_out(struct io_uring_sqe *sqe, int res)
{
	out.data = sqe->user_data;
	out.res = res;
	io_uring_prep_nop(sqe);
	sqe->user_data = out.data;
}

static void each_request(struct io_uring *ring, unsigned int at)
{
	struct io_uring_sqe *sqe = &ring->sq.sqes[at & ring->sq.ring_mask];
	int fd = sqe->fd;
	enum fault f;

	if (sqe->opcode >= sizeof(ops) / sizeof(*ops) || !ops[sqe->opcode].name)
		return;
	f = fault_due(ops[sqe->opcode].may, ops[sqe->opcode].name);
	if (f == FAULT_SHORT)
		sqe->len = 1;
	else if (f != FAULT_KINDS)
		take_out(sqe, -fault_errno(f));
	/* gone is gone for both ends */
	if (f == FAULT_ECONNRESET || f == FAULT_EPIPE || f == FAULT_END)
		__real_shutdown(fd, SHUT_RDWR);
}

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

int __wrap_io_uring_submit(struct io_uring *ring)
{
	for (; out.seen != ring->sq.sqe_tail; out.seen++)
		each_request(ring, out.seen);
	return __real_io_uring_submit(ring);
}

int __real_io_uring_register_buf_ring(struct io_uring *ring,
				      struct io_uring_buf_reg *reg,
				      unsigned int flags);
int __wrap_io_uring_register_buf_ring(struct io_uring *ring,
				      struct io_uring_buf_reg *reg,
				      unsigned int flags);

int __wrap_io_uring_register_buf_ring(struct io_uring *ring,
				      struct io_uring_buf_reg *reg,
				      unsigned int flags)
{
	enum fault f = fault_due(MAY(ENOMEM) | MAY(EEXIST) | MAY(EINVAL),
				 "io_uring_register_buf_ring");

	if (f != FAULT_KINDS)
		return -fault_errno(f);
	return __real_io_uring_register_buf_ring(ring, reg, flags);
}

/* ---- what is called back ------------------------------------------------ */

static void note(struct end *e, int err, const char *what)
{
	const struct ride *d = e->r->ride;

	if (!d->leaving)
		(void)good(e->r, err, what);
}

static void on_ready(struct ktls_stream *s, int err)
{
	struct end *e = ktls_stream_arg(s);

	e->ready = true;
	note(e, err, "ready");
}

static void on_data(struct ktls_stream *s, const void *buf, size_t len)
{
	struct end *e = ktls_stream_arg(s);
	const char *p = buf;

	for (size_t i = 0; i < len; i++, e->got++)
		EXPECT_EQ(p[i], FAULT_MARK[e->got % MARK_LEN]);
}

static void on_end(struct ktls_stream *s, int err)
{
	struct end *e = ktls_stream_arg(s);

	e->ended = true;
	note(e, err, "end");
}

static void on_closed(struct ktls_stream *s, int err)
{
	struct end *e = ktls_stream_arg(s);

	e->closed = true;
	note(e, err, "closed");
}

static void on_freed(void *arg)
{
	struct end *e = arg;

	e->freed = true;
}

static void on_done(struct ktls_stream *s, struct ktls_job *job, int err)
{
	struct end *e = ktls_stream_arg(s);

	e->jobs++;
	if (!err)
		EXPECT_EQ(job->sent, job->len);
	note(e, err, "job");
}

static const struct ktls_stream_ops stream_ops = {
	.ready = on_ready, .data = on_data, .end = on_end,
	.closed = on_closed, .freed = on_freed,
};

/* ---- the loop ------------------------------------------------------------ */

static void complete(struct ride *d, struct io_uring_cqe *cqe)
{
	if (out.data && out.data == cqe->user_data) {
		cqe->res = out.res;
		out.data = 0;
	}
	if (ktls_uring_is_ours(cqe))
		ktls_uring_complete(d->u, cqe);
}

static void turn(struct ride *d)
{
	struct __kernel_timespec ms = { .tv_nsec = 5000000 };
	bool more = ktls_uring_turn(d->u);
	struct io_uring_cqe *cqe;

	EXPECT_GE(__wrap_io_uring_submit(&d->ring), 0);
	more |= wire_pump(&d->r->wire);
	if (!more && io_uring_peek_cqe(&d->ring, &cqe))
		io_uring_wait_cqe_timeout(&d->ring, &cqe, &ms);
	while (!io_uring_peek_cqe(&d->ring, &cqe)) {
		struct io_uring_cqe copy = *cqe;

		io_uring_cqe_seen(&d->ring, cqe);
		complete(d, &copy);
	}
}

/* As long as nothing has failed */
#define TURN_UNTIL(d, cond)						\
	({								\
		for (int n_ = 0; !(d)->r->err && !(cond); n_++) {	\
			if (n_ == TURNS)				\
				TRY((d)->r, -EDEADLK);			\
			turn(d);					\
		}							\
		!(d)->r->err;						\
	})

/* ---- from the beginning to the end --------------------------------------- */

static bool begin(struct ride *d)
{
	static const char *const name[2] = { "localhost", NULL };
	struct run *r = d->r;

	for (int i = 0; i < 2; i++) {
		struct ktls_hs *hs;

		set_block(r->fd[i]);
		d->end[i].r = r;
		if (!TRY(r, ktls_hs_new(&hs, r->cfg[i], name[i])))
			return false;
		if (!TRY(r, ktls_stream_new(&d->end[i].s, d->u, hs, r->fd[i],
					    -1, &stream_ops, &d->end[i]))) {
			ktls_hs_free(hs);
			return false;
		}
	}
	if (!TURN_UNTIL(d, d->end[0].ready && d->end[1].ready))
		return false;
	for (int i = 0; i < 2; i++)
		count_carried(r, ktls_stream_conn(d->end[i].s));
	return true;
}

static void put(struct ride *d, int from, int file)
{
	struct end *e = &d->end[from];

	e->job = (struct ktls_job){ .buf = FAULT_MARK, .file = file,
				    .len = MARK_LEN, .done = on_done };
	ktls_stream_send(e->s, &e->job);
}

/* From the one to the other, of memory or of a file */
static bool carry(struct ride *d, int from, int file)
{
	unsigned int jobs = d->end[from].jobs + 1;
	size_t got = d->end[!from].got + MARK_LEN;

	put(d, from, file);
	return TURN_UNTIL(d, d->end[from].jobs == jobs &&
			     d->end[!from].got == got);
}

/* While the receiver is paused, and then is not */
static bool carry_late(struct ride *d, int from)
{
	struct end *to = &d->end[!from];
	size_t got = to->got + MARK_LEN;

	put(d, from, -1);
	turn(d);
	ktls_stream_pause(to->s);
	for (int i = 0; i < 3; i++)
		turn(d);
	ktls_stream_resume(to->s);
	return TURN_UNTIL(d, to->got == got && !ktls_stream_sending(
						d->end[from].s));
}

static bool change_keys(struct ride *d)
{
	if (d->r->s->client.max_version == KTLS_TLS12)
		return true;
	ktls_stream_rekey(d->end[CLIENT_END].s, KTLS_REKEY_BOTH);
	return carry(d, CLIENT_END, -1) && carry(d, SERVER_END, -1);
}

static bool finish(struct ride *d)
{
	ktls_stream_close(d->end[0].s);
	ktls_stream_close(d->end[1].s);
	return TURN_UNTIL(d, d->end[0].closed && d->end[1].closed &&
			     d->end[0].ended && d->end[1].ended);
}

/* Whatever has happened: who closes is heard, if he can be, and all is freed */
static void leave(struct ride *d)
{
	d->leaving = true;
	for (int i = 0; i < 2 && d->r->err; i++)
		if (d->end[i].s)
			ktls_stream_close(d->end[i].s);
	for (int i = 0; i < 5 && d->r->err; i++)
		turn(d);
	for (int i = 0; i < 2; i++) {
		if (!d->end[i].s)
			continue;
		ktls_stream_free(d->end[i].s);
		for (int n = 0; n < TURNS && !d->end[i].freed; n++)
			turn(d);
		ASSERT_TRUE(d->end[i].freed);
	}
	ktls_uring_free(d->u);
}

bool ride(struct run *r)
{
	static const struct ktls_uring_opts few = {
		.size = sizeof(few), .buffers = 4,
	};
	struct ride d = { .r = r };

	memset(&out, 0, sizeof(out));
	r->ride = &d;
	ASSERT_OK(io_uring_queue_init(16, &d.ring, 0));
	if (TRY(r, ktls_uring_new(&d.u, &d.ring, &few))) {
		if (begin(&d) && carry(&d, CLIENT_END, -1) &&
		    carry(&d, SERVER_END, r->file) && change_keys(&d) &&
		    carry_late(&d, CLIENT_END) && carry_late(&d, SERVER_END))
			(void)finish(&d);
		leave(&d);
	}
	io_uring_queue_exit(&d.ring);
	return !r->err;
}
