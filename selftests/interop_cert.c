// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compressed certificates (RFC 8879) and raw public keys (RFC 7250) with libssl
 * at the other end: one of 3.2 or later, whose functions are looked for at run
 * time, as this is built with older headers.
 */
#include "interop_lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "mode_lib.h"
#include "rawkey_lib.h"

/* ---- what newer ones have ---------------------------------------------- */

static int (*set_preference)(SSL *ssl, int *algorithms, size_t len);
static int (*compress_certs)(SSL *ssl, int algorithm);
static int (*set_types[2])(SSL *ssl, const unsigned char *types, size_t len);
static int (*expect_key)(SSL *ssl, EVP_PKEY *key);
static EVP_PKEY *(*key_of_peer)(const SSL *ssl);

static void find_function(const char *name, void *fn)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	if (!p)
		SKIP("this libssl has no %s()", name);
	memcpy(fn, &p, sizeof(p));
}

/* ---- compression ------------------------------------------------------- */

static const char *const algorithms[] = { NULL, "zlib", "brotli", "zstd" };

FIXTURE(compressed) {
	struct with with;
	struct ktls_cred cred;
};

FIXTURE_VARIANT(compressed) {
	enum ktls_role role;	/* ours */
	int algorithm;
};

/* Debian's libssl has no brotli: compress.c has it, with both ends ours */
static bool each_way(size_t i, FIXTURE_VARIANT(compressed) *v, char *name,
		     size_t size)
{
	if (i >= 4)
		return false;
	v->role = i % 2 ? KTLS_SERVER : KTLS_CLIENT;
	v->algorithm = i < 2 ? 1 : 3;
	snprintf(name, size, "%s.%s", i % 2 ? "server" : "client",
		 algorithms[v->algorithm]);
	return true;
}

FIXTURE_VARIANT_GEN(compressed, each_way);

FIXTURE_SETUP(compressed)
{
	bool server = variant->role == KTLS_SERVER;
	int algorithm = variant->algorithm;

	find_function("SSL_set1_cert_comp_preference", &set_preference);
	find_function("SSL_compress_certs", &compress_certs);
	self->cred = pki_cred(server ? "chain" : "client");
	with_begin(&self->with, (struct ktls_opts){
			.role = variant->role, .creds = &self->cred,
			.creds_len = 1,
			.verify = KTLS_VERIFY_REQUIRE,
			.cert_compression = algorithms[algorithm] },
		   (struct ssl_opts){ .server = !server, .require = !server,
			.verify = true, .cert = server ? "client" : "chain" },
		   "localhost");
	if (!set_preference(self->with.ssl, &algorithm, 1))
		SKIP("this libssl has no %s", algorithms[algorithm]);
	/* a client of it compresses when it is asked */
	if (!server)
		ASSERT_EQ(compress_certs(self->with.ssl, algorithm), 1);
}

FIXTURE_TEARDOWN(compressed)
{
	with_end(&self->with);
}

TEST_F(compressed, both_ways)
{
	const struct ktls_info *info = &self->with.hs->info;

	with_run(&self->with, 0);
	with_agree(&self->with);
	EXPECT_EQ(info->cert_compression, variant->algorithm);
	EXPECT_EQ(info->peer_cert_compression, variant->algorithm);
	EXPECT_TRUE(info->peer_verified);
	with_data(&self->with);
}

TEST_F(compressed, a_byte_at_a_time)
{
	with_run(&self->with, 1);
	with_agree(&self->with);
	EXPECT_EQ(self->with.hs->info.peer_cert_compression,
		  variant->algorithm);
}

/* ---- raw public keys --------------------------------------------------- */

FIXTURE(raw) {
	struct with with;
	struct ktls_cred cred;
};

FIXTURE_VARIANT(raw) {
	enum ktls_role role;	/* ours */
	bool mutual;
	bool other;		/* not the key that we trust */
	bool later;		/* the client's, after the handshake */
};

FIXTURE_VARIANT_ADD(raw, client) { .role = KTLS_CLIENT };
FIXTURE_VARIANT_ADD(raw, client_mutual) { .role = KTLS_CLIENT, .mutual = true };
FIXTURE_VARIANT_ADD(raw, client_later) {
	.role = KTLS_CLIENT, .mutual = true, .later = true,
};
FIXTURE_VARIANT_ADD(raw, client_other) { .role = KTLS_CLIENT, .other = true };
FIXTURE_VARIANT_ADD(raw, server) { .role = KTLS_SERVER };
FIXTURE_VARIANT_ADD(raw, server_mutual) { .role = KTLS_SERVER, .mutual = true };
FIXTURE_VARIANT_ADD(raw, server_later) {
	.role = KTLS_SERVER, .mutual = true, .later = true,
};
FIXTURE_VARIANT_ADD(raw, server_other) {
	.role = KTLS_SERVER, .mutual = true, .other = true,
};

FIXTURE_SETUP(raw)
{
	static const unsigned char type = 2;	/* RawPublicKey */
	bool server = variant->role == KTLS_SERVER;
	bool asks = !server || variant->mutual;
	bool in_handshake = variant->mutual && !variant->later;
	unsigned int later = KTLS_F_POST_HANDSHAKE_AUTH |
			     (server ? KTLS_F_AUTH_LATER : 0);
	EVP_PKEY *key = raw_key("p256");
	char *hash = raw_hash(variant->other ? "p521" : "p384");

	find_function("SSL_set1_client_cert_type", &set_types[0]);
	find_function("SSL_set1_server_cert_type", &set_types[1]);
	find_function("SSL_add_expected_rpk", &expect_key);
	find_function("SSL_get0_peer_rpk", &key_of_peer);
	self->cred = raw_cred("p256");
	with_begin(&self->with, (struct ktls_opts){
			.role = variant->role, .creds = &self->cred,
			.creds_len = server || variant->mutual,
			.raw_key_hashes = asks ? hash : NULL,
			.verify = asks ? KTLS_VERIFY_REQUIRE :
					 KTLS_VERIFY_NONE,
			.flags = variant->later ? later : 0 },
		   (struct ssl_opts){ .server = !server,
			.verify = server || in_handshake,
			.cert = !server || variant->mutual ? "p384" : NULL,
			.require = !server && in_handshake },
		   "localhost");
	for (int i = 0; i < 2; i++)
		if (i || variant->mutual)
			ASSERT_EQ(set_types[i](self->with.ssl, &type, 1), 1);
	SSL_set_post_handshake_auth(self->with.ssl, variant->later);
	/* it keeps keys where it keeps those of DANE */
	ASSERT_EQ(SSL_CTX_dane_enable(SSL_get_SSL_CTX(self->with.ssl)), 1);
	ASSERT_EQ(SSL_dane_enable(self->with.ssl, server ? "localhost" : NULL),
		  1);
	ASSERT_EQ(expect_key(self->with.ssl, key), 1);
	EVP_PKEY_free(key);
	free(hash);
}

FIXTURE_TEARDOWN(raw)
{
	with_end(&self->with);
}

static void we_ask(struct with *w, struct ktls_conn *conn)
{
	struct ktls_info info;
	char c;

	ASSERT_OK(ktls_conn_request_auth(conn));
	ASSERT_EQ(SSL_read(w->ssl, &c, 1), -1);
	ASSERT_EQ(ktls_recv(conn, &c, 1, 0), -EINTR);
	ktls_conn_info(conn, &info);
	EXPECT_EQ(info.peer_raw_key, 1);
	EXPECT_EQ(info.peer_verified, 1);
}

static void they_ask(struct with *w, struct ktls_conn *conn)
{
	char c;

	ASSERT_FALSE(key_of_peer(w->ssl));
	SSL_set_verify(w->ssl, SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE |
		       SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	ASSERT_EQ(SSL_verify_client_post_handshake(w->ssl), 1);
	ASSERT_EQ(SSL_do_handshake(w->ssl), 1);
	ASSERT_EQ(ktls_recv(conn, &c, 1, 0), -EINTR);
	ASSERT_OK(ktls_conn_authenticate(conn));
	ASSERT_EQ(SSL_read(w->ssl, &c, 1), -1);
	EXPECT_TRUE(key_of_peer(w->ssl));
}

static void ask_later(struct with *w)
{
	struct ktls_conn *conn;
	int fd[2];

	conn = with_connect(w, fd);
	set_nonblock(fd[1]);
	if (w->config->role == KTLS_SERVER)
		we_ask(w, conn);
	else
		they_ask(w, conn);
	EXPECT_EQ(SSL_get_verify_result(w->ssl), X509_V_OK);
	with_disconnect(conn, fd);
}

TEST_F(raw, handshake)
{
	const struct ktls_info *info = &self->with.hs->info;
	bool asks = variant->role == KTLS_CLIENT ||
		    (variant->mutual && !variant->later);

	if (variant->other) {
		with_fail(&self->with, -KTLS_E_RAW_KEY,
			  KTLS_ALERT_CERTIFICATE_UNKNOWN);
		return;
	}
	with_run(&self->with, 0);
	EXPECT_EQ(info->peer_raw_key, asks);
	EXPECT_EQ(info->peer_verified, asks);
	EXPECT_EQ(SSL_get_verify_result(self->with.ssl), X509_V_OK);
	with_agree(&self->with);
	if (variant->later)
		ask_later(&self->with);
	else
		with_data(&self->with);
}

HARNESS_MAIN
