// SPDX-License-Identifier: MIT
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hs.h"

static EVP_PKEY *make_key(const char *kind)
{
	if (!strcmp(kind, "rsa2048"))
		return EVP_RSA_gen(2048);
	if (!strcmp(kind, "ed25519"))
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_EC_gen("P-256");
}

static char *text(BIO *b)
{
	char *p, *copy;
	long len = BIO_get_mem_data(b, &p);

	copy = strndup(p, (size_t)len);
	BIO_free(b);
	return copy;
}

static char *pem_cert(X509 *x)
{
	BIO *b = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(b, x);
	return text(b);
}

static char *pem_key(EVP_PKEY *key)
{
	BIO *b = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL);
	return text(b);
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static X509 *make_cert(const char *name, EVP_PKEY *key, X509 *issuer,
		       EVP_PKEY *issuer_key, long serial)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 365 * 86400l);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
				   (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) :
					 subject);
	if (issuer) {
		extend(x, issuer, NID_key_usage, "critical,digitalSignature");
		extend(x, issuer, NID_subject_alt_name, "DNS:localhost");
	} else {
		extend(x, x, NID_basic_constraints, "critical,CA:TRUE");
		extend(x, x, NID_key_usage, "critical,keyCertSign");
	}
	X509_sign(x, issuer_key, EVP_sha256());
	return x;
}

int hs_pki_new(struct hs_pki *pki, const char *kind)
{
	EVP_PKEY *root = make_key("p256"), *key = make_key(kind);
	EVP_PKEY *client = make_key("p256");
	X509 *ca = make_cert("root", root, NULL, root, 1);
	X509 *cert = make_cert("localhost", key, ca, root, 2);
	X509 *other = make_cert("client", client, ca, root, 3);

	*pki = (struct hs_pki){
		.ca = pem_cert(ca),
		.cert = pem_cert(cert),
		.key = pem_key(key),
		.client_cert = pem_cert(other),
		.client_key = pem_key(client),
	};
	X509_free(ca);
	X509_free(cert);
	X509_free(other);
	EVP_PKEY_free(root);
	EVP_PKEY_free(key);
	EVP_PKEY_free(client);
	if (pki->key && *pki->key)
		return 0;
	fprintf(stderr, "no certificate for %s\n", kind);
	return -1;
}

void hs_pki_free(struct hs_pki *pki)
{
	free(pki->ca);
	free(pki->cert);
	free(pki->key);
	free(pki->client_cert);
	free(pki->client_key);
}
