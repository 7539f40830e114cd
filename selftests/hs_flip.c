// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every message of every flight cut short, made longer, and changed byte by
 * byte, inside of the protection.  Whoever gets it never finishes, and says
 * why; whoever sent it has finished only if nothing more was to come.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../lib/cache.h"
#include "harness.h"
#include "mitm_lib.h"
#include "peer.h"

#define MESSAGES_MAX	10
/* Beyond so many bytes (keys, certificates), only some are tried */
#define DENSE		80
#define SPARSE		13

struct way {
	uint16_t version;
	bool auth;
	unsigned int flags;	/* the server's */
	const char *ciphers, *cert, *groups;
	bool ids, tickets;	/* sessions may be resumed by these */
	bool resumed;		/* and are */
};

FIXTURE(flip) {
	struct mitm m;
	struct way way;
	struct wr msg[2][MESSAGES_MAX];	/* by who sends them */
	uint8_t type[2][MESSAGES_MAX];	/* of content */
	size_t n[2];
	struct wr client_session, server_session;
	struct session session;
};

FIXTURE_VARIANT(flip) {
	struct way way;
};

#define WAY(name, ...) FIXTURE_VARIANT_ADD(flip, name) { { __VA_ARGS__ } }
#define V12	.version = KTLS_TLS12
#define V13	.version = KTLS_TLS13

WAY(tls13, V13);
WAY(tls13_auth, V13, .auth = true);
WAY(tls13_retry, V13, .flags = KTLS_F_COOKIE, .groups = "secp256r1");
WAY(tls12, V12, .ids = true);
WAY(tls12_auth, V12, .auth = true);
WAY(tls12_dhe, V12, .cert = "rsa2048", .groups = "ffdhe2048",
    .ciphers = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256");
WAY(tls12_new_ticket, V12, .tickets = true);
WAY(tls12_id, V12, .ids = true, .resumed = true);
WAY(tls12_ticket, V12, .tickets = true, .resumed = true);
FIXTURE_TIMEOUT(flip, 120);

/* ---- the handshake as it should be ------------------------------------- */

static bool counts(const struct item *it)
{
	return it->type == CT_HANDSHAKE || it->type == CT_CHANGE_CIPHER_SPEC;
}

static void note(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	FIXTURE_DATA(flip) *self = arg;

	(void)m;
	for (size_t i = 0; i < f->n; i++) {
		size_t at = self->n[from];

		if (!counts(&f->item[i]))
			continue;
		ASSERT_LT(at, MESSAGES_MAX);
		wr_bytes(&self->msg[from][at], f->item[i].data.buf,
			 f->item[i].data.len);
		self->type[from][at] = f->item[i].type;
		self->n[from]++;
	}
}

static struct slice peer_name(const struct mitm *m)
{
	return (struct slice){ (const uint8_t *)m->name, strlen(m->name) };
}

/* A handshake to be resumed; where that fails, it is as if it had not been */
static void make_session(FIXTURE_DATA(flip) *self)
{
	struct mitm *m = &self->m;
	struct slice ticket;

	mitm_run(m, NULL, NULL);
	mitm_agree(m);
	ASSERT_TRUE(cache_get(m->config[CLIENT_END]->sessions, peer_name(m),
			      false, &self->client_session));
	ASSERT_TRUE(session_read((struct slice){ self->client_session.buf,
						 self->client_session.len },
				 &self->session, &ticket));
	EXPECT_EQ(ticket.len > 0, self->way.tickets);
	EXPECT_EQ(cache_get(m->config[SERVER_END]->sessions,
			    (struct slice){ self->session.id,
					    self->session.id_len }, false,
			    &self->server_session), self->way.ids);
}

static void restore_session(FIXTURE_DATA(flip) *self)
{
	struct mitm *m = &self->m;
	const struct wr *c = &self->client_session, *s = &self->server_session;
	time_t later = time(NULL) + 3600;

	if (c->len)
		ASSERT_OK(cache_put(m->config[CLIENT_END]->sessions,
				    peer_name(m),
				    (struct slice){ c->buf, c->len }, later));
	if (s->len)
		ASSERT_OK(cache_put(m->config[SERVER_END]->sessions,
				    (struct slice){ self->session.id,
						    self->session.id_len },
				    (struct slice){ s->buf, s->len }, later));
	/* a full one is not to offer what the last one left */
	if (!self->way.resumed && m->config[CLIENT_END]->sessions)
		cache_del(m->config[CLIENT_END]->sessions, peer_name(m));
}

static void again(FIXTURE_DATA(flip) *self)
{
	restore_session(self);
	mitm_again(&self->m);
}

FIXTURE_SETUP(flip)
{
	const struct way *w = &variant->way;
	const struct ktls_cred client = pki_cred("client");
	const struct ktls_cred server = pki_cred(w->cert ? w->cert : "p256");
	unsigned int no_tickets = w->tickets ? 0 : KTLS_F_NO_TICKETS;
	size_t sessions = w->ids || w->tickets ? 0 : KTLS_NO_SESSIONS;

	self->way = *w;
	mitm_begin(&self->m,
		   KTLS_OPTS(.creds = &client, .creds_len = 1,
			     .min_version = w->version,
			     .max_version = w->version,
			     .groups = w->ciphers ? w->groups :
			     "x25519:secp256r1", .ciphers = w->ciphers,
			     .alpn = "h2,http/1.1", .sessions = sessions,
			     .flags = no_tickets),
		   KTLS_OPTS(.creds = &server, .creds_len = 1,
			     .verify = w->auth ? KTLS_VERIFY_REQUIRE :
			     KTLS_VERIFY_NONE,
			     .min_version = w->version,
			     .max_version = w->version,
			     .groups = w->groups, .ciphers = w->ciphers,
			     .alpn = "http/1.1", .sessions = sessions,
			     .flags = no_tickets | w->flags), NULL);
	if (w->resumed)
		make_session(self);
	again(self);
	mitm_run(&self->m, note, self);
	mitm_agree(&self->m);
	ASSERT_EQ(self->m.hs[SERVER_END]->info.resumed, w->resumed);
	ASSERT_EQ(self->m.hs[SERVER_END]->info.retried,
		  !!(w->flags & KTLS_F_COOKIE));
	/* in 1.3, for middleboxes, who was waited for sends CCS as well */
	EXPECT_EQ(self->n[CLIENT_END], w->resumed ? 3u :
		  (w->version == KTLS_TLS12 ? 4u : 3u) + 2u * w->auth +
		  !!(w->flags & KTLS_F_COOKIE));
}

FIXTURE_TEARDOWN(flip)
{
	for (int end = 0; end < 2; end++)
		for (size_t i = 0; i < MESSAGES_MAX; i++)
			wr_free(&self->msg[end][i]);
	wr_free(&self->client_session);
	wr_free(&self->server_session);
	mitm_end(&self->m);
}

/* ---- a change to it ---------------------------------------------------- */

enum op {
	CUT,		/* at @byte; its header still says how long it was */
	CUT_FIX,	/* ... and its header too */
	FLIP,		/* one bit of @byte */
	HIGH,		/* all bits of it and the next: a length becomes huge */
	HUGE_HEADER,	/* the length of the message */
	LONGER,		/* a zero at the end, counted in the header */
};

struct change {
	enum op op;
	enum end from;
	size_t at;		/* the message that it befalls */
	size_t byte;
	bool done;		/* there is such a byte, this time */
	bool finished;		/* @from has nothing more to wait for */
	size_t messages;	/* of @from in the flights before */
};

/* False: it is as it was */
static bool make_change(const struct change *c, struct item *it)
{
	struct wr *w = &it->data;
	bool message = it->type == CT_HANDSHAKE;

	if (c->byte >= w->len)
		return false;
	switch (c->op) {
	case CUT:
	case CUT_FIX:
		w->len = c->byte;
		if (message && c->op == CUT_FIX)
			item_fix_length(it);
		return true;
	case FLIP:
		w->buf[c->byte] ^= (uint8_t)(1 << (c->byte * 5 + c->at) % 8);
		return true;
	case HIGH:
		/* a prime of RFC 7919 has such bytes by itself */
		if (c->byte + 1 == w->len ||
		    (w->buf[c->byte] & w->buf[c->byte + 1]) == 0xff)
			return false;
		memset(w->buf + c->byte, 0xff, 2);
		return true;
	case HUGE_HEADER:
		memset(w->buf + 1, 0xff, 3);
		return true;
	case LONGER:
		wr_u8(w, 0);
		ASSERT_TRUE(wr_ok(w));
		if (message)
			item_fix_length(it);
		return true;
	}
	return false;
}

static void edit(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	struct change *c = arg;

	if (from != c->from)
		return;
	for (size_t i = 0; i < f->n; i++) {
		if (!counts(&f->item[i]) || c->messages++ != c->at)
			continue;
		/* each in its record: what follows is not taken for a part */
		flight_part(f);
		c->done = make_change(c, &f->item[i]);
		c->finished = m->hs[from]->state == HS_DONE;
	}
}

/* May both wait, each for the other? */
static bool may_hang(const struct change *c, uint8_t type)
{
	if (type != CT_HANDSHAKE)
		return false;
	return c->op == CUT || (c->op == FLIP && c->byte < MSG_HEADER);
}

/* The error at which the one who got it stopped, 0 for "still waits" */
static int try(FIXTURE_DATA(flip) *self, struct change *c)
{
	struct mitm *m = &self->m;
	uint8_t type = self->type[c->from][c->at];
	struct ktls_hs *from, *to;

	c->done = c->finished = false;
	c->messages = 0;
	again(self);
	mitm_run(m, edit, c);
	from = m->hs[c->from];
	to = m->hs[OTHER(c->from)];
	if (!c->done)
		return 0;
	EXPECT_NE(to->state, HS_DONE);
	EXPECT_EQ(from->state == HS_DONE, c->finished);
	if (!may_hang(c, type))
		EXPECT_EQ(to->state, HS_FAILED);
	/* nobody's fault is ours */
	EXPECT_NE(m->alert[CLIENT_END], KTLS_ALERT_INTERNAL_ERROR)
		TH_LOG("%s", ktls_hs_error_text(m->hs[CLIENT_END]));
	EXPECT_NE(m->alert[SERVER_END], KTLS_ALERT_INTERNAL_ERROR)
		TH_LOG("%s", ktls_hs_error_text(m->hs[SERVER_END]));
	if (to->state == HS_FAILED && !c->finished)
		EXPECT_EQ(from->state, HS_FAILED);
	return to->error;
}

#define EACH_MESSAGE(self, c)						\
	((c).from = CLIENT_END; (c).from <= SERVER_END; (c).from++)	\
		for ((c).at = 0; (c).at < (self)->n[(c).from]; (c).at++)

static size_t next_byte(size_t byte, size_t step)
{
	return byte + (byte < DENSE ? step : SPARSE);
}

static void log_change(const FIXTURE_DATA(flip) *self, const struct change *c)
{
	const struct wr *w = &self->msg[c->from][c->at];

	TH_LOG("%s's message %zu (type %u), byte %zu of %zu",
	       c->from == CLIENT_END ? "client" : "server", c->at,
	       self->type[c->from][c->at] == CT_HANDSHAKE ? w->buf[0] : 0,
	       c->byte, w->len);
}

/* A hello's extensions may be missing as a whole (5246 7.4.1.2) */
static bool may_end_here(const struct wr *w, size_t byte)
{
	size_t at = MSG_HEADER + 2 + RANDOM_LEN;
	size_t end = at + 1 + w->buf[at];

	if (w->buf[0] == HT_CLIENT_HELLO)
		return byte == end + 2 + (size_t)(w->buf[end] << 8 |
						  w->buf[end + 1]) + 2;
	return w->buf[0] == HT_SERVER_HELLO && byte == end + 3;
}

/* ---- tests ------------------------------------------------------------- */

TEST_F(flip, cut)
{
	struct change c = { .op = CUT };

	for EACH_MESSAGE(self, c) {
		size_t len = self->msg[c.from][c.at].len;

		/* a record without content is no message cut short */
		for (c.byte = 1; c.byte < len; c.byte = next_byte(c.byte, 3)) {
			log_change(self, &c);
			try(self, &c);
		}
	}
}

/* All that is inside has its length: nothing is missed that is gone */
TEST_F(flip, cut_with_its_length)
{
	struct change c = { .op = CUT_FIX };

	for EACH_MESSAGE(self, c) {
		const struct wr *w = &self->msg[c.from][c.at];

		if (self->type[c.from][c.at] != CT_HANDSHAKE)
			continue;
		for (c.byte = MSG_HEADER; c.byte < w->len;
		     c.byte = next_byte(c.byte, 1)) {
			int err;

			log_change(self, &c);
			err = try(self, &c);
			if (!may_end_here(w, c.byte) && c.done)
				EXPECT_EQ(err, -KTLS_E_DECODE)
					TH_LOG("%s", ktls_strerror(err));
		}
	}
}

TEST_F(flip, flipped)
{
	struct change c = { .op = FLIP };

	for EACH_MESSAGE(self, c) {
		size_t len = self->msg[c.from][c.at].len;

		for (c.byte = 0; c.byte < len; c.byte = next_byte(c.byte, 1)) {
			log_change(self, &c);
			try(self, &c);
			EXPECT_TRUE(c.done || c.byte + 8 > len);
		}
	}
}

TEST_F(flip, lengths_made_huge)
{
	struct change c = { .op = HIGH };

	for EACH_MESSAGE(self, c) {
		size_t len = self->msg[c.from][c.at].len;

		for (c.byte = MSG_HEADER; c.byte < len;
		     c.byte = next_byte(c.byte, 1)) {
			/* a verify_data has none */
			if (self->msg[c.from][c.at].buf[0] == HT_FINISHED &&
			    c.byte > MSG_HEADER)
				break;
			log_change(self, &c);
			try(self, &c);
		}
	}
}

TEST_F(flip, header_made_huge)
{
	struct change c = { .op = HUGE_HEADER };

	for EACH_MESSAGE(self, c) {
		if (self->type[c.from][c.at] != CT_HANDSHAKE)
			continue;
		log_change(self, &c);
		EXPECT_EQ(try(self, &c), -KTLS_E_MESSAGE_SIZE);
	}
}

TEST_F(flip, longer)
{
	struct change c = { .op = LONGER };

	for EACH_MESSAGE(self, c) {
		log_change(self, &c);
		EXPECT_EQ(try(self, &c), self->type[c.from][c.at] ==
			  CT_HANDSHAKE ? -KTLS_E_DECODE :
			  -KTLS_E_RECORD_TYPE);
	}
}

HARNESS_MAIN
