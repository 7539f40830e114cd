// SPDX-License-Identifier: MIT
#include "service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"
#include "metrics.h"
#include "ops.h"
#include "reload.h"
#include "server.h"
#include "signals.h"
#include "ticket_file.h"

#define WATCH_MS	1000	/* between two looks at the ticket keys' file */

/* ---- for servers ------------------------------------------------------- */

/* The lock is for who puts another config in its place meanwhile */
struct ktls_config *service_config(struct service *v)
{
	struct ktls_config *config;

	pthread_mutex_lock(&v->config_lock);
	config = ktls_config_get(v->config);
	pthread_mutex_unlock(&v->config_lock);
	return config;
}

static void wake_all(struct service *v)
{
	for (unsigned int i = 0; i < v->servers_len; i++)
		server_wake(v->servers[i]);
}

bool service_place(struct service *v)
{
	if (atomic_fetch_add(&v->clients_len, 1) < v->clients_max)
		return true;
	service_leave(v);
	return false;
}

void service_enter(struct service *v)
{
	atomic_fetch_add(&v->clients_len, 1);
}

void service_leave(struct service *v)
{
	if (atomic_fetch_sub(&v->clients_len, 1) > v->clients_max)
		return;
	/* those who found none look again, each once */
	for (unsigned int i = 0; i < v->servers_len; i++) {
		struct server *s = v->servers[i];

		if (atomic_load(&s->full) && atomic_exchange(&s->full, false))
			server_wake(s);
	}
}

void service_drains(struct service *v)
{
	if (atomic_fetch_add(&v->draining, 1) + 1 == v->servers_len)
		log_line("draining: %u connections", atomic_load(&v->rest));
}

/* ---- threads ----------------------------------------------------------- */

struct worker {
	pthread_t thread;
	struct service *service;
	struct server *server;
	int err;
};

static void tell(struct service *v, atomic_uint *count)
{
	const uint64_t one = 1;

	atomic_fetch_add(count, 1);
	while (write(v->told_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	w->err = server_begin(w->server);
	tell(w->service, &w->service->begun);
	if (w->err)
		return NULL;
	w->err = server_run(w->server);
	server_end(w->server);
	tell(w->service, &w->service->over);
	return NULL;
}

static void wait_told(struct service *v)
{
	struct pollfd p = { .fd = v->told_fd, .events = POLLIN };
	uint64_t n;

	while (read(v->told_fd, &n, sizeof(n)) < 0)
		poll(&p, 1, -1);
}

static void end_servers(struct service *v, unsigned int signals)
{
	atomic_fetch_add(&v->signals, signals);
	wake_all(v);
}

/* Connections of before keep the config that they have */
static void hang_up(struct service *v)
{
	struct ktls_config *old = v->config, *fresh;
	bool good = v->tls && !reload(&fresh, old, v->tls, v->ticket_keys);

	atomic_fetch_add(&v->hang_ups, 1);
	wake_all(v);
	ops_reopen();
	/* to begin the access log anew is no failure */
	if (v->tls)
		metrics_reload(good);
	if (!good) {
		log_line("not reloaded%s; going on as before",
			 v->tls ? "" : ": another process has the keys");
		return;
	}
	/* here the next connection gets the new one, in whichever server */
	pthread_mutex_lock(&v->config_lock);
	v->config = fresh;
	pthread_mutex_unlock(&v->config_lock);
	ktls_config_put(old);
	log_line("reloaded");
}

/*
 * A fleet's tool has put another file there.  Connections of before have the
 * keys, too, so that a cookie that is under way still opens.
 */
static void watch_keys(struct service *v)
{
	if (!ticket_file_changed(v->ticket_keys))
		return;
	if (ticket_file_take(v->ticket_keys, v->config))
		log_line("going on with the ticket keys of before");
	else
		log_line("new ticket keys");
}

static void take_end(struct service *v)
{
	if (!atomic_load(&v->signals))
		atomic_store(&v->rest, atomic_load(&v->clients_len));
	end_servers(v, 1);
}

static void take_signals(struct service *v)
{
	int sig;

	while ((sig = signals_next(v->signal_fd))) {
		if (sig == SIGHUP)
			hang_up(v);
		else
			take_end(v);
	}
}

/* Whoever watches over us starts us again, with keys */
static int lose_keys(struct service *v)
{
	complain("the process that has the private keys has ended");
	if (!atomic_load(&v->signals))
		take_end(v);
	return -1;
}

/* Until all are over; one that is, early, has failed: so have all */
static int supervise(struct service *v)
{
	struct pollfd p[] = {
		{ .fd = v->signal_fd, .events = POLLIN },
		{ .fd = v->told_fd, .events = POLLIN },
		{ .fd = v->keys_fd },
	};
	int err = 0;

	while (atomic_load(&v->over) < v->servers_len) {
		if (poll(p, 3, v->ticket_keys->name ? WATCH_MS : -1) < 0)
			continue;
		watch_keys(v);
		if (p[0].revents)
			take_signals(v);
		if (p[1].revents)
			wait_told(v);
		if (p[2].revents) {
			p[2].fd = -1;
			err = lose_keys(v);
		}
		if (atomic_load(&v->over) && !atomic_load(&v->signals))
			end_servers(v, 2);
	}
	return err;
}

static int start(struct service *v, struct worker *w, unsigned int *n)
{
	for (*n = 0; *n < v->servers_len; (*n)++) {
		int err;

		w[*n].service = v;
		w[*n].server = v->servers[*n];
		err = pthread_create(&w[*n].thread, NULL, work, &w[*n]);
		if (err) {
			complain("thread: %s", strerror(err));
			return -1;
		}
	}
	while (atomic_load(&v->begun) < *n)
		wait_told(v);
	for (unsigned int i = 0; i < *n; i++)
		if (w[i].err)
			return -1;
	return 0;
}

static void announce(const struct service *v)
{
	char name[NET_NAME_MAX];

	for (size_t i = 0; i < v->listeners_len; i++)
		printf("listening on %s\n", net_name(&v->listeners[i], name));
	fflush(stdout);
}

static int join(struct worker *w, unsigned int n)
{
	int err = 0;

	for (unsigned int i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		if (w[i].err && !err)
			complain("%s: %s", w[i].server->engine->name,
				 strerror(-w[i].err));
		err = err ? err : w[i].err;
	}
	return err ? -1 : 0;
}

int service_run(struct service *v)
{
	struct worker *w = calloc(v->servers_len, sizeof(*w));
	unsigned int n = 0;
	int err;

	if (!w) {
		complain("%s", strerror(ENOMEM));
		return -1;
	}
	err = start(v, w, &n);
	if (err) {
		end_servers(v, 2);
	} else {
		announce(v);
		err = supervise(v);
	}
	err = join(w, n) || err ? -1 : 0;
	free(w);
	if (atomic_load(&v->cut))
		log_line("%u connections cut", atomic_load(&v->cut));
	return err;
}

/* ---- beginning --------------------------------------------------------- */

int service_init(struct service *v)
{
	v->signal_fd = signals_open(false);
	v->told_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (v->signal_fd < 0 || v->told_fd < 0) {
		complain("signals: %s", strerror(errno));
		return -1;
	}
	v->servers = calloc(v->threads, sizeof(struct server *));
	while (v->servers && v->servers_len < v->threads) {
		struct server *s = server_new(v);

		if (!s)
			break;
		v->servers[v->servers_len++] = s;
	}
	if (v->servers_len == v->threads)
		return 0;
	complain("%s", strerror(errno));
	return -1;
}

int service_listen(struct service *v, const struct net_host *at)
{
	union net_addr *addr = &v->listeners[v->listeners_len];

	for (unsigned int i = 0; i < v->servers_len; i++) {
		struct server *s = v->servers[i];
		struct listener *l = &s->listeners[s->listeners_len];

		l->server = s;
		l->fd = i ? net_listen_too(addr) :
			    net_listen(at, v->servers_len > 1, addr);
		if (l->fd < 0)
			return -1;
		s->listeners_len++;
	}
	v->listeners_len++;
	return 0;
}

void service_free(struct service *v)
{
	for (unsigned int i = 0; i < v->servers_len; i++)
		server_free(v->servers[i]);
	free(v->servers);
	if (v->signal_fd >= 0)
		close(v->signal_fd);
	if (v->told_fd >= 0)
		close(v->told_fd);
	ktls_config_put(v->config);
}
