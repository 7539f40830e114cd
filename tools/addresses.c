// SPDX-License-Identifier: MIT
#include "addresses.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SHARDS		16
#define BUCKETS		1024	/* of a shard */

/* As long as there is a connection from it: never more than connections */
struct address {
	struct address *next;
	uint64_t key;
	bool v6;
	unsigned int n;
};

/* Threads that accept at the same time seldom want the same lock */
static struct shard {
	pthread_mutex_t lock;
	struct address *buckets[BUCKETS];
} shards[SHARDS];

static unsigned int limit;
static uint64_t secret[2];	/* nobody can choose addresses that collide */

void addresses_limit(unsigned int max)
{
	limit = max;
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_init(&shards[i].lock, NULL);
	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		secret[0] = (uint64_t)(uintptr_t)&secret;
}

static uint64_t hash(const struct address *a)
{
	uint64_t h = a->key ^ secret[a->v6];

	for (int i = 0; i < 2; i++) {
		h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
		h ^= secret[i];
	}
	return h ^ h >> 32;
}

static struct address key_of(const union net_addr *addr)
{
	struct address a = { .v6 = addr->sa.sa_family == AF_INET6 };
	const uint8_t *b = addr->in6.sin6_addr.s6_addr;
	uint32_t v4 = addr->in.sin_addr.s_addr;

	if (a.v6 && IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr)) {
		a.v6 = false;
		memcpy(&v4, b + 12, sizeof(v4));
	}
	if (a.v6)
		memcpy(&a.key, b, sizeof(a.key));
	else
		a.key = v4;
	return a;
}

/* Locks the shard: the entry, or where one goes */
static struct address **find(const struct address *key, struct shard **shard)
{
	uint64_t h = hash(key);
	struct address **p;

	*shard = &shards[h % SHARDS];
	pthread_mutex_lock(&(*shard)->lock);
	p = &(*shard)->buckets[h / SHARDS % BUCKETS];
	while (*p && ((*p)->key != key->key || (*p)->v6 != key->v6))
		p = &(*p)->next;
	return p;
}

bool addresses_take(const union net_addr *addr)
{
	struct address key, **p;
	struct shard *shard;
	bool taken;

	if (!limit)
		return true;
	key = key_of(addr);
	p = find(&key, &shard);
	if (!*p) {
		*p = malloc(sizeof(**p));
		if (*p)
			**p = key;
	}
	taken = *p && (*p)->n < limit;
	if (taken)
		(*p)->n++;
	pthread_mutex_unlock(&shard->lock);
	return taken;
}

void addresses_give(const union net_addr *addr)
{
	struct address key, **p, *gone = NULL;
	struct shard *shard;

	if (!limit)
		return;
	key = key_of(addr);
	p = find(&key, &shard);
	if (*p && !--(*p)->n) {
		gone = *p;
		*p = gone->next;
	}
	pthread_mutex_unlock(&shard->lock);
	free(gone);
}
