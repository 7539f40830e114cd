// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plain system calls on a socket whose keys the kernel has, while its keys
 * change by the thousand.  No byte is lost, none comes twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "mode_lib.h"

FIXTURE(past_us) {
	struct pair p;
};
MODES(past_us, mode_kernel);
FIXTURE_TIMEOUT(past_us, 120);

FIXTURE_SETUP(past_us)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(past_us)
{
	pair_close(&self->p);
}

#define KEYS		1000	/* of each end, and those that it is asked for */
#define PIECE_MAX	3000
#define PIECE	1000u
#define TOTAL	(KEYS * PIECE)

static bool rekeys(const struct mode *m)
{
	return mode_rekeys_tx(m) && mode_rekeys_rx(m);
}

/* Where no key can be changed, it stays, and all goes on */
static int change_key(struct ktls_conn *conn, bool can, unsigned int flags)
{
	int err = ktls_conn_rekey(conn, flags);

	if (can)
		return err;
	ASSERT_EQ(err, -KTLS_E_NO_REKEY);
	return 0;
}

/* The client, which the test sends and receives for by itself */
struct plain {
	struct ktls_conn *conn;
	bool rekeys;
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
		err = change_key(c->conn, c->rekeys, c->keys % 2);
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
	bool rekeys;
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
		int err = change_key(s->conn, s->rekeys, s->keys % 2);

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
	bool can = rekeys(&variant->mode);
	struct plain c = { .conn = self->p.client, .fd = self->p.fd[0],
			   .rekeys = can };
	struct ours s = { .conn = self->p.server, .rekeys = can };
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
	if (c.rekeys)
		EXPECT_GT(c.asked, KEYS / 20);
	set_block(self->p.fd[0]);
	set_block(self->p.fd[1]);
	ping(self->p.client, self->p.server);
	close_both(self->p.client, self->p.server);
	close(c.file);
	close(c.pipe[0]);
	close(c.pipe[1]);
}

static void run(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	ASSERT_EQ(pthread_create(thread, NULL, fn, arg), 0);
}

/* ---- many who write ---------------------------------------------------- */

#define WRITERS	3

struct word {
	uint32_t writer, nr;
};

/* Writers may write at once, but not while the key changes */
struct crowd {
	struct ktls_conn *conn;
	bool rekeys;
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
		ASSERT_OK(change_key(c->conn, c->rekeys, 0));
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
	struct crowd c = { .conn = self->p.client, .fd = self->p.fd[0],
			   .rekeys = rekeys(&variant->mode) };
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
