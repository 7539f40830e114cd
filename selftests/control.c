// SPDX-License-Identifier: GPL-2.0-only
/* Records that are no data, well made and not, after the hand-off */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "raw_lib.h"

FIXTURE(control) {
	struct raw r;
};
MODES(control, mode_paths13);

FIXTURE_SETUP(control)
{
	mode_need(&variant->mode);
	raw_open(&self->r, &variant->mode, KTLS_CLIENT, NULL);
}

FIXTURE_TEARDOWN(control)
{
	raw_close(&self->r);
}

/* The connection goes on as if nothing had been there */
static void goes_on(struct raw *r)
{
	char buf[16];

	raw_send(r, CT_DATA, "data", 4);
	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 4);
	ASSERT_MEMEQ(buf, "data", 4);
	ASSERT_EQ(ktls_send(r->us, "answer", 6, 0), 6);
	raw_want(r, "answer", 6);
}

/* A new connection, of either role, for the next of many failures */
static void again(struct raw *r, const struct mode *m, enum ktls_role role)
{
	raw_close(r);
	raw_open(r, m, role, NULL);
}

/* ---- tickets ----------------------------------------------------------- */

TEST_F(control, ticket)
{
	uint8_t msg[256];
	size_t len = make_ticket(msg, sizeof(msg), 32);

	raw_send(&self->r, CT_HANDSHAKE, msg, len);
	goes_on(&self->r);
}

TEST_F(control, ticket_before_data)
{
	struct raw *r = &self->r;
	uint8_t msg[256];
	size_t len = make_ticket(msg, sizeof(msg), 32);
	char buf[64];

	/* all of it is there before the first receive */
	raw_add(r, CT_DATA, "one", 3);
	raw_add(r, CT_HANDSHAKE, msg, len);
	raw_add(r, CT_HANDSHAKE, msg, len);
	raw_add(r, CT_DATA, "two", 3);
	raw_push(r);
	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 3);
	ASSERT_MEMEQ(buf, "one", 3);
	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 3);
	ASSERT_MEMEQ(buf, "two", 3);
}

TEST_F(control, tickets_in_a_record)
{
	uint8_t msg[RECORD_PLAIN_MAX];
	size_t len = 0;

	while (len < 16000)
		len += make_ticket(msg + len, sizeof(msg) - len, 200);
	raw_send(&self->r, CT_HANDSHAKE, msg, len);
	goes_on(&self->r);
}

/* Most pieces begin with 0x18, which a kernel takes for a KeyUpdate */
TEST_F(control, ticket_in_pieces)
{
	struct raw *r = &self->r;
	uint8_t msg[256];
	size_t len = make_ticket(msg, sizeof(msg), 100);

	for (size_t piece = 3; piece <= len; piece += 7) {
		for (size_t at = 0; at < len; at += piece)
			raw_add(r, CT_HANDSHAKE, msg + at,
				len - at < piece ? len - at : piece);
		raw_push(r);
		goes_on(r);
	}
}

TEST_F(control, ticket_byte_by_byte)
{
	struct raw *r = &self->r;
	uint8_t msg[64];
	size_t len = make_ticket(msg, sizeof(msg), 16);

	for (size_t at = 0; at < len; at++)
		raw_send(r, CT_HANDSHAKE, msg + at, 1);
	goes_on(r);
}

/* The end of one message and the beginning of the next in one record */
TEST_F(control, tickets_across_records)
{
	static const size_t cuts[] = { 0, 1, 30, 99, 100, 101, 250, 251 };
	struct raw *r = &self->r;
	uint8_t msg[1024];
	size_t len = 0;

	for (int i = 0; i < 3; i++)
		len += make_ticket(msg + len, sizeof(msg) - len, 82);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		size_t end = i + 1 < sizeof(cuts) / sizeof(*cuts) ?
			     cuts[i + 1] : len;

		raw_add(r, CT_HANDSHAKE, msg + cuts[i], end - cuts[i]);
	}
	raw_push(r);
	goes_on(r);
}

TEST_F(control, ticket_of_60000)
{
	static uint8_t msg[66000];
	struct raw *r = &self->r;
	size_t len = make_ticket(msg, sizeof(msg), 60000);

	for (size_t at = 0; at < len; at += RECORD_PLAIN_MAX)
		raw_send(r, CT_HANDSHAKE, msg + at,
			 len - at < RECORD_PLAIN_MAX ? len - at :
						       RECORD_PLAIN_MAX);
	goes_on(r);
}

TEST_F(control, ticket_too_large)
{
	static uint8_t msg[66000];
	struct raw *r = &self->r;

	make_ticket(msg, sizeof(msg), 65535);
	/* its length is enough */
	raw_send(r, CT_HANDSHAKE, msg, 4);
	raw_recv_fails(r, -KTLS_E_MESSAGE_SIZE, KTLS_ALERT_ILLEGAL_PARAMETER);
}

TEST_F(control, ticket_malformed)
{
	struct raw *r = &self->r;
	uint8_t msg[64];
	size_t len = make_ticket(msg, sizeof(msg), 8);

	/* shorter than its parts say */
	msg[3]--;
	raw_send(r, CT_HANDSHAKE, msg, len - 1);
	raw_recv_fails(r, -KTLS_E_DECODE, KTLS_ALERT_DECODE_ERROR);
	/* without a ticket */
	again(r, &variant->mode, KTLS_CLIENT);
	len = make_ticket(msg, sizeof(msg), 0);
	raw_send(r, CT_HANDSHAKE, msg, len);
	raw_recv_fails(r, -KTLS_E_DECODE, KTLS_ALERT_DECODE_ERROR);
}

TEST_F(control, ticket_for_a_server)
{
	struct raw *r = &self->r;
	uint8_t msg[64];
	size_t len = make_ticket(msg, sizeof(msg), 8);

	again(r, &variant->mode, KTLS_SERVER);
	raw_send(r, CT_HANDSHAKE, msg, len);
	raw_recv_fails(r, -KTLS_E_UNEXPECTED, KTLS_ALERT_UNEXPECTED_MESSAGE);
}

/* ---- other handshake messages ------------------------------------------ */

TEST_F(control, message_not_allowed)
{
	static const uint8_t types[] = {
		HT_HELLO_REQUEST, HT_CLIENT_HELLO, HT_SERVER_HELLO, 3,
		HT_END_OF_EARLY_DATA, HT_ENCRYPTED_EXTENSIONS, HT_CERTIFICATE,
		HT_CERTIFICATE_REQUEST, HT_CERTIFICATE_VERIFY, HT_FINISHED,
		HT_MESSAGE_HASH, 255,
	};
	struct raw *r = &self->r;

	for (size_t i = 0; i < sizeof(types); i++) {
		const uint8_t msg[] = { types[i], 0, 0, 2, 0, 0 };

		TH_LOG("type %d", types[i]);
		again(r, &variant->mode, i % 2 ? KTLS_SERVER : KTLS_CLIENT);
		/* the rest of a message is not waited for */
		raw_send(r, CT_HANDSHAKE, msg, i % 3 ? 6 : 1);
		raw_recv_fails(r, -KTLS_E_UNEXPECTED,
			       KTLS_ALERT_UNEXPECTED_MESSAGE);
	}
}

/* 5.1: nothing may stand between the pieces of a message */
TEST_F(control, message_interrupted)
{
	static const uint8_t close_notify[] = { 1, 0 };
	struct raw *r = &self->r;
	uint8_t msg[64];

	make_ticket(msg, sizeof(msg), 8);
	for (int i = 0; i < 3; i++) {
		again(r, &variant->mode, KTLS_CLIENT);
		raw_add(r, CT_HANDSHAKE, msg, i == 1 ? 1 : 10);
		if (i)
			raw_add(r, CT_DATA, "x", 1);
		else
			raw_add(r, CT_ALERT, close_notify, 2);
		raw_push(r);
		raw_recv_fails(r, -KTLS_E_RECORD_TYPE,
			       KTLS_ALERT_UNEXPECTED_MESSAGE);
	}
}

TEST_F(control, message_cut_off)
{
	struct raw *r = &self->r;
	uint8_t msg[64];

	make_ticket(msg, sizeof(msg), 8);
	raw_send(r, CT_HANDSHAKE, msg, 10);
	raw_fin(r);
	raw_recv_fails(r, -KTLS_E_TRUNCATED, KTLS_ALERT_NONE);
}

/* ---- sizes ------------------------------------------------------------- */

/* 5.4: no handshake or alert record is empty */
TEST_F(control, empty_control_record)
{
	struct raw *r = &self->r;

	for (int i = 0; i < 4; i++) {
		again(r, &variant->mode, KTLS_CLIENT);
		raw_add_padded(r, i % 2 ? CT_ALERT : CT_HANDSHAKE, "", 0,
			       i / 2 ? 100 : 0);
		/* what follows makes it no better */
		raw_add(r, CT_DATA, "data", 4);
		raw_push(r);
		TH_LOG("%d", i);
		raw_recv_fails(r, -KTLS_E_RECORD_EMPTY,
			       KTLS_ALERT_UNEXPECTED_MESSAGE);
	}
}

TEST_F(control, unknown_type)
{
	static const uint8_t types[] = {
		1, CT_CHANGE_CIPHER_SPEC, 24, 25, 26, 64, 127, 128, 254, 255,
	};
	struct raw *r = &self->r;

	for (size_t i = 0; i < sizeof(types); i++) {
		again(r, &variant->mode, KTLS_CLIENT);
		raw_send(r, types[i], "\1", i % 2);
		TH_LOG("type %d, %zu bytes", types[i], i % 2);
		raw_recv_fails(r, -KTLS_E_RECORD_TYPE,
			       KTLS_ALERT_UNEXPECTED_MESSAGE);
	}
}

/* 5.4: nothing but zeros.  The kernel cannot say what it was. */
TEST_F(control, no_type)
{
	static const uint8_t zeros[100];
	bool kernel = variant->mode.rx == KTLS_PATH_KERNEL;

	raw_send(&self->r, 0, zeros, sizeof(zeros));
	raw_recv_fails(&self->r, kernel ? -KTLS_E_RECORD_MAC :
					  -KTLS_E_RECORD_EMPTY,
		       kernel ? KTLS_ALERT_BAD_RECORD_MAC :
				KTLS_ALERT_UNEXPECTED_MESSAGE);
}

TEST_F(control, padding)
{
	static const size_t pads[] = { 1, 2, 16, 255, 256, 16000 };
	struct raw *r = &self->r;
	uint8_t msg[64], key_update[5];
	size_t len = make_ticket(msg, sizeof(msg), 8);
	char buf[64];

	make_key_update(key_update, 0);
	for (size_t i = 0; i < sizeof(pads) / sizeof(*pads); i++) {
		raw_add_padded(r, CT_HANDSHAKE, msg, len, pads[i]);
		raw_add_padded(r, CT_DATA, "", 0, pads[i]);
		raw_add_padded(r, CT_DATA, "padded", 6, pads[i]);
		raw_push(r);
		ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 6);
		ASSERT_MEMEQ(buf, "padded", 6);
		/* plaintext that looks like a type and its padding */
		raw_add_padded(r, CT_DATA, "\25\0\0", 3, pads[i]);
		raw_push(r);
		ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 3);
		ASSERT_MEMEQ(buf, "\25\0\0", 3);
	}
	if (mode_rekeys_rx(&variant->mode)) {
		raw_add_padded(r, CT_HANDSHAKE, key_update, 5, 1000);
		raw_rekey_tx(r);
	}
	goes_on(r);
}

TEST_F(control, largest_record)
{
	static uint8_t buf[RECORD_PLAIN_MAX], got[RECORD_PLAIN_MAX];
	struct raw *r = &self->r;

	stream_fill(1, 0, buf, sizeof(buf));
	raw_send(r, CT_DATA, buf, sizeof(buf));
	ASSERT_EQ(ktls_recv(r->us, got, sizeof(got), 0), sizeof(got));
	ASSERT_MEMEQ(got, buf, sizeof(buf));
	ASSERT_EQ(ktls_send(r->us, buf, sizeof(buf), 0), sizeof(buf));
	raw_want(r, buf, sizeof(buf));
}

TEST_F(control, record_too_large)
{
	static const uint8_t buf[RECORD_PLAIN_MAX + 1];
	struct raw *r = &self->r;

	raw_send(r, CT_DATA, buf, sizeof(buf));
	raw_recv_fails(r, -KTLS_E_RECORD_OVERFLOW, KTLS_ALERT_RECORD_OVERFLOW);
}

/* A control record does not fit into what the caller has for data */
TEST_F(control, small_buffers)
{
	static uint8_t msg[RECORD_PLAIN_MAX];
	static const size_t sizes[] = { 1, 2, 255, 256, 257, 5000, 16384 };
	struct raw *r = &self->r;
	size_t n = sizeof(sizes) / sizeof(*sizes);
	char *buf;

	for (size_t i = 0; i < n * n; i++) {
		size_t size = sizes[i / n], rec = sizes[i % n];
		size_t len = make_ticket(msg, sizeof(msg), rec < 20 ? 20 :
					 rec - 18);

		/* of its own, so that no byte goes past it */
		buf = malloc(size);
		ASSERT_TRUE(buf);
		raw_add(r, CT_HANDSHAKE, msg, len);
		raw_add(r, CT_DATA, "data", 4);
		raw_push(r);
		for (size_t at = 0; at < 4; ) {
			ssize_t got = ktls_recv(r->us, buf, size, 0);

			ASSERT_GT(got, 0) TH_LOG("buffer %zu, record %zu",
						 size, len);
			ASSERT_MEMEQ(buf, &"data"[at], (size_t)got);
			at += (size_t)got;
		}
		free(buf);
	}
}

/* ---- floods ------------------------------------------------------------ */

/* Control records are welcome as long as data comes as well */
TEST_F(control, tickets_among_data)
{
	struct raw *r = &self->r;
	uint8_t msg[64];
	size_t len = make_ticket(msg, sizeof(msg), 8);
	char c;

	for (int i = 0; i < 300; i++) {
		raw_add(r, CT_HANDSHAKE, msg, len);
		raw_add(r, CT_DATA, "d", 1);
		raw_push(r);
		ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), 1);
	}
}

/* @add until the end under test has had enough */
static void flood(struct raw *r, uint8_t type, const void *p, size_t len,
		  int enough)
{
	char c;
	ssize_t n;

	for (int i = 0; i < enough; i++)
		raw_add(r, type, p, len);
	raw_push(r);
	do
		n = ktls_recv(r->us, &c, 1, MSG_DONTWAIT);
	while (n == -EAGAIN && r->us->rx_control < (uint32_t)enough &&
	       (wait_fd(r->us_fd, POLLIN), true));
	EXPECT_EQ(n, -KTLS_E_RECORD_FLOOD);
	raw_failed(r, -KTLS_E_RECORD_FLOOD, KTLS_ALERT_UNEXPECTED_MESSAGE);
}

TEST_F(control, flood_of_tickets)
{
	uint8_t msg[64];
	size_t len = make_ticket(msg, sizeof(msg), 8);

	flood(&self->r, CT_HANDSHAKE, msg, len, 200);
}

TEST_F(control, flood_in_a_record)
{
	uint8_t msg[RECORD_PLAIN_MAX];
	size_t len = 0;

	while (len < sizeof(msg) - 64)
		len += make_ticket(msg + len, sizeof(msg) - len, 8);
	raw_send(&self->r, CT_HANDSHAKE, msg, len);
	raw_recv_fails(&self->r, -KTLS_E_RECORD_FLOOD,
		       KTLS_ALERT_UNEXPECTED_MESSAGE);
}

TEST_F(control, flood_of_alerts)
{
	static const uint8_t msg[] = { 1, KTLS_ALERT_USER_CANCELED };

	flood(&self->r, CT_ALERT, msg, sizeof(msg), 200);
}

/* Legal, and invisible where the kernel receives; user space counts them */
TEST_F(control, empty_data)
{
	struct raw *r = &self->r;

	for (int i = 0; i < 300; i++) {
		raw_add(r, CT_DATA, "", 0);
		if (!(i % 60))
			goes_on(r);
	}
	goes_on(r);
	if (variant->mode.rx == KTLS_PATH_USER)
		flood(r, CT_DATA, "", 0, 200);
}

HARNESS_MAIN
