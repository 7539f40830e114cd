// SPDX-License-Identifier: GPL-2.0-only
/*
 * How flights arrive: cut and joined in every way that the protocol allows,
 * and in those that it forbids; and damaged.
 */
#include "hs_lib.h"
#include "record_lib.h"

#include <string.h>

#include "harness.h"

/* What is done to a flight before it is delivered; zeroed, nothing */
struct surgery {
	int flight;	/* 0: the first hello, 1: its answer, ...; ALL */
	bool sealed;	/* its protected messages, or those in plaintext */
	size_t at;	/* two records, the second beginning here */
	size_t piece;	/* records of so many bytes */
	size_t pad;	/* zeros in each protected record */
	size_t flip;	/* change the byte before this one of the messages */
	size_t damage;	/* ... of the records */
	size_t split;	/* deliver so many bytes of the flight, then the rest */
	bool join;	/* the protected messages with the plaintext ones */
	const char *more;	/* append this to the messages */
	size_t more_len;
};

#define ALL	(-1)

/* A flight, and the messages in it */
struct flight {
	struct bytes records, plain, sealed, out;
	bool ccs;
};

/* ---- taking apart and putting together --------------------------------- */

static const struct secret *secret_of(const struct two *t,
				      const struct ktls_hs *from)
{
	return from == t->server ? &from->server_hs : &from->client_hs;
}

static void unpack(struct flight *f, const struct ktls_hs *from,
		   const struct secret *secret)
{
	struct record rec = { 0 };
	struct slice content;
	uint8_t type;

	f->plain.len = f->sealed.len = 0;
	f->ccs = false;
	if (secret->len)
		ASSERT_OK(record_set_secret(&rec, from->config->crypto,
					 from->suite, secret, false));
	for (size_t at = 0, len; at < f->records.len; at += len) {
		uint8_t *p = f->records.b + at;
		uint8_t copy[RECORD_MAX];

		len = RECORD_HEADER + (size_t)(p[3] << 8 | p[4]);
		ASSERT_LE(at + len, f->records.len);
		memcpy(copy, p, len);
		if (p[0] == CT_CHANGE_CIPHER_SPEC) {
			f->ccs = true;
		} else if (p[0] == CT_HANDSHAKE) {
			bytes_add(&f->plain, p + RECORD_HEADER,
				  len - RECORD_HEADER);
		} else {
			ASSERT_OK(record_open(&rec, copy, len, &type,
					      &content));
			ASSERT_EQ(type, CT_HANDSHAKE);
			bytes_add(&f->sealed, content.p, content.len);
		}
	}
	record_free(&rec);
}

static void put_record(struct bytes *out, struct record *rec,
		       const uint8_t *p, size_t len, size_t pad)
{
	static const uint8_t zeros[RECORD_PLAIN_MAX];
	struct bytes inner;
	struct wr w = { 0 };
	uint8_t type = CT_HANDSHAKE;

	inner.len = 0;
	bytes_add(&inner, p, len);
	if (pad && rec->suite) {
		/* content, its type, zeros: the last of which seems the type */
		bytes_add(&inner, &type, 1);
		bytes_add(&inner, zeros, pad - 1);
		type = 0;
	}
	ASSERT_OK(record_seal(rec, KTLS_TLS12, type, inner.b, inner.len, &w));
	bytes_add(out, w.buf, w.len);
	wr_free(&w);
}

static void put_records(struct bytes *out, struct record *rec,
			const struct bytes *messages, const struct surgery *s)
{
	size_t piece = s->piece ? s->piece : messages->len;

	if (s->at) {
		ASSERT_LT(s->at, messages->len);
		put_record(out, rec, messages->b, s->at, s->pad);
		put_record(out, rec, messages->b + s->at,
			   messages->len - s->at, s->pad);
		return;
	}
	for (size_t at = 0; at < messages->len; at += piece)
		put_record(out, rec, messages->b + at,
			   messages->len - at < piece ? messages->len - at :
							piece, s->pad);
}

static void operate(struct flight *f, const struct surgery *s,
		    const struct ktls_hs *from, const struct secret *secret)
{
	static const uint8_t ccs[] = { CT_CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1 };
	static const struct surgery none;
	struct bytes *messages = s->sealed ? &f->sealed : &f->plain;
	struct record rec = { 0 };
	size_t at;

	unpack(f, from, secret);
	f->out.len = 0;
	if (s->more)
		bytes_add(messages, s->more, s->more_len);
	if (s->flip)
		messages->b[s->flip - 1] ^= (uint8_t)(1 << s->flip % 8);
	if (s->join)
		bytes_add(&f->plain, f->sealed.b, f->sealed.len);
	put_records(&f->out, &rec, &f->plain, s->sealed ? &none : s);
	if (f->ccs)
		bytes_add(&f->out, ccs, sizeof(ccs));
	at = f->out.len;
	if (f->sealed.len) {
		ASSERT_OK(record_set_secret(&rec, from->config->crypto,
					 from->suite, secret, true));
		put_records(&f->out, &rec, &f->sealed, s->sealed ? s : &none);
		record_free(&rec);
	}
	if (s->damage)
		f->out.b[at + s->damage - 1] ^= (uint8_t)(1 << s->damage % 8);
}

/*
 * Both to the end.  @f is left as the last flight that was operated on, the
 * length of which bounds the positions in it.
 */
static void run(struct two *t, struct flight *f, const struct surgery *s)
{
	struct feed feeds[2] = { { .hs = t->server }, { .hs = t->client } };

	for (int i = 0; i < 16; i++) {
		struct ktls_hs *from = feeds[!(i % 2)].hs;
		struct feed *to = &feeds[i % 2];
		bool mine = s->flight == ALL || s->flight == i;
		struct flight other;
		struct flight *g = mine ? f : &other;
		/* what a server sends behind it, tickets, is not for this */
		bool over = to->hs->state == HS_DONE;
		size_t split, n;

		g->records.len = g->out.len = 0;
		bytes_take(&g->records, from);
		if (mine && g->records.len && !ktls_hs_error(from))
			operate(g, s, from, secret_of(t, from));
		else
			bytes_add(&g->out, g->records.b, g->records.len);
		split = mine && s->split < g->out.len ? s->split : 0;
		n = feed(to, g->out.b, split, 0);
		n += feed(to, g->out.b + split, g->out.len - split, 0);
		/* an alert may come too late for who has finished */
		if (!ktls_hs_error(to->hs) && !ktls_hs_error(from))
			ASSERT_EQ(n, over ? 0 : g->out.len);
	}
}

/* ---- every part of a handshake ----------------------------------------- */

FIXTURE(part) {
	struct two two;
	struct flight flight;
	struct surgery s;
};

FIXTURE_TIMEOUT(part, 120);

FIXTURE_VARIANT(part) {
	int flight;
	bool sealed, mutual, retry;
};

FIXTURE_VARIANT_ADD(part, client_hello) { .flight = 0 };
FIXTURE_VARIANT_ADD(part, server_hello) { .flight = 1 };
FIXTURE_VARIANT_ADD(part, server) { .flight = 1, .sealed = true };
FIXTURE_VARIANT_ADD(part, client) { .flight = 2, .sealed = true };
FIXTURE_VARIANT_ADD(part, server_mutual) {
	.flight = 1, .sealed = true, .mutual = true
};
FIXTURE_VARIANT_ADD(part, client_mutual) {
	.flight = 2, .sealed = true, .mutual = true
};
FIXTURE_VARIANT_ADD(part, retry) { .flight = 1, .retry = true };
FIXTURE_VARIANT_ADD(part, client_hello_again) { .flight = 2, .retry = true };

FIXTURE_SETUP(part)
{
	struct ktls_cred client = pki_cred("client");
	bool mutual = variant->mutual, retry = variant->retry;

	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT,
			    .groups = "x25519:secp256r1",
			    .creds = &client, .creds_len = mutual ? 1 : 0),
		  KTLS_OPTS(.role = KTLS_SERVER,
			    .flags = retry ? KTLS_F_COOKIE : 0,
			    .groups = retry ? "secp256r1" : "x25519",
			    .verify = mutual ? KTLS_VERIFY_REQUIRE :
					       KTLS_VERIFY_NONE), "localhost");
	self->s = (struct surgery){ .flight = variant->flight,
				    .sealed = variant->sealed };
}

FIXTURE_TEARDOWN(part)
{
	two_end(&self->two);
}

/* Once more; the length of the part that it was about */
static size_t again(FIXTURE_DATA(part) *self)
{
	two_again(&self->two, "localhost");
	run(&self->two, &self->flight, &self->s);
	return self->s.sealed ? self->flight.sealed.len :
				self->flight.plain.len;
}

TEST_F(part, in_two_records)
{
	size_t len = again(self);

	ASSERT_GT(len, 35);
	/* signatures differ in length: the last bytes may be out of reach */
	for (self->s.at = 1; self->s.at < len - 4; self->s.at++) {
		again(self);
		two_agree(&self->two);
		ASSERT_EQ(ktls_hs_error(self->two.client), 0)
			TH_LOG("at %zu of %zu", self->s.at, len);
	}
}

TEST_F(part, in_pieces)
{
	static const size_t pieces[] = { 1, 2, 3, 4, 5, 17, 100, 400 };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		self->s.piece = pieces[i];
		again(self);
		two_agree(&self->two);
	}
}

TEST_F(part, in_two_reads)
{
	size_t len;

	again(self);
	len = self->flight.out.len;
	for (self->s.split = 1; self->s.split < len; self->s.split++) {
		again(self);
		two_agree(&self->two);
	}
}

static bool finished(const struct ktls_hs *hs)
{
	return ktls_hs_wants(hs) == KTLS_WANT_DONE;
}

/*
 * One bit of the messages is another: whoever it was for finds out, at once
 * or by the other's Finished, and says so.
 */
TEST_F(part, changed)
{
	size_t len = again(self);

	for (self->s.flip = 1; self->s.flip <= len - 4; self->s.flip++) {
		const struct ktls_hs *c, *s;

		again(self);
		c = self->two.client;
		s = self->two.server;
		EXPECT_FALSE(finished(s))
			TH_LOG("byte %zu of %zu", self->s.flip, len);
		if (!self->s.sealed || self->s.flight == 1)
			EXPECT_FALSE(finished(c))
				TH_LOG("byte %zu of %zu", self->s.flip, len);
		/* a length that became longer leaves both waiting */
		if (ktls_hs_error(s) == -KTLS_E_PEER_ALERT)
			EXPECT_EQ(c->info.alert_sent, s->info.alert_received);
		if (ktls_hs_error(c) == -KTLS_E_PEER_ALERT)
			EXPECT_EQ(s->info.alert_sent, c->info.alert_received);
	}
}

TEST_F(part, record_damaged)
{
	size_t len = again(self);

	if (!self->s.sealed)
		return;	/* nothing protects it but the messages */
	for (self->s.damage = 1; self->s.damage < len; self->s.damage++) {
		again(self);
		EXPECT_FALSE(finished(self->two.server))
			TH_LOG("byte %zu of %zu", self->s.damage, len);
		EXPECT_EQ(finished(self->two.client), self->s.flight == 2);
	}
}

static const struct {
	size_t pad, piece;
} pads[] = { { 1, 0 }, { 2, 100 }, { 255, 0 }, { 4096, 0 }, { 100, 16 } };

TEST_F(part, padded)
{
	size_t len = again(self);

	for (size_t i = 0; i < sizeof(pads) / sizeof(*pads); i++) {
		self->s.pad = pads[i].pad;
		self->s.piece = pads[i].piece;
		again(self);
		two_agree(&self->two);
	}
	/* as much as a record holds; not to the byte, signatures vary */
	self->s.pad = RECORD_PLAIN_MAX - len - 4;
	self->s.piece = 0;
	again(self);
	two_agree(&self->two);
}

/* ---- what a record must not hold --------------------------------------- */

FIXTURE(wrong) {
	struct two two;
	struct flight flight;
};

FIXTURE_VARIANT(wrong) {
	struct surgery s;
	bool server;		/* it is who refuses */
	int err;
	uint8_t alert;
};

#define MORE(what)	.more = (what), .more_len = sizeof(what) - 1

/* 5.1: messages do not go on behind a change of keys */
FIXTURE_VARIANT_ADD(wrong, hello_and_more) {
	{ .flight = 0, MORE("\x01") }, true, -KTLS_E_UNALIGNED,
	KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(wrong, server_hello_joined) {
	{ .flight = 1, .join = true }, false, -KTLS_E_UNALIGNED,
	KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(wrong, server_finished_and_ticket) {
	{ .flight = 1, .sealed = true, MORE("\x04\0\0\0") }, false,
	-KTLS_E_UNALIGNED, KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(wrong, client_finished_and_key_update) {
	{ .flight = 2, .sealed = true, MORE("\x18\0\0\1\0") }, true,
	-KTLS_E_UNALIGNED, KTLS_ALERT_UNEXPECTED_MESSAGE
};

FIXTURE_SETUP(wrong)
{
	two_begin(&self->two, NULL, NULL, "localhost");
}

FIXTURE_TEARDOWN(wrong)
{
	two_end(&self->two);
}

TEST_F(wrong, refused)
{
	struct ktls_hs *c = self->two.client, *s = self->two.server;

	run(&self->two, &self->flight, &variant->s);
	if (variant->server)
		check_failure(s, c, variant->err, variant->alert);
	else
		check_failure(c, s, variant->err, variant->alert);
}

/* ---- fields that say what cannot be ------------------------------------- */

FIXTURE(field) {
	struct two two;
	struct flight flight;
};

/* A byte of a message in plaintext, counted from 1, with one bit changed */
FIXTURE_VARIANT(field) {
	int flight;
	size_t byte;
	int err;
	uint8_t alert;
};

#define ILLEGAL	KTLS_ALERT_ILLEGAL_PARAMETER

FIXTURE_VARIANT_ADD(field, server_type) {
	1, 1, -KTLS_E_UNEXPECTED, KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(field, server_version) {
	1, 6, -KTLS_E_VERSION, KTLS_ALERT_PROTOCOL_VERSION
};
FIXTURE_VARIANT_ADD(field, server_session_id) {
	1, 40, -KTLS_E_SESSION_ID, ILLEGAL
};
FIXTURE_VARIANT_ADD(field, server_suite) {
	1, 73, -KTLS_E_SUITE_CHOICE, ILLEGAL
};
FIXTURE_VARIANT_ADD(field, server_compression) {
	1, 74, -KTLS_E_COMPRESSION, ILLEGAL
};
FIXTURE_VARIANT_ADD(field, server_selected_version) {
	1, 82, -KTLS_E_VERSION_CHOICE, ILLEGAL
};
FIXTURE_VARIANT_ADD(field, server_group) {
	1, 88, -KTLS_E_GROUP_CHOICE, ILLEGAL
};
FIXTURE_VARIANT_ADD(field, server_share) {
	1, 91, -KTLS_E_RECORD_MAC, KTLS_ALERT_BAD_RECORD_MAC
};
FIXTURE_VARIANT_ADD(field, client_type) {
	0, 1, -KTLS_E_UNEXPECTED, KTLS_ALERT_UNEXPECTED_MESSAGE
};
FIXTURE_VARIANT_ADD(field, client_version) {
	0, 6, -KTLS_E_VERSION, KTLS_ALERT_PROTOCOL_VERSION
};
FIXTURE_VARIANT_ADD(field, client_suite) {
	0, 75, -KTLS_E_NO_SUITE, KTLS_ALERT_HANDSHAKE_FAILURE
};
FIXTURE_VARIANT_ADD(field, client_compression) {
	0, 77, -KTLS_E_COMPRESSION, ILLEGAL
};

FIXTURE_SETUP(field)
{
	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT, .groups = "x25519",
			    .ciphers = "TLS_AES_128_GCM_SHA256"),
		  NULL, "localhost");
}

FIXTURE_TEARDOWN(field)
{
	two_end(&self->two);
}

TEST_F(field, refused)
{
	struct surgery s = { .flight = variant->flight, .flip = variant->byte };
	struct ktls_hs *to = s.flight ? self->two.client : self->two.server;
	struct ktls_hs *from = s.flight ? self->two.server : self->two.client;
	struct ktls_info info;

	run(&self->two, &self->flight, &s);
	ktls_hs_info(to, &info);
	EXPECT_EQ(ktls_hs_error(to), variant->err)
		TH_LOG("%s", ktls_hs_error_text(to));
	EXPECT_EQ(info.alert_sent, variant->alert);
	check_dead(to);
	/* the other has keys that this one has not: no alert gets through */
	EXPECT_FALSE(finished(from));
}

HARNESS_MAIN
