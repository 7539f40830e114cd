// SPDX-License-Identifier: GPL-2.0-only
/* Key shares (RFC 9846 4.3.8, 7.4): right ones agree, wrong ones are refused */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>

#include "../lib/include/ktls.h"
#include "../lib/ossl.h"
#include "harness.h"
#include "rfc8448_lib.h"

FIXTURE(kex) {
	struct crypto *c;
	const struct group *g;
	struct kex mine;
	struct wr share, bad;
};

FIXTURE_VARIANT(kex) {
	size_t group;
};

static bool each_group(size_t i, FIXTURE_VARIANT(kex) *variant, char *name,
		       size_t size)
{
	static struct crypto *c;

	if (!c && crypto_new(&c))
		return false;
	if (i >= groups_len) {
		crypto_free(c);
		c = NULL;
		return false;
	}
	variant->group = i;
	if (crypto_has_group(c, &groups[i]))
		snprintf(name, size, "%s", groups[i].name);
	return true;
}

FIXTURE_VARIANT_GEN(kex, each_group);

FIXTURE_SETUP(kex)
{
	ASSERT_OK(crypto_new(&self->c));
	self->g = &groups[variant->group];
	ASSERT_OK(kex_begin(&self->mine, self->c, self->g, &self->share));
	ASSERT_EQ(self->share.len, self->g->client_len);
}

FIXTURE_TEARDOWN(kex)
{
	kex_free(&self->mine);
	wr_free(&self->share);
	wr_free(&self->bad);
	crypto_free(self->c);
}

/* ---- helpers ----------------------------------------------------------- */

/* A share of the server's for ours, and its secret */
static void respond(FIXTURE_DATA(kex) *self, struct wr *w,
		    struct kex_secret *secret)
{
	wr_reset(w);
	ASSERT_OK(kex_respond(self->c, self->g, wr_all(&self->share), w,
			      secret));
	ASSERT_EQ(w->len, self->g->server_len);
}

/* Each end refuses it, and neither has a secret after that */
static void refuse(FIXTURE_DATA(kex) *self, const char *what)
{
	static const struct kex_secret none;
	struct kex_secret secret;
	struct wr out = { 0 };

	memset(&secret, 0xa5, sizeof(secret));
	EXPECT_EQ(kex_respond(self->c, self->g, wr_all(&self->bad), &out,
			      &secret), -KTLS_E_KEY_SHARE)
		TH_LOG("server, %s", what);
	EXPECT_EQ(out.len, 0);
	memset(&secret, 0, sizeof(secret));
	EXPECT_EQ(kex_finish(&self->mine, self->c, wr_all(&self->bad),
			     &secret), -KTLS_E_KEY_SHARE)
		TH_LOG("client, %s", what);
	EXPECT_MEMEQ(&secret, &none, sizeof(secret));
	wr_free(&out);
}

/* The bytes of @p, of the length that the group asks for */
static void put(FIXTURE_DATA(kex) *self, const void *p, size_t len)
{
	wr_reset(&self->bad);
	wr_bytes(&self->bad, p, len);
	ASSERT_TRUE(wr_ok(&self->bad));
}

static void put_fill(FIXTURE_DATA(kex) *self, uint8_t first, uint8_t rest,
		     size_t len)
{
	wr_reset(&self->bad);
	wr_u8(&self->bad, first);
	while (self->bad.len < len)
		wr_u8(&self->bad, rest);
	ASSERT_TRUE(wr_ok(&self->bad));
}

/* ---- tests ------------------------------------------------------------- */

TEST_F(kex, both_ends_agree)
{
	struct kex_secret a, b, c;
	struct wr w = { 0 };

	respond(self, &w, &a);
	ASSERT_OK(kex_finish(&self->mine, self->c, wr_all(&w), &b));
	ASSERT_EQ(a.len, b.len);
	ASSERT_GT(a.len, 0);
	EXPECT_MEMEQ(a.b, b.b, a.len);
	/* another answer, another secret */
	respond(self, &w, &c);
	EXPECT_TRUE(memcmp(a.b, c.b, a.len));
	/* 7.4.1: with its leading zeros */
	if (self->g->kind == KEX_FFDHE)
		EXPECT_EQ(a.len, self->g->client_len);
	wr_free(&w);
}

TEST_F(kex, length)
{
	struct kex_secret secret;
	struct wr w = { 0 };

	respond(self, &w, &secret);
	for (size_t len = 0; len < 2; len++) {
		put_fill(self, 4, 1, len + !len);
		self->bad.len = len;
		refuse(self, "next to nothing");
	}
	put(self, w.buf, w.len - 1);
	EXPECT_EQ(kex_finish(&self->mine, self->c, wr_all(&self->bad),
			     &secret), -KTLS_E_KEY_SHARE);
	put(self, w.buf, w.len);
	wr_u8(&self->bad, 0);
	EXPECT_EQ(kex_finish(&self->mine, self->c, wr_all(&self->bad),
			     &secret), -KTLS_E_KEY_SHARE);
	wr_reset(&w);
	put(self, self->share.buf, self->share.len - 1);
	EXPECT_EQ(kex_respond(self->c, self->g, wr_all(&self->bad), &w,
			      &secret), -KTLS_E_KEY_SHARE);
	put(self, self->share.buf, self->share.len);
	wr_u8(&self->bad, 0);
	EXPECT_EQ(kex_respond(self->c, self->g, wr_all(&self->bad), &w,
			      &secret), -KTLS_E_KEY_SHARE);
	wr_free(&w);
}

/* Only uncompressed points, and only those on the curve */
TEST_F(kex, point)
{
	static const uint8_t forms[] = { 0, 1, 2, 3, 5, 6, 7, 0x84, 0xff };
	size_t len = self->g->client_len;

	if (self->g->kind != KEX_EC)
		return;
	for (size_t i = 0; i < sizeof(forms); i++) {
		put(self, self->share.buf, len);
		self->bad.buf[0] = forms[i];
		refuse(self, "form");
	}
	put_fill(self, 4, 0, len);
	refuse(self, "zero");
	put_fill(self, 4, 0xff, len);
	refuse(self, "coordinates above the prime");
	for (size_t i = 1; i < len; i += len / 8) {
		put(self, self->share.buf, len);
		self->bad.buf[i] ^= 1;
		refuse(self, "off the curve");
	}
	/* x and y of (x, y), the other way round */
	put(self, "\4", 1);
	wr_bytes(&self->bad, self->share.buf + 1 + len / 2, len / 2);
	wr_bytes(&self->bad, self->share.buf + 1, len / 2);
	refuse(self, "turned");
}

/* 4.3.8.1: 1 < Y < p - 1 */
TEST_F(kex, ffdhe_range)
{
	size_t len = self->g->client_len;
	BIGNUM *p = NULL;

	if (self->g->kind != KEX_FFDHE)
		return;
	ASSERT_TRUE(EVP_PKEY_get_bn_param(self->mine.key,
					  OSSL_PKEY_PARAM_FFC_P, &p));
	put_fill(self, 0, 0, len);
	refuse(self, "0");
	self->bad.buf[len - 1] = 1;
	refuse(self, "1");
	for (int i = -1; i <= 1; i++) {
		uint8_t y[1024];

		ASSERT_EQ(BN_bn2binpad(p, y, (int)len), len);
		y[len - 1] = (uint8_t)(y[len - 1] + i);
		put(self, y, len);
		/* all these primes end in ff */
		if (i == 1)
			put_fill(self, 0xff, 0xff, len);
		refuse(self, i < 0 ? "p - 1" : i ? "above p" : "p");
	}
	BN_free(p);
}

/* RFC 7748 6: points of small order make a secret of zeros */
TEST_F(kex, small_order)
{
	static const char *const x25519[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		/* the highest bit is not looked at */
		"0000000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	uint8_t x448[56];

	for (size_t i = 0; self->g->id == 0x1d &&
	     i < sizeof(x25519) / sizeof(*x25519); i++) {
		wr_reset(&self->bad);
		unhex(&self->bad, x25519[i]);
		refuse(self, x25519[i]);
	}
	if (self->g->id != 0x1e)
		return;
	memset(x448, 0, sizeof(x448));
	put(self, x448, sizeof(x448));
	refuse(self, "0");
	x448[0] = 1;
	put(self, x448, sizeof(x448));
	refuse(self, "1");
	/* p = 2^448 - 2^224 - 1; p - 1, p, p + 1 */
	memset(x448, 0xff, sizeof(x448));
	x448[28] = 0xfe;
	for (int i = -1; i <= 0; i++) {
		x448[0] = (uint8_t)(0xff + i);
		put(self, x448, sizeof(x448));
		refuse(self, i ? "p - 1" : "p");
	}
	memset(x448, 0, 28);
	memset(x448 + 28, 0xff, 28);
	put(self, x448, sizeof(x448));
	refuse(self, "p + 1");
}

HARNESS_MAIN
