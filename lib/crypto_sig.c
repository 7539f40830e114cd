// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include "crypto.h"
#include "include/ktls.h"
#include "ossl.h"

static bool on_curve(EVP_PKEY *key, const char *curve)
{
	char name[64];

	return EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) > 0 &&
	       !strcasecmp(name, curve);
}

static bool param_is(EVP_PKEY *key, const char *param, const char *value)
{
	char name[64];

	return EVP_PKEY_get_utf8_string_param(key, param, name, sizeof(name),
					      NULL) > 0 &&
	       !strcasecmp(name, value);
}

static bool same_digest(const char *name, const char *digest)
{
	EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
	bool same = md && EVP_MD_is_a(md, digest);

	EVP_MD_free(md);
	return same;
}

/*
 * The parameters in an RSASSA-PSS key bind its signatures: hash, MGF1's hash,
 * and the least salt.  Absent, they bind nothing.
 */
static bool pss_permits(EVP_PKEY *key, const struct sigscheme *scheme)
{
	char digest[64];
	int salt_len;

	/* 2: the digest is not a default but the only one */
	if (EVP_PKEY_get_default_digest_name(key, digest, sizeof(digest)) != 2)
		return true;
	if (!same_digest(digest, scheme->digest) ||
	    !param_is(key, OSSL_PKEY_PARAM_MGF1_DIGEST, digest))
		return false;
	return !EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN,
				       &salt_len) ||
	       salt_len <= scheme->digest_len;
}

/* 8017 9.1.1: emLen >= hLen + sLen + 2, emBits being one less than the key's */
static bool pss_has_room(EVP_PKEY *key, const struct sigscheme *scheme)
{
	int em_len = (EVP_PKEY_get_bits(key) - 1 + 7) / 8;

	return em_len >= 2 * scheme->digest_len + 2;
}

/* 8017 9.2: DigestInfo, 19 bytes more than the digest, and 11 of padding */
static bool pkcs1_has_room(EVP_PKEY *key, const struct sigscheme *scheme)
{
	return EVP_PKEY_get_size(key) >= scheme->digest_len + 19 + 11;
}

bool sig_fits(const struct sigscheme *scheme, struct evp_pkey_st *key)
{
	OSSL_SCOPE;

	if (!EVP_PKEY_is_a(key, scheme->key_type))
		return false;
	switch (scheme->kind) {
	case SIG_ECDSA:
		return on_curve(key, scheme->curve);
	case SIG_RSA_PSS:
		return pss_has_room(key, scheme) && pss_permits(key, scheme);
	case SIG_RSA_PKCS1:
		return pkcs1_has_room(key, scheme);
	case SIG_EDDSA:
		return true;
	}
	return false;
}

bool sig_fits12(const struct sigscheme *scheme, struct evp_pkey_st *key)
{
	OSSL_SCOPE;

	return scheme->kind == SIG_ECDSA ?
	       EVP_PKEY_is_a(key, scheme->key_type) : sig_fits(scheme, key);
}

const struct group *key_group(struct evp_pkey_st *key)
{
	OSSL_SCOPE;

	for (size_t i = 0; i < sigschemes_len; i++)
		if (sigschemes[i].curve && EVP_PKEY_is_a(key, "EC") &&
		    on_curve(key, sigschemes[i].curve))
			return group_find(sigschemes[i].group);
	return NULL;
}

/* 9846 4.3.3: the salt as long as the digest, MGF1 with the same digest */
static bool set_padding(EVP_PKEY_CTX *ctx, const struct sigscheme *scheme)
{
	switch (scheme->kind) {
	case SIG_RSA_PSS:
		return EVP_PKEY_CTX_set_rsa_padding(
			       ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(
			       ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
	case SIG_RSA_PKCS1:
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	case SIG_ECDSA:
	case SIG_EDDSA:
		break;
	}
	return true;
}

static bool sign_begin(EVP_MD_CTX *ctx, const struct sigscheme *scheme,
		       EVP_PKEY *key)
{
	EVP_PKEY_CTX *pctx;

	return EVP_DigestSignInit_ex(ctx, &pctx, scheme->digest, NULL, NULL,
				     key, NULL) > 0 &&
	       set_padding(pctx, scheme);
}

/*
 * Of libcrypto's own providers alone: of others, of keys in hardware for
 * instance, some cannot copy what has begun, or break it by that.
 */
static bool copies(const EVP_PKEY *key)
{
	const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);
	const char *name = provider ? OSSL_PROVIDER_get0_name(provider) : "";

	return !strcmp(name, "default") || !strcmp(name, "fips");
}

EVP_MD_CTX *sig_ready(const struct sigscheme *scheme, EVP_PKEY *key)
{
	OSSL_SCOPE;
	EVP_MD_CTX *ctx = copies(key) ? EVP_MD_CTX_new() : NULL;

	if (ctx && sign_begin(ctx, scheme, key))
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

void sig_ready_free(EVP_MD_CTX *ready)
{
	EVP_MD_CTX_free(ready);
}

int sig_sign(const struct sigscheme *scheme, EVP_PKEY *key,
	     const EVP_MD_CTX *ready, struct slice msg, struct wr *w)
{
	OSSL_SCOPE;
	AUTO(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
	int size = EVP_PKEY_get_size(key);
	size_t len = size > 0 ? (size_t)size : 0;
	uint8_t *to = wr_reserve(w, len);

	if (!ctx || !to)
		return -ENOMEM;
	if (!(ready ? EVP_MD_CTX_copy_ex(ctx, ready) :
		      sign_begin(ctx, scheme, key)) ||
	    EVP_DigestSign(ctx, to, &len, msg.p, msg.len) <= 0)
		return -KTLS_E_CRYPTO;
	/* ECDSA without memory for the DER: success, and a length of -1 */
	if (len > (size_t)size)
		return -KTLS_E_CRYPTO;
	w->len += len;
	return 0;
}

int sig_verify(const struct crypto *crypto, const struct sigscheme *scheme,
	       struct evp_pkey_st *key, struct slice msg, struct slice sig)
{
	OSSL_SCOPE;
	AUTO(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;

	(void)crypto;
	if (!ctx)
		return -ENOMEM;
	if (EVP_DigestVerifyInit_ex(ctx, &pctx, scheme->digest, NULL, NULL,
				    key, NULL) <= 0 ||
	    !set_padding(pctx, scheme))
		return -KTLS_E_CRYPTO;
	return EVP_DigestVerify(ctx, sig.p, sig.len, msg.p, msg.len) > 0 ?
	       0 : ossl_blame(-KTLS_E_SIGNATURE);
}
