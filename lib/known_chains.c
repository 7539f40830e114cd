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

/* The one of @id, or, if there is none, the next to go */
static struct entry *find(struct known_chains *k, const uint8_t *id, bool *found)
{
	struct entry *oldest = &k->entries[0];

	*found = true;
	for (size_t i = 0; i < ENTRIES; i++) {
		struct entry *e = &k->entries[i];

		if (peer_len(&e->peer) && !memcmp(e->id, id, sizeof(e->id)))
			return e;
		if (e->used < oldest->used)
			oldest = e;
	}
	*found = false;
	return oldest;
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
	struct entry *e;
	bool found;

	pthread_mutex_lock(&k->lock);
	e = find(k, id, &found);
	if (found && !is_good(e)) {
		peer_free(&e->peer);
		e->used = 0;
		found = false;
	}
	if (found)
		e->used = ++k->uses;
	found = found && peer_copy(peer, &e->peer);
	pthread_mutex_unlock(&k->lock);
	return found;
}

void known_add(struct known_chains *k, const uint8_t id[KNOWN_ID_LEN],
	       const struct peer_chain *peer)
{
	uint64_t now = (uint64_t)time(NULL), until = peer_until(peer);
	struct peer_chain copy = { .raw = NULL }, old = copy;
	struct entry *e;
	bool found;

	if (until > now + k->seconds)
		until = now + k->seconds;
	if (until <= now || !peer_copy(&copy, peer))
		return;
	pthread_mutex_lock(&k->lock);
	e = find(k, id, &found);
	/* another thread may have: it does not get older by being used */
	if (found && is_good(e)) {
		old = copy;
	} else {
		old = e->peer;
		*e = (struct entry){
			.peer = copy, .from = now, .until = until,
			.used = ++k->uses,
		};
		memcpy(e->id, id, sizeof(e->id));
	}
	pthread_mutex_unlock(&k->lock);
	peer_free(&old);
}
