/* SPDX-License-Identifier: MIT */
/*
 * A bounded, expiring store of secrets by key: sessions by their id on a
 * server, by the server's name on a client.  Safe for any number of threads,
 * which rarely meet: it is many small stores.
 */
#ifndef KTLS_CACHE_H
#define KTLS_CACHE_H

#include <time.h>

#include "wire.h"

struct cache;

/* At most @max (1 or more) entries; the oldest make room.  NULL: no memory. */
struct cache *cache_new(size_t max);
void cache_free(struct cache *cache);		/* wipes; NULL is fine */
/* Keep a copy until @expires, in place of what was there: 0 or -ENOMEM */
int cache_put(struct cache *cache, struct slice key, struct slice value,
	      time_t expires);
/* ... or beside it, so that the @max (1 or more) newest are there */
int cache_add(struct cache *cache, struct slice key, struct slice value,
	      time_t expires, size_t max);
/*
 * Append the value, the newest, to @w and, if @take, forget it: true if there
 * was one
 */
bool cache_get(struct cache *cache, struct slice key, bool take,
	       struct wr *w);
void cache_del(struct cache *cache, struct slice key);

#endif /* KTLS_CACHE_H */
