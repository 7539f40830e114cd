// SPDX-License-Identifier: MIT
#include <errno.h>

#include <openssl/core_names.h>
#include <openssl/dh.h>

#include "crypto.h"
#include "include/ktls.h"
#include "ossl.h"

#define ECX_SECRET_MAX	56	/* x448 */

static EVP_PKEY *group_params(const struct crypto *crypto,
			      const struct group *group)
{
	return crypto->group[group - groups];
}

static EVP_PKEY *generate(const struct crypto *crypto,
			  const struct group *group)
{
	AUTO(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_pkey(
		NULL, group_params(crypto, group), NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0 ||
	    EVP_PKEY_keygen(ctx, &key) <= 0)
		return NULL;
	return key;
}

/* Append the public half of @key, which is @len bytes */
static int put_share(EVP_PKEY *key, size_t len, struct wr *w)
{
	uint8_t *to = wr_reserve(w, len);
	size_t n = 0;

	if (!to)
		return -ENOMEM;
	if (!EVP_PKEY_get_octet_string_param(
		    key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, to, len, &n) ||
	    n != len)
		return -KTLS_E_CRYPTO;
	w->len += len;
	return 0;
}

/* 9846 4.3.8.1, 4.3.8.2: one length and one form for each group */
static bool share_has_form(const struct group *group, struct slice share,
			   size_t len)
{
	return share.len == len && (!group->point || share.p[0] == 4);
}

/*
 * The peer's public key.  What the RFC demands of it is checked here by
 * libcrypto: a point is on the curve, a finite field's Y is in 1 < Y < p-1,
 * ML-KEM's coefficients are reduced (FIPS 203 7.2).
 */
static int parse_share(const struct crypto *crypto, const struct group *group,
		       struct slice share, EVP_PKEY **key)
{
	*key = EVP_PKEY_new();
	if (!*key)
		return -ENOMEM;
	if (EVP_PKEY_copy_parameters(*key, group_params(crypto, group)) <= 0)
		return -KTLS_E_CRYPTO;
	return EVP_PKEY_set1_encoded_public_key(*key, share.p, share.len) > 0 ?
	       0 : ossl_blame(-KTLS_E_KEY_SHARE);
}

static bool all_zero(const uint8_t *p, size_t len)
{
	static const uint8_t zeros[ECX_SECRET_MAX];

	return len <= sizeof(zeros) && secret_eq(p, zeros, len);
}

/*
 * The peer's key is not validated once more, as libcrypto would by default: it
 * has been on parsing, and the rest, a multiplication by the group's order,
 * finds nothing where the order is a prime (EC) or the prime is a safe one.
 */
static int derive(const struct group *group, EVP_PKEY *own, EVP_PKEY *peer,
		  struct kex_secret *out)
{
	AUTO(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	bool ffdhe = group->kind == KEX_FFDHE;

	out->len = sizeof(out->b);
	if (!ctx || EVP_PKEY_derive_init(ctx) <= 0 ||
	    (ffdhe && EVP_PKEY_CTX_set_dh_pad(ctx, 1) <= 0))
		return -KTLS_E_CRYPTO;
	if (EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) <= 0 ||
	    EVP_PKEY_derive(ctx, out->b, &out->len) <= 0)
		return ossl_blame(-KTLS_E_KEY_SHARE);
	/* 9846 7.4.1: as long as the prime */
	if (ffdhe && out->len != group->client_len)
		return -KTLS_E_CRYPTO;
	/* 9846 7.4.2: MUST check, whether or not libcrypto did */
	if (group->kind == KEX_ECX && all_zero(out->b, out->len))
		return -KTLS_E_KEY_SHARE;
	return 0;
}

/* ---- X25519 by another library ------------------------------------------ */

#define GROUP_X25519	0x001d

static bool is_fast(const struct crypto *crypto, const struct group *group)
{
	return crypto->x25519.lib && group->id == GROUP_X25519;
}

static int fast_key(const struct crypto *crypto, uint8_t *secret, struct wr *w)
{
	uint8_t *to = wr_reserve(w, X25519_LEN);
	int err = to ? x25519_key(&crypto->x25519, secret, to) : -ENOMEM;

	w->len += err ? 0 : X25519_LEN;
	return err;
}

static int fast_agree(const struct crypto *crypto, const uint8_t *secret,
		      struct slice share, struct kex_secret *out)
{
	x25519_agree(&crypto->x25519, secret, share.p, out->b);
	out->len = X25519_LEN;
	return all_zero(out->b, out->len) ? -KTLS_E_KEY_SHARE : 0;
}

static int fast_exchange(const struct crypto *crypto, struct slice share,
			 struct wr *w, struct kex_secret *out)
{
	uint8_t secret[X25519_LEN], own[X25519_LEN];
	int err = x25519_key(&crypto->x25519, secret, own);

	if (!err)
		err = fast_agree(crypto, secret, share, out);
	wipe(secret, sizeof(secret));
	if (!err)
		wr_bytes(w, own, sizeof(own));
	return err || wr_ok(w) ? err : -ENOMEM;
}

/* ---- both halves -------------------------------------------------------- */

static int agree(const struct crypto *crypto, const struct group *group,
		 EVP_PKEY *own, struct slice share, struct kex_secret *out)
{
	AUTO(EVP_PKEY) peer = NULL;
	int err = parse_share(crypto, group, share, &peer);

	return err ? err : derive(group, own, peer, out);
}

static int decapsulate(EVP_PKEY *own, struct slice share,
		       struct kex_secret *out)
{
	AUTO(EVP_PKEY_CTX) ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);

	out->len = sizeof(out->b);
	if (!ctx || EVP_PKEY_decapsulate_init(ctx, NULL) <= 0)
		return -KTLS_E_CRYPTO;
	return EVP_PKEY_decapsulate(ctx, out->b, &out->len, share.p,
				    share.len) > 0 ?
	       0 : ossl_blame(-KTLS_E_KEY_SHARE);
}

static int encapsulate(const struct crypto *crypto, const struct group *group,
		       struct slice share, struct wr *w,
		       struct kex_secret *out)
{
	AUTO(EVP_PKEY) peer = NULL;
	AUTO(EVP_PKEY_CTX) ctx = NULL;
	uint8_t *to = wr_reserve(w, group->server_len);
	size_t n = group->server_len;
	int err;

	if (!to)
		return -ENOMEM;
	err = parse_share(crypto, group, share, &peer);
	if (err)
		return err;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
	out->len = sizeof(out->b);
	if (!ctx || EVP_PKEY_encapsulate_init(ctx, NULL) <= 0)
		return -KTLS_E_CRYPTO;
	/* Its classical half may turn out to be bad only now */
	if (EVP_PKEY_encapsulate(ctx, to, &n, out->b, &out->len) <= 0)
		return ossl_blame(-KTLS_E_KEY_SHARE);
	if (n != group->server_len)
		return -KTLS_E_CRYPTO;
	w->len += n;
	return 0;
}

static int exchange(const struct crypto *crypto, const struct group *group,
		    struct slice share, struct wr *w, struct kex_secret *out)
{
	AUTO(EVP_PKEY) own = NULL;
	int err;

	if (is_fast(crypto, group))
		return fast_exchange(crypto, share, w, out);
	own = generate(crypto, group);
	if (!own)
		return -KTLS_E_CRYPTO;
	err = agree(crypto, group, own, share, out);
	return err ? err : put_share(own, group->server_len, w);
}

int group_prime(const struct crypto *crypto, const struct group *group,
		struct wr *w)
{
	OSSL_SCOPE;
	EVP_PKEY *params = group_params(crypto, group);
	size_t len = group->client_len;
	uint8_t *to = wr_reserve(w, len);
	BIGNUM *p = NULL;
	int err = -KTLS_E_CRYPTO;

	if (!to)
		return -ENOMEM;
	if (params && EVP_PKEY_get_bn_param(params, OSSL_PKEY_PARAM_FFC_P,
					    &p) &&
	    BN_bn2binpad(p, to, (int)len) == (int)len) {
		w->len += len;
		err = 0;
	}
	BN_free(p);
	return err;
}

int kex_begin(struct kex *k, const struct crypto *crypto,
	      const struct group *group, struct wr *w)
{
	OSSL_SCOPE;
	int err;

	kex_free(k);
	k->group = group;
	if (is_fast(crypto, group)) {
		err = fast_key(crypto, k->secret, w);
	} else {
		k->key = generate(crypto, group);
		err = k->key ? put_share(k->key, group->client_len, w) :
			       -KTLS_E_CRYPTO;
	}
	if (err)
		kex_free(k);
	return err;
}

int kex_finish(struct kex *k, const struct crypto *crypto, struct slice peer,
	       struct kex_secret *out)
{
	OSSL_SCOPE;
	int err;

	if (!share_has_form(k->group, peer, k->group->server_len))
		return -KTLS_E_KEY_SHARE;
	if (!k->key)
		err = fast_agree(crypto, k->secret, peer, out);
	else if (k->group->kind == KEX_KEM)
		err = decapsulate(k->key, peer, out);
	else
		err = agree(crypto, k->group, k->key, peer, out);
	if (err)
		wipe(out, sizeof(*out));
	return err;
}

int kex_respond(const struct crypto *crypto, const struct group *group,
		struct slice peer, struct wr *w, struct kex_secret *out)
{
	OSSL_SCOPE;
	int err;

	if (!share_has_form(group, peer, group->client_len))
		return -KTLS_E_KEY_SHARE;
	err = group->kind == KEX_KEM ?
	      encapsulate(crypto, group, peer, w, out) :
	      exchange(crypto, group, peer, w, out);
	if (err)
		wipe(out, sizeof(*out));
	return err;
}

int kex_static(struct kex *k, const struct group *group,
	       struct evp_pkey_st *key)
{
	kex_free(k);
	if (!EVP_PKEY_up_ref(key))
		return -KTLS_E_CRYPTO;
	k->group = group;
	k->key = key;
	return 0;
}

void kex_free(struct kex *k)
{
	EVP_PKEY_free(k->key);
	wipe(k, sizeof(*k));
}
