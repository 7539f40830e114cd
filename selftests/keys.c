// SPDX-License-Identifier: GPL-2.0-only
/*
 * KeyUpdates of ours, asked for and in time before a key is used up; and what
 * takes their place where keys cannot be changed
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic_lib.h"
#include "raw_lib.h"

/* ---- when we like -------------------------------------------------------- */

FIXTURE(sent) {
	struct raw r;
};
MODES(sent, mode_paths);

FIXTURE_SETUP(sent)
{
	mode_need(&variant->mode);
	raw_open(&self->r, &variant->mode, KTLS_SERVER, NULL);
}

FIXTURE_TEARDOWN(sent)
{
	raw_close(&self->r);
}

TEST_F(sent, each_time)
{
	struct raw *r = &self->r;
	uint64_t seq;

	if (!mode_rekeys_tx(&variant->mode)) {
		for (unsigned int i = 0; i < 3; i++) {
			ASSERT_EQ(ktls_conn_rekey(r->us, i % 2),
				  -KTLS_E_NO_REKEY);
			raw_us_send(r, "goes on");
		}
		EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_NONE);
		return;
	}
	for (int i = 0; i < 40; i++) {
		/* an open record goes out under the key it was begun with */
		if (i % 2)
			ASSERT_EQ(ktls_send(r->us, "open", 4, MSG_MORE), 4);
		ASSERT_OK(ktls_conn_rekey(r->us, 0));
		ASSERT_OK(conn_seq(r->us, KTLS_TX, &seq));
		EXPECT_EQ(seq, 0);
		if (i % 2)
			raw_want(r, "open", 4);
		raw_want_key_update(r, 0);
		raw_us_send(r, "new key");
		ASSERT_OK(conn_seq(r->us, KTLS_TX, &seq));
		EXPECT_EQ(seq, 1);
	}
}

/* Both: asked once until the answer is there */
TEST_F(sent, both)
{
	struct raw *r = &self->r;

	if (!mode_rekeys_tx(&variant->mode) || !mode_rekeys_rx(&variant->mode))
		return;
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(ktls_conn_rekey(r->us, KTLS_REKEY_BOTH));
		raw_want_key_update(r, 1);
		ASSERT_OK(ktls_conn_rekey(r->us, KTLS_REKEY_BOTH));
		raw_want_key_update(r, 0);
		raw_us_send(r, "data");
		raw_add_key_update(r, 0);
		raw_add(r, CT_DATA, "data", 4);
		raw_push(r);
		raw_us_recv(r, "data");
	}
}

/* Nor is the peer asked for a key that the kernel could not take */
TEST_F(sent, not_in_vain)
{
	struct raw *r = &self->r;

	if (!mode_rekeys_tx(&variant->mode) ||
	    variant->mode.rx != KTLS_PATH_KERNEL)
		return;
	r->us->config->caps.rekey_rx_error = EBUSY;	/* as before 6.14 */
	EXPECT_EQ(ktls_conn_rekey(r->us, KTLS_REKEY_BOTH), -KTLS_E_NO_REKEY);
	raw_us_send(r, "old key");
	ASSERT_OK(ktls_conn_rekey(r->us, 0));
	raw_want_key_update(r, 0);
	raw_us_send(r, "new key");
	raw_send(r, CT_DATA, "data", 4);
	raw_us_recv(r, "data");
}

/* Asked by both at once: each answers the other */
TEST_F(sent, crossing)
{
	struct raw *r = &self->r;

	if (!mode_rekeys_tx(&variant->mode) || !mode_rekeys_rx(&variant->mode))
		return;
	ASSERT_OK(ktls_conn_rekey(r->us, KTLS_REKEY_BOTH));
	raw_want_key_update(r, 1);
	raw_add_key_update(r, 1);
	raw_add_key_update(r, 0);
	raw_add(r, CT_DATA, "data", 4);
	raw_push(r);
	raw_us_recv(r, "data");
	ASSERT_EQ(ktls_send(r->us, "answer", 6, 0), 6);
	raw_want_key_update(r, 0);
	raw_want(r, "answer", 6);
}

/* Nothing is changed by a KeyUpdate that does not fit into the socket */
TEST_F(sent, into_a_full_socket)
{
	struct raw *r = &self->r;
	uint8_t buf[RECORD_PLAIN_MAX], type;
	uint64_t sent = 0, got = 0;
	ssize_t n;
	int err;

	if (!mode_rekeys_tx(&variant->mode))
		return;
	set_nonblock(r->us_fd);
	do {
		stream_fill(1, sent, buf, sizeof(buf));
		n = ktls_send(r->us, buf, sizeof(buf), 0);
		sent += n > 0 ? (uint64_t)n : 0;
	} while (n > 0);
	ASSERT_EQ(n, -EAGAIN);
	/* the kernel may have room for a small one still */
	while ((err = ktls_conn_rekey(r->us, 0))) {
		ASSERT_EQ(err, -EAGAIN);
		n = raw_recv(r, &type, buf, sizeof(buf));
		ASSERT_EQ(type, CT_DATA);
		stream_check(1, got, buf, (size_t)n);
		got += (uint64_t)n;
	}
	while (got < sent) {
		err = ktls_flush(r->us);
		if (err)
			ASSERT_EQ(err, -EAGAIN);
		n = raw_recv(r, &type, buf, sizeof(buf));
		ASSERT_EQ(type, CT_DATA);
		stream_check(1, got, buf, (size_t)n);
		got += (uint64_t)n;
	}
	set_block(r->us_fd);
	ASSERT_OK(ktls_flush(r->us));
	raw_want_key_update(r, 0);
	raw_us_send(r, "new key");
}

/* ---- the limit of a key ------------------------------------------------ */

#define RECORDS	8u

FIXTURE(limit) {
	struct raw r;
};
MODES(limit, mode_paths);

FIXTURE_SETUP(limit)
{
	mode_need(&variant->mode);
	raw_open(&self->r, &variant->mode, KTLS_CLIENT,
		 KTLS_OPTS(.max_records = RECORDS));
}

FIXTURE_TEARDOWN(limit)
{
	raw_close(&self->r);
}

/* The whole stream of the end under test, over as many keys as it took */
static unsigned int count_keys(struct raw *r, uint64_t len)
{
	/* in TLS 1.2 Finished was the first */
	uint64_t first = r->suite->version == KTLS_TLS12, pos = 0;
	unsigned int keys = 1, records = (unsigned int)first;
	uint8_t buf[RECORD_PLAIN_MAX], type;

	while (pos < len) {
		ssize_t n = raw_recv(r, &type, buf, sizeof(buf));

		ASSERT_GT(n, 0) TH_LOG("after %llu bytes, key %u",
				       (unsigned long long)pos, keys);
		/* with the alert that might have to follow */
		ASSERT_LT(++records, RECORDS + (type == CT_HANDSHAKE));
		if (type == CT_DATA) {
			stream_check(1, pos, buf, (size_t)n);
			pos += (uint64_t)n;
			continue;
		}
		ASSERT_EQ(type, CT_HANDSHAKE);
		ASSERT_EQ(n, 5);
		raw_rekey_rx(r);
		keys++;
		records = 0;
	}
	return keys;
}

/* Data until @len or until the key is used up: how much was taken */
static uint64_t send_some(struct raw *r, size_t part, uint64_t len)
{
	uint8_t buf[3 * RECORD_PLAIN_MAX];
	uint64_t sent = 0;

	while (sent < len) {
		ssize_t n;

		stream_fill(1, sent, buf, part);
		n = ktls_send(r->us, buf, part, 0);
		if (n == -KTLS_E_KEY_LIMIT)
			break;
		ASSERT_GT(n, 0);
		sent += (uint64_t)n;
	}
	return sent;
}

/* In time by itself; else our side ends in good order, the peer's goes on */
TEST_F(limit, kept)
{
	static const size_t parts[] = {
		1, 16384, 16385, 3 * RECORD_PLAIN_MAX,
	};
	bool rekeys = mode_rekeys_tx(&variant->mode);
	struct raw *r = &self->r;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		uint64_t sent, len = 40 * (uint64_t)parts[i];
		unsigned int keys;

		/* less than what the socket holds */
		if (len > 600000)
			len = 600000;
		if (i) {
			raw_close(r);
			raw_open(r, &variant->mode, KTLS_CLIENT,
				 KTLS_OPTS(.max_records = RECORDS));
		}
		sent = send_some(r, parts[i], len);
		keys = count_keys(r, sent);
		if (rekeys) {
			ASSERT_GE(sent, len);
			EXPECT_GT(keys, 4);
			raw_us_send(r, "more");
			continue;
		}
		EXPECT_GT(sent, 0);
		EXPECT_LT(sent, len);
		EXPECT_EQ(keys, 1);
		raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
		raw_want_end(r);
		ASSERT_EQ(ktls_send(r->us, "x", 1, 0), -KTLS_E_KEY_LIMIT);
		raw_send(r, CT_DATA, "data", 4);
		raw_us_recv(r, "data");
		ASSERT_OK(ktls_conn_shutdown(r->us));
	}
}

/* A pipe that gives a byte at a time: as many records as bytes */
TEST_F(limit, of_small_reads)
{
	struct raw *r = &self->r;
	uint8_t buf[100];
	size_t sent = 0;
	int fd[2];

	if (variant->mode.tx != KTLS_PATH_USER ||
	    !mode_rekeys_tx(&variant->mode))
		return;
	ASSERT_OK(pipe2(fd, O_DIRECT | O_CLOEXEC));
	stream_fill(1, 0, buf, sizeof(buf));
	while (sent < sizeof(buf)) {
		/* as many as every pipe has room for */
		for (size_t i = 0; i < 10; i++)
			ASSERT_EQ(write(fd[1], buf + sent + i, 1), 1);
		for (size_t i = 0; i < 10; ) {
			ssize_t n = ktls_sendfile(r->us, fd[0], NULL, 10 - i);

			ASSERT_GT(n, 0);
			sent += (size_t)n;
			i += (size_t)n;
		}
	}
	EXPECT_GT(count_keys(r, sent), 10);
	close(fd[0]);
	close(fd[1]);
}

/* Written past us, the records count as well: who asks, learns it */
TEST_F(limit, of_plain_writes)
{
	struct raw *r = &self->r;
	unsigned int writes = 0, due;

	if (variant->mode.tx != KTLS_PATH_KERNEL)
		return;
	while (!(due = ktls_conn_events(r->us))) {
		ASSERT_LT(++writes, RECORDS);
		ASSERT_EQ(write(r->us_fd, "x", 1), 1);
		raw_want(r, "x", 1);
	}
	EXPECT_GT(writes, 3);
	if (!mode_rekeys_tx(&variant->mode)) {
		ASSERT_EQ(due, KTLS_EV_KEY_LIMIT);
		ASSERT_OK(ktls_conn_shutdown(r->us));
		raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
		raw_want_end(r);
		return;
	}
	ASSERT_EQ(due, KTLS_EV_REKEY);
	ASSERT_OK(ktls_conn_rekey(r->us, 0));
	EXPECT_EQ(ktls_conn_events(r->us), 0);
	raw_want_key_update(r, 0);
	ASSERT_EQ(write(r->us_fd, "y", 1), 1);
	raw_want(r, "y", 1);
}

/* ---- both ends ours ---------------------------------------------------- */

FIXTURE(both_ends) {
	struct pair p;
};
MODES(both_ends, mode_13);

FIXTURE_SETUP(both_ends)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, KTLS_OPTS(.max_records = 20));
}

FIXTURE_TEARDOWN(both_ends)
{
	pair_close(&self->p);
}

/* Now and then a new key, or one of each end */
static void change_keys(struct traffic *f, struct ktls_conn *conn)
{
	unsigned int dice = (unsigned int)rnd_below(&f->rnd, 100);
	int err;

	if (dice >= 10)
		return;
	err = ktls_conn_rekey(conn, dice < 5 ? KTLS_REKEY_BOTH : 0);
	if (err)
		ASSERT_EQ(err, -EAGAIN);
}

TEST_F(both_ends, keys_change_in_the_flow)
{
	struct traffic f = { .step = change_keys };

	if (!mode_rekeys_tx(&variant->mode) ||
	    !mode_rekeys_rx(&variant->mode))
		return;
	traffic_run(&f, &self->p, 300, modest(1 << 20));
	ping(self->p.client, self->p.server);
	close_both(self->p.client, self->p.server);
}

HARNESS_MAIN
