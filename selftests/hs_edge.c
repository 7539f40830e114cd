// SPDX-License-Identifier: GPL-2.0-only
/* At the edges of a handshake: between its records, and behind the last */
#include "hs_lib.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "mode_lib.h"

/* ---- what stands behind it is the kernel's ------------------------------ */

static void seal(struct bytes *to, struct ktls_hs *from, uint8_t type,
		 const char *text)
{
	struct wr w = { 0 };

	ASSERT_OK(record_seal(&from->tx, KTLS_TLS12, type, text, strlen(text),
			      &w));
	bytes_add(to, w.buf, w.len);
	wr_free(&w);
}

static void check_sealed(struct ktls_hs *to, uint8_t *p, size_t len,
			 uint8_t want, const char *text)
{
	struct slice content;
	uint8_t type;

	ASSERT_OK(record_open(&to->rx, p, len, &type, &content));
	EXPECT_EQ(type, want);
	ASSERT_EQ(content.len, strlen(text));
	EXPECT_MEMEQ(content.p, text, content.len);
}

FIXTURE(behind) {
	struct two two;
	struct bytes b;
};

FIXTURE_VARIANT(behind) {
	uint8_t type;
	size_t max;
};

FIXTURE_VARIANT_ADD(behind, data) { CT_DATA, 0 };
FIXTURE_VARIANT_ADD(behind, data_bytewise) { CT_DATA, 1 };
FIXTURE_VARIANT_ADD(behind, ticket) { CT_HANDSHAKE, 0 };
FIXTURE_VARIANT_ADD(behind, alert) { CT_ALERT, 0 };

FIXTURE_SETUP(behind)
{
	two_begin(&self->two, NULL, NULL, "localhost");
	/* up to the flight of the server */
	ASSERT_GT(pump_one(self->two.client, self->two.server, SIZE_MAX), 0);
	bytes_take(&self->b, self->two.server);
}

FIXTURE_TEARDOWN(behind)
{
	two_end(&self->two);
}

/* 4.5.4: a server may send as soon as its Finished is out */
TEST_F(behind, servers_finished)
{
	struct ktls_hs *c = self->two.client, *s = self->two.server;
	struct feed f = { .hs = c };
	size_t len = self->b.len;

	seal(&self->b, s, variant->type, "behind");
	ASSERT_EQ(feed(&f, self->b.b, self->b.len, variant->max), len);
	EXPECT_EQ(c->state, HS_DONE);
	check_sealed(c, self->b.b + len, self->b.len - len, variant->type,
		     "behind");
	ASSERT_GT(pump_one(c, s, SIZE_MAX), 0);
	EXPECT_EQ(s->state, HS_DONE);
}

TEST_F(behind, clients_finished)
{
	struct ktls_hs *c = self->two.client, *s = self->two.server;
	struct feed f = { .hs = c };
	size_t len;

	ASSERT_EQ(feed(&f, self->b.b, self->b.len, 0), self->b.len);
	self->b.len = 0;
	bytes_take(&self->b, c);
	len = self->b.len;
	seal(&self->b, c, variant->type, "behind");
	f = (struct feed){ .hs = s };
	ASSERT_EQ(feed(&f, self->b.b, self->b.len, variant->max), len);
	EXPECT_EQ(s->state, HS_DONE);
	check_sealed(s, self->b.b + len, self->b.len - len, variant->type,
		     "behind");
}

/* The engine says so itself when it is given more than it asked for */
TEST(more_than_asked)
{
	struct two t;
	size_t len;

	two_begin(&t, NULL, NULL, "localhost");
	ASSERT_TRUE(ktls_hs_in(t.server, &len));
	EXPECT_EQ(ktls_hs_received(t.server, len + 1), -EINVAL);
	EXPECT_EQ(ktls_hs_error(t.server), 0);
	ASSERT_OK(pump(t.client, t.server, 0));
	two_agree(&t);
	two_end(&t);
}

/* ---- between the records ------------------------------------------------ */

#define CCS		"\x14\3\3\0\1\1"
#define CANCELED	"\x15\3\3\0\2\1\x5a"
#define NOTIFY		"\x15\3\3\0\2\1\0"

FIXTURE(between) {
	struct two two;
	struct bytes b;
};

/* Records that the client gets before the server's flight, as they stand */
FIXTURE_VARIANT(between) {
	const char *record;
	size_t len;
	int times;
	int err;		/* 0: they are ignored */
	uint8_t alert;
};

#define REC(r)	(r), sizeof(r) - 1

FIXTURE_VARIANT_ADD(between, ccs) { REC(CCS), 1, 0, 0 };
/* one of its own may follow */
FIXTURE_VARIANT_ADD(between, ccs_repeated) { REC(CCS), 31, 0, 0 };
FIXTURE_VARIANT_ADD(between, ccs_flood) {
	REC(CCS), 33, -KTLS_E_RECORD_FLOOD, KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(between, ccs_value) {
	REC("\x14\3\3\0\1\2"), 1, -KTLS_E_RECORD_TYPE,
	KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(between, ccs_longer) {
	REC("\x14\3\3\0\2\1\1"), 1, -KTLS_E_RECORD_TYPE,
	KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(between, canceled) { REC(CANCELED), 1, 0, 0 };
FIXTURE_VARIANT_ADD(between, canceled_flood) {
	REC(CANCELED), 33, -KTLS_E_RECORD_FLOOD, KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(between, close_notify) {
	REC(NOTIFY), 1, -KTLS_E_PEER_ALERT, KTLS_ALERT_NONE
};
FIXTURE_VARIANT_ADD(between, two_alerts) {
	REC("\x15\3\3\0\4\2\x28\2\x28"), 1, -KTLS_E_DECODE,
	KTLS_ALERT_DECODE_ERROR
};
FIXTURE_VARIANT_ADD(between, half_an_alert) {
	REC("\x15\3\3\0\1\2"), 1, -KTLS_E_DECODE, KTLS_ALERT_DECODE_ERROR
};
FIXTURE_VARIANT_ADD(between, empty_handshake) {
	REC("\x16\3\3\0\0"), 1, -KTLS_E_RECORD_EMPTY,
	KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(between, data) {
	REC("\x17\3\3\0\1x"), 1, -KTLS_E_RECORD_TYPE,
	KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(between, heartbeat) {
	REC("\x18\3\3\0\1x"), 1, -KTLS_E_RECORD_TYPE,
	KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(between, http) {
	REC("HTTP/1.1 400 Bad Request\r\n"), 1, -KTLS_E_RECORD_TYPE,
	KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(between, too_long) {
	REC("\x16\3\3\x40\1"), 1, -KTLS_E_RECORD_OVERFLOW,
	KTLS_ALERT_RECORD_OVERFLOW
};

FIXTURE_SETUP(between)
{
	two_begin(&self->two, NULL, NULL, "localhost");
	for (int i = 0; i < variant->times; i++)
		bytes_add(&self->b, variant->record, variant->len);
}

FIXTURE_TEARDOWN(between)
{
	two_end(&self->two);
}

/* @hs has got the records, and is to go on, or to have failed */
static void check_between(FIXTURE_DATA(between) *self, struct ktls_hs *hs,
			  const FIXTURE_VARIANT(between) *v)
{
	struct ktls_info info;

	if (!v->err) {
		ASSERT_OK(pump(self->two.client, self->two.server, 0));
		two_agree(&self->two);
		return;
	}
	ktls_hs_info(hs, &info);
	EXPECT_EQ(ktls_hs_error(hs), v->err);
	EXPECT_EQ(info.alert_sent, v->alert);
	if (v->err == -KTLS_E_PEER_ALERT)
		EXPECT_EQ(info.alert_received, KTLS_ALERT_CLOSE_NOTIFY);
	check_dead(hs);
}

TEST_F(between, before_server_hello)
{
	struct feed f = { .hs = self->two.client };

	feed(&f, self->b.b, self->b.len, 0);
	check_between(self, f.hs, variant);
}

/* Between two hellos of a client */
TEST_F(between, after_retry)
{
	struct ktls_config *cookie = config(KTLS_OPTS(
		.role = KTLS_SERVER, .flags = KTLS_F_COOKIE));
	struct feed f;

	ktls_config_put(self->two.server_config);
	self->two.server_config = cookie;
	two_again(&self->two, "localhost");
	ASSERT_GT(pump_one(self->two.client, self->two.server, SIZE_MAX), 0);
	ASSERT_GT(pump_one(self->two.server, self->two.client, SIZE_MAX), 0);
	f = (struct feed){ .hs = self->two.server };
	feed(&f, self->b.b, self->b.len, 0);
	check_between(self, f.hs, variant);
}

/* ---- what is the socket's failure, and not a peer's ---------------------- */

static uint8_t alert_of(const struct ktls_hs *hs)
{
	struct ktls_info info;

	ktls_hs_info(hs, &info);
	EXPECT_EQ(info.alert_received, KTLS_ALERT_NONE);
	return info.alert_sent;
}

/* There is nobody to be told, and nothing claims that it was */
TEST(reset_by_peer)
{
	struct two t;

	two_begin(&t, NULL, NULL, "localhost");
	EXPECT_EQ(ktls_hs_recv_failed(t.server, -ECONNRESET), -ECONNRESET);
	EXPECT_EQ(alert_of(t.server), KTLS_ALERT_NONE);
	EXPECT_EQ(ktls_hs_wants(t.server), KTLS_WANT_FAIL);
	two_end(&t);
}

/* ... in front of its hello, or within */
static void reset_run(int how)
{
	const struct linger linger = { .l_onoff = 1 };
	struct ktls_hs *hs;
	struct two t;
	int fd[2];

	two_begin(&t, NULL, NULL, "localhost");
	hs = t.server;
	tcp_pair(fd);
	set_nonblock(fd[0]);
	if (how)
		ASSERT_EQ(send(fd[1], "\x16\3\1", 3, 0), 3);
	ASSERT_EQ(ktls_hs_run(hs, fd[0]), KTLS_WANT_RECV);
	ASSERT_OK(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &linger,
			     sizeof(linger)));
	close(fd[1]);
	wait_fd(fd[0], POLLIN);
	EXPECT_EQ(ktls_hs_run(hs, fd[0]), -ECONNRESET);
	EXPECT_EQ(alert_of(hs), KTLS_ALERT_NONE);
	close(fd[0]);
	two_end(&t);
}

TEST(reset_in_run)
{
	for (int how = 0; how < 2; how++)
		reset_run(how);
}

/* It has failed for a reason of the peer's, who does not wait for the alert */
TEST(alert_not_sent)
{
	struct two t;
	struct feed f;

	two_begin(&t, NULL, NULL, "localhost");
	f = (struct feed){ .hs = t.server };
	feed(&f, (const uint8_t *)CCS, 6, 0);
	EXPECT_EQ(alert_of(t.server), KTLS_ALERT_UNEXPECTED_MESSAGE);
	ASSERT_EQ(ktls_hs_wants(t.server), KTLS_WANT_FAIL | KTLS_WANT_SEND);
	EXPECT_EQ(ktls_hs_send_failed(t.server, -EPIPE), -KTLS_E_RECORD_TYPE);
	EXPECT_EQ(alert_of(t.server), KTLS_ALERT_NONE);
	EXPECT_EQ(ktls_hs_wants(t.server), KTLS_WANT_FAIL);
	two_end(&t);
}

/* 5: only after the first hello may a ChangeCipherSpec come */
TEST(ccs_first)
{
	struct two t;
	struct feed f;

	two_begin(&t, NULL, NULL, "localhost");
	f = (struct feed){ .hs = t.server };
	feed(&f, (const uint8_t *)CCS, 6, 0);
	ASSERT_GT(pump_one(t.server, t.client, SIZE_MAX), 0);
	check_failure(t.server, t.client, -KTLS_E_RECORD_TYPE,
		      KTLS_ALERT_UNEXPECTED_MESSAGE);
	two_end(&t);
}

/* 5.1: nothing stands between the pieces of a message */
TEST(ccs_within_message)
{
	struct bytes b = { 0 };
	struct two t;
	struct feed f;
	uint8_t first[64];

	two_begin(&t, NULL, NULL, "localhost");
	ASSERT_GT(pump_one(t.client, t.server, SIZE_MAX), 0);
	bytes_take(&b, t.server);
	/* the ServerHello's record, cut to ten bytes of it */
	memcpy(first, b.b, 15);
	first[3] = 0;
	first[4] = 10;
	f = (struct feed){ .hs = t.client };
	ASSERT_EQ(feed(&f, first, 15, 0), 15);
	EXPECT_EQ(ktls_hs_error(t.client), 0);
	feed(&f, (const uint8_t *)CCS, 6, 0);
	pump_one(t.client, t.server, SIZE_MAX);
	check_failure(t.client, t.server, -KTLS_E_RECORD_TYPE,
		      KTLS_ALERT_UNEXPECTED_MESSAGE);
	two_end(&t);
}

/* 5.2: the kernel's limit is the protocol's, 256 bytes on top */
TEST(sealed_record_too_long)
{
	static const uint8_t longest[5] = { CT_DATA, 3, 3, 0x41, 0 };
	static const uint8_t longer[5] = { CT_DATA, 3, 3, 0x41, 1 };
	struct feed f = { 0 };
	struct two t;

	two_begin(&t, NULL, NULL, "localhost");
	ASSERT_GT(pump_one(t.client, t.server, SIZE_MAX), 0);
	f.hs = t.server;
	ASSERT_EQ(feed(&f, longest, 5, 0), 5);
	EXPECT_EQ(ktls_hs_error(t.server), 0);
	two_again(&t, "localhost");
	ASSERT_GT(pump_one(t.client, t.server, SIZE_MAX), 0);
	f = (struct feed){ .hs = t.server };
	feed(&f, longer, 5, 0);
	EXPECT_EQ(ktls_hs_error(t.server), -KTLS_E_RECORD_OVERFLOW);
	two_end(&t);
}

HARNESS_MAIN
