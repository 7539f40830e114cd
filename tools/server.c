// SPDX-License-Identifier: MIT
#include "server.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "addresses.h"
#include "client.h"
#include "log.h"
#include "metrics.h"

#define ACCEPT_WAIT	100	/* ms without accepting when out of files */
#define END_WAIT	5000	/* ms for what was cut to be gone */

/* ---- deadlines --------------------------------------------------------- */

void server_arm(struct server *s, struct timer *timer,
		enum deadline deadline)
{
	timer->due = s->now + s->service->deadline_ms[deadline];
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

int server_patience(const struct server *s)
{
	int64_t due = earlier(s->accept_at, s->drain_end);

	due = earlier(filecache_due(s->files), due);
	if (!list_empty(&s->ready) || !list_empty(&s->dead))
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

static void stop_accepting(struct server *s)
{
	if (s->accepting)
		s->engine->accept(s, false);
	s->accepting = false;
}

static void start_accepting(struct server *s)
{
	if (s->accepting || s->draining || s->accept_at)
		return;
	s->accepting = true;
	s->engine->accept(s, true);
}

/* Those who wait stay in the kernel's queue, and cost nothing here */
bool server_place(struct server *s)
{
	if (service_place(s->service))
		return true;
	/* one who leaves from here on sees it; one who has left, we see */
	atomic_store(&s->full, true);
	if (service_place(s->service)) {
		atomic_store(&s->full, false);
		return true;
	}
	stop_accepting(s);
	return false;
}

void server_freed(struct server *s)
{
	s->clients_len--;
	service_leave(s->service);
}

void server_accept_failed(struct server *s, int err)
{
	if (!net_starved(err))
		return;	/* EAGAIN, or the error of a connection that is gone */
	if (!s->starved)
		log_line("accept: %s; waiting", strerror(err));
	s->starved = true;	/* said once */
	s->accept_at = s->now + ACCEPT_WAIT;
	stop_accepting(s);
}

void server_accepted(struct server *s, int fd, const union net_addr *addr)
{
	const int on = 1;

	s->starved = false;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	s->clients_len++;
	if (!addresses_take(addr)) {
		metrics_refuse();
		close(fd);
		server_freed(s);
		return;
	}
	if (client_new(s, fd, addr)) {
		addresses_give(addr);
		close(fd);
		server_freed(s);
	}
}

/* ---- the end ----------------------------------------------------------- */

static void drain(struct server *s)
{
	struct list *l, *next;

	stop_accepting(s);
	s->draining = true;
	s->drain_end = s->now + s->service->drain_ms;
	s->accept_at = 0;
	for (size_t i = 0; i < s->listeners_len; i++) {
		/* at once, whatever of the engine's still refers to it */
		shutdown(s->listeners[i].fd, SHUT_RDWR);
		close(s->listeners[i].fd);
	}
	s->listeners_len = 0;
	service_drains(s->service);
	for (l = s->clients.next; l != &s->clients; l = next) {
		next = l->next;
		client_drain(l);
	}
}

static bool finished(const struct server *s)
{
	return atomic_load(&s->service->signals) > 1 ||
	       (s->draining && (!s->clients_len || s->now >= s->drain_end));
}

void server_wake(struct server *s)
{
	const uint64_t one = 1;

	while (write(s->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void server_woken(struct server *s)
{
	start_accepting(s);
}

/* ---- files ------------------------------------------------------------- */

struct filecache *server_files(struct server *s)
{
	unsigned int hang_ups = atomic_load(&s->service->hang_ups);

	if (hang_ups != s->hang_ups)
		filecache_empty(s->files);
	s->hang_ups = hang_ups;
	filecache_age(s->files, s->now);
	return s->files;
}

/* ---- the loop ---------------------------------------------------------- */

static void bury(struct server *s)
{
	while (!list_empty(&s->dead)) {
		struct stream *st = list_entry(s->dead.next, struct stream,
					       ready);

		list_del(&st->ready);
		client_freed(st);
	}
}

static int turn(struct server *s)
{
	int err = s->engine->turn(s);

	if (err)
		return err;
	/* not before: a request that has come is in flight */
	if (atomic_load(&s->service->signals) && !s->draining)
		drain(s);
	expire(s);
	server_files(s);
	if (s->accept_at && s->now >= s->accept_at) {
		s->accept_at = 0;
		start_accepting(s);
	}
	bury(s);
	return 0;
}

int server_begin(struct server *s)
{
	const struct engine *fallback = s->service->fallback;
	int err;

	s->now = net_clock();
	err = s->engine->begin(s);
	if (!err || !fallback)
		return err;
	s->engine = fallback;
	return s->engine->begin(s);
}

int server_run(struct server *s)
{
	int err = 0;

	start_accepting(s);
	while (!err && !finished(s))
		err = turn(s);
	return err;
}

void server_end(struct server *s)
{
	stop_accepting(s);
	s->draining = true;
	s->drain_end = s->now + END_WAIT;
	atomic_fetch_add(&s->service->cut, s->clients_len);
	while (!list_empty(&s->clients))
		client_cut(s->clients.next);
	bury(s);
	filecache_empty(s->files);	/* it is due no more */
	while (s->clients_len && s->now < s->drain_end && !s->engine->turn(s))
		bury(s);
	s->engine->end(s);
}

/* ---- beginning --------------------------------------------------------- */

struct server *server_new(struct service *v)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->service = v;
	s->engine = v->engine;
	list_init(&s->clients);
	list_init(&s->ready);
	list_init(&s->dead);
	s->files = filecache_new(v->site.root, &v->site.cache);
	for (size_t i = 0; i < DEADLINES; i++)
		list_init(&s->deadline[i]);
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->wake_fd >= 0 && s->files)
		return s;
	server_free(s);
	return NULL;
}

void server_free(struct server *s)
{
	for (size_t i = 0; i < s->listeners_len; i++)
		close(s->listeners[i].fd);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	filecache_free(s->files);
	free(s);
}
