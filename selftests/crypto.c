// SPDX-License-Identifier: GPL-2.0-only
/* libcrypto as the library uses it: against published numbers, and abuse */
#include <stdlib.h>
#include <string.h>

#include "../lib/crypto.h"
#include "../lib/include/ktls.h"
#include "../lib/sched13.h"
#include "harness.h"
#include "rfc8448_lib.h"

FIXTURE(crypto) {
	struct crypto *c;
	struct wr a, b, d, e;
};

FIXTURE_SETUP(crypto)
{
	ASSERT_OK(crypto_new(&self->c));
}

FIXTURE_TEARDOWN(crypto)
{
	wr_free(&self->a);
	wr_free(&self->b);
	wr_free(&self->d);
	wr_free(&self->e);
	crypto_free(self->c);
}

static struct slice hex(struct wr *w, const char *s)
{
	wr_reset(w);
	unhex(w, s);
	return wr_all(w);
}

static void fill(struct wr *w, uint8_t first, int step, size_t len)
{
	wr_reset(w);
	for (size_t i = 0; i < len; i++)
		wr_u8(w, (uint8_t)(first + (int)i * step));
	ASSERT_TRUE(wr_ok(w));
}

/* ---- RFC 4231 ---------------------------------------------------------- */

static void check_hmac(FIXTURE_DATA(crypto) *self, const char *sha256,
		       const char *sha384)
{
	struct slice key = wr_all(&self->a), data = wr_all(&self->b);
	/* the same in pieces */
	struct slice cut[] = { { data.p, 1 }, { data.p + 1, 0 },
			       { data.p + 1, data.len - 1 } };
	uint8_t mac[HASH_MAX];

	ASSERT_OK(hmac(self->c, HASH_SHA256, key, &data, 1, mac));
	expect_hex("SHA-256", (struct slice){ mac, 32 }, sha256);
	ASSERT_OK(hmac(self->c, HASH_SHA256, key, cut, 3, mac));
	expect_hex("SHA-256", (struct slice){ mac, 32 }, sha256);
	ASSERT_OK(hmac(self->c, HASH_SHA384, key, &data, 1, mac));
	expect_hex("SHA-384", (struct slice){ mac, 48 }, sha384);
}

static void put(struct wr *w, const char *text)
{
	wr_reset(w);
	wr_bytes(w, text, strlen(text));
}

TEST_F(crypto, rfc4231)
{
	fill(&self->a, 0x0b, 0, 20);
	put(&self->b, "Hi There");
	check_hmac(self,
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32"
		"cff7",
		"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7ceb"
		"c59cfaea9ea9076ede7f4af152e8b2fa9cb6");
	put(&self->a, "Jefe");
	put(&self->b, "what do ya want for nothing?");
	check_hmac(self,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec"
		"3843",
		"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322"
		"445e8e2240ca5e69e2c78b3239ecfab21649");
	fill(&self->a, 0xaa, 0, 20);
	fill(&self->b, 0xdd, 0, 50);
	check_hmac(self,
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced5"
		"65fe",
		"88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966"
		"144b2a5ab39dc13814b94e3ab6e101a34f27");
	fill(&self->a, 1, 1, 25);
	fill(&self->b, 0xcd, 0, 50);
	check_hmac(self,
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729"
		"665b",
		"3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f57"
		"3b4e6801dd23c4a7d679ccf8a386c674cffb");
	/* keys longer than a block */
	fill(&self->a, 0xaa, 0, 131);
	put(&self->b, "Test Using Larger Than Block-Size Key - Hash Key First");
	check_hmac(self,
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee3"
		"7f54",
		"4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033a"
		"c4c60c2ef6ab4030fe8296248df163f44952");
	put(&self->b, "This is a test using a larger than block-size key and a"
	    " larger than block-size data. The key needs to be hashed before"
	    " being used by the HMAC algorithm.");
	check_hmac(self,
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a"
		"35e2",
		"6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e"
		"99c5a678cc31e799176d3860e6110c46523e");
}

/* ---- RFC 5869 ---------------------------------------------------------- */

static void check_hkdf(FIXTURE_DATA(crypto) *self, const char *prk_hex,
		       const char *okm_hex)
{
	struct secret prk;
	uint8_t okm[128];
	size_t len = strlen(okm_hex) / 2;

	ASSERT_OK(hkdf_extract(self->c, HASH_SHA256, wr_all(&self->a),
			       wr_all(&self->b), &prk));
	EXPECT_SECRET(&prk, prk_hex);
	ASSERT_OK(hkdf_expand(self->c, HASH_SHA256, &prk, wr_all(&self->d),
			      okm, len));
	expect_hex("OKM", (struct slice){ okm, len }, okm_hex);
	/* every shorter one is the beginning of it */
	for (size_t n = 0; n < len; n++) {
		uint8_t part[128] = { 0 };

		ASSERT_OK(hkdf_expand(self->c, HASH_SHA256, &prk,
				      wr_all(&self->d), part, n));
		EXPECT_TRUE(!memcmp(part, okm, n) && !part[n]);
	}
}

TEST_F(crypto, rfc5869)
{
	fill(&self->a, 0, 1, 13);
	fill(&self->b, 0x0b, 0, 22);
	fill(&self->d, 0xf0, 1, 10);
	check_hkdf(self,
		"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2"
		"b3e5",
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4"
		"c5bf34007208d5b887185865");
	fill(&self->a, 0x60, 1, 80);
	fill(&self->b, 0x00, 1, 80);
	fill(&self->d, 0xb0, 1, 80);
	check_hkdf(self,
		"06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15f"
		"c244",
		"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19af"
		"a97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9"
		"aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
	wr_reset(&self->a);
	wr_reset(&self->d);
	fill(&self->b, 0x0b, 0, 22);
	check_hkdf(self,
		"19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293c"
		"cb04",
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c73"
		"8d2d9d201395faa4b61a96c8");
}

TEST_F(crypto, hkdf_limits)
{
	static uint8_t out[255 * 48 + 1];
	struct secret prk = { .len = 48 };
	struct slice none = { NULL, 0 };

	EXPECT_OK(hkdf_expand(self->c, HASH_SHA384, &prk, none, out,
			      255 * 48));
	EXPECT_EQ(hkdf_expand(self->c, HASH_SHA384, &prk, none, out,
			      255 * 48 + 1), -KTLS_E_CRYPTO);
	EXPECT_EQ(hkdf_expand(self->c, HASH_SHA256, &prk, none, out,
			      255 * 32 + 1), -KTLS_E_CRYPTO);
}

TEST_F(crypto, label_limits)
{
	struct secret secret = { .len = 32 };
	static const uint8_t bytes[256];
	struct slice context = { bytes, 255 };
	char label[260];
	uint8_t out[16];

	memset(label, 'x', sizeof(label));
	label[249] = '\0';
	EXPECT_OK(expand_label(self->c, HASH_SHA256, &secret, label, context,
			       out, sizeof(out)));
	label[249] = 'x';
	label[250] = '\0';
	EXPECT_EQ(expand_label(self->c, HASH_SHA256, &secret, label, context,
			       out, sizeof(out)), -KTLS_E_CRYPTO);
	context.len++;
	EXPECT_EQ(expand_label(self->c, HASH_SHA256, &secret, "x", context,
			       out, sizeof(out)), -KTLS_E_CRYPTO);
}

/* 7.5, spelled out: Derive-Secret with the label, then "exporter" */
TEST_F(crypto, exporter_by_its_definition)
{
	struct secret base = { .len = 32 }, derived = { .len = 32 };
	struct hash h = { 0 };
	uint8_t digest[HASH_MAX], want[40], got[40];

	memset(base.b, 7, base.len);
	ASSERT_OK(expand_label(self->c, HASH_SHA256, &base, "EXPORTER-test",
			       (struct slice){
			       hash_empty(self->c, HASH_SHA256)->b, 32 },
			       derived.b, derived.len));
	ASSERT_OK(hash_begin(&h, self->c, HASH_SHA256));
	ASSERT_OK(hash_add(&h, "context", 7));
	ASSERT_OK(hash_peek(&h, digest));
	hash_free(&h);
	ASSERT_OK(expand_label(self->c, HASH_SHA256, &derived, "exporter",
			       (struct slice){ digest, 32 }, want,
			       sizeof(want)));
	ASSERT_OK(exporter(self->c, HASH_SHA256, &base, "EXPORTER-test",
			   (struct slice){ (const uint8_t *)"context", 7 },
			   got, sizeof(got)));
	EXPECT_MEMEQ(got, want, sizeof(got));
}

/* ---- AEADs: RFC 8439 2.8.2, GCM's cases 4 and 16, SP 800-38C ----------- */

static void check_aead(FIXTURE_DATA(crypto) *self, enum aead_id id,
		       const char *nonce, const char *sealed)
{
	struct slice n = hex(&self->e, nonce), key = wr_all(&self->a);
	struct slice aad = wr_all(&self->b), text = wr_all(&self->d);
	struct aead seal = { 0 }, open = { 0 };
	uint8_t out[256], back[256];

	ASSERT_EQ(key.len, aead_rows[id].key_len);
	ASSERT_EQ(n.len, AEAD_IV_LEN);
	ASSERT_OK(aead_set(&seal, self->c, id, key.p, true));
	ASSERT_OK(aead_set(&open, self->c, id, key.p, false));
	ASSERT_OK(aead_seal(&seal, n.p, aad, text.p, text.len, out));
	expect_hex("sealed", (struct slice){ out, text.len + 16 }, sealed);
	ASSERT_OK(aead_open(&open, n.p, aad, out, text.len + 16, back));
	EXPECT_MEMEQ(back, text.p, text.len);
	/* in place, both ways */
	memcpy(back, text.p, text.len);
	ASSERT_OK(aead_seal(&seal, n.p, aad, back, text.len, back));
	EXPECT_MEMEQ(back, out, text.len + 16);
	ASSERT_OK(aead_open(&open, n.p, aad, back, text.len + 16, back));
	EXPECT_MEMEQ(back, text.p, text.len);
	/* nothing but the tag; and less than that */
	ASSERT_OK(aead_seal(&seal, n.p, aad, NULL, 0, out));
	EXPECT_OK(aead_open(&open, n.p, aad, out, 16, back));
	EXPECT_EQ(aead_open(&open, n.p, aad, out, 15, back),
		  -KTLS_E_RECORD_MAC);
	out[0] ^= 1;
	EXPECT_EQ(aead_open(&open, n.p, aad, out, 16, back),
		  -KTLS_E_RECORD_MAC);
	aead_free(&seal);
	aead_free(&open);
}

TEST_F(crypto, chacha20_poly1305)
{
	fill(&self->a, 0x80, 1, 32);
	hex(&self->b, "50515253c0c1c2c3c4c5c6c7");
	put(&self->d, "Ladies and Gentlemen of the class of '99: If I could "
	    "offer you only one tip for the future, sunscreen would be it.");
	check_aead(self, AEAD_CHACHA20_POLY1305, "070000004041424344454647",
		"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee"
		"62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b6"
		"7ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585"
		"808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09"
		"e26a7e902ecbd0600691");
}

TEST_F(crypto, aes_gcm)
{
	hex(&self->b, "feedfacedeadbeeffeedfacedeadbeefabaddad2");
	hex(&self->d, "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c30"
	    "3d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b"
	    "39");
	hex(&self->a, "feffe9928665731c6d6a8f9467308308");
	check_aead(self, AEAD_AES_128_GCM, "cafebabefacedbaddecaf888",
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329ac"
		"a12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
		"5bc94fbc3221a5db94fae95ae7121a47");
	hex(&self->a, "feffe9928665731c6d6a8f9467308308"
	    "feffe9928665731c6d6a8f9467308308");
	check_aead(self, AEAD_AES_256_GCM, "cafebabefacedbaddecaf888",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555"
		"d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
		"76fc6ece0f4e1768cddf8853bb2d551b");
}

/* Example 3, with TLS's length of the tag */
TEST_F(crypto, aes_ccm)
{
	fill(&self->a, 0x40, 1, 16);
	fill(&self->b, 0x00, 1, 20);
	fill(&self->d, 0x20, 1, 24);
	check_aead(self, AEAD_AES_128_CCM, "101112131415161718191a1b",
		"e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5c87ae488918d"
		"e93f17dd3e4934347f44");
}

/* ---- secrets ----------------------------------------------------------- */

TEST(secrets_compare)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	EXPECT_TRUE(secret_eq(a, b, sizeof(a)));
	EXPECT_TRUE(secret_eq(a, b, 0));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = 1;
		EXPECT_FALSE(secret_eq(a, b, sizeof(a)));
		EXPECT_TRUE(secret_eq(a, b, i));
		b[i] = 0;
	}
	memset(a, 7, sizeof(a));
	wipe(a, sizeof(a));
	EXPECT_TRUE(secret_eq(a, b, sizeof(a)));
	wipe(NULL, 0);
	wipe_free(NULL, 0);
}

HARNESS_MAIN
