// SPDX-License-Identifier: MIT
#include "known_chains.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENTRIES	64

struct entry {
	uint8_t id[KNOWN_ID_LEN];
	struct peer_chain peer;		/* empty: the entry is free */
	uint64_t from, until;		/* seconds since the epoch */
	uint64_t used;			/* by known_chains.uses, when last */
};

struct known_chains {
	pthread_mutex_t lock;
	uint32_t seconds;
	uint64_t uses;
	struct entry entries[ENTRIES];
};

struct known_chains *known_new(uint32_t seconds)
{
	struct known_chains *k = calloc(1, sizeof(*k));

	if (!k || pthread_mutex_init(&k->lock, NULL)) {
		free(k);
		return NULL;
	}
	k->seconds = seconds;
	return k;
}

void known_free(struct known_chains *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < ENTRIES; i++)
		peer_free(&k->entries[i].peer);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static struct entry *find(struct known_chains *k, const uint8_t *id)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		struct entry *e = &k->entries[i];

		if (peer_len(&e->peer) && !memcmp(e->id, id, sizeof(e->id)))
			return e;
	}
	return NULL;
}

/* The next to go */
static struct entry *oldest(struct known_chains *k)
{
	struct entry *e = &k->entries[0];

	for (size_t i = 1; i < ENTRIES; i++)
		if (k->entries[i].used < e->used)
			e = &k->entries[i];
	return e;
}

/* A clock that was put back may have been wrong before, or be so now */
static bool is_good(const struct entry *e)
{
	uint64_t now = (uint64_t)time(NULL);

	return now >= e->from && now < e->until;
}

bool known_find(struct known_chains *k, const uint8_t id[KNOWN_ID_LEN],
		struct peer_chain *peer)
{
	struct peer_chain old = { .raw = NULL };
	struct entry *e;
	bool found;

	pthread_mutex_lock(&k->lock);
	e = find(k, id);
	if (e && !is_good(e)) {
		old = e->peer;
		*e = (struct entry){ .used = 0 };
		e = NULL;
	}
	if (e)
		e->used = ++k->uses;
	found = e && peer_copy(peer, &e->peer);
	pthread_mutex_unlock(&k->lock);
	peer_free(&old);
	return found;
}

void known_add(struct known_chains *k, const uint8_t id[KNOWN_ID_LEN],
	       const struct peer_chain *peer, uint64_t from)
{
	struct entry new = { .from = from, .until = peer_until(peer) };
	struct peer_chain old;
	struct entry *e;

	memcpy(new.id, id, sizeof(new.id));
	if (new.until > from + k->seconds)
		new.until = from + k->seconds;
	if (!is_good(&new) || !peer_copy(&new.peer, peer))
		return;
	pthread_mutex_lock(&k->lock);
	e = find(k, id);
	/* another thread may have: it does not get older by being used */
	if (e && is_good(e)) {
		old = new.peer;
	} else {
		if (!e)
			e = oldest(k);
		old = e->peer;
		new.used = ++k->uses;
		*e = new;
	}
	pthread_mutex_unlock(&k->lock);
	peer_free(&old);
}
