/* SPDX-License-Identifier: MIT */
/*
 * Where a server keeps sessions by their id: a cache of its own, or a store of
 * the application, in which they are sealed.
 */
#ifndef KTLS_STORE_H
#define KTLS_STORE_H

#include "config.h"

bool store_has(const struct ktls_config *cfg);
/* Keep @state until @expires, in place of what was there */
int store_put(const struct ktls_config *cfg, struct slice id,
	      struct slice state, uint64_t expires);
/* Append what is under @id to @w: true if there is something */
bool store_get(const struct ktls_config *cfg, struct slice id,
	       struct wr *w);
/* ... and forget it, so that nobody else gets it */
bool store_take(const struct ktls_config *cfg, struct slice id,
		struct wr *w);
void store_del(const struct ktls_config *cfg, struct slice id);

#endif /* KTLS_STORE_H */
