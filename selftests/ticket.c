// SPDX-License-Identifier: GPL-2.0-only
/* What seals tickets: its keys, their time, and servers that share them */
#include <time.h>

#include "../lib/config.h"
#include "../lib/ticket.h"
#include "clock_lib.h"
#include "harness.h"
#include "peer.h"

#define PERIOD	100

static const struct slice use = { (const uint8_t *)"use", 3 };
static const struct slice state = { (const uint8_t *)"a main secret", 13 };

static struct ktls_config *server(void)
{
	struct ktls_cred cred = pki_cred("p256");

	return config(KTLS_OPTS(.role = KTLS_SERVER, .ticket_period = PERIOD,
				.creds = &cred, .creds_len = 1));
}

static void seal(struct ktls_config *c, struct wr *w)
{
	uint64_t until;

	wr_reset(w);
	ASSERT_OK(ticket_seal(c->tickets, use, state, w, &until));
	ASSERT_TRUE(wr_ok(w));
	/* as long as the tests below take it to be */
	EXPECT_GE(until, time(NULL) + PERIOD);
	EXPECT_LE(until, time(NULL) + 2 * PERIOD);
}

/* 0: it does not; 1: it does; 2: it does, and should be renewed */
static int opens(struct ktls_config *c, const struct wr *w)
{
	struct wr out = { 0 };
	bool old = false;
	bool ok = ticket_open(c->tickets, use, (struct slice){ w->buf, w->len },
			      &out, &old);

	if (ok)
		EXPECT_TRUE(slice_eq((struct slice){ out.buf, out.len },
				     state));
	else
		EXPECT_EQ(out.len, 0);
	wr_free(&out);
	return ok + (ok && old);
}

static void share(struct ktls_config *from, struct ktls_config *to)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];

	ASSERT_OK(ktls_ticket_keys_export(from, keys));
	ASSERT_OK(ktls_ticket_keys_import(to, keys));
}

FIXTURE(ticket) { struct ktls_config *a, *b; struct wr w, v; };

FIXTURE_SETUP(ticket)
{
	self->a = server();
	self->b = server();
}

FIXTURE_TEARDOWN(ticket)
{
	ktls_config_put(self->a);
	ktls_config_put(self->b);
	wr_free(&self->w);
	wr_free(&self->v);
}

TEST_F(ticket, opens_where_it_was_sealed)
{
	seal(self->a, &self->w);
	seal(self->a, &self->v);
	EXPECT_EQ(opens(self->a, &self->w), 1);
	EXPECT_EQ(opens(self->b, &self->w), 0);
	/* no two are alike, and none shows what it holds */
	EXPECT_FALSE(memmem(self->w.buf, self->w.len, state.p, 6));
	ASSERT_EQ(self->w.len, self->v.len);
	EXPECT_TRUE(memcmp(self->w.buf + 16, self->v.buf + 16,
			   self->w.len - 16));
}

TEST_F(ticket, every_bit_counts)
{
	seal(self->a, &self->w);
	for (size_t i = 0; i < self->w.len * 8; i++) {
		self->w.buf[i / 8] ^= (uint8_t)(1 << i % 8);
		EXPECT_EQ(opens(self->a, &self->w), 0) TH_LOG("bit %zu", i);
		self->w.buf[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t len = self->w.len; self->w.len--; )
		EXPECT_EQ(opens(self->a, &self->w), 0) TH_LOG("of %zu", len);
	self->w.len = 0;
}

TEST_F(ticket, for_one_use)
{
	static const struct slice other = { (const uint8_t *)"us", 2 };
	struct wr out = { 0 };
	bool old;

	seal(self->a, &self->w);
	EXPECT_FALSE(ticket_open(self->a->tickets, other, (struct slice){
				 self->w.buf, self->w.len }, &out, &old));
	wr_free(&out);
}

/* Opened for a period, then renewed for one, then not */
TEST_F(ticket, rotates)
{
	seal(self->a, &self->w);
	clock_ahead(PERIOD - 2);
	EXPECT_EQ(opens(self->a, &self->w), 1);
	seal(self->a, &self->v);
	EXPECT_MEMEQ(self->v.buf, self->w.buf, 16);
	clock_ahead(PERIOD + 1);
	EXPECT_EQ(opens(self->a, &self->w), 2);
	seal(self->a, &self->v);
	EXPECT_TRUE(memcmp(self->v.buf, self->w.buf, 16));
	EXPECT_EQ(opens(self->a, &self->v), 1);
	EXPECT_EQ(opens(self->a, &self->w), 2);
	clock_ahead(2 * PERIOD - 2);
	EXPECT_EQ(opens(self->a, &self->w), 2);
	clock_ahead(2 * PERIOD + 1);
	EXPECT_EQ(opens(self->a, &self->w), 0);
	EXPECT_EQ(opens(self->a, &self->v), 2);
}

TEST_F(ticket, idle_for_long)
{
	seal(self->a, &self->w);
	clock_ahead(2 * PERIOD + 50);
	EXPECT_EQ(opens(self->a, &self->w), 0);
	seal(self->a, &self->w);
	EXPECT_EQ(opens(self->a, &self->w), 1);
	clock_ahead(1000 * PERIOD);
	EXPECT_EQ(opens(self->a, &self->w), 0);
	seal(self->a, &self->w);
	EXPECT_EQ(opens(self->a, &self->w), 1);
}

TEST_F(ticket, clock_put_back)
{
	seal(self->a, &self->w);
	clock_ahead(-10);	/* another machine's, or a small correction */
	EXPECT_EQ(opens(self->a, &self->w), 1);
	clock_ahead(-10 * PERIOD);
	seal(self->a, &self->v);
	EXPECT_TRUE(memcmp(self->v.buf, self->w.buf, 16));
	EXPECT_EQ(opens(self->a, &self->v), 1);
}

/* ---- a fleet ----------------------------------------------------------- */

TEST_F(ticket, shared)
{
	share(self->a, self->b);
	seal(self->a, &self->w);
	EXPECT_EQ(opens(self->b, &self->w), 1);
	/* both change at one time, without another import */
	clock_ahead(PERIOD + 1);
	seal(self->b, &self->v);
	EXPECT_EQ(opens(self->a, &self->v), 1);
	EXPECT_EQ(opens(self->a, &self->w), 2);
	/* and part if there was none for another period */
	clock_ahead(2 * PERIOD + 2);
	seal(self->b, &self->w);
	EXPECT_EQ(opens(self->a, &self->w), 0);
	share(self->a, self->b);
	EXPECT_EQ(opens(self->b, &self->w), 2);
	seal(self->b, &self->v);
	EXPECT_EQ(opens(self->a, &self->v), 1);
}

/* Whose clock is ahead seals by a key that others do not seal by yet */
TEST_F(ticket, ahead_of_the_others)
{
	share(self->a, self->b);
	clock_ahead(PERIOD + 1);
	seal(self->b, &self->w);
	clock_ahead(PERIOD - 5);
	EXPECT_EQ(opens(self->a, &self->w), 1);
}

TEST_F(ticket, sealed_before_the_import)
{
	seal(self->b, &self->w);
	share(self->a, self->b);
	EXPECT_EQ(opens(self->b, &self->w), 2);
	/* twice the same is nothing new */
	share(self->a, self->b);
	EXPECT_EQ(opens(self->b, &self->w), 2);
}

TEST_F(ticket, keys_that_are_refused)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];
	static const size_t at[] = { 0, 1, 4, 5, 61, 117 };

	ASSERT_OK(ktls_ticket_keys_export(self->a, keys));
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		keys[at[i]] ^= 0x80;
		EXPECT_EQ(ktls_ticket_keys_import(self->b, keys),
			  -KTLS_E_TICKET_KEYS) TH_LOG("byte %zu", at[i]);
		keys[at[i]] ^= 0x80;
	}
	clock_ahead(4 * PERIOD);
	EXPECT_EQ(ktls_ticket_keys_import(self->b, keys),
		  -KTLS_E_TICKET_KEYS);
	clock_ahead(0);
	ASSERT_OK(ktls_ticket_keys_import(self->b, keys));
}

TEST(who_has_none)
{
	struct ktls_config *client = client_config();
	uint8_t keys[KTLS_TICKET_KEYS_SIZE] = { 0 };

	EXPECT_EQ(ktls_ticket_keys_export(client, keys), -KTLS_E_STATE);
	EXPECT_EQ(ktls_ticket_keys_import(client, keys), -KTLS_E_STATE);
	ktls_config_put(client);
}

HARNESS_MAIN
