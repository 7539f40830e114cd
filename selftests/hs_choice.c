// SPDX-License-Identifier: GPL-2.0-only
/* Choosing: suite, group, protocol, name and certificate, both roles ours */
#include "hs_lib.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "mitm_lib.h"

/* ---- whose order ------------------------------------------------------- */

FIXTURE(order) {
	struct two two;
};

FIXTURE_VARIANT(order) {
	const char *client, *server;		/* cipher suites */
	const char *client_groups, *server_groups;
	bool theirs;				/* KTLS_F_CLIENT_ORDER */
	const char *suite, *group;
	bool retried;
};

#define GCM128	"TLS_AES_128_GCM_SHA256"
#define GCM256	"TLS_AES_256_GCM_SHA384"
#define GCM128_12	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
#define GCM256_12	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
#define CHACHA	"TLS_CHACHA20_POLY1305_SHA256"

FIXTURE_VARIANT_ADD(order, ours) {
	GCM128 ":" GCM256, GCM256 ":" GCM128, "x25519:secp256r1", "x25519",
	false, GCM256, "x25519", false
};
FIXTURE_VARIANT_ADD(order, theirs) {
	GCM128 ":" GCM256, GCM256 ":" GCM128, "x25519:secp256r1", "x25519",
	true, GCM128, "x25519", false
};
FIXTURE_VARIANT_ADD(order, only_common) {
	CHACHA ":" GCM256, GCM128 ":" GCM256, NULL, NULL, true, GCM256, NULL,
	false
};
/* what has a share is good enough */
FIXTURE_VARIANT_ADD(order, no_needless_retry) {
	NULL, NULL, "x25519:secp256r1", "secp256r1:x25519", false,
	NULL, "x25519", false
};
FIXTURE_VARIANT_ADD(order, retry_ours) {
	NULL, NULL, "x25519:secp256r1:secp384r1", "secp384r1:secp256r1", false,
	NULL, "secp384r1", true
};
FIXTURE_VARIANT_ADD(order, retry_theirs) {
	NULL, NULL, "x25519:secp256r1:secp384r1", "secp384r1:secp256r1", true,
	NULL, "secp256r1", true
};

FIXTURE_TEARDOWN(order)
{
	two_end(&self->two);
}

TEST_F(order, chosen)
{
	struct ktls_info info;

	two_run(&self->two,
		KTLS_OPTS(.role = KTLS_CLIENT, .ciphers = variant->client,
			  .groups = variant->client_groups),
		KTLS_OPTS(.role = KTLS_SERVER, .ciphers = variant->server,
			  .groups = variant->server_groups,
			  .flags = variant->theirs ? KTLS_F_CLIENT_ORDER : 0),
		"localhost", 0);
	ktls_hs_info(self->two.client, &info);
	if (variant->suite)
		EXPECT_STREQ(ktls_suite_name(info.suite), variant->suite);
	if (variant->group)
		EXPECT_STREQ(ktls_group_name(info.group), variant->group);
	EXPECT_EQ(info.retried, variant->retried);
}

/* In TLS 1.2 a list decides, also where a client has shares, for TLS 1.3 */
static void order12(unsigned int flags, const char *suite, const char *group,
		    const char *client)
{
	struct ktls_info info;
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.ciphers = client,
				 .groups = "x25519:secp256r1"),
		   KTLS_OPTS(.ciphers = GCM256_12 ":" GCM128_12,
			     .groups = "secp256r1:x25519", .flags = flags),
		   NULL);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	ktls_hs_info(m.hs[SERVER_END], &info);
	EXPECT_STREQ(ktls_suite_name(info.suite), suite);
	EXPECT_STREQ(ktls_group_name(info.group), group);
	mitm_end(&m);
}

TEST(order_in_tls12)
{
	static const char *const clients[] = {
		GCM128_12 ":" GCM256_12, GCM128_12 ":" GCM256_12 ":" GCM128,
	};

	for (int i = 0; i < 2; i++) {
		order12(0, GCM256_12, "secp256r1", clients[i]);
		order12(KTLS_F_CLIENT_ORDER, GCM128_12, "x25519", clients[i]);
	}
}

/* ---- nothing in common ------------------------------------------------- */

FIXTURE(nothing) {
	struct two two;
};

FIXTURE_TEARDOWN(nothing)
{
	two_end(&self->two);
}

TEST_F(nothing, suite)
{
	two_begin(&self->two, KTLS_OPTS(.role = KTLS_CLIENT, .ciphers = GCM128),
		  KTLS_OPTS(.role = KTLS_SERVER, .ciphers = GCM256),
		  "localhost");
	two_fail(&self->two, true, -KTLS_E_NO_SUITE,
		 KTLS_ALERT_HANDSHAKE_FAILURE, "no common cipher suite");
}

TEST_F(nothing, group)
{
	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT, .groups = "x25519"),
		  KTLS_OPTS(.role = KTLS_SERVER, .groups = "secp256r1:x448"),
		  "localhost");
	two_fail(&self->two, true, -KTLS_E_NO_GROUP,
		 KTLS_ALERT_HANDSHAKE_FAILURE, "no common group");
}

TEST_F(nothing, sigalg)
{
	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT, .sigalgs = "ed25519"), NULL,
		  "localhost");
	two_fail(&self->two, true, -KTLS_E_NO_SIGALG,
		 KTLS_ALERT_HANDSHAKE_FAILURE, "signature algorithms");
}

/* ... of those that a certificate could be signed with, but no handshake */
TEST_F(nothing, sigalg_of_tls13)
{
	struct ktls_cred rsa = pki_cred("rsa2048");

	two_begin(&self->two, KTLS_OPTS(.role = KTLS_CLIENT,
					.sigalgs = "rsa_pkcs1_sha256"),
		  KTLS_OPTS(.role = KTLS_SERVER, .creds = &rsa,
			    .creds_len = 1), "localhost");
	two_fail(&self->two, true, -KTLS_E_NO_SIGALG,
		 KTLS_ALERT_HANDSHAKE_FAILURE, "signature algorithms");
}

TEST_F(nothing, alpn)
{
	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT, .alpn = "h2,http/1.1"),
		  KTLS_OPTS(.role = KTLS_SERVER, .alpn = "http/1.0,h3"),
		  "localhost");
	two_fail(&self->two, true, -KTLS_E_NO_ALPN,
		 KTLS_ALERT_NO_APPLICATION_PROTOCOL,
		 "no common application protocol");
}

/* ---- ALPN -------------------------------------------------------------- */

FIXTURE(alpn) {
	struct two two;
};

FIXTURE_VARIANT(alpn) {
	const char *client, *server, *agreed;
};

FIXTURE_VARIANT_ADD(alpn, one) { "h2", "h2", "h2" };
FIXTURE_VARIANT_ADD(alpn, server_order) {
	"h2,http/1.1", "http/1.1,h2", "http/1.1"
};
FIXTURE_VARIANT_ADD(alpn, last) { "h2,http/1.1", "h3,http/1.1", "http/1.1" };
FIXTURE_VARIANT_ADD(alpn, prefix_is_another) { "h,h2c,h2", "h2", "h2" };
FIXTURE_VARIANT_ADD(alpn, client_only) { "h2", NULL, "" };
FIXTURE_VARIANT_ADD(alpn, server_only) { NULL, "h2", "" };

FIXTURE_TEARDOWN(alpn)
{
	two_end(&self->two);
}

TEST_F(alpn, agreed)
{
	struct ktls_info info;

	two_run(&self->two,
		KTLS_OPTS(.role = KTLS_CLIENT, .alpn = variant->client),
		KTLS_OPTS(.role = KTLS_SERVER, .alpn = variant->server),
		"localhost", 0);
	ktls_hs_info(self->two.client, &info);
	EXPECT_STREQ(info.alpn, variant->agreed);
}

TEST_F(alpn, longest)
{
	char name[256] = "";
	struct ktls_info info;

	memset(name, 'x', 255);
	two_run(&self->two, KTLS_OPTS(.role = KTLS_CLIENT, .alpn = name),
		KTLS_OPTS(.role = KTLS_SERVER, .alpn = name), "localhost", 0);
	ktls_hs_info(self->two.client, &info);
	EXPECT_STREQ(info.alpn, name);
}

/* ---- names ------------------------------------------------------------- */

FIXTURE(name) {
	struct two two;
};

/* The server has p256 (localhost, *.example.test, addresses), othername */
FIXTURE_VARIANT(name) {
	const char *name;
	const char *sent;	/* server_name; "": none, NULL: as @name */
	const char *cert;	/* that is shown; NULL: it is not for @name */
	bool unknown;		/* to the server */
};

FIXTURE_VARIANT_ADD(name, first) { "localhost", NULL, "p256", false };
FIXTURE_VARIANT_ADD(name, second) { "other.test", NULL, "othername", false };
FIXTURE_VARIANT_ADD(name, upper_case) {
	"OTHER.Test", "other.test", "othername", false
};
FIXTURE_VARIANT_ADD(name, dot_at_end) {
	"other.test.", "other.test", "othername", false
};
FIXTURE_VARIANT_ADD(name, wildcard) {
	"www.example.test", NULL, "p256", false
};
FIXTURE_VARIANT_ADD(name, wildcard_upper_case) {
	"WWW.Example.TEST", "www.example.test", "p256", false
};
FIXTURE_VARIANT_ADD(name, wildcard_is_one_label) {
	"a.b.example.test", NULL, NULL, true
};
FIXTURE_VARIANT_ADD(name, wildcard_is_a_label) {
	"example.test", NULL, NULL, true
};
FIXTURE_VARIANT_ADD(name, unknown) { "unknown.test", NULL, NULL, true };
FIXTURE_VARIANT_ADD(name, common_name) { "p256", NULL, NULL, true };
FIXTURE_VARIANT_ADD(name, ipv4) { "127.0.0.1", "", "p256", false };
FIXTURE_VARIANT_ADD(name, ipv6) { "::1", "", "p256", false };
FIXTURE_VARIANT_ADD(name, ipv6_long) {
	"0:0:0:0:0:0:0:1", "", "p256", false
};
FIXTURE_VARIANT_ADD(name, other_ipv4) { "127.0.0.2", "", NULL, false };
FIXTURE_VARIANT_ADD(name, other_ipv6) { "::2", "", NULL, false };

static void name_begin(struct two *t, const char *name, unsigned int flags)
{
	struct ktls_cred creds[2] = { pki_cred("p256"), pki_cred("othername") };

	two_begin(t, NULL, KTLS_OPTS(.role = KTLS_SERVER, .creds = creds,
				     .creds_len = 2, .flags = flags), name);
}

FIXTURE_TEARDOWN(name)
{
	two_end(&self->two);
}

static void check_name(FIXTURE_DATA(name) *self,
		       const FIXTURE_VARIANT(name) *v)
{
	const char *sent = v->sent ? v->sent : v->name;
	struct ktls_info c, s;
	char subject[64];

	ktls_hs_info(self->two.client, &c);
	ktls_hs_info(self->two.server, &s);
	EXPECT_STREQ(c.server_name, sent);
	EXPECT_STREQ(s.server_name, sent);
	EXPECT_EQ(c.peer_verified, v->cert ? 1 : 0);
	if (!v->cert)
		return;
	snprintf(subject, sizeof(subject), "CN = %s", v->cert);
	EXPECT_STREQ(c.peer_subject, subject);
}

TEST_F(name, chosen)
{
	name_begin(&self->two, variant->name, 0);
	if (variant->cert) {
		ASSERT_OK(pump(self->two.client, self->two.server, 0));
		two_agree(&self->two);
	} else {
		two_fail(&self->two, false, -KTLS_E_CERT_NAME,
			 KTLS_ALERT_BAD_CERTIFICATE, variant->name);
	}
	check_name(self, variant);
}

TEST_F(name, strict)
{
	name_begin(&self->two, variant->name, KTLS_F_STRICT_NAME);
	if (variant->unknown) {
		two_fail(&self->two, true, -KTLS_E_UNKNOWN_NAME,
			 KTLS_ALERT_UNRECOGNIZED_NAME, "no certificate");
	} else if (!variant->cert) {
		two_fail(&self->two, false, -KTLS_E_CERT_NAME,
			 KTLS_ALERT_BAD_CERTIFICATE, variant->name);
	} else {
		ASSERT_OK(pump(self->two.client, self->two.server, 0));
		two_agree(&self->two);
	}
	check_name(self, variant);
}

/* A name is not needed where nothing is compared with it */
TEST(no_name)
{
	struct ktls_info info;
	struct two t;

	two_run(&t, KTLS_OPTS(.role = KTLS_CLIENT, .verify = KTLS_VERIFY_NONE),
		KTLS_OPTS(.role = KTLS_SERVER, .flags = KTLS_F_STRICT_NAME),
		NULL, 0);
	ktls_hs_info(t.server, &info);
	EXPECT_STREQ(info.server_name, "");
	two_end(&t);
}

TEST(malformed_names)
{
	static const char *const bad[] = {
		"", ".", ".localhost", "local..host", "*.example.test",
		"local host", "localhost/", "localhost:443", "[::1]",
		"b\303\274cher.test", "localhost..",
	};
	struct ktls_config *client = client_config();
	struct ktls_config *server = server_config();
	char longest[257] = "";
	struct ktls_hs *hs;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_EQ(ktls_hs_new(&hs, client, bad[i]), -EINVAL)
			TH_LOG("\"%s\"", bad[i]);
		EXPECT_FALSE(hs);
	}
	memset(longest, 'x', 256);
	EXPECT_EQ(ktls_hs_new(&hs, client, longest), -EINVAL);
	EXPECT_EQ(ktls_hs_new(&hs, client, NULL), -EINVAL);
	EXPECT_EQ(ktls_hs_new(&hs, server, "localhost"), -EINVAL);
	longest[255] = 0;
	EXPECT_OK(ktls_hs_new(&hs, client, longest));
	ktls_hs_free(hs);
	ktls_config_put(client);
	ktls_config_put(server);
}

/* ---- several certificates ---------------------------------------------- */

FIXTURE(creds) {
	struct two two;
};

FIXTURE_VARIANT(creds) {
	const char *have[3];		/* the server, in this order */
	const char *client, *server;	/* signature algorithms */
	const char *name, *cert, *sigalg;
};

FIXTURE_VARIANT_ADD(creds, by_algorithm) {
	{ "rsa2048", "p256", "ed25519" }, "ecdsa_secp256r1_sha256", NULL,
	"localhost", "p256", "ecdsa_secp256r1_sha256"
};
FIXTURE_VARIANT_ADD(creds, first_that_fits) {
	{ "rsa2048", "p256", "ed25519" }, NULL, NULL, "localhost", "rsa2048",
	"rsa_pss_rsae_sha256"
};
FIXTURE_VARIANT_ADD(creds, servers_order) {
	{ "rsa2048" }, "rsa_pss_rsae_sha256:rsa_pss_rsae_sha512",
	"rsa_pss_rsae_sha512:rsa_pss_rsae_sha256", "localhost", "rsa2048",
	"rsa_pss_rsae_sha512"
};
FIXTURE_VARIANT_ADD(creds, name_and_algorithm) {
	{ "othername", "rsa2048", "p256" }, "ecdsa_secp256r1_sha256", NULL,
	"www.example.test", "p256", "ecdsa_secp256r1_sha256"
};
/* 4.5.2.2: one whose chain the client can verify, where there is one */
FIXTURE_VARIANT_ADD(creds, verifiable) {
	{ "sha1", "p256" }, NULL, NULL, "localhost", "p256",
	"ecdsa_secp256r1_sha256"
};
FIXTURE_VARIANT_ADD(creds, chain) {
	{ "othername", "chain" }, NULL, NULL, "localhost", "chain",
	"ecdsa_secp256r1_sha256"
};

FIXTURE_TEARDOWN(creds)
{
	two_end(&self->two);
}

TEST_F(creds, chosen)
{
	struct ktls_cred creds[3];
	struct ktls_info info;
	char subject[64];
	size_t n = 0;

	while (n < 3 && variant->have[n]) {
		creds[n] = pki_cred(variant->have[n]);
		n++;
	}
	two_run(&self->two,
		KTLS_OPTS(.role = KTLS_CLIENT, .sigalgs = variant->client),
		KTLS_OPTS(.role = KTLS_SERVER, .sigalgs = variant->server,
			  .creds = creds, .creds_len = n), variant->name, 0);
	ktls_hs_info(self->two.client, &info);
	snprintf(subject, sizeof(subject), "CN = %s", variant->cert);
	EXPECT_STREQ(info.peer_subject, subject);
	EXPECT_STREQ(ktls_sigalg_name(info.peer_sigalg), variant->sigalg);
}

/* In TLS 1.2, of two that @end has: p256, which is the second */
static void second_in_tls12(enum end end, const char *first, const char *has)
{
	const struct ktls_cred creds[] = { pki_cred(first), pki_cred("p256") };
	const size_t client = end == CLIENT_END ? 2 : 0;
	struct ktls_info info;
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.max_version = KTLS_TLS12, .groups = has,
				 .creds = creds, .creds_len = client),
		   KTLS_OPTS(.creds = creds + client / 2,
			     .creds_len = 2 - client / 2,
			     .verify = KTLS_VERIFY_OPTIONAL), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	ktls_hs_info(m.hs[OTHER(end)], &info);
	EXPECT_STREQ(info.peer_subject, "CN = p256");
	mitm_end(&m);
}

/* 5246 7.4.2, 7.4.6: one whose chain the peer can verify */
TEST(verifiable_in_tls12)
{
	second_in_tls12(SERVER_END, "sha1", NULL);
	second_in_tls12(CLIENT_END, "sha1", NULL);
}

#define RSA12	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"

/* Of two @cert, in TLS 1.2, with suites for either */
static void of_two(const char *first, const char *second,
			  const char *name, unsigned int flags,
			  const char *cert)
{
	const struct ktls_cred creds[] = { pki_cred(first), pki_cred(second) };
	const bool ec_first = strcmp(first, "rsa2048") != 0;
	struct ktls_info info;
	char subject[64];
	struct two t;

	two_begin(&t, KTLS_OPTS(.role = KTLS_CLIENT,
				.max_version = KTLS_TLS12),
		  KTLS_OPTS(.role = KTLS_SERVER, .creds = creds,
			    .creds_len = 2, .flags = flags,
			    .ciphers = ec_first ? GCM128_12 ":" RSA12 :
						  RSA12 ":" GCM128_12), name);
	ASSERT_OK(pump(t.client, t.server, 0));
	ktls_hs_info(t.client, &info);
	snprintf(subject, sizeof(subject), "CN = %s", cert);
	EXPECT_STREQ(info.peer_subject, subject);
	two_end(&t);
}

/* The server's first suite and its certificate are not for the name */
TEST(name_before_suite_in_tls12)
{
	of_two("rsa2048", "othername", "other.test", 0, "othername");
	of_two("rsa2048", "othername", "other.test", KTLS_F_STRICT_NAME,
		      "othername");
}

/* 5246 7.4.2: or they are what the client cannot verify */
TEST(verifiable_before_suite_in_tls12)
{
	of_two("sha1", "rsa2048", "localhost", 0, "rsa2048");
	of_two("by384", "rsa2048", "localhost", 0, "by384");
}

/* ... where the hash of a signature has any curve */
TEST(verifiable_on_any_curve_in_tls12)
{
	of_two("by384", "p256", "localhost", 0, "by384");
}

/* RFC 8422 5.1.1: one on a curve that the client has */
TEST(curve_in_tls12)
{
	second_in_tls12(SERVER_END, "p384", "x25519:secp256r1");
}

/* ---- a version ---------------------------------------------------------- */

/* SHA-384 goes with P-256 in TLS 1.2 alone */
#define ONLY12	.role = KTLS_SERVER, .sigalgs = "ecdsa_secp384r1_sha384"

static void serves(const struct ktls_cred *creds, size_t n, uint16_t version,
		   const char *subject)
{
	struct ktls_info info;
	struct two t;

	two_begin(&t, NULL, KTLS_OPTS(ONLY12, .creds = creds, .creds_len = n),
		  "localhost");
	ASSERT_OK(pump(t.client, t.server, 0));
	ktls_hs_info(t.client, &info);
	EXPECT_EQ(info.version, version);
	EXPECT_STREQ(info.peer_subject, subject);
	two_end(&t);
}

TEST(only_tls12_can_be_signed)
{
	struct ktls_cred creds[] = { pki_cred("p256"), pki_cred("p384") };

	serves(creds, 1, KTLS_TLS12, "CN = p256");
	/* one that can is enough */
	serves(creds, 2, KTLS_TLS13, "CN = p384");
}

TEST(nothing_can_be_signed)
{
	struct ktls_cred cred = pki_cred("p256");
	struct ktls_config *cfg;
	char why[128];

	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(ONLY12, .creds = &cred,
			.creds_len = 1, .min_version = KTLS_TLS13,
			.error = why, .error_size = sizeof(why))),
		  -KTLS_E_OPTION);
	EXPECT_STREQ(why, "no certificate or key can sign in TLS 1.3 by any of "
		     "sigalgs");
}

HARNESS_MAIN
