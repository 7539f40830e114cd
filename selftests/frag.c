// SPDX-License-Identifier: GPL-2.0-only
/* Handshake messages put together from records (RFC 9846 5.1) */
#include <stdlib.h>
#include <string.h>

#include "../lib/frag.h"
#include "../lib/include/ktls.h"
#include "harness.h"

/* A copy that ends where its memory ends, so that ASan sees a step too far */
static uint8_t *exact(const void *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	ASSERT_TRUE(copy);
	if (len)
		memcpy(copy, p, len);
	return copy;
}

struct taken {
	size_t begun, taken;
	size_t at;		/* in the stream of messages */
	const uint8_t *stream;
	uint8_t refuse;		/* a type that is not allowed; 0: none */
	bool last;
	size_t stop;		/* fail the message of this number; 0: none */
};

static int begin(void *arg, uint8_t type)
{
	struct taken *t = arg;

	t->begun++;
	return type == t->refuse ? -KTLS_E_UNEXPECTED : 0;
}

static int take(void *arg, struct slice whole, bool last)
{
	struct taken *t = arg;
	uint8_t *copy = exact(whole.p, whole.len);

	EXPECT_MEMEQ(copy, t->stream + t->at, whole.len);
	free(copy);
	t->at += whole.len;
	t->last = last;
	return ++t->taken == t->stop ? -KTLS_E_DECODE : 0;
}

static const struct frag_ops ops = { begin, take };

static int feed(struct frag *f, struct taken *t, size_t at, size_t len,
		size_t max)
{
	uint8_t *copy = exact(t->stream + at, len);
	int err = frag_feed(f, (struct slice){ copy, len }, max, &ops, t);

	free(copy);
	return err;
}

/* Messages of 0, 1, 300 and 2 bytes */
static size_t make_stream(struct wr *w)
{
	static const size_t sizes[] = { 0, 1, 300, 2 };

	for (size_t i = 0; i < 4; i++) {
		wr_u8(w, (uint8_t)(i + 1));
		wr_vec(w, 3)
			for (size_t j = 0; j < sizes[i]; j++)
				wr_u8(w, (uint8_t)j);
	}
	ASSERT_TRUE(wr_ok(w));
	return 4;
}

TEST(frag_whole_stream_in_every_split)
{
	struct wr w = { 0 };
	size_t n = make_stream(&w);

	for (size_t a = 0; a < w.len; a += a < 12 ? 1 : 7) {
		for (size_t b = a + 1; b < w.len; b++) {
			size_t cut[] = { 0, a, b, w.len };
			struct taken t = { .stream = w.buf };
			struct frag f = { 0 };

			for (size_t i = a ? 0 : 1; i < 3; i++)
				ASSERT_OK(feed(&f, &t, cut[i],
					       cut[i + 1] - cut[i], 300));
			ASSERT_EQ(t.taken, n) TH_LOG("cut %zu %zu", a, b);
			ASSERT_EQ(t.at, w.len);
			EXPECT_TRUE(t.last);
			EXPECT_FALSE(frag_pending(&f));
			frag_free(&f);
		}
	}
	wr_free(&w);
}

TEST(frag_every_size_of_record)
{
	struct wr w = { 0 };
	size_t n = make_stream(&w);

	for (size_t size = 1; size <= w.len; size++) {
		struct taken t = { .stream = w.buf };
		struct frag f = { 0 };
		size_t at = 0, part;

		for (; at < w.len; at += part) {
			part = w.len - at < size ? w.len - at : size;
			ASSERT_OK(feed(&f, &t, at, part, 300));
			EXPECT_EQ(frag_pending(&f), t.at != at + part);
		}
		EXPECT_EQ(t.taken, n);
		frag_free(&f);
	}
	wr_free(&w);
}

TEST(frag_tells_what_is_last_in_a_record)
{
	static const uint8_t two[] = { 1, 0, 0, 0, 2, 0, 0, 1, 9 };
	struct taken t = { .stream = two };
	struct frag f = { 0 };

	ASSERT_OK(feed(&f, &t, 0, 4, 16));
	EXPECT_TRUE(t.last);
	ASSERT_OK(feed(&f, &t, 4, 5, 16));
	EXPECT_TRUE(t.last);
	t = (struct taken){ .stream = two };
	/* a byte of the next one is enough */
	ASSERT_OK(feed(&f, &t, 0, 5, 16));
	EXPECT_EQ(t.taken, 1);
	EXPECT_FALSE(t.last);
	EXPECT_TRUE(frag_pending(&f));
	ASSERT_OK(feed(&f, &t, 5, 4, 16));
	EXPECT_TRUE(t.last);
	frag_free(&f);
}

TEST(frag_empty_record)
{
	static const uint8_t one[] = { 1, 0, 0, 1, 9 };
	struct taken t = { .stream = one };
	struct frag f = { 0 };

	EXPECT_EQ(feed(&f, &t, 0, 0, 16), -KTLS_E_RECORD_EMPTY);
	ASSERT_OK(feed(&f, &t, 0, 4, 16));
	EXPECT_EQ(feed(&f, &t, 4, 0, 16), -KTLS_E_RECORD_EMPTY);
	frag_free(&f);
}

/* What is too long is refused once its length is known, not once it is there */
TEST(frag_limit)
{
	static const uint8_t head[] = { 1, 0, 0, 17, 0 };
	struct taken t = { .stream = head };
	struct frag f = { 0 };

	EXPECT_OK(feed(&f, &t, 0, 3, 16));
	EXPECT_EQ(feed(&f, &t, 3, 1, 16), -KTLS_E_MESSAGE_SIZE);
	frag_free(&f);
	EXPECT_EQ(feed(&f, &t, 0, 5, 16), -KTLS_E_MESSAGE_SIZE);
	frag_free(&f);
	EXPECT_OK(feed(&f, &t, 0, 5, 17));
	EXPECT_TRUE(frag_pending(&f));
	frag_free(&f);
	EXPECT_EQ(t.taken, 0);
}

/* ... and what is not allowed, once its type is */
TEST(frag_refuses_at_the_first_byte)
{
	static const uint8_t two[] = { 1, 0, 0, 0, 2 };
	struct taken t = { .stream = two, .refuse = 2 };
	struct frag f = { 0 };

	EXPECT_EQ(feed(&f, &t, 0, 5, 16), -KTLS_E_UNEXPECTED);
	EXPECT_EQ(t.taken, 1);
	EXPECT_FALSE(t.last);
	frag_free(&f);
	EXPECT_EQ(feed(&f, &t, 4, 1, 16), -KTLS_E_UNEXPECTED);
	frag_free(&f);
}

TEST(frag_stops_at_a_failure)
{
	struct wr w = { 0 };
	size_t n = make_stream(&w);

	for (size_t stop = 1; stop <= n; stop++) {
		struct taken t = { .stream = w.buf, .stop = stop };
		struct frag f = { 0 };

		EXPECT_EQ(feed(&f, &t, 0, w.len, 300), -KTLS_E_DECODE);
		EXPECT_EQ(t.taken, stop);
		frag_free(&f);
		/* the same when the last piece is what completes it */
		t = (struct taken){ .stream = w.buf, .stop = stop };
		for (size_t at = 0; !feed(&f, &t, at, 1, 300); at++)
			;
		EXPECT_EQ(t.taken, stop);
		frag_free(&f);
	}
	wr_free(&w);
}

/* Small pieces of a large message: its memory may grow, not be made anew */
TEST(frag_cost_is_linear)
{
	const size_t len = 65536, max = 1 << 16;
	struct wr w = { 0 };
	struct taken t = { 0 };
	struct frag f = { 0 };
	const uint8_t *buf = NULL;
	size_t moves = 0;

	wr_u8(&w, 1);
	wr_vec(&w, 3)
		for (size_t i = 0; i < len; i++)
			wr_u8(&w, (uint8_t)(i * 31));
	ASSERT_TRUE(wr_ok(&w));
	t.stream = w.buf;
	for (size_t at = 0; at < w.len; at++) {
		ASSERT_OK(frag_feed(&f, (struct slice){ w.buf + at, 1 }, max,
				    &ops, &t));
		moves += f.buf.buf != buf;
		buf = f.buf.buf;
	}
	EXPECT_EQ(t.taken, 1);
	EXPECT_LT(moves, 16);
	frag_free(&f);
	wr_free(&w);
}

/* An end of a record that begins many messages costs no more than they do */
TEST(frag_many_small_messages)
{
	static const uint8_t small[] = { 1, 0, 0, 0 };
	struct wr w = { 0 };
	struct taken t = { 0 };
	struct frag f = { 0 };

	for (size_t i = 0; i < 4096; i++)
		wr_bytes(&w, small, sizeof(small));
	ASSERT_TRUE(wr_ok(&w));
	t.stream = w.buf;
	ASSERT_OK(feed(&f, &t, 0, w.len, 16));
	EXPECT_EQ(t.taken, 4096);
	/* out of step by a byte, all along */
	t = (struct taken){ .stream = w.buf };
	ASSERT_OK(feed(&f, &t, 0, 1, 16));
	ASSERT_OK(feed(&f, &t, 1, w.len - 1, 16));
	EXPECT_EQ(t.taken, 4096);
	EXPECT_FALSE(frag_pending(&f));
	frag_free(&f);
	wr_free(&w);
}

HARNESS_MAIN
