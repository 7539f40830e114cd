// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket as the interface: a caller who moves data with read(2), write(2),
 * sendfile(2) and splice(2), and calls us for what is no data.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/offload.h"
#include "raw_lib.h"

/* ---- data -------------------------------------------------------------- */

FIXTURE(plain) {
	struct pair p;
	int pipe[2];
};
MODES(plain, mode_kernel);

FIXTURE_SETUP(plain)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
	ASSERT_OK(pipe2(self->pipe, O_CLOEXEC));
}

FIXTURE_TEARDOWN(plain)
{
	pair_close(&self->p);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

static void read_stream(int fd, uint64_t seed, uint64_t pos, size_t len)
{
	uint8_t buf[16384];

	while (len) {
		ssize_t n = read(fd, buf, len < sizeof(buf) ? len :
				 sizeof(buf));

		ASSERT_GT(n, 0) TH_LOG("errno %d, %zu are missing", errno, len);
		stream_check(seed, pos, buf, (size_t)n);
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
}

static void write_stream(int fd, uint64_t seed, uint64_t pos, size_t len)
{
	uint8_t buf[65536];

	ASSERT_LE(len, sizeof(buf));
	stream_fill(seed, pos, buf, len);
	ASSERT_EQ(write(fd, buf, len), len);
}

static const size_t sizes[] = {
	1, 2, 100, 4095, 4096, 4097, 16383, 16384, 16385, 40000, 65536,
};

#define SIZES	(sizeof(sizes) / sizeof(*sizes))

/* Plain calls at one end and ours at the other, and both */
TEST_F(plain, read_write)
{
	struct pair *p = &self->p;
	uint64_t pos = 0;

	for (size_t i = 0; i < SIZES; i++) {
		write_stream(p->fd[0], 1, pos, sizes[i]);
		read_stream(p->fd[1], 1, pos, sizes[i]);
		write_stream(p->fd[1], 2, pos, sizes[i]);
		recv_stream(p->client, 2, pos, sizes[i]);
		send_stream(p->server, 3, pos, sizes[i]);
		read_stream(p->fd[0], 3, pos, sizes[i]);
		pos += sizes[i];
	}
	ping(p->client, p->server);
	close_both(p->client, p->server);
}

TEST_F(plain, sendfile)
{
	struct pair *p = &self->p;
	int fd = memfd_create("file", MFD_CLOEXEC);

	ASSERT_OK(fd);
	write_stream(fd, 5, 0, 65536);
	for (size_t i = 0; i < SIZES; i++) {
		off_t at = 65536 - (off_t)sizes[i];

		ASSERT_EQ(sendfile(p->fd[1], fd, &at, sizes[i]), sizes[i]);
		ASSERT_EQ(at, 65536);
		recv_stream(p->client, 5, 65536 - sizes[i], sizes[i]);
		ASSERT_EQ(sendfile(p->fd[1], fd, &at, sizes[i]), 0);
	}
	close(fd);
	close_both(p->client, p->server);
}

/* ---- splice(2) --------------------------------------------------------- */

TEST_F(plain, splice_in)
{
	struct pair *p = &self->p;
	uint64_t pos = 0;

	for (size_t i = 0; i < SIZES; i++) {
		for (int more = 0; more < 2; more++) {
			write_stream(self->pipe[1], 1, pos, sizes[i]);
			for (size_t left = sizes[i]; left; ) {
				ssize_t n = splice(self->pipe[0], NULL,
						   p->fd[0], NULL, left,
						   more ? SPLICE_F_MORE : 0);

				ASSERT_GT(n, 0) TH_LOG("errno %d", errno);
				left -= (size_t)n;
			}
			/* what MORE holds back, this pushes */
			if (more)
				write_stream(p->fd[0], 1, pos + sizes[i], 3);
			recv_stream(p->server, 1, pos,
				    sizes[i] + (more ? 3 : 0));
			pos += sizes[i] + (more ? 3 : 0);
		}
	}
	close_both(p->client, p->server);
}

/* Out of the socket into a pipe, which is emptied when it is full */
static void splice_out(FIXTURE_DATA(plain) *self, uint64_t pos, size_t len)
{
	struct pair *p = &self->p;

	while (len) {
		ssize_t n = splice(p->fd[1], NULL, self->pipe[1], NULL, len,
				   SPLICE_F_NONBLOCK);

		if (n < 0 && errno == EAGAIN) {
			wait_fd(p->fd[1], POLLIN);
			continue;
		}
		ASSERT_GT(n, 0) TH_LOG("errno %d, %zu are missing", errno, len);
		ASSERT_LE(n, len);
		read_stream(self->pipe[0], 1, pos, (size_t)n);
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
}

TEST_F(plain, splice_out)
{
	struct pair *p = &self->p;
	uint64_t pos = 0;

	for (size_t i = 0; i < SIZES; i++) {
		send_stream(p->client, 1, pos, sizes[i]);
		splice_out(self, pos, sizes[i]);
		pos += sizes[i];
	}
	ping(p->client, p->server);
	close_both(p->client, p->server);
}

/* A pipe of one page, and what a record leaves over is not lost */
TEST_F(plain, splice_out_a_little)
{
	struct pair *p = &self->p;
	uint64_t pos = 0;

	ASSERT_OK(fcntl(self->pipe[1], F_SETPIPE_SZ, 4096));
	for (size_t i = 0; i < SIZES; i++) {
		send_stream(p->client, 1, pos, sizes[i]);
		splice_out(self, pos, sizes[i]);
		pos += sizes[i];
	}
	/* in turn with reads, in the middle of a record */
	send_stream(p->client, 1, pos, 65536);
	for (size_t i = 0; i < 16; i++, pos += 4096) {
		if (i % 2)
			splice_out(self, pos, 4096);
		else
			read_stream(p->fd[1], 1, pos, 4096);
	}
	close_both(p->client, p->server);
}

/* From socket to socket, as a proxy that adds nothing */
TEST_F(plain, splice_through)
{
	struct pair *p = &self->p, q;
	uint64_t pos = 0;

	mode_pair(&q, &variant->mode, NULL);
	for (size_t i = 0; i < SIZES; i++, pos += sizes[i - 1]) {
		send_stream(p->client, 1, pos, sizes[i]);
		for (size_t left = sizes[i]; left; ) {
			ssize_t n = splice(p->fd[1], NULL, self->pipe[1],
					   NULL, left, 0);

			ASSERT_GT(n, 0) TH_LOG("errno %d", errno);
			left -= (size_t)n;
			while (n) {
				ssize_t m = splice(self->pipe[0], NULL,
						   q.fd[0], NULL, (size_t)n, 0);

				ASSERT_GT(m, 0) TH_LOG("errno %d", errno);
				n -= m;
			}
		}
		recv_stream(q.server, 1, pos, sizes[i]);
	}
	close_both(q.client, q.server);
	pair_close(&q);
}

/* ---- what is no data --------------------------------------------------- */

FIXTURE(aside) {
	struct raw r;
	int pipe[2];
};
MODES(aside, mode_kernel);

FIXTURE_SETUP(aside)
{
	mode_need(&variant->mode);
	raw_open(&self->r, &variant->mode, KTLS_CLIENT, NULL);
	ASSERT_OK(pipe2(self->pipe, O_CLOEXEC | O_NONBLOCK));
}

FIXTURE_TEARDOWN(aside)
{
	raw_close(&self->r);
	close(self->pipe[0]);
	close(self->pipe[1]);
}

static void again(struct raw *r, const struct mode *m)
{
	raw_close(r);
	raw_open(r, m, KTLS_CLIENT, NULL);
}

/* A record that is no data, of no consequence in either version */
static void aside(struct raw *r)
{
	uint8_t msg[256];

	if (r->suite->version == KTLS_TLS13)
		raw_send(r, CT_HANDSHAKE, msg,
			 make_ticket(msg, sizeof(msg), 100));
	else
		raw_alert(r, 1, KTLS_ALERT_USER_CANCELED);
}

static void want_read(struct raw *r, const char *text)
{
	char buf[64];

	ASSERT_EQ(read(r->us_fd, buf, sizeof(buf)), strlen(text))
		TH_LOG("errno %d", errno);
	ASSERT_MEMEQ(buf, text, strlen(text));
}

static void want_errno(ssize_t n, int err)
{
	int seen = errno;

	ASSERT_EQ(n, -1);
	ASSERT_EQ(seen, err);
}

static void read_fails(struct raw *r, int err)
{
	char c;

	wait_fd(r->us_fd, POLLIN);
	want_errno(read(r->us_fd, &c, 1), err);
}

TEST_F(aside, between_data)
{
	struct raw *r = &self->r;

	ASSERT_EQ(ktls_conn_control(r->us), -EAGAIN);
	for (int i = 0; i < 3; i++) {
		raw_send(r, CT_DATA, "one", 3);
		aside(r);
		aside(r);
		raw_send(r, CT_DATA, "two", 3);
		/* data stands first: it is left alone */
		wait_fd(r->us_fd, POLLIN);
		ASSERT_EQ(ktls_conn_control(r->us), 1);
		want_read(r, "one");
		for (int j = 0; j < 3; j++)
			read_fails(r, EIO);
		ASSERT_EQ(ktls_conn_control(r->us), 1);
		want_read(r, "two");
		ASSERT_EQ(ktls_conn_control(r->us), -EAGAIN);
	}
	ASSERT_EQ(write(r->us_fd, "back", 4), 4);
	raw_want(r, "back", 4);
}

TEST_F(aside, and_nothing_more)
{
	struct raw *r = &self->r;

	aside(r);
	read_fails(r, EIO);
	ASSERT_EQ(ktls_conn_control(r->us), -EAGAIN);
	raw_send(r, CT_DATA, "data", 4);
	want_read(r, "data");
}

TEST_F(aside, spliced)
{
	struct raw *r = &self->r;
	char buf[8];

	raw_send(r, CT_DATA, "one", 3);
	aside(r);
	raw_send(r, CT_DATA, "two", 3);
	wait_fd(r->us_fd, POLLIN);
	ASSERT_EQ(splice(r->us_fd, NULL, self->pipe[1], NULL, 64, 0), 3);
	wait_fd(r->us_fd, POLLIN);
	for (int i = 0; i < 3; i++)
		want_errno(splice(r->us_fd, NULL, self->pipe[1], NULL, 64, 0),
			   EINVAL);
	ASSERT_EQ(ktls_conn_control(r->us), 1);
	ASSERT_EQ(splice(r->us_fd, NULL, self->pipe[1], NULL, 64, 0), 3);
	ASSERT_EQ(read(self->pipe[0], buf, sizeof(buf)), 6);
	ASSERT_MEMEQ(buf, "onetwo", 6);
}

TEST_F(aside, close_notify)
{
	struct raw *r = &self->r;

	raw_send(r, CT_DATA, "last", 4);
	raw_alert(r, 1, KTLS_ALERT_CLOSE_NOTIFY);
	raw_fin(r);
	want_read(r, "last");
	for (int i = 0; i < 3; i++)
		read_fails(r, EIO);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(ktls_conn_control(r->us), 0);
	EXPECT_EQ(ktls_conn_events(r->us), KTLS_EV_CLOSED);
	/* our direction is still open */
	ASSERT_EQ(write(r->us_fd, "on", 2), 2);
	raw_want(r, "on", 2);
	ASSERT_OK(ktls_conn_shutdown(r->us));
	raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
	raw_want_end(r);
}

/* read(2) says 0, and only we know that it is no end in good order */
TEST_F(aside, truncation)
{
	struct raw *r = &self->r;
	char c;

	raw_send(r, CT_DATA, "last", 4);
	raw_fin(r);
	want_read(r, "last");
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(read(r->us_fd, &c, 1), 0);
		ASSERT_EQ(ktls_conn_control(r->us), -KTLS_E_TRUNCATED);
	}
	raw_failed(r, -KTLS_E_TRUNCATED, KTLS_ALERT_NONE);
}

TEST_F(aside, alert)
{
	struct raw *r = &self->r;

	raw_alert(r, 2, KTLS_ALERT_ACCESS_DENIED);
	read_fails(r, EIO);
	ASSERT_EQ(ktls_conn_control(r->us), -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_ACCESS_DENIED);
	raw_failed(r, -KTLS_E_PEER_ALERT, KTLS_ALERT_NONE);
}

/* What does not decrypt: the peer gets its alert from us */
TEST_F(aside, faults)
{
	static const uint8_t large[RECORD_PLAIN_MAX + 1];
	struct raw *r = &self->r;

	raw_add(r, CT_DATA, "data", 4);
	r->out.buf[r->out.len - 1] ^= 1;
	raw_push(r);
	read_fails(r, EBADMSG);
	ASSERT_EQ(ktls_conn_control(r->us), -KTLS_E_RECORD_MAC);
	raw_failed(r, -KTLS_E_RECORD_MAC, KTLS_ALERT_BAD_RECORD_MAC);

	again(r, &variant->mode);
	raw_send(r, CT_DATA, large, sizeof(large));
	wait_fd(r->us_fd, POLLIN);
	ASSERT_EQ(ktls_conn_control(r->us), -KTLS_E_RECORD_OVERFLOW);
	raw_failed(r, -KTLS_E_RECORD_OVERFLOW, KTLS_ALERT_RECORD_OVERFLOW);

	again(r, &variant->mode);
	raw_send(r, 77, "?", 1);
	read_fails(r, EIO);
	ASSERT_EQ(ktls_conn_control(r->us), -KTLS_E_RECORD_TYPE);
	raw_failed(r, -KTLS_E_RECORD_TYPE, KTLS_ALERT_UNEXPECTED_MESSAGE);
}

/* Data where the rest of a message should be, seen before it is read */
TEST_F(aside, message_interrupted)
{
	struct raw *r = &self->r;
	uint8_t msg[256];

	if (variant->mode.suite->version != KTLS_TLS13)
		return;
	make_ticket(msg, sizeof(msg), 100);
	raw_send(r, CT_HANDSHAKE, msg, 10);
	raw_send(r, CT_DATA, "data", 4);
	read_fails(r, EIO);
	ASSERT_EQ(ktls_conn_control(r->us), -KTLS_E_RECORD_TYPE);
	raw_failed(r, -KTLS_E_RECORD_TYPE, KTLS_ALERT_UNEXPECTED_MESSAGE);
}

/* A caller who receives control records himself, and hands them to us */
TEST_F(aside, received_by_the_caller)
{
	struct raw *r = &self->r;
	char space[CMSG_SPACE(1)], buf[512];
	struct iovec iov = { buf, sizeof(buf) };

	for (int i = 0; i < 3; i++) {
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
				      .msg_control = space,
				      .msg_controllen = sizeof(space) };
		ssize_t n;

		if (i < 2)
			aside(r);
		else
			raw_alert(r, 1, KTLS_ALERT_CLOSE_NOTIFY);
		n = recvmsg(r->us_fd, &msg, 0);
		ASSERT_GT(n, 0);
		ASSERT_TRUE(msg.msg_flags & MSG_EOR);
		ASSERT_EQ(CMSG_FIRSTHDR(&msg)->cmsg_level, SOL_TLS);
		ASSERT_EQ(ktls_conn_record(r->us, *CMSG_DATA(CMSG_FIRSTHDR(&msg)),
					   buf, (size_t)n), i < 2);
	}
	EXPECT_EQ(ktls_conn_events(r->us), KTLS_EV_CLOSED);
	ASSERT_EQ(ktls_conn_record(r->us, CT_HANDSHAKE, "\20", 1), 0);
}

/* ---- not ours to use so ------------------------------------------------ */

FIXTURE(mixed) {
	struct pair p;
};
MODES(mixed, mode_paths13);

FIXTURE_SETUP(mixed)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(mixed)
{
	pair_close(&self->p);
}

/* Each direction by the calls that it allows */
TEST_F(mixed, each_its_own)
{
	unsigned int bits = ktls_conn_kernel(self->p.client);
	struct pair *p = &self->p;

	EXPECT_EQ(ktls_conn_control(p->client),
		  bits & KTLS_RX ? -EAGAIN : -KTLS_E_STATE);
	for (int i = 0; i < 3; i++) {
		uint64_t pos = 30000 * (uint64_t)i;

		if (bits & KTLS_TX)
			write_stream(p->fd[0], 1, pos, 30000);
		else
			send_stream(p->client, 1, pos, 30000);
		if (bits & KTLS_RX)
			read_stream(p->fd[1], 1, pos, 30000);
		else
			recv_stream(p->server, 1, pos, 30000);
	}
	close_both(p->client, p->server);
}

HARNESS_MAIN
