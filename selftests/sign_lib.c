// SPDX-License-Identifier: GPL-2.0-only
#include "sign_lib.h"

#include <stdio.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>

/* RFC 9846 4.3.3 */
static const struct {
	uint16_t id;
	const EVP_MD *(*md)(void);	/* NULL: the key's own */
	int padding;
} schemes[] = {
	{ 0x0401, EVP_sha256, RSA_PKCS1_PADDING },
	{ 0x0501, EVP_sha384, RSA_PKCS1_PADDING },
	{ 0x0601, EVP_sha512, RSA_PKCS1_PADDING },
	{ 0x0403, EVP_sha256, 0 },
	{ 0x0503, EVP_sha384, 0 },
	{ 0x0603, EVP_sha512, 0 },
	{ 0x0804, EVP_sha256, RSA_PKCS1_PSS_PADDING },
	{ 0x0805, EVP_sha384, RSA_PKCS1_PSS_PADDING },
	{ 0x0806, EVP_sha512, RSA_PKCS1_PSS_PADDING },
	{ 0x0807, NULL, 0 },
	{ 0x0808, NULL, 0 },
	{ 0x0809, EVP_sha256, RSA_PKCS1_PSS_PADDING },
	{ 0x080a, EVP_sha384, RSA_PKCS1_PSS_PADDING },
	{ 0x080b, EVP_sha512, RSA_PKCS1_PSS_PADDING },
};

static EVP_PKEY *load(const char *name)
{
	FILE *f = fopen(pki_key(name), "r");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	if (f)
		fclose(f);
	return key;
}

static bool pad(EVP_PKEY_CTX *ctx, int padding)
{
	if (!padding)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, padding) > 0 &&
	       (padding != RSA_PKCS1_PSS_PADDING ||
		EVP_PKEY_CTX_set_rsa_pss_saltlen(
			ctx, RSA_PSS_SALTLEN_DIGEST) > 0);
}

ssize_t sign_with(const char *name, const struct ktls_sign_request *request,
		  void *sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *key = load(name);
	size_t len = request->max_len;
	EVP_PKEY_CTX *pctx;
	bool ok = false;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		if (schemes[i].id != request->scheme)
			continue;
		ok = key && EVP_DigestSignInit(ctx, &pctx, schemes[i].md ?
					       schemes[i].md() : NULL, NULL,
					       key) > 0 &&
		     pad(pctx, schemes[i].padding) &&
		     EVP_DigestSign(ctx, sig, &len, request->content,
				    request->content_len) > 0;
	}
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok ? (ssize_t)len : -1;
}
