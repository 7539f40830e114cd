// SPDX-License-Identifier: GPL-2.0-only
/*
 * Authentication after the handshake, and an end that does not do it as it
 * should: whatever is not in order ends the connection, with its alert.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "post_lib.h"

#define LATER	KTLS_F_AUTH_LATER

static const struct post_opts plain = { .cert = "client", .flags = LATER };

/* ---- the client, to a server in the mode ------------------------------- */

FIXTURE(answers) {
	struct post t;
	struct post_msgs m;
};
MODES(answers, mode_paths13);

FIXTURE_SETUP(answers)
{
	mode_need(&variant->mode);
	post_open(&self->t, NULL, &variant->mode, &plain);
}

FIXTURE_TEARDOWN(answers)
{
	post_close(&self->t);
}

/* Requests, and their answers in the hand of the test */
static void begin(struct post *t, const struct mode *m, struct post_msgs *msgs,
		  int requests)
{
	post_close(t);
	post_open(t, NULL, m, &plain);
	while (requests--)
		post_ask(t);
	post_capture(t, msgs);
}

static void hand(struct post *t, struct slice s)
{
	post_send(t->client, CT_HANDSHAKE, s.p, s.len);
}

static void told(struct post *t)
{
	char c;

	ASSERT_EQ(ktls_recv(t->server, &c, 1, 0), -EINTR);
}

/* Records end where they like, also with what a kernel takes for KeyUpdate */
TEST_F(answers, cut)
{
	static const size_t max[] = { 20, 21, 22, 23, 36, 100, 500, 16384 };
	struct post *t = &self->t;

	for (size_t i = 0; i < sizeof(max) / sizeof(*max); i++) {
		post_ask(t);
		post_capture(t, &self->m);
		post_send_cut(t->client, (struct slice){ self->m.b,
			      self->m.len }, max[i]);
		told(t);
		post_knows(t, "client");
		ping(t->client, t->server);
		ping(t->server, t->client);
	}
}

TEST_F(answers, in_another_order)
{
	struct post *t = &self->t;

	begin(t, &variant->mode, &self->m, 3);
	for (size_t i = 3; i--; ) {
		for (size_t j = 0; j < 3; j++)
			hand(t, post_msg(&self->m, 3 * i + j));
		told(t);
		EXPECT_EQ(!!(ktls_conn_events(t->server) &
			     KTLS_EV_UNANSWERED), i > 0);
		post_knows(t, "client");
	}
	ping(t->client, t->server);
}

TEST_F(answers, twice)
{
	struct post *t = &self->t;

	/* while another is awaited, and while none is */
	for (int more = 1; more >= 0; more--) {
		begin(t, &variant->mode, &self->m, 1 + more);
		for (size_t j = 0; j < 3; j++)
			hand(t, post_msg(&self->m, j));
		told(t);
		hand(t, post_msg(&self->m, 0));
		post_fails(t->server, t->client, more ? -KTLS_E_CERT_CONTEXT :
			   -KTLS_E_UNEXPECTED);
	}
}

TEST_F(answers, unsolicited)
{
	static const uint8_t types[] = {
		HT_CERTIFICATE, HT_CERTIFICATE_VERIFY, HT_FINISHED,
		HT_CERTIFICATE_REQUEST,
	};
	struct post *t = &self->t;

	for (size_t i = 0; i < 2 * sizeof(types); i++) {
		const uint8_t msg[] = { types[i / 2], 0, 0, 4, 0, 0, 0, 0 };
		bool asked = i % 2;

		if (asked && types[i / 2] == HT_CERTIFICATE)
			continue;
		TH_LOG("type %d, %sasked", types[i / 2], asked ? "" : "not ");
		post_close(t);
		post_open(t, NULL, &variant->mode, &plain);
		if (asked)
			post_ask(t);
		/* the rest of it is not waited for */
		post_send(t->client, CT_HANDSHAKE, msg, 1);
		post_fails(t->server, t->client, -KTLS_E_UNEXPECTED);
	}
}

/* Of another connection, or none */
TEST_F(answers, wrong_context)
{
	struct post *t = &self->t;
	static const int change[] = { 5, 4 + 32, -1 };

	for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++) {
		struct slice s;

		begin(t, &variant->mode, &self->m, 1);
		s = post_msg(&self->m, 0);
		ASSERT_EQ(s.p[4], 32);
		if (change[i] >= 0) {
			self->m.b[change[i]] ^= 1;
			hand(t, s);
		} else {
			static const uint8_t empty[] = { HT_CERTIFICATE, 0, 0,
							 4, 0, 0, 0, 0 };

			post_send(t->client, CT_HANDSHAKE, empty,
				  sizeof(empty));
		}
		post_fails(t->server, t->client, -KTLS_E_CERT_CONTEXT);
	}
}

/* One bit, in each message */
TEST_F(answers, changed)
{
	struct post *t = &self->t;
	const struct {
		size_t msg;
		int at;		/* below 0: from the end */
		int err;
	} rows[] = {
		/* in the leaf's signature, whose last byte is before the
		   extensions of the last entry */
		{ 0, -3, -KTLS_E_CERT_BAD },
		{ 1, -1, -KTLS_E_SIGNATURE },
		{ 1, 4, -KTLS_E_SIGALG_CHOICE },
		{ 1, 3, -KTLS_E_DECODE },
		{ 2, 4, -KTLS_E_FINISHED },
		{ 2, -1, -KTLS_E_FINISHED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct slice s;
		size_t at;

		TH_LOG("row %zu", i);
		begin(t, &variant->mode, &self->m, 1);
		s = post_msg(&self->m, rows[i].msg);
		at = (size_t)(s.p - self->m.b);
		at += rows[i].at < 0 ? s.len - (size_t)-rows[i].at :
				       (size_t)rows[i].at;
		/* a length: a byte less */
		if (rows[i].err == -KTLS_E_DECODE) {
			self->m.b[at]--;
			s.len--;
		} else {
			self->m.b[at] ^= 1;
		}
		for (size_t j = 0; j < rows[i].msg; j++)
			hand(t, post_msg(&self->m, j));
		hand(t, s);
		post_fails(t->server, t->client, rows[i].err);
		post_knows(t, "");
	}
}

/* A message left out, or another in its place */
TEST_F(answers, not_in_sequence)
{
	static const struct {
		int8_t msg[4];		/* -1: the end */
	} rows[] = {
		{ { 0, 2, -1 } },	/* no CertificateVerify */
		{ { 0, 0, -1 } },
		{ { 0, 1, 1, -1 } },
		{ { 0, 1, 0, -1 } },
		{ { 0, 3, -1 } },	/* another answer begins */
		{ { 0, 1, 3, -1 } },
		{ { 0, 4, -1 } },	/* its CertificateVerify */
		{ { 0, 1, 5, -1 } },	/* its Finished */
	};
	struct post *t = &self->t;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		/* the proofs of another answer are of the right type */
		int err = i == 6 ? -KTLS_E_SIGNATURE :
			  i == 7 ? -KTLS_E_FINISHED : -KTLS_E_UNEXPECTED;

		TH_LOG("row %zu", i);
		begin(t, &variant->mode, &self->m, 2);
		for (const int8_t *m = rows[i].msg; *m >= 0; m++)
			hand(t, post_msg(&self->m, (size_t)*m));
		post_fails(t->server, t->client, err);
	}
}

/* 4.7.2: nothing comes between */
TEST_F(answers, interrupted)
{
	static const uint8_t update[] = { HT_KEY_UPDATE, 0, 0, 1, 0 };
	struct post *t = &self->t;
	char c;

	for (size_t after = 1; after <= 2; after++) {
		for (int what = 0; what < 3; what++) {
			begin(t, &variant->mode, &self->m, 1);
			for (size_t j = 0; j < after; j++)
				hand(t, post_msg(&self->m, j));
			TH_LOG("after %zu: %d", after, what);
			if (what == 0) {
				post_send(t->client, CT_DATA, "x", 1);
				post_fails(t->server, t->client,
					   -KTLS_E_RECORD_TYPE);
			} else if (what == 1) {
				post_send(t->client, CT_HANDSHAKE, update,
					  sizeof(update));
				post_fails(t->server, t->client,
					   -KTLS_E_UNEXPECTED);
			} else {
				/* an end, before it is proved */
				ASSERT_OK(ktls_conn_shutdown(t->client));
				ASSERT_EQ(ktls_recv(t->server, &c, 1, 0), 0);
				EXPECT_TRUE(ktls_conn_events(t->server) &
					    KTLS_EV_UNANSWERED);
				post_knows(t, "");
			}
		}
	}
}

/* The Finished of a key that is over is not that of this one */
TEST_F(answers, of_an_old_key)
{
	struct post *t = &self->t;

	if (!mode_rekeys_rx(&variant->mode))
		return;
	begin(t, &variant->mode, &self->m, 1);
	ASSERT_OK(ktls_conn_rekey(t->client, 0));
	for (size_t j = 0; j < 3; j++)
		hand(t, post_msg(&self->m, j));
	post_fails(t->server, t->client, -KTLS_E_FINISHED);
}

/* A proof for one connection is none for another */
TEST_F(answers, of_another_connection)
{
	struct post *t = &self->t;
	static struct post_msgs other;
	struct slice mine;
	struct post u;

	post_open(&u, NULL, &variant->mode, &plain);
	post_ask(&u);
	post_capture(&u, &other);
	post_close(&u);
	begin(t, &variant->mode, &self->m, 1);
	mine = post_msg(&self->m, 0);
	/* with the context that is asked for */
	memcpy(other.b + 5, mine.p + 5, 32);
	hand(t, post_msg(&other, 0));
	hand(t, post_msg(&other, 1));
	post_fails(t->server, t->client, -KTLS_E_SIGNATURE);
}

TEST_F(answers, too_large)
{
	static const uint8_t head[] = { HT_CERTIFICATE, 1, 0, 1 };
	struct post *t = &self->t;

	begin(t, &variant->mode, &self->m, 1);
	post_send(t->client, CT_HANDSHAKE, head, sizeof(head));
	post_fails(t->server, t->client, -KTLS_E_MESSAGE_SIZE);
}

/* ---- the server, to a client in the mode ------------------------------- */

FIXTURE(requests) {
	struct post t;
};
MODES(requests, mode_paths13);

FIXTURE_SETUP(requests)
{
	mode_need(&variant->mode);
	post_open(&self->t, &variant->mode, NULL, &plain);
}

FIXTURE_TEARDOWN(requests)
{
	post_close(&self->t);
}

static void request(struct post *t, const char *context, bool sigalgs)
{
	uint8_t buf[512];

	post_send(t->server, CT_HANDSHAKE, buf,
		  post_make_request(buf, context, sigalgs));
}

static void again(struct post *t, const struct mode *m)
{
	post_close(t);
	post_open(t, m, NULL, &plain);
}

TEST_F(requests, flood)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	struct post *t = &self->t;

	for (int i = 0; i < 5; i++)
		request(t, names[i], true);
	post_fails(t->client, t->server, -KTLS_E_REQUEST_FLOOD);
}

TEST_F(requests, context)
{
	struct post *t = &self->t;

	request(t, "", true);
	post_fails(t->client, t->server, -KTLS_E_REQUEST_CONTEXT);
	again(t, &variant->mode);
	request(t, "one", true);
	request(t, "other", true);
	request(t, "one", true);
	post_fails(t->client, t->server, -KTLS_E_REQUEST_CONTEXT);
}

TEST_F(requests, malformed)
{
	static const uint8_t body[] = { HT_CERTIFICATE_REQUEST, 0, 0, 3,
					1, 'a', 0 };
	struct post *t = &self->t;

	request(t, "a", false);
	post_fails(t->client, t->server, -KTLS_E_EXT_MISSING);
	again(t, &variant->mode);
	post_send(t->server, CT_HANDSHAKE, body, sizeof(body));
	post_fails(t->client, t->server, -KTLS_E_DECODE);
}

TEST_F(requests, cut)
{
	struct post *t = &self->t;
	uint8_t buf[512];
	char c;

	/* 24 ('\30') is what a kernel takes for a KeyUpdate */
	for (size_t max = 1; max < 20; max++) {
		const struct slice s = { buf, post_make_request(buf,
			"\30\30\30\30\30\30\30\30\30\30\30\30", true) };

		post_send_cut(t->server, s, max);
		ASSERT_EQ(ktls_recv(t->client, &c, 1, 0), -EINTR);
		ping(t->server, t->client);
		post_close(t);
		post_open(t, &variant->mode, NULL, &plain);
	}
}

TEST_F(requests, unsolicited)
{
	static const uint8_t types[] = {
		HT_CERTIFICATE, HT_CERTIFICATE_VERIFY, HT_FINISHED,
	};
	struct post *t = &self->t;

	for (size_t i = 0; i < sizeof(types); i++) {
		again(t, &variant->mode);
		request(t, "a", true);
		post_send(t->server, CT_HANDSHAKE, types + i, 1);
		post_fails(t->client, t->server, -KTLS_E_UNEXPECTED);
	}
}

/* A certificate that the server does not ask for is not sent */
TEST_F(requests, nothing_fits)
{
	static const uint8_t msg[] = {
		HT_CERTIFICATE_REQUEST, 0, 0, 12, 1, 'a',
		0, 8, 0, 13, 0, 4, 0, 2, 8, 7,	/* ed25519 */
	};
	struct post *t = &self->t;
	char c;

	post_send(t->server, CT_HANDSHAKE, msg, sizeof(msg));
	ASSERT_EQ(ktls_recv(t->client, &c, 1, 0), -EINTR);
	ASSERT_OK(ktls_conn_authenticate(t->client));
	EXPECT_EQ(t->client->sigalg, 0);
	/* this server has not asked at all */
	post_fails(t->server, t->client, -KTLS_E_UNEXPECTED);
}

HARNESS_MAIN
