// SPDX-License-Identifier: GPL-2.0-only
/* A caller that moves the bytes of a connection by itself, without a ring */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mode_lib.h"
#include "raw_lib.h"

FIXTURE(own_io) {
	struct pair p;
};
MODES(own_io, mode_paths);

FIXTURE_SETUP(own_io)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
	EXPECT_OK(ktls_conn_own_io(self->p.client));
	EXPECT_OK(ktls_conn_own_io(self->p.server));
}

FIXTURE_TEARDOWN(own_io)
{
	pair_close(&self->p);
}

static bool ours(const struct mode *m)
{
	return m->tx == KTLS_PATH_USER && m->rx == KTLS_PATH_USER;
}

/* ---- in memory ---------------------------------------------------------- */

/* @max bytes at most of what @from has, to @to: how many */
static size_t move(struct ktls_conn *from, struct ktls_conn *to, size_t max)
{
	size_t len, room;
	const void *out = ktls_conn_out(from, &len);
	void *in = ktls_conn_in(to, &room);

	if (!out)
		EXPECT_EQ(len, 0);
	if (!in)
		EXPECT_EQ(room, 0);
	len = len < room ? len : room;
	len = len < max ? len : max;
	if (len)
		memcpy(in, out, len);
	ktls_conn_sent(from, len);
	if (in)
		ASSERT_OK(ktls_conn_received(to, len ? (ssize_t)len :
						       -EAGAIN));
	return len;
}

static size_t take_all(struct ktls_conn *conn, uint64_t at)
{
	uint8_t buf[5000];
	size_t got = 0;
	ssize_t n;

	while ((n = ktls_recv(conn, buf, sizeof(buf), 0)) > 0) {
		stream_check(0, at + got, buf, (size_t)n);
		got += (size_t)n;
	}
	ASSERT_EQ(n, -EAGAIN);
	return got;
}

/* In pieces of any size, data and keys, into a connection that lags behind */
TEST_F(own_io, any_pieces)
{
	static const size_t pieces[] = { 1, 3, 5, 17, 1000, 16384, 70000 };
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	bool keys = mode_rekeys_tx(&variant->mode);
	struct rnd rnd = { 1 };
	uint8_t buf[40000];

	if (!ours(&variant->mode))
		return;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		size_t len = pieces[i] < 16 ? 20000 : 400000;
		uint64_t sent = i << 32, got = i << 32, end = sent + len;

		while (got < end) {
			size_t n = rnd_size(&rnd, sizeof(buf));
			ssize_t rc = 0;

			n = n < end - sent ? n : (size_t)(end - sent);
			stream_fill(0, sent, buf, n);
			if (n)
				rc = ktls_send(c, buf, n, 0);
			ASSERT_TRUE(rc >= 0 || rc == -EAGAIN);
			sent += rc > 0 ? (size_t)rc : 0;
			/* not without data */
			if (keys && rc > 0 && !(rnd_next(&rnd) % 4))
				ASSERT_OK(ktls_conn_rekey(c, 0));
			move(c, s, rnd_size(&rnd, pieces[i]));
			if (rnd_next(&rnd) % 2)
				got += take_all(s, got);
		}
	}
}

TEST_F(own_io, close)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	uint8_t buf[10];

	if (!ours(&variant->mode))
		return;
	ASSERT_EQ(ktls_send(c, "data", 4, 0), 4);
	EXPECT_EQ(ktls_conn_shutdown(c), -EAGAIN);
	while (move(c, s, 3))
		;
	EXPECT_EQ(ktls_conn_shutdown(c), -EAGAIN);
	while (move(c, s, 3))
		;
	EXPECT_OK(ktls_conn_shutdown(c));
	ASSERT_EQ(ktls_recv(s, buf, sizeof(buf), 0), 4);
	EXPECT_EQ(ktls_recv(s, buf, sizeof(buf), 0), 0);
	EXPECT_EQ(ktls_send(c, "more", 4, 0), -EPIPE);
}

TEST_F(own_io, end_of_stream)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	uint8_t buf[10];
	size_t len;

	if (!ours(&variant->mode))
		return;
	ASSERT_EQ(ktls_send(c, "data", 4, 0), 4);
	move(c, s, 100);
	ASSERT_TRUE(ktls_conn_in(s, &len));
	EXPECT_EQ(ktls_conn_received(s, (ssize_t)len + 1), -EINVAL);
	EXPECT_OK(ktls_conn_received(s, 0));
	EXPECT_EQ(ktls_conn_received(s, 0), -EINVAL);
	EXPECT_FALSE(ktls_conn_in(s, &len));
	ASSERT_EQ(ktls_recv(s, buf, sizeof(buf), 0), 4);
	EXPECT_EQ(ktls_recv(s, buf, sizeof(buf), 0), -KTLS_E_TRUNCATED);
	EXPECT_EQ(ktls_recv(s, buf, sizeof(buf), 0), -KTLS_E_TRUNCATED);
	/* the other direction is open */
	ASSERT_EQ(ktls_send(s, "back", 4, 0), 4);
	while (move(s, c, 100))
		;
	ASSERT_EQ(ktls_recv(c, buf, sizeof(buf), 0), 4);
}

/* What is out stays as it is, while more is sealed behind it */
TEST_F(own_io, lent)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	uint8_t copy[200], buf[10];
	const void *out, *again;
	size_t len, len2;

	if (!ours(&variant->mode))
		return;
	ASSERT_EQ(ktls_send(c, "one", 3, 0), 3);
	out = ktls_conn_out(c, &len);
	ASSERT_TRUE(out);
	ASSERT_LE(len, sizeof(copy));
	memcpy(copy, out, len);
	EXPECT_EQ(ktls_conn_save(c, NULL, 0, 0), -EBUSY);
	for (int i = 0; i < 1000; i++)
		ASSERT_EQ(ktls_send(c, "two", 3, 0), 3);
	if (mode_rekeys_tx(&variant->mode))
		ASSERT_OK(ktls_conn_rekey(c, 0));
	again = ktls_conn_out(c, &len2);
	EXPECT_TRUE(again == out && len2 == len);
	EXPECT_MEMEQ(out, copy, len);
	/* what is left of the first stays in front, and all of it here */
	ktls_conn_sent(c, 1);
	EXPECT_EQ(ktls_conn_save(c, NULL, 0, 0), -EBUSY);
	ASSERT_EQ(ktls_send(c, "end", 3, 0), 3);
	memcpy(ktls_conn_in(s, &len2), copy, 1);
	ASSERT_OK(ktls_conn_received(s, 1));
	while (move(c, s, 1000)) {
		ssize_t n;

		while ((n = ktls_recv(s, buf, 3, 0)) > 0)
			ASSERT_EQ(n, 3);
		EXPECT_EQ(n, -EAGAIN);
	}
	EXPECT_MEMEQ(buf, "end", 3);
	EXPECT_GT(ktls_conn_save(c, NULL, 0, 0), 0);
}

/* Nor is what it receives into taken from whoever receives */
TEST_F(own_io, lent_to_receive)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	uint8_t saved[8192], buf[10];
	size_t room, len;

	if (!ours(&variant->mode))
		return;
	ASSERT_EQ(ktls_send(c, "data", 4, 0), 4);
	ASSERT_TRUE(ktls_conn_in(s, &room));
	EXPECT_EQ(ktls_conn_save(s, saved, sizeof(saved), 0), -EBUSY);
	ASSERT_OK(ktls_conn_received(s, -ECANCELED));
	EXPECT_GT(ktls_conn_save(s, NULL, 0, 0), 0);
	while (move(c, s, 1000))
		;
	ASSERT_EQ(ktls_recv(s, buf, sizeof(buf), 0), 4);
	/* the end of it here: no call does anything any more */
	ASSERT_GT(ktls_conn_save(s, saved, sizeof(saved), 0), 0);
	EXPECT_EQ(ktls_conn_received(s, 1), -KTLS_E_STATE);
	EXPECT_EQ(ktls_conn_early_read(s, buf, 1), -KTLS_E_STATE);
	EXPECT_EQ(ktls_conn_raw_end(s, 1), -KTLS_E_STATE);
	EXPECT_FALSE(ktls_conn_in(s, &room));
	EXPECT_FALSE(ktls_conn_out(s, &len));
}

/* An alert behind what is lent, of a failure of the other direction */
TEST_F(own_io, alert_behind)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	static const uint8_t bad[] = { 23, 3, 3, 0, 30, 1, 2, 3, [34] = 4 };
	uint8_t buf[10];
	size_t len;
	void *in;

	if (!ours(&variant->mode))
		return;
	ASSERT_EQ(ktls_send(c, "one", 3, 0), 3);
	ASSERT_TRUE(ktls_conn_out(c, &len));
	in = ktls_conn_in(c, &len);
	memcpy(in, bad, sizeof(bad));
	ASSERT_OK(ktls_conn_received(c, sizeof(bad)));
	EXPECT_EQ(ktls_recv(c, buf, 1, 0), -KTLS_E_RECORD_MAC);
	while (move(c, s, 1000))
		;
	ASSERT_EQ(ktls_recv(s, buf, sizeof(buf), 0), 3);
	EXPECT_EQ(ktls_recv(s, buf, sizeof(buf), 0), -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(s), KTLS_ALERT_BAD_RECORD_MAC);
}

/* Nothing but control records, of which the receiver is told or not */
static void pass(struct ktls_conn *from, struct ktls_conn *to)
{
	char c;

	while (move(from, to, 1000))
		;
	ASSERT_EQ(ktls_recv(to, &c, 1, 0), -EAGAIN);
}

/* RFC 9846 4.7.3: who is asked for keys answers, and may have no data */
TEST_F(own_io, keys_asked_for)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	uint8_t buf[10];

	if (!ours(&variant->mode) ||
	    variant->mode.suite->version != KTLS_TLS13)
		return;
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(ktls_send(c, "data", 4, 0), 4);
		ASSERT_OK(ktls_conn_rekey(c, KTLS_REKEY_BOTH));
		while (move(c, s, 1000))
			;
		ASSERT_EQ(ktls_recv(s, buf, sizeof(buf), 0), 4);
		ASSERT_EQ(ktls_recv(s, buf, sizeof(buf), 0), -EAGAIN);
		ASSERT_TRUE(ktls_conn_events(s) & KTLS_EV_REKEY);
		/* what answers does not ask, or there was no end to it */
		ASSERT_OK(ktls_conn_rekey(s, KTLS_REKEY_BOTH));
		pass(s, c);
		EXPECT_FALSE(ktls_conn_events(c) & KTLS_EV_REKEY);
	}
}

/* RFC 5246 7.4.1: however often it is asked for in a record, no once */
TEST_F(own_io, refused_once)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	uint8_t requests[100][4] = { { HT_HELLO_REQUEST } };
	size_t len;

	if (!ours(&variant->mode) ||
	    variant->mode.suite->version != KTLS_TLS12)
		return;
	ASSERT_EQ(conn_write(s, CT_HANDSHAKE, requests, sizeof(requests), 0),
		  sizeof(requests));
	pass(s, c);
	ASSERT_TRUE(ktls_conn_out(c, &len));
	EXPECT_LT(len, 64);
	pass(c, s);
}

/* RFC 5246 7.4.1: asked for another handshake, but we have closed already */
TEST_F(own_io, close_is_the_last)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	static const uint8_t request[] = { HT_HELLO_REQUEST, 0, 0, 0 };
	size_t before, after;
	char byte;

	if (!ours(&variant->mode) ||
	    variant->mode.suite->version != KTLS_TLS12)
		return;
	EXPECT_EQ(ktls_conn_shutdown(c), -EAGAIN);
	ASSERT_TRUE(ktls_conn_out(c, &before));
	ktls_conn_sent(c, 0);
	ASSERT_EQ(conn_write(s, CT_HANDSHAKE, request, sizeof(request), 0),
		  sizeof(request));
	while (move(s, c, 1000))
		;
	EXPECT_EQ(ktls_recv(c, &byte, 1, 0), -EAGAIN);
	ASSERT_TRUE(ktls_conn_out(c, &after));
	EXPECT_EQ(after, before);
	EXPECT_EQ(ktls_conn_alert(c), KTLS_ALERT_CLOSE_NOTIFY);
}

/* ---- memory ------------------------------------------------------------- */

static bool no_memory;

uint8_t *__real_wr_reserve(struct wr *w, size_t len);
uint8_t *__wrap_wr_reserve(struct wr *w, size_t len);

uint8_t *__wrap_wr_reserve(struct wr *w, size_t len)
{
	return __real_wr_reserve(w, no_memory ? SIZE_MAX : len);
}

/* What lacks memory is not taken, and may be the next time */
TEST_F(own_io, no_memory)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	char buf[10];

	if (!ours(&variant->mode))
		return;
	no_memory = true;
	EXPECT_EQ(ktls_send(c, "one", 3, 0), -ENOMEM);
	no_memory = false;
	ASSERT_EQ(ktls_send(c, "two", 3, 0), 3);
	while (move(c, s, 1000))
		;
	ASSERT_EQ(ktls_recv(s, buf, sizeof(buf), 0), 3);
	EXPECT_MEMEQ(buf, "two", 3);
}

/* ---- limits ------------------------------------------------------------- */

/* 9846 5.5: the close at the end of a key has to wait, and is not forgotten */
TEST_F(own_io, key_limit)
{
	const struct ktls_opts o = { .size = sizeof(o), .max_records = 8 };
	struct ktls_conn *c, *s;
	size_t sent = 0;
	char buf[64];
	ssize_t n;

	if (!ours(&variant->mode) ||
	    variant->mode.suite->version != KTLS_TLS12)
		return;
	pair_close(&self->p);
	mode_pair(&self->p, &variant->mode, &o);
	c = self->p.client;
	s = self->p.server;
	ASSERT_OK(ktls_conn_own_io(c));
	ASSERT_OK(ktls_conn_own_io(s));
	while ((n = ktls_send(c, "more", 4, 0)) > 0)
		sent += (size_t)n;
	for (int i = 0; i < 3; i++, n = ktls_send(c, "more", 4, 0))
		EXPECT_EQ(n, -EAGAIN);
	/* before and behind the close_notify */
	for (int i = 0; i < 2; i++) {
		while (move(c, s, 1000))
			;
		n = ktls_send(c, "more", 4, 0);
	}
	for (int i = 0; i < 3; i++, n = ktls_send(c, "more", 4, 0))
		EXPECT_EQ(n, -KTLS_E_KEY_LIMIT);
	while (sent && (n = ktls_recv(s, buf, sizeof(buf), 0)) > 0)
		sent -= (size_t)n;
	EXPECT_EQ(sent, 0);
	EXPECT_EQ(ktls_recv(s, buf, sizeof(buf), 0), 0);
	EXPECT_EQ(recv(self->p.fd[1], buf, 1, 0), 0);
}

TEST_F(own_io, takes_64k)
{
	static uint8_t buf[1 << 20];
	struct ktls_conn *c = self->p.client;
	ssize_t n;

	if (!ours(&variant->mode))
		return;
	n = ktls_send(c, buf, sizeof(buf), 0);
	EXPECT_GE(n, 65000);
	EXPECT_LT(n, 3 * 65536 / 2);
	EXPECT_EQ(ktls_send(c, buf, 1, 0), -EAGAIN);
}

/* However much a slow peer lets through, in parts that are never all of it */
TEST_F(own_io, slow_peer)
{
	static uint8_t buf[20000];
	struct ktls_conn *c = self->p.client;
	size_t len, most = 0;

	if (!ours(&variant->mode))
		return;
	for (int i = 0; i < 3000; i++) {
		ssize_t n = ktls_send(c, buf, sizeof(buf), 0);

		ASSERT_TRUE(n > 0 || n == -EAGAIN);
		if (!ktls_conn_out(c, &len))
			continue;
		most = len > most ? len : most;
		ktls_conn_sent(c, len / 3 + 1);
	}
	EXPECT_LT(most, 2 * 65536);
	EXPECT_LT(user_tx_held(c->utx), 4 * 65536);
}

/* ---- the kernel's ------------------------------------------------------- */

TEST_F(own_io, not_ours)
{
	struct ktls_conn *c = self->p.client;
	bool tx = variant->mode.tx == KTLS_PATH_KERNEL;
	bool rx = variant->mode.rx == KTLS_PATH_KERNEL;
	size_t len = 1;

	EXPECT_FALSE(ktls_conn_out(c, &len));
	EXPECT_EQ(len, 0);
	if (rx) {
		EXPECT_FALSE(ktls_conn_in(c, &len));
		EXPECT_EQ(len, 0);
		EXPECT_EQ(ktls_conn_received(c, 1), -EINVAL);
	}
	len = 10;
	EXPECT_EQ(ktls_conn_raw_begin(c, &len), tx ? 0 : -KTLS_E_STATE);
	EXPECT_EQ(len, 10);
}

/* Nobody waits, on a socket that would */
TEST_F(own_io, never_waits)
{
	struct ktls_conn *c = self->p.client;
	uint8_t buf[10];

	EXPECT_EQ(ktls_recv(c, buf, sizeof(buf), 0), -EAGAIN);
	if (variant->mode.tx == KTLS_PATH_KERNEL) {
		static uint8_t much[65536];
		ssize_t n;

		do
			n = ktls_send(c, much, sizeof(much), 0);
		while (n > 0);
		EXPECT_EQ(n, -EAGAIN);
		EXPECT_EQ(ktls_conn_shutdown(c), -EAGAIN);
	}
}

TEST_F(own_io, raw)
{
	struct ktls_conn *c = self->p.client, *s = self->p.server;
	uint8_t buf[100000];
	uint64_t at = 0;

	if (variant->mode.tx != KTLS_PATH_KERNEL ||
	    variant->mode.rx != KTLS_PATH_KERNEL)
		return;
	for (int i = 0; i < 20; i++) {
		size_t len = 1000 * (size_t)i + 1;
		ssize_t n;

		stream_fill(0, at, buf, len);
		ASSERT_OK(ktls_conn_raw_begin(c, &len));
		n = send(self->p.fd[0], buf, len, 0);
		ASSERT_GT(n, 0);
		ASSERT_OK(ktls_conn_raw_end(c, n));
		for (size_t got = 0; got < (size_t)n; ) {
			ssize_t r = recv(self->p.fd[1], buf, sizeof(buf), 0);

			ASSERT_GT(r, 0);
			ASSERT_EQ(ktls_conn_data(s, (size_t)r), 1);
			stream_check(0, at + got, buf, (size_t)r);
			got += (size_t)r;
		}
		at += (uint64_t)n;
	}
	EXPECT_EQ(ktls_conn_raw_end(c, -ECONNRESET), -ECONNRESET);
	ASSERT_OK(ktls_conn_shutdown(c));
	EXPECT_EQ(recv(self->p.fd[1], buf, sizeof(buf), 0), -1);
	EXPECT_EQ(errno, EIO);
	EXPECT_EQ(ktls_conn_control(s), 0);
	EXPECT_EQ(ktls_conn_data(s, 1), 0);
}

/* The limit of a key lowers what may be sent under it */
TEST_F(own_io, raw_key_limit)
{
	const struct ktls_opts o = { .size = sizeof(o), .max_records = 10 };
	size_t len = 1 << 20;

	if (variant->mode.tx != KTLS_PATH_KERNEL)
		return;
	pair_close(&self->p);
	mode_pair(&self->p, &variant->mode, &o);
	ASSERT_OK(ktls_conn_own_io(self->p.client));
	ASSERT_OK(ktls_conn_raw_begin(self->p.client, &len));
	EXPECT_LE(len, 8 * 16384);
	EXPECT_GT(len, 0);
}

HARNESS_MAIN
