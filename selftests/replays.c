// SPDX-License-Identifier: GPL-2.0-only
/*
 * One hello with early data, sent to many threads at one moment: of all of them
 * one takes the data (RFC 9846 8), of one server or of two that ask the same.
 */
#include <stdatomic.h>
#include <string.h>

#include "../lib/replay.h"
#include "harness.h"
#include "hs_lib.h"
#include "session_lib.h"

#define THREADS	8
#define ROUNDS	20
#define EARLY	1000

/* Who sees to it that it is one */
enum who { OURS, SINGLE_USE, STORE, HOOK };

/* What a fleet has in common, for the hook */
struct asked {
	pthread_mutex_t lock;
	size_t n;
	uint8_t id[2 * ROUNDS][REPLAY_ID_LEN];
};

FIXTURE(replays) {
	struct ktls_config *client, *servers[2];
	struct shelf shelf;
	struct asked asked;
	struct bytes flight;
	pthread_barrier_t start;
	atomic_uint taken, rejected, resumed;
};

FIXTURE_VARIANT(replays) { enum who who; };
FIXTURE_VARIANT_ADD(replays, by_our_memory) { OURS };
FIXTURE_VARIANT_ADD(replays, by_single_use) { SINGLE_USE };
FIXTURE_VARIANT_ADD(replays, by_a_store) { STORE };
FIXTURE_VARIANT_ADD(replays, by_a_hook) { HOOK };

static int first(void *arg, const void *id, size_t len, uint64_t until)
{
	struct asked *a = arg;
	int is_first = 1;

	EXPECT_EQ(len, REPLAY_ID_LEN);
	EXPECT_GT(until, (uint64_t)0);
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->n; i++)
		is_first &= !!memcmp(a->id[i], id, len);
	if (is_first) {
		ASSERT_LT(a->n, 2 * ROUNDS);
		memcpy(a->id[a->n++], id, len);
	}
	pthread_mutex_unlock(&a->lock);
	return is_first;
}

static const struct ktls_hooks hooks = { .early_first = first };

FIXTURE_SETUP(replays)
{
	bool two = variant->who == STORE || variant->who == HOOK;
	struct ktls_opts o = { .size = sizeof(o), .role = KTLS_SERVER,
			       .early_data = EARLY, .arg = &self->shelf };

	pthread_mutex_init(&self->shelf.lock, NULL);
	pthread_mutex_init(&self->asked.lock, NULL);
	ASSERT_EQ(pthread_barrier_init(&self->start, NULL, THREADS), 0);
	if (variant->who == SINGLE_USE || variant->who == STORE)
		o.flags = KTLS_F_SINGLE_USE;
	if (variant->who == STORE)
		o.session_store = &shelf_store;
	if (variant->who == HOOK) {
		o.hooks = &hooks;
		o.arg = &self->asked;
	}
	self->client = CLIENT13(.early_data = EARLY);
	self->servers[0] = config(&o);
	self->servers[1] = two ? config(&o) :
			   ktls_config_get(self->servers[0]);
	if (two)
		share_keys(self->servers[0], self->servers[1]);
}

FIXTURE_TEARDOWN(replays)
{
	pthread_barrier_destroy(&self->start);
	ktls_config_put(self->client);
	ktls_config_put(self->servers[0]);
	ktls_config_put(self->servers[1]);
}

struct play {
	FIXTURE_DATA(replays) *self;
	struct ktls_config *server;
	pthread_t thread;
};

static void *play(void *arg)
{
	struct play *p = arg;
	FIXTURE_DATA(replays) *self = p->self;
	struct feed f = { 0 };
	struct ktls_info info;
	char buf[2 * EARLY];
	bool taken;

	ASSERT_OK(ktls_hs_new(&f.hs, p->server, NULL));
	pthread_barrier_wait(&self->start);
	EXPECT_EQ(feed(&f, self->flight.b, self->flight.len, 0),
		  self->flight.len);
	EXPECT_EQ(ktls_hs_error(f.hs), 0);
	ktls_hs_info(f.hs, &info);
	taken = info.early_data == KTLS_EARLY_ACCEPTED;
	self->taken += taken;
	self->rejected += info.early_data == KTLS_EARLY_REJECTED;
	self->resumed += info.resumed;
	EXPECT_EQ(ktls_hs_early_read(f.hs, buf, sizeof(buf)),
		  taken ? EARLY : 0);
	ktls_hs_free(f.hs);
	return NULL;
}

/* The client's first flight, with as much as the ticket allows */
static void record(FIXTURE_DATA(replays) *self)
{
	static const char data[EARLY];
	struct ktls_hs *hs;

	ASSERT_OK(ktls_hs_new(&hs, self->client, "localhost"));
	ASSERT_EQ(ktls_hs_early_write(hs, data, sizeof(data)), EARLY);
	self->flight.len = 0;
	bytes_take(&self->flight, hs);
	ktls_hs_free(hs);
}

TEST_F_TIMEOUT(replays, one_is_taken, 90)
{
	bool single = variant->who == SINGLE_USE || variant->who == STORE;

	for (int round = 0; round < ROUNDS; round++) {
		struct play p[THREADS];

		ASSERT_GE(shake13(self->client, self->servers[round % 2],
				  NULL), FULL);
		record(self);
		self->taken = self->rejected = self->resumed = 0;
		for (int i = 0; i < THREADS; i++) {
			p[i] = (struct play){ .self = self,
					      .server = self->servers[i % 2] };
			ASSERT_OK(-pthread_create(&p[i].thread, NULL, play,
						  &p[i]));
		}
		for (int i = 0; i < THREADS; i++)
			ASSERT_OK(-pthread_join(p[i].thread, NULL));
		EXPECT_EQ(self->taken, 1);
		EXPECT_EQ(self->rejected, THREADS - 1);
		EXPECT_EQ(self->resumed, single ? 1 : THREADS);
	}
}

HARNESS_MAIN
