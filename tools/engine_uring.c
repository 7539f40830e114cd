// SPDX-License-Identifier: MIT
/*
 * A ring for each server: what streams need goes through it by libktls-uring,
 * and those who come are accepted by one request that stays, as long as there
 * is room for many.  Near the limit it must not take more than there are places,
 * so that it only tells that somebody is there.
 */
#include "engine_uring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "log.h"
#include "server.h"

#define SQ_ENTRIES	1024
#define CQ_ENTRIES	8192
#define BATCH		256
#define ACCEPTS		64	/* in one turn */
#define BUFFERS		128	/* records received and not yet looked at */
#define ROOM_FOR_MANY	512	/* places: more than come in one turn */

/* What a listener has in the ring */
enum armed { NOTHING, ACCEPT, POLL };

struct loop {
	struct io_uring ring;
	struct ktls_uring *lib;
	const struct io_uring_cqe *cqe;	/* for the source that is run */
	bool wake_armed;
};

struct ktls_uring *uring_library(const struct server *s)
{
	const struct loop *loop = s->loop;

	return loop->lib;
}

static struct io_uring_sqe *get_sqe(struct loop *loop)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&loop->ring);
	return io_uring_get_sqe(&loop->ring);
}

/* ---- accepting --------------------------------------------------------- */

static bool room_for_many(const struct service *v)
{
	return atomic_load(&v->clients_len) + ROOM_FOR_MANY < v->clients_max;
}

/* A socket that does not block would not be waited for by the ring */
static void set_blocking(int fd, bool on)
{
	ioctl(fd, FIONBIO, &(int){ !on });
}

static void take(struct server *s, int fd)
{
	union net_addr addr = { 0 };
	socklen_t len = sizeof(addr);

	/* it may be gone already, and says so when it is read */
	if (getpeername(fd, &addr.sa, &len))
		addr.sa.sa_family = AF_INET;
	server_accepted(s, fd, &addr);
}

static void accept_some(struct server *s, struct listener *l)
{
	for (int i = 0; i < ACCEPTS && s->accepting && server_place(s); i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			int err = errno;

			service_leave(s->service);
			server_accept_failed(s, err);
			return;
		}
		take(s, fd);
	}
}

static void cancel(struct loop *loop, struct listener *l)
{
	struct io_uring_sqe *sqe = l->armed ? get_sqe(loop) : NULL;

	if (!sqe)
		return;
	io_uring_prep_cancel(sqe, &l->source, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

static void accepted(struct server *s, struct listener *l, int res)
{
	if (res < 0) {
		server_accept_failed(s, -res);
		return;
	}
	/* it is here, room or not */
	service_enter(s->service);
	take(s, res);
	if (!room_for_many(s->service))
		cancel(s->loop, l);
}

static void run_listener(struct source *source, unsigned int flags)
{
	struct listener *l = (struct listener *)(void *)source;
	struct server *s = l->server;
	const struct loop *loop = s->loop;
	enum armed was = l->armed;
	int res = loop->cqe->res;

	if (!(flags & IORING_CQE_F_MORE))
		l->armed = NOTHING;
	if (res == -ECANCELED)
		return;
	if (was == ACCEPT)
		accepted(s, l, res);
	else if (res > 0)
		accept_some(s, l);
}

static void arm(struct loop *loop, struct listener *l)
{
	bool many = room_for_many(l->server->service);
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return;		/* in the next turn */
	set_blocking(l->fd, many);
	if (many)
		io_uring_prep_multishot_accept(sqe, l->fd, NULL, NULL,
					       SOCK_CLOEXEC);
	else
		io_uring_prep_poll_add(sqe, l->fd, POLLIN);
	l->source.run = run_listener;
	io_uring_sqe_set_data(sqe, &l->source);
	l->armed = many ? ACCEPT : POLL;
}

/* What is in the ring ends when the ring says so; arm_all() does the rest */
static void accept_more(struct server *s, bool on)
{
	for (size_t i = 0; i < s->listeners_len && !on; i++)
		cancel(s->loop, &s->listeners[i]);
}

/* ---- the loop ---------------------------------------------------------- */

static void run_wake(struct source *source, unsigned int flags)
{
	struct server *s = list_entry(source, struct server, wakes);
	struct loop *loop = s->loop;
	uint64_t n;

	loop->wake_armed = flags & IORING_CQE_F_MORE;
	if (read(s->wake_fd, &n, sizeof(n)) > 0)
		server_woken(s);
}

static void arm_wake(struct server *s, struct loop *loop)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return;
	s->wakes.run = run_wake;
	io_uring_prep_poll_multishot(sqe, s->wake_fd, POLLIN);
	io_uring_sqe_set_data(sqe, &s->wakes);
	loop->wake_armed = true;
}

/* What stays in the ring, and is not there (any more) */
static void arm_all(struct server *s, struct loop *loop)
{
	if (!loop->wake_armed)
		arm_wake(s, loop);
	for (size_t i = 0; i < s->listeners_len && s->accepting; i++)
		if (s->listeners[i].armed == NOTHING)
			arm(loop, &s->listeners[i]);
}

static int submit_and_wait(struct loop *loop, int ms)
{
	struct __kernel_timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000LL,
	};
	struct io_uring_cqe *cqe;
	int n;

	if (!ms)
		n = io_uring_submit_and_get_events(&loop->ring);
	else
		n = io_uring_submit_and_wait_timeout(&loop->ring, &cqe, 1,
						     ms < 0 ? NULL : &ts, NULL);
	switch (n) {
	case -ETIME:
	case -EINTR:
	case -EBUSY:	/* completions wait to be taken: they are, now */
	case -EAGAIN:
		return 0;
	default:
		return n < 0 ? n : 0;
	}
}

static void complete(struct loop *loop, const struct io_uring_cqe *cqe)
{
	struct source *source = io_uring_cqe_get_data(cqe);

	if (ktls_uring_is_ours(cqe)) {
		ktls_uring_complete(loop->lib, cqe);
	} else if (source) {
		loop->cqe = cqe;
		source->run(source, cqe->flags);
	}
}

static void run_ready(struct server *s)
{
	while (!list_empty(&s->ready)) {
		struct list *l = s->ready.next;

		list_del(l);
		uring_stream_run(list_entry(l, struct stream, ready));
	}
}

static int run_turn(struct server *s)
{
	struct loop *loop = s->loop;
	struct io_uring_cqe *cqes[BATCH];
	unsigned int n;
	bool more;
	int err;

	/* first: what the server has said since it had its last turn */
	run_ready(s);
	more = ktls_uring_turn(loop->lib);
	arm_all(s, loop);
	err = submit_and_wait(loop, more ? 0 : server_patience(s));
	if (err)
		return err;
	s->now = net_clock();
	n = io_uring_peek_batch_cqe(&loop->ring, cqes, BATCH);
	for (unsigned int i = 0; i < n; i++)
		complete(loop, cqes[i]);
	io_uring_cq_advance(&loop->ring, n);
	return 0;
}

/* ---- beginning and end ------------------------------------------------- */

/* The best that the kernel has: each is newer than the next */
static int open_ring(struct io_uring *ring)
{
	static const unsigned int flags[] = {
		IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER |
		IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
		IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |
		IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_CQSIZE,
	};
	int err = -EINVAL;

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags) &&
	     err == -EINVAL; i++) {
		struct io_uring_params p = {
			.flags = flags[i],
			.cq_entries = CQ_ENTRIES,
		};

		err = io_uring_queue_init_params(SQ_ENTRIES, ring, &p);
	}
	return err;
}

static void end(struct server *s)
{
	struct loop *loop = s->loop;

	/* of a stream that does not end the ring has buffers in its hands */
	if (!s->clients_len)
		ktls_uring_free(loop->lib);
	io_uring_queue_exit(&loop->ring);
	free(loop);
	s->loop = NULL;
}

static int begin(struct server *s)
{
	struct ktls_uring_opts opts = {
		.size = sizeof(opts),
		.buffers = BUFFERS,
		.turn_bytes = STREAM_TURN,
	};
	struct loop *loop = calloc(1, sizeof(*loop));
	int err = loop ? open_ring(&loop->ring) : -ENOMEM;

	if (err) {
		free(loop);
		return err;
	}
	s->loop = loop;
	err = ktls_uring_new(&loop->lib, &loop->ring, &opts);
	if (err)
		end(s);
	return err;
}

const struct engine engine_uring = {
	.name = "io_uring",
	.begin = begin,
	.end = end,
	.turn = run_turn,
	.accept = accept_more,
	.open = uring_stream_open,
	.send = uring_stream_send,
	.pause = uring_stream_pause,
	.ask = uring_stream_ask,
	.close = uring_stream_close,
	.free = uring_stream_free,
};
