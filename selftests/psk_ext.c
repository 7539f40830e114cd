// SPDX-License-Identifier: GPL-2.0-only
/* External pre-shared keys (RFC 9846 4.3.11) and imported ones (RFC 9258) */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <string.h>

#include "../lib/conn.h"
#include "harness.h"
#include "hs_lib.h"
#include "session_lib.h"

static const uint8_t key[] = "0123456789abcdef0123456789abcdef";
static const uint8_t wrong[] = "0123456789abcdef0123456789abcdee";

#define PSK(id, k, ...)							\
	(const struct ktls_psk){ .identity = (id),			\
		.identity_len = strlen(id), .key = (k), .key_len = 32,	\
		__VA_ARGS__ }

static struct ktls_config *make(enum ktls_role role,
				const struct ktls_psk *psks, size_t n,
				struct ktls_opts o)
{
	struct ktls_config *cfg;
	char why[256];

	o.size = sizeof(o);
	o.role = role;
	o.psks = psks;
	o.psks_len = n;
	o.ca_file = pki("ca");
	o.error = why;
	o.error_size = sizeof(why);
	ASSERT_OK(ktls_config_new(&cfg, &o)) TH_LOG("%s", why);
	return cfg;
}

#define CLIENT(psks, n, ...)						\
	make(KTLS_CLIENT, psks, n, (struct ktls_opts){ __VA_ARGS__ })
/* Without a certificate */
#define SERVER(psks, n, ...)						\
	make(KTLS_SERVER, psks, n, (struct ktls_opts){ __VA_ARGS__ })

/* Both configs are used up: 0 or the first end's error */
static int run(struct ktls_config *client, struct ktls_config *server,
	       struct ktls_info info[2])
{
	struct two t = { .client_config = client, .server_config = server };
	int err;

	ASSERT_OK(ktls_hs_new(&t.client, client, "localhost"));
	ASSERT_OK(ktls_hs_new(&t.server, server, NULL));
	err = pump(t.client, t.server, 0);
	ktls_hs_info(t.client, &info[0]);
	ktls_hs_info(t.server, &info[1]);
	if (!err) {
		EXPECT_EQ(info[0].external_psk, info[1].external_psk);
		EXPECT_MEMEQ(&t.client->client_app, &t.server->client_app,
			     sizeof(t.client->client_app));
		EXPECT_MEMEQ(&t.client->exporter, &t.server->exporter,
			     sizeof(t.client->exporter));
	}
	two_end(&t);
	return err;
}

static void check_psk(const struct ktls_info info[2], const char *subject)
{
	for (int end = 0; end < 2; end++) {
		EXPECT_EQ(info[end].version, KTLS_TLS13);
		EXPECT_EQ(info[end].external_psk, 1);
		EXPECT_EQ(info[end].peer_verified, 1);
		EXPECT_EQ(info[end].resumed, 0);
		EXPECT_EQ(info[end].sigalg, 0);
		EXPECT_STREQ(info[end].peer_subject, subject);
	}
}

/* ---- both hashes, imported or not --------------------------------------- */

FIXTURE(psk) { struct ktls_info info[2]; };
FIXTURE_VARIANT(psk) {
	const char *hash, *suite;
	int import;
};
FIXTURE_VARIANT_ADD(psk, sha256) { "SHA256", "TLS_AES_128_GCM_SHA256", 0 };
FIXTURE_VARIANT_ADD(psk, sha384) { "SHA384", "TLS_AES_256_GCM_SHA384", 0 };
FIXTURE_VARIANT_ADD(psk, imported) { "SHA256", "TLS_AES_128_GCM_SHA256", 1 };
FIXTURE_VARIANT_ADD(psk, imported_to_384) {
	"SHA256", "TLS_AES_256_GCM_SHA384", 1
};
FIXTURE_VARIANT_ADD(psk, imported_384) {
	"SHA384", "TLS_AES_128_GCM_SHA256", 1
};
FIXTURE_SETUP(psk) { (void)self; (void)variant; }
FIXTURE_TEARDOWN(psk) { (void)self; }

#define MINE(id, k)							\
	PSK(id, k, .hash = variant->hash, .import = variant->import)

TEST_F(psk, authenticates_both)
{
	struct ktls_psk p = MINE("both of us", key);

	ASSERT_OK(run(CLIENT(&p, 1, .ciphers = variant->suite),
		      SERVER(&p, 1), self->info));
	check_psk(self->info, "psk:both%20of%20us");
	EXPECT_NE(self->info[0].group, 0);
}

/* The server likes another suite better, whose hash is another */
TEST_F(psk, influences_the_suite)
{
	struct ktls_psk p = MINE("x", key);

	ASSERT_OK(run(CLIENT(&p, 1), SERVER(&p, 1, .ciphers =
		      "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"),
		      self->info));
	check_psk(self->info, "psk:x");
	ASSERT_OK(run(CLIENT(&p, 1), SERVER(&p, 1, .ciphers =
		      "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"),
		      self->info));
	check_psk(self->info, "psk:x");
}

TEST_F(psk, wrong_key)
{
	struct ktls_psk c = MINE("x", wrong), s = MINE("x", key);

	EXPECT_EQ(run(CLIENT(&c, 1), SERVER(&s, 1), self->info),
		  -KTLS_E_PSK_BINDER);
	EXPECT_EQ(self->info[1].alert_sent, KTLS_ALERT_DECRYPT_ERROR);
	/* nobody has been authenticated */
	EXPECT_EQ(self->info[1].peer_verified, 0);
	EXPECT_STREQ(self->info[1].peer_subject, "");
}

TEST_F(psk, unknown_identity)
{
	struct ktls_psk c = MINE("y", key), s = MINE("x", key);
	struct ktls_cred cred = pki_cred("p256");

	EXPECT_EQ(run(CLIENT(&c, 1), SERVER(&s, 1), self->info),
		  -KTLS_E_NO_SIGALG);
	EXPECT_EQ(self->info[1].alert_sent, KTLS_ALERT_HANDSHAKE_FAILURE);
	/* with a certificate it is a handshake like any other */
	ASSERT_OK(run(CLIENT(&c, 1), SERVER(&s, 1, .creds = &cred,
					    .creds_len = 1), self->info));
	EXPECT_EQ(self->info[0].external_psk, 0);
	EXPECT_STREQ(self->info[0].peer_subject, "CN = p256");
}

TEST_F(psk, one_of_several)
{
	struct ktls_psk c[] = { MINE("a", wrong), MINE("b", key) };
	struct ktls_psk s[] = { MINE("z", wrong), MINE("b", key) };

	ASSERT_OK(run(CLIENT(c, 2), SERVER(s, 2), self->info));
	check_psk(self->info, "psk:b");
}

TEST_F(psk, with_a_retry)
{
	struct ktls_psk p = MINE("x", key);

	ASSERT_OK(run(CLIENT(&p, 1, .groups = "x25519:secp384r1"),
		      SERVER(&p, 1, .groups = "secp384r1",
			     .flags = KTLS_F_COOKIE), self->info));
	check_psk(self->info, "psk:x");
	EXPECT_EQ(self->info[0].retried, 1);
}

TEST_F(psk, without_a_key_exchange)
{
	struct ktls_psk p = MINE("x", key);

	for (int i = 0; i < 4; i++) {
		int err = run(CLIENT(&p, 1, .groups = "x25519",
				     .flags = i & 1 ? KTLS_F_PSK_KE : 0),
			      SERVER(&p, 1, .groups = "secp384r1",
				     .flags = i & 2 ? KTLS_F_PSK_KE : 0),
			      self->info);

		EXPECT_EQ(err, i == 3 ? 0 : -KTLS_E_NO_GROUP);
	}
	check_psk(self->info, "psk:x");
	EXPECT_EQ(self->info[0].group, 0);
}

/* A server that verifies clients does not ask those who have the key */
TEST_F(psk, in_place_of_a_certificate)
{
	struct ktls_psk p = MINE("x", key);

	ASSERT_OK(run(CLIENT(&p, 1), SERVER(&p, 1,
		      .verify = KTLS_VERIFY_REQUIRE), self->info));
	check_psk(self->info, "psk:x");
}

TEST_F(psk, then_tickets)
{
	struct ktls_psk p = MINE("x", key);
	struct ktls_config *client = CLIENT(&p, 1);
	struct ktls_config *server = SERVER(&p, 1);

	EXPECT_EQ(shake13(client, server, self->info), FULL);
	check_psk(self->info, "psk:x");
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(shake13(client, server, self->info), RESUMED);
		EXPECT_STREQ(self->info[1].peer_subject, "psk:x");
		/* nobody takes it for the subject of a certificate */
		for (int end = 0; end < 2; end++)
			EXPECT_EQ(self->info[end].external_psk, 1);
	}
	ktls_config_put(client);
	ktls_config_put(server);
}

/* 4.4.2: who resumes may be asked for a certificate, and is its owner then */
TEST_F(psk, then_tickets_then_a_certificate)
{
	const struct ktls_cred alice = pki_cred("client");
	struct ktls_psk p = MINE("x", key);
	struct ktls_config *client = CLIENT(&p, 1, .creds = &alice,
			.creds_len = 1, .flags = KTLS_F_POST_HANDSHAKE_AUTH);
	struct ktls_config *server = SERVER(&p, 1,
			.verify = KTLS_VERIFY_REQUIRE,
			.flags = KTLS_F_POST_HANDSHAKE_AUTH);
	struct ktls_info *info = &self->info[1];
	struct pair pair;
	char c;

	EXPECT_EQ(shake13(client, server, NULL), FULL);
	pair_open(&pair, client, server);
	ktls_conn_info(pair.server, info);
	EXPECT_EQ(info->external_psk, 1);
	ASSERT_OK(ktls_conn_request_auth(pair.server));
	ASSERT_EQ(ktls_recv(pair.client, &c, 1, 0), -EINTR);
	ASSERT_OK(ktls_conn_authenticate(pair.client));
	ASSERT_EQ(ktls_recv(pair.server, &c, 1, 0), -EINTR);
	ktls_conn_info(pair.server, info);
	EXPECT_STREQ(info->peer_subject, "CN = client");
	EXPECT_EQ(info->external_psk, 0);
	pair_close(&pair);
	ktls_config_put(client);
	ktls_config_put(server);
}

/* A name that no certificate is for is not known by a PSK either */
TEST_F(psk, strict_about_names)
{
	struct ktls_psk p = MINE("x", key);
	struct ktls_cred other = pki_cred("othername"), own = pki_cred("p256");

	EXPECT_EQ(run(CLIENT(&p, 1), SERVER(&p, 1, .creds = &other,
			.creds_len = 1, .flags = KTLS_F_STRICT_NAME),
		      self->info), -KTLS_E_UNKNOWN_NAME);
	EXPECT_EQ(self->info[1].alert_sent, KTLS_ALERT_UNRECOGNIZED_NAME);
	EXPECT_EQ(self->info[1].peer_verified, 0);
	ASSERT_OK(run(CLIENT(&p, 1), SERVER(&p, 1, .creds = &own,
			.creds_len = 1, .flags = KTLS_F_STRICT_NAME),
		      self->info));
	check_psk(self->info, "psk:x");
}

/* Where there is no certificate there is nothing to know, nor to forget */
TEST_F(psk, strict_without_names)
{
	struct ktls_psk p = MINE("x", key);
	struct ktls_config *client = CLIENT(&p, 1);
	struct ktls_config *server = SERVER(&p, 1,
					    .flags = KTLS_F_STRICT_NAME);

	EXPECT_EQ(shake13(client, server, self->info), FULL);
	check_psk(self->info, "psk:x");
	EXPECT_EQ(shake13(client, server, self->info), RESUMED);
	ktls_config_put(client);
	ktls_config_put(server);
}

/* ... which end with the key that they were got by */
TEST_F(psk, tickets_of_another_key)
{
	struct ktls_psk p = MINE("x", key), q = MINE("x", wrong);
	struct ktls_config *client = CLIENT(&p, 1);
	struct ktls_config *server = SERVER(&p, 1), *other = SERVER(&q, 1);

	EXPECT_EQ(shake13(client, server, self->info), FULL);
	share_keys(server, other);
	EXPECT_EQ(run(client, other, self->info), -KTLS_E_PSK_BINDER);
	ktls_config_put(server);
}

/* The context and the hash are a part of an imported identity */
TEST(imported_context_counts)
{
	struct ktls_psk p = PSK("x", key, .import = 1);
	struct ktls_psk q = PSK("x", key, .import = 1, .context = "c",
				.context_len = 1);
	struct ktls_psk plain = PSK("x", key, .hash = NULL);
	struct ktls_info info[2];

	EXPECT_EQ(run(CLIENT(&p, 1), SERVER(&q, 1), info),
		  -KTLS_E_NO_SIGALG);
	EXPECT_EQ(run(CLIENT(&plain, 1), SERVER(&p, 1), info),
		  -KTLS_E_NO_SIGALG);
	ASSERT_OK(run(CLIENT(&q, 1), SERVER(&q, 1), info));
}

/* ---- RFC 9258 4, by libcrypto alone -------------------------------------- */

static void hmac_of(const void *k, size_t k_len, const void *p, size_t len,
		    uint8_t out[32])
{
	unsigned int n;

	ASSERT_TRUE(HMAC(EVP_sha256(), k, (int)k_len, p, len, out, &n));
}

TEST(imported_key)
{
	/* external_identity, context, TLS 1.3, HKDF_SHA384 */
	static const uint8_t id[] = "\0\4test\0\3ctx\3\4\0\2";
	uint8_t info[2 + 1 + 17 + 1 + 32 + 1] = { 0, 48, 17 };
	uint8_t prk[32], t1[32], in[32 + sizeof(info)], t2[32], zero[32] = { 0 };
	struct ktls_psk p = PSK("test", key, .import = 1, .context = "ctx",
				.context_len = 3);
	struct ktls_config *cfg = CLIENT(&p, 1);
	const struct psk_ext *e = psk_ext_find(cfg->psks,
					       (struct slice){ id, 15 });

	ASSERT_TRUE(e);
	ASSERT_EQ(e->key.len, 48);
	memcpy(info + 3, "tls13 derived psk", 17);
	info[20] = 32;
	ASSERT_TRUE(EVP_Digest(id, 15, info + 21, NULL, EVP_sha256(), NULL));
	info[53] = 1;
	hmac_of(zero, 32, key, 32, prk);
	hmac_of(prk, 32, info, sizeof(info), t1);
	memcpy(in, t1, 32);
	memcpy(in + 32, info, sizeof(info));
	in[sizeof(in) - 1] = 2;
	hmac_of(prk, 32, in, sizeof(in), t2);
	EXPECT_MEMEQ(e->key.b, t1, 32);
	EXPECT_MEMEQ(e->key.b + 32, t2, 16);
	ktls_config_put(cfg);
}

/* ---- options ------------------------------------------------------------ */

TEST(options)
{
	static const struct ktls_psk bad[] = {
		{ NULL, 1, key, 32, NULL, 0, NULL, 0 },
		{ "x", 0, key, 32, NULL, 0, NULL, 0 },
		{ "x", 1025, key, 32, NULL, 0, NULL, 0 },
		{ "x", 1, NULL, 32, NULL, 0, NULL, 0 },
		{ "x", 1, key, 15, NULL, 0, NULL, 0 },
		{ "x", 1, key, 49, NULL, 0, NULL, 0 },
		{ "x", 1, key, 1025, NULL, 1, NULL, 0 },
		{ "x", 1, key, 32, "SHA1", 0, NULL, 0 },
		{ "x", 1, key, 32, NULL, 0, "c", 1 },
		{ "x", 1, key, 32, NULL, 1, "c", 1025 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct ktls_config *cfg;

		EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_SERVER,
			  .psks = &bad[i], .psks_len = 1)), -KTLS_E_OPTION);
	}
}

/* ---- libssl -------------------------------------------------------------- */

static SSL_SESSION *libssl_session(SSL *ssl, int sha384)
{
	const uint8_t id[2] = { 0x13, sha384 ? 0x02 : 0x01 };
	SSL_SESSION *s = SSL_SESSION_new();

	ASSERT_TRUE(s && SSL_SESSION_set1_master_key(s, key, 32) &&
		    SSL_SESSION_set_cipher(s, SSL_CIPHER_find(ssl, id)) &&
		    SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION));
	return s;
}

static int wants_384;

static int find_cb(SSL *ssl, const unsigned char *id, size_t len,
		   SSL_SESSION **out)
{
	*out = len == 4 && !memcmp(id, "them", 4) ?
	       libssl_session(ssl, wants_384) : NULL;
	return 1;
}

static int use_cb(SSL *ssl, const EVP_MD *md, const unsigned char **id,
		  size_t *len, SSL_SESSION **out)
{
	(void)md;
	*id = (const unsigned char *)"them";
	*len = 4;
	*out = libssl_session(ssl, wants_384);
	return 1;
}

TEST(libssl)
{
	for (int i = 0; i < 4; i++) {
		bool server = i & 1;
		struct ktls_psk p = PSK("them", key, .hash = i & 2 ?
					"SHA384" : "SHA256");
		/* libssl's server chooses the suite before it looks */
		const char *suite = i & 2 ? "TLS_AES_256_GCM_SHA384" :
					    "TLS_AES_128_GCM_SHA256";
		struct ktls_config *cfg = server ?
			CLIENT(&p, 1, .ciphers = suite) : SERVER(&p, 1);
		struct ssl_end *end = ssl_end_new(&(struct ssl_opts){
			.server = server, .cert = server ? "p256" : NULL,
			.name = server ? NULL : "localhost" });
		struct ktls_info info;
		struct ktls_hs *hs;

		wants_384 = i & 2;
		if (server)
			SSL_set_psk_find_session_callback(ssl_end_ssl(end),
							  find_cb);
		else
			SSL_set_psk_use_session_callback(ssl_end_ssl(end),
							 use_cb);
		ASSERT_OK(ktls_hs_new(&hs, cfg, server ? "localhost" : NULL));
		ASSERT_OK(ssl_pump(end, hs, 0))
			TH_LOG("%s", ssl_end_error(end));
		ktls_hs_info(hs, &info);
		EXPECT_EQ(info.external_psk, 1);
		EXPECT_STREQ(info.peer_subject, "psk:them");
		EXPECT_TRUE(SSL_session_reused(ssl_end_ssl(end)));
		ktls_hs_free(hs);
		ssl_end_free(end);
		ktls_config_put(cfg);
	}
}

HARNESS_MAIN
