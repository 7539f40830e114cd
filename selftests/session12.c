// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a session of TLS 1.2 is bound to, and how it ends: each by session id
 * and by ticket, both ends ours.
 */
/* RAND_METHOD is deprecated, and the way to make random bytes repeat */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <errno.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <time.h>

#include "../lib/cache.h"
#include "../lib/conn.h"
#include "clock_lib.h"
#include "harness.h"
#include "mitm_lib.h"
#include "session_lib.h"

FIXTURE(session) {
	struct ktls_config *client, *server;
	struct shelf shelf;	/* of the servers that share one */
};

FIXTURE_VARIANT(session) { unsigned int flags; };
FIXTURE_VARIANT_ADD(session, id) { .flags = KTLS_F_NO_TICKETS };
FIXTURE_VARIANT_ADD(session, ticket) { .flags = 0 };

FIXTURE_SETUP(session)
{
	pthread_mutex_init(&self->shelf.lock, NULL);
	self->client = CLIENT12(.flags = variant->flags);
	self->server = SERVER12(.flags = variant->flags);
}

FIXTURE_TEARDOWN(session)
{
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

static void use_client(FIXTURE_DATA(session) *self,
		       struct ktls_config *client)
{
	ktls_config_put(self->client);
	self->client = client;
}

static void use_server(FIXTURE_DATA(session) *self,
		       struct ktls_config *server)
{
	ktls_config_put(self->server);
	self->server = server;
}

/* A server that shares its sessions, by id as well */
#define SHARED(...)							\
	SERVER12(.session_store = &shelf_store, .arg = &self->shelf,	\
		 __VA_ARGS__)

/* Another one that opens what the first has sealed, and so replaces it */
static void move_server(FIXTURE_DATA(session) *self, struct ktls_config *to)
{
	share_keys(self->server, to);
	use_server(self, to);
}

/* ---- what is known of a resumed one ------------------------------------ */

TEST_F(session, info_is_that_of_the_full_one)
{
	struct ktls_cred mine = pki_cred("client"), theirs = pki_cred("p384");
	struct ktls_info full[2], again[2];

	use_client(self, CLIENT12(.flags = variant->flags, .creds = &mine,
				  .creds_len = 1));
	use_server(self, SERVER12(.flags = variant->flags, .creds = &theirs,
				  .creds_len = 1, .ca_file = pki("ca"),
				  .verify = KTLS_VERIFY_REQUIRE,
				  .groups = "secp384r1"));
	ASSERT_EQ(shake(self->client, self->server, full), FULL);
	ASSERT_EQ(shake(self->client, self->server, again), RESUMED);
	for (int end = 0; end < 2; end++) {
		EXPECT_EQ(again[end].suite, full[end].suite);
		EXPECT_EQ(again[end].group, 0x0018);
		EXPECT_EQ(again[end].ems, 1);
		EXPECT_EQ(again[end].peer_verified, 1);
		EXPECT_STREQ(again[end].server_name, "localhost");
		EXPECT_STREQ(again[end].peer_subject,
			     end ? "CN = client" : "CN = p384");
		/* nobody has signed */
		EXPECT_EQ(again[end].sigalg, 0);
		EXPECT_EQ(again[end].peer_sigalg, 0);
		EXPECT_NE(full[end].peer_sigalg, 0);
	}
}

/* RFC 7301 3.1: what the session had does not count */
TEST_F(session, alpn_is_negotiated_anew)
{
	static const struct { const char *client, *chosen; } rows[] = {
		{ "b", "b" }, { "c,a", "a" }, { NULL, "" },
	};
	struct ktls_config *to;
	struct ktls_info info[2];

	use_client(self, CLIENT12(.flags = variant->flags, .alpn = "a"));
	use_server(self, SERVER12(.flags = variant->flags, .alpn = "b,a"));
	ASSERT_EQ(shake(self->client, self->server, info), FULL);
	EXPECT_STREQ(info[0].alpn, "a");
	for (size_t i = 0; i < 3; i++) {
		to = CLIENT12(.flags = variant->flags, .alpn = rows[i].client);
		ASSERT_OK(move_session(self->client, to));
		use_client(self, to);
		ASSERT_EQ(shake(self->client, self->server, info), RESUMED);
		EXPECT_STREQ(info[0].alpn, rows[i].chosen);
		EXPECT_STREQ(info[1].alpn, rows[i].chosen);
	}
	to = CLIENT12(.flags = variant->flags, .alpn = "z");
	ASSERT_OK(move_session(self->client, to));
	use_client(self, to);
	EXPECT_EQ(shake(self->client, self->server, NULL), -KTLS_E_NO_ALPN);
}

/* ---- time -------------------------------------------------------------- */

/* Resuming does not make it younger, nor does another ticket */
TEST_F(session, lifetime_counts_from_the_full_one)
{
	use_server(self, SERVER12(.flags = variant->flags,
				  .session_lifetime = 100,
				  .ticket_period = 60));
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	for (int t = 10; t < 100; t += 40) {
		clock_ahead(t);
		ASSERT_EQ(shake(self->client, self->server, NULL), RESUMED);
	}
	clock_ahead(101);
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	ASSERT_EQ(shake(self->client, self->server, NULL), RESUMED);
}

/* RFC 5077 3.3: renewed in its key's second period, lost without that */
TEST(ticket_is_renewed)
{
	for (int renewed = 0; renewed < 2; renewed++) {
		struct ktls_config *client = CLIENT12(.flags = 0);
		struct ktls_config *server = SERVER12(.ticket_period = 60,
						.session_lifetime = 140);
		struct exported before, after;

		clock_ahead(0);
		ASSERT_EQ(shake(client, server, NULL), FULL);
		export_session(client, &before);
		clock_ahead(50);
		ASSERT_EQ(shake(client, server, NULL), RESUMED);
		export_session(client, &after);
		ASSERT_EQ(after.len, before.len);
		EXPECT_MEMEQ(after.b, before.b, after.len);
		clock_ahead(70);
		if (renewed) {
			ASSERT_EQ(shake(client, server, NULL), RESUMED);
			export_session(client, &after);
			EXPECT_TRUE(memcmp(after.b, before.b, after.len));
		}
		clock_ahead(130);
		ASSERT_EQ(shake(client, server, NULL),
			  renewed ? RESUMED : FULL);
		/* the new ticket did not make it younger */
		clock_ahead(141);
		if (renewed)
			EXPECT_EQ(shake(client, server, NULL), FULL);
		ktls_config_put(client);
		ktls_config_put(server);
	}
}

TEST_F(session, client_does_not_offer_what_it_took_for_shorter)
{
	use_client(self, CLIENT12(.flags = variant->flags,
				  .session_lifetime = 100));
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	clock_ahead(99);
	ASSERT_EQ(shake(self->client, self->server, NULL), RESUMED);
	clock_ahead(101);
	EXPECT_EQ(ktls_session_export(self->client, "localhost", NULL, 0), 0);
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
}

/* Both were verified by certificates that expire at the end of 2049 */
TEST_F(session, not_longer_than_the_certificates)
{
	const time_t end = 2524607999;	/* as pki.sh says */
	const long ahead = (long)(end - time(NULL));

	clock_ahead(ahead - 50);
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	clock_ahead(ahead - 5);
	ASSERT_EQ(shake(self->client, self->server, NULL), RESUMED);
	clock_ahead(ahead + 5);
	EXPECT_EQ(shake(self->client, self->server, NULL),
		  -KTLS_E_CERT_EXPIRED);
}

/* ---- what must be the same --------------------------------------------- */

TEST_F(session, suite)
{
	const char *suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
	struct ktls_info info[2];

	use_server(self, SHARED(.flags = variant->flags));
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	move_server(self, SHARED(.flags = variant->flags));
	ASSERT_EQ(shake(self->client, self->server, info), RESUMED);
	EXPECT_NE(info[0].suite, 0xc02c);
	move_server(self, SHARED(.flags = variant->flags, .ciphers = suite));
	ASSERT_EQ(shake(self->client, self->server, info), FULL);
	EXPECT_EQ(info[0].suite, 0xc02c);
}

TEST_F(session, version)
{
	struct ktls_config *both = config(KTLS_OPTS(.role = KTLS_CLIENT,
						    .flags = variant->flags));
	struct ktls_info info[2];
	struct ktls_hs *c, *s;

	ASSERT_EQ(shake(both, self->server, NULL), FULL);
	ASSERT_EQ(shake(both, self->server, NULL), RESUMED);
	use_server(self, server_config());
	ASSERT_OK(ktls_hs_new(&c, both, "localhost"));
	ASSERT_OK(ktls_hs_new(&s, self->server, NULL));
	ASSERT_OK(pump(c, s, 0));
	ktls_hs_info(c, &info[0]);
	EXPECT_EQ(info[0].version, KTLS_TLS13);
	EXPECT_EQ(info[0].resumed, 0);
	ktls_hs_free(c);
	ktls_hs_free(s);
	ktls_config_put(both);
}

TEST_F(session, name)
{
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	ASSERT_EQ(shake_named(self->client, self->server, "a.example.test",
			      NULL), FULL);
	ASSERT_EQ(shake_named(self->client, self->server, "127.0.0.1", NULL),
		  FULL);
	ASSERT_EQ(shake_named(self->client, self->server, "A.example.TEST.",
			      NULL), RESUMED);
	ASSERT_EQ(shake_named(self->client, self->server, "127.0.0.1", NULL),
		  RESUMED);
	ASSERT_EQ(shake(self->client, self->server, NULL), RESUMED);
}

/* ---- who the client is (server: by whose word) ------------------------- */

#define SERVER_THAT(v, ca)						\
	SHARED(.flags = variant->flags, .verify = KTLS_VERIFY_##v,	\
	       .ca_file = pki(ca))

static void use_certified_client(FIXTURE_DATA(session) *self,
				 unsigned int flags)
{
	struct ktls_cred mine = pki_cred("client");

	use_client(self, CLIENT12(.flags = flags, .creds = &mine,
				  .creds_len = 1));
}

TEST_F(session, none_is_not_required)
{
	struct ktls_info info[2];

	use_certified_client(self, variant->flags);
	use_server(self, SHARED(.flags = variant->flags));
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	move_server(self, SERVER_THAT(REQUIRE, "ca"));
	ASSERT_EQ(shake(self->client, self->server, info), FULL);
	EXPECT_EQ(info[1].peer_verified, 1);
	/* nor the other way: this server asks nobody who he is */
	move_server(self, SHARED(.flags = variant->flags));
	ASSERT_EQ(shake(self->client, self->server, info), FULL);
	EXPECT_STREQ(info[1].peer_subject, "");
}

TEST_F(session, another_ca_is_another_client)
{
	use_certified_client(self, variant->flags);
	use_server(self, SERVER_THAT(REQUIRE, "ca"));
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	move_server(self, SERVER_THAT(REQUIRE, "ca"));
	ASSERT_EQ(shake(self->client, self->server, NULL), RESUMED);
	move_server(self, SERVER_THAT(REQUIRE, "stranger-ca"));
	EXPECT_EQ(shake(self->client, self->server, NULL),
		  -KTLS_E_CERT_ISSUER);
}

TEST_F(session, optional_and_required)
{
	struct ktls_info info[2];

	use_certified_client(self, variant->flags);
	use_server(self, SERVER_THAT(OPTIONAL, "ca"));
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	move_server(self, SERVER_THAT(REQUIRE, "ca"));
	ASSERT_EQ(shake(self->client, self->server, info), RESUMED);
	EXPECT_STREQ(info[1].peer_subject, "CN = client");
	/* one without a certificate has no session there */
	use_client(self, CLIENT12(.flags = variant->flags));
	move_server(self, SERVER_THAT(OPTIONAL, "ca"));
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	ASSERT_EQ(shake(self->client, self->server, NULL), RESUMED);
	move_server(self, SERVER_THAT(REQUIRE, "ca"));
	EXPECT_EQ(shake(self->client, self->server, NULL),
		  -KTLS_E_CERT_REQUIRED);
}

/* A server that has no certificate for the name does not resume it either */
TEST_F(session, strict_name)
{
	struct ktls_cred other = pki_cred("othername");
	unsigned int flags = variant->flags | KTLS_F_STRICT_NAME;

	use_server(self, SHARED(.flags = variant->flags));
	ASSERT_EQ(shake(self->client, self->server, NULL), FULL);
	move_server(self, SHARED(.flags = flags));
	ASSERT_EQ(shake(self->client, self->server, NULL), RESUMED);
	move_server(self, SHARED(.flags = flags, .creds = &other,
				 .creds_len = 1));
	EXPECT_EQ(shake(self->client, self->server, NULL),
		  -KTLS_E_UNKNOWN_NAME);
}

/* ---- the end of one (5246 7.2.2) --------------------------------------- */

static void spoil_finished(struct mitm *m, enum end from, struct flight *f,
			   void *arg)
{
	enum end *whose = arg;

	(void)m;
	for (size_t i = 0; i < f->n && from == *whose; i++)
		if (item_is(&f->item[i], HT_FINISHED))
			f->item[i].data.buf[MSG_HEADER] ^= 1;
}

static void begin(struct mitm *m, unsigned int flags)
{
	mitm_begin(m, KTLS_OPTS(.role = KTLS_CLIENT, .flags = flags,
				.max_version = KTLS_TLS12),
		   KTLS_OPTS(.role = KTLS_SERVER, .flags = flags,
			     .max_version = KTLS_TLS12), NULL);
}

static int again(struct mitm *m)
{
	return shake(m->config[CLIENT_END], m->config[SERVER_END], NULL);
}

TEST_F(session, failed_handshake_ends_it)
{
	enum end whose = SERVER_END;
	struct mitm m;

	begin(&m, variant->flags);
	ASSERT_EQ(again(&m), FULL);
	mitm_again(&m);
	mitm_run(&m, spoil_finished, &whose);
	mitm_failed(&m, CLIENT_END, -KTLS_E_FINISHED);
	EXPECT_EQ(m.hs[CLIENT_END]->info.resumed, 1);
	EXPECT_EQ(ktls_session_export(m.config[CLIENT_END], "localhost",
				      NULL, 0), 0);
	ASSERT_EQ(again(&m), FULL);
	mitm_end(&m);
}

/* ... on the server alone, if the client was done already */
TEST_F(session, server_forgets_its_own)
{
	enum end whose = CLIENT_END;
	struct exported e;
	struct mitm m;

	begin(&m, variant->flags);
	ASSERT_EQ(again(&m), FULL);
	export_session(m.config[CLIENT_END], &e);
	mitm_again(&m);
	mitm_run(&m, spoil_finished, &whose);
	ASSERT_OK(ktls_session_import(m.config[CLIENT_END], e.b, e.len));
	/* who has a ticket can bring it again */
	ASSERT_EQ(again(&m), variant->flags ? FULL : RESUMED);
	mitm_end(&m);
}

static int same_bytes(unsigned char *p, int len)
{
	memset(p, 0x55, (size_t)len);
	return 1;
}

/*
 * A server that does not know the client's session and comes to the same id
 * for the new one, as a copy of a machine can: that is no resumption
 */
TEST(id_is_never_the_offered_one)
{
	static const RAND_METHOD same = { .bytes = same_bytes };
	const RAND_METHOD *before = RAND_get_rand_method();
	struct mitm m;

	ASSERT_EQ(RAND_set_rand_method(&same), 1);
	begin(&m, KTLS_F_NO_TICKETS);
	EXPECT_EQ(again(&m), FULL);
	mitm_again(&m);
	session_drop(m.config[SERVER_END],
		     (struct slice){ m.hs[CLIENT_END]->session.id,
				     m.hs[CLIENT_END]->session.id_len }, "");
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	EXPECT_EQ(m.hs[CLIENT_END]->info.resumed, 0);
	EXPECT_EQ(m.hs[CLIENT_END]->session_id_len, SESSION_ID_MAX);
	mitm_end(&m);
	RAND_set_rand_method(before);
}

static void fail_one(struct joined *j, enum end whose, int err)
{
	char buf[8];

	conn_fail(j->conn[whose], err);
	EXPECT_LT(ktls_recv(j->conn[OTHER(whose)], buf, sizeof(buf), 0), 0);
}

/* Either end sends a fatal alert: both forget, the client even a ticket */
TEST_F(session, failed_connection_ends_it)
{
	for (enum end whose = CLIENT_END; whose <= SERVER_END; whose++) {
		struct exported e;
		struct joined j;
		struct mitm m;

		begin(&m, variant->flags);
		mitm_run(&m, NULL, NULL);
		mitm_join(&m, &j);
		export_session(m.config[CLIENT_END], &e);
		fail_one(&j, whose, -KTLS_E_DECODE);
		EXPECT_EQ(ktls_session_export(m.config[CLIENT_END],
					      "localhost", NULL, 0), 0);
		ASSERT_OK(ktls_session_import(m.config[CLIENT_END], e.b,
					      e.len));
		EXPECT_EQ(again(&m), variant->flags ? FULL : RESUMED);
		joined_end(&j);
		mitm_end(&m);
	}
}

/* One that only ends, well or badly, may be resumed */
TEST_F(session, broken_connection_does_not_end_it)
{
	struct joined j;
	struct mitm m;

	begin(&m, variant->flags);
	mitm_run(&m, NULL, NULL);
	mitm_join(&m, &j);
	conn_fail(j.conn[CLIENT_END], -ECONNRESET);
	conn_fail(j.conn[SERVER_END], -KTLS_E_TRUNCATED);
	joined_end(&j);
	EXPECT_EQ(again(&m), RESUMED);
	mitm_end(&m);
}

/* ---- threads ----------------------------------------------------------- */

static void *many(void *arg)
{
	FIXTURE_DATA(session) *self = arg;

	for (int i = 0; i < 20; i++)
		EXPECT_GE(shake(self->client, self->server, NULL), FULL);
	return NULL;
}

TEST_F(session, shared_by_threads)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		ASSERT_OK(pthread_create(&thread[i], NULL, many, self));
	for (int i = 0; i < 4; i++)
		ASSERT_OK(pthread_join(thread[i], NULL));
	EXPECT_EQ(shake(self->client, self->server, NULL), RESUMED);
}

HARNESS_MAIN
