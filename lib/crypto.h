/* SPDX-License-Identifier: MIT */
/*
 * libcrypto, in the terms of TLS.  crypto*.c and x509*.c are the only ones that
 * see <openssl/...>; every function leaves libcrypto's error queue as it found
 * it.  Functions return 0 or -KTLS_E_* / -ENOMEM.
 */
#ifndef KTLS_CRYPTO_H
#define KTLS_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secret.h"
#include "suite.h"
#include "wire.h"

/* libcrypto's, opaque here */
struct evp_pkey_st;
struct evp_md_ctx_st;
struct evp_mac_ctx_st;
struct evp_cipher_ctx_st;

/* Constant time in the content */
bool secret_eq(const void *a, const void *b, size_t len);

/*
 * Everything that libcrypto looks up by name, looked up once; immutable, a
 * part of the config.  What this libcrypto lacks is NULL/false.
 */
struct crypto;
int crypto_new(struct crypto **crypto);
void crypto_free(struct crypto *crypto);
bool crypto_has_aead(const struct crypto *crypto, enum aead_id id);
bool crypto_has_group(const struct crypto *crypto, const struct group *group);
bool crypto_has_sigscheme(const struct crypto *crypto,
			  const struct sigscheme *scheme);

int crypto_random(void *buf, size_t len);
/* The same, cheaper, for what is sent and used for no key (nonces.h) */
int crypto_nonce(const struct crypto *crypto, void *buf, size_t len);
/* Made before fork(2), by a parent of this process; or nobody can know */
bool crypto_inherited(const struct crypto *crypto);

/* ---- hashes ------------------------------------------------------------ */

/* A running hash; all 0: not begun */
struct hash {
	struct evp_md_ctx_st *ctx;	/* of a provider */
	enum hash_id id;
	bool direct;			/* ... or of libcrypto's own */
	_Alignas(8) uint8_t state[216];
};

int hash_begin(struct hash *h, const struct crypto *crypto, enum hash_id id);
int hash_add(struct hash *h, const void *p, size_t len);
/* The hash so far; the running one goes on.  @out: HASH_MAX bytes. */
int hash_peek(const struct hash *h, uint8_t *out);
/* ... as it is, in another that has not begun */
int hash_copy(struct hash *to, const struct hash *from);
void hash_free(struct hash *h);
/* Of @bytes alone.  @out: HASH_MAX bytes. */
int hash_of(const struct crypto *crypto, enum hash_id id, struct slice bytes,
	    uint8_t *out);
/* RFC 6066: names a certificate, proves nothing */
int sha1(const struct crypto *crypto, struct slice data, uint8_t out[20]);
/* The hash of nothing, made once; 9846 7.1 wants it again and again */
const struct secret *hash_empty(const struct crypto *crypto, enum hash_id id);

/* ---- HMAC and HKDF (RFC 2104, 5869) ------------------------------------ */

int hmac(const struct crypto *crypto, enum hash_id id, struct slice key,
	 const struct slice *data, size_t n, uint8_t *out);
/* A key that is used more than once: half of the work is done with it */
struct hmac_key {
	struct hash inner, outer;
};

int hmac_key_set(struct hmac_key *k, const struct crypto *crypto,
		 enum hash_id id, struct slice key);
int hmac_with(const struct hmac_key *k, const struct slice *data, size_t n,
	      uint8_t *out);
/* Also after a failure to set it */
void hmac_key_wipe(struct hmac_key *k);

int hkdf_extract(const struct crypto *crypto, enum hash_id id,
		 struct slice salt, struct slice ikm, struct secret *out);
/* @len at most 255 hashes */
int hkdf_expand(const struct crypto *crypto, enum hash_id id,
		const struct secret *prk, struct slice info,
		uint8_t *out, size_t len);

/* ---- AEAD -------------------------------------------------------------- */

/* One key of one direction */
struct aead {
	struct evp_cipher_ctx_st *ctx;
	enum aead_id id;
};

int aead_set(struct aead *a, const struct crypto *crypto, enum aead_id id,
	     const uint8_t *key, bool seal);
/* @out: @len + AEAD_TAG_LEN bytes; may be @in */
int aead_seal(struct aead *a, const uint8_t nonce[AEAD_IV_LEN],
	      struct slice aad, const uint8_t *in, size_t len, uint8_t *out);
/* @len includes the tag; @out: @len - AEAD_TAG_LEN; -KTLS_E_RECORD_MAC */
int aead_open(struct aead *a, const uint8_t nonce[AEAD_IV_LEN],
	      struct slice aad, const uint8_t *in, size_t len, uint8_t *out);
void aead_free(struct aead *a);

/* ---- key exchange ------------------------------------------------------ */

#define KEX_SECRET_MAX	1024	/* ffdhe8192 */
/* On the stack: a share of a curve, but for those with a KEM */
#define SHARE_ROOM	192

struct kex_secret {
	size_t len;
	uint8_t b[KEX_SECRET_MAX];
};

/* One side's key of one handshake */
struct kex {
	const struct group *group;
	struct evp_pkey_st *key;	/* NULL: @secret is the key */
	uint8_t secret[32];
};

/* Client: make a key and write its share into @w */
int kex_begin(struct kex *k, const struct crypto *crypto,
	      const struct group *group, struct wr *w);
/* Client: the secret, from the server's share; -KTLS_E_KEY_SHARE */
int kex_finish(struct kex *k, const struct crypto *crypto, struct slice peer,
	       struct kex_secret *out);
/* A finite field's prime; its generator is 2 (RFC 7919) */
int group_prime(const struct crypto *crypto, const struct group *group,
		struct wr *w);
/* Server: both at once, writing its share into @w */
int kex_respond(const struct crypto *crypto, const struct group *group,
		struct slice peer, struct wr *w, struct kex_secret *out);
/* A key that is there already, and stays: a certificate's */
int kex_static(struct kex *k, const struct group *group,
	       struct evp_pkey_st *key);
void kex_free(struct kex *k);

/* ---- signatures -------------------------------------------------------- */

bool sig_fits(const struct sigscheme *scheme, struct evp_pkey_st *key);
/* The same in TLS 1.2, where ECDSA's schemes name no curve */
bool sig_fits12(const struct sigscheme *scheme, struct evp_pkey_st *key);
/* The group on whose curve the key is; NULL: on none */
const struct group *key_group(struct evp_pkey_st *key);
/*
 * What a signature with @key begins with, so that it need not look anything up;
 * several may begin at once.  NULL: this key cannot have that.
 */
struct evp_md_ctx_st *sig_ready(const struct sigscheme *scheme,
				struct evp_pkey_st *key);
void sig_ready_free(struct evp_md_ctx_st *ready);
/* Appends the signature of @msg to @w; @ready: of both, or NULL */
int sig_sign(const struct sigscheme *scheme, struct evp_pkey_st *key,
	     const struct evp_md_ctx_st *ready, struct slice msg, struct wr *w);
/* -KTLS_E_SIGNATURE */
int sig_verify(const struct crypto *crypto, const struct sigscheme *scheme,
	       struct evp_pkey_st *key, struct slice msg, struct slice sig);

#endif /* KTLS_CRYPTO_H */
