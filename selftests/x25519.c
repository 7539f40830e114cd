// SPDX-License-Identifier: GPL-2.0-only
/* X25519 by lib25519, which has to be there: libcrypto's in all it says */
#include <string.h>

#include "../lib/ossl.h"
#include "harness.h"
#include "rfc8448_lib.h"

#define LEN	X25519_LEN

FIXTURE(x25519) {
	struct crypto *fast, *slow;
	struct wr a, b;
};

FIXTURE_SETUP(x25519)
{
	ASSERT_OK(crypto_new(&self->fast));
	ASSERT_OK(crypto_new(&self->slow));
	ASSERT_TRUE(self->fast->x25519.lib);
	x25519_close(&self->slow->x25519);
}

FIXTURE_TEARDOWN(x25519)
{
	wr_free(&self->a);
	wr_free(&self->b);
	crypto_free(self->fast);
	crypto_free(self->slow);
}

/* As libcrypto would; false: it refuses the share */
static bool reference(const uint8_t *secret, const uint8_t *share, uint8_t *out)
{
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL,
						     secret, LEN);
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL,
						     share, LEN);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	size_t len = LEN;
	bool ok = EVP_PKEY_derive_init(ctx) > 0 &&
		  EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
		  EVP_PKEY_derive(ctx, out, &len) > 0;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(own);
	EVP_PKEY_free(peer);
	return ok;
}

static void same_share(const uint8_t *secret, const uint8_t *share)
{
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL,
						     secret, LEN);
	uint8_t want[LEN];
	size_t len = LEN;

	ASSERT_EQ(EVP_PKEY_get_raw_public_key(own, want, &len), 1);
	EXPECT_FALSE(memcmp(share, want, LEN));
	EVP_PKEY_free(own);
}

/* Keys differ, and are what libcrypto makes of the same secrets */
TEST_F(x25519, keys)
{
	uint8_t secret[2][LEN], share[2][LEN];

	for (int i = 0; i < 500; i++) {
		ASSERT_OK(x25519_key(&self->fast->x25519, secret[i % 2],
				     share[i % 2]));
		same_share(secret[i % 2], share[i % 2]);
		if (i)
			EXPECT_TRUE(memcmp(share[0], share[1], LEN));
	}
}

static void agrees(const struct crypto *c, const uint8_t *secret,
		   const uint8_t *share)
{
	uint8_t got[LEN], want[LEN];
	static const uint8_t zeros[LEN];

	x25519_agree(&c->x25519, secret, share, got);
	if (reference(secret, share, want))
		EXPECT_FALSE(memcmp(got, want, LEN));
	else
		EXPECT_FALSE(memcmp(got, zeros, LEN));
}

/* Any 32 bytes are a share (RFC 7748 5): the top bit does not count */
TEST_F(x25519, any_share)
{
	uint8_t secret[LEN], share[LEN];

	for (int i = 0; i < 500; i++) {
		ASSERT_OK(crypto_random(secret, LEN));
		ASSERT_OK(crypto_random(share, LEN));
		share[LEN - 1] = (uint8_t)(share[LEN - 1] ^ i << 7);
		agrees(self->fast, secret, share);
	}
}

/* At both ends of the field, and past it; points of small order among them */
TEST_F(x25519, edges)
{
	static const uint8_t order8[][LEN] = {
		{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae,
		  0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		  0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd,
		  0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
		{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24,
		  0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
		  0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86,
		  0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
	};
	uint8_t secret[LEN], share[LEN];

	ASSERT_OK(crypto_random(secret, LEN));
	for (int i = 0; i < 256; i++) {
		memset(share, 0, LEN);
		share[0] = (uint8_t)i;
		agrees(self->fast, secret, share);
		memset(share, 0xff, LEN);
		share[0] = (uint8_t)i;
		agrees(self->fast, secret, share);
		share[LEN - 1] = 0x7f;
		agrees(self->fast, secret, share);
	}
	for (int i = 0; i < 2; i++) {
		agrees(self->fast, secret, order8[i]);
		memcpy(share, order8[i], LEN);
		share[LEN - 1] |= 0x80;
		agrees(self->fast, secret, share);
	}
}

/* Either way, against either way */
TEST_F(x25519, exchange)
{
	const struct crypto *c[] = { self->fast, self->slow };
	const struct group *g = group_find(0x001d);

	for (int i = 0; i < 4; i++) {
		struct kex_secret ours = { 0 }, theirs = { 0 };
		static const struct kex none;
		struct kex k = { 0 };

		wr_reset(&self->a);
		wr_reset(&self->b);
		ASSERT_OK(kex_begin(&k, c[i & 1], g, &self->a));
		EXPECT_EQ(!k.key, c[i & 1] == self->fast);
		ASSERT_OK(kex_respond(c[i >> 1], g, wr_all(&self->a),
				      &self->b, &theirs));
		ASSERT_OK(kex_finish(&k, c[i & 1], wr_all(&self->b), &ours));
		EXPECT_EQ(ours.len, LEN);
		EXPECT_EQ(theirs.len, LEN);
		EXPECT_FALSE(memcmp(ours.b, theirs.b, LEN));
		kex_free(&k);
		EXPECT_FALSE(memcmp(&k, &none, sizeof(k)));
	}
}

/* 9846 7.4.2: what comes to zeros, and what is no share at all */
TEST_F(x25519, refused)
{
	static const uint8_t zeros[LEN + 1];
	const struct group *g = group_find(0x001d);
	struct kex_secret out;
	struct kex k = { 0 };

	ASSERT_OK(kex_begin(&k, self->fast, g, &self->a));
	for (size_t len = LEN - 1; len <= LEN + 1; len++) {
		const struct slice share = { zeros, len };

		EXPECT_EQ(kex_finish(&k, self->fast, share, &out),
			  -KTLS_E_KEY_SHARE);
		EXPECT_EQ(kex_respond(self->fast, g, share, &self->b, &out),
			  -KTLS_E_KEY_SHARE);
	}
	kex_free(&k);
}

HARNESS_MAIN
