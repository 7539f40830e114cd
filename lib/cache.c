// SPDX-License-Identifier: MIT
#include "cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto.h"
#include "vault.h"

#define SHARDS_MAX	16	/* a power of two */

struct entry {
	struct entry *next;		/* in its bucket */
	struct entry *older, *newer;	/* in its shard */
	uint64_t hash;
	time_t expires;
	size_t key_len, value_len;
	uint8_t bytes[];		/* key, value */
};

struct shard {
	pthread_mutex_t lock;
	size_t len, max, buckets_len;	/* the latter a power of two */
	struct entry **buckets;
	struct entry *oldest, *newest;
};

struct cache {
	uint8_t seed[16];
	size_t shards_len;		/* a power of two as well */
	struct shard shards[SHARDS_MAX];
};

/* ---- birth and death --------------------------------------------------- */

static int shard_init(struct shard *s, size_t max)
{
	s->max = max;
	s->buckets_len = 1;
	while (s->buckets_len < max)
		s->buckets_len *= 2;
	s->buckets = calloc(s->buckets_len, sizeof(*s->buckets));
	if (s->buckets && !pthread_mutex_init(&s->lock, NULL))
		return 0;
	free(s->buckets);
	s->buckets = NULL;	/* nothing to destroy */
	return -ENOMEM;
}

struct cache *cache_new(size_t max)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c || crypto_random(c->seed, sizeof(c->seed))) {
		free(c);
		return NULL;
	}
	/* all of them together must not hold more than @max */
	c->shards_len = SHARDS_MAX;
	while (c->shards_len > max)
		c->shards_len /= 2;
	for (size_t i = 0; i < c->shards_len; i++) {
		if (shard_init(&c->shards[i], max / c->shards_len)) {
			cache_free(c);
			return NULL;
		}
	}
	return c;
}

static void entry_free(struct entry *e)
{
	vault_free(e, sizeof(*e) + e->key_len + e->value_len);
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < SHARDS_MAX && cache->shards[i].buckets; i++) {
		struct shard *s = &cache->shards[i];

		while (s->oldest) {
			struct entry *e = s->oldest;

			s->oldest = e->newer;
			entry_free(e);
		}
		pthread_mutex_destroy(&s->lock);
		free(s->buckets);
	}
	free(cache);
}

/* ---- finding ----------------------------------------------------------- */

/*
 * Keyed, so that a peer cannot choose keys that meet in one bucket (FNV-1a
 * over the seed and the key: ids are our own random bytes, and a client's
 * names few).
 */
static uint64_t hash_key(const struct cache *c, struct slice key)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < sizeof(c->seed); i++)
		h = (h ^ c->seed[i]) * 0x100000001b3u;
	for (size_t i = 0; i < key.len; i++)
		h = (h ^ key.p[i]) * 0x100000001b3u;
	/* of keys that are alike FNV leaves the low bits alike (MurmurHash3) */
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

static struct shard *shard_of(struct cache *c, uint64_t hash)
{
	return &c->shards[hash & (c->shards_len - 1)];
}

static struct entry **bucket(struct shard *s, uint64_t hash)
{
	return &s->buckets[(hash / SHARDS_MAX) & (s->buckets_len - 1)];
}

/* The next of @key, from @p on; of several the newest stands first */
static struct entry **find_from(struct entry **p, uint64_t hash,
				struct slice key)
{
	for (; *p; p = &(*p)->next)
		if ((*p)->hash == hash && (*p)->key_len == key.len &&
		    !memcmp((*p)->bytes, key.p, key.len))
			break;
	return p;
}

static struct entry **find(struct shard *s, uint64_t hash, struct slice key)
{
	return find_from(bucket(s, hash), hash, key);
}

static void unlink_entry(struct shard *s, struct entry **p)
{
	struct entry *e = *p;

	*p = e->next;
	*(e->older ? &e->older->newer : &s->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &s->newest) = e->older;
	s->len--;
	entry_free(e);
}

static void drop_oldest(struct shard *s)
{
	struct entry **p = bucket(s, s->oldest->hash);

	while (*p != s->oldest)
		p = &(*p)->next;
	unlink_entry(s, p);
}

/* Of those of @key keep the @max newest */
static void thin_out(struct shard *s, uint64_t hash, struct slice key,
		     size_t max)
{
	struct entry **p = find(s, hash, key);

	while (*p) {
		if (max) {
			max--;
			p = &(*p)->next;
		} else {
			unlink_entry(s, p);
		}
		p = find_from(p, hash, key);
	}
}

/* ---- the calls --------------------------------------------------------- */

static struct entry *entry_new(uint64_t hash, struct slice key,
			       struct slice value, time_t expires)
{
	struct entry *e = vault_alloc(sizeof(*e) + key.len + value.len);

	if (!e)
		return NULL;
	*e = (struct entry){ .hash = hash, .expires = expires,
			     .key_len = key.len, .value_len = value.len };
	if (key.len)
		memcpy(e->bytes, key.p, key.len);
	if (value.len)
		memcpy(e->bytes + key.len, value.p, value.len);
	return e;
}

int cache_add(struct cache *cache, struct slice key, struct slice value,
	      time_t expires, size_t max)
{
	uint64_t hash = hash_key(cache, key);
	struct shard *s = shard_of(cache, hash);
	struct entry *e = entry_new(hash, key, value, expires), **p;
	time_t now = time(NULL);

	if (!e)
		return -ENOMEM;
	pthread_mutex_lock(&s->lock);
	thin_out(s, hash, key, max - 1);
	/* secrets are kept no longer than they serve */
	while (s->oldest && (s->len == s->max || s->oldest->expires <= now))
		drop_oldest(s);
	p = bucket(s, hash);
	e->next = *p;
	*p = e;
	e->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = e;
	s->newest = e;
	s->len++;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int cache_put(struct cache *cache, struct slice key, struct slice value,
	      time_t expires)
{
	return cache_add(cache, key, value, expires, 1);
}

bool cache_get(struct cache *cache, struct slice key, bool take,
	       struct wr *w)
{
	uint64_t hash = hash_key(cache, key);
	struct shard *s = shard_of(cache, hash);
	struct entry **p;
	time_t now = time(NULL);
	bool found;

	pthread_mutex_lock(&s->lock);
	for (p = find(s, hash, key); *p && (*p)->expires <= now;
	     p = find_from(p, hash, key))
		unlink_entry(s, p);
	found = *p;
	if (found)
		wr_bytes(w, (*p)->bytes + (*p)->key_len, (*p)->value_len);
	if (found && take)
		unlink_entry(s, p);
	pthread_mutex_unlock(&s->lock);
	return found && wr_ok(w);
}

void cache_del(struct cache *cache, struct slice key)
{
	uint64_t hash = hash_key(cache, key);
	struct shard *s = shard_of(cache, hash);

	pthread_mutex_lock(&s->lock);
	thin_out(s, hash, key, 0);
	pthread_mutex_unlock(&s->lock);
}
