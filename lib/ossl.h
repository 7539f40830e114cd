/* SPDX-License-Identifier: MIT */
/*
 * What crypto*.c and x509*.c share about libcrypto.  No other file includes
 * this one, or <openssl/...>.
 */
#ifndef KTLS_OSSL_H
#define KTLS_OSSL_H

#include <errno.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto.h"
#include "x509.h"

struct nonces;

/* X25519 by another library than libcrypto (crypto_x25519.c) */
#define X25519_LEN	32

typedef void x25519_base(unsigned char *out, const unsigned char *n);
typedef void x25519_mult(unsigned char *out, const unsigned char *n,
			 const unsigned char *point);

struct x25519 {
	void *lib;		/* NULL: it is not there */
	x25519_base *base;
	x25519_mult *mult;
};

void x25519_open(struct x25519 *x);
void x25519_close(struct x25519 *x);
int x25519_key(const struct x25519 *x, uint8_t secret[X25519_LEN],
	       uint8_t share[X25519_LEN]);
/* May come to zeros, which is to be refused */
void x25519_agree(const struct x25519 *x, const uint8_t secret[X25519_LEN],
		  const uint8_t share[X25519_LEN], uint8_t out[X25519_LEN]);

struct crypto {
	EVP_MD *md[HASH_COUNT];
	EVP_MD *sha1;
	EVP_CIPHER *cipher[AEAD_COUNT];
	EVP_PKEY *group[GROUPS_MAX];	/* parameters without a key */
	bool sigscheme[SIGSCHEMES_MAX];
	struct nonces *nonces;	/* or NULL */
	struct x25519 x25519;
	bool hash_direct;	/* SHA-2 by libcrypto's own functions */
	struct secret empty[HASH_COUNT];
};

/* What is trusted, its flags already set */
struct trust {
	X509_STORE *store;
	uint8_t digest[TRUST_DIGEST_LEN];
};

/* Exactly one DER certificate; @aux: OpenSSL's own form of a trusted one */
X509 *x509_parse(struct slice der, bool aux);

/*
 * Of which kind @x's own signature is (RFC 4492 5.3), as suites call it;
 * AUTH_ANY: neither
 */
enum suite_auth x509_signed_by(X509 *x);
/* The public key's bytes: an EC key's are its point (RFC 4492 5.9) */
struct slice x509_public(X509 *x);

static inline void ossl_leave(const int *mark)
{
	(void)mark;
	ERR_pop_to_mark();
}

/*
 * First in each function that may make libcrypto fail: what it puts in its
 * queue of errors from here on is gone when the block is left, by whatever
 * way; what the application had there stays.
 */
#define OSSL_SCOPE							\
	__attribute__((cleanup(ossl_leave), unused))			\
	const int ossl_mark = ERR_set_mark()

/* libcrypto just failed on what the peer sent: was it @err, or memory? */
static inline int ossl_blame(int err)
{
	return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ?
	       -ENOMEM : err;
}

/* AUTO(EVP_PKEY) key = ...: freed when the block is left */
#define AUTO(type)	__attribute__((cleanup(auto_##type))) type *

#define AUTO_DEFINE(type)						\
	static inline void auto_##type(type **p)			\
	{								\
		type##_free(*p);					\
	}

AUTO_DEFINE(BIO)
AUTO_DEFINE(EVP_MD_CTX)
AUTO_DEFINE(EVP_PKEY)
AUTO_DEFINE(EVP_PKEY_CTX)
AUTO_DEFINE(X509)
AUTO_DEFINE(X509_STORE_CTX)

#endif /* KTLS_OSSL_H */
