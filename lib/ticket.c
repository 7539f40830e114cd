// SPDX-License-Identifier: MIT
#include "ticket.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "config.h"
#include "vault.h"

#define FORMAT		1	/* of exported keys */
#define NAME_LEN	16
#define HEAD_LEN	(NAME_LEN + AEAD_IV_LEN)

struct key {
	uint64_t from;		/* seals for a period from then; 0: none */
	uint8_t name[NAME_LEN];
	uint8_t key[AEAD_KEY_MAX];
};

/*
 * NEXT is made a period ahead, so that a fleet has it before it seals and all
 * change at one time; OTHER was NOW when others were imported.
 */
enum { BEFORE, NOW, NEXT, OTHER, KEYS };
#define KEYS_SHARED	OTHER

struct tickets {
	const struct crypto *crypto;
	uint32_t period;	/* seconds */
	pthread_mutex_t lock;
	struct key keys[KEYS];
};

struct tickets *tickets_new(const struct crypto *crypto, uint32_t period)
{
	struct tickets *t = vault_alloc(sizeof(*t));

	if (!t || pthread_mutex_init(&t->lock, NULL)) {
		vault_free(t, sizeof(*t));
		return NULL;
	}
	t->crypto = crypto;
	t->period = period;
	return t;
}

void tickets_free(struct tickets *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	vault_free(t, sizeof(*t));
}

/* ---- keys -------------------------------------------------------------- */

static uint64_t seconds(void)
{
	return (uint64_t)time(NULL);
}

static int make_key(struct key *k, uint64_t from)
{
	int err = crypto_random(k->name, sizeof(k->name));

	if (!err)
		err = crypto_random(k->key, sizeof(k->key));
	k->from = err ? 0 : from;
	return err;
}

/* For a period, and then for another one, in which tickets are renewed */
static uint64_t opens_until(const struct tickets *t, const struct key *k)
{
	return k->from + 2 * (uint64_t)t->period;
}

static bool opens(const struct tickets *t, const struct key *k, uint64_t now)
{
	return k->from && now < opens_until(t, k);
}

/* Nothing was sealed for long, ever, or the clock was put back */
static bool stale(const struct tickets *t, uint64_t now)
{
	const struct key *k = t->keys;

	return !opens(t, &k[NEXT], now) || now + t->period < k[NOW].from;
}

static int rotate(struct tickets *t, uint64_t now)
{
	struct key *k = t->keys, made;
	int err = 0;

	if (stale(t, now)) {
		wipe(k, sizeof(t->keys));
		err = make_key(&k[NOW], now);
		if (!err)
			err = make_key(&k[NEXT], now + t->period);
		return err;
	}
	while (!err && now >= k[NEXT].from) {
		err = make_key(&made, k[NEXT].from + t->period);
		if (err)
			break;
		k[BEFORE] = k[NOW];
		k[NOW] = k[NEXT];
		k[NEXT] = made;
	}
	wipe(&made, sizeof(made));
	return err;
}

static int sealing_key(struct tickets *t, struct key *k)
{
	int err;

	pthread_mutex_lock(&t->lock);
	err = rotate(t, seconds());
	*k = t->keys[NOW];
	pthread_mutex_unlock(&t->lock);
	return err;
}

/* NEXT opens as well: another server's clock may be ahead */
static bool opening_key(struct tickets *t, const uint8_t *name,
			struct key *found, bool *old)
{
	uint64_t now = seconds();

	found->from = 0;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < KEYS; i++) {
		const struct key *k = &t->keys[i];

		if (!opens(t, k, now) || !secret_eq(k->name, name, NAME_LEN))
			continue;
		*found = *k;
		/* it may be due for rotation by whoever seals next */
		*old = (i != NOW && i != NEXT) || now >= k->from + t->period;
		break;
	}
	pthread_mutex_unlock(&t->lock);
	return found->from;
}

/* ---- sealing ----------------------------------------------------------- */

/* The key's name, and what it is for: a thing for one use is none for another */
static int make_aad(struct wr *w, const uint8_t *name, struct slice aad)
{
	wr_bytes(w, name, NAME_LEN);
	wr_slice(w, aad);
	return wr_ok(w) ? 0 : -ENOMEM;
}

static int seal(const struct tickets *t, const struct key *key,
		struct slice aad, struct slice state, struct wr *w)
{
	uint8_t head[HEAD_LEN], *to;
	struct aead aead = { 0 };
	uint8_t room[64];
	struct wr all = wr_lend(room, sizeof(room));
	/* drawn when it is used: twice in one key, and the key is known */
	int err = crypto_random(head + NAME_LEN, AEAD_IV_LEN);

	memcpy(head, key->name, NAME_LEN);
	if (!err)
		err = make_aad(&all, head, aad);
	if (!err)
		err = aead_set(&aead, t->crypto, AEAD_AES_256_GCM, key->key,
			       true);
	wr_bytes(w, head, sizeof(head));
	to = wr_reserve(w, state.len + AEAD_TAG_LEN);
	if (!err && !to)
		err = -ENOMEM;
	if (!err)
		err = aead_seal(&aead, head + NAME_LEN,
				wr_content(&all), state.p, state.len, to);
	if (!err)
		w->len += state.len + AEAD_TAG_LEN;
	aead_free(&aead);
	wr_free(&all);
	return err;
}

int ticket_seal(struct tickets *t, struct slice aad, struct slice state,
		struct wr *w, uint64_t *until)
{
	struct key key;
	int err = sealing_key(t, &key);

	if (!err)
		err = seal(t, &key, aad, state, w);
	*until = opens_until(t, &key);
	wipe(&key, sizeof(key));
	return err;
}

bool ticket_open(struct tickets *t, struct slice aad, struct slice ticket,
		 struct wr *w, bool *old)
{
	struct aead aead = { 0 };
	uint8_t room[64];
	struct wr all = wr_lend(room, sizeof(room));
	struct key key;
	size_t len;
	uint8_t *to;
	int err;

	if (ticket.len < HEAD_LEN + AEAD_TAG_LEN ||
	    !opening_key(t, ticket.p, &key, old))
		return false;
	len = ticket.len - HEAD_LEN;
	to = wr_reserve(w, len);
	err = to ? make_aad(&all, ticket.p, aad) : -ENOMEM;
	if (!err)
		err = aead_set(&aead, t->crypto, AEAD_AES_256_GCM, key.key,
			       false);
	if (!err)
		err = aead_open(&aead, ticket.p + NAME_LEN, wr_content(&all),
				ticket.p + HEAD_LEN, len, to);
	if (!err)
		w->len += len - AEAD_TAG_LEN;
	aead_free(&aead);
	wr_free(&all);
	wipe(&key, sizeof(key));
	return !err;
}

/* ---- a fleet ----------------------------------------------------------- */

_Static_assert(KTLS_TICKET_KEYS_SIZE == 1 + 4 + KEYS_SHARED *
	       (8 + NAME_LEN + AEAD_KEY_MAX), "KTLS_TICKET_KEYS_SIZE");

static void write_key(struct wr *w, const struct key *k)
{
	wr_u64(w, k->from);
	wr_bytes(w, k->name, NAME_LEN);
	wr_bytes(w, k->key, AEAD_KEY_MAX);
}

static void read_key(struct rd *r, struct key *k)
{
	struct slice name, key;

	k->from = rd_u64(r);
	name = rd_take(r, NAME_LEN);
	key = rd_take(r, AEAD_KEY_MAX);
	if (!name.len || !key.len)
		return;
	memcpy(k->name, name.p, NAME_LEN);
	memcpy(k->key, key.p, AEAD_KEY_MAX);
}

int ktls_ticket_keys_export(struct ktls_config *config,
			    uint8_t keys[KTLS_TICKET_KEYS_SIZE])
{
	struct tickets *t = config->tickets;
	struct wr w = { 0 };
	int err;

	if (!t)
		return -KTLS_E_STATE;
	wr_u8(&w, FORMAT);
	wr_u32(&w, t->period);
	pthread_mutex_lock(&t->lock);
	err = rotate(t, seconds());
	for (size_t i = 0; i < KEYS_SHARED; i++)
		write_key(&w, &t->keys[i]);
	pthread_mutex_unlock(&t->lock);
	if (!err && !wr_ok(&w))
		err = -ENOMEM;
	if (!err)
		memcpy(keys, w.buf, KTLS_TICKET_KEYS_SIZE);
	wr_free(&w);
	return err;
}

/* What was sealed here in the meantime still opens */
static void take_keys(struct tickets *t, const struct key *keys)
{
	const struct key *now = &t->keys[NOW];
	bool known = false;

	for (size_t i = 0; i < KEYS_SHARED; i++)
		known |= keys[i].from &&
			 secret_eq(keys[i].name, now->name, NAME_LEN);
	if (!known && now->from)
		t->keys[OTHER] = *now;
	memcpy(t->keys, keys, KEYS_SHARED * sizeof(*keys));
}

int ktls_ticket_keys_import(struct ktls_config *config,
			    const uint8_t bytes[KTLS_TICKET_KEYS_SIZE])
{
	bool bad = false;
	struct rd r = rd_init(bytes, KTLS_TICKET_KEYS_SIZE, &bad);
	struct tickets fresh = { .period = 0 }, *t = config->tickets;
	const struct key *k = fresh.keys;
	uint8_t format = rd_u8(&r);
	int err = 0;

	if (!t)
		return -KTLS_E_STATE;
	fresh.period = rd_u32(&r);
	for (size_t i = 0; i < KEYS_SHARED; i++)
		read_key(&r, &fresh.keys[i]);
	if (bad || format != FORMAT || fresh.period != t->period ||
	    k[BEFORE].from >= k[NOW].from || k[NEXT].from != k[NOW].from + t->period ||
	    stale(&fresh, seconds()))
		err = -KTLS_E_TICKET_KEYS;
	pthread_mutex_lock(&t->lock);
	if (!err)
		take_keys(t, fresh.keys);
	pthread_mutex_unlock(&t->lock);
	wipe(&fresh, sizeof(fresh));
	return err;
}
