// SPDX-License-Identifier: GPL-2.0-only
/*
 * A HelloRetryRequest whose state is in its cookie (RFC 9846 4.3.2): who gets
 * the second hello is not who got the first.
 */
#include <string.h>

#include "../lib/ticket.h"
#include "clock_lib.h"
#include "harness.h"
#include "hs_lib.h"
#include "interop_lib.h"

#define SERVER(...)	KTLS_OPTS(.role = KTLS_SERVER, .flags = KTLS_F_COOKIE, \
				  __VA_ARGS__)
#define COMPAT_CCS	6	/* in front of the second hello */

FIXTURE(stateless) {
	struct two two;		/* the server's is the first one's */
	struct ktls_config *other;
	struct bytes hello;	/* the second, with what is before it */
};

FIXTURE_SETUP(stateless)
{
	two_begin(&self->two, NULL, SERVER(.alpn = "h2"), "localhost");
	self->other = config(SERVER(.alpn = "h2"));
}

FIXTURE_TEARDOWN(stateless)
{
	two_end(&self->two);
	ktls_config_put(self->other);
}

static void share(struct ktls_config *from, struct ktls_config *to)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];

	ASSERT_OK(ktls_ticket_keys_export(from, keys));
	ASSERT_OK(ktls_ticket_keys_import(to, keys));
}

/* The request goes out, and who sent it is gone */
static void first(struct two *t, struct bytes *hello)
{
	ASSERT_GT(pump_one(t->client, t->server, SIZE_MAX), 0);
	ASSERT_GT(pump_one(t->server, t->client, SIZE_MAX), 0);
	EXPECT_EQ(t->server->state, S_CH2);
	ktls_hs_free(t->server);
	t->server = NULL;
	hello->len = 0;
	bytes_take(hello, t->client);
}

static void second(struct two *t, struct ktls_config *by,
		   const struct bytes *hello)
{
	struct feed f;

	ktls_hs_free(t->server);
	ASSERT_OK(ktls_hs_new(&t->server, by, NULL));
	f = (struct feed){ .hs = t->server };
	feed(&f, hello->b, hello->len, 0);
}

static void agrees(struct two *t, struct ktls_config *by,
		   const struct bytes *hello)
{
	struct ktls_info info;

	second(t, by, hello);
	ASSERT_OK(pump(t->client, t->server, 0));
	two_agree(t);
	ktls_hs_info(t->server, &info);
	EXPECT_EQ(info.retried, 1);
}

static void refused(struct two *t, struct ktls_config *by,
		    const struct bytes *hello, int err)
{
	size_t len;

	second(t, by, hello);
	EXPECT_EQ(ktls_hs_error(t->server), err);
	EXPECT_EQ(t->server->info.alert_sent, KTLS_ALERT_ILLEGAL_PARAMETER);
	ASSERT_TRUE(ktls_hs_out(t->server, &len));
	ktls_hs_sent(t->server, len);
	check_dead(t->server);
}

/* ---- who goes on ------------------------------------------------------- */

TEST_F(stateless, the_same_config)
{
	first(&self->two, &self->hello);
	agrees(&self->two, self->two.server_config, &self->hello);
}

TEST_F(stateless, who_has_the_keys)
{
	share(self->two.server_config, self->other);
	first(&self->two, &self->hello);
	/* after the request, too */
	share(self->two.server_config, self->other);
	agrees(&self->two, self->other, &self->hello);
}

TEST_F(stateless, who_has_not)
{
	first(&self->two, &self->hello);
	refused(&self->two, self->other, &self->hello, -KTLS_E_COOKIE);
	/* he with the keys still can */
	agrees(&self->two, self->two.server_config, &self->hello);
}

/* Hashes of both lengths, a group that is asked for, no CCS between */
FIXTURE(ways) { int none; };

FIXTURE_VARIANT(ways) {
	struct ktls_opts client, server;
};

FIXTURE_VARIANT_ADD(ways, group) {
	.client.groups = "x25519:secp256r1", .server.groups = "secp256r1"
};
FIXTURE_VARIANT_ADD(ways, sha384) {
	.client.ciphers = "TLS_AES_256_GCM_SHA384"
};
FIXTURE_VARIANT_ADD(ways, sha384_group) {
	.client.ciphers = "TLS_AES_256_GCM_SHA384",
	.client.groups = "x25519:secp256r1", .server.groups = "secp256r1"
};
FIXTURE_VARIANT_ADD(ways, no_compat) { .client.flags = KTLS_F_NO_COMPAT };
FIXTURE_VARIANT_ADD(ways, no_tickets) { .server.flags = KTLS_F_NO_TICKETS };
FIXTURE_VARIANT_ADD(ways, only_1_3) { .server.min_version = KTLS_TLS13 };

TEST_F(ways, agree)
{
	struct ktls_opts c = variant->client, s = variant->server;
	struct ktls_config *other;
	struct bytes hello;
	struct two t;

	c.size = s.size = sizeof(s);
	c.role = KTLS_CLIENT;
	s.role = KTLS_SERVER;
	s.flags |= KTLS_F_COOKIE;
	two_begin(&t, &c, &s, "localhost");
	other = config(&s);
	share(t.server_config, other);
	first(&t, &hello);
	agrees(&t, other, &hello);
	two_end(&t);
	ktls_config_put(other);
}

/* The client, to which all of it is one connection, is libssl */
TEST(libssl)
{
	struct with w;
	uint8_t buf[65536];
	size_t len;
	int n;

	with_begin(&w, (struct ktls_opts){ .role = KTLS_SERVER,
		   .flags = KTLS_F_COOKIE, .groups = "secp256r1" },
		   (struct ssl_opts){ .verify = true,
				      .groups = "x25519:secp256r1" },
		   "localhost");
	EXPECT_LE(SSL_do_handshake(w.ssl), 0);
	for (int i = 0; i < 2; i++) {
		struct feed f = { .hs = w.hs };
		const void *out;

		n = BIO_read(SSL_get_wbio(w.ssl), buf, sizeof(buf));
		ASSERT_GT(n, 0);
		ASSERT_EQ(feed(&f, buf, (size_t)n, 0), (size_t)n);
		out = ktls_hs_out(w.hs, &len);
		ASSERT_TRUE(out);
		ASSERT_EQ(BIO_write(SSL_get_rbio(w.ssl), out, (int)len), len);
		ktls_hs_sent(w.hs, len);
		EXPECT_EQ(w.hs->info.retried, 1);
		EXPECT_EQ(w.hs->info.alert_sent, KTLS_ALERT_NONE);
		if (!i) {
			ktls_hs_free(w.hs);
			ASSERT_OK(ktls_hs_new(&w.hs, w.config, NULL));
		}
		SSL_do_handshake(w.ssl);
	}
	with_run(&w, 0);
	with_agree(&w);
	with_data(&w);
	with_end(&w);
}

/* What the hello offers for later is offered, whoever saw the first */
TEST(authentication_later)
{
	struct ktls_opts o = { .size = sizeof(o), .role = KTLS_SERVER,
		.verify = KTLS_VERIFY_REQUIRE,
		.flags = KTLS_F_COOKIE | KTLS_F_AUTH_LATER |
			 KTLS_F_POST_HANDSHAKE_AUTH };
	struct bytes hello;
	struct two t;

	two_begin(&t, KTLS_OPTS(.role = KTLS_CLIENT,
				.flags = KTLS_F_POST_HANDSHAKE_AUTH), &o,
		  "localhost");
	first(&t, &hello);
	agrees(&t, t.server_config, &hello);
	EXPECT_TRUE(t.server->server.post_auth);
	two_end(&t);
}

/* ---- what opens -------------------------------------------------------- */

static uint8_t *cookie_in(struct bytes *b, size_t *len)
{
	/* 44, both lengths, the same but for the inner one's own */
	for (size_t i = 0; i + 6 < b->len; i++)
		if (!b->b[i] && b->b[i + 1] == 44 && !b->b[i + 2] &&
		    !b->b[i + 4] && b->b[i + 3] == b->b[i + 5] + 2) {
			*len = b->b[i + 5];
			return b->b + i + 6;
		}
	ASSERT_TRUE(false);
	return NULL;
}

TEST_F_TIMEOUT(stateless, every_byte_of_it, 90)
{
	struct two *t = &self->two;
	uint8_t *p;
	size_t len;

	first(t, &self->hello);
	p = cookie_in(&self->hello, &len);
	EXPECT_GT(len, 64);
	for (size_t i = 0; i < len; i++) {
		p[i] ^= (uint8_t)(1 << i % 8);
		refused(t, t->server_config, &self->hello, -KTLS_E_COOKIE);
		p[i] ^= (uint8_t)(1 << i % 8);
	}
	agrees(t, t->server_config, &self->hello);
}

/* By a clock of another server that is ahead, or behind */
TEST_F(stateless, for_a_minute)
{
	struct two *t = &self->two;
	static const long dead[] = { 61, 3600, -61 };

	first(t, &self->hello);
	for (size_t i = 0; i < sizeof(dead) / sizeof(*dead); i++) {
		clock_ahead(dead[i]);
		refused(t, t->server_config, &self->hello, -KTLS_E_COOKIE);
	}
	clock_ahead(50);
	agrees(t, t->server_config, &self->hello);
	clock_ahead(0);
}

TEST_F(stateless, behind_by_less)
{
	first(&self->two, &self->hello);
	clock_ahead(-50);
	agrees(&self->two, self->two.server_config, &self->hello);
	clock_ahead(0);
}

/* As documented: the hello that it was made for may be sent again */
TEST_F(stateless, replayed)
{
	struct two *t = &self->two;

	first(t, &self->hello);
	for (int i = 0; i < 2; i++) {
		second(t, t->server_config, &self->hello);
		EXPECT_EQ(t->server->state, S_FIN);
	}
	agrees(t, t->server_config, &self->hello);
}

/* ... and no other: here the one of another connection of the same client */
TEST_F(stateless, of_another_hello)
{
	static struct bytes hello;
	struct two *t = &self->two;
	size_t len, other;
	uint8_t *from, *to;

	first(t, &self->hello);
	two_again(t, "localhost");
	first(t, &hello);
	from = cookie_in(&self->hello, &len);
	to = cookie_in(&hello, &other);
	ASSERT_EQ(len, other);
	memcpy(to, from, len);
	refused(t, t->server_config, &hello, -KTLS_E_RETRY_CHANGED);
}

/* Whatever of the hello must not change is bound */
TEST_F(stateless, of_a_changed_hello)
{
	struct two *t = &self->two;
	struct bytes *b = &self->hello;
	uint8_t *at;

	first(t, b);
	at = memmem(b->b, b->len, t->client->client_random, RANDOM_LEN);
	ASSERT_TRUE(at);
	at[5] ^= 1;
	refused(t, t->server_config, b, -KTLS_E_RETRY_CHANGED);
	at[5] ^= 1;
	at = memmem(b->b, b->len, "localhost", 9);
	ASSERT_TRUE(at);
	at[0] ^= 1;
	refused(t, t->server_config, b, -KTLS_E_RETRY_CHANGED);
	at[0] ^= 1;
	/* a suite: they are behind random and session id */
	at = memmem(b->b, b->len, t->client->session_id, SESSION_ID_MAX);
	ASSERT_TRUE(at);
	at[SESSION_ID_MAX + 3] ^= 0x40;
	refused(t, t->server_config, b, -KTLS_E_RETRY_CHANGED);
	at[SESSION_ID_MAX + 3] ^= 0x40;
	agrees(t, t->server_config, b);
}

/* Sealed under the right keys, and a ticket */
TEST_F(stateless, for_another_use)
{
	static const struct slice use = { (const uint8_t *)"ticket", 6 };
	struct two *t = &self->two;
	struct wr w = { 0 };
	uint8_t *p, state[256] = { 1 };
	uint64_t until;
	size_t len;

	first(t, &self->hello);
	p = cookie_in(&self->hello, &len);
	/* one of the same length: how much longer sealing makes it */
	ASSERT_OK(ticket_seal(t->server_config->tickets, use, (struct slice){
			      state, 1 }, &w, &until));
	ASSERT_LT(w.len, len);
	len -= w.len - 1;
	wr_reset(&w);
	ASSERT_OK(ticket_seal(t->server_config->tickets, use, (struct slice){
			      state, len }, &w, &until));
	memcpy(p, w.buf, w.len);
	wr_free(&w);
	refused(t, t->server_config, &self->hello, -KTLS_E_COOKIE);
}

/* ---- who would have chosen otherwise ------------------------------------ */

static void other_choice(struct ktls_opts client, struct ktls_opts a,
			 struct ktls_opts b, int err)
{
	struct ktls_config *other;
	struct bytes hello;
	struct two t;

	client.size = a.size = b.size = sizeof(a);
	client.role = KTLS_CLIENT;
	a.role = b.role = KTLS_SERVER;
	a.flags = b.flags = KTLS_F_COOKIE;
	two_begin(&t, &client, &a, "localhost");
	other = config(&b);
	share(t.server_config, other);
	first(&t, &hello);
	refused(&t, other, &hello, err);
	two_end(&t);
	ktls_config_put(other);
}

TEST(bound_to_the_suite)
{
	other_choice((struct ktls_opts){ .flags = 0 },
		     (struct ktls_opts){
			.ciphers = "TLS_AES_128_GCM_SHA256" },
		     (struct ktls_opts){
			.ciphers = "TLS_AES_256_GCM_SHA384" }, -KTLS_E_COOKIE);
	/* it has the suite, and likes another better */
	other_choice((struct ktls_opts){ .flags = 0 },
		     (struct ktls_opts){
			.ciphers = "TLS_AES_128_GCM_SHA256" },
		     (struct ktls_opts){
			.ciphers = "TLS_AES_256_GCM_SHA384:"
				   "TLS_AES_128_GCM_SHA256" }, -KTLS_E_COOKIE);
}

TEST(bound_to_the_group)
{
	other_choice((struct ktls_opts){ .groups = "x25519:secp256r1" },
		     (struct ktls_opts){ .groups = "secp256r1" },
		     (struct ktls_opts){ .groups = "x25519" },
		     -KTLS_E_COOKIE);
}

/* ---- what stands before it ---------------------------------------------- */

/* 4.3.10: early data that the first hello announced, and none saw */
TEST_F(stateless, behind_early_data)
{
	static const uint8_t early[37] = { 23, 3, 3, 0, 32 };
	struct two *t = &self->two;
	struct bytes b = { 0 };

	first(t, &self->hello);
	bytes_add(&b, early, sizeof(early));
	bytes_add(&b, early, sizeof(early));
	bytes_add(&b, self->hello.b, self->hello.len);
	agrees(t, t->server_config, &b);
}

/* No first hello has one: whoever sends it has made it up */
TEST_F(stateless, in_a_first_hello)
{
	struct two *t = &self->two;
	struct bytes b = { 0 };
	size_t len;
	uint8_t *p;

	first(t, &self->hello);
	p = cookie_in(&self->hello, &len);
	memset(p, 'x', len);
	bytes_add(&b, self->hello.b + COMPAT_CCS,
		  self->hello.len - COMPAT_CCS);
	refused(t, t->server_config, &b, -KTLS_E_COOKIE);
}

HARNESS_MAIN
