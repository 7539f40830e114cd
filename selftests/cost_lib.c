// SPDX-License-Identifier: GPL-2.0-only
/* What is dear of libcrypto's, counted */
#include "cost_lib.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "harness.h"

struct costs *costs;

#define COUNTED(count, ret, name, params, args)				\
	ret __real_##name params;					\
	ret __wrap_##name params;					\
	ret __wrap_##name params					\
	{								\
		if (costs)						\
			costs->count++;					\
		return __real_##name args;				\
	}

COUNTED(keys, int, EVP_PKEY_keygen, (EVP_PKEY_CTX *ctx, EVP_PKEY **key),
	(ctx, key))
COUNTED(secrets, int, EVP_PKEY_derive,
	(EVP_PKEY_CTX *ctx, unsigned char *key, size_t *len), (ctx, key, len))
COUNTED(signs, int, EVP_DigestSign,
	(EVP_MD_CTX *ctx, unsigned char *sig, size_t *sig_len,
	 const unsigned char *p, size_t len), (ctx, sig, sig_len, p, len))
COUNTED(verifies, int, EVP_DigestVerify,
	(EVP_MD_CTX *ctx, const unsigned char *sig, size_t sig_len,
	 const unsigned char *p, size_t len), (ctx, sig, sig_len, p, len))
COUNTED(chains, int, X509_verify_cert, (X509_STORE_CTX *ctx), (ctx))
COUNTED(parses, X509 *, d2i_X509, (X509 **x, const unsigned char **p, long len),
	(x, p, len))

void check_costs(const struct costs *is, const struct costs *want)
{
	EXPECT_EQ(is->keys, want->keys);
	EXPECT_EQ(is->secrets, want->secrets);
	EXPECT_EQ(is->signs, want->signs);
	EXPECT_EQ(is->verifies, want->verifies);
	EXPECT_EQ(is->chains, want->chains);
	EXPECT_EQ(is->parses, want->parses);
}
