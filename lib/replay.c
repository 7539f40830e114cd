// SPDX-License-Identifier: MIT
#include "replay.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Of one generation: a power of two, of which three quarters are used */
#define SLOTS		32768
#define USED_MAX	(SLOTS / 4 * 3)
#define ID_LEN		16	/* kept of an id: it is a MAC, any part does */

/* How much later than others a thread may come with an earlier time, ms */
#define LATE		1000

/* From the first moment at which a hello is in the window to the last */
#define GENERATION	(2 * REPLAY_WINDOW + LATE)

struct generation {
	size_t used;
	uint8_t ids[SLOTS][ID_LEN];	/* zeros: free */
};

struct replay {
	pthread_mutex_t lock;
	uint64_t from;		/* when the present generation began */
	uint64_t newest;	/* the latest that a clock has said */
	struct generation *now, *before;
};

struct replay *replay_new(void)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->now = calloc(1, sizeof(*r->now));
	r->before = calloc(1, sizeof(*r->before));
	if (r->now && r->before && !pthread_mutex_init(&r->lock, NULL))
		return r;
	free(r->now);
	free(r->before);
	free(r);
	return NULL;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r->now);
	free(r->before);
	free(r);
}

/* Where @id stands, or would */
static uint8_t *find(struct generation *g, const uint8_t *id)
{
	static const uint8_t none[ID_LEN];
	uint32_t at;

	memcpy(&at, id, sizeof(at));
	while (memcmp(g->ids[at % SLOTS], none, ID_LEN) &&
	       memcmp(g->ids[at % SLOTS], id, ID_LEN))
		at++;
	return g->ids[at % SLOTS];
}

static bool has(struct generation *g, const uint8_t *id)
{
	return !memcmp(find(g, id), id, ID_LEN);
}

/* What the one before has is outside of the window, once it goes */
static void turn(struct replay *r, uint64_t now)
{
	struct generation *old = r->before;
	uint64_t age = now - r->from;

	if (age < GENERATION)
		return;
	if (age >= 2 * GENERATION)
		memset(r->now, 0, sizeof(*r->now));
	memset(old, 0, sizeof(*old));
	r->before = r->now;
	r->now = old;
	r->from = now;
}

static bool add(struct replay *r, const uint8_t *id)
{
	if (has(r->now, id) || has(r->before, id) ||
	    r->now->used == USED_MAX)
		return false;
	memcpy(find(r->now, id), id, ID_LEN);
	r->now->used++;
	return true;
}

bool replay_first(struct replay *r, const uint8_t id[REPLAY_ID_LEN],
		  uint64_t now)
{
	bool first = false;

	pthread_mutex_lock(&r->lock);
	if (now > r->newest)
		r->newest = now;
	/* a clock that was put back brings old hellos into the window again */
	if (now + LATE >= r->newest) {
		turn(r, r->newest);
		first = add(r, id);
	}
	pthread_mutex_unlock(&r->lock);
	return first;
}
