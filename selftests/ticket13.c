// SPDX-License-Identifier: GPL-2.0-only
/*
 * NewSessionTicket after the hand-off (RFC 9846 4.7.1): what a server may send,
 * in any records, is kept; what is no such message ends the connection.
 */
#include "../lib/cache.h"
#include "harness.h"
#include "raw_lib.h"
#include "session_lib.h"

FIXTURE(ticket) {
	struct raw r;
	struct ktls_config *config;	/* of the end under test */
	struct wr msg;
};

MODES(ticket, mode_paths13);

static void begin(FIXTURE_DATA(ticket) *self, const struct mode *m,
		  enum ktls_role role)
{
	raw_open(&self->r, m, role, KTLS_OPTS(.sessions = 100));
	self->config = ktls_config_get(self->r.us->config);
}

FIXTURE_SETUP(ticket)
{
	mode_need(&variant->mode);
	begin(self, &variant->mode, KTLS_CLIENT);
}

static void end(FIXTURE_DATA(ticket) *self)
{
	raw_close(&self->r);
	ktls_config_put(self->config);
	wr_free(&self->msg);
}

FIXTURE_TEARDOWN(ticket)
{
	end(self);
}

/* ---- messages ---------------------------------------------------------- */

struct nst {
	uint32_t lifetime;
	size_t nonce, ticket;
	const char *exts;
	size_t exts_len;
	uint8_t fill;
};

/* Lifetime, sizes of nonce and ticket, and the rest; PLAIN: what any may be */
#define NST(l, n, t, ...)	((struct nst){ .lifetime = (l), .nonce = (n), \
					       .ticket = (t), __VA_ARGS__ })
#define PLAIN(...)		NST(3600, 2, 100, __VA_ARGS__)
#define EXTS(s)		.exts = (s), .exts_len = sizeof(s) - 1

static void add(FIXTURE_DATA(ticket) *self, struct nst n)
{
	struct wr *w = &self->msg;

	wr_u8(w, HT_NEW_SESSION_TICKET);
	wr_vec(w, 3) {
		wr_u32(w, n.lifetime);
		wr_u32(w, 0x01020304);
		wr_vec(w, 1)
			for (size_t i = 0; i < n.nonce; i++)
				wr_u8(w, n.fill);
		wr_vec(w, 2)
			for (size_t i = 0; i < n.ticket; i++)
				wr_u8(w, n.fill);
		wr_vec(w, 2)
			wr_bytes(w, n.exts, n.exts_len);
	}
	ASSERT_TRUE(wr_ok(w));
}

/* All of them, in records of at most @max bytes */
static void push(FIXTURE_DATA(ticket) *self, size_t max)
{
	for (size_t at = 0, n; at < self->msg.len; at += n) {
		n = self->msg.len - at < max ? self->msg.len - at : max;
		raw_send(&self->r, CT_HANDSHAKE, self->msg.buf + at, n);
	}
	wr_reset(&self->msg);
}

/* Those that are kept for the server, which are forgotten; the newest first */
static size_t kept(FIXTURE_DATA(ticket) *self, struct wr first[1])
{
	struct wr key = { 0 }, w = { 0 };
	size_t n = 0;

	ASSERT_TRUE(session13_key(&key, "localhost"));
	while (cache_get(self->config->sessions,
			 (struct slice){ key.buf, key.len }, true, &w)) {
		if (!n++ && first)
			wr_bytes(first, w.buf, w.len);
		wr_reset(&w);
	}
	wr_free(&key);
	wr_free(&w);
	return n;
}

/* What was sent is taken, with the data after it; so many are kept */
static size_t taken(FIXTURE_DATA(ticket) *self)
{
	raw_send(&self->r, CT_DATA, "x", 1);
	raw_us_recv(&self->r, "x");
	raw_us_send(&self->r, "y");
	return kept(self, NULL);
}

/* ---- good ones --------------------------------------------------------- */

TEST_F(ticket, several_in_one_record)
{
	for (size_t i = 1; i < 8; i++) {
		for (size_t j = 0; j < i; j++)
			add(self, PLAIN(.fill = (uint8_t)j));
		push(self, RECORD_PLAIN_MAX);
		EXPECT_EQ(taken(self), i < 4 ? i : 4);
	}
}

TEST_F(ticket, over_several_records)
{
	static const size_t sizes[] = { 4, 5, 64, 119, 120, 239 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		add(self, PLAIN(.fill = 1));
		add(self, PLAIN(.fill = 2));
		push(self, sizes[i]);
		EXPECT_EQ(taken(self), 2) TH_LOG("%zu", sizes[i]);
	}
}

/* What is kept is what was sent: the newest, under its own nonce */
TEST_F(ticket, as_it_was_sent)
{
	struct wr w = { 0 };
	struct slice ticket;
	struct secret resumption, want;
	struct session s;
	const uint8_t nonce[] = { 9, 9 };

	add(self, PLAIN(.fill = 8));
	add(self, NST(77, 2, 100, .fill = 9));
	push(self, 50);
	raw_send(&self->r, CT_DATA, "x", 1);
	raw_us_recv(&self->r, "x");
	ASSERT_EQ(kept(self, &w), 2);
	ASSERT_TRUE(session_read((struct slice){ w.buf, w.len }, &s,
				 &ticket));
	EXPECT_EQ(ticket.len, 100);
	EXPECT_EQ(ticket.p[99], 9);
	EXPECT_EQ(s.age_add, 0x01020304);
	EXPECT_GE(s.lifetime, 77);
	EXPECT_LE(s.lifetime, 79);
	EXPECT_EQ(s.suite, self->r.suite->id);
	conn_secret(self->r.us, CONN_RESUMPTION, &resumption);
	ASSERT_OK(expand_label(self->config->crypto, self->r.suite->hash,
			       &resumption, "resumption",
			       (struct slice){ nonce, 2 }, want.b,
			       s.secret.len));
	EXPECT_MEMEQ(s.secret.b, want.b, s.secret.len);
	wr_free(&w);
}

/* 4.7.1: a lifetime of 0 is not to be kept, one above a week is a week's */
TEST_F(ticket, lifetimes)
{
	static const struct { uint32_t lifetime; size_t kept; } rows[] = {
		{ 0, 0 }, { 60, 1 }, { 604800, 1 }, { 604801, 1 },
		{ UINT32_MAX, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		add(self, NST(rows[i].lifetime, 2, 100, .fill = 1));
		push(self, RECORD_PLAIN_MAX);
		EXPECT_EQ(taken(self), rows[i].kept)
			TH_LOG("%u", rows[i].lifetime);
	}
}

/* 4.7.1: those it does not know are ignored, GREASE among them */
TEST_F(ticket, extensions)
{
	static const struct nst rows[] = {
		PLAIN(EXTS("\x0a\x0a\x00\x00")),
		PLAIN(EXTS("\xfa\xfa\x00\x01\x00")),
		PLAIN(EXTS("\x12\x34\x00\x03" "abc" "\xff\x77\x00\x00")),
		PLAIN(EXTS("\x00\x2a\x00\x04\x00\x00\x40\x00")),
		PLAIN(EXTS("\x00\x2a\x00\x04\xff\xff\xff\xff\x3a\x3a\x00\x00")),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		add(self, rows[i]);
		push(self, RECORD_PLAIN_MAX);
		EXPECT_EQ(taken(self), 1) TH_LOG("%zu", i);
	}
}

TEST_F(ticket, nonces_of_any_length)
{
	static const size_t sizes[] = { 0, 1, 8, 255 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		add(self, NST(3600, sizes[i], 100, .fill = 1));
		push(self, RECORD_PLAIN_MAX);
		EXPECT_EQ(taken(self), 1) TH_LOG("%zu", sizes[i]);
	}
}

/* One that no hello of ours has room for does not keep us from coming back */
TEST_F(ticket, sizes)
{
	static const size_t sizes[] = { 1, 16384, 16385, 40000, 65000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct ktls_config *server;
		struct ktls_hs *c, *s;

		add(self, NST(3600, 2, sizes[i], .fill = 1));
		push(self, RECORD_PLAIN_MAX);
		raw_send(&self->r, CT_DATA, "x", 1);
		raw_us_recv(&self->r, "x");
		server = mode_user_config(&variant->mode, KTLS_SERVER);
		ASSERT_OK(ktls_hs_new(&c, self->config, "localhost"));
		ASSERT_OK(ktls_hs_new(&s, server, NULL));
		EXPECT_EQ(c->client.psks_len, sizes[i] <= 16384)
			TH_LOG("%zu", sizes[i]);
		EXPECT_OK(pump(c, s, 0))
			TH_LOG("%zu: %s, %s", sizes[i], ktls_hs_error_text(c),
			       ktls_hs_error_text(s));
		ktls_hs_free(c);
		ktls_hs_free(s);
		ktls_config_put(server);
		EXPECT_EQ(kept(self, NULL), 0);
	}
}

/* ---- bad ones ---------------------------------------------------------- */

/* Each field cut, the message's length right: nothing of it is kept */
TEST_F(ticket, cut)
{
	size_t len;

	add(self, NST(3600, 2, 3, EXTS("\x00\x2a\x00\x04\x00\x00\x40\x00")));
	len = self->msg.len - MSG_HEADER;
	end(self);
	for (size_t cut = 0; cut < len; cut++) {
		*self = (FIXTURE_DATA(ticket)){ .config = NULL };
		begin(self, &variant->mode, KTLS_CLIENT);
		add(self, NST(3600, 2, 3,
			      EXTS("\x00\x2a\x00\x04\x00\x00\x40\x00")));
		self->msg.len = MSG_HEADER + cut;
		self->msg.buf[3] = (uint8_t)cut;
		push(self, RECORD_PLAIN_MAX);
		raw_recv_fails(&self->r, -KTLS_E_DECODE,
			       KTLS_ALERT_DECODE_ERROR);
		EXPECT_EQ(kept(self, NULL), 0);
		end(self);
	}
	*self = (FIXTURE_DATA(ticket)){ .config = NULL };
	begin(self, &variant->mode, KTLS_CLIENT);
}

static const struct bad {
	const char *name;
	struct nst nst;
	size_t more;		/* bytes behind the message's fields */
	int err;
	uint8_t alert;
} bad[] = {
	{ "no ticket", NST(3600, 2, 0, .fill = 1), 0, -KTLS_E_DECODE,
	  KTLS_ALERT_DECODE_ERROR },
	{ "longer", NST(3600, 2, 1, .fill = 1), 1, -KTLS_E_DECODE,
	  KTLS_ALERT_DECODE_ERROR },
	{ "half an extension", PLAIN(EXTS("\x12\x34\x00")), 0, -KTLS_E_DECODE,
	  KTLS_ALERT_DECODE_ERROR },
	{ "extension too long", PLAIN(EXTS("\x12\x34\x00\x02" "a")), 0,
	  -KTLS_E_DECODE, KTLS_ALERT_DECODE_ERROR },
	{ "early_data empty", PLAIN(EXTS("\x00\x2a\x00\x00")), 0,
	  -KTLS_E_DECODE, KTLS_ALERT_DECODE_ERROR },
	{ "early_data longer", PLAIN(EXTS("\x00\x2a\x00\x05" "12345")), 0,
	  -KTLS_E_DECODE, KTLS_ALERT_DECODE_ERROR },
	{ "twice", PLAIN(EXTS("\x12\x34\x00\x00\x12\x34\x00\x00")), 0,
	  -KTLS_E_EXT_DUPLICATE, KTLS_ALERT_ILLEGAL_PARAMETER },
	/* 4.3: known, and not for this message */
	{ "key_share", PLAIN(EXTS("\x00\x33\x00\x00")), 0,
	  -KTLS_E_EXT_FORBIDDEN, KTLS_ALERT_ILLEGAL_PARAMETER },
	{ "pre_shared_key", PLAIN(EXTS("\x00\x29\x00\x02\x00\x00")), 0,
	  -KTLS_E_EXT_FORBIDDEN, KTLS_ALERT_ILLEGAL_PARAMETER },
};

TEST_F(ticket, bad)
{
	end(self);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const struct bad *b = &bad[i];

		TH_LOG("%s", b->name);
		*self = (FIXTURE_DATA(ticket)){ .config = NULL };
		begin(self, &variant->mode, KTLS_CLIENT);
		add(self, b->nst);
		for (size_t j = 0; j < b->more; j++) {
			wr_u8(&self->msg, 0);
			self->msg.buf[3]++;
		}
		push(self, RECORD_PLAIN_MAX);
		raw_recv_fails(&self->r, b->err, b->alert);
		EXPECT_EQ(kept(self, NULL), 0);
		end(self);
	}
	*self = (FIXTURE_DATA(ticket)){ .config = NULL };
	begin(self, &variant->mode, KTLS_CLIENT);
}

/* A good one before the bad one goes with the connection (6) */
TEST_F(ticket, a_bad_one_behind)
{
	add(self, PLAIN(.fill = 1));
	add(self, NST(3600, 2, 0, .fill = 1));
	push(self, RECORD_PLAIN_MAX);
	raw_recv_fails(&self->r, -KTLS_E_DECODE, KTLS_ALERT_DECODE_ERROR);
	EXPECT_EQ(kept(self, NULL), 0);
}

/* What is above max_message ends it */
TEST_F(ticket, above_the_limit)
{
	add(self, PLAIN(.fill = 1));
	add(self, NST(3600, 255, 65535, .fill = 1));
	push(self, RECORD_PLAIN_MAX);
	raw_recv_fails(&self->r, -KTLS_E_MESSAGE_SIZE,
		       KTLS_ALERT_ILLEGAL_PARAMETER);
	EXPECT_EQ(kept(self, NULL), 0);
}

TEST_F(ticket, to_a_server)
{
	end(self);
	*self = (FIXTURE_DATA(ticket)){ .config = NULL };
	begin(self, &variant->mode, KTLS_SERVER);
	add(self, PLAIN(.fill = 1));
	push(self, RECORD_PLAIN_MAX);
	raw_recv_fails(&self->r, -KTLS_E_UNEXPECTED,
		       KTLS_ALERT_UNEXPECTED_MESSAGE);
}

HARNESS_MAIN
