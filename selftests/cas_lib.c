// SPDX-License-Identifier: GPL-2.0-only
#include "cas_lib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "harness.h"

size_t cas_creds(const char *names, struct ktls_cred out[CREDS_MAX])
{
	char copy[128], *at = copy, *name;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", names);
	while ((name = strsep(&at, " "))) {
		ASSERT_LT(n, CREDS_MAX);
		out[n++] = pki_cred(name);
	}
	return n;
}

/* ---- one of the pki ---------------------------------------------------- */

static X509 *load(const char *cert, int nth)
{
	FILE *f = fopen(pki(cert), "r");
	X509 *x = NULL;

	ASSERT_TRUE(f);
	for (int i = 0; i <= nth; i++) {
		X509_free(x);
		x = PEM_read_X509(f, NULL, NULL, NULL);
		ASSERT_TRUE(x);
	}
	fclose(f);
	return x;
}

struct slice cas_name(const char *cert, int nth)
{
	static uint8_t buf[4][512];
	static unsigned int turn;
	uint8_t *p = buf[turn % 4], *end = p;
	X509 *x = load(cert, nth);
	int len = i2d_X509_NAME(X509_get_subject_name(x), NULL);

	turn++;
	ASSERT_LT(len, 512);
	ASSERT_EQ(i2d_X509_NAME(X509_get_subject_name(x), &end), len);
	X509_free(x);
	return (struct slice){ p, (size_t)len };
}

struct slice cas_hash(const char *cert, int nth, bool key)
{
	static uint8_t buf[4][SHA1_LEN];
	static unsigned int turn;
	uint8_t *out = buf[turn++ % 4], modulus[1024];
	X509 *x = load(cert, nth);
	BIGNUM *n = NULL;

	if (!key) {
		ASSERT_TRUE(X509_digest(x, EVP_sha1(), out, NULL));
	} else if (EVP_PKEY_is_a(X509_get0_pubkey(x), "RSA")) {
		ASSERT_TRUE(EVP_PKEY_get_bn_param(X509_get0_pubkey(x),
						  OSSL_PKEY_PARAM_RSA_N, &n));
		ASSERT_TRUE(EVP_Digest(modulus, (size_t)BN_bn2bin(n, modulus),
				       out, NULL, EVP_sha1(), NULL));
		BN_free(n);
	} else {
		const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);

		ASSERT_TRUE(EVP_Digest(bits->data, (size_t)bits->length, out,
				       NULL, EVP_sha1(), NULL));
	}
	X509_free(x);
	return (struct slice){ out, SHA1_LEN };
}

/* ---- made here --------------------------------------------------------- */

static void add_ca(BIO *bio, EVP_PKEY *key, const char *name, long serial)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	X509 *x = X509_new();
	X509_NAME *n = X509_get_subject_name(x);

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	ASSERT_TRUE(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC,
					       (const uint8_t *)name, -1, -1,
					       0));
	X509_set_issuer_name(x, n);
	X509_set_pubkey(x, key);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints,
				  "critical,CA:TRUE");
	ASSERT_TRUE(ext && X509_add_ext(x, ext, -1));
	X509_EXTENSION_free(ext);
	ASSERT_TRUE(X509_sign(x, key, EVP_sha256()));
	ASSERT_TRUE(PEM_write_bio_X509(bio, x));
	X509_free(x);
}

char *cas_pem(unsigned int n, size_t len, bool same)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	char name[65], *out, *text;
	long size;

	ASSERT_LT(len, sizeof(name));
	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%0*u", (int)len, same ? 1 : i);
		add_ca(bio, key, name, i + 1);
	}
	size = BIO_get_mem_data(bio, &text);
	out = strndup(text, (size_t)size);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return out;
}
