// SPDX-License-Identifier: MIT
#include "crypto.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "include/ktls.h"
#include "ossl.h"

void wipe(void *p, size_t len)
{
	if (p)
		OPENSSL_cleanse(p, len);
}

void wipe_free(void *p, size_t len)
{
	wipe(p, len);
	free(p);
}

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
	err = fetch_hashes(c);
	if (err) {
		crypto_free(c);
		return err;
	}
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

/* ---- hashes ------------------------------------------------------------ */

int hash_begin(struct hash *h, const struct crypto *crypto, enum hash_id id)
{
	OSSL_SCOPE;

	if (!h->ctx)
		h->ctx = EVP_MD_CTX_new();
	if (!h->ctx)
		return -ENOMEM;
	return EVP_DigestInit_ex2(h->ctx, crypto->md[id], NULL) ?
	       0 : -KTLS_E_CRYPTO;
}

int hash_add(struct hash *h, const void *p, size_t len)
{
	OSSL_SCOPE;

	return !len || EVP_DigestUpdate(h->ctx, p, len) ? 0 : -KTLS_E_CRYPTO;
}

int hash_peek(const struct hash *h, uint8_t *out)
{
	OSSL_SCOPE;
	AUTO(EVP_MD_CTX) copy = EVP_MD_CTX_new();

	if (!copy)
		return -ENOMEM;
	return EVP_MD_CTX_copy_ex(copy, h->ctx) &&
	       EVP_DigestFinal_ex(copy, out, NULL) ? 0 : -KTLS_E_CRYPTO;
}

int hash_copy(struct hash *to, const struct hash *from)
{
	OSSL_SCOPE;

	to->ctx = EVP_MD_CTX_new();
	if (!to->ctx)
		return -ENOMEM;
	return EVP_MD_CTX_copy_ex(to->ctx, from->ctx) ? 0 : -KTLS_E_CRYPTO;
}

void hash_free(struct hash *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

int sha1(const struct crypto *crypto, struct slice data, uint8_t out[20])
{
	OSSL_SCOPE;

	return crypto->sha1 && EVP_Digest(data.p, data.len, out, NULL,
					  crypto->sha1, NULL) ?
	       0 : -KTLS_E_CRYPTO;
}

const struct secret *hash_empty(const struct crypto *crypto, enum hash_id id)
{
	return &crypto->empty[id];
}

/* ---- HMAC and HKDF ----------------------------------------------------- */

#define BLOCK_MAX	128	/* SHA-384 */

/* Hash the key's block, masked with @pad, ahead of the data */
static bool hmac_begin(EVP_MD_CTX *ctx, const EVP_MD *md, const uint8_t *key,
		       uint8_t pad)
{
	size_t len = (size_t)EVP_MD_get_block_size(md);
	uint8_t block[BLOCK_MAX];
	bool ok;

	for (size_t i = 0; i < len; i++)
		block[i] = key[i] ^ pad;
	ok = EVP_DigestInit_ex2(ctx, md, NULL) &&
	     EVP_DigestUpdate(ctx, block, len);
	wipe(block, sizeof(block));
	return ok;
}

static bool hmac_run(EVP_MD_CTX *ctx, const EVP_MD *md, const uint8_t *key,
		     const struct slice *data, size_t n, uint8_t *out)
{
	size_t len = (size_t)EVP_MD_get_size(md);

	if (!hmac_begin(ctx, md, key, 0x36))
		return false;
	for (size_t i = 0; i < n; i++)
		if (data[i].len &&
		    !EVP_DigestUpdate(ctx, data[i].p, data[i].len))
			return false;
	return EVP_DigestFinal_ex(ctx, out, NULL) &&
	       hmac_begin(ctx, md, key, 0x5c) &&
	       EVP_DigestUpdate(ctx, out, len) &&
	       EVP_DigestFinal_ex(ctx, out, NULL);
}

/*
 * Spelled out on one hash context: EVP_MAC takes up to twice as long, to set
 * itself up for the most part, and a handshake makes some thirty of them.
 */
int hmac(const struct crypto *crypto, enum hash_id id, struct slice key,
	 const struct slice *data, size_t n, uint8_t *out)
{
	OSSL_SCOPE;
	const EVP_MD *md = crypto->md[id];
	AUTO(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
	uint8_t block[BLOCK_MAX] = { 0 };
	bool ok = true;

	if (!ctx)
		return -ENOMEM;
	if (key.len > (size_t)EVP_MD_get_block_size(md))
		ok = EVP_Digest(key.p, key.len, block, NULL, md, NULL);
	else if (key.len)
		memcpy(block, key.p, key.len);
	ok = ok && hmac_run(ctx, md, block, data, n, out);
	wipe(block, sizeof(block));
	return ok ? 0 : -KTLS_E_CRYPTO;
}

int hkdf_extract(const struct crypto *crypto, enum hash_id id,
		 struct slice salt, struct slice ikm, struct secret *out)
{
	uint8_t prk[HASH_MAX];		/* @salt or @ikm may be in @out */
	int err = hmac(crypto, id, salt, &ikm, 1, prk);

	if (!err) {
		out->len = hash_rows[id].len;
		memcpy(out->b, prk, out->len);
	}
	wipe(prk, sizeof(prk));
	return err;
}

int hkdf_expand(const struct crypto *crypto, enum hash_id id,
		const struct secret *prk, struct slice info,
		uint8_t *out, size_t len)
{
	const struct slice key = { prk->b, prk->len };
	size_t hash_len = hash_rows[id].len;
	uint8_t t[HASH_MAX], i = 0;
	int err = 0;

	if (len > 255 * hash_len)
		return -KTLS_E_CRYPTO;
	while (len && !err) {
		const struct slice data[] = {
			{ t, i ? hash_len : 0 }, info, { &i, 1 },
		};
		size_t n = len < hash_len ? len : hash_len;

		i++;
		err = hmac(crypto, id, key, data, 3, t);
		if (!err)
			memcpy(out, t, n);
		out += n;
		len -= n;
	}
	wipe(t, sizeof(t));
	return err;
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
	/* CCM wants to know the lengths ahead of the key */
	if (!crypto->cipher[id] ||
	    !EVP_CipherInit_ex2(a->ctx, crypto->cipher[id], NULL, NULL, seal,
				NULL) ||
	    EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_IVLEN, AEAD_IV_LEN,
				NULL) <= 0 ||
	    (aead_rows[id].ccm &&
	     EVP_CIPHER_CTX_ctrl(a->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN,
				 NULL) <= 0) ||
	    !EVP_CipherInit_ex2(a->ctx, NULL, key, NULL, -1, NULL))
		return -KTLS_E_CRYPTO;
	return 0;
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
	return -KTLS_E_RECORD_MAC;
}

void aead_free(struct aead *a)
{
	EVP_CIPHER_CTX_free(a->ctx);
	a->ctx = NULL;
}
