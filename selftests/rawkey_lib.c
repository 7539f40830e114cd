// SPDX-License-Identifier: GPL-2.0-only
#include "rawkey_lib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "harness.h"

struct ktls_cred raw_cred(const char *name)
{
	return (struct ktls_cred){ .key_file = pki_key(name) };
}

EVP_PKEY *raw_key(const char *name)
{
	FILE *f = fopen(pki_key(name), "r");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	ASSERT_TRUE(key);
	fclose(f);
	return key;
}

char *raw_pem(const char *name)
{
	EVP_PKEY *key = raw_key(name);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *copy;
	long len;

	ASSERT_EQ(PEM_write_bio_PUBKEY(bio, key), 1);
	len = BIO_get_mem_data(bio, &text);
	copy = strndup(text, (size_t)len);
	ASSERT_TRUE(copy);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return copy;
}

uint8_t *raw_der(const char *name, size_t *len)
{
	EVP_PKEY *key = raw_key(name);
	uint8_t *der = NULL, *copy;
	int n = i2d_PUBKEY(key, &der);

	ASSERT_GT(n, 0);
	*len = (size_t)n;
	copy = malloc(*len);
	ASSERT_TRUE(copy);
	memcpy(copy, der, *len);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return copy;
}

char *raw_hash(const char *name)
{
	size_t len;
	uint8_t *der = raw_der(name, &len), digest[32];
	char *hex = malloc(65);

	ASSERT_TRUE(hex);
	ASSERT_EQ(EVP_Digest(der, len, digest, NULL, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	free(der);
	return hex;
}
