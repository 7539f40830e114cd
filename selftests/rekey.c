// SPDX-License-Identifier: GPL-2.0-only
/*
 * KeyUpdate from the peer, and what takes its place where the kernel cannot
 * change keys, and in TLS 1.2
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw_lib.h"

/* ---- the peer's -------------------------------------------------------- */

FIXTURE(received) {
	struct raw r;
};
MODES(received, mode_paths13);

FIXTURE_SETUP(received)
{
	mode_need(&variant->mode);
	raw_open(&self->r, &variant->mode, KTLS_CLIENT, NULL);
}

FIXTURE_TEARDOWN(received)
{
	raw_close(&self->r);
}

static void again(struct raw *r, const struct mode *m)
{
	raw_close(r);
	raw_open(r, m, KTLS_CLIENT, NULL);
}

/* The documented end of a direction whose keys cannot be changed */
static bool cannot(struct raw *r, const struct mode *m)
{
	if (mode_rekeys_rx(m))
		return false;
	raw_add_key_update(r, 0);
	raw_add(r, CT_DATA, "new key", 7);
	raw_push(r);
	raw_recv_fails(r, -KTLS_E_NO_REKEY, KTLS_ALERT_INTERNAL_ERROR);
	return true;
}

TEST_F(received, in_a_row)
{
	struct raw *r = &self->r;
	struct ktls_info info;

	if (cannot(r, &variant->mode))
		return;
	for (int i = 0; i < 40; i++) {
		raw_add_key_update(r, 0);
		raw_add(r, CT_DATA, "data", 4);
		raw_push(r);
		raw_us_recv(r, "data");
		EXPECT_EQ(ktls_conn_events(r->us), 0);
	}
	/* the other direction has its first key still */
	raw_us_send(r, "answer");
	ktls_conn_info(r->us, &info);
	EXPECT_EQ(info.rx_updates, 40);
	EXPECT_EQ(info.tx_updates, 0);
}

/* Many keys' records wait in the socket, tickets and padding among them */
TEST_F(received, data_in_flight)
{
	struct raw *r = &self->r;
	uint8_t buf[3000], msg[300];
	uint64_t pos = 0;

	if (cannot(r, &variant->mode))
		return;
	for (size_t i = 0; i < 20; i++) {
		size_t len = make_ticket(msg, sizeof(msg), 100 + i);

		stream_fill(1, pos, buf, sizeof(buf));
		raw_add(r, CT_DATA, buf, sizeof(buf));
		pos += sizeof(buf);
		if (i % 3 == 1)
			raw_add(r, CT_HANDSHAKE, msg, len);
		len = i % 3 ? 0 : len;
		/* a ticket and a KeyUpdate may share a record */
		make_key_update(msg + len, 0);
		raw_add_padded(r, CT_HANDSHAKE, msg, len + 5, i % 2 * 50);
		raw_rekey_tx(r);
	}
	raw_push(r);
	recv_stream(r->us, 1, 0, pos);
	raw_send(r, CT_DATA, "end", 3);
	raw_us_recv(r, "end");
}

/* However many are asked for meanwhile, one is sent, before the next data */
TEST_F(received, requests)
{
	struct raw *r = &self->r;

	if (cannot(r, &variant->mode))
		return;
	for (int i = 0; i < 3; i++)
		raw_add_key_update(r, 1);
	raw_add(r, CT_DATA, "data", 4);
	raw_push(r);
	if (!mode_rekeys_tx(&variant->mode)) {
		raw_recv_fails(r, -KTLS_E_NO_REKEY, KTLS_ALERT_INTERNAL_ERROR);
		return;
	}
	raw_us_recv(r, "data");
	/* not behind the back of a caller who writes by himself */
	EXPECT_EQ(ktls_conn_events(r->us), KTLS_EV_REKEY);
	ASSERT_EQ(ktls_send(r->us, "answer", 6, 0), 6);
	EXPECT_EQ(ktls_conn_events(r->us), 0);
	raw_want_key_update(r, 0);
	raw_want(r, "answer", 6);

	raw_add_key_update(r, 1);
	raw_add(r, CT_DATA, "data", 4);
	raw_push(r);
	raw_us_recv(r, "data");
	ASSERT_OK(ktls_conn_rekey(r->us, 0));
	raw_want_key_update(r, 0);
	EXPECT_EQ(ktls_conn_events(r->us), 0);
	raw_us_send(r, "more");
}

/* What was asked for need not be done once nothing will be sent any more */
TEST_F(received, request_then_close)
{
	struct raw *r = &self->r;
	char c;

	if (!mode_rekeys_rx(&variant->mode) || !mode_rekeys_tx(&variant->mode))
		return;
	raw_add_key_update(r, 1);
	raw_add(r, CT_ALERT, "\1\0", 2);
	raw_push(r);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), 0);
	ASSERT_OK(ktls_conn_shutdown(r->us));
	EXPECT_EQ(ktls_conn_events(r->us) & KTLS_EV_CLOSED, KTLS_EV_CLOSED);
	raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
	raw_want_end(r);
}

/* ... whether or not our key could be changed */
TEST_F(received, request_after_close)
{
	struct raw *r = &self->r;

	if (!mode_rekeys_rx(&variant->mode))
		return;
	ASSERT_OK(ktls_conn_shutdown(r->us));
	raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
	for (int i = 0; i < 3; i++) {
		raw_add_key_update(r, 1);
		raw_add(r, CT_DATA, "data", 4);
		raw_push(r);
		raw_us_recv(r, "data");
	}
	raw_want_end(r);
}

/* A kernel takes the first piece for the whole, and stops */
TEST_F(received, in_pieces)
{
	struct raw *r = &self->r;
	uint8_t msg[5];

	if (cannot(r, &variant->mode))
		return;
	make_key_update(msg, 0);
	for (size_t cut = 1; cut < 5; cut++) {
		raw_add(r, CT_HANDSHAKE, msg, cut);
		raw_add(r, CT_HANDSHAKE, msg + cut, 5 - cut);
		raw_rekey_tx(r);
		raw_add(r, CT_DATA, "data", 4);
		raw_push(r);
		raw_us_recv(r, "data");
	}
	for (size_t i = 0; i < 5; i++)
		raw_send(r, CT_HANDSHAKE, msg + i, 1);
	raw_rekey_tx(r);
	raw_send(r, CT_DATA, "data", 4);
	raw_us_recv(r, "data");
}

TEST_F(received, malformed)
{
	static const struct {
		uint8_t len, bytes[10];
		int err;
		uint8_t alert;
	} rows[] = {
		{ 5, { 24, 0, 0, 1, 2 }, -KTLS_E_KEYUPDATE,
		  KTLS_ALERT_ILLEGAL_PARAMETER },
		{ 5, { 24, 0, 0, 1, 255 }, -KTLS_E_KEYUPDATE,
		  KTLS_ALERT_ILLEGAL_PARAMETER },
		{ 4, { 24, 0, 0, 0 }, -KTLS_E_DECODE,
		  KTLS_ALERT_DECODE_ERROR },
		{ 6, { 24, 0, 0, 2, 0, 0 }, -KTLS_E_DECODE,
		  KTLS_ALERT_DECODE_ERROR },
		/* 5.1: nothing may follow it under the old key */
		{ 6, { 24, 0, 0, 1, 0, 24 }, -KTLS_E_UNALIGNED,
		  KTLS_ALERT_UNEXPECTED_MESSAGE },
		{ 10, { 24, 0, 0, 1, 0, 24, 0, 0, 1, 0 }, -KTLS_E_UNALIGNED,
		  KTLS_ALERT_UNEXPECTED_MESSAGE },
	};
	struct raw *r = &self->r;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		TH_LOG("row %zu", i);
		if (i)
			again(r, &variant->mode);
		raw_send(r, CT_HANDSHAKE, rows[i].bytes, rows[i].len);
		raw_recv_fails(r, rows[i].err, rows[i].alert);
	}
}

/* Keys are dear, those that protect nothing are an attack */
TEST_F(received, flood)
{
	struct raw *r = &self->r;
	char c;

	if (cannot(r, &variant->mode))
		return;
	for (int i = 0; i < 100; i++)
		raw_add_key_update(r, 0);
	raw_push(r);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), -KTLS_E_KEYUPDATE_FLOOD);
	raw_failed(r, -KTLS_E_KEYUPDATE_FLOOD, KTLS_ALERT_UNEXPECTED_MESSAGE);
}

/* Records under the old key, after it is over */
TEST_F(received, old_key_again)
{
	struct raw *r = &self->r;
	uint8_t msg[5];

	if (!mode_rekeys_rx(&variant->mode))
		return;
	raw_add(r, CT_HANDSHAKE, msg, make_key_update(msg, 0));
	raw_add(r, CT_DATA, "old", 3);
	raw_push(r);
	raw_recv_fails(r, -KTLS_E_RECORD_MAC, KTLS_ALERT_BAD_RECORD_MAC);
}

/* What poll(2) says is there, is there to be had */
TEST_F(received, polled)
{
	struct raw *r = &self->r;
	struct pollfd p = { .fd = r->us_fd, .events = POLLIN };
	char c;

	if (cannot(r, &variant->mode))
		return;
	set_nonblock(r->us_fd);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(poll(&p, 1, 0), 0);
		raw_add_key_update(r, 0);
		raw_push(r);
		wait_fd(r->us_fd, POLLIN);
		ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), -EAGAIN);
		ASSERT_EQ(poll(&p, 1, 0), 0);
		raw_send(r, CT_DATA, "x", 1);
		wait_fd(r->us_fd, POLLIN);
		ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), 1);
	}
}

/* ---- ... where the caller reads by himself ----------------------------- */

FIXTURE(read_past) {
	struct raw r;
};
MODES(read_past, mode_kernel);

FIXTURE_SETUP(read_past)
{
	mode_need(&variant->mode);
	raw_open(&self->r, &variant->mode, KTLS_CLIENT, NULL);
}

FIXTURE_TEARDOWN(read_past)
{
	raw_close(&self->r);
}

static void read_fails(struct raw *r, int err)
{
	char c;
	ssize_t n = read(r->us_fd, &c, 1);
	int seen = errno;

	ASSERT_EQ(n, -1);
	ASSERT_EQ(seen, err);
}

TEST_F(read_past, key_update)
{
	struct raw *r = &self->r;
	uint8_t msg[5];
	char buf[8];

	if (variant->mode.suite->version == KTLS_TLS12) {
		/* there is none in TLS 1.2 */
		raw_send(r, CT_HANDSHAKE, msg, make_key_update(msg, 0));
		read_fails(r, EIO);
		ASSERT_EQ(ktls_conn_control(r->us), -KTLS_E_UNEXPECTED);
		raw_failed(r, -KTLS_E_UNEXPECTED,
			   KTLS_ALERT_UNEXPECTED_MESSAGE);
		return;
	}
	raw_add_key_update(r, 1);
	raw_add(r, CT_DATA, "data", 4);
	raw_push(r);
	wait_fd(r->us_fd, POLLIN);
	for (int i = 0; i < 3; i++)
		read_fails(r, EIO);
	if (!kernel_rekeys()) {
		ASSERT_EQ(ktls_conn_control(r->us), -KTLS_E_NO_REKEY);
		raw_failed(r, -KTLS_E_NO_REKEY, KTLS_ALERT_INTERNAL_ERROR);
		return;
	}
	ASSERT_EQ(ktls_conn_control(r->us), 1);
	ASSERT_EQ(read(r->us_fd, buf, sizeof(buf)), 4);
	EXPECT_EQ(ktls_conn_events(r->us), KTLS_EV_REKEY);
	ASSERT_OK(ktls_conn_rekey(r->us, 0));
	ASSERT_EQ(write(r->us_fd, "new", 3), 3);
	raw_want_key_update(r, 0);
	raw_want(r, "new", 3);
}

/* Received by himself too: until it is handed in, the socket stands still */
TEST_F(read_past, record)
{
	struct raw *r = &self->r;
	struct pollfd p = { .fd = r->us_fd, .events = POLLIN };
	struct piece piece;
	char buf[64];

	if (variant->mode.suite->version == KTLS_TLS12 || !kernel_rekeys())
		return;
	raw_add_key_update(r, 0);
	raw_add(r, CT_DATA, "data", 4);
	raw_push(r);
	ASSERT_OK(kernel_read(r->us_fd, buf, sizeof(buf), 0, &piece));
	ASSERT_EQ(piece.type, CT_HANDSHAKE);
	ASSERT_TRUE(piece.last);
	for (int i = 0; i < 3; i++) {
		read_fails(r, EKEYEXPIRED);
		ASSERT_EQ(poll(&p, 1, 0), 0);
	}
	ASSERT_EQ(ktls_conn_record(r->us, piece.type, buf, piece.len), 1);
	wait_fd(r->us_fd, POLLIN);
	ASSERT_EQ(read(r->us_fd, buf, sizeof(buf)), 4);
	ASSERT_MEMEQ(buf, "data", 4);
}

/*
 * A read that goes past data may take in a KeyUpdate, and poll(2) is then
 * silent about it: who reads on learns of it.
 */
TEST_F(read_past, behind_data)
{
	struct raw *r = &self->r;
	char buf[64];

	if (variant->mode.suite->version == KTLS_TLS12 || !kernel_rekeys())
		return;
	for (int i = 0; i < 3; i++) {
		raw_add(r, CT_DATA, "data", 4);
		raw_add_key_update(r, 0);
		raw_add(r, CT_DATA, "more", 4);
		raw_push(r);
		wait_fd(r->us_fd, POLLIN);
		ASSERT_EQ(read(r->us_fd, buf, sizeof(buf)), 4);
		read_fails(r, EIO);
		ASSERT_EQ(ktls_conn_control(r->us), 1);
		wait_fd(r->us_fd, POLLIN);
		ASSERT_EQ(read(r->us_fd, buf, sizeof(buf)), 4);
	}
}

/* Asked about the pause too early: that is no failure of the connection */
TEST_F(read_past, record_is_late)
{
	struct raw *r = &self->r;
	struct piece piece;
	char buf[64], c;

	if (variant->mode.suite->version == KTLS_TLS12 || !kernel_rekeys())
		return;
	raw_add_key_update(r, 0);
	raw_add(r, CT_DATA, "data", 4);
	raw_push(r);
	ASSERT_OK(kernel_read(r->us_fd, buf, sizeof(buf), 0, &piece));
	ASSERT_EQ(ktls_conn_control(r->us), -EKEYEXPIRED);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), -EKEYEXPIRED);
	ASSERT_EQ(ktls_conn_record(r->us, piece.type, buf, piece.len), 1);
	ASSERT_EQ(ktls_conn_control(r->us), 1);
	raw_us_recv(r, "data");
}

/* A record of a TLS 1.2 handshake with this first byte stops the kernel too */
TEST_F(read_past, pause_of_12)
{
	struct raw *r = &self->r;
	uint8_t msg[] = { HT_HELLO_REQUEST, 0, 0, 0 };

	if (variant->mode.suite->version != KTLS_TLS12)
		return;
	for (int i = 0; i < 3; i++) {
		raw_send(r, CT_HANDSHAKE, msg, sizeof(msg));
		raw_send(r, CT_DATA, "data", 4);
		raw_us_recv(r, "data");
	}
	/* ours to refuse, each time */
	for (int i = 0; i < 3; i++) {
		uint8_t buf[64], type;

		ASSERT_EQ(raw_recv(r, &type, buf, sizeof(buf)), 2);
		ASSERT_EQ(type, CT_ALERT);
		ASSERT_EQ(buf[1], KTLS_ALERT_NO_RENEGOTIATION);
	}
}

/*
 * ... and for good: there is no key to wake it with.  It must not be waited
 * for.
 */
TEST(end_of_12)
{
	const struct mode m = { suite_find(0xc02b), KTLS_PATH_KERNEL,
				KTLS_PATH_KERNEL };
	static const uint8_t hello[] = { HT_CLIENT_HELLO, 0, 0, 8, 24, 24 };
	struct raw r;

	mode_need(&m);
	raw_open(&r, &m, KTLS_SERVER, NULL);
	raw_add(&r, CT_HANDSHAKE, hello, 4);
	raw_add(&r, CT_HANDSHAKE, hello + 4, 2);
	raw_add(&r, CT_HANDSHAKE, "sixmor", 6);
	raw_add(&r, CT_DATA, "data", 4);
	raw_push(&r);
	if (kernel_rekeys()) {
		raw_recv_fails(&r, -KTLS_E_NO_REKEY,
			       KTLS_ALERT_INTERNAL_ERROR);
	} else {
		uint8_t type, alert[2];

		/* this one does not look */
		raw_us_recv(&r, "data");
		ASSERT_EQ(raw_recv(&r, &type, alert, 2), 2);
		ASSERT_EQ(alert[1], KTLS_ALERT_NO_RENEGOTIATION);
	}
	raw_close(&r);
}

HARNESS_MAIN
