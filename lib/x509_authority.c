// SPDX-License-Identifier: MIT
/*
 * Authorities by the names and hashes that TLS has for them: those that are
 * trusted, as they are sent, and which of our chains a peer's lists mean.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/x509v3.h>

#include "ext.h"
#include "x509_pem.h"

/* ---- a certificate of ours --------------------------------------------- */

/* RFC 6066 6: of RSA the modulus, of others the subjectPublicKey */
static bool key_sha1(const X509 *x, uint8_t out[SHA1_LEN])
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	BIGNUM *n = NULL;
	uint8_t *bytes;
	bool ok = false;

	if (!key || !EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n))
		return X509_pubkey_digest(x, EVP_sha1(), out, NULL);
	bytes = malloc((size_t)BN_num_bytes(n) + 1);
	if (bytes)
		ok = EVP_Digest(bytes, (size_t)BN_bn2bin(n, bytes), out, NULL,
				EVP_sha1(), NULL);
	free(bytes);
	BN_free(n);
	return ok;
}

int cert_identify(struct cert *c, const X509 *x)
{
	OSSL_SCOPE;
	int len = i2d_X509_NAME(X509_get_issuer_name(x), &c->issuer);

	if (len <= 0)
		return -ENOMEM;
	c->issuer_len = (size_t)len;
	return X509_digest(x, EVP_sha1(), c->sha1, NULL) &&
	       key_sha1(x, c->key_sha1) ? 0 : -KTLS_E_CRYPTO;
}

/* ---- is it meant? ------------------------------------------------------ */

/* Of a peer's list, as it is gone through for each of our chains */
#define AUTHORITIES_TRIED	1024

/* RFC 5280 4.1.2.6: a CA's name is encoded as in what it issues */
static bool issued_by(const struct cred *cred, struct slice name)
{
	for (size_t i = 0; i < cred->chain_len; i++) {
		const struct cert *c = &cred->chain[i];

		if (slice_eq((struct slice){ c->issuer, c->issuer_len }, name))
			return true;
	}
	return false;
}

bool cred_issued_by(const struct cred *cred, struct slice names)
{
	bool bad = false, found = false;
	struct rd r = rd_init(names.p, names.len, &bad);

	for (int i = 0; i < AUTHORITIES_TRIED && rd_more(&r) && !found; i++)
		found = issued_by(cred, rd_opaque(&r, 2));
	return found && !bad;
}

static bool has_hash(const struct cred *cred, bool key, struct slice hash)
{
	for (size_t i = 0; i < cred->chain_len && hash.len == SHA1_LEN; i++) {
		const struct cert *c = &cred->chain[i];

		if (!memcmp(key ? c->key_sha1 : c->sha1, hash.p, SHA1_LEN))
			return true;
	}
	return false;
}

bool cred_trusted_by(const struct cred *cred, struct slice authorities)
{
	bool bad = false, found = false;
	struct rd r = rd_init(authorities.p, authorities.len, &bad);

	for (int i = 0; i < AUTHORITIES_TRIED && rd_more(&r) && !found; i++) {
		uint8_t type = rd_u8(&r);

		/* nothing has been agreed with anybody before */
		if (type == CA_NAME)
			found = issued_by(cred, rd_opaque(&r, 2));
		else if (type != CA_PRE_AGREED)
			found = has_hash(cred, type == CA_KEY_SHA1,
					 rd_take(&r, SHA1_LEN));
	}
	return found && !bad;
}

/* ---- who is trusted ---------------------------------------------------- */

static bool have_name(const struct wr *w, struct slice name)
{
	bool bad = false;
	struct rd r = rd_init(w->buf, w->len, &bad);

	while (rd_more(&r))
		if (slice_eq(rd_opaque(&r, 2), name))
			return true;
	return false;
}

/* Of an end entity's certificate: who issued it, to be asked for by name */
static int add_name(struct wr *w, X509 *x)
{
	uint8_t *der = NULL;
	int len = i2d_X509_NAME(X509_check_ca(x) ? X509_get_subject_name(x) :
				X509_get_issuer_name(x), &der);
	struct slice name = { der, len > 0 ? (size_t)len : 0 };

	if (len > 0 && !have_name(w, name))
		wr_opaque(w, 2, name);
	OPENSSL_free(der);
	return len > 0 ? 0 : -ENOMEM;
}

/* An end entity's certificate vouches for itself alone, hence by its hash */
static int add_authority(struct wr *w, X509 *x)
{
	uint8_t sha1[SHA1_LEN], *der = NULL;
	int len;

	if (!X509_check_ca(x)) {
		if (!X509_digest(x, EVP_sha1(), sha1, NULL))
			return -KTLS_E_CRYPTO;
		wr_u8(w, CA_CERT_SHA1);
		wr_bytes(w, sha1, sizeof(sha1));
		return 0;
	}
	len = i2d_X509_NAME(X509_get_subject_name(x), &der);
	if (len <= 0)
		return -ENOMEM;
	wr_u8(w, CA_NAME);
	wr_opaque(w, 2, (struct slice){ der, (size_t)len });
	OPENSSL_free(der);
	return 0;
}

static int for_each(const struct trust *trust, struct wr *w, size_t max,
		    int (*add)(struct wr *w, X509 *x))
{
	OSSL_SCOPE;
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(trust->store);

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
		int err = x ? add(w, x) : 0;

		if (err)
			return err;
		if (w->len > max)
			return -KTLS_E_OPTION;
	}
	return wr_ok(w) ? 0 : -ENOMEM;
}

int trust_names(const struct trust *trust, struct wr *w, size_t max)
{
	return for_each(trust, w, max, add_name);
}

int trust_authorities(const struct trust *trust, struct wr *w, size_t max)
{
	return for_each(trust, w, max, add_authority);
}
