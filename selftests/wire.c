// SPDX-License-Identifier: GPL-2.0-only
/* Cursors over the wire format, and writers of it */
#include <stdlib.h>
#include <string.h>

#include "../lib/wire.h"
#include "harness.h"

/* ---- reading ----------------------------------------------------------- */

/* A copy that ends where its memory ends, so that ASan sees a step too far */
static uint8_t *exact(const void *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	ASSERT_TRUE(copy);
	if (len)
		memcpy(copy, p, len);
	return copy;
}

TEST(rd_take_every_length)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	for (size_t have = 0; have <= sizeof(bytes); have++) {
		uint8_t *buf = exact(bytes, have);

		for (size_t want = 0; want <= sizeof(bytes) + 1; want++) {
			bool bad = false;
			struct rd r = rd_init(buf, have, &bad);
			struct slice s = rd_take(&r, want);

			EXPECT_EQ(bad, want > have);
			EXPECT_EQ(s.len, want > have ? 0 : want);
			EXPECT_EQ(rd_left(&r), bad ? 0 : have - want);
			if (s.len)
				EXPECT_MEMEQ(s.p, bytes, s.len);
		}
		free(buf);
	}
}

TEST(rd_integers)
{
	static const uint8_t bytes[] = { 0xff, 0x01, 0x02, 0x80, 0x00, 0x01,
					 0xfe, 0xdc, 0xba, 0x98 };
	bool bad = false;
	struct rd r = rd_init(bytes, sizeof(bytes), &bad);

	EXPECT_EQ(rd_u8(&r), 0xff);
	EXPECT_EQ(rd_u16(&r), 0x0102);
	EXPECT_EQ(rd_u24(&r), 0x800001);
	EXPECT_EQ(rd_u32(&r), 0xfedcba98);
	EXPECT_FALSE(bad);
	rd_end(&r);
	EXPECT_FALSE(bad);
	EXPECT_EQ(rd_u8(&r), 0);
	EXPECT_TRUE(bad);
}

/* What is there when too little is: nothing, and then nothing more */
TEST(rd_is_sticky)
{
	uint8_t *buf = exact("\1\2\3", 3);

	for (unsigned int bytes = 4; bytes; bytes--) {
		bool bad = false;
		struct rd r = rd_init(buf, bytes - 1, &bad);

		EXPECT_EQ(rd_uint(&r, bytes), 0);
		EXPECT_TRUE(bad);
		EXPECT_EQ(rd_left(&r), 0);
		EXPECT_EQ(rd_u8(&r), 0);
		EXPECT_EQ(rd_rest(&r).len, 0);
		EXPECT_EQ(rd_opaque(&r, 1).len, 0);
		EXPECT_TRUE(bad);
	}
	free(buf);
}

TEST(rd_vectors)
{
	for (unsigned int n = 1; n <= 3; n++) {
		for (size_t len = 0; len < 5; len++) {
			uint8_t bytes[8] = { 0 }, *buf;
			bool bad = false;
			struct rd r, v;

			bytes[n - 1] = 3;
			buf = exact(bytes, n + len);
			r = rd_init(buf, n + len, &bad);
			v = rd_vec(&r, n);
			EXPECT_EQ(bad, len < 3);
			EXPECT_EQ(rd_left(&v), len < 3 ? 0 : 3);
			/* a failure inside is one of the whole */
			rd_take(&v, 4);
			EXPECT_TRUE(bad);
			free(buf);
		}
	}
}

TEST(rd_end_wants_the_end)
{
	bool bad = false;
	struct rd r = rd_init("x", 1, &bad);

	rd_end(&r);
	EXPECT_TRUE(bad);
	bad = false;
	r = rd_init(NULL, 0, &bad);
	rd_end(&r);
	EXPECT_EQ(rd_take(&r, 0).len, 0);
	EXPECT_FALSE(rd_more(&r));
	EXPECT_FALSE(bad);
}

/* A length near the top of its range must not wrap around the pointer */
TEST(rd_huge_lengths)
{
	static const uint8_t bytes[4] = { 0xff, 0xff, 0xff, 0xff };
	uint8_t *buf = exact(bytes, sizeof(bytes));

	for (unsigned int n = 1; n <= 4; n++) {
		bool bad = false;
		struct rd r = rd_init(buf, sizeof(bytes), &bad);

		EXPECT_EQ(rd_opaque(&r, n).len, 0);
		EXPECT_TRUE(bad);
	}
	free(buf);
}

/* ---- writing ----------------------------------------------------------- */

TEST(wr_integers)
{
	struct wr w = { 0 };

	wr_u8(&w, 0x01);
	wr_u16(&w, 0x0203);
	wr_u24(&w, 0x040506);
	wr_u32(&w, 0x0708090a);
	ASSERT_TRUE(wr_ok(&w));
	ASSERT_EQ(w.len, 10);
	EXPECT_MEMEQ(w.buf, "\1\2\3\4\5\6\7\10\11\12", 10);
	wr_free(&w);
	EXPECT_EQ(w.buf, NULL);
	EXPECT_EQ(w.cap, 0);
}

TEST(wr_vectors_nest)
{
	struct wr w = { 0 };

	wr_vec(&w, 3) {
		wr_u8(&w, 7);
		wr_vec(&w, 2)
			wr_opaque(&w, 1, (struct slice){
				  (const uint8_t *)"ab", 2 });
		wr_vec(&w, 1)
			;
	}
	ASSERT_TRUE(wr_ok(&w));
	ASSERT_EQ(w.len, 10);
	EXPECT_MEMEQ(w.buf, "\0\0\7\7\0\3\2ab\0", 10);
	wr_free(&w);
}

/* The longest vector that its length can say, and one byte more */
TEST(wr_vector_limits)
{
	static const size_t max[] = { 0, 0xff, 0xffff, 0xffffff };
	static const uint8_t zeros[1 << 16];

	for (unsigned int n = 1; n <= 3; n++) {
		for (size_t extra = 0; extra < 2; extra++) {
			struct wr w = { 0 };
			size_t left = max[n] + extra;

			wr_vec(&w, n)
				while (left) {
					size_t part = left < sizeof(zeros) ?
						      left : sizeof(zeros);

					wr_bytes(&w, zeros, part);
					left -= part;
				}
			EXPECT_EQ(wr_ok(&w), !extra);
			EXPECT_EQ(w.depth, 0);
			if (!extra)
				for (unsigned int i = 0; i < n; i++)
					EXPECT_EQ(w.buf[i], 0xff);
			wr_free(&w);
		}
	}
}

TEST(wr_depth_tells_of_a_vector_left_open)
{
	struct wr w = { 0 };

	wr_vec(&w, 2) {
		wr_u8(&w, 1);
		break;
	}
	EXPECT_FALSE(wr_ok(&w));
	EXPECT_EQ(w.depth, 1);
	wr_reset(&w);
	EXPECT_TRUE(wr_ok(&w));
	EXPECT_EQ(w.len, 0);
	wr_free(&w);
}

TEST(wr_bad_is_sticky_and_harmless)
{
	struct wr w = { 0 };

	wr_u8(&w, 1);
	EXPECT_EQ(wr_reserve(&w, SIZE_MAX), NULL);
	EXPECT_TRUE(w.bad);
	EXPECT_EQ(wr_reserve(&w, SIZE_MAX / 4 + 1), NULL);
	EXPECT_EQ(wr_reserve(&w, 1), NULL);
	wr_u32(&w, 2);
	wr_vec(&w, 2)
		wr_bytes(&w, "abc", 3);
	EXPECT_EQ(w.len, 1);
	EXPECT_FALSE(wr_ok(&w));
	wr_reset(&w);
	wr_u8(&w, 2);
	EXPECT_TRUE(wr_ok(&w));
	EXPECT_EQ(w.buf[0], 2);
	wr_free(&w);
}

TEST(wr_reserve_does_not_lengthen)
{
	struct wr w = { 0 };
	uint8_t *p;

	for (size_t n = 1; n < 5000; n = 2 * n + 1) {
		size_t len = w.len;

		p = wr_reserve(&w, n);
		ASSERT_TRUE(p);
		EXPECT_EQ(w.len, len);
		EXPECT_EQ(p, w.buf + w.len);
		EXPECT_GE(w.cap - w.len, n);
		memset(p, (int)n, n);
		w.len += n;
	}
	/* what was written is still there after it had to move */
	EXPECT_EQ(w.buf[0], 1);
	EXPECT_EQ(w.buf[1], 3);
	wr_bytes(&w, NULL, 0);
	EXPECT_TRUE(wr_ok(&w));
	wr_free(&w);
	wr_free(&w);
}

/* What a writer held is gone from the memory that it keeps */
TEST(wr_reset_wipes)
{
	static const uint8_t zeros[64];
	struct wr w = { 0 };

	for (size_t i = 0; i < sizeof(zeros); i++)
		wr_u8(&w, 0xa5);
	wr_reset(&w);
	ASSERT_TRUE(w.buf);
	EXPECT_MEMEQ(w.buf, zeros, sizeof(zeros));
	wr_free(&w);
}

HARNESS_MAIN
