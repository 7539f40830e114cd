// SPDX-License-Identifier: GPL-2.0-only
#include "relay_lib.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A receiver that has given up is no failure of the relay */
static void put(const struct relay_way *w, const uint8_t *p, size_t len)
{
	size_t step = w->dribble ? 1 : len;

	for (size_t at = 0; at < len; at += step)
		if (send(w->to, p + at, step, MSG_NOSIGNAL) < 0)
			return;
}

static void obey(struct relay_way *w, const struct relay_order *o,
		 uint8_t *rec, size_t len)
{
	size_t at = (size_t)(o->at < 0 ? (long)len + o->at : o->at);

	switch (o->act) {
	case RELAY_FLIP:
		ASSERT_LT(at, len);
		rec[at] ^= o->value;
		break;
	case RELAY_DROP:
		return;
	case RELAY_TWICE:
		put(w, rec, len);
		break;
	case RELAY_SWAP:
		memcpy(w->keep, rec, len);
		w->kept = len;
		return;
	case RELAY_CUT:
		put(w, rec, at);
		shutdown(w->to, SHUT_WR);
		w->cut = true;
		return;
	case RELAY_INSERT:
		put(w, o->bytes, at);
		break;
	case RELAY_DRIBBLE:
		w->dribble = true;
		break;
	case RELAY_PASS:
		break;
	}
	put(w, rec, len);
	if (w->kept)
		put(w, w->keep, w->kept);
	w->kept = 0;
}

/* The whole records at the front of the buffer */
static void records(struct relay *r, struct relay_way *w)
{
	struct relay_order order;
	size_t len, used = 0;

	while (w->have - used >= RECORD_HEADER && !w->cut) {
		len = RECORD_HEADER + ((size_t)w->buf[used + 3] << 8 |
				       w->buf[used + 4]);
		ASSERT_LE(len, sizeof(w->keep));
		if (w->have - used < len)
			break;
		pthread_mutex_lock(&r->lock);
		order = w->order;
		w->order.act = RELAY_PASS;
		if (r->tap)
			r->tap(r->tap_arg, w == &r->up, w->buf + used, len);
		pthread_mutex_unlock(&r->lock);
		obey(w, &order, w->buf + used, len);
		used += len;
	}
	memmove(w->buf, w->buf + used, w->have - used);
	w->have -= used;
}

/* false: this way has ended */
static bool forward(struct relay *r, struct relay_way *w)
{
	ssize_t n = recv(w->from, w->buf + w->have,
			 sizeof(w->buf) - w->have, 0);

	if (n > 0) {
		w->have += (size_t)n;
		records(r, w);
		return true;
	}
	put(w, w->buf, w->cut ? 0 : w->have);
	shutdown(w->to, SHUT_WR);
	return false;
}

static void *run(void *arg)
{
	struct relay *r = arg;
	struct relay_way *ways[2] = { &r->up, &r->down };
	struct pollfd p[2] = {
		{ .fd = r->fd[0], .events = POLLIN },
		{ .fd = r->fd[1], .events = POLLIN },
	};

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		ASSERT_OK(poll(p, 2, -1));
		for (int i = 0; i < 2; i++)
			if (p[i].fd >= 0 && p[i].revents &&
			    !forward(r, ways[i]))
				p[i].fd = -1;
	}
	return NULL;
}

void relay_open(struct relay *r, int fd[2])
{
	int client[2], server[2];

	tcp_pair(client);
	tcp_pair(server);
	*r = (struct relay){ .fd = { client[1], server[0] } };
	r->up.from = r->down.to = r->fd[0];
	r->up.to = r->down.from = r->fd[1];
	fd[0] = client[0];
	fd[1] = server[1];
	for (int i = 0; i < 2; i++) {
		set_socket(fd[i]);
		set_socket(r->fd[i]);
	}
	ASSERT_EQ(pthread_mutex_init(&r->lock, NULL), 0);
	ASSERT_EQ(pthread_create(&r->thread, NULL, run, r), 0);
}

void relay_order(struct relay *r, bool up, struct relay_order order)
{
	pthread_mutex_lock(&r->lock);
	*(up ? &r->up.order : &r->down.order) = order;
	pthread_mutex_unlock(&r->lock);
}

void relay_tap(struct relay *r, relay_tap_fn *fn, void *arg)
{
	pthread_mutex_lock(&r->lock);
	r->tap = fn;
	r->tap_arg = arg;
	pthread_mutex_unlock(&r->lock);
}

void relay_close(struct relay *r)
{
	ASSERT_EQ(pthread_join(r->thread, NULL), 0);
	pthread_mutex_destroy(&r->lock);
	close(r->fd[0]);
	close(r->fd[1]);
}
