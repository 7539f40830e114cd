// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the time that the library takes tell of its secrets, or does one go out
 * in the open?  Run by ct_test.sh, on valgrind, as it is shipped; what that is
 * asked is in ct_lib.h.
 */
#include <stdio.h>
#include <string.h>

#include "ct_lib.h"
#include "hs_lib.h"
#include "post_lib.h"
#include "session_lib.h"

/* ---- two ends ----------------------------------------------------------- */

struct ends {
	struct watch watch;
	struct ktls_config *config[2];	/* client, server */
	struct pair p;
};

static void ends_close(struct ends *e)
{
	pair_close(&e->p);
	for (int i = 0; i < 2; i++)
		ktls_config_put(e->config[i]);
}

/* Data that is secret arrives as such, and as it was */
static void say(struct ktls_conn *from, struct ktls_conn *to)
{
	uint8_t sent[1000], got[sizeof(sent)];
	size_t at = 0;

	memset(sent, 's', sizeof(sent));
	ct_secret(sent, sizeof(sent));
	ASSERT_EQ(ktls_send(from, sent, sizeof(sent), 0), sizeof(sent));
	while (at < sizeof(got)) {
		ssize_t n = ktls_recv(to, got + at, sizeof(got) - at, 0);

		ASSERT_GT(n, 0);
		at += (size_t)n;
	}
	EXPECT_TRUE(ct_is_secret(got, 1));
	EXPECT_TRUE(ct_is_secret(got + sizeof(got) - 1, 1));
	ct_public(sent, sizeof(sent));
	ct_public(got, sizeof(got));
	EXPECT_MEMEQ(got, sent, sizeof(got));
}

static void say_both(const struct pair *p)
{
	say(p->client, p->server);
	say(p->server, p->client);
}

static void again(struct ends *e, bool resumed)
{
	struct ktls_info info;

	pair_close(&e->p);
	pair_open(&e->p, e->config[0], e->config[1]);
	ktls_conn_info(e->p.server, &info);
	EXPECT_EQ(info.resumed, resumed);
	say_both(&e->p);
}

/* ---- every suite -------------------------------------------------------- */

FIXTURE(suite) {
	struct ends e;
};
FIXTURE_VARIANT(suite) { const struct suite *suite; };

static bool each_suite(size_t i, FIXTURE_VARIANT(suite) *v, char *name,
		       size_t size)
{
	if (i >= suites_len)
		return false;
	v->suite = &suites[i];
	snprintf(name, size, "%s", suites[i].name);
	return true;
}
FIXTURE_VARIANT_GEN(suite, each_suite);

static const char *cert_of(const struct suite *s)
{
	if (s->kex == KEX_ECDH)
		return s->auth == AUTH_RSA ? "ecdhrsa" : "ecdh256";
	return s->auth == AUTH_RSA ? "rsa2048" : "p256";
}

FIXTURE_SETUP(suite)
{
	const struct suite *s = variant->suite;
	struct ktls_opts o = {
		.ciphers = s->name,
		.groups = s->kex == KEX_DHE ? "ffdhe2048" : NULL,
		.min_version = s->version,
		.max_version = s->version,
		.padding = s->version == KTLS_TLS13 ? 64 : 0,
	};

	self->e.config[0] = ct_config(o, KTLS_CLIENT, NULL);
	self->e.config[1] = ct_config(o, KTLS_SERVER, cert_of(s));
	watch_begin(&self->e.watch);
}

FIXTURE_TEARDOWN(suite)
{
	ends_close(&self->e);
	watch_end(&self->e.watch, 0);
}

/* Anew, and then by a ticket, whose binder is compared as well */
TEST_F(suite, full_and_resumed)
{
	bool tls13 = variant->suite->version == KTLS_TLS13;

	again(&self->e, false);
	watch_end(&self->e.watch, EACH_FINISHED);
	again(&self->e, true);
	watch_end(&self->e.watch, EACH_FINISHED + tls13);
}

/* ---- both versions ------------------------------------------------------ */

FIXTURE(version) {
	struct ends e;
};
FIXTURE_VARIANT(version) { uint16_t version; };
FIXTURE_VARIANT_ADD(version, v12) { KTLS_TLS12 };
FIXTURE_VARIANT_ADD(version, v13) { KTLS_TLS13 };

static void version_make(struct ends *e, uint16_t version,
			 struct ktls_opts client, struct ktls_opts server,
			 const char *cert)
{
	client.min_version = client.max_version = version;
	server.min_version = server.max_version = version;
	e->config[0] = ct_config(client, KTLS_CLIENT, cert);
	e->config[1] = ct_config(server, KTLS_SERVER, NULL);
	watch_begin(&e->watch);
}

#define MAKE(client, server, cert)					\
	version_make(&self->e, variant->version, client, server, cert)

FIXTURE_TEARDOWN(version)
{
	ends_close(&self->e);
	watch_end(&self->e.watch, 0);
}

TEST_F(version, x25519)
{
	MAKE(OPTS(.groups = "x25519:secp256r1"),
	     OPTS(.groups = "x25519:secp256r1"), NULL);
	again(&self->e, false);
	watch_end(&self->e.watch, EACH_FINISHED + EACH_AGREED);
}

TEST_F(version, mutual)
{
	MAKE(OPTS(.alpn = "h2"),
	     OPTS(.verify = KTLS_VERIFY_REQUIRE, .alpn = "h2"), "client");
	again(&self->e, false);
	watch_end(&self->e.watch, EACH_FINISHED);
}

/* Sessions that are kept by their id: sealed in another's store, too */
TEST_F(version, by_id)
{
	bool tls13 = variant->version == KTLS_TLS13;
	unsigned int flags = tls13 ? KTLS_F_SINGLE_USE : KTLS_F_NO_TICKETS;
	static struct shelf shelf = { .lock = PTHREAD_MUTEX_INITIALIZER };

	MAKE(OPTS(.alpn = NULL), OPTS(.flags = flags), NULL);
	again(&self->e, false);
	again(&self->e, true);
	watch_end(&self->e.watch, 2 * EACH_FINISHED + tls13);
	ends_close(&self->e);
	MAKE(OPTS(.alpn = NULL), OPTS(.flags = flags, .arg = &shelf,
				      .session_store = &shelf_store), NULL);
	again(&self->e, false);
	again(&self->e, true);
	EXPECT_GT(shelf.stored, 0);
	watch_end(&self->e.watch, 2 * EACH_FINISHED + tls13);
}

/* A client's session, out and in again: its digest is of secrets */
TEST_F(version, exported)
{
	bool tls13 = variant->version == KTLS_TLS13;
	struct exported out;

	MAKE(OPTS(.alpn = NULL), OPTS(.alpn = NULL), NULL);
	again(&self->e, false);
	watch_end(&self->e.watch, EACH_FINISHED);
	export_session(self->e.config[0], &out);
	EXPECT_TRUE(ct_is_secret(out.b, out.len));
	ASSERT_OK(ktls_session_import(self->e.config[0], out.b, out.len));
	out.b[out.len - 1] ^= 1;
	ASSERT_EQ(ktls_session_import(self->e.config[0], out.b, out.len),
		  -KTLS_E_SESSION);
	watch_end(&self->e.watch, 2);
	again(&self->e, true);
	watch_end(&self->e.watch, EACH_FINISHED + tls13);
}

/* A connection that moves, with its digest and sealed */
TEST_F(version, moved)
{
	struct ends *e = &self->e;

	MAKE(OPTS(.alpn = NULL), OPTS(.alpn = NULL), NULL);
	again(e, false);
	watch_end(&e->watch, EACH_FINISHED);
	for (unsigned int flags = 0; flags <= KTLS_SAVE_SEALED; flags++) {
		uint8_t buf[8192];
		ssize_t n = ktls_conn_save(e->p.server, buf, sizeof(buf),
					   flags);

		ASSERT_GT(n, 0);
		ktls_conn_free(e->p.server);
		e->p.server = NULL;
		EXPECT_EQ(ct_is_secret(buf, (size_t)n), !flags);
		ASSERT_OK(ktls_conn_load(&e->p.server, e->config[1],
					 e->p.fd[1], buf, (size_t)n, flags));
		watch_end(&e->watch, !flags);
		say_both(&e->p);
	}
}

/* What is exported is secret; new keys are made */
TEST_F(version, exporter_and_new_keys)
{
	bool tls13 = variant->version == KTLS_TLS13;
	uint8_t out[32] = { 0 };

	MAKE(OPTS(.alpn = NULL), OPTS(.alpn = NULL), NULL);
	again(&self->e, false);
	ASSERT_OK(ktls_conn_export(self->e.p.client, "label", "context", 7,
				   out, sizeof(out)));
	EXPECT_TRUE(ct_is_secret(out, 1));
	for (int i = 0; tls13 && i < 2; i++) {
		ASSERT_OK(ktls_conn_rekey(self->e.p.client,
					  KTLS_REKEY_BOTH));
		say_both(&self->e.p);
		say_both(&self->e.p);
	}
	watch_end(&self->e.watch, EACH_FINISHED);
}

/* Found, because nothing is compared as it ought to be */
TEST_F(version, found_early_stop)
{
	unsigned int before;

	MAKE(OPTS(.alpn = NULL), OPTS(.alpn = NULL), NULL);
	before = self->e.watch.errors;
	ct_naive = true;
	again(&self->e, false);
	ct_naive = false;
	EXPECT_GE(ct_errors() - before, EACH_FINISHED);
	self->e.watch.errors = ct_errors();
	watch_end(&self->e.watch, EACH_FINISHED);
}

/* ---- one version's own -------------------------------------------------- */

FIXTURE(one) {
	struct watch watch;
	struct two two;
};

FIXTURE_TEARDOWN(one)
{
	two_end(&self->two);
	watch_end(&self->watch, 0);
}

static void one_make(FIXTURE_DATA(one) *self, struct ktls_opts client,
		     struct ktls_opts server)
{
	self->two.client_config = ct_config(client, KTLS_CLIENT, NULL);
	self->two.server_config = ct_config(server, KTLS_SERVER, NULL);
	watch_begin(&self->watch);
}

/* 0, or the first end's error */
static int one_run(FIXTURE_DATA(one) *self)
{
	struct two *t = &self->two;

	ktls_hs_free(t->client);
	ktls_hs_free(t->server);
	ASSERT_OK(ktls_hs_new(&t->client, t->client_config, "localhost"));
	ASSERT_OK(ktls_hs_new(&t->server, t->server_config, NULL));
	return pump(t->client, t->server, 0);
}

#define TLS12	.max_version = KTLS_TLS12

/* Each handshake tells of the last one's Finished (RFC 5746), at both ends */
TEST_F(one, renegotiated)
{
	struct two *t = &self->two;

	one_make(self, OPTS(TLS12), OPTS(TLS12));
	ASSERT_OK(one_run(self));
	watch_end(&self->watch, EACH_FINISHED);
	ASSERT_OK(ktls_hs_renegotiate(t->client, NULL));
	ASSERT_OK(ktls_hs_renegotiate(t->server, NULL));
	ASSERT_OK(pump(t->client, t->server, 0));
	watch_end(&self->watch, EACH_FINISHED + 2);
}

/* Nothing of a hello is secret, and the cookie is sealed */
TEST_F(one, retried)
{
	one_make(self, OPTS(.groups = "x25519:secp256r1"),
		 OPTS(.groups = "secp256r1", .flags = KTLS_F_COOKIE));
	ASSERT_OK(one_run(self));
	EXPECT_EQ(self->two.client->info.retried, 1);
	watch_end(&self->watch, EACH_FINISHED);
}

/* Keys that both have beforehand, as they are and imported */
static void with_psk(FIXTURE_DATA(one) *self, int import, char last, int err)
{
	uint8_t key[2][32];
	struct ktls_psk psk[2];

	for (int i = 0; i < 2; i++) {
		memset(key[i], 'k', sizeof(key[i]));
		psk[i] = (struct ktls_psk){ .identity = "me", .key = key[i],
			.identity_len = 2, .key_len = sizeof(key[i]),
			.import = import };
	}
	key[1][31] = (uint8_t)last;
	ct_secret(key, sizeof(key));
	one_make(self, OPTS(.psks = &psk[0], .psks_len = 1),
		 OPTS(.psks = &psk[1], .psks_len = 1));
	EXPECT_EQ(one_run(self), err);
	watch_end(&self->watch, err ? 1 : 1 + EACH_FINISHED);
}

TEST_F(one, external_psk) { with_psk(self, 0, 'k', 0); }
TEST_F(one, imported_psk) { with_psk(self, 1, 'k', 0); }
TEST_F(one, wrong_psk) { with_psk(self, 0, 'x', -KTLS_E_PSK_BINDER); }

/* Data that is sent before the handshake, under a ticket */
TEST_F(one, early)
{
	uint8_t data[100], got[100];
	struct two *t = &self->two;
	struct ktls_info info;
	struct pair p;

	one_make(self, OPTS(.early_data = 1000), OPTS(.early_data = 1000));
	pair_open(&p, t->client_config, t->server_config);
	say_both(&p);
	pair_close(&p);
	watch_end(&self->watch, EACH_FINISHED);
	memset(data, 'e', sizeof(data));
	ct_secret(data, sizeof(data));
	ASSERT_OK(ktls_hs_new(&t->client, t->client_config, "localhost"));
	ASSERT_OK(ktls_hs_new(&t->server, t->server_config, NULL));
	ASSERT_EQ(ktls_hs_early_write(t->client, data, sizeof(data)),
		  sizeof(data));
	ASSERT_OK(pump(t->client, t->server, 0));
	ktls_hs_info(t->server, &info);
	EXPECT_EQ(info.early_data, KTLS_EARLY_ACCEPTED);
	ASSERT_EQ(ktls_hs_early_read(t->server, got, sizeof(got)),
		  sizeof(got));
	EXPECT_TRUE(ct_is_secret(got, sizeof(got)));
	watch_end(&self->watch, EACH_FINISHED + 1);
}

/* The client's Finished once more, after the handshake */
TEST(post_handshake_auth)
{
	const struct mode m = { suite_find(0x1301), KTLS_PATH_USER,
				KTLS_PATH_USER };
	struct watch w;
	struct post t;

	watch_begin(&w);
	post_both(&t, &m, &(struct post_opts){ .cert = "client",
		  .flags = KTLS_F_AUTH_LATER });
	watch_end(&w, EACH_FINISHED + EACH_AGREED);
	post_auth(&t, "client");
	watch_end(&w, 1);
	post_close(&t);
	watch_end(&w, 0);
}

HARNESS_MAIN
