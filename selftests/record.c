// SPDX-License-Identifier: GPL-2.0-only
/* The record layer in user space (RFC 9846 5), one direction at a time */
#include <stdlib.h>
#include <string.h>

#include "../lib/include/ktls.h"
#include "record_lib.h"
#include "../lib/record.h"
#include "harness.h"

FIXTURE(record) {
	struct crypto *crypto;
	const struct suite *suite;
	struct secret secret;
	struct traffic_keys keys;
	struct record tx, rx;
	struct aead seal;	/* the cipher alone, with the same key */
	struct wr out;
};

FIXTURE_VARIANT(record) {
	uint16_t suite;
};

static bool each_suite(size_t i, FIXTURE_VARIANT(record) *variant, char *name,
		       size_t size)
{
	/* the rows of 1.3 come first */
	if (i >= suites_len || suites[i].version != KTLS_TLS13)
		return false;
	variant->suite = suites[i].id;
	strncpy(name, suites[i].name, size - 1);
	return true;
}

FIXTURE_VARIANT_GEN(record, each_suite);

FIXTURE_SETUP(record)
{
	ASSERT_OK(crypto_new(&self->crypto));
	self->suite = suite_find(variant->suite);
	self->secret.len = hash_rows[self->suite->hash].len;
	for (size_t i = 0; i < self->secret.len; i++)
		self->secret.b[i] = (uint8_t)(7 * i + 1);
	ASSERT_OK(record_set_secret(&self->tx, self->crypto, self->suite,
				 &self->secret, true));
	ASSERT_OK(record_set_secret(&self->rx, self->crypto, self->suite,
				 &self->secret, false));
	ASSERT_OK(traffic_keys(self->crypto, self->suite, &self->secret,
			       &self->keys));
	ASSERT_OK(aead_set(&self->seal, self->crypto, self->suite->aead,
			   self->keys.key, true));
}

FIXTURE_TEARDOWN(record)
{
	record_free(&self->tx);
	record_free(&self->rx);
	aead_free(&self->seal);
	wr_free(&self->out);
	crypto_free(self->crypto);
}

/* ---- helpers ----------------------------------------------------------- */

static void seal(FIXTURE_DATA(record) *self, uint8_t type, const void *p,
		 size_t len)
{
	wr_reset(&self->out);
	ASSERT_OK(record_seal(&self->tx, KTLS_TLS12, type, p, len,
			      &self->out));
}

/* What only a faulty peer makes: any inner plaintext, any header */
static void seal_inner(FIXTURE_DATA(record) *self, const void *inner,
		       size_t len)
{
	uint8_t head[RECORD_HEADER] = { CT_DATA, 3, 3 };
	uint8_t nonce[AEAD_IV_LEN], *to;

	head[3] = (uint8_t)((len + AEAD_TAG_LEN) >> 8);
	head[4] = (uint8_t)(len + AEAD_TAG_LEN);
	memcpy(nonce, self->keys.iv, sizeof(nonce));
	for (size_t i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(self->tx.seq >> (56 - 8 * i));
	wr_reset(&self->out);
	wr_bytes(&self->out, head, sizeof(head));
	to = wr_reserve(&self->out, len + AEAD_TAG_LEN);
	ASSERT_TRUE(to);
	ASSERT_OK(aead_seal(&self->seal, nonce,
			    (struct slice){ head, sizeof(head) }, inner, len,
			    to));
	self->out.len += len + AEAD_TAG_LEN;
	self->tx.seq++;
}

/* Open a copy that ends where its memory ends */
static int open_copy(FIXTURE_DATA(record) *self, uint8_t *type,
		     struct slice *content, uint8_t **copy)
{
	*copy = malloc(self->out.len);
	ASSERT_TRUE(*copy);
	memcpy(*copy, self->out.buf, self->out.len);
	return record_open(&self->rx, *copy, self->out.len, type, content);
}

/* ... only to see how it fails */
static int open_status(FIXTURE_DATA(record) *self)
{
	struct slice content;
	uint8_t type, *copy;
	int err = open_copy(self, &type, &content, &copy);

	free(copy);
	return err;
}

static void expect(FIXTURE_DATA(record) *self, uint8_t type, const void *p,
		   size_t len)
{
	struct slice content = { NULL, 0 };
	uint8_t got, *copy;

	ASSERT_OK(open_copy(self, &got, &content, &copy));
	EXPECT_EQ(got, type);
	ASSERT_EQ(content.len, len);
	if (len)
		EXPECT_MEMEQ(content.p, p, len);
	free(copy);
}

/* ---- what is right ----------------------------------------------------- */

TEST_F(record, round_trip_of_every_small_size)
{
	uint8_t plain[70];

	for (size_t len = 0; len < sizeof(plain); len++) {
		memset(plain, (int)len, len);
		seal(self, CT_DATA, plain, len);
		EXPECT_EQ(self->out.len,
			  RECORD_HEADER + len + 1 + AEAD_TAG_LEN);
		EXPECT_MEMEQ(self->out.buf, "\x17\x03\x03", 3);
		EXPECT_EQ(self->out.buf[4], len + 1 + AEAD_TAG_LEN);
		expect(self, CT_DATA, plain, len);
		EXPECT_EQ(self->tx.seq, len + 1);
		EXPECT_EQ(self->rx.seq, len + 1);
	}
}

/* 5.3: the number, padded to the left, over the IV: all eight bytes of it */
TEST_F(record, nonce_is_iv_xor_sequence)
{
	static const uint64_t at[] = {
		0, 1, 255, 256, 0xffffffff, 1ull << 32, 0x0102030405060708,
		UINT64_MAX - 1,
	};

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		self->tx.seq = self->rx.seq = at[i];
		seal_inner(self, "hello\x16", 6);
		expect(self, CT_HANDSHAKE, "hello", 5);
		EXPECT_EQ(self->rx.seq, at[i] + 1);
		/* and ours is the same, byte by byte */
		self->tx.seq = at[i];
		seal_inner(self, "hello\x16", 6);
		self->tx.seq = at[i];
		struct wr theirs = self->out;

		self->out = (struct wr){ 0 };
		seal(self, CT_HANDSHAKE, "hello", 5);
		ASSERT_EQ(self->out.len, theirs.len);
		EXPECT_MEMEQ(self->out.buf, theirs.buf, theirs.len);
		wr_free(&theirs);
	}
}

TEST_F(record, sealed_ones_are_appended)
{
	struct wr both = { 0 };

	ASSERT_OK(record_seal(&self->tx, 0x0301, CT_ALERT, "\2\50", 2, &both));
	size_t first = both.len;

	ASSERT_OK(record_seal(&self->tx, 0x0301, CT_DATA, "x", 1, &both));
	wr_bytes(&self->out, both.buf, first);
	expect(self, CT_ALERT, "\2\50", 2);
	wr_reset(&self->out);
	wr_bytes(&self->out, both.buf + first, both.len - first);
	expect(self, CT_DATA, "x", 1);
	wr_free(&both);
}

TEST_F(record, padding_of_every_length)
{
	uint8_t inner[300] = "data\x17";

	for (size_t pad = 0; pad < 40; pad++) {
		seal_inner(self, inner, 5 + pad);
		expect(self, CT_DATA, "data", 4);
	}
	seal_inner(self, inner, sizeof(inner));
	expect(self, CT_DATA, "data", 4);
	/* zeros at the end of the content are not padding */
	memcpy(inner, "\0\0\0\x16", 4);
	seal_inner(self, inner, 4);
	expect(self, CT_HANDSHAKE, "\0\0\0", 3);
	/* no content */
	seal_inner(self, "\x17\0\0", 3);
	expect(self, CT_DATA, "", 0);
}

TEST_F(record, largest)
{
	uint8_t *inner = calloc(1, RECORD_PLAIN_MAX + 256);
	struct record_header h;

	ASSERT_TRUE(inner);
	memset(inner, 'x', RECORD_PLAIN_MAX);
	seal(self, CT_DATA, inner, RECORD_PLAIN_MAX);
	ASSERT_OK(record_header(&(struct record){ 0 }, self->out.buf, &h));
	EXPECT_EQ(h.len, RECORD_PLAIN_MAX + 1 + AEAD_TAG_LEN);
	expect(self, CT_DATA, inner, RECORD_PLAIN_MAX);
	/* 5.2: content of 2^14 + 1 bytes */
	inner[RECORD_PLAIN_MAX] = 'x';
	inner[RECORD_PLAIN_MAX + 1] = CT_DATA;
	seal_inner(self, inner, RECORD_PLAIN_MAX + 2);
	ASSERT_OK(record_header(&(struct record){ 0 }, self->out.buf, &h));
	EXPECT_EQ(open_status(self), -KTLS_E_RECORD_OVERFLOW);
	/* 5.4: padding counts: content, type and padding of 2^14 + 2 */
	memset(inner, 0, RECORD_PLAIN_MAX + 2);
	inner[0] = CT_DATA;
	seal_inner(self, inner, RECORD_PLAIN_MAX + 1);
	expect(self, CT_DATA, "", 0);
	seal_inner(self, inner, RECORD_PLAIN_MAX + 2);
	EXPECT_EQ(open_status(self), -KTLS_E_RECORD_OVERFLOW);
	free(inner);
}

/* ---- what is wrong ----------------------------------------------------- */

TEST_F(record, no_type_inside)
{
	uint8_t zeros[64] = { 0 };

	for (size_t len = 0; len < sizeof(zeros); len++) {
		seal_inner(self, zeros, len);
		EXPECT_EQ(open_status(self), -KTLS_E_RECORD_EMPTY);
	}
}

TEST_F(record, every_byte_is_authentic)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };

	seal(self, CT_DATA, "attack at dawn", 14);
	for (size_t i = 0; i < self->out.len; i++) {
		for (size_t j = 0; j < sizeof(flips); j++) {
			self->out.buf[i] ^= flips[j];
			EXPECT_EQ(open_status(self), -KTLS_E_RECORD_MAC)
				TH_LOG("byte %zu ^ %#x", i, flips[j]);
			self->out.buf[i] ^= flips[j];
		}
	}
	/* a failure counts for nothing, and the right one is still welcome */
	EXPECT_EQ(self->rx.seq, 0);
	expect(self, CT_DATA, "attack at dawn", 14);
}

TEST_F(record, every_truncation)
{
	seal(self, CT_DATA, "attack at dawn", 14);
	size_t len = self->out.len;

	for (size_t n = RECORD_HEADER; n < len; n++) {
		self->out.len = n;
		EXPECT_EQ(open_status(self), -KTLS_E_RECORD_MAC);
		/* with the header set right, too */
		self->out.buf[4] = (uint8_t)(n - RECORD_HEADER);
		EXPECT_EQ(open_status(self), -KTLS_E_RECORD_MAC);
		self->out.buf[4] = (uint8_t)(len - RECORD_HEADER);
	}
	self->out.len = len;
	expect(self, CT_DATA, "attack at dawn", 14);
}

TEST_F(record, replay_and_reorder)
{
	seal(self, CT_DATA, "one", 3);
	expect(self, CT_DATA, "one", 3);
	EXPECT_EQ(open_status(self), -KTLS_E_RECORD_MAC);
	self->tx.seq++;		/* one is lost */
	seal(self, CT_DATA, "three", 5);
	EXPECT_EQ(open_status(self), -KTLS_E_RECORD_MAC);
}

/* What does not verify is not there to be looked at */
TEST_F(record, failure_leaves_no_plaintext)
{
	uint8_t text[] = "attack at dawn", *copy, type;
	struct slice content;

	seal(self, CT_DATA, text, sizeof(text));
	self->out.buf[self->out.len - 1] ^= 1;
	EXPECT_EQ(open_copy(self, &type, &content, &copy),
		  -KTLS_E_RECORD_MAC);
	EXPECT_EQ(memmem(copy, self->out.len, text, 6), NULL);
	free(copy);
}

TEST_F(record, new_key_begins_at_zero)
{
	struct secret first = self->secret;

	seal(self, CT_DATA, "old", 3);
	ASSERT_OK(traffic_update(self->crypto, self->suite, &self->secret));
	EXPECT_TRUE(memcmp(first.b, self->secret.b, first.len));
	ASSERT_OK(record_set_secret(&self->rx, self->crypto, self->suite,
				 &self->secret, false));
	EXPECT_EQ(open_status(self), -KTLS_E_RECORD_MAC);
	ASSERT_OK(record_set_secret(&self->tx, self->crypto, self->suite,
				 &self->secret, true));
	EXPECT_EQ(self->tx.seq, 0);
	seal(self, CT_DATA, "new", 3);
	expect(self, CT_DATA, "new", 3);
}

/* ---- headers ----------------------------------------------------------- */

static int header(uint8_t type, uint8_t major, uint8_t minor, size_t len)
{
	uint8_t p[] = { type, major, minor, (uint8_t)(len >> 8),
			(uint8_t)len };
	struct record_header h;
	int err = record_header(&(struct record){ 0 }, p, &h);

	if (!err) {
		EXPECT_EQ(h.type, type);
		EXPECT_EQ(h.len, len);
	}
	return err;
}

TEST(header_types)
{
	for (unsigned int type = 0; type < 256; type++)
		EXPECT_EQ(header((uint8_t)type, 3, 3, 1),
			  type >= 20 && type <= 23 ? 0 : -KTLS_E_RECORD_TYPE);
}

TEST(header_lengths)
{
	const size_t open_max = RECORD_PLAIN_MAX;
	const size_t sealed_max = RECORD_PLAIN_MAX + RECORD_EXPANSION_MAX;

	for (uint8_t type = CT_CHANGE_CIPHER_SPEC; type < CT_DATA; type++) {
		EXPECT_OK(header(type, 3, 3, 0));
		EXPECT_OK(header(type, 3, 3, open_max));
		EXPECT_EQ(header(type, 3, 3, open_max + 1),
			  -KTLS_E_RECORD_OVERFLOW);
	}
	EXPECT_OK(header(CT_DATA, 3, 3, sealed_max));
	EXPECT_EQ(header(CT_DATA, 3, 3, sealed_max + 1),
		  -KTLS_E_RECORD_OVERFLOW);
	EXPECT_EQ(header(CT_DATA, 3, 3, 65535), -KTLS_E_RECORD_OVERFLOW);
}

/* 5.1: ignored; but it has never been anything than 3.x */
TEST(header_versions)
{
	for (unsigned int minor = 0; minor < 256; minor++)
		EXPECT_OK(header(CT_HANDSHAKE, 3, (uint8_t)minor, 1));
	EXPECT_EQ(header(CT_HANDSHAKE, 2, 0, 1), -KTLS_E_RECORD_TYPE);
}

/* ---- without a key ----------------------------------------------------- */

TEST(plaintext)
{
	struct record rec = { 0 };
	struct slice content;
	struct wr out = { 0 };
	uint8_t type;

	ASSERT_OK(record_seal(&rec, 0x0301, CT_HANDSHAKE, "abc", 3, &out));
	ASSERT_EQ(out.len, 8);
	EXPECT_MEMEQ(out.buf, "\x16\x03\x01\x00\x03" "abc", 8);
	ASSERT_OK(record_open(&rec, out.buf, out.len, &type, &content));
	EXPECT_EQ(type, CT_HANDSHAKE);
	ASSERT_EQ(content.len, 3);
	EXPECT_MEMEQ(content.p, "abc", 3);
	wr_free(&out);
	record_free(&rec);
}

HARNESS_MAIN
