// SPDX-License-Identifier: GPL-2.0-only
#include "psk_lib.h"

#include <string.h>
#include <time.h>

#include "../lib/cache.h"
#include "ext_lib.h"
#include "harness.h"
#include "session_lib.h"

static struct slice all(const struct wr *w)
{
	return (struct slice){ w->buf, w->len };
}

/* ---- what the client keeps --------------------------------------------- */

/* The newest of the client's; false: it has none */
static bool take(struct mitm *m, struct offer *o)
{
	struct wr key = { 0 }, w = { 0 };
	struct slice ticket;
	bool found;

	ASSERT_TRUE(session13_key(&key, m->name));
	found = cache_get(m->config[CLIENT_END]->sessions, all(&key), true,
			  &w);
	if (found && o) {
		ASSERT_TRUE(session_read(all(&w), &o->s, &ticket));
		wr_slice(&o->ticket, ticket);
	}
	wr_free(&key);
	wr_free(&w);
	return found;
}

void psk_earn(struct mitm *m, struct offer got[2])
{
	struct pair p;

	pair_open(&p, m->config[CLIENT_END], m->config[SERVER_END]);
	exchange(p.server, p.client, 1);
	pair_close(&p);
	for (int i = 0; i < 2; i++) {
		got[i] = (struct offer){ .ticket = { 0 } };
		ASSERT_TRUE(take(m, &got[i]));
	}
	ASSERT_FALSE(take(m, NULL));
}

void psk_offers_free(struct offer got[2])
{
	wr_free(&got[0].ticket);
	wr_free(&got[1].ticket);
}

void psk_keep(struct mitm *m, const struct offer *o)
{
	struct wr w = { 0 };

	while (take(m, NULL))
		;
	session_write(&w, &o->s, all(&o->ticket));
	ASSERT_TRUE(wr_ok(&w));
	session13_put(m->config[CLIENT_END], &o->s, all(&w));
	wr_free(&w);
}

/* ---- a hello ----------------------------------------------------------- */

static size_t binder_len(const struct entry *e)
{
	if (e->binder_len)
		return e->binder_len;
	return e->of ? e->of->s.secret.len : 32;
}

/* RFC 9846 4.3.11.2, of a first hello */
static void binder(struct mitm *m, const struct offer *o, struct slice hello,
		   uint8_t out[HASH_MAX])
{
	const struct crypto *crypto = m->config[SERVER_END]->crypto;
	enum hash_id hash = suite_find(o->s.suite)->hash;
	struct slice key = { o->s.secret.b, o->s.secret.len };
	struct secret base, digest, mac;
	struct hash h = { 0 };
	struct sched sched;

	ASSERT_OK(hash_begin(&h, crypto, hash));
	ASSERT_OK(hash_add(&h, hello.p, hello.len));
	ASSERT_OK(hash_peek(&h, digest.b));
	hash_free(&h);
	digest.len = (uint8_t)hash_rows[hash].len;
	ASSERT_OK(sched_begin(&sched, crypto, hash, key));
	ASSERT_OK(sched_derive(&sched, "res binder",
			       hash_empty(crypto, hash), &base));
	ASSERT_OK(finished_mac(crypto, hash, &base, &digest, &mac));
	memcpy(out, mac.b, mac.len);
}

static void write_entries(struct wr *w, const struct entry *e, size_t n)
{
	static const uint8_t zeros[256], nobody[16] = "nobody's ticket";

	wr_vec(w, 2) {
		for (size_t i = 0; i < n; i++) {
			wr_opaque(w, 2, e[i].of ? all(&e[i].of->ticket) :
				  (struct slice){ nobody, sizeof(nobody) });
			wr_u32(w, 0);
		}
	}
	wr_vec(w, 2)
		for (size_t i = 0; i < n; i++)
			wr_opaque(w, 1, (struct slice){ zeros,
							binder_len(&e[i]) });
}

void psk_put(struct mitm *m, struct item *hello, const struct entry *e,
	     size_t n)
{
	static size_t at[BINDERS_MAX];
	uint8_t mac[HASH_MAX];
	struct wr w = { 0 };
	struct slice before;
	size_t end;

	ASSERT_LE(n, BINDERS_MAX);
	ext_drop(hello, EXT_PSK);
	write_entries(&w, e, n);
	ASSERT_TRUE(wr_ok(&w));
	ext_put(hello, EXT_PSK, w.buf, w.len);
	wr_free(&w);
	end = hello->data.len;
	for (size_t i = n; i-- > 0; end = at[i] - 1)
		at[i] = end - binder_len(&e[i]);
	before = (struct slice){ hello->data.buf, end - 2 };
	for (size_t i = 0; i < n; i++) {
		const struct entry *of = &e[e[i].binder_of ?
					    e[i].binder_of - 1 : i];
		size_t len = binder_len(&e[i]);

		if (!of->of)
			continue;
		binder(m, of->of, before, mac);
		memcpy(hello->data.buf + at[i], mac, len < of->of->s.secret.len
		       ? len : of->of->s.secret.len);
	}
}
