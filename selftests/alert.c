// SPDX-License-Identifier: GPL-2.0-only
/* Alerts after the hand-off: received, sent, malformed */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw_lib.h"

FIXTURE(alert) {
	struct raw r;
};
MODES(alert, mode_paths);

FIXTURE_SETUP(alert)
{
	mode_need(&variant->mode);
	raw_open(&self->r, &variant->mode, KTLS_CLIENT, NULL);
}

FIXTURE_TEARDOWN(alert)
{
	raw_close(&self->r);
}

static void again(struct raw *r, const struct mode *m, enum ktls_role role)
{
	raw_close(r);
	raw_open(r, m, role, NULL);
}

/* The descriptions of RFC 9846 6 that end a connection, and some of none */
static const uint8_t fatal[] = {
	10, 20, 21, 22, 30, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
	60, 70, 71, 80, 86, 100, 109, 110, 111, 112, 113, 114, 115, 116, 117,
	120, 1, 99, 254,
};

/* ---- received ---------------------------------------------------------- */

/* 6: whatever its level says, an error alert is the end, in TLS 1.3 */
TEST_F(alert, received)
{
	bool tls13 = variant->mode.suite->version == KTLS_TLS13;
	struct raw *r = &self->r;
	struct ktls_info info;
	uint8_t buf[8];

	for (size_t i = 0; i < sizeof(fatal); i++) {
		uint8_t alert = fatal[i];

		TH_LOG("alert %d", alert);
		again(r, &variant->mode, i % 2 ? KTLS_SERVER : KTLS_CLIENT);
		raw_add(r, CT_DATA, "last", 4);
		raw_push(r);
		raw_alert(r, tls13 && i % 3 == 2 ? 1 : 2, alert);
		raw_send(r, CT_DATA, "never", 5);
		ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 4);
		EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_NONE);
		ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0),
			  -KTLS_E_PEER_ALERT);
		EXPECT_EQ(ktls_conn_alert(r->us), alert);
		ktls_conn_info(r->us, &info);
		EXPECT_EQ(info.alert_received, alert);
		/* and no alert answers an alert */
		raw_failed(r, -KTLS_E_PEER_ALERT, KTLS_ALERT_NONE);
	}
}

/* Every description of the header is among them, or is no error */
TEST(names)
{
	for (int a = 0; a < 256; a++) {
		bool known = false;

		for (size_t i = 0; i < sizeof(fatal); i++)
			known |= fatal[i] == a;
		if (a == KTLS_ALERT_CLOSE_NOTIFY ||
		    a == KTLS_ALERT_USER_CANCELED)
			EXPECT_FALSE(known);
		else if (strcmp(ktls_alert_name((uint8_t)a), "unknown"))
			EXPECT_TRUE(known) TH_LOG("%d", a);
	}
}

/* RFC 5246 7.2.2: TLS 1.2 has warnings */
TEST_F(alert, warning)
{
	struct raw *r = &self->r;
	uint8_t c;

	if (variant->mode.suite->version != KTLS_TLS12)
		return;
	for (size_t i = 0; i < sizeof(fatal); i++) {
		raw_alert(r, 1, fatal[i]);
		raw_send(r, CT_DATA, "x", 1);
		ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), 1);
	}
	EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_NONE);
}

TEST_F(alert, user_canceled)
{
	struct raw *r = &self->r;
	uint8_t buf[8];

	for (uint8_t level = 0; level < 4; level++) {
		raw_alert(r, level, KTLS_ALERT_USER_CANCELED);
		raw_send(r, CT_DATA, "more", 4);
		ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 4);
	}
	EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_NONE);
	raw_alert(r, 1, KTLS_ALERT_USER_CANCELED);
	raw_alert(r, 1, KTLS_ALERT_CLOSE_NOTIFY);
	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 0);
	EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_CLOSE_NOTIFY);
}

/* user_canceled promises a close_notify, and is no replacement for it */
TEST_F(alert, user_canceled_alone)
{
	struct raw *r = &self->r;

	raw_alert(r, 1, KTLS_ALERT_USER_CANCELED);
	raw_fin(r);
	raw_recv_fails(r, -KTLS_E_TRUNCATED, KTLS_ALERT_NONE);
}

TEST_F(alert, close_notify_of_any_level)
{
	struct raw *r = &self->r;
	uint8_t buf[8];

	for (uint8_t level = 0; level < 4; level++) {
		again(r, &variant->mode, KTLS_CLIENT);
		raw_alert(r, level, KTLS_ALERT_CLOSE_NOTIFY);
		ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), 0);
		EXPECT_EQ(ktls_conn_events(r->us), KTLS_EV_CLOSED);
	}
}

/* ---- malformed --------------------------------------------------------- */

/* 5.1: an alert record is one alert */
TEST_F(alert, of_odd_size)
{
	static const uint8_t bytes[RECORD_PLAIN_MAX] = { 1, 0, 1, 0 };
	static const size_t sizes[] = { 1, 3, 4, 255, 256, 257, 16384 };
	struct raw *r = &self->r;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		TH_LOG("%zu bytes", sizes[i]);
		again(r, &variant->mode, i % 2 ? KTLS_SERVER : KTLS_CLIENT);
		raw_send(r, CT_ALERT, bytes, sizes[i]);
		raw_recv_fails(r, -KTLS_E_DECODE, KTLS_ALERT_DECODE_ERROR);
	}
}

/* The two bytes of an alert do not fit into the caller's one */
TEST_F(alert, into_a_byte)
{
	struct raw *r = &self->r;
	uint8_t *buf = malloc(1);

	ASSERT_TRUE(buf);
	raw_alert(r, 1, KTLS_ALERT_USER_CANCELED);
	raw_send(r, CT_DATA, "x", 1);
	ASSERT_EQ(ktls_recv(r->us, buf, 1, 0), 1);
	EXPECT_EQ(*buf, 'x');
	raw_alert(r, 1, KTLS_ALERT_CLOSE_NOTIFY);
	ASSERT_EQ(ktls_recv(r->us, buf, 1, 0), 0);
	free(buf);
}

/* ---- sent -------------------------------------------------------------- */

/* An alert closes the record that MSG_MORE has left open, and comes after */
TEST_F(alert, after_more)
{
	struct raw *r = &self->r;
	uint8_t buf[8];

	ASSERT_EQ(ktls_send(r->us, "more", 4, MSG_MORE), 4);
	raw_send(r, 77, "?", 1);
	ASSERT_EQ(ktls_recv(r->us, buf, sizeof(buf), 0), -KTLS_E_RECORD_TYPE);
	raw_want(r, "more", 4);
	raw_failed(r, -KTLS_E_RECORD_TYPE, KTLS_ALERT_UNEXPECTED_MESSAGE);
}

/* After our close_notify nothing may follow, not even an alert */
TEST_F(alert, not_after_close_notify)
{
	struct raw *r = &self->r;

	ASSERT_OK(ktls_conn_shutdown(r->us));
	raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
	raw_want_end(r);
	raw_send(r, 77, "?", 1);
	ASSERT_EQ(ktls_recv(r->us, &(char){ 0 }, 1, 0), -KTLS_E_RECORD_TYPE);
	EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_CLOSE_NOTIFY);
	raw_want_end(r);
}

/* Only the first failure is told */
TEST_F(alert, once)
{
	struct raw *r = &self->r;
	uint8_t c;

	raw_add(r, 77, "?", 1);
	raw_add(r, CT_ALERT, "", 1);
	raw_push(r);
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), -KTLS_E_RECORD_TYPE);
	raw_failed(r, -KTLS_E_RECORD_TYPE, KTLS_ALERT_UNEXPECTED_MESSAGE);
}

/* The peer is gone: the alert finds nobody, and that is no other failure */
TEST_F(alert, to_nobody)
{
	const struct linger reset = { .l_onoff = 1 };
	struct raw *r = &self->r;
	uint8_t c;
	int fd = r->fd;

	raw_send(r, 77, "?", 1);
	wait_fd(r->us_fd, POLLIN);
	ASSERT_EQ(recv(r->us_fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0,
		  variant->mode.rx == KTLS_PATH_KERNEL);
	ASSERT_OK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
			     sizeof(reset)));
	close(fd);
	r->fd = -1;
	wait_fd(r->us_fd, POLLHUP);
	ASSERT_LT(ktls_recv(r->us, &c, 1, 0), 0);
	ASSERT_LT(ktls_recv(r->us, &c, 1, 0), 0);
	ASSERT_LT(ktls_send(r->us, &c, 1, 0), 0);
}

HARNESS_MAIN
