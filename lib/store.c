// SPDX-License-Identifier: MIT
#include "store.h"

#include <errno.h>

#include "cache.h"
#include "ticket.h"

bool store_has(const struct ktls_config *cfg)
{
	return cfg->sessions || cfg->store.fetch;
}

/* ---- the application's ------------------------------------------------- */

/* Bound to its id: what stands under another one does not open */
static int sealed_put(const struct ktls_config *cfg, struct slice id,
		      struct slice state, uint64_t expires)
{
	struct wr w = { 0 };
	uint64_t until;
	int err = ticket_seal(cfg->tickets, id, state, &w, &until);

	if (!err)
		err = wr_ok(&w) && w.len <= KTLS_SESSION_SIZE ? 0 : -ENOMEM;
	if (!err)
		err = cfg->store.store(cfg->arg, id.p, id.len, w.buf, w.len,
				       until < expires ? until : expires);
	wr_free(&w);
	return err;
}

static bool sealed_get(const struct ktls_config *cfg, struct slice id,
		       ssize_t (*get)(void *arg, const void *id, size_t id_len,
				      void *buf, size_t size),
		       struct wr *w)
{
	uint8_t buf[KTLS_SESSION_SIZE];
	ssize_t len = get(cfg->arg, id.p, id.len, buf, sizeof(buf));
	bool old;

	return len > 0 && (size_t)len <= sizeof(buf) &&
	       ticket_open(cfg->tickets, id,
			   (struct slice){ buf, (size_t)len }, w, &old);
}

/* ---- either ------------------------------------------------------------ */

int store_put(const struct ktls_config *cfg, struct slice id,
	      struct slice state, uint64_t expires)
{
	if (cfg->store.store)
		return sealed_put(cfg, id, state, expires);
	return cfg->sessions ? cache_put(cfg->sessions, id, state,
					 (time_t)expires) : -ENOENT;
}

bool store_get(const struct ktls_config *cfg, struct slice id, struct wr *w)
{
	if (cfg->store.fetch)
		return sealed_get(cfg, id, cfg->store.fetch, w);
	return cfg->sessions && cache_get(cfg->sessions, id, false, w);
}

bool store_take(const struct ktls_config *cfg, struct slice id,
		struct wr *w)
{
	bool found;

	if (cfg->store.take)
		return sealed_get(cfg, id, cfg->store.take, w);
	if (!cfg->store.fetch)
		return cfg->sessions && cache_get(cfg->sessions, id, true, w);
	found = store_get(cfg, id, w);
	store_del(cfg, id);
	return found;
}

void store_del(const struct ktls_config *cfg, struct slice id)
{
	if (cfg->store.forget)
		cfg->store.forget(cfg->arg, id.p, id.len);
	else if (cfg->sessions)
		cache_del(cfg->sessions, id);
}
