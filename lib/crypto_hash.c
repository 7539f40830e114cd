// SPDX-License-Identifier: MIT
/*
 * Hashes, and what is made of them.  libcrypto's own functions for SHA-2, not
 * those of a provider: they do the same without an allocation, a copy is an
 * assignment, and of what a handshake resumed costs they save a third.  Where
 * FIPS is asked for, the provider's.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <string.h>

#include <openssl/sha.h>

#include "include/ktls.h"
#include "ossl.h"

union state {
	SHA256_CTX sha256;
	SHA512_CTX sha384;
};

_Static_assert(sizeof(union state) <= sizeof(((struct hash *)0)->state),
	       "a hash has room for its state");

static union state *state_of(struct hash *h)
{
	return (union state *)(void *)h->state;
}

/*
 * ---- the two ways -------------------------------------------------------
 *
 * A provider may put errors in libcrypto's queue, its own functions do not:
 * where these are used, nobody looks after it.
 */

static bool evp_begin(struct hash *h, const EVP_MD *md)
{
	OSSL_SCOPE;

	if (!h->ctx)
		h->ctx = EVP_MD_CTX_new();
	return h->ctx && EVP_DigestInit_ex2(h->ctx, md, NULL);
}

static bool evp_add(struct hash *h, const void *p, size_t len)
{
	OSSL_SCOPE;

	return EVP_DigestUpdate(h->ctx, p, len);
}

static bool evp_finish(struct hash *h, uint8_t *out)
{
	OSSL_SCOPE;

	return EVP_DigestFinal_ex(h->ctx, out, NULL);
}

static bool evp_copy(struct hash *to, const struct hash *from)
{
	OSSL_SCOPE;

	to->ctx = EVP_MD_CTX_new();
	return to->ctx && EVP_MD_CTX_copy_ex(to->ctx, from->ctx);
}

static bool begin(struct hash *h, const struct crypto *crypto, enum hash_id id)
{
	h->id = id;
	h->direct = crypto->hash_direct;
	if (h->direct)
		return id == HASH_SHA256 ? SHA256_Init(&state_of(h)->sha256) :
					   SHA384_Init(&state_of(h)->sha384);
	return evp_begin(h, crypto->md[id]);
}

static bool add(struct hash *h, const void *p, size_t len)
{
	if (!len)
		return true;
	if (!h->direct)
		return evp_add(h, p, len);
	return h->id == HASH_SHA256 ?
	       SHA256_Update(&state_of(h)->sha256, p, len) :
	       SHA384_Update(&state_of(h)->sha384, p, len);
}

static bool finish(struct hash *h, uint8_t *out)
{
	if (!h->direct)
		return evp_finish(h, out);
	return h->id == HASH_SHA256 ?
	       SHA256_Final(out, &state_of(h)->sha256) :
	       SHA384_Final(out, &state_of(h)->sha384);
}

/* ---- hashes ------------------------------------------------------------ */

int hash_begin(struct hash *h, const struct crypto *crypto, enum hash_id id)
{
	return begin(h, crypto, id) ? 0 : -KTLS_E_CRYPTO;
}

int hash_add(struct hash *h, const void *p, size_t len)
{
	return add(h, p, len) ? 0 : -KTLS_E_CRYPTO;
}

int hash_copy(struct hash *to, const struct hash *from)
{
	*to = *from;
	return from->direct || evp_copy(to, from) ? 0 : -KTLS_E_CRYPTO;
}

int hash_peek(const struct hash *h, uint8_t *out)
{
	struct hash copy;
	int err = hash_copy(&copy, h);

	if (!err && !finish(&copy, out))
		err = -KTLS_E_CRYPTO;
	hash_free(&copy);
	return err;
}

void hash_free(struct hash *h)
{
	if (h->ctx)
		EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

int hash_of(const struct crypto *crypto, enum hash_id id, struct slice bytes,
	    uint8_t *out)
{
	struct hash h = { 0 };
	int err = hash_begin(&h, crypto, id);

	if (!err)
		err = hash_add(&h, bytes.p, bytes.len);
	if (!err)
		err = hash_peek(&h, out);
	hash_free(&h);
	return err;
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

static size_t block_size(enum hash_id id)
{
	return id == HASH_SHA256 ? SHA256_CBLOCK : SHA512_CBLOCK;
}

/* Hash the key's block, masked with @pad, ahead of the data */
static bool hmac_begin(struct hash *h, const struct crypto *crypto,
		       enum hash_id id, const uint8_t *key, uint8_t pad)
{
	size_t len = block_size(id);
	uint8_t block[BLOCK_MAX];
	bool ok;

	for (size_t i = 0; i < len; i++)
		block[i] = key[i] ^ pad;
	ok = begin(h, crypto, id) && add(h, block, len);
	wipe(block, sizeof(block));
	return ok;
}

/* Hash @data, and that under the other half of the key */
static bool hmac_run(struct hash *inner, struct hash *outer,
		     const struct slice *data, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
		if (!add(inner, data[i].p, data[i].len))
			return false;
	return finish(inner, out) &&
	       add(outer, out, hash_rows[inner->id].len) && finish(outer, out);
}

static void hash_wipe(struct hash *h)
{
	wipe(h->state, sizeof(h->state));
	hash_free(h);
}

static bool hash_key(const struct crypto *crypto, enum hash_id id,
		     struct slice key, uint8_t *out)
{
	struct hash h = { 0 };
	bool ok = begin(&h, crypto, id) && add(&h, key.p, key.len) &&
		  finish(&h, out);

	hash_wipe(&h);
	return ok;
}

/* Spelled out: EVP_MAC takes up to twice as long, to set itself up */
int hmac_key_set(struct hmac_key *k, const struct crypto *crypto,
		 enum hash_id id, struct slice key)
{
	uint8_t block[BLOCK_MAX] = { 0 };
	bool ok = true;

	k->inner.ctx = k->outer.ctx = NULL;
	if (key.len > block_size(id))
		ok = hash_key(crypto, id, key, block);
	else if (key.len)
		memcpy(block, key.p, key.len);
	ok = ok && hmac_begin(&k->inner, crypto, id, block, 0x36) &&
	     hmac_begin(&k->outer, crypto, id, block, 0x5c);
	wipe(block, sizeof(block));
	return ok ? 0 : -KTLS_E_CRYPTO;
}

void hmac_key_wipe(struct hmac_key *k)
{
	hash_wipe(&k->inner);
	hash_wipe(&k->outer);
}

int hmac_with(const struct hmac_key *k, const struct slice *data, size_t n,
	      uint8_t *out)
{
	struct hmac_key copy = { .outer.ctx = NULL };
	int err = hash_copy(&copy.inner, &k->inner);

	if (!err)
		err = hash_copy(&copy.outer, &k->outer);
	if (!err && !hmac_run(&copy.inner, &copy.outer, data, n, out))
		err = -KTLS_E_CRYPTO;
	hmac_key_wipe(&copy);
	return err;
}

int hmac(const struct crypto *crypto, enum hash_id id, struct slice key,
	 const struct slice *data, size_t n, uint8_t *out)
{
	struct hmac_key k;
	int err = hmac_key_set(&k, crypto, id, key);

	if (!err && !hmac_run(&k.inner, &k.outer, data, n, out))
		err = -KTLS_E_CRYPTO;
	hmac_key_wipe(&k);
	return err;
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
