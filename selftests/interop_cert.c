// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compressed certificates (RFC 8879) and raw public keys (RFC 7250) with libssl
 * at the other end: one of 3.2 or later, whose functions are looked for at run
 * time, as this is built with older headers.
 */
#include "interop_lib.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "rawkey_lib.h"

/* ---- what newer ones have ---------------------------------------------- */

static int (*set_preference)(SSL *ssl, int *algorithms, size_t len);
static int (*compress_certs)(SSL *ssl, int algorithm);
static int (*set_types[2])(SSL *ssl, const unsigned char *types, size_t len);
static int (*expect_key)(SSL *ssl, EVP_PKEY *key);

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
};

FIXTURE_VARIANT_ADD(raw, client) { KTLS_CLIENT, false, false };
FIXTURE_VARIANT_ADD(raw, client_mutual) { KTLS_CLIENT, true, false };
FIXTURE_VARIANT_ADD(raw, client_other) { KTLS_CLIENT, false, true };
FIXTURE_VARIANT_ADD(raw, server) { KTLS_SERVER, false, false };
FIXTURE_VARIANT_ADD(raw, server_mutual) { KTLS_SERVER, true, false };
FIXTURE_VARIANT_ADD(raw, server_other) { KTLS_SERVER, true, true };

FIXTURE_SETUP(raw)
{
	static const unsigned char type = 2;	/* RawPublicKey */
	bool server = variant->role == KTLS_SERVER;
	bool asks = !server || variant->mutual;
	EVP_PKEY *key = raw_key("p256");
	char *hash = raw_hash(variant->other ? "p521" : "p384");

	find_function("SSL_set1_client_cert_type", &set_types[0]);
	find_function("SSL_set1_server_cert_type", &set_types[1]);
	find_function("SSL_add_expected_rpk", &expect_key);
	self->cred = raw_cred("p256");
	with_begin(&self->with, (struct ktls_opts){
			.role = variant->role, .creds = &self->cred,
			.creds_len = server || variant->mutual,
			.raw_key_hashes = asks ? hash : NULL,
			.verify = asks ? KTLS_VERIFY_REQUIRE :
					 KTLS_VERIFY_NONE },
		   (struct ssl_opts){ .server = !server, .verify = server ||
			variant->mutual, .cert = !server || variant->mutual ?
			"p384" : NULL, .require = !server && variant->mutual },
		   "localhost");
	for (int i = 0; i < 2; i++)
		if (i || variant->mutual)
			ASSERT_EQ(set_types[i](self->with.ssl, &type, 1), 1);
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

TEST_F(raw, handshake)
{
	const struct ktls_info *info = &self->with.hs->info;
	bool asks = variant->role == KTLS_CLIENT || variant->mutual;

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
	with_data(&self->with);
}

HARNESS_MAIN
