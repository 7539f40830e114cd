// SPDX-License-Identifier: GPL-2.0-only
/* Resumption of TLS 1.3 (RFC 9846 2.2, 4.3.11, 4.7.1), both ends ours */
#include <sys/socket.h>

#include "../lib/conn.h"
#include "clock_lib.h"
#include "harness.h"
#include "hs_lib.h"
#include "mitm_lib.h"
#include "session_lib.h"

FIXTURE(resume) {
	struct ktls_config *client, *server;
	struct shelf shelf;
};

/* Sealed tickets, and those that are good for one use */
FIXTURE_VARIANT(resume) { unsigned int flags; };
FIXTURE_VARIANT_ADD(resume, sealed) { .flags = 0 };
FIXTURE_VARIANT_ADD(resume, single) { .flags = KTLS_F_SINGLE_USE };

FIXTURE_SETUP(resume)
{
	pthread_mutex_init(&self->shelf.lock, NULL);
	self->client = CLIENT13();
	self->server = SERVER13(.flags = variant->flags);
}

FIXTURE_TEARDOWN(resume)
{
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

#define USE_CLIENT(...)							\
	do {								\
		ktls_config_put(self->client);				\
		self->client = CLIENT13(__VA_ARGS__);			\
	} while (0)
#define USE_SERVER(more, ...)						\
	do {								\
		ktls_config_put(self->server);				\
		self->server = SERVER13(.flags = variant->flags | (more), \
					__VA_ARGS__);			\
	} while (0)

/* The next handshake, in the present configs, is ... */
#define EXPECT_NEXT(how)						\
	EXPECT_EQ(shake13(self->client, self->server, NULL), how)

/* One that may fail: the error */
static int try13(struct ktls_config *client, struct ktls_config *server)
{
	struct ktls_hs *c, *s;
	int err;

	ASSERT_OK(ktls_hs_new(&c, client, "localhost"));
	ASSERT_OK(ktls_hs_new(&s, server, NULL));
	err = pump(c, s, 0);
	ktls_hs_free(c);
	ktls_hs_free(s);
	return err;
}

/* ---- tickets ----------------------------------------------------------- */

TEST_F(resume, each_handshake_brings_another_ticket)
{
	struct ktls_info info[2];

	EXPECT_NEXT(FULL);
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(shake13(self->client, self->server, info), RESUMED);
		for (int end = 0; end < 2; end++) {
			EXPECT_EQ(info[end].sigalg, 0);
			EXPECT_EQ(info[end].peer_sigalg, 0);
			EXPECT_NE(info[end].group, 0);
			EXPECT_STREQ(info[end].server_name, "localhost");
		}
		EXPECT_EQ(info[0].peer_verified, 1);
		EXPECT_STREQ(info[0].peer_subject, "CN = p256");
	}
}

/* Sessions of both versions stand in one cache, and not in each other's place */
TEST_F(resume, names)
{
	uint8_t buf[4096];

	USE_CLIENT(.verify = KTLS_VERIFY_NONE);
	USE_SERVER(0, .max_version = KTLS_TLS12);
	ASSERT_EQ(shake_named(self->client, self->server, "3localhost", NULL),
		  FULL);
	EXPECT_GT(ktls_session_export(self->client, "3localhost", buf,
				      sizeof(buf)), 0);
	EXPECT_EQ(ktls_session_export(self->client, "localhost", buf,
				      sizeof(buf)), 0);
}

/* Two after a full one, one after another, and none is used twice */
TEST_F(resume, a_ticket_is_used_once)
{
	struct pair p[4];

	pair_open(&p[0], self->client, self->server);
	take_tickets(p[0].client);
	for (int i = 1; i < 4; i++) {
		struct ktls_info info;

		pair_open(&p[i], self->client, self->server);
		ktls_conn_info(p[i].client, &info);
		EXPECT_EQ(info.resumed, i < 3);
	}
	for (int i = 0; i < 4; i++)
		pair_close(&p[i]);
}

TEST_F(resume, as_many_as_are_asked_for)
{
	USE_SERVER(0, .tickets = 7);
	for (int more = 0; more < 2; more++) {
		struct pair p;
		int found = 0;

		USE_CLIENT(.flags = 0);
		pair_open(&p, self->client, self->server);
		if (more)
			EXPECT_EQ(ktls_conn_send_tickets(p.server, 3), 3);
		exchange(p.server, p.client, 100);
		EXPECT_EQ(p.server->tickets, more ? 10 : 7);
		pair_close(&p);
		/* of which the newest are kept */
		while (shake13(self->client, self->server, NULL) == RESUMED &&
		       found < 8) {
			struct exported e;

			export_session(self->client, &e);
			found++;
		}
		EXPECT_EQ(found, 8);
	}
}

TEST_F(resume, none_for_who_takes_none)
{
	static const struct ktls_opts opts[] = {
		{ .flags = KTLS_F_NO_TICKETS }, { .sessions = KTLS_NO_SESSIONS },
	};

	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		USE_CLIENT(.flags = opts[i].flags, .sessions = opts[i].sessions);
		pair_open(&p, self->client, self->server);
		EXPECT_EQ(p.server->tickets, 0);
		EXPECT_EQ(ktls_conn_send_tickets(p.server, 1), 0);
		EXPECT_EQ(ktls_conn_send_tickets(p.client, 1), -KTLS_E_STATE);
		EXPECT_EQ(ktls_conn_send_tickets(p.server, 0), -EINVAL);
		EXPECT_EQ(ktls_conn_send_tickets(p.server, 17), -EINVAL);
		pair_close(&p);
		EXPECT_NEXT(FULL);
	}
}

/* The connection outlives its session */
TEST_F(resume, none_of_what_is_over)
{
	struct pair p;

	USE_SERVER(0, .session_lifetime = 100);
	pair_open(&p, self->client, self->server);
	clock_ahead(99);
	EXPECT_EQ(ktls_conn_send_tickets(p.server, 1), 1);
	clock_ahead(101);
	EXPECT_EQ(ktls_conn_send_tickets(p.server, 1), 0);
	exchange(p.server, p.client, 100);
	pair_close(&p);
	EXPECT_NEXT(FULL);
}

/* ---- and after a failure (6, D.3) ---------------------------------------- */

/* What there is for the server, which stays */
static bool any_left(FIXTURE_DATA(resume) *self)
{
	return ktls_session_export(self->client, "localhost", NULL, 0) > 0;
}

TEST_F(resume, none_that_a_server_may_have_stumbled_over)
{
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2,
					 KTLS_ALERT_INTERNAL_ERROR };
	struct ktls_hs *hs;

	for (int said = 0; said < 2; said++) {
		struct feed f = { .have = 0 };

		EXPECT_NEXT(FULL);
		ASSERT_OK(ktls_hs_new(&hs, self->client, "localhost"));
		f.hs = hs;
		if (said)
			feed(&f, alert, sizeof(alert), 0);
		else
			ktls_hs_recv_failed(hs, -ECONNRESET);
		EXPECT_LT(ktls_hs_error(hs), 0);
		ktls_hs_free(hs);
		EXPECT_EQ(any_left(self), !said);
		if (!said)
			USE_CLIENT(.flags = 0);
	}
	EXPECT_NEXT(FULL);
}

TEST_F(resume, none_of_a_connection_that_failed)
{
	struct pair p;
	char c;

	for (int said = 0; said < 2; said++) {
		USE_CLIENT(.flags = 0);
		pair_open(&p, self->client, self->server);
		take_tickets(p.client);
		EXPECT_TRUE(any_left(self));
		if (said)
			EXPECT_EQ(conn_fail(p.server, -KTLS_E_UNEXPECTED),
				  -KTLS_E_UNEXPECTED);
		else
			shutdown(p.fd[1], SHUT_WR);
		EXPECT_EQ(ktls_recv(p.client, &c, 1, 0), said ?
			  -KTLS_E_PEER_ALERT : -KTLS_E_TRUNCATED);
		pair_close(&p);
		EXPECT_EQ(any_left(self), !said);
	}
	EXPECT_NEXT(FULL);
}

/* ---- what it is bound to ----------------------------------------------- */

TEST_F(resume, name)
{
	struct ktls_info info;
	struct pair p;

	EXPECT_NEXT(FULL);
	pair_open(&p, self->client, self->server);
	ktls_conn_info(p.client, &info);
	EXPECT_EQ(info.resumed, 1);
	pair_close(&p);
	EXPECT_NEXT(RESUMED);
}

/* A server that has no certificate for the name does not resume it either */
TEST_F(resume, strict_name)
{
	const struct ktls_cred own[] = { pki_cred("p256"),
					 pki_cred("othername") };
	unsigned int flags = variant->flags | KTLS_F_STRICT_NAME;

	USE_SERVER(0, .arg = &self->shelf, .session_store = &shelf_store);
	EXPECT_NEXT(FULL);
	for (size_t i = 0; i < 2; i++) {
		struct ktls_config *to = SERVER13(.creds = own + i,
			.creds_len = 1, .flags = flags, .arg = &self->shelf,
			.session_store = &shelf_store);

		share_keys(self->server, to);
		ktls_config_put(self->server);
		self->server = to;
		if (!i)
			EXPECT_NEXT(RESUMED);
	}
	EXPECT_EQ(try13(self->client, self->server), -KTLS_E_UNKNOWN_NAME);
}

TEST_F(resume, alpn)
{
	struct ktls_config *to;

	USE_SERVER(0, .alpn = "a,b");
	USE_CLIENT(.alpn = "a,b");
	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
	to = CLIENT13(.alpn = "b");
	ASSERT_OK(move_session(self->client, to));
	ktls_config_put(self->client);
	self->client = to;
	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
}

/* The client, and whose word for it was taken */
TEST_F(resume, identity)
{
	struct ktls_cred mine = pki_cred("client");
	struct ktls_info info[2];

	USE_SERVER(0, .verify = KTLS_VERIFY_REQUIRE, .ca_file = pki("ca"));
	USE_CLIENT(.creds = &mine, .creds_len = 1);
	EXPECT_NEXT(FULL);
	ASSERT_EQ(shake13(self->client, self->server, info), RESUMED);
	EXPECT_STREQ(info[1].peer_subject, "CN = client");
	EXPECT_EQ(info[1].peer_verified, 1);
}

TEST_F(resume, trust)
{
	struct ktls_cred mine = pki_cred("client");
	struct ktls_config *to;

	USE_CLIENT(.creds = &mine, .creds_len = 1);
	EXPECT_NEXT(FULL);
	/* a server that verifies takes nothing from one that did not */
	to = SERVER13(.flags = variant->flags, .session_store = NULL,
		      .verify = KTLS_VERIFY_REQUIRE, .ca_file = pki("ca"));
	share_keys(self->server, to);
	ktls_config_put(self->server);
	self->server = to;
	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
	/* nor a client with other trust from one like this */
	to = CLIENT13(.ca_file = pki("selfsigned"));
	EXPECT_EQ(move_session(self->client, to), -KTLS_E_SESSION);
	ktls_config_put(to);
}

TEST_F(resume, suite)
{
	USE_CLIENT(.ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384");
	for (int i = 0; i < 2; i++) {
		/* the ticket's hash is not that of the suite */
		USE_SERVER(0, .ciphers = "TLS_AES_128_GCM_SHA256");
		EXPECT_NEXT(FULL);
		EXPECT_NEXT(RESUMED);
		USE_SERVER(0, .ciphers = "TLS_AES_256_GCM_SHA384");
		EXPECT_NEXT(FULL);
		EXPECT_NEXT(RESUMED);
	}
}

TEST_F(resume, another_suite_of_the_hash)
{
	struct ktls_config *to;
	struct ktls_info info[2];

	USE_SERVER(0, .ciphers = "TLS_AES_128_GCM_SHA256", .arg = &self->shelf,
		   .session_store = &shelf_store);
	EXPECT_NEXT(FULL);
	to = SERVER13(.ciphers = "TLS_CHACHA20_POLY1305_SHA256:"
		      "TLS_AES_128_GCM_SHA256", .flags = variant->flags,
		      .arg = &self->shelf, .session_store = &shelf_store);
	share_keys(self->server, to);
	ktls_config_put(self->server);
	self->server = to;
	ASSERT_EQ(shake13(self->client, self->server, info), RESUMED);
	EXPECT_EQ(info[0].suite, 0x1303);
}

/* ---- time -------------------------------------------------------------- */

TEST_F(resume, lifetime_counts_from_the_full_one)
{
	USE_SERVER(0, .session_lifetime = 100, .ticket_period = 600);
	EXPECT_NEXT(FULL);
	for (int t = 10; t < 100; t += 40) {
		clock_ahead(t);
		EXPECT_NEXT(RESUMED);
	}
	clock_ahead(101);
	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
}

TEST_F(resume, certificate_ends_it)
{
	const time_t end = 2524607999;	/* of all certificates, see pki.sh */
	struct exported e;

	clock_ahead(end - 1000 - time(NULL));
	EXPECT_NEXT(FULL);
	export_session(self->client, &e);
	clock_ahead(0);
	clock_ahead(end + 1 - time(NULL));
	EXPECT_EQ(ktls_session_export(self->client, "localhost", e.b,
				      sizeof(e.b)), 0);
	clock_ahead(0);
}

/* ---- a fleet ----------------------------------------------------------- */

TEST_F(resume, servers_share_it)
{
	struct ktls_config *to;

	USE_SERVER(0, .arg = &self->shelf, .session_store = &shelf_store);
	EXPECT_NEXT(FULL);
	for (int i = 0; i < 3; i++) {
		to = SERVER13(.flags = variant->flags, .arg = &self->shelf,
			      .session_store = &shelf_store);
		share_keys(self->server, to);
		ktls_config_put(self->server);
		self->server = to;
		EXPECT_NEXT(RESUMED);
	}
	/* one that has not the keys does without */
	USE_SERVER(0, .arg = &self->shelf, .session_store = &shelf_store);
	EXPECT_NEXT(FULL);
}

TEST_F(resume, exported_and_imported)
{
	struct ktls_config *to = CLIENT13();
	struct exported e;

	EXPECT_NEXT(FULL);
	export_session(self->client, &e);
	for (size_t i = 0; i < e.len; i++) {
		e.b[i] ^= 1;
		EXPECT_EQ(ktls_session_import(to, e.b, e.len),
			  -KTLS_E_SESSION);
		e.b[i] ^= 1;
	}
	ASSERT_OK(ktls_session_import(to, e.b, e.len));
	ktls_config_put(self->client);
	self->client = to;
	EXPECT_NEXT(RESUMED);
}

/* ---- modes ------------------------------------------------------------- */

/* For want of a common group, and if both allow it */
TEST_F(resume, without_a_key_exchange)
{
	for (unsigned int i = 0; i < 4; i++) {
		unsigned int c = i & 1 ? KTLS_F_PSK_KE : 0;
		unsigned int s = i & 2 ? KTLS_F_PSK_KE : 0;
		struct ktls_config *to;
		struct ktls_info info[2];

		USE_CLIENT(.flags = c, .groups = "x25519");
		USE_SERVER(s, .arg = &self->shelf,
			   .session_store = &shelf_store);
		EXPECT_NEXT(FULL);
		ASSERT_EQ(shake13(self->client, self->server, info), RESUMED);
		EXPECT_EQ(info[0].group, 0x001d);
		to = SERVER13(.flags = variant->flags | s, .arg = &self->shelf,
			      .session_store = &shelf_store,
			      .groups = "secp384r1");
		share_keys(self->server, to);
		ktls_config_put(self->server);
		self->server = to;
		if (i < 3)
			continue;
		ASSERT_EQ(shake13(self->client, self->server, info), RESUMED);
		EXPECT_EQ(info[0].group, 0);
	}
}

/* ---- with a retry ------------------------------------------------------ */

TEST_F(resume, after_a_retry)
{
	struct ktls_info info[2];

	USE_SERVER(KTLS_F_COOKIE, .groups = "secp384r1");
	USE_CLIENT(.groups = "x25519:secp384r1");
	EXPECT_NEXT(FULL);
	ASSERT_EQ(shake13(self->client, self->server, info), RESUMED);
	EXPECT_EQ(info[0].retried, 1);
	EXPECT_EQ(info[0].group, 0x0018);
}

/* What has another hash than the suite that is asked for is not offered then */
TEST_F(resume, after_a_retry_for_another_hash)
{
	struct ktls_info info[2];

	USE_SERVER(0, .ciphers = "TLS_AES_256_GCM_SHA384");
	EXPECT_NEXT(FULL);
	USE_SERVER(KTLS_F_COOKIE, .ciphers = "TLS_AES_128_GCM_SHA256");
	ASSERT_EQ(shake13(self->client, self->server, info), FULL);
	EXPECT_EQ(info[0].retried, 1);
}

/* ---- both versions ----------------------------------------------------- */

TEST_F(resume, server_went_back)
{
	struct ktls_config *old = SERVER12(.flags = variant->flags);

	EXPECT_NEXT(FULL);
	EXPECT_EQ(shake(self->client, old, NULL), FULL);
	EXPECT_EQ(shake(self->client, old, NULL), FULL);
	EXPECT_EQ(shake(self->client, old, NULL), RESUMED);
	EXPECT_NEXT(FULL);
	ktls_config_put(old);
}

HARNESS_MAIN
