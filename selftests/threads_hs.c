// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handshakes in many threads, both ends of each in memory: no lock, socket or
 * counter of the test orders what the threads do with the configs they share,
 * so that ThreadSanitizer ("make check-tsan") sees what the library's do.
 */
#include <stdatomic.h>

#include "harness.h"
#include "hs_lib.h"
#include "session_lib.h"

#define THREADS	4
#define EACH	40

FIXTURE(memory) {
	struct ktls_config *client, *server, *friend;
	struct exported session;
	atomic_uint over;
	struct worker {
		FIXTURE_DATA(memory) *self;
		pthread_t thread;
		unsigned int resumed, full;
	} worker[THREADS];
};

FIXTURE_VARIANT(memory) {
	uint16_t version;
	unsigned int flags;
	bool mutual, forgets;
};
FIXTURE_VARIANT_ADD(memory, id12) { KTLS_TLS12, KTLS_F_NO_TICKETS, false, false };
FIXTURE_VARIANT_ADD(memory, ticket12) { KTLS_TLS12, 0, false, false };
FIXTURE_VARIANT_ADD(memory, full12) { KTLS_TLS12, 0, true, true };
FIXTURE_VARIANT_ADD(memory, ticket13) { KTLS_TLS13, 0, false, false };
FIXTURE_VARIANT_ADD(memory, cookie13) { KTLS_TLS13, KTLS_F_COOKIE, false, false };
FIXTURE_VARIANT_ADD(memory, full13) { KTLS_TLS13, 0, true, true };

FIXTURE_SETUP(memory)
{
	struct ktls_cred cred = pki_cred("client");
	const size_t sessions = variant->forgets ? KTLS_NO_SESSIONS : 4;

	self->client = config(KTLS_OPTS(.role = KTLS_CLIENT,
		.max_version = variant->version, .creds = &cred,
		.creds_len = variant->mutual, .sessions = sessions));
	self->server = config(KTLS_OPTS(.role = KTLS_SERVER,
		.flags = variant->flags, .sessions = sessions,
		.verify = KTLS_VERIFY_OPTIONAL));
	self->friend = server_config();
	if (variant->version == KTLS_TLS13 && !variant->forgets) {
		ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
		export_session(self->client, &self->session);
	}
}

FIXTURE_TEARDOWN(memory)
{
	ktls_config_put(self->client);
	ktls_config_put(self->server);
	ktls_config_put(self->friend);
}

static void *shake_all(void *arg)
{
	struct worker *w = arg;
	FIXTURE_DATA(memory) *self = w->self;
	struct ktls_info info[2];

	for (int i = 0; i < EACH; i++) {
		struct two t = { .client = NULL };

		/* a ticket of 1.3 is taken out; there is no hand-off for more */
		if (self->session.len)
			ASSERT_OK(ktls_session_import(self->client,
						      self->session.b,
						      self->session.len));
		ASSERT_OK(ktls_hs_new(&t.client, self->client, "localhost"));
		ASSERT_OK(ktls_hs_new(&t.server, self->server, NULL));
		ASSERT_EQ(pump(t.client, t.server, 0), 0);
		ktls_hs_info(t.client, &info[0]);
		ktls_hs_info(t.server, &info[1]);
		EXPECT_EQ(info[0].resumed, info[1].resumed);
		*(info[1].resumed ? &w->resumed : &w->full) += 1;
		ktls_hs_free(t.client);
		ktls_hs_free(t.server);
	}
	atomic_fetch_add_explicit(&self->over, 1, memory_order_relaxed);
	return NULL;
}

/* The keys change hands, a config of a moment ends last where it will */
static void change_meanwhile(FIXTURE_DATA(memory) *self)
{
	struct exported e;

	while (atomic_load_explicit(&self->over, memory_order_relaxed) <
	       THREADS) {
		share_keys(self->server, self->friend);
		share_keys(self->friend, self->server);
		ASSERT_OK(ktls_session_export(self->client, "localhost", e.b,
					      sizeof(e.b)));
		ktls_config_put(ktls_config_get(self->server));
	}
}

TEST_F_TIMEOUT(memory, shared, 120)
{
	unsigned int resumed = 0, full = 0;

	for (int i = 0; i < THREADS; i++) {
		struct worker *w = &self->worker[i];

		w->self = self;
		ASSERT_OK(-pthread_create(&w->thread, NULL, shake_all, w));
	}
	change_meanwhile(self);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(self->worker[i].thread, NULL);
		resumed += self->worker[i].resumed;
		full += self->worker[i].full;
	}
	TH_LOG("%u resumed, %u full", resumed, full);
	EXPECT_EQ(resumed + full, THREADS * EACH);
	EXPECT_EQ(resumed > 0, !variant->forgets);
}

HARNESS_MAIN
