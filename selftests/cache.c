// SPDX-License-Identifier: GPL-2.0-only
/* The cache: what it keeps, for how long, how much of it, and for threads */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "../lib/cache.h"
#include "clock_lib.h"
#include "harness.h"

static struct slice key_of(const uint32_t *n)
{
	return (struct slice){ (const uint8_t *)n, sizeof(*n) };
}

/* The value of @n in its @version: as long as both say, and full of them */
static struct slice value_of(uint32_t n, uint8_t version, uint8_t buf[64])
{
	size_t len = 2 + (n + version) % 62;

	memset(buf, (int)(n * 31 + version), len);
	buf[0] = version;
	return (struct slice){ buf, len };
}

static void put(struct cache *c, uint32_t n, uint8_t version, long seconds)
{
	uint8_t buf[64];

	ASSERT_OK(cache_put(c, key_of(&n), value_of(n, version, buf),
			    time(NULL) + seconds));
}

/* Its version, or -1 if there is none */
static int get(struct cache *c, uint32_t n, bool take)
{
	struct wr w = { 0 };
	uint8_t buf[64];
	int version = -1;

	if (cache_get(c, key_of(&n), take, &w)) {
		ASSERT_GE(w.len, 2);
		version = w.buf[0];
		EXPECT_TRUE(slice_eq((struct slice){ w.buf, w.len },
				     value_of(n, w.buf[0], buf)));
	}
	wr_free(&w);
	return version;
}

static size_t count(struct cache *c, uint32_t n)
{
	size_t found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += get(c, i, false) >= 0;
	return found;
}

TEST(put_get_replace_delete)
{
	struct cache *c = cache_new(100);
	uint32_t gone = 7;

	ASSERT_TRUE(c);
	EXPECT_EQ(get(c, 7, false), -1);
	put(c, 7, 1, 10);
	put(c, 8, 1, 10);
	EXPECT_EQ(get(c, 7, false), 1);
	put(c, 7, 2, 10);
	EXPECT_EQ(get(c, 7, false), 2);
	EXPECT_EQ(get(c, 7, true), 2);
	EXPECT_EQ(get(c, 7, false), -1);
	put(c, 7, 3, 10);
	cache_del(c, key_of(&gone));
	cache_del(c, key_of(&gone));
	EXPECT_EQ(get(c, 7, false), -1);
	EXPECT_EQ(get(c, 8, false), 1);
	cache_free(c);
	cache_free(NULL);
}

/* Never more than the bound, most of it used, the newest always there */
TEST(bounded)
{
	static const size_t max[] = { 1, 2, 3, 15, 16, 17, 100, 1000 };

	for (size_t i = 0; i < sizeof(max) / sizeof(*max); i++) {
		struct cache *c = cache_new(max[i]);

		ASSERT_TRUE(c);
		for (uint32_t n = 0; n < 4000; n++) {
			put(c, n, 0, 10);
			ASSERT_EQ(get(c, n, false), 0);
		}
		EXPECT_LE(count(c, 4000), max[i]);
		EXPECT_GE(count(c, 4000), (max[i] + 1) / 2);
		cache_free(c);
	}
}

TEST(the_oldest_makes_room)
{
	struct cache *c = cache_new(1);

	put(c, 1, 0, 1000);
	put(c, 2, 0, 10);
	EXPECT_EQ(get(c, 1, false), -1);
	EXPECT_EQ(get(c, 2, false), 0);
	cache_free(c);
	c = cache_new(64);
	for (uint32_t n = 0; n < 2000; n++)
		put(c, n, 0, 1000);
	EXPECT_EQ(count(c, 1000), 0);
	cache_free(c);
}

TEST(expires)
{
	struct cache *c = cache_new(100);

	put(c, 1, 0, 10);
	put(c, 2, 0, 20);
	put(c, 3, 0, 0);
	EXPECT_EQ(get(c, 3, false), -1);
	clock_ahead(9);
	EXPECT_EQ(get(c, 1, false), 0);
	clock_ahead(11);
	EXPECT_EQ(get(c, 1, false), -1);
	EXPECT_EQ(get(c, 2, false), 0);
	/* gone, not hidden */
	clock_ahead(0);
	EXPECT_EQ(get(c, 1, false), -1);
	cache_free(c);
}

/* What is out of date goes when something new comes, though nobody asks */
TEST(expired_ones_are_dropped)
{
	struct cache *c = cache_new(1600);

	for (uint32_t n = 0; n < 400; n++)
		put(c, n, 0, 10);
	clock_ahead(11);
	for (uint32_t n = 1000; n < 1400; n++)
		put(c, n, 0, 100);
	clock_ahead(0);
	EXPECT_EQ(count(c, 400), 0);
	cache_free(c);
}

/* ---- threads ----------------------------------------------------------- */

#define THREADS	4
#define KEYS	64
#define ROUNDS	20000

struct crowd {
	struct cache *cache;
	atomic_uint next, found;
};

static void *work(void *arg)
{
	struct crowd *crowd = arg;
	uint32_t me = atomic_fetch_add(&crowd->next, 1);
	uint32_t seed = me * 7919 + 1;

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t n = (seed = seed * 1664525 + 1013904223) >> 16;

		n %= KEYS;
		switch (seed >> 8 & 7) {
		case 0: case 1: case 2:
			put(crowd->cache, n, (uint8_t)(me + 1), 100);
			break;
		case 3:
			cache_del(crowd->cache, key_of(&n));
			break;
		default:
			if (get(crowd->cache, n, seed & 0x800) > 0)
				atomic_fetch_add(&crowd->found, 1);
		}
	}
	return NULL;
}

/* Values are whole and of their key, whoever put them, and the bound holds */
TEST(threads)
{
	struct crowd crowd = { .cache = cache_new(32) };
	pthread_t thread[THREADS];

	ASSERT_TRUE(crowd.cache);
	for (int i = 0; i < THREADS; i++)
		ASSERT_OK(pthread_create(&thread[i], NULL, work, &crowd));
	for (int i = 0; i < THREADS; i++)
		ASSERT_OK(pthread_join(thread[i], NULL));
	EXPECT_GT(crowd.found, ROUNDS / 10);
	EXPECT_LE(count(crowd.cache, KEYS), 32);
	cache_free(crowd.cache);
}

HARNESS_MAIN
