// SPDX-License-Identifier: MIT
/*
 * One edge-triggered epoll set, so that a stream runs until its socket says
 * EAGAIN or its share of the turn is used up, and no system call is spent on
 * changing what to wait for.
 */
#include "engine_epoll.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "log.h"
#include "server.h"

#define EVENTS		256
#define ACCEPTS		64	/* in one turn */

struct loop {
	int fd;
};

int epoll_watch(struct server *s, int fd, unsigned int events,
		struct source *source)
{
	const struct loop *loop = s->loop;
	struct epoll_event ev = { .events = events, .data.ptr = source };

	return epoll_ctl(loop->fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* ---- accepting --------------------------------------------------------- */

static void run_listener(struct source *source, unsigned int events)
{
	struct listener *l = (struct listener *)(void *)source;
	struct server *s = l->server;

	(void)events;
	for (int i = 0; i < ACCEPTS && s->accepting && server_place(s); i++) {
		union net_addr addr = { 0 };
		socklen_t len = sizeof(addr);
		int fd = accept4(l->fd, &addr.sa, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			int err = errno;

			service_leave(s->service);
			server_accept_failed(s, err);
			return;
		}
		server_accepted(s, fd, &addr);
	}
}

static void accept_more(struct server *s, bool on)
{
	const struct loop *loop = s->loop;
	int err = 0;

	for (size_t i = 0; i < s->listeners_len && !err; i++) {
		struct listener *l = &s->listeners[i];

		l->source.run = run_listener;
		if (on)
			err = epoll_watch(s, l->fd, EPOLLIN, &l->source);
		else
			epoll_ctl(loop->fd, EPOLL_CTL_DEL, l->fd, NULL);
	}
	if (err && !net_starved(-err))
		log_line("epoll: %s", ktls_strerror(err));
	/* it says so, and calls again, with @on false and later with true */
	else if (err)
		server_accept_failed(s, -err);
}

/* ---- the loop ---------------------------------------------------------- */

static void run_wake(struct source *source, unsigned int events)
{
	struct server *s = list_entry(source, struct server, wakes);
	uint64_t n;

	(void)events;
	if (read(s->wake_fd, &n, sizeof(n)) > 0)
		server_woken(s);
}

static void run_ready(struct server *s)
{
	struct list turn;

	/* those that ask for another turn get it after all the others */
	list_init(&turn);
	while (!list_empty(&s->ready))
		list_move_tail(s->ready.next, &turn);
	while (!list_empty(&turn)) {
		struct list *l = turn.next;

		list_del(l);
		epoll_stream_run(list_entry(l, struct stream, ready));
	}
}

static int run_turn(struct server *s)
{
	const struct loop *loop = s->loop;
	struct epoll_event events[EVENTS];
	int n = epoll_wait(loop->fd, events, EVENTS, server_patience(s));

	if (n < 0 && errno != EINTR)
		return -errno;
	s->now = net_clock();
	for (int i = 0; i < n; i++) {
		struct source *source = events[i].data.ptr;

		source->run(source, events[i].events);
	}
	run_ready(s);
	return 0;
}

static void end(struct server *s)
{
	struct loop *loop = s->loop;

	if (loop->fd >= 0)
		close(loop->fd);
	free(loop);
	s->loop = NULL;
}

static int begin(struct server *s)
{
	struct loop *loop = malloc(sizeof(*loop));
	int err;

	if (!loop)
		return -ENOMEM;
	s->loop = loop;
	s->wakes.run = run_wake;
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	err = loop->fd < 0 ? -errno :
	      epoll_watch(s, s->wake_fd, EPOLLIN, &s->wakes);
	if (err)
		end(s);
	return err;
}

const struct engine engine_epoll = {
	.name = "epoll",
	.begin = begin,
	.end = end,
	.turn = run_turn,
	.accept = accept_more,
	.open = epoll_stream_open,
	.send = epoll_stream_send,
	.pause = epoll_stream_pause,
	.ask = epoll_stream_ask,
	.close = epoll_stream_close,
	.free = epoll_stream_free,
};
