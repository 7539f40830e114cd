// SPDX-License-Identifier: GPL-2.0-only
/* Records that are no data, among data, to a connection on an io_uring */
#include "uring_lib.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "raw_lib.h"

FIXTURE(uring_control) {
	struct uring_pair p;
	struct raw r;
};

MODES(uring_control, mode_ends);

static bool is13(const struct mode *m)
{
	return m->suite->version == KTLS_TLS13;
}

FIXTURE_SETUP(uring_control)
{
	mode_need(&variant->mode);
	/* so that a record comes a few at a time */
	uring_open(&self->p, 64, 0, &(struct ktls_uring_opts){
		.size = sizeof(struct ktls_uring_opts), .buffers = 4 });
	raw_open(&self->r, &variant->mode, KTLS_CLIENT, NULL);
	uring_end_over(&self->p, &self->p.client, self->r.us);
}

FIXTURE_TEARDOWN(uring_control)
{
	self->p.client.fd = -1;
	uring_close(&self->p);
	self->r.us = NULL;	/* it was the stream's */
	raw_close(&self->r);
}

/* @len bytes more of the stream, sealed */
static void add_data(struct raw *r, uint64_t *at, size_t len)
{
	uint8_t buf[RECORD_PLAIN_MAX];

	stream_fill(0, *at, buf, len);
	raw_add(r, CT_DATA, buf, len);
	*at += len;
}

/* It goes on, in both directions */
static void goes_on(struct uring_pair *p, struct raw *r, uint64_t *at)
{
	uint8_t want[100];

	add_data(r, at, 100);
	raw_push(r);
	UNTIL(p, p->client.got == *at);
	EXPECT_FALSE(p->client.ended);
	stream_fill(0, 0, want, sizeof(want));
	uring_send(&p->client, 0, 0, sizeof(want), false);
	UNTIL(p, p->client.done);
	p->client.done = 0;
	raw_want(r, want, sizeof(want));
}

/* It has ended with @err, told the peer, and closed() waits for the peer */
static void failed(struct uring_pair *p, struct raw *r, int err)
{
	uint8_t alert = (uint8_t)ktls_error_alert(err);

	UNTIL(p, p->client.ended);
	EXPECT_EQ(p->client.end_err, err)
		TH_LOG("%s", ktls_strerror(p->client.end_err));
	uring_send(&p->client, 0, 0, 100, false);
	UNTIL(p, p->client.done);
	EXPECT_EQ(p->client.job_err, err);
	ktls_stream_close(p->client.s);
	uring_idle(p, 3);
	EXPECT_FALSE(p->client.closed);
	if (alert != KTLS_ALERT_NONE)
		raw_want_alert(r, alert);
	raw_want_end(r);
	raw_fin(r);
	UNTIL(p, p->client.closed);
	EXPECT_EQ(p->client.close_err, err);
}

/* A key behind a message in one record, which the kernel does not see */
TEST_F(uring_control, key_behind_a_ticket)
{
	struct raw *r = &self->r;
	uint8_t msg[256];
	uint64_t at = 0;
	size_t len;

	if (!mode_rekeys_rx(&variant->mode))
		return;
	for (int i = 0; i < 5; i++) {
		len = make_ticket(msg, sizeof(msg), 100);
		len += make_key_update(msg + len, 0);
		add_data(r, &at, 100);
		raw_add(r, CT_HANDSHAKE, msg, len);
		raw_rekey_tx(r);
		for (int j = 0; j < 5; j++)
			add_data(r, &at, 1000);
		goes_on(&self->p, r, &at);
	}
}

/* What the kernel takes for one, in the middle of a message, and stops */
TEST_F(uring_control, no_key_at_all)
{
	struct raw *r = &self->r;
	uint8_t msg[300];
	uint64_t at = 0;

	if (!is13(&variant->mode))
		return;
	for (int i = 0; i < 5; i++) {
		size_t len = make_ticket(msg, sizeof(msg), 200);

		memset(msg + len - 100, HT_KEY_UPDATE, 60);
		add_data(r, &at, 100);
		raw_add(r, CT_HANDSHAKE, msg, len - 100);
		raw_add(r, CT_HANDSHAKE, msg + len - 100, 30);
		raw_add(r, CT_HANDSHAKE, msg + len - 70, 70);
		for (int j = 0; j < 5; j++)
			add_data(r, &at, 1000);
		goes_on(&self->p, r, &at);
	}
}

/* ---- what is harmless --------------------------------------------------- */

static void add_harmless(struct raw *r, const struct mode *m)
{
	static const uint8_t warning[] = { 1, KTLS_ALERT_USER_CANCELED };
	static const uint8_t hello_request[4];
	uint8_t msg[1024];
	size_t len;

	raw_add(r, CT_ALERT, warning, 2);
	if (!is13(m)) {
		raw_add(r, CT_HANDSHAKE, hello_request, 4);
		return;
	}
	/* two in one, and one in three */
	len = make_ticket(msg, sizeof(msg), 100);
	len += make_ticket(msg + len, sizeof(msg) - len, 50);
	raw_add(r, CT_HANDSHAKE, msg, len);
	raw_add(r, CT_HANDSHAKE, msg, 1);
	raw_add(r, CT_HANDSHAKE, msg + 1, 10);
	raw_add(r, CT_HANDSHAKE, msg + 11, len - 11);
	if (mode_rekeys_rx(m))
		raw_add_key_update(r, 0);
}

/* Read what a 1.2 client says to a HelloRequest */
static void refusals(struct raw *r, const struct mode *m, int n)
{
	uint8_t type, buf[RECORD_PLAIN_MAX];

	while (!is13(m) && n--) {
		ASSERT_EQ(raw_recv(r, &type, buf, sizeof(buf)), 2);
		ASSERT_EQ(type, CT_ALERT);
		EXPECT_EQ(buf[1], KTLS_ALERT_NO_RENEGOTIATION);
	}
}

TEST_F(uring_control, among_data)
{
	struct uring_pair *p = &self->p;
	struct raw *r = &self->r;
	uint64_t at = 0;

	for (int i = 0; i < 20; i++) {
		add_data(r, &at, 1 + 700 * (size_t)i);
		add_harmless(r, &variant->mode);
		add_data(r, &at, 16384);
		raw_push(r);
		UNTIL(p, p->client.got == at);
	}
	uring_idle(p, 1);
	refusals(r, &variant->mode, 20);
	goes_on(p, r, &at);
}

/* Everything is there before any of it is looked at */
TEST_F(uring_control, paused)
{
	struct uring_pair *p = &self->p;
	struct raw *r = &self->r;
	uint64_t at = 0;

	uring_turn(p, 1);
	ktls_stream_pause(p->client.s);
	for (int i = 0; i < 3; i++) {
		add_data(r, &at, 5000);
		add_harmless(r, &variant->mode);
	}
	add_data(r, &at, 5);
	raw_push(r);
	uring_idle(p, 5);
	EXPECT_EQ(p->client.got, 0);
	/* and again in the middle of what is held */
	p->client.pause_at = 5001;
	ktls_stream_resume(p->client.s);
	UNTIL(p, p->client.got >= 10000);
	uring_idle(p, 5);
	EXPECT_EQ(p->client.got, 10000);
	ktls_stream_resume(p->client.s);
	UNTIL(p, p->client.got == at);
	uring_idle(p, 1);
	refusals(r, &variant->mode, 3);
	goes_on(p, r, &at);
}

/* Received, and held, since the pause comes too late for it */
TEST_F(uring_control, paused_in_flight)
{
	struct uring_pair *p = &self->p;
	struct raw *r = &self->r;
	uint64_t at = 0;

	for (int i = 0; i < 10; i++) {
		uring_idle(p, 2);
		add_data(r, &at, 3000);
		add_harmless(r, &variant->mode);
		add_data(r, &at, 3000);
		raw_push(r);
		ktls_stream_pause(p->client.s);
		if (i % 2)
			uring_idle(p, 2);
		ktls_stream_resume(p->client.s);
		if (i % 3)
			UNTIL(p, p->client.got == at);
	}
	UNTIL(p, p->client.got == at);
	uring_idle(p, 1);
	refusals(r, &variant->mode, 10);
	goes_on(p, r, &at);
}

TEST_F(uring_control, closed_while_paused)
{
	struct uring_pair *p = &self->p;
	struct raw *r = &self->r;
	uint64_t at = 0;

	uring_turn(p, 1);
	ktls_stream_pause(p->client.s);
	add_data(r, &at, 5000);
	raw_alert(r, 1, KTLS_ALERT_CLOSE_NOTIFY);
	raw_fin(r);
	uring_idle(p, 5);
	EXPECT_FALSE(p->client.ended);
	ktls_stream_resume(p->client.s);
	UNTIL(p, p->client.ended);
	EXPECT_EQ(p->client.got, at);
	EXPECT_OK(p->client.end_err);
	ktls_stream_close(p->client.s);
	UNTIL(p, p->client.closed);
	EXPECT_OK(p->client.close_err);
	raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
}

/* Our own key, because the peer asks for it, before the next data */
TEST_F(uring_control, update_requested)
{
	struct uring_pair *p = &self->p;
	struct raw *r = &self->r;
	uint8_t want[10];

	if (!mode_rekeys_rx(&variant->mode) ||
	    !mode_rekeys_tx(&variant->mode))
		return;
	stream_fill(0, 0, want, sizeof(want));
	for (int i = 0; i < 5; i++) {
		uint64_t at = p->client.got;

		raw_add_key_update(r, 1);
		add_data(r, &at, 10);
		raw_push(r);
		UNTIL(p, p->client.got == at);
		uring_send(&p->client, 0, 0, sizeof(want), false);
		UNTIL(p, p->client.done == (unsigned int)i + 1);
		raw_want_key_update(r, 0);
		raw_want(r, want, sizeof(want));
	}
}

/* ---- what ends it ------------------------------------------------------- */

/* @type comes, after data that is still delivered */
static void ends(struct uring_pair *p, struct raw *r, uint8_t type,
		 const void *rec, size_t len, int err)
{
	uint64_t at = p->client.got;

	add_data(r, &at, 1000);
	raw_add(r, type, rec, len);
	raw_push(r);
	failed(p, r, err);
	EXPECT_EQ(p->client.got, at);
}

TEST_F(uring_control, fatal_alert)
{
	ends(&self->p, &self->r, CT_ALERT, "\2\50", 2, -KTLS_E_PEER_ALERT);
}

TEST_F(uring_control, unknown_type)
{
	ends(&self->p, &self->r, 99, "x", 1, -KTLS_E_RECORD_TYPE);
}

TEST_F(uring_control, message_not_allowed)
{
	ends(&self->p, &self->r, CT_HANDSHAKE, "\24\0\0\0", 4,
	     -KTLS_E_UNEXPECTED);
}

TEST_F(uring_control, two_alerts_in_one)
{
	ends(&self->p, &self->r, CT_ALERT, "\1\132\1\132", 4, -KTLS_E_DECODE);
}

TEST_F(uring_control, damaged)
{
	struct raw *r = &self->r;
	uint64_t at = 0;

	add_data(r, &at, 1000);
	raw_push(r);
	UNTIL(&self->p, self->p.client.got == at);
	add_data(r, &at, 1000);
	r->out.buf[r->out.len - 1] ^= 1;
	raw_push(r);
	failed(&self->p, r, -KTLS_E_RECORD_MAC);
	EXPECT_EQ(self->p.client.got, 1000);
}

TEST_F(uring_control, data_in_a_message)
{
	struct raw *r = &self->r;
	uint8_t msg[100];
	uint64_t at = 0;

	if (!is13(&variant->mode))
		return;
	make_ticket(msg, sizeof(msg), 8);
	raw_add(r, CT_HANDSHAKE, msg, 10);
	add_data(r, &at, 10);
	raw_push(r);
	failed(&self->p, r, -KTLS_E_RECORD_TYPE);
	EXPECT_EQ(self->p.client.got, 0);
}

TEST_F(uring_control, cut_off)
{
	struct uring_pair *p = &self->p;

	raw_fin(&self->r);
	UNTIL(p, p->client.ended);
	EXPECT_EQ(p->client.end_err, -KTLS_E_TRUNCATED);
	ktls_stream_close(p->client.s);
	UNTIL(p, p->client.closed);
	EXPECT_OK(p->client.close_err);
	raw_want_alert(&self->r, KTLS_ALERT_CLOSE_NOTIFY);
}

/* ---- floods ------------------------------------------------------------- */

static void flood(struct uring_pair *p, struct raw *r, uint8_t type,
		  const void *rec, size_t len)
{
	for (int i = 0; i < 200; i++)
		raw_add(r, type, rec, len);
	raw_push(r);
	UNTIL(p, p->client.ended);
	EXPECT_EQ(p->client.end_err, -KTLS_E_RECORD_FLOOD);
}

TEST_F(uring_control, flood_of_alerts)
{
	static const uint8_t warning[] = { 1, KTLS_ALERT_USER_CANCELED };

	flood(&self->p, &self->r, CT_ALERT, warning, 2);
}

/* The kernel does not show those, in a read that has found nothing else */
TEST_F(uring_control, flood_of_nothing)
{
	uint64_t at = 0;

	if (variant->mode.rx == KTLS_PATH_USER) {
		flood(&self->p, &self->r, CT_DATA, "", 0);
		return;
	}
	for (int i = 0; i < 200; i++) {
		raw_add(&self->r, CT_DATA, "", 0);
		if (!(i % 50))
			goes_on(&self->p, &self->r, &at);
	}
}

TEST_F(uring_control, flood_of_keys)
{
	if (!mode_rekeys_rx(&variant->mode))
		return;
	for (int i = 0; i < 100; i++)
		raw_add_key_update(&self->r, 0);
	raw_push(&self->r);
	failed(&self->p, &self->r, -KTLS_E_KEYUPDATE_FLOOD);
}

static bool updated(struct uring_pair *p, unsigned int n)
{
	struct ktls_info info;

	ktls_conn_info(ktls_stream_conn(p->client.s), &info);
	return info.rx_updates == n;
}

/* Each ends what the ring receives, which is no failure of the connection */
TEST_F(uring_control, keys_one_by_one)
{
	struct raw *r = &self->r;
	uint64_t at = 0;

	if (!mode_rekeys_rx(&variant->mode))
		return;
	for (unsigned int i = 0; i < 32; i++) {
		raw_add_key_update(r, 0);
		raw_push(r);
		UNTIL(&self->p, updated(&self->p, i + 1));
	}
	goes_on(&self->p, r, &at);
}

HARNESS_MAIN
