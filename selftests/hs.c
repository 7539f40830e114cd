// SPDX-License-Identifier: GPL-2.0-only
/* Negotiation: everything that can be agreed upon, both roles ours */
#include "hs_lib.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

/* ---- suites, groups, signatures ---------------------------------------- */

static const struct {
	const char *cert, *sigalg;
} kinds[] = {
	{ "p256", "ecdsa_secp256r1_sha256" },
	{ "p384", "ecdsa_secp384r1_sha384" },
	{ "p521", "ecdsa_secp521r1_sha512" },
	{ "ed25519", "ed25519" },
	{ "ed448", "ed448" },
	{ "rsa2048", "rsa_pss_rsae_sha256" },
	{ "rsa2048", "rsa_pss_rsae_sha384" },
	{ "rsa2048", "rsa_pss_rsae_sha512" },
	{ "rsapss", "rsa_pss_pss_sha256" },
	{ "rsapss", "rsa_pss_pss_sha384" },
	{ "rsapss", "rsa_pss_pss_sha512" },
	{ "chain", "ecdsa_secp256r1_sha256" },
};

FIXTURE(negotiate) {
	struct two two;
	struct ktls_cred cred;
	struct ktls_opts client, server;
	char client_groups[64];
};

FIXTURE_VARIANT(negotiate) {
	const char *suite, *group, *cert, *sigalg;
	bool retry;	/* the client guesses another group */
};

static bool each_suite(size_t i, FIXTURE_VARIANT(negotiate) *v, char *name,
		       size_t size)
{
	v->suite = ktls_suite_list(i);
	/* the suites of 1.3 come first; for the others see hs12 */
	if (!v->suite || strchr(v->suite, 'W'))
		return false;
	snprintf(name, size, "%s", v->suite);
	return true;
}

static bool each_group(size_t i, FIXTURE_VARIANT(negotiate) *v, char *name,
		       size_t size)
{
	v->group = ktls_group_list(i / 2);
	v->retry = i % 2;
	if (!v->group)
		return false;
	snprintf(name, size, "%s%s", v->group, v->retry ? ".retry" : "");
	return true;
}

static bool each_kind(size_t i, FIXTURE_VARIANT(negotiate) *v, char *name,
		      size_t size)
{
	if (i == sizeof(kinds) / sizeof(*kinds))
		return false;
	v->cert = kinds[i].cert;
	v->sigalg = kinds[i].sigalg;
	snprintf(name, size, "%s.%s", v->cert, v->sigalg);
	return true;
}

FIXTURE_VARIANT_GEN(negotiate, each_suite);
FIXTURE_VARIANT_GEN(negotiate, each_group);
FIXTURE_VARIANT_GEN(negotiate, each_kind);

FIXTURE_SETUP(negotiate)
{
	const char *cert = variant->cert ? variant->cert : "p256";
	const char *guess = "x25519";

	self->cred = pki_cred(cert);
	self->client = (struct ktls_opts){
		.size = sizeof(struct ktls_opts), .role = KTLS_CLIENT,
		.groups = variant->group,
		.sigalgs = variant->sigalg,
	};
	self->server = (struct ktls_opts){
		.size = sizeof(struct ktls_opts), .role = KTLS_SERVER,
		.ciphers = variant->suite, .groups = variant->group,
		.creds = &self->cred, .creds_len = 1,
	};
	if (!variant->retry)
		return;
	if (!strcmp(variant->group, guess))
		guess = "secp256r1";
	snprintf(self->client_groups, sizeof(self->client_groups), "%s:%s",
		 guess, variant->group);
	self->client.groups = self->client_groups;
}

FIXTURE_TEARDOWN(negotiate)
{
	two_end(&self->two);
}

static void check_info(FIXTURE_DATA(negotiate) *self,
		       const FIXTURE_VARIANT(negotiate) *v)
{
	struct ktls_info c, s;
	char subject[64];

	ktls_hs_info(self->two.client, &c);
	ktls_hs_info(self->two.server, &s);
	snprintf(subject, sizeof(subject), "CN = %s",
		 v->cert ? v->cert : "p256");
	if (v->suite)
		EXPECT_STREQ(ktls_suite_name(c.suite), v->suite);
	if (v->group)
		EXPECT_STREQ(ktls_group_name(c.group), v->group);
	if (v->sigalg)
		EXPECT_STREQ(ktls_sigalg_name(c.peer_sigalg), v->sigalg);
	EXPECT_EQ(c.retried, v->retry);
	EXPECT_STREQ(c.server_name, "localhost");
	EXPECT_STREQ(c.peer_subject, subject);
	EXPECT_TRUE(c.peer_verified);
	EXPECT_STREQ(c.alpn, "");
}

TEST_F(negotiate, at_once)
{
	struct ktls_info c, s;

	two_run(&self->two, &self->client, &self->server, "localhost", 0);
	check_info(self, variant);
	ktls_hs_info(self->two.client, &c);
	ktls_hs_info(self->two.server, &s);
	EXPECT_EQ(c.sigalg, 0);
	EXPECT_STREQ(s.peer_subject, "");
	EXPECT_FALSE(s.peer_verified);
}

TEST_F(negotiate, bytewise)
{
	two_run(&self->two, &self->client, &self->server, "localhost", 1);
	check_info(self, variant);
}

TEST_F(negotiate, mutual)
{
	struct ktls_info c, s;

	self->client.creds = &self->cred;
	self->client.creds_len = 1;
	self->server.verify = KTLS_VERIFY_REQUIRE;
	self->server.sigalgs = variant->sigalg;
	two_run(&self->two, &self->client, &self->server, "localhost", 0);
	check_info(self, variant);
	ktls_hs_info(self->two.client, &c);
	ktls_hs_info(self->two.server, &s);
	EXPECT_TRUE(s.peer_verified);
	EXPECT_STREQ(s.peer_subject, c.peer_subject);
	EXPECT_EQ(c.sigalg, s.sigalg);
	EXPECT_NE(s.peer_sigalg, 0);
}

/* ---- retries, cookies, middleboxes ------------------------------------- */

FIXTURE(option) {
	struct two two;
	struct bytes c, s;	/* all that they sent */
};

FIXTURE_VARIANT(option) {
	unsigned int client, server;	/* KTLS_F_* */
	bool retry;
};

FIXTURE_VARIANT_ADD(option, plain) { .retry = false };
FIXTURE_VARIANT_ADD(option, retry) { .retry = true };
FIXTURE_VARIANT_ADD(option, cookie) { .server = KTLS_F_COOKIE };
FIXTURE_VARIANT_ADD(option, cookie_retry) {
	.server = KTLS_F_COOKIE, .retry = true
};
FIXTURE_VARIANT_ADD(option, no_compat) { .client = KTLS_F_NO_COMPAT };
FIXTURE_VARIANT_ADD(option, no_compat_retry) {
	.client = KTLS_F_NO_COMPAT, .retry = true
};
FIXTURE_VARIANT_ADD(option, no_compat_cookie) {
	.client = KTLS_F_NO_COMPAT, .server = KTLS_F_COOKIE
};
FIXTURE_VARIANT_ADD(option, client_order_retry) {
	.server = KTLS_F_CLIENT_ORDER, .retry = true
};

FIXTURE_SETUP(option)
{
	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT, .flags = variant->client,
			    .groups = "x25519:secp384r1"),
		  /* with its Finished a handshake ends */
		  KTLS_OPTS(.role = KTLS_SERVER,
			    .flags = variant->server | KTLS_F_NO_TICKETS,
			    .groups = variant->retry ? "secp384r1" :
						       "x25519"),
		  "localhost");
}

FIXTURE_TEARDOWN(option)
{
	two_end(&self->two);
}

/* As pump(), keeping what was sent */
static void run_kept(struct two *t, struct bytes *c, struct bytes *s)
{
	struct feed to_client = { .hs = t->client };
	struct feed to_server = { .hs = t->server };
	size_t c_at, s_at;

	do {
		c_at = c->len;
		s_at = s->len;
		bytes_take(c, t->client);
		ASSERT_EQ(feed(&to_server, c->b + c_at, c->len - c_at, 0),
			  c->len - c_at);
		bytes_take(s, t->server);
		ASSERT_EQ(feed(&to_client, s->b + s_at, s->len - s_at, 0),
			  s->len - s_at);
	} while (c->len > c_at || s->len > s_at);
}

/* The types of the records, a letter each; their versions are checked */
static const char *records(const struct bytes *f, char *out, bool client)
{
	size_t n = 0;

	for (size_t at = 0; at < f->len; ) {
		const uint8_t *p = f->b + at;

		ASSERT_LT(n, 31);
		EXPECT_EQ(p[1], 3);
		EXPECT_EQ(p[2], client && !at ? 1 : 3);
		if (p[0] == CT_CHANGE_CIPHER_SPEC)
			EXPECT_MEMEQ(p, "\x14\3\3\0\1\1", 6);
		out[n++] = p[0] == CT_CHANGE_CIPHER_SPEC ? 'c' :
			   p[0] == CT_HANDSHAKE ? 'h' :
			   p[0] == CT_DATA ? 'd' : '?';
		at += 5u + (size_t)(p[3] << 8 | p[4]);
		ASSERT_LE(at, f->len);
	}
	out[n] = 0;
	return out;
}

TEST_F(option, records)
{
	bool compat = !(variant->client & KTLS_F_NO_COMPAT);
	bool again = variant->retry || variant->server & KTLS_F_COOKIE;
	struct ktls_info info;
	char c[32], s[32];

	run_kept(&self->two, &self->c, &self->s);
	two_agree(&self->two);
	ktls_hs_info(self->two.client, &info);
	EXPECT_EQ(info.retried, again);
	EXPECT_STREQ(ktls_group_name(info.group), variant->retry ?
		     "secp384r1" : "x25519");
	/* one ChangeCipherSpec each, E.4 */
	EXPECT_STREQ(records(&self->c, c, true), !again ?
		     compat ? "hcd" : "hd" : compat ? "hchd" : "hhd");
	EXPECT_STREQ(records(&self->s, s, false), !again ?
		     compat ? "hcd" : "hd" : compat ? "hchd" : "hhd");
	/* a session id to echo, or none */
	EXPECT_EQ(self->c.b[43], compat ? 32 : 0);
	EXPECT_EQ(self->s.b[43], compat ? 32 : 0);
	EXPECT_MEMEQ(self->c.b + 44, self->s.b + 44, compat ? 32 : 0);
	EXPECT_EQ(!memcmp(self->s.b + 11, retry_random, RANDOM_LEN), again);
}

TEST_F(option, bytewise)
{
	ASSERT_OK(pump(self->two.client, self->two.server, 1));
	two_agree(&self->two);
}

/* ---- the second hello --------------------------------------------------- */

/* 4.2.2: the second hello is the first, and the cookie is the one given */
FIXTURE(again) {
	struct two two;
	struct bytes b;
};

FIXTURE_SETUP(again)
{
	struct ktls_hs *c, *s;

	two_begin(&self->two, NULL,
		  KTLS_OPTS(.role = KTLS_SERVER, .flags = KTLS_F_COOKIE),
		  "localhost");
	c = self->two.client;
	s = self->two.server;
	ASSERT_GT(pump_one(c, s, SIZE_MAX), 0);
	ASSERT_GT(pump_one(s, c, SIZE_MAX), 0);
	bytes_take(&self->b, c);
}

FIXTURE_TEARDOWN(again)
{
	two_end(&self->two);
}

static void again_refused(FIXTURE_DATA(again) *self, const void *what,
			  size_t len, int err)
{
	struct feed f = { .hs = self->two.server };
	uint8_t *at = memmem(self->b.b, self->b.len, what, len);

	ASSERT_TRUE(at);
	at[len / 2] ^= 1;
	feed(&f, self->b.b, self->b.len, 0);
	pump_one(self->two.server, self->two.client, SIZE_MAX);
	check_failure(self->two.server, self->two.client, err,
		      KTLS_ALERT_ILLEGAL_PARAMETER);
}

TEST_F(again, random)
{
	again_refused(self, self->two.server->client_random, RANDOM_LEN,
		      -KTLS_E_RETRY_CHANGED);
}

TEST_F(again, session_id)
{
	again_refused(self, self->two.server->session_id, SESSION_ID_MAX,
		      -KTLS_E_RETRY_CHANGED);
}

TEST_F(again, name)
{
	again_refused(self, "localhost", 9, -KTLS_E_RETRY_CHANGED);
}

TEST_F(again, cookie)
{
	const struct wr *cookie = &self->two.server->server.cookie;

	ASSERT_GT(cookie->len, 32);
	again_refused(self, cookie->buf, cookie->len, -KTLS_E_COOKIE);
}

/* ---- key logs ---------------------------------------------------------- */

static void check_lines(const struct keylog *log, const struct ktls_hs *hs)
{
	const struct {
		const char *label;
		const struct secret *secret;
	} lines[] = {
		{ "CLIENT_HANDSHAKE_TRAFFIC_SECRET", &hs->client_hs },
		{ "SERVER_HANDSHAKE_TRAFFIC_SECRET", &hs->server_hs },
		{ "CLIENT_TRAFFIC_SECRET_0", &hs->client_app },
		{ "SERVER_TRAFFIC_SECRET_0", &hs->server_app },
		{ "EXPORTER_SECRET", &hs->exporter },
	};
	struct keylog want = { 0 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char *p = want.line[want.len++];

		p += sprintf(p, "%s ", lines[i].label);
		for (size_t j = 0; j < RANDOM_LEN; j++)
			p += sprintf(p, "%02x", hs->client_random[j]);
		*p++ = ' ';
		for (size_t j = 0; j < lines[i].secret->len; j++)
			p += sprintf(p, "%02x", lines[i].secret->b[j]);
	}
	keylog_same(log, &want);
}

static void keylog_of(const char *suite)
{
	static const struct ktls_hooks hooks = { .keylog = keylog_add };
	struct keylog c = { 0 }, s = { 0 };
	struct two t;

	two_run(&t, KTLS_OPTS(.role = KTLS_CLIENT, .hooks = &hooks, .arg = &c,
			      .ciphers = suite),
		KTLS_OPTS(.role = KTLS_SERVER, .hooks = &hooks, .arg = &s),
		"localhost", 0);
	check_lines(&c, t.client);
	check_lines(&s, t.server);
	keylog_same(&c, &s);
	two_end(&t);
}

TEST(keylog_sha256)
{
	keylog_of("TLS_AES_128_GCM_SHA256");
}

TEST(keylog_sha384)
{
	keylog_of("TLS_AES_256_GCM_SHA384");
}

HARNESS_MAIN
