// SPDX-License-Identifier: GPL-2.0-only
/* The end of a connection: in good order, by halves, cut off */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw_lib.h"

/* ---- both ends ours ---------------------------------------------------- */

FIXTURE(closing) {
	struct pair p;
};
MODES(closing, mode_paths);

FIXTURE_SETUP(closing)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(closing)
{
	pair_close(&self->p);
}

TEST_F(closing, both)
{
	struct pair *p = &self->p;
	char c;

	ping(p->client, p->server);
	close_both(p->client, p->server);
	EXPECT_EQ(ktls_conn_alert(p->client), KTLS_ALERT_CLOSE_NOTIFY);
	EXPECT_EQ(ktls_conn_events(p->client), KTLS_EV_CLOSED);
	/* it stays at that */
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(ktls_recv(p->server, &c, 1, 0), 0);
		ASSERT_EQ(ktls_send(p->server, "x", 1, 0), -EPIPE);
		ASSERT_EQ(ktls_sendfile(p->server, -1, NULL, 1), -EPIPE);
		ASSERT_EQ(ktls_conn_rekey(p->server, 0), -EPIPE);
		ASSERT_OK(ktls_conn_shutdown(p->server));
	}
}

/* The peer's end, and what it has sent, is gone at once */
static void reset(struct pair *p, int file)
{
	const struct linger now = { .l_onoff = 1 };
	socklen_t len = sizeof(int);
	int err;

	ASSERT_EQ(setsockopt(p->fd[0], SOL_SOCKET, SO_LINGER, &now,
			     sizeof(now)), 0);
	ASSERT_GE(dup2(file, p->fd[0]), 0);
	wait_fd(p->fd[1], POLLHUP);
	/* somebody has asked what was wrong: it is not said again */
	ASSERT_EQ(getsockopt(p->fd[1], SOL_SOCKET, SO_ERROR, &err, &len), 0);
	EXPECT_EQ(err, ECONNRESET);
}

static int big_file(void)
{
	int file = memfd_create("file", MFD_CLOEXEC);

	ASSERT_GE(file, 0);
	ASSERT_EQ(ftruncate(file, 16 << 20), 0);
	return file;
}

/* The kernel's TLS would go on to take it, and keep it */
TEST_F(closing, reset)
{
	static uint8_t buf[100000];
	struct pair *p = &self->p;
	int file = big_file();
	ssize_t n = 1;
	off_t at = 0;

	reset(p, file);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(ktls_sendfile(p->server, file, &at, 1 << 20),
			  -EPIPE);
	for (int i = 0; i < 3 && n > 0; i++)
		n = ktls_send(p->server, buf, sizeof(buf), 0);
	ASSERT_EQ(n, -EPIPE);
	close(file);
}

/* ... and may take a little where SIGPIPE is ignored */
TEST_F(closing, reset_unseen)
{
	const struct ktls_opts more = {
		.size = sizeof(more),
		.flags = KTLS_F_SIGPIPE_IGNORED,
	};
	struct pair *p = &self->p;
	int file = big_file();
	ssize_t n = 1;
	off_t at = 0;

	signal(SIGPIPE, SIG_IGN);
	pair_close(p);
	mode_pair(p, &variant->mode, &more);
	reset(p, file);
	ASSERT_EQ(ktls_sendfile(p->server, file, &at, 16 << 20), -EPIPE);
	for (int i = 0; i < 5 && n > 0; i++)
		n = ktls_sendfile(p->server, file, &at, 1 << 20);
	ASSERT_EQ(n, -EPIPE);
	ASSERT_EQ(ktls_sendfile(p->server, file, &at, 1), -EPIPE);
	close(file);
}

/* 6.1: one direction ends, and the other does not care */
static void half(struct ktls_conn *ends, struct ktls_conn *goes_on)
{
	char c;

	send_stream(ends, 1, 0, 20000);
	ASSERT_OK(ktls_conn_shutdown(ends));
	recv_stream(goes_on, 1, 0, 20000);
	ASSERT_EQ(ktls_recv(goes_on, &c, 1, 0), 0);
	for (int i = 0; i < 10; i++) {
		send_stream(goes_on, 2, 20000 * (uint64_t)i, 20000);
		recv_stream(ends, 2, 20000 * (uint64_t)i, 20000);
	}
	ASSERT_OK(ktls_conn_shutdown(goes_on));
	ASSERT_EQ(ktls_recv(ends, &c, 1, 0), 0);
}

TEST_F(closing, client_first)
{
	half(self->p.client, self->p.server);
}

TEST_F(closing, server_first)
{
	half(self->p.server, self->p.client);
}

/* All that there is room for: how much */
static uint64_t fill(struct ktls_conn *conn, uint64_t seed, int flags)
{
	static uint8_t buf[16384];
	uint64_t sent = 0;
	ssize_t n;

	do {
		stream_fill(seed, sent, buf, sizeof(buf));
		n = ktls_send(conn, buf, sizeof(buf), flags);
		sent += n > 0 ? (uint64_t)n : 0;
	} while (n > 0);
	ASSERT_EQ(n, -EAGAIN);
	return sent;
}

/* Sockets that do not block, whose buffers are full: shutdown comes last */
TEST_F(closing, behind_much_data)
{
	struct pair *p = &self->p;
	uint8_t buf[16384];
	uint64_t sent = 0, got = 0;
	ssize_t n;
	int err;

	set_nonblock(p->fd[0]);
	set_nonblock(p->fd[1]);
	sent = fill(p->client, 3, 0);
	do {
		err = ktls_conn_shutdown(p->client);
		if (err)
			ASSERT_EQ(err, -EAGAIN);
		while ((n = ktls_recv(p->server, buf, sizeof(buf), 0)) > 0) {
			stream_check(3, got, buf, (size_t)n);
			got += (uint64_t)n;
		}
		if (n)
			ASSERT_EQ(n, -EAGAIN);
		if (n && !err)
			wait_fd(p->fd[1], POLLIN);
	} while (n || err);
	EXPECT_EQ(got, sent);
}

/* A socket that blocks waits for room, no longer than it is told to */
TEST_F(closing, in_time)
{
	const struct timeval soon = { .tv_usec = 20000 };
	struct pair *p = &self->p;
	struct pollfd full = { .fd = p->fd[0], .events = POLLOUT };
	static uint8_t buf[65536];
	uint64_t sent = 0, got = 0;
	ssize_t n;
	int err;

	ASSERT_OK(setsockopt(p->fd[0], SOL_SOCKET, SO_SNDTIMEO, &soon,
			     sizeof(soon)));
	/* until it is full for good */
	do
		sent += fill(p->client, 5, MSG_DONTWAIT);
	while (poll(&full, 1, harness_ms(100)));
	/* so little may still find room, once TCP has packed what it holds */
	err = ktls_conn_shutdown(p->client);
	if (err)
		EXPECT_EQ(err, -EAGAIN);
	do {
		n = ktls_recv(p->server, buf, sizeof(buf), MSG_DONTWAIT);
		err = n == -EAGAIN ? ktls_conn_shutdown(p->client) : 0;
		ASSERT_TRUE(n >= 0 || n == -EAGAIN);
		ASSERT_TRUE(!err || err == -EAGAIN);
		got += n > 0 ? (uint64_t)n : 0;
	} while (n);
	EXPECT_EQ(got, sent);
}

/*
 * What the kernel's TLS has taken need not be TCP's yet, and a shutdown would
 * cut it off: a peer reads @step bytes at a time, the last to send are @last.
 */
static void close_behind(struct pair *p, size_t step, size_t last)
{
	static uint8_t buf[16384];
	uint64_t sent = 0, got = 0;
	bool more;
	ssize_t n;
	int err;

	set_nonblock(p->fd[0]);
	sent = fill(p->client, 4, 0);
	do {
		stream_fill(4, sent, buf, last);
		n = last ? ktls_send(p->client, buf, last, 0) : 0;
		sent += n > 0 ? (uint64_t)n : 0;
		last = n < 0 ? last : 0;
		err = last ? -EAGAIN : ktls_conn_shutdown(p->client);
		more = mode_trickle(p, 4, &got, step);
	} while (err == -EAGAIN && more);
	ASSERT_OK(err);
	for (; more; more = mode_trickle(p, 4, &got, sizeof(buf)))
		wait_fd(p->fd[1], POLLIN);
	EXPECT_EQ(got, sent);
}

TEST_F(closing, behind_the_kernel)
{
	for (size_t step = 100; step < 10000; step = step * 3 / 2)
		for (size_t last = 1; last < 10000; last = last * 9 + 4) {
			pair_close(&self->p);
			mode_pair_small(&self->p, &variant->mode);
			close_behind(&self->p, step, last);
		}
}

/* ---- an alert behind what a slow peer has yet to read ------------------- */

/* A peer that reads @step bytes at a time fails us, as soon as we wait for it */
static void fail_behind(struct pair *p, size_t step)
{
	uint64_t sent, got = 0;
	ssize_t n = -EAGAIN;
	int err;
	char c;

	set_nonblock(p->fd[0]);
	sent = fill(p->client, 4, 0);
	ASSERT_EQ(mode_hear(p, 4, &got, step), -EAGAIN);
	mode_nonsense(p);
	wait_fd(p->fd[0], POLLIN);
	ASSERT_EQ(ktls_recv(p->client, &c, 1, 0), -KTLS_E_RECORD_TYPE);
	while ((err = ktls_conn_shutdown(p->client)) == -EAGAIN)
		ASSERT_EQ(mode_hear(p, 4, &got, step), -EAGAIN);
	ASSERT_OK(err);
	EXPECT_EQ(ktls_conn_alert(p->client), KTLS_ALERT_UNEXPECTED_MESSAGE);
	for (; n == -EAGAIN; n = mode_hear(p, 4, &got, step))
		wait_fd(p->fd[1], POLLIN);
	EXPECT_EQ(n, -KTLS_E_PEER_ALERT) TH_LOG("%s", ktls_strerror((int)n));
	EXPECT_EQ(got, sent);
}

/* It waits like close_notify, and is not cut off either */
TEST_F(closing, alert_behind_data)
{
	for (size_t step = 100; step < 40000; step = step * 3 / 2) {
		TH_LOG("step %zu", step);
		pair_close(&self->p);
		mode_pair_small(&self->p, &variant->mode);
		fail_behind(&self->p, step);
	}
}

/* ---- a socket that fails ------------------------------------------------ */

static int send_errno;		/* the next send(2) says it */

ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	if (!send_errno)
		return __real_send(fd, buf, len, flags);
	errno = send_errno;
	send_errno = 0;
	return -1;
}

/* What it did not take is sealed: it is not to be sent after all, or twice */
static void failed(struct pair *p)
{
	char c;

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(ktls_send(p->client, "one", 3, 0), -ENOBUFS);
		EXPECT_EQ(ktls_sendfile(p->client, -1, NULL, 1), -ENOBUFS);
		EXPECT_EQ(ktls_flush(p->client), -ENOBUFS);
		EXPECT_EQ(ktls_conn_shutdown(p->client), -ENOBUFS);
		EXPECT_EQ(ktls_conn_save(p->client, NULL, 0, 0), -ENOBUFS);
	}
	/* it is of this direction */
	ASSERT_EQ(ktls_send(p->server, "x", 1, 0), 1);
	ASSERT_EQ(ktls_recv(p->client, &c, 1, 0), 1);
	ASSERT_OK(shutdown(p->fd[0], SHUT_WR));
	EXPECT_EQ(ktls_recv(p->server, &c, 1, 0), -KTLS_E_TRUNCATED);
}

TEST_F(closing, send_fails_once)
{
	if (variant->mode.tx == KTLS_PATH_KERNEL)
		return;
	send_errno = ENOBUFS;
	EXPECT_EQ(ktls_send(self->p.client, "one", 3, 0), -ENOBUFS);
	failed(&self->p);
}

/* The peer would take a key for changed, and we would not */
TEST_F(closing, rekey_fails_once)
{
	if (variant->mode.tx == KTLS_PATH_KERNEL ||
	    !mode_rekeys_tx(&variant->mode))
		return;
	send_errno = ENOBUFS;
	EXPECT_EQ(ktls_conn_rekey(self->p.client, 0), -ENOBUFS);
	failed(&self->p);
}

/* ---- against the wire -------------------------------------------------- */

FIXTURE(stream_end) {
	struct raw r;
};
MODES(stream_end, mode_paths);

FIXTURE_SETUP(stream_end)
{
	mode_need(&variant->mode);
	raw_open(&self->r, &variant->mode, KTLS_SERVER, NULL);
}

FIXTURE_TEARDOWN(stream_end)
{
	raw_close(&self->r);
}

/* Data, one close_notify, FIN, and no more */
TEST_F(stream_end, as_sent)
{
	struct raw *r = &self->r;

	ASSERT_EQ(ktls_send(r->us, "a", 1, 0), 1);
	ASSERT_EQ(ktls_send(r->us, "b", 1, MSG_MORE), 1);
	ASSERT_OK(ktls_conn_shutdown(r->us));
	ASSERT_OK(ktls_conn_shutdown(r->us));
	raw_want(r, "a", 1);
	raw_want(r, "b", 1);
	raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
	raw_want_end(r);
}

/* 6.1: what comes after a close_notify is ignored */
TEST_F(stream_end, data_after_close_notify)
{
	struct raw *r = &self->r;
	char buf[8];

	raw_add(r, CT_DATA, "last", 4);
	raw_add(r, CT_ALERT, "\1\0", 2);
	raw_add(r, CT_DATA, "late", 4);
	raw_add(r, CT_ALERT, "\2\12", 2);
	raw_push(r);
	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 4);
	ASSERT_MEMEQ(buf, "last", 4);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 0);
	EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_CLOSE_NOTIFY);
	/* we are not closed */
	ASSERT_EQ(ktls_send(r->us, "on", 2, 0), 2);
	raw_want(r, "on", 2);
}

TEST_F(stream_end, fin_alone)
{
	struct raw *r = &self->r;

	raw_fin(r);
	raw_recv_fails(r, -KTLS_E_TRUNCATED, KTLS_ALERT_NONE);
}

TEST_F(stream_end, fin_after_data)
{
	struct raw *r = &self->r;
	char buf[8];

	raw_send(r, CT_DATA, "data", 4);
	raw_fin(r);
	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 4);
	raw_recv_fails(r, -KTLS_E_TRUNCATED, KTLS_ALERT_NONE);
}

/* A record is cut off, at each place that matters */
TEST_F(stream_end, fin_in_a_record)
{
	static const int cuts[] = { 1, 4, 5, 6, 21, 100, -1 };
	struct raw *r = &self->r;
	uint8_t data[100] = { 0 }, buf[128];

	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		raw_close(r);
		raw_open(r, &variant->mode, KTLS_SERVER, NULL);
		raw_send(r, CT_DATA, "data", 4);
		raw_add(r, CT_DATA, data, sizeof(data));
		if (cuts[i] > 0)
			r->out.len = (size_t)cuts[i];
		else
			r->out.len--;
		raw_push(r);
		raw_fin(r);
		ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 4);
		TH_LOG("after %d bytes", cuts[i]);
		raw_recv_fails(r, -KTLS_E_TRUNCATED, KTLS_ALERT_NONE);
	}
}

/* What has been sent before the end was noticed still is what it is */
TEST_F(stream_end, send_after_truncation)
{
	struct raw *r = &self->r;
	char c;

	raw_fin(r);
	ASSERT_EQ(ktls_send(r->us, "half", 4, 0), 4);
	raw_want(r, "half", 4);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), -KTLS_E_TRUNCATED);
	ASSERT_EQ(ktls_send(r->us, "x", 1, 0), 1);
	raw_want(r, "x", 1);
}

/* The other end's socket is closed such that TCP says so at once */
static void reset_by(struct raw *r)
{
	const struct linger reset = { .l_onoff = 1 };

	ASSERT_OK(setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &reset,
			     sizeof(reset)));
	close(r->fd);
	r->fd = -1;
	wait_fd(r->us_fd, POLLHUP);
}

/* A reset is its own reason */
TEST_F(stream_end, reset)
{
	struct raw *r = &self->r;
	char c;

	reset_by(r);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), -ECONNRESET);
}

/* Sent into a closed connection: the alert that explains it is still read */
TEST_F(stream_end, send_fails_alert_is_read)
{
	struct raw *r = &self->r;
	ssize_t n;
	char c;

	raw_alert(r, 2, KTLS_ALERT_ACCESS_DENIED);
	wait_fd(r->us_fd, POLLIN);
	reset_by(r);
	n = ktls_send(r->us, "x", 1, 0);
	ASSERT_TRUE(n == -ECONNRESET || n == -EPIPE) TH_LOG("%zd", n);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_ACCESS_DENIED);
}

/* The same, when what was to be sent is a KeyUpdate that the peer asked for */
TEST_F(stream_end, rekey_fails_rest_is_read)
{
	struct raw *r = &self->r;
	uint8_t msg[5];
	char buf[8];
	ssize_t n;

	if (!mode_rekeys_rx(&variant->mode) || !mode_rekeys_tx(&variant->mode))
		return;
	raw_add(r, CT_HANDSHAKE, msg, make_key_update(msg, 1));
	raw_rekey_tx(r);
	raw_add(r, CT_DATA, "data", 4);
	raw_add(r, CT_ALERT, "\1\0", 2);
	raw_push(r);
	ASSERT_EQ(ktls_recv(r->us, buf, 2, 0), 2);
	reset_by(r);
	for (int i = 0; i < 3; i++) {
		n = ktls_send(r->us, "x", 1, 0);
		ASSERT_TRUE(n == -ECONNRESET || n == -EPIPE) TH_LOG("%zd", n);
	}
	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 2);
	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 0);
}

/* Nothing to be had yet is no end */
TEST_F(stream_end, nothing_yet)
{
	struct raw *r = &self->r;
	char buf[8];

	ASSERT_EQ(ktls_recv(r->us, buf, 8, MSG_DONTWAIT), -EAGAIN);
	raw_add(r, CT_DATA, "data", 4);
	/* half a record is nothing as well */
	ASSERT_EQ(send(r->fd, r->out.buf, 10, 0), 10);
	ASSERT_EQ(ktls_recv(r->us, buf, 8, MSG_DONTWAIT), -EAGAIN);
	ASSERT_EQ(send(r->fd, r->out.buf + 10, r->out.len - 10, 0),
		  r->out.len - 10);
	ASSERT_EQ(ktls_recv(r->us, buf, 8, 0), 4);
	ASSERT_EQ(ktls_recv(r->us, buf, 8, MSG_DONTWAIT), -EAGAIN);
}

HARNESS_MAIN
