// SPDX-License-Identifier: MIT
#include "ticket.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define NAME_LEN	16
/* Sealing keys change after that many seconds, opening ones live twice it */
#define KEY_LIFETIME	43200
#define HEAD_LEN	(NAME_LEN + AEAD_IV_LEN)

struct key {
	uint8_t name[NAME_LEN];
	uint8_t key[AEAD_KEY_MAX];
	time_t made;		/* 0: there is none */
};

struct tickets {
	const struct crypto *crypto;
	pthread_mutex_t lock;
	struct key now, before;
};

struct tickets *tickets_new(const struct crypto *crypto)
{
	struct tickets *t = calloc(1, sizeof(*t));

	if (!t || pthread_mutex_init(&t->lock, NULL)) {
		free(t);
		return NULL;
	}
	t->crypto = crypto;
	return t;
}

void tickets_free(struct tickets *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	wipe_free(t, sizeof(*t));
}

/* ---- keys -------------------------------------------------------------- */

static int make_key(struct key *k, time_t now)
{
	int err = crypto_random(k->name, sizeof(k->name));

	if (!err)
		err = crypto_random(k->key, sizeof(k->key));
	k->made = err ? 0 : now;
	return err;
}

static int rotate(struct tickets *t, time_t now)
{
	if (t->now.made && now - t->now.made < KEY_LIFETIME)
		return 0;
	if (t->now.made)
		t->before = t->now;
	return make_key(&t->now, now);
}

static int sealing_key(struct tickets *t, struct key *k)
{
	int err;

	pthread_mutex_lock(&t->lock);
	err = rotate(t, time(NULL));
	*k = t->now;
	pthread_mutex_unlock(&t->lock);
	return err;
}

static bool opening_key(struct tickets *t, const uint8_t *name,
			struct key *k)
{
	const struct key *all[] = { &t->now, &t->before };
	time_t now = time(NULL);

	k->made = 0;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < 2; i++)
		if (all[i]->made && now - all[i]->made < 2 * KEY_LIFETIME &&
		    secret_eq(all[i]->name, name, NAME_LEN))
			*k = *all[i];
	pthread_mutex_unlock(&t->lock);
	return k->made;
}

/* ---- tickets ----------------------------------------------------------- */

int ticket_seal(struct tickets *t, struct slice state, struct wr *w)
{
	uint8_t head[HEAD_LEN], *to;
	struct aead aead = { 0 };
	struct key key;
	int err = sealing_key(t, &key);

	memcpy(head, key.name, NAME_LEN);
	if (!err)
		err = crypto_random(head + NAME_LEN, AEAD_IV_LEN);
	if (!err)
		err = aead_set(&aead, t->crypto, AEAD_AES_256_GCM, key.key,
			       true);
	wr_bytes(w, head, sizeof(head));
	to = wr_reserve(w, state.len + AEAD_TAG_LEN);
	if (!err && !to)
		err = -ENOMEM;
	if (!err)
		err = aead_seal(&aead, head + NAME_LEN,
				(struct slice){ head, NAME_LEN }, state.p,
				state.len, to);
	if (!err)
		w->len += state.len + AEAD_TAG_LEN;
	aead_free(&aead);
	wipe(&key, sizeof(key));
	return err;
}

bool ticket_open(struct tickets *t, struct slice ticket, struct wr *w)
{
	struct aead aead = { 0 };
	struct key key;
	size_t len;
	uint8_t *to;
	int err;

	if (ticket.len < HEAD_LEN + AEAD_TAG_LEN ||
	    !opening_key(t, ticket.p, &key))
		return false;
	len = ticket.len - HEAD_LEN;
	to = wr_reserve(w, len);
	err = to ? aead_set(&aead, t->crypto, AEAD_AES_256_GCM, key.key,
			    false) : -ENOMEM;
	if (!err)
		err = aead_open(&aead, ticket.p + NAME_LEN,
				(struct slice){ ticket.p, NAME_LEN },
				ticket.p + HEAD_LEN, len, to);
	if (!err)
		w->len += len - AEAD_TAG_LEN;
	aead_free(&aead);
	wipe(&key, sizeof(key));
	return !err;
}
