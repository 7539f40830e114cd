// SPDX-License-Identifier: GPL-2.0-only
/*
 * KeyUpdates by the thousand while both ends stream, in threads.  No byte is
 * lost, none comes twice.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "mode_lib.h"

#define KEYS		1000	/* of each end, and those that it is asked for */
#define PIECE_MAX	3000

static bool rekeys(const struct mode *m)
{
	return mode_rekeys_tx(m) && mode_rekeys_rx(m);
}

/* ---- one thread sends, one receives ------------------------------------ */

FIXTURE(threads) {
	struct pair p;
};
MODES(threads, mode_paths13);
FIXTURE_TIMEOUT(threads, 120);

FIXTURE_SETUP(threads)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(threads)
{
	pair_close(&self->p);
}

/* As the header asks: a lock around each call, and nobody waits within */
struct end {
	struct ktls_conn *conn;
	pthread_mutex_t lock;
	uint64_t out, in;	/* the streams' seeds */
	uint64_t sent, got;
};

static ssize_t locked_send(struct end *e, const void *buf, size_t len)
{
	ssize_t n;

	while (true) {
		pthread_mutex_lock(&e->lock);
		n = ktls_send(e->conn, buf, len, MSG_DONTWAIT);
		pthread_mutex_unlock(&e->lock);
		if (n != -EAGAIN)
			return n;
		wait_fd(ktls_conn_fd(e->conn), POLLOUT);
	}
}

/* One of those that take no more than the connection, until it is done */
static void locked(struct end *e, int (*fn)(struct ktls_conn *conn))
{
	int err;

	while (true) {
		pthread_mutex_lock(&e->lock);
		err = fn(e->conn);
		pthread_mutex_unlock(&e->lock);
		if (err != -EAGAIN)
			break;
		wait_fd(ktls_conn_fd(e->conn), POLLOUT);
	}
	ASSERT_OK(err);
}

static int rekey_both(struct ktls_conn *conn)
{
	return ktls_conn_rekey(conn, KTLS_REKEY_BOTH);
}

static int rekey_ours(struct ktls_conn *conn)
{
	return ktls_conn_rekey(conn, 0);
}

static void *sender(void *arg)
{
	struct end *e = arg;
	struct rnd rnd = { e->out };
	uint8_t buf[PIECE_MAX];

	for (int i = 0; i < KEYS; i++) {
		size_t len = rnd_size(&rnd, sizeof(buf)), at = 0;

		locked(e, i % 3 ? rekey_ours : rekey_both);
		stream_fill(e->out, e->sent, buf, len);
		while (at < len) {
			ssize_t n = locked_send(e, buf + at, len - at);

			ASSERT_OK(n) TH_LOG("key %d", i);
			at += (size_t)n;
		}
		e->sent += len;
	}
	locked(e, ktls_conn_shutdown);
	return NULL;
}

static void *receiver(void *arg)
{
	struct end *e = arg;
	uint8_t buf[PIECE_MAX];
	ssize_t n;

	do {
		pthread_mutex_lock(&e->lock);
		n = ktls_recv(e->conn, buf, sizeof(buf), MSG_DONTWAIT);
		pthread_mutex_unlock(&e->lock);
		if (n == -EAGAIN) {
			wait_fd(ktls_conn_fd(e->conn), POLLIN);
			continue;
		}
		ASSERT_OK(n) TH_LOG("after %llu bytes",
				    (unsigned long long)e->got);
		stream_check(e->in, e->got, buf, (size_t)n);
		e->got += (uint64_t)n;
	} while (n);
	return NULL;
}

static void run(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	ASSERT_EQ(pthread_create(thread, NULL, fn, arg), 0);
}

TEST_F(threads, send_and_receive)
{
	struct end end[2] = {
		{ .conn = self->p.client, .out = 1, .in = 2 },
		{ .conn = self->p.server, .out = 2, .in = 1 },
	};
	pthread_t thread[4];

	if (!rekeys(&variant->mode))
		return;
	for (int i = 0; i < 2; i++) {
		set_nonblock(self->p.fd[i]);
		pthread_mutex_init(&end[i].lock, NULL);
		run(&thread[i], sender, &end[i]);
		run(&thread[2 + i], receiver, &end[i]);
	}
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(pthread_join(thread[i], NULL), 0);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(end[i].got, end[!i].sent);
		ASSERT_GT(end[i].got, KEYS);
		pthread_mutex_destroy(&end[i].lock);
	}
}

HARNESS_MAIN
