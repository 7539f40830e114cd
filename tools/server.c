// SPDX-License-Identifier: MIT
#include "server.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "client.h"
#include "log.h"

#define EVENTS		256
#define ACCEPTS		64	/* in one turn */
#define ACCEPT_WAIT	100	/* ms without accepting when out of files */

static int watch(struct server *s, int fd, struct source *source)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev);
}

/* ---- deadlines --------------------------------------------------------- */

void server_arm(struct server *s, struct timer *timer,
		enum deadline deadline)
{
	timer->due = s->now + s->deadline_ms[deadline];
	list_move_tail(&timer->list, &s->deadline[deadline]);
}

static struct timer *first_timer(const struct server *s, size_t i)
{
	if (list_empty(&s->deadline[i]))
		return NULL;
	return list_entry(s->deadline[i].next, struct timer, list);
}

static void expire(struct server *s)
{
	for (size_t i = 0; i < DEADLINES; i++) {
		struct timer *t;

		while ((t = first_timer(s, i)) && t->due <= s->now) {
			list_del(&t->list);
			client_expire(t);
		}
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return !b || (a && a < b) ? a : b;
}

/* How long epoll may wait, ms; -1: for ever */
static int turn_length(const struct server *s)
{
	int64_t due = earlier(s->accept_at, s->drain_end);

	if (!list_empty(&s->ready))
		return 0;
	for (size_t i = 0; i < DEADLINES; i++) {
		const struct timer *t = first_timer(s, i);

		if (t)
			due = earlier(t->due, due);
	}
	if (!due)
		return -1;
	return due > s->now ? (int)(due - s->now) : 0;
}

/* ---- accepting --------------------------------------------------------- */

/* Those who wait stay in the kernel's queue, and cost nothing here */
static void stop_accepting(struct server *s)
{
	for (size_t i = 0; i < s->listeners_len && s->accepting; i++)
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->listeners[i].fd, NULL);
	s->accepting = false;
}

static void start_accepting(struct server *s)
{
	if (s->accepting || s->draining || s->accept_at ||
	    s->clients_len >= s->clients_max)
		return;
	s->accepting = true;
	for (size_t i = 0; i < s->listeners_len; i++)
		if (watch(s, s->listeners[i].fd, &s->listeners[i].source))
			log_line("epoll: %s", strerror(errno));
}

void server_freed(struct server *s)
{
	s->clients_len--;
	start_accepting(s);
}

static void accept_failed(struct server *s)
{
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		/* the listener stays readable: look away for a while */
		if (!s->starved)
			log_line("accept: %s; waiting", strerror(errno));
		s->starved = true;	/* said once */
		s->accept_at = s->now + ACCEPT_WAIT;
		stop_accepting(s);
		break;
	default:
		/* EAGAIN, or the error of a connection that is gone */
		break;
	}
}

static void run_listener(struct source *source)
{
	struct listener *l = (struct listener *)(void *)source;
	struct server *s = l->server;
	const int on = 1;

	for (int i = 0; i < ACCEPTS && s->accepting; i++) {
		union net_addr addr = { 0 };
		socklen_t len = sizeof(addr);
		int fd = accept4(l->fd, &addr.sa, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			accept_failed(s);
			return;
		}
		s->starved = false;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		s->clients_len++;
		if (s->clients_len >= s->clients_max)
			stop_accepting(s);
		if (client_new(s, fd, &addr)) {
			close(fd);
			server_freed(s);
		}
	}
}

/* ---- the end ----------------------------------------------------------- */

static void drain(struct server *s)
{
	struct list *l, *next;

	log_line("draining: %u connections", s->clients_len);
	stop_accepting(s);
	s->draining = true;
	s->drain_end = s->now + s->drain_ms;
	s->accept_at = 0;
	for (size_t i = 0; i < s->listeners_len; i++)
		close(s->listeners[i].fd);
	s->listeners_len = 0;
	for (l = s->clients.next; l != &s->clients; l = next) {
		next = l->next;
		client_drain(l);
	}
}

static void run_signals(struct source *source)
{
	struct server *s = (struct server *)(void *)source;
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) > 0) {
		if (s->drain_asked)
			s->stopping = true;
		s->drain_asked = true;
	}
}

/* ---- the loop ---------------------------------------------------------- */

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
		client_ready(l);
	}
}

static bool finished(struct server *s)
{
	return s->stopping ||
	       (s->draining && (!s->clients_len || s->now >= s->drain_end));
}

static int turn(struct server *s)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(s->epoll, events, EVENTS, turn_length(s));

	if (n < 0 && errno != EINTR) {
		complain("epoll: %s", strerror(errno));
		return -1;
	}
	s->now = net_clock();
	for (int i = 0; i < n; i++) {
		struct source *source = events[i].data.ptr;

		source->run(source);
	}
	run_ready(s);
	/* not before: a request that has come is in flight */
	if (s->drain_asked && !s->draining)
		drain(s);
	expire(s);
	if (s->accept_at && s->now >= s->accept_at) {
		s->accept_at = 0;
		start_accepting(s);
	}
	return 0;
}

int server_run(struct server *s)
{
	s->now = net_clock();
	start_accepting(s);
	while (!finished(s))
		if (turn(s))
			return -1;
	if (s->clients_len)
		log_line("%u connections cut", s->clients_len);
	return 0;
}

/* ---- beginning --------------------------------------------------------- */

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int server_init(struct server *s)
{
	list_init(&s->clients);
	list_init(&s->ready);
	for (size_t i = 0; i < DEADLINES; i++)
		list_init(&s->deadline[i]);
	s->signals.run = run_signals;
	s->signal_fd = open_signals();
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0 || s->signal_fd < 0 ||
	    watch(s, s->signal_fd, &s->signals)) {
		complain("epoll: %s", strerror(errno));
		return -1;
	}
	return 0;
}

int server_listen(struct server *s, const struct net_host *at)
{
	struct listener *l = &s->listeners[s->listeners_len];

	if (s->listeners_len == LISTENERS_MAX) {
		complain("more than %d addresses to listen on",
			 LISTENERS_MAX);
		return -1;
	}
	l->source.run = run_listener;
	l->server = s;
	l->fd = net_listen(at, &l->addr);
	if (l->fd < 0)
		return -1;
	s->listeners_len++;
	return 0;
}

void server_free(struct server *s)
{
	while (!list_empty(&s->clients))
		client_cut(s->clients.next);
	for (size_t i = 0; i < s->listeners_len; i++)
		close(s->listeners[i].fd);
	if (s->epoll >= 0)
		close(s->epoll);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	ktls_config_put(s->config);
}
