// SPDX-License-Identifier: GPL-2.0-only
/* Data through ktls_send(), ktls_sendfile() and ktls_recv() */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic_lib.h"

#define SEED_FILE	77

/* ---- both ways at once ------------------------------------------------- */

FIXTURE(bulk) {
	struct pair p;
};
MODES(bulk, mode_all);

FIXTURE_SETUP(bulk)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(bulk)
{
	pair_close(&self->p);
}

TEST_F(bulk, both_ways)
{
	struct traffic f = { .step = NULL };

	traffic_run(&f, &self->p, 100, modest(2 << 20));
	close_both(self->p.client, self->p.server);
}

/* ---- pieces ------------------------------------------------------------ */

FIXTURE(piece) {
	struct pair p;
};
MODES(piece, mode_paths);

FIXTURE_SETUP(piece)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(piece)
{
	pair_close(&self->p);
}

static const size_t sizes[] = {
	0, 1, 2, 15, 16, 17, 255, 256, 4095, 4096, 4097, 16382, 16383, 16384,
	16385, 32767, 32768, 32769, 65536,
};

#define SIZES	(sizeof(sizes) / sizeof(*sizes))

TEST_F(piece, of_each_size)
{
	uint8_t *buf = malloc(65536);
	uint64_t pos = 0;

	ASSERT_TRUE(buf);
	for (size_t i = 0; i < SIZES; i++) {
		stream_fill(1, pos, buf, sizes[i]);
		ASSERT_EQ(ktls_send(self->p.client, buf, sizes[i], 0),
			  sizes[i]);
		recv_stream(self->p.server, 1, pos, sizes[i]);
		pos += sizes[i];
	}
	/* nothing more, and nothing of no length either */
	ASSERT_EQ(ktls_recv(self->p.server, buf, 1, MSG_DONTWAIT), -EAGAIN);
	ping(self->p.client, self->p.server);
	free(buf);
}

/* What is left of a record waits for the next call */
TEST_F(piece, taken_by_bytes)
{
	uint8_t buf[7];
	uint64_t pos = 0;

	send_stream(self->p.client, 1, 0, 20000);
	ASSERT_EQ(ktls_recv(self->p.server, buf, 0, 0), -EINVAL);
	while (pos < 20000) {
		ssize_t n = ktls_recv(self->p.server, buf,
				      1 + pos % sizeof(buf), 0);

		ASSERT_GT(n, 0);
		stream_check(1, pos, buf, (size_t)n);
		pos += (uint64_t)n;
	}
}

/* MSG_MORE is a hint: what it holds back goes out with what follows */
TEST_F(piece, more)
{
	struct pair *p = &self->p;
	uint8_t buf[20000];
	uint64_t pos = 0, got = 0;

	for (size_t i = 0; i < 40; i++) {
		size_t len = 1 + 511 * i % sizeof(buf);

		stream_fill(1, pos, buf, len);
		ASSERT_EQ(ktls_send(p->client, buf, len,
				    i % 4 == 3 ? 0 : MSG_MORE), len);
		pos += len;
		if (i % 4 == 3) {
			recv_stream(p->server, 1, got, pos - got);
			got = pos;
		}
	}
	close_both(p->client, p->server);
}

/* Flags that the call does not know are refused, and nothing is sent */
TEST_F(piece, flags)
{
	struct pair *p = &self->p;
	char c;

	ASSERT_EQ(ktls_send(p->client, "x", 1, MSG_OOB), -EINVAL);
	ASSERT_EQ(ktls_send(p->client, "x", 1, MSG_DONTWAIT | MSG_WAITALL),
		  -EINVAL);
	ASSERT_EQ(ktls_recv(p->server, &c, 1, MSG_PEEK), -EINVAL);
	ASSERT_EQ(ktls_recv(p->server, &c, 1, MSG_DONTWAIT), -EAGAIN);
	ASSERT_EQ(ktls_send(p->client, "y", 1, MSG_DONTWAIT | MSG_NOSIGNAL), 1);
	ASSERT_EQ(ktls_recv(p->server, &c, 1, 0), 1);
	ASSERT_EQ(c, 'y');
}

/* All that there is to receive now, into the stream's check */
static void drain(struct ktls_conn *conn, uint64_t seed, uint64_t *got)
{
	uint8_t buf[16384];
	ssize_t n;

	while ((n = ktls_recv(conn, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		stream_check(seed, *got, buf, (size_t)n);
		*got += (uint64_t)n;
	}
	ASSERT_EQ(n, -EAGAIN);
}

/* More than the socket takes at once: what was taken, and no more, arrives */
TEST_F(piece, larger_than_the_socket)
{
	const size_t block = 6 << 20, len = block + 12345;
	struct pair *p = &self->p;
	uint64_t sent = 0, got = 0;
	unsigned int full = 0;
	uint8_t *buf = malloc(len);

	ASSERT_TRUE(buf);
	stream_fill(1, 0, buf, len);
	while (sent < len) {
		ssize_t n = ktls_send(p->client, buf + sent, len - sent,
				      MSG_DONTWAIT);

		if (n >= 0)
			sent += (uint64_t)n;
		else
			ASSERT_EQ(n, -EAGAIN);
		full += n < 0;
		if (n < 0)
			drain(p->server, 1, &got);
		/* which is enough on a slow machine */
		if (full > 8 && harness_ms(1) > 1)
			break;
	}
	EXPECT_GT(full, 0);
	/* ktls_flush() is as patient as the socket, and we are who receives */
	set_nonblock(p->fd[0]);
	while (got < sent) {
		int err = ktls_flush(p->client);

		if (err)
			ASSERT_EQ(err, -EAGAIN);
		wait_fd(p->fd[1], POLLIN);
		drain(p->server, 1, &got);
	}
	ASSERT_EQ(got, sent);
	set_block(p->fd[0]);
	close_both(p->client, p->server);
	free(buf);
}

/* ---- files ------------------------------------------------------------- */

FIXTURE(file) {
	struct pair p;
	int fd;
	size_t size;
};
MODES(file, mode_ends);

FIXTURE_SETUP(file)
{
	uint8_t *buf;

	mode_need(&variant->mode);
	self->size = modest(1 << 20) + 4321;
	buf = malloc(self->size);
	ASSERT_TRUE(buf);
	stream_fill(SEED_FILE, 0, buf, self->size);
	ASSERT_OK(self->fd = memfd_create("file", MFD_CLOEXEC));
	ASSERT_EQ(write(self->fd, buf, self->size), self->size);
	ASSERT_EQ(lseek(self->fd, 0, SEEK_SET), 0);
	free(buf);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
	pair_close(&self->p);
}

struct reading {
	struct ktls_conn *conn;
	uint64_t pos, len;
	pthread_t thread;
};

static void *read_stream(void *arg)
{
	struct reading *r = arg;

	recv_stream(r->conn, SEED_FILE, r->pos, r->len);
	return NULL;
}

/* Somebody at the other end who wants this part of the file */
static void reading_begin(struct reading *r, struct ktls_conn *conn,
			  uint64_t pos, uint64_t len)
{
	*r = (struct reading){ .conn = conn, .pos = pos, .len = len };
	ASSERT_EQ(pthread_create(&r->thread, NULL, read_stream, r), 0);
}

static void reading_end(struct reading *r)
{
	ASSERT_EQ(pthread_join(r->thread, NULL), 0);
}

/* From @pos (of the file's position: @at_pos), @count bytes asked for */
static void send_part(FIXTURE_DATA(file) *self, off_t pos, size_t count,
		      bool at_pos)
{
	size_t left = (size_t)pos < self->size ? self->size - (size_t)pos : 0;
	off_t at = pos, before = lseek(self->fd, at_pos ? pos : 11, SEEK_SET);
	struct reading r;
	ssize_t n = 1;
	size_t sum = 0;

	if (left > count)
		left = count;
	reading_begin(&r, self->p.server, (uint64_t)pos, left);
	while (n && sum < count) {
		n = ktls_sendfile(self->p.client, self->fd,
				  at_pos ? NULL : &at, count - sum);
		ASSERT_OK(n) TH_LOG("from %ld, %zu bytes", (long)pos, count);
		ASSERT_LE(n, count - sum);
		sum += (size_t)n;
		if (!at_pos)
			ASSERT_EQ(at, pos + (off_t)sum);
	}
	ASSERT_EQ(sum, left);
	reading_end(&r);
	EXPECT_EQ(lseek(self->fd, 0, SEEK_CUR), at_pos ? before + (off_t)sum :
							 before);
}

TEST_F(file, from_offsets)
{
	static const off_t offsets[] = { 0, 1, 4095, 4097, 16385, 99999 };

	for (size_t o = 0; o < sizeof(offsets) / sizeof(*offsets); o++)
		for (size_t i = o % 3; i < SIZES; i += 3)
			send_part(self, offsets[o], sizes[i], o % 2);
	close_both(self->p.client, self->p.server);
}

TEST_F(file, to_its_end)
{
	off_t end = (off_t)self->size;

	for (int at_pos = 0; at_pos < 2; at_pos++) {
		send_part(self, end - 1, 1, at_pos);
		send_part(self, end - 17, 1000000, at_pos);
		send_part(self, end - 40000, 40001, at_pos);
		send_part(self, end, 10, at_pos);
		send_part(self, end + 4096, 10, at_pos);
	}
	/* all of it, and more than there is */
	send_part(self, 0, self->size + 1, true);
	send_part(self, 3, (size_t)1 << 30, false);
	close_both(self->p.client, self->p.server);
}

TEST_F(file, empty)
{
	int fd = memfd_create("empty", MFD_CLOEXEC);
	off_t at = 0;

	ASSERT_OK(fd);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(ktls_sendfile(self->p.client, fd, NULL, 100), 0);
		ASSERT_EQ(ktls_sendfile(self->p.client, fd, &at, 100), 0);
		ASSERT_EQ(at, 0);
		ping(self->p.client, self->p.server);
	}
	close(fd);
}

/* No failure of the file is one of the connection */
TEST_F(file, refused)
{
	struct pair *p = &self->p;
	off_t at = -1;
	int fd[2];

	ASSERT_OK(pipe(fd));
	ASSERT_EQ(ktls_sendfile(p->client, -1, NULL, 10), -EBADF);
	ASSERT_EQ(ktls_sendfile(p->client, self->fd, &at, 10), -EINVAL);
	ASSERT_EQ(at, -1);
	at = 0;
	ASSERT_EQ(ktls_sendfile(p->client, fd[1], NULL, 10), -EBADF);
	ASSERT_EQ(ktls_sendfile(p->client, fd[0], &at, 10), -ESPIPE);
	ping(p->client, p->server);
	close(fd[0]);
	close(fd[1]);
}

/* A header, a file and a trailer, as a server sends them */
TEST_F(file, between_sends)
{
	struct pair *p = &self->p;
	struct reading r;
	char buf[8];
	off_t at;

	for (int i = 0; i < 4; i++) {
		const size_t len = 30001 - (size_t)i * 10000;

		at = 3;
		ASSERT_EQ(ktls_send(p->client, "head", 4, MSG_MORE), 4);
		ASSERT_EQ(ktls_sendfile(p->client, self->fd, &at, len), len);
		ASSERT_EQ(ktls_send(p->client, "tail", 4, 0), 4);
		for (size_t n = 0; n < 4; ) {
			ssize_t got = ktls_recv(p->server, buf, 4 - n, 0);

			ASSERT_GT(got, 0);
			ASSERT_MEMEQ(buf, &"head"[n], (size_t)got);
			n += (size_t)got;
		}
		reading_begin(&r, p->server, 3, len);
		reading_end(&r);
		ASSERT_EQ(ktls_recv(p->server, buf, sizeof(buf), 0), 4);
		ASSERT_MEMEQ(buf, "tail", 4);
	}
}

/* A socket that does not block takes what it can; the offset says how much */
TEST_F(file, to_a_full_socket)
{
	struct pair *p = &self->p;
	unsigned int full = 0;
	uint64_t got = 0;
	off_t at = 0;

	/* what the other end holds counts as well */
	ASSERT_OK(setsockopt(p->fd[0], SOL_SOCKET, SO_SNDBUF,
			     &(int){ 20000 }, sizeof(int)));
	ASSERT_OK(setsockopt(p->fd[1], SOL_SOCKET, SO_RCVBUF,
			     &(int){ 20000 }, sizeof(int)));
	set_nonblock(p->fd[0]);
	while ((size_t)at < self->size) {
		off_t before = at;
		ssize_t n = ktls_sendfile(p->client, self->fd, &at,
					  self->size - (size_t)at);

		ASSERT_EQ(at - before, n < 0 ? 0 : n);
		if (n < 0)
			ASSERT_EQ(n, -EAGAIN);
		full += n < 0;
		/* not before it is full, or it may never be */
		if (full)
			drain(p->server, SEED_FILE, &got);
	}
	/* a small one may be taken whole, where tests are to be quick */
	EXPECT_TRUE(full || self->size < 1 << 20);
	while (got < self->size) {
		int err = ktls_flush(p->client);

		if (err)
			ASSERT_EQ(err, -EAGAIN);
		wait_fd(p->fd[1], POLLIN);
		drain(p->server, SEED_FILE, &got);
	}
	ASSERT_EQ(got, self->size);
	set_block(p->fd[0]);
	close_both(p->client, p->server);
}

HARNESS_MAIN
