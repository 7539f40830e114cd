// SPDX-License-Identifier: MIT
#include "crypto.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "include/ktls.h"
#include "nonces.h"
#include "ossl.h"

bool secret_eq(const void *a, const void *b, size_t len)
{
	return !CRYPTO_memcmp(a, b, len);
}

/* ---- what is looked up once -------------------------------------------- */

/* A key without a key: later ones are made from it, without its name */
static EVP_PKEY *group_params(const struct group *group)
{
	AUTO(EVP_PKEY_CTX) ctx =
		EVP_PKEY_CTX_new_from_name(NULL, group->evp_type, NULL);
	EVP_PKEY *params = NULL;

	if (!ctx || EVP_PKEY_paramgen_init(ctx) <= 0 ||
	    (group->evp_group &&
	     EVP_PKEY_CTX_set_group_name(ctx, group->evp_group) <= 0) ||
	    EVP_PKEY_paramgen(ctx, &params) <= 0)
		return NULL;
	return params;
}

static bool sigscheme_known(const struct sigscheme *scheme)
{
	const char *name = scheme->kind == SIG_ECDSA ? "ECDSA" :
			   scheme->kind == SIG_EDDSA ? scheme->key_type : "RSA";
	EVP_SIGNATURE *sig = EVP_SIGNATURE_fetch(NULL, name, NULL);
	bool known = sig;

	EVP_SIGNATURE_free(sig);
	return known;
}

static int fetch_hashes(struct crypto *crypto)
{
	for (size_t i = 0; i < HASH_COUNT; i++) {
		struct secret *empty = &crypto->empty[i];

		crypto->md[i] = EVP_MD_fetch(NULL, hash_rows[i].evp, NULL);
		if (!crypto->md[i] ||
		    !EVP_Digest("", 0, empty->b, NULL, crypto->md[i], NULL))
			return -KTLS_E_CRYPTO;
		empty->len = hash_rows[i].len;
	}
	return 0;
}

int crypto_new(struct crypto **crypto)
{
	OSSL_SCOPE;
	struct crypto *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	/* who asks for FIPS gets it from a provider, or not at all */
	c->hash_direct = !EVP_default_properties_is_fips_enabled(NULL);
	err = fetch_hashes(c);
	if (err) {
		crypto_free(c);
		return err;
	}
	if (c->hash_direct)
		x25519_open(&c->x25519);
	c->nonces = nonces_new();
	c->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	for (size_t i = 0; i < AEAD_COUNT; i++)
		c->cipher[i] = EVP_CIPHER_fetch(NULL, aead_rows[i].evp, NULL);
	for (size_t i = 0; i < groups_len; i++)
		c->group[i] = group_params(&groups[i]);
	for (size_t i = 0; i < sigschemes_len; i++)
		c->sigscheme[i] = sigscheme_known(&sigschemes[i]);
	*crypto = c;
	return 0;
}

void crypto_free(struct crypto *crypto)
{
	if (!crypto)
		return;
	for (size_t i = 0; i < HASH_COUNT; i++)
		EVP_MD_free(crypto->md[i]);
	nonces_free(crypto->nonces);
	x25519_close(&crypto->x25519);
	EVP_MD_free(crypto->sha1);
	for (size_t i = 0; i < AEAD_COUNT; i++)
		EVP_CIPHER_free(crypto->cipher[i]);
	for (size_t i = 0; i < groups_len; i++)
		EVP_PKEY_free(crypto->group[i]);
	free(crypto);
}

bool crypto_has_aead(const struct crypto *crypto, enum aead_id id)
{
	return crypto->cipher[id];
}

bool crypto_has_group(const struct crypto *crypto, const struct group *group)
{
	return crypto->group[group - groups];
}

bool crypto_has_sigscheme(const struct crypto *crypto,
			  const struct sigscheme *scheme)
{
	return crypto->sigscheme[scheme - sigschemes];
}

int crypto_random(void *buf, size_t len)
{
	OSSL_SCOPE;

	return RAND_bytes_ex(NULL, buf, len, 0) > 0 ? 0 : -KTLS_E_CRYPTO;
}

int crypto_nonce(const struct crypto *crypto, void *buf, size_t len)
{
	return nonces_take(crypto->nonces, buf, len);
}

bool crypto_inherited(const struct crypto *crypto)
{
	return nonces_inherited(crypto->nonces);
}

/* ---- AEAD -------------------------------------------------------------- */

int aead_set(struct aead *a, const struct crypto *crypto, enum aead_id id,
	     const uint8_t *key, bool seal)
{
	OSSL_SCOPE;

	if (!a->ctx)
		a->ctx = EVP_CIPHER_CTX_new();
	if (!a->ctx)
		return -ENOMEM;
	a->id = id;
	if (!crypto->cipher[id])
		return -KTLS_E_CRYPTO;
	/* CCM wants to know the lengths ahead of the key; others know them */
	if (aead_rows[id].ccm &&
	    (!EVP_CipherInit_ex2(a->ctx, crypto->cipher[id], NULL, NULL, seal,
				 NULL) ||
	     EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_IVLEN, AEAD_IV_LEN,
				 NULL) <= 0 ||
	     EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN,
				 NULL) <= 0))
		return -KTLS_E_CRYPTO;
	return EVP_CipherInit_ex2(a->ctx, aead_rows[id].ccm ? NULL :
				  crypto->cipher[id], key, NULL, seal, NULL) ?
	       0 : -KTLS_E_CRYPTO;
}

/* All but the tag, in either direction */
static bool aead_run(struct aead *a, const uint8_t *nonce, struct slice aad,
		     const uint8_t *in, int len, uint8_t *out)
{
	bool ccm = aead_rows[a->id].ccm;
	static const uint8_t none[1];	/* NULL would mean another operation */
	int n;

	if (!EVP_CipherInit_ex2(a->ctx, NULL, NULL, nonce, -1, NULL) ||
	    (ccm && !EVP_CipherUpdate(a->ctx, NULL, &n, NULL, len)) ||
	    (aad.len &&
	     !EVP_CipherUpdate(a->ctx, NULL, &n, aad.p, (int)aad.len)))
		return false;
	/* CCM does all its work in this call, also when there is no text */
	if ((len || ccm) &&
	    !EVP_CipherUpdate(a->ctx, out, &n, len ? in : none, len))
		return false;
	/* ... and has checked the tag by then */
	return ccm || EVP_CipherFinal_ex(a->ctx, out + len, &n);
}

int aead_seal(struct aead *a, const uint8_t nonce[AEAD_IV_LEN],
	      struct slice aad, const uint8_t *in, size_t len, uint8_t *out)
{
	OSSL_SCOPE;

	if (len > INT_MAX - AEAD_TAG_LEN || aad.len > INT_MAX ||
	    !aead_run(a, nonce, aad, in, (int)len, out) ||
	    EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN,
				out + len) <= 0)
		return -KTLS_E_CRYPTO;
	return 0;
}

int aead_open(struct aead *a, const uint8_t nonce[AEAD_IV_LEN],
	      struct slice aad, const uint8_t *in, size_t len, uint8_t *out)
{
	OSSL_SCOPE;
	uint8_t tag[AEAD_TAG_LEN];

	if (len < AEAD_TAG_LEN)
		return -KTLS_E_RECORD_MAC;
	len -= AEAD_TAG_LEN;
	if (len > INT_MAX - AEAD_TAG_LEN || aad.len > INT_MAX)
		return -KTLS_E_CRYPTO;
	memcpy(tag, in + len, sizeof(tag));
	if (EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN,
				tag) <= 0)
		return -KTLS_E_CRYPTO;
	if (aead_run(a, nonce, aad, in, (int)len, out))
		return 0;
	/* What nobody vouches for, nobody shall see */
	if (len)
		wipe(out, len);
	return ossl_blame(-KTLS_E_RECORD_MAC);
}

void aead_free(struct aead *a)
{
	EVP_CIPHER_CTX_free(a->ctx);
	a->ctx = NULL;
}
