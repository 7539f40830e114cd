// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions of TLS 1.2 outside of the process: in the application's store, and
 * exported by a client.
 */
#include "clock_lib.h"
#include "harness.h"
#include "session_lib.h"

/* ---- a server's store -------------------------------------------------- */

FIXTURE(store) {
	struct ktls_config *client, *a, *b;
	struct shelf shelf;
};

static struct ktls_config *with_store(struct shelf *shelf)
{
	return SERVER12(.flags = KTLS_F_NO_TICKETS, .arg = shelf,
			.session_store = &shelf_store,
			.session_lifetime = 100);
}

FIXTURE_SETUP(store)
{
	pthread_mutex_init(&self->shelf.lock, NULL);
	self->client = CLIENT12(.flags = KTLS_F_NO_TICKETS);
	self->a = with_store(&self->shelf);
	self->b = with_store(&self->shelf);
}

FIXTURE_TEARDOWN(store)
{
	ktls_config_put(self->client);
	ktls_config_put(self->a);
	ktls_config_put(self->b);
}

TEST_F(store, shared_by_those_with_the_keys)
{
	struct ktls_info info[2];

	share_keys(self->a, self->b);
	ASSERT_EQ(shake(self->client, self->a, info), FULL);
	EXPECT_EQ(self->shelf.stored, 1);
	EXPECT_GT(self->shelf.at[0].expires, (uint64_t)time(NULL) + 90);
	EXPECT_LE(self->shelf.at[0].expires, (uint64_t)time(NULL) + 100);
	ASSERT_EQ(shake(self->client, self->b, info), RESUMED);
	ASSERT_EQ(shake(self->client, self->a, info), RESUMED);
	EXPECT_EQ(self->shelf.stored, 1);
	EXPECT_EQ(self->shelf.fetched, 2);
	EXPECT_EQ(self->shelf.forgotten, 0);
}

TEST_F(store, of_no_use_without_the_keys)
{
	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	ASSERT_EQ(shake(self->client, self->b, NULL), FULL);
}

TEST_F(store, without_it_nothing_is_resumed)
{
	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	self->shelf.at[0].len = 0;
	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	ASSERT_EQ(shake(self->client, self->a, NULL), RESUMED);
}

/* The secret is not in what is stored */
TEST_F(store, sealed)
{
	struct ktls_hs *c, *s;
	struct shelved *e = &self->shelf.at[0];

	ASSERT_OK(ktls_hs_new(&c, self->client, "localhost"));
	ASSERT_OK(ktls_hs_new(&s, self->a, NULL));
	ASSERT_OK(pump(c, s, 0));
	ASSERT_GT(e->len, 48);
	EXPECT_EQ(s->tls12.master.len, 48);
	EXPECT_FALSE(memmem(e->b, e->len, s->tls12.master.b, 8));
	EXPECT_FALSE(memmem(e->b, e->len, "localhost", 9));
	ktls_hs_free(c);
	ktls_hs_free(s);
}

TEST_F(store, damaged)
{
	struct shelved *e = &self->shelf.at[0];

	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	for (size_t i = 0; i < 200; i += 7) {
		/* each full handshake stores another one */
		if (self->shelf.n > 1) {
			*e = e[1];
			e[1].len = 0;
			self->shelf.n = 1;
		}
		ASSERT_EQ(shake(self->client, self->a, NULL), RESUMED);
		e->b[i % e->len] ^= 1;
		ASSERT_EQ(shake(self->client, self->a, NULL), FULL)
			TH_LOG("byte %zu", i % e->len);
	}
}

/* A store that shows one session under the id of another */
TEST_F(store, swapped)
{
	struct ktls_config *other = CLIENT12(.flags = KTLS_F_NO_TICKETS);
	struct shelved *at = self->shelf.at, swap;

	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	ASSERT_EQ(shake(other, self->a, NULL), FULL);
	swap = at[0];
	memcpy(at[0].id, at[1].id, 32);
	memcpy(at[1].id, swap.id, 32);
	ASSERT_EQ(shake(other, self->a, NULL), FULL);
	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	ktls_config_put(other);
}

TEST_F(store, that_fails)
{
	static const ssize_t answers[] = {
		-5, KTLS_SESSION_SIZE + 1, SSIZE_MAX, -SSIZE_MAX - 1,
	};

	self->shelf.store_error = -5;
	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	self->shelf.store_error = 0;
	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	for (size_t i = 0; i < 4; i++) {
		self->shelf.fetch_error = answers[i];
		ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	}
	self->shelf.fetch_error = 0;
	ASSERT_EQ(shake(self->client, self->a, NULL), RESUMED);
}

/* It keeps things for ever: we do not believe them for longer */
TEST_F(store, that_does_not_expire)
{
	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
	clock_ahead(99);
	ASSERT_EQ(shake(self->client, self->a, NULL), RESUMED);
	clock_ahead(101);
	ASSERT_EQ(shake(self->client, self->a, NULL), FULL);
}

TEST(store_options)
{
	static const struct ktls_session_store half = { 0 };
	struct ktls_cred cred = pki_cred("p256");
	struct ktls_config *c;
	char why[128];

	EXPECT_EQ(ktls_config_new(&c, KTLS_OPTS(.role = KTLS_SERVER,
			.creds = &cred, .creds_len = 1, .error = why,
			.error_size = sizeof(why), .session_store = &half)),
		  -KTLS_E_OPTION);
	EXPECT_STREQ(why, "session_store lacks a function");
	EXPECT_EQ(ktls_config_new(&c, KTLS_OPTS(.role = KTLS_CLIENT,
			.ca_file = pki("ca"), .session_store = &shelf_store)),
		  -KTLS_E_OPTION);
	EXPECT_EQ(ktls_config_new(&c, KTLS_OPTS(.role = KTLS_SERVER,
			.creds = &cred, .creds_len = 1,
			.ticket_period = 604801)), -KTLS_E_OPTION);
}

/* ---- a client's export ------------------------------------------------- */

FIXTURE(exported) {
	struct ktls_config *client, *server;
	struct exported e;
};

FIXTURE_VARIANT(exported) { unsigned int flags; };
FIXTURE_VARIANT_ADD(exported, id) { .flags = KTLS_F_NO_TICKETS };
FIXTURE_VARIANT_ADD(exported, ticket) { .flags = 0 };

FIXTURE_SETUP(exported)
{
	self->client = CLIENT12(.flags = variant->flags);
	self->server = SERVER12(.flags = variant->flags);
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	export_session(self->client, &self->e);
}

FIXTURE_TEARDOWN(exported)
{
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

/* Into a config of @opts: the status, and it is not used if it was refused */
static int import(FIXTURE_DATA(exported) *self, struct ktls_opts opts)
{
	struct ktls_config *to = client12(opts);
	int err = ktls_session_import(to, self->e.b, self->e.len);

	EXPECT_EQ(ktls_session_export(to, "localhost", NULL, 0),
		  err ? 0 : (ssize_t)self->e.len);
	ktls_config_put(to);
	return err;
}

#define IMPORT(...)	import(self, (struct ktls_opts){ __VA_ARGS__ })

TEST_F(exported, resumed_by_another_process)
{
	struct ktls_config *to = CLIENT12(.flags = variant->flags);
	struct ktls_info info[2];

	ASSERT_OK(ktls_session_import(to, self->e.b, self->e.len));
	ASSERT_EQ(shake(to, self->server, info), RESUMED);
	EXPECT_EQ(info[0].peer_verified, 1);
	EXPECT_STREQ(info[0].peer_subject, "CN = p256");
	ktls_config_put(to);
}

TEST_F(exported, size_first)
{
	uint8_t buf[4096] = { 0 };

	EXPECT_EQ(ktls_session_export(self->client, "localhost", NULL, 0),
		  (ssize_t)self->e.len);
	EXPECT_EQ(ktls_session_export(self->client, "LOCALHOST.", buf,
				      self->e.len - 1), (ssize_t)self->e.len);
	EXPECT_EQ(buf[0], 0);
	EXPECT_EQ(ktls_session_export(self->client, "LOCALHOST.", buf,
				      self->e.len), (ssize_t)self->e.len);
	EXPECT_MEMEQ(buf, self->e.b, self->e.len);
	EXPECT_EQ(ktls_session_export(self->client, "example.test", buf, 0),
		  0);
	EXPECT_EQ(ktls_session_export(self->client, "-?", buf, 0), -EINVAL);
	EXPECT_EQ(ktls_session_export(self->server, "localhost", buf, 0),
		  -KTLS_E_STATE);
}

/* Whoever was content with less must not vouch for it elsewhere */
TEST_F(exported, bound_to_its_config)
{
	struct ktls_cred cred = pki_cred("client");

	EXPECT_OK(IMPORT(.flags = variant->flags));
	EXPECT_OK(IMPORT(.flags = variant->flags, .alpn = "h2"));
	EXPECT_EQ(IMPORT(.verify = KTLS_VERIFY_NONE), -KTLS_E_SESSION);
	EXPECT_EQ(IMPORT(.ca_file = pki("stranger-ca")), -KTLS_E_SESSION);
	EXPECT_EQ(IMPORT(.creds = &cred, .creds_len = 1), -KTLS_E_SESSION);
	EXPECT_EQ(IMPORT(.ciphers = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
		  -KTLS_E_SESSION);
	EXPECT_EQ(IMPORT(.flags = KTLS_F_NO_TICKETS),
		  variant->flags ? 0 : -KTLS_E_SESSION);
	EXPECT_EQ(ktls_session_import(self->server, self->e.b, self->e.len),
		  -KTLS_E_STATE);
}

TEST_F(exported, unverified_is_not_verified)
{
	struct ktls_config *lax = CLIENT12(.flags = variant->flags,
					   .verify = KTLS_VERIFY_NONE);

	ASSERT_EQ(shake(lax, self->server, NULL), FULL);
	export_session(lax, &self->e);
	EXPECT_EQ(IMPORT(.flags = variant->flags), -KTLS_E_SESSION);
	EXPECT_OK(IMPORT(.flags = variant->flags,
			 .verify = KTLS_VERIFY_NONE));
	ktls_config_put(lax);
}

TEST_F(exported, expired)
{
	clock_ahead(7190);
	EXPECT_OK(IMPORT(.flags = variant->flags));
	clock_ahead(7201);
	EXPECT_EQ(IMPORT(.flags = variant->flags), -KTLS_E_SESSION);
	clock_ahead(-10);	/* not yet made */
	EXPECT_EQ(IMPORT(.flags = variant->flags), -KTLS_E_SESSION);
}

TEST_F(exported, cut_or_longer)
{
	struct ktls_config *to = CLIENT12(.flags = variant->flags);
	size_t len = self->e.len;
	uint8_t *copy;

	for (size_t n = 0; n < len; n++) {
		copy = malloc(n + !n);	/* so that a sanitizer sees its end */
		memcpy(copy, self->e.b, n);
		EXPECT_EQ(ktls_session_import(to, copy, n), -KTLS_E_SESSION);
		free(copy);
	}
	self->e.b[len] = 0;
	EXPECT_EQ(ktls_session_import(to, self->e.b, len + 1),
		  -KTLS_E_SESSION);
	ktls_config_put(to);
}

TEST_F(exported, every_byte)
{
	struct ktls_config *to = CLIENT12(.flags = variant->flags);

	for (size_t i = 0; i < self->e.len; i++) {
		self->e.b[i] ^= 0xff;
		EXPECT_EQ(ktls_session_import(to, self->e.b, self->e.len),
			  -KTLS_E_SESSION) TH_LOG("byte %zu", i);
		self->e.b[i] ^= 0xff;
	}
	ktls_config_put(to);
}

HARNESS_MAIN
