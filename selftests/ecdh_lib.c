// SPDX-License-Identifier: GPL-2.0-only
#include "ecdh_lib.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>

#include "harness.h"
#include "peer.h"

void ecdh_chain(struct wr *w, const char *cert)
{
	FILE *file = fopen(pki(cert), "r");
	X509 *x;

	ASSERT_TRUE(file);
	wr_vec(w, 3)
		while ((x = PEM_read_X509(file, NULL, NULL, NULL))) {
			uint8_t *der = NULL;
			int len = i2d_X509(x, &der);

			ASSERT_GT(len, 0);
			wr_opaque(w, 3, (struct slice){ der, (size_t)len });
			OPENSSL_free(der);
			X509_free(x);
		}
	ASSERT_TRUE(wr_ok(w));
	fclose(file);
}

/* ---- what passes ------------------------------------------------------- */

void ecdh_see(struct ecdh_seen *seen, const struct item *it)
{
	const uint8_t *p = it->data.buf;

	if (seen->done || it->type != CT_HANDSHAKE)
		return;
	wr_bytes(&seen->heard, p, it->data.len);
	switch (p[0]) {
	case HT_CLIENT_HELLO:
		memcpy(seen->random[0], p + 4 + 2, 32);
		break;
	case HT_SERVER_HELLO:
		memcpy(seen->random[1], p + 4 + 2, 32);
		p += 4 + 2 + 32 + 1 + p[4 + 2 + 32];
		seen->suite = (uint16_t)(p[0] << 8 | p[1]);
		break;
	case HT_CLIENT_KEY_EXCHANGE:
		/* RFC 4492 5.7: opaque point <1..2^8-1>, uncompressed */
		seen->point_len = p[4];
		ASSERT_EQ(it->data.len, 4 + 1 + seen->point_len);
		ASSERT_LE(seen->point_len, sizeof(seen->point));
		memcpy(seen->point, p + 5, seen->point_len);
		EXPECT_EQ(seen->point[0], 4);
		seen->done = true;
		break;
	default:
		EXPECT_NE(p[0], HT_SERVER_KEY_EXCHANGE);
	}
}

/* ---- what comes of it -------------------------------------------------- */

/* RFC 4492 5.10: the x coordinate of the common point, zeros and all */
static size_t premaster(const struct ecdh_seen *seen, const char *cert,
			uint8_t *out, size_t size)
{
	FILE *file = fopen(pki_key(cert), "r");
	EVP_PKEY *key = NULL, *peer = EVP_PKEY_new();
	EVP_PKEY_CTX *ctx;

	ASSERT_TRUE(file && peer);
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	ASSERT_TRUE(key);
	ASSERT_EQ(EVP_PKEY_copy_parameters(peer, key), 1);
	ASSERT_EQ(EVP_PKEY_set1_encoded_public_key(peer, seen->point,
						   seen->point_len), 1);
	ctx = EVP_PKEY_CTX_new(key, NULL);
	ASSERT_EQ(EVP_PKEY_derive_init(ctx), 1);
	ASSERT_EQ(EVP_PKEY_derive_set_peer(ctx, peer), 1);
	ASSERT_EQ(EVP_PKEY_derive(ctx, out, &size), 1);
	ASSERT_EQ(size, (seen->point_len - 1) / 2);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	EVP_PKEY_free(peer);
	return size;
}

/* RFC 5246 5 */
static void tls_prf(const char *digest, struct slice secret, const char *label,
		    struct slice seed, uint8_t out[48])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						 (char *)digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET,
			(void *)secret.p, secret.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED,
			(void *)label, strlen(label)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED,
			(void *)seed.p, seed.len),
		OSSL_PARAM_construct_end(),
	};

	ASSERT_EQ(EVP_KDF_derive(ctx, out, 48, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

void ecdh_secret(const struct ecdh_seen *seen, const char *cert,
		 const char *digest, uint8_t out[48])
{
	const EVP_MD *md = EVP_get_digestbyname(digest);
	uint8_t secret[66], seed[EVP_MAX_MD_SIZE];
	unsigned int len;
	size_t n;

	ASSERT_TRUE(seen->done && md);
	n = premaster(seen, cert, secret, sizeof(secret));
	if (!seen->ems) {
		/* RFC 5246 8.1 */
		tls_prf(digest, (struct slice){ secret, n }, "master secret",
			(struct slice){ seen->random[0], 64 }, out);
		return;
	}
	/* RFC 7627 4 */
	ASSERT_EQ(EVP_Digest(seen->heard.buf, seen->heard.len, seed, &len, md,
			     NULL), 1);
	tls_prf(digest, (struct slice){ secret, n }, "extended master secret",
		(struct slice){ seed, len }, out);
}
