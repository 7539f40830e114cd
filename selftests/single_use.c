// SPDX-License-Identifier: GPL-2.0-only
/* A ticket that is good for one use (RFC 9846 8.1), used by many at once */
#include <errno.h>
#include <stdatomic.h>

#include "harness.h"
#include "session_lib.h"

#define NAME	31	/* of a ticket */

#define THREADS	8
#define ROUNDS	10

FIXTURE(single) {
	struct ktls_config *server, *client;
	struct ktls_config *clients[THREADS];
	atomic_size_t clients_len;
	struct shelf shelf;
	pthread_barrier_t start;
	atomic_int resumed, full, failed;
	struct exported session;
};

FIXTURE_VARIANT(single) { bool store; };
FIXTURE_VARIANT_ADD(single, own) { false };
FIXTURE_VARIANT_ADD(single, store) { true };

static ssize_t take(void *arg, const void *id, size_t id_len, void *buf,
		    size_t size)
{
	struct shelf *s = arg;
	ssize_t len = 0;

	EXPECT_EQ(size, KTLS_SESSION_SIZE);
	pthread_mutex_lock(&s->lock);
	s->fetched++;
	for (size_t i = 0; i < SHELF_MAX; i++) {
		if (!s->at[i].len || s->at[i].id_len != id_len ||
		    memcmp(s->at[i].id, id, id_len))
			continue;
		memcpy(buf, s->at[i].b, s->at[i].len);
		len = (ssize_t)s->at[i].len;
		s->at[i].len = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return len;
}

FIXTURE_SETUP(single)
{
	struct ktls_session_store store = shelf_store;

	store.take = take;
	pthread_mutex_init(&self->shelf.lock, NULL);
	ASSERT_EQ(pthread_barrier_init(&self->start, NULL, THREADS), 0);
	self->client = CLIENT13();
	self->server = SERVER13(.flags = KTLS_F_SINGLE_USE, .tickets = 1,
				.arg = &self->shelf,
				.session_store = variant->store ? &store :
				NULL);
	for (int i = 0; i < THREADS; i++)
		self->clients[i] = CLIENT13();
}

FIXTURE_TEARDOWN(single)
{
	pthread_barrier_destroy(&self->start);
	for (int i = 0; i < THREADS; i++)
		ktls_config_put(self->clients[i]);
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

/* A copy of the ticket, in a client of its own */
static void *use(void *arg)
{
	FIXTURE_DATA(single) *self = arg;
	struct ktls_config *client = self->clients[self->clients_len++];
	struct ktls_info info;
	struct ktls_hs *c, *s;

	ASSERT_OK(ktls_session_import(client, self->session.b,
				      self->session.len));
	ASSERT_OK(ktls_hs_new(&c, client, "localhost"));
	ASSERT_OK(ktls_hs_new(&s, self->server, NULL));
	ASSERT_EQ(c->client.psks_len, 1);
	pthread_barrier_wait(&self->start);
	if (pump(c, s, 0)) {
		self->failed++;
	} else {
		ktls_hs_info(s, &info);
		if (info.resumed)
			self->resumed++;
		else
			self->full++;
	}
	ktls_hs_free(c);
	ktls_hs_free(s);
	return NULL;
}

TEST_F(single, one_of_many)
{
	for (int round = 0; round < ROUNDS; round++) {
		pthread_t threads[THREADS];

		ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
		export_session(self->client, &self->session);
		self->resumed = self->full = self->failed = 0;
		self->clients_len = 0;
		for (int i = 0; i < THREADS; i++)
			ASSERT_EQ(pthread_create(&threads[i], NULL, use, self),
				  0);
		for (int i = 0; i < THREADS; i++)
			ASSERT_EQ(pthread_join(threads[i], NULL), 0);
		EXPECT_EQ(self->resumed, 1);
		EXPECT_EQ(self->full, THREADS - 1);
		EXPECT_EQ(self->failed, 0);
		/* nor is it good any more */
		ASSERT_OK(ktls_session_import(self->client, self->session.b,
					      self->session.len));
		ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
		ktls_config_put(self->client);
		self->client = CLIENT13();
	}
}

/* A store that does not keep them: no tickets, and nothing else is missing */
TEST_F(single, not_kept)
{
	self->shelf.store_error = -EIO;
	ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
	ASSERT_EQ(shake13(self->client, self->server, NULL),
		  variant->store ? FULL : RESUMED);
	self->shelf.store_error = 0;
	ASSERT_EQ(shake13(self->client, self->server, NULL),
		  variant->store ? FULL : RESUMED);
	ASSERT_EQ(shake13(self->client, self->server, NULL), RESUMED);
}

/* Its name is no id of TLS 1.2, by which it would be good again and again */
TEST_F(single, not_by_id)
{
	static const uint8_t all[] = { 0x13, 0x01, 0x13, 0x02, 0x13, 0x03 };
	struct client_hello m = { .suites = { all, sizeof(all) } };
	struct ktls_hs *s;

	if (!variant->store)
		return;
	ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
	ASSERT_GT(self->shelf.at[0].len, (size_t)0);
	m.session_id = (struct slice){ self->shelf.at[0].id,
				       self->shelf.at[0].id_len };
	ASSERT_OK(ktls_hs_new(&s, self->server, NULL));
	strcpy(s->info.server_name, "localhost");
	EXPECT_FALSE(session_resume(s, &m));
	EXPECT_EQ(self->shelf.fetched, 1);
	ktls_hs_free(s);
	ASSERT_EQ(shake13(self->client, self->server, NULL), RESUMED);
}

/* A store is not asked for all that somebody makes up */
TEST_F(single, not_all_names)
{
	static const uint8_t mode = 1;	/* psk_dhe_ke */
	uint8_t identities[8 * (2 + NAME + 4)] = { 0 };
	struct client_hello m = {
		.exts.set = EXT_BIT(EXT_PRE_SHARED_KEY),
		.exts.psk_modes = { &mode, 1 },
		.exts.psk_identities = { identities, sizeof(identities) },
	};
	struct ktls_hs *s;

	if (!variant->store)
		return;
	for (size_t i = 0; i < 8; i++)
		identities[i * (2 + NAME + 4) + 1] = NAME;
	ASSERT_OK(ktls_hs_new(&s, self->server, NULL));
	s->group = self->server->groups[0];
	ASSERT_OK(psk_choose(s, &m));
	EXPECT_FALSE(s->psk.chosen);
	EXPECT_EQ(self->shelf.fetched, 2);
	ktls_hs_free(s);
}

HARNESS_MAIN
