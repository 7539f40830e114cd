// SPDX-License-Identifier: GPL-2.0-only
#include "ocsp_lib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "harness.h"
#include "peer.h"

static X509 *read_cert(const char *name)
{
	BIO *bio = BIO_new_file(pki(name), "r");
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	ASSERT_TRUE(x);
	return x;
}

static EVP_PKEY *read_key(const char *name)
{
	BIO *bio = BIO_new_file(pki_key(name), "r");
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	ASSERT_TRUE(key);
	return key;
}

static void add_status(OCSP_BASICRESP *basic, const struct ocsp *o,
		       X509 *cert, X509 *issuer)
{
	static const int says[] = { V_OCSP_CERTSTATUS_GOOD,
				    V_OCSP_CERTSTATUS_REVOKED,
				    V_OCSP_CERTSTATUS_UNKNOWN };
	time_t now = time(NULL);
	ASN1_TIME *from = ASN1_GENERALIZEDTIME_adj(NULL, now, 0, o->from ?
						   o->from : -3600);
	ASN1_TIME *until = ASN1_GENERALIZEDTIME_adj(NULL, now, 0, o->until ?
						    o->until : 3600);
	OCSP_CERTID *id = OCSP_cert_to_id(o->sha256 ? EVP_sha256() :
					  EVP_sha1(), cert, issuer);

	ASSERT_TRUE(OCSP_basic_add1_status(basic, id, says[o->says],
					   OCSP_REVOKED_STATUS_KEYCOMPROMISE,
					   from, from,
					   o->no_until ? NULL : until));
	OCSP_CERTID_free(id);
	ASN1_GENERALIZEDTIME_free(from);
	ASN1_GENERALIZEDTIME_free(until);
}

static void sign(OCSP_BASICRESP *basic, const struct ocsp *o,
		 const char *name)
{
	X509 *signer = read_cert(name);
	EVP_PKEY *key = read_key(name);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	ASSERT_TRUE(EVP_DigestSignInit(ctx, &pctx, o->sha1_signed ?
				       EVP_sha1() : EVP_sha256(), NULL, key));
	if (o->pss)
		ASSERT_GT(EVP_PKEY_CTX_set_rsa_padding(pctx,
						       RSA_PKCS1_PSS_PADDING),
			  0);
	ASSERT_TRUE(OCSP_basic_sign_ctx(basic, signer, ctx, NULL, 0));
	EVP_MD_CTX_free(ctx);
	X509_free(signer);
	EVP_PKEY_free(key);
}

size_t ocsp_make(const struct ocsp *o, void *buf, size_t size)
{
	const char *issuer = o->issuer ? o->issuer : "ca";
	X509 *cert = read_cert(o->cert ? o->cert : "p256");
	X509 *by = read_cert(issuer);
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_RESPONSE *r;
	uint8_t *der = NULL;
	int len;

	add_status(basic, o, cert, by);
	sign(basic, o, o->signer ? o->signer : issuer);
	r = OCSP_response_create(o->failed, o->failed ? NULL : basic);
	len = i2d_OCSP_RESPONSE(r, &der);
	ASSERT_GT(len, 0);
	ASSERT_LE((size_t)len, size);
	memcpy(buf, der, (size_t)len);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(r);
	OCSP_BASICRESP_free(basic);
	X509_free(cert);
	X509_free(by);
	return (size_t)len;
}

const char *ocsp_make_file(const struct ocsp *o)
{
	static char path[] = "/tmp/ktls-ocsp-XXXXXX";
	uint8_t der[4096];
	size_t len = ocsp_make(o, der, sizeof(der));
	int fd = mkstemp(strcpy(path, "/tmp/ktls-ocsp-XXXXXX"));

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, der, len), (ssize_t)len);
	close(fd);
	return path;
}

static uint8_t present[4096];
static size_t present_len;

void ocsp_set(const struct ocsp *o)
{
	present_len = ocsp_make(o, present, sizeof(present));
}

ssize_t ocsp_hook(void *arg, size_t cred, void *buf, size_t size)
{
	(void)arg;
	(void)cred;
	ASSERT_LE(present_len, size);
	memcpy(buf, present, present_len);
	return (ssize_t)present_len;
}
