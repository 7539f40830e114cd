// SPDX-License-Identifier: GPL-2.0-only
/*
 * KeyUpdates by the thousand while both ends stream: through the library, past
 * it, and by several threads.  No byte is lost, none comes twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* ---- past the library -------------------------------------------------- */

FIXTURE(past_us) {
	struct pair p;
};
MODES(past_us, mode_kernel);
FIXTURE_TIMEOUT(past_us, 120);

FIXTURE_SETUP(past_us)
{
	mode_need(&variant->mode);
	if (!rekeys(&variant->mode))
		SKIP("no rekey");
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(past_us)
{
	pair_close(&self->p);
}

#define PIECE	1000u
#define TOTAL	(KEYS * PIECE)

/* The client, which the test sends and receives for by itself */
struct plain {
	struct ktls_conn *conn;
	int fd, file, pipe[2];
	uint64_t sent, got;
	size_t piped;		/* bytes in the pipe */
	unsigned int keys, asked;
};

/* Into the pipe, and on into the socket; what stays there is sent next time */
static ssize_t splice_some(struct plain *c, off_t off, size_t len)
{
	ssize_t n;

	if (!c->piped) {
		n = splice(c->file, &off, c->pipe[1], NULL, len, 0);
		ASSERT_GT(n, 0);
		c->piped = (size_t)n;
	}
	n = splice(c->pipe[0], NULL, c->fd, NULL, c->piped,
		   SPLICE_F_NONBLOCK);
	c->piped -= n > 0 ? (size_t)n : 0;
	return n;
}

static ssize_t send_plain(struct plain *c, size_t len)
{
	uint8_t buf[PIECE];
	off_t off = (off_t)c->sent;

	if (c->piped || c->keys % 3 == 0)
		return splice_some(c, off, len);
	if (c->keys % 3 == 1)
		return sendfile(c->fd, c->file, &off, len);
	stream_fill(1, c->sent, buf, len);
	return write(c->fd, buf, len);
}

/* A new key for each piece, and one whenever the peer asks for it */
static void plain_out(struct plain *c)
{
	size_t left = PIECE - c->sent % PIECE;
	bool due = ktls_conn_events(c->conn) & KTLS_EV_REKEY;
	ssize_t n;
	int err = 0;

	if (c->sent == TOTAL)
		return;
	if (due || c->keys == c->sent / PIECE)
		err = ktls_conn_rekey(c->conn, c->keys % 2);
	if (err) {
		ASSERT_EQ(err, -EAGAIN);
		return;
	}
	c->asked += due;
	if (c->keys == c->sent / PIECE)
		c->keys++;
	n = send_plain(c, left);
	if (n < 0)
		ASSERT_EQ(errno, EAGAIN);
	else
		c->sent += (uint64_t)n;
}

static void plain_in(struct plain *c)
{
	uint8_t buf[PIECE_MAX];
	ssize_t n = read(c->fd, buf, sizeof(buf));
	int err = n < 0 ? errno : 0;

	if (err == EIO || err == EKEYEXPIRED) {
		n = ktls_conn_control(c->conn);
		if (n < 0)
			ASSERT_EQ(n, -EAGAIN);
		return;
	}
	if (err) {
		ASSERT_EQ(err, EAGAIN);
		return;
	}
	ASSERT_GT(n, 0);
	stream_check(2, c->got, buf, (size_t)n);
	c->got += (uint64_t)n;
}

struct ours {
	struct ktls_conn *conn;
	uint64_t sent, got;
	unsigned int keys;
};

static void ours_out(struct ours *s)
{
	size_t left = PIECE - s->sent % PIECE;
	uint8_t buf[PIECE];
	ssize_t n;

	if (s->sent == TOTAL)
		return;
	if (s->keys == s->sent / PIECE) {
		int err = ktls_conn_rekey(s->conn, s->keys % 2);

		s->keys += !err;
		if (err) {
			ASSERT_EQ(err, -EAGAIN);
			return;
		}
	}
	stream_fill(2, s->sent, buf, left);
	n = ktls_send(s->conn, buf, left, 0);
	if (n != -EAGAIN) {
		ASSERT_GT(n, 0);
		s->sent += (uint64_t)n;
	}
}

static void ours_in(struct ours *s)
{
	uint8_t buf[PIECE_MAX];
	ssize_t n = ktls_recv(s->conn, buf, sizeof(buf), 0);

	if (n == -EAGAIN)
		return;
	ASSERT_GT(n, 0);
	stream_check(1, s->got, buf, (size_t)n);
	s->got += (uint64_t)n;
}

static void make_file(struct plain *c)
{
	uint8_t buf[PIECE];

	c->file = memfd_create("stream", MFD_CLOEXEC);
	ASSERT_OK(c->file);
	for (uint64_t at = 0; at < TOTAL; at += PIECE) {
		stream_fill(1, at, buf, PIECE);
		ASSERT_EQ(write(c->file, buf, PIECE), PIECE);
	}
	ASSERT_OK(pipe2(c->pipe, O_CLOEXEC));
}

/* write(2), sendfile(2), splice(2) and read(2) on sockets that do not block */
TEST_F(past_us, read_and_write)
{
	struct plain c = { .conn = self->p.client, .fd = self->p.fd[0] };
	struct ours s = { .conn = self->p.server };
	struct rnd rnd = { 1 };

	make_file(&c);
	set_nonblock(self->p.fd[0]);
	set_nonblock(self->p.fd[1]);
	while (c.got < TOTAL || s.got < TOTAL) {
		/* now one is ahead, now the other */
		switch (rnd_below(&rnd, 4)) {
		case 0:
			plain_out(&c);
			break;
		case 1:
			plain_in(&c);
			break;
		case 2:
			ours_out(&s);
			break;
		default:
			ours_in(&s);
		}
	}
	EXPECT_EQ(c.keys, KEYS);
	EXPECT_EQ(s.keys, KEYS);
	EXPECT_GT(c.asked, KEYS / 20);
	set_block(self->p.fd[0]);
	set_block(self->p.fd[1]);
	ping(self->p.client, self->p.server);
	close_both(self->p.client, self->p.server);
	close(c.file);
	close(c.pipe[0]);
	close(c.pipe[1]);
}

/* ---- many who write ---------------------------------------------------- */

#define WRITERS	3

struct word {
	uint32_t writer, nr;
};

/* Writers may write at once, but not while the key changes */
struct crowd {
	struct ktls_conn *conn;
	int fd;
	pthread_rwlock_t lock;
	pthread_t writer[WRITERS];
	atomic_uint words, names;
	atomic_bool over;
};

static void *writer(void *arg)
{
	struct crowd *c = arg;
	struct word w = { .writer = atomic_fetch_add(&c->names, 1) };

	while (!atomic_load(&c->over)) {
		pthread_rwlock_rdlock(&c->lock);
		ASSERT_EQ(write(c->fd, &w, sizeof(w)), sizeof(w));
		pthread_rwlock_unlock(&c->lock);
		atomic_fetch_add(&c->words, 1);
		w.nr++;
		usleep(50);
	}
	return NULL;
}

static void *changer(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < KEYS; i++) {
		unsigned int words = atomic_load(&c->words);

		pthread_rwlock_wrlock(&c->lock);
		ASSERT_OK(ktls_conn_rekey(c->conn, 0));
		pthread_rwlock_unlock(&c->lock);
		/* a key that protects nothing is an attack */
		while (atomic_load(&c->words) == words)
			usleep(50);
	}
	atomic_store(&c->over, true);
	for (int i = 0; i < WRITERS; i++)
		ASSERT_EQ(pthread_join(c->writer[i], NULL), 0);
	ASSERT_OK(ktls_conn_shutdown(c->conn));
	return NULL;
}

/* False at the end of all of them */
static bool recv_word(struct ktls_conn *conn, struct word *w)
{
	size_t at = 0;

	while (at < sizeof(*w)) {
		ssize_t n = ktls_recv(conn, (uint8_t *)w + at,
				      sizeof(*w) - at, 0);

		ASSERT_OK(n);
		if (!n) {
			ASSERT_EQ(at, 0);
			return false;
		}
		at += (size_t)n;
	}
	return true;
}

TEST_F(past_us, many_writers)
{
	struct crowd c = { .conn = self->p.client, .fd = self->p.fd[0] };
	uint32_t next[WRITERS] = { 0 };
	unsigned int got = 0;
	pthread_t thread;
	struct word w;

	pthread_rwlock_init(&c.lock, NULL);
	for (int i = 0; i < WRITERS; i++)
		run(&c.writer[i], writer, &c);
	run(&thread, changer, &c);
	for (; recv_word(self->p.server, &w); got++) {
		ASSERT_LT(w.writer, WRITERS);
		ASSERT_EQ(w.nr, next[w.writer]++);
	}
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	ASSERT_EQ(got, atomic_load(&c.words));
	EXPECT_GE(got, KEYS);
	pthread_rwlock_destroy(&c.lock);
}

HARNESS_MAIN
