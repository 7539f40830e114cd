// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the flights of TLS 1.2 arrive: cut and joined in every way that it
 * allows (RFC 5246 6.2.1), and in those that it forbids.
 */
#include <string.h>

#include "harness.h"
#include "hs_lib.h"
#include "mitm_lib.h"

struct way {
	bool auth, tickets, resumed;
	const char *cert, *ciphers, *groups;
};

FIXTURE(feed12) {
	struct mitm m;
	const struct way *way;
};

FIXTURE_VARIANT(feed12) {
	struct way way;
};

#define WAY(name, ...) FIXTURE_VARIANT_ADD(feed12, name) { { __VA_ARGS__ } }

WAY(plain, .auth = false);
WAY(auth, .auth = true);
WAY(dhe, .cert = "rsa2048", .groups = "ffdhe2048",
    .ciphers = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256");
WAY(new_ticket, .tickets = true);
WAY(resumed_by_id, .resumed = true);
WAY(resumed_by_ticket, .resumed = true, .tickets = true);
FIXTURE_TIMEOUT(feed12, 60);

FIXTURE_SETUP(feed12)
{
	const struct way *w = &variant->way;
	const struct ktls_cred client = pki_cred("client");
	const struct ktls_cred server = pki_cred(w->cert ? w->cert : "p256");
	unsigned int flags = w->tickets ? 0 : KTLS_F_NO_TICKETS;

	self->way = w;
	mitm_begin(&self->m,
		   KTLS_OPTS(.creds = &client, .creds_len = 1, .flags = flags,
			     .ciphers = w->ciphers, .groups = w->groups,
			     .max_version = KTLS_TLS12),
		   KTLS_OPTS(.creds = &server, .creds_len = 1, .flags = flags,
			     .verify = w->auth ? KTLS_VERIFY_REQUIRE :
			     KTLS_VERIFY_NONE), NULL);
}

FIXTURE_TEARDOWN(feed12)
{
	mitm_end(&self->m);
}

/* Two ends, in the middle of which nothing has happened yet */
static void again(FIXTURE_DATA(feed12) *self)
{
	struct mitm *m = &self->m;

	/* the session of the one before is gone if that failed */
	if (self->way->resumed) {
		mitm_again(m);
		mitm_run(m, NULL, NULL);
		mitm_agree(m);
	} else {
		session_forget(m->hs[CLIENT_END]);
	}
	mitm_again(m);
}

static void agree(FIXTURE_DATA(feed12) *self)
{
	mitm_agree(&self->m);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(self->m.hs[i]->info.resumed, self->way->resumed);
}

/* ---- allowed ----------------------------------------------------------- */

/* Which message of the flight, and where its first record ends */
struct cut {
	enum end from;
	size_t flight, at, byte;
	bool found, last;
};

static void edit_cut(struct mitm *m, enum end from, struct flight *f,
		     void *arg)
{
	struct cut *c = arg;

	if (from != c->from || m->flights[from] != c->flight ||
	    c->at >= f->n)
		return;
	flight_part(f);
	c->found = true;
	c->last = c->byte >= f->item[c->at].data.len;
	/* a ChangeCipherSpec is one byte */
	if (!c->last)
		f->item[c->at].piece = c->byte;
}

/* Records of a size each: the first one ends at every byte of the message */
TEST_F(feed12, every_message_in_pieces)
{
	struct cut c = { .found = true };

	for (c.from = CLIENT_END; c.from <= SERVER_END; c.from++)
		for (c.flight = 0; c.flight < 2; c.flight++)
			for (c.at = 0; c.at < 6; c.at++) {
				c.last = false;
				for (c.byte = 1; !c.last; c.byte += 1 +
				     c.byte / 20) {
					c.found = false;
					again(self);
					mitm_run(&self->m, edit_cut, &c);
					agree(self);
					if (!c.found)
						break;
				}
			}
}

static void edit_part(struct mitm *m, enum end from, struct flight *f,
		      void *arg)
{
	(void)m;
	(void)from;
	flight_part(f);
	for (size_t i = 0; i < f->n; i++)
		f->item[i].piece = *(const size_t *)arg;
}

TEST_F(feed12, everything_in_pieces)
{
	static const size_t pieces[] = { 0, 1, 2, 3, 4, 5, 17, 100, 400 };
	size_t piece;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		piece = pieces[i];
		again(self);
		mitm_run(&self->m, edit_part, &piece);
		agree(self);
	}
}

static void edit_join(struct mitm *m, enum end from, struct flight *f,
		      void *arg)
{
	(void)m;
	(void)from;
	(void)arg;
	/* those before and behind ChangeCipherSpec stay apart */
	for (size_t i = 0; i < f->n; i++)
		f->item[i].join = true;
}

TEST_F(feed12, everything_joined)
{
	again(self);
	mitm_run(&self->m, edit_join, NULL);
	agree(self);
}

TEST_F(feed12, few_bytes_at_a_time)
{
	struct ktls_hs **hs = self->m.hs;

	for (size_t max = 1; max < 9; max++) {
		again(self);
		ASSERT_OK(pump(hs[CLIENT_END], hs[SERVER_END], max));
		for (int i = 0; i < 2; i++)
			EXPECT_EQ(hs[i]->info.resumed, self->way->resumed);
	}
}

/* ---- forbidden --------------------------------------------------------- */

struct wrong {
	uint8_t msg;
	const void *more;	/* behind it, in its record */
	size_t len;
	bool begun;		/* the beginning of it before ChangeCipherSpec */
};

static void edit_wrong(struct mitm *m, enum end from, struct flight *f,
		       void *arg)
{
	const struct wrong *w = arg;

	(void)m;
	(void)from;
	flight_part(f);
	for (size_t i = 0; i < f->n; i++) {
		if (w->begun && f->item[i].type == CT_CHANGE_CIPHER_SPEC) {
			flight_insert(f, i, CT_HANDSHAKE, false, w->more,
				      w->len);
			return;
		}
		if (!w->begun && item_is(&f->item[i], w->msg)) {
			struct wr *data = &f->item[i].data;

			wr_bytes(data, w->more, w->len);
			ASSERT_TRUE(wr_ok(data));
			return;
		}
	}
}

static void refused(FIXTURE_DATA(feed12) *self, struct wrong w, enum end end,
		    int err)
{
	again(self);
	mitm_run(&self->m, edit_wrong, &w);
	mitm_failed(&self->m, end, err);
	EXPECT_EQ(self->m.alert[end], KTLS_ALERT_UNEXPECTED_MESSAGE);
}

/* 7.1: the keys change behind a whole message; the kernel's at Finished */
TEST_F(feed12, a_message_spans_the_keys)
{
	enum end first = self->way->resumed ? CLIENT_END : SERVER_END;

	refused(self, (struct wrong){ HT_CLIENT_HELLO, "\1", 1, false },
		SERVER_END, -KTLS_E_UNALIGNED);
	refused(self, (struct wrong){ HT_FINISHED, "\0", 1, false }, first,
		-KTLS_E_UNALIGNED);
	refused(self, (struct wrong){ 0, "\24", 1, true }, first,
		-KTLS_E_UNEXPECTED);
}

HARNESS_MAIN
