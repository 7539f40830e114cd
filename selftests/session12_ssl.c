// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions of TLS 1.2 with libssl as the other end, and the extended main
 * secret (RFC 7627), which it can be told not to have.
 */
#include <openssl/ssl.h>

#include "../lib/cache.h"
#include "harness.h"
#include "mitm_lib.h"
#include "session_lib.h"

FIXTURE(ssl) {
	struct ktls_config *client, *server;
	SSL_SESSION *session;		/* of libssl, either role */
	unsigned char keys[80];		/* for libssl's tickets */
	bool have_keys;
};

FIXTURE_VARIANT(ssl) { bool ticket; };
FIXTURE_VARIANT_ADD(ssl, id) { .ticket = false };
FIXTURE_VARIANT_ADD(ssl, ticket) { .ticket = true };

FIXTURE_SETUP(ssl)
{
	unsigned int flags = variant->ticket ? 0 : KTLS_F_NO_TICKETS;

	self->client = CLIENT12(.flags = flags);
	self->server = SERVER12(.flags = flags);
}

FIXTURE_TEARDOWN(ssl)
{
	SSL_SESSION_free(self->session);
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

/* One libssl after another, as if each were the same process */
static void carry_over(FIXTURE_DATA(ssl) *self, SSL *ssl, bool server)
{
	SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);

	if (self->have_keys)
		ASSERT_EQ(SSL_CTX_set_tlsext_ticket_keys(ctx, self->keys,
			  sizeof(self->keys)), 1);
	else
		ASSERT_EQ(SSL_CTX_get_tlsext_ticket_keys(ctx, self->keys,
			  sizeof(self->keys)), 1);
	self->have_keys = true;
	if (!self->session)
		return;
	if (server && SSL_SESSION_is_resumable(self->session))
		SSL_CTX_add_session(ctx, self->session);
	if (!server)
		ASSERT_EQ(SSL_set_session(ssl, self->session), 1);
}

static void check(struct ktls_hs *hs, SSL *ssl, struct ktls_info *info)
{
	unsigned char a[32], b[48];
	size_t len = SSL_SESSION_get_master_key(SSL_get_session(ssl), b,
						sizeof(b));

	ktls_hs_info(hs, info);
	EXPECT_EQ(SSL_version(ssl), KTLS_TLS12);
	EXPECT_EQ(info->version, KTLS_TLS12);
	EXPECT_EQ(info->resumed, SSL_session_reused(ssl));
	EXPECT_EQ(info->ems, SSL_get_extms_support(ssl));
	ASSERT_EQ(len, hs->tls12.master.len);
	EXPECT_MEMEQ(hs->tls12.master.b, b, len);
	EXPECT_EQ(SSL_get_client_random(ssl, a, sizeof(a)), 32);
	EXPECT_MEMEQ(a, hs->client_random, 32);
}

/* FULL or RESUMED as both say, or an error, ours or -EPROTO */
static int with_ssl(FIXTURE_DATA(ssl) *self, bool ticket, bool server,
		    uint64_t options)
{
	struct ssl_end *end = ssl_end_new(&(struct ssl_opts){
		.server = server, .cert = server ? "p256" : NULL,
		.name = server ? NULL : "localhost", .verify = !server });
	SSL *ssl = ssl_end_ssl(end);
	struct ktls_info info;
	struct ktls_hs *hs;
	int err;

	SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
	SSL_set_options(ssl, options | (ticket ? 0 : SSL_OP_NO_TICKET));
	carry_over(self, ssl, server);
	ASSERT_OK(ktls_hs_new(&hs, server ? self->client : self->server,
			      server ? "localhost" : NULL));
	err = ssl_pump(end, hs, 0);
	if (!err) {
		check(hs, ssl, &info);
		SSL_SESSION_free(self->session);
		/* a copy: the end of its context ends a session */
		self->session = SSL_SESSION_dup(SSL_get_session(ssl));
		/* as if it were closed well: else it is not to be resumed */
		SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN |
				      SSL_RECEIVED_SHUTDOWN);
	}
	ktls_hs_free(hs);
	ssl_end_free(end);
	return err ? err : info.resumed;
}

#define WITH_SERVER(opts)	with_ssl(self, variant->ticket, true, opts)
#define WITH_CLIENT(opts)	with_ssl(self, variant->ticket, false, opts)
#define NO_EMS			SSL_OP_NO_EXTENDED_MASTER_SECRET

TEST_F(ssl, server)
{
	ASSERT_EQ(WITH_SERVER(0), FULL);
	ASSERT_EQ(WITH_SERVER(0), RESUMED);
	ASSERT_EQ(WITH_SERVER(0), RESUMED);
	/* it has lost everything */
	self->have_keys = false;
	SSL_SESSION_free(self->session);
	self->session = NULL;
	ASSERT_EQ(WITH_SERVER(0), FULL);
	ASSERT_EQ(WITH_SERVER(0), RESUMED);
}

TEST_F(ssl, client)
{
	struct ktls_config *other = SERVER12(.flags = variant->ticket ? 0 :
						      KTLS_F_NO_TICKETS);

	ASSERT_EQ(WITH_CLIENT(0), FULL);
	EXPECT_EQ(SSL_SESSION_has_ticket(self->session), variant->ticket);
	if (variant->ticket)
		EXPECT_EQ(SSL_SESSION_get_ticket_lifetime_hint(self->session),
			  7200);
	ASSERT_EQ(WITH_CLIENT(0), RESUMED);
	ASSERT_EQ(WITH_CLIENT(0), RESUMED);
	ktls_config_put(self->server);
	self->server = other;
	ASSERT_EQ(WITH_CLIENT(0), FULL);
	ASSERT_EQ(WITH_CLIENT(0), RESUMED);
}

/* ---- RFC 7627 5.3 ------------------------------------------------------ */

TEST_F(ssl, server_without_ems)
{
	ASSERT_EQ(WITH_SERVER(NO_EMS), FULL);
	/* such a session is not even offered */
	EXPECT_EQ(ktls_session_export(self->client, "localhost", NULL, 0), 0);
	ASSERT_EQ(WITH_SERVER(NO_EMS), FULL);
	ASSERT_EQ(WITH_SERVER(0), FULL);
	ASSERT_EQ(WITH_SERVER(0), RESUMED);
}

TEST_F(ssl, client_without_ems)
{
	ASSERT_EQ(WITH_CLIENT(NO_EMS), FULL);
	EXPECT_FALSE(SSL_SESSION_has_ticket(self->session));
	ASSERT_EQ(WITH_CLIENT(NO_EMS), FULL);
	ASSERT_EQ(WITH_CLIENT(0), FULL);
	ASSERT_EQ(WITH_CLIENT(0), RESUMED);
	/* a session that had it, and a hello that has not: abort */
	EXPECT_EQ(WITH_CLIENT(NO_EMS), -KTLS_E_NO_EMS);
}

TEST_F(ssl, ems_required)
{
	ktls_config_put(self->client);
	ktls_config_put(self->server);
	self->client = CLIENT12(.flags = KTLS_F_NEED_EMS);
	self->server = SERVER12(.flags = KTLS_F_NEED_EMS);
	EXPECT_EQ(WITH_CLIENT(NO_EMS), -KTLS_E_NO_EMS);
	EXPECT_EQ(WITH_SERVER(NO_EMS), -KTLS_E_NO_EMS);
	EXPECT_EQ(WITH_CLIENT(0), FULL);
	SSL_SESSION_free(self->session);
	self->session = NULL;
	EXPECT_EQ(WITH_SERVER(0), FULL);
}

/* What an older version, or another program, may have left in the cache */
static void make_legacy(struct ktls_config *server, SSL_SESSION *session)
{
	unsigned int len;
	const unsigned char *p = SSL_SESSION_get_id(session, &len);
	struct slice none, id = { p, len };
	struct wr w = { 0 };
	struct session s;

	ASSERT_TRUE(cache_get(server->sessions, id, true, &w));
	ASSERT_TRUE(session_read((struct slice){ w.buf, w.len }, &s, &none));
	EXPECT_TRUE(s.ems);
	s.ems = false;
	wr_reset(&w);
	session_write(&w, &s, none);
	ASSERT_OK(cache_put(server->sessions, id,
			    (struct slice){ w.buf, w.len },
			    (time_t)(s.made + s.lifetime)));
	wr_free(&w);
}

TEST_F(ssl, session_without_ems)
{
	static const uint64_t hello[] = { 0, NO_EMS };

	ktls_config_put(self->server);
	self->server = SERVER12(.flags = KTLS_F_NO_TICKETS);
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION_free(self->session);
		self->session = NULL;
		ASSERT_EQ(WITH_CLIENT(0), FULL);
		ASSERT_EQ(WITH_CLIENT(0), RESUMED);
		make_legacy(self->server, self->session);
		/* a new one in either case */
		ASSERT_EQ(WITH_CLIENT(hello[i]), FULL);
	}
}

/* ---- ours alone, where libssl would not err ---------------------------- */

static void drop_ems(struct mitm *m, enum end from, struct flight *f,
		     void *arg)
{
	static const uint8_t ems[] = { 0, 23, 0, 0 };
	struct item *it = &f->item[0];
	uint8_t *p;

	(void)arg;
	if (from != SERVER_END || m->flights[from] > 1 ||
	    !item_is(it, HT_SERVER_HELLO))
		return;
	p = memmem(it->data.buf, it->data.len, ems, sizeof(ems));
	ASSERT_TRUE(p);
	memmove(p, p + 4, (size_t)(it->data.buf + it->data.len - p) - 4);
	it->data.len -= 4;
	item_fix_length(it);
	/* the block of extensions is 4 bytes shorter */
	p = it->data.buf + MSG_HEADER + 2 + RANDOM_LEN;
	p += 1 + p[0] + 3;
	p[1] = (uint8_t)(p[1] - 4);
}

TEST(server_drops_ems_in_a_resumption)
{
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.role = KTLS_CLIENT,
				 .max_version = KTLS_TLS12),
		   KTLS_OPTS(.role = KTLS_SERVER,
			     .max_version = KTLS_TLS12), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	mitm_again(&m);
	mitm_run(&m, drop_ems, NULL);
	mitm_failed(&m, CLIENT_END, -KTLS_E_NO_EMS);
	mitm_end(&m);
}

/* RFC 5077 3.4: whoever brings a ticket does not mean the id */
TEST(ticket_that_does_not_open_beside_a_good_id)
{
	struct ktls_config *client = CLIENT12(.flags = KTLS_F_NO_TICKETS);
	struct ktls_config *server = SERVER12(.flags = KTLS_F_NO_TICKETS);
	static const struct slice name = { (const uint8_t *)"localhost", 9 };
	struct ktls_config *both = CLIENT12(.flags = 0);
	struct slice none;
	struct wr w = { 0 };
	struct session s;

	ASSERT_EQ(shake(client, server, NULL), FULL);
	ASSERT_TRUE(cache_get(client->sessions, name, false, &w));
	ASSERT_TRUE(session_read((struct slice){ w.buf, w.len }, &s, &none));
	wr_reset(&w);
	session_write(&w, &s, (struct slice){ s.secret.b, 48 });
	ASSERT_OK(cache_put(both->sessions, name,
			    (struct slice){ w.buf, w.len }, time(NULL) + 9));
	/* a server that knows no tickets sees but the id */
	ASSERT_EQ(shake(both, server, NULL), RESUMED);
	server->flags &= ~KTLS_F_NO_TICKETS;
	ASSERT_OK(cache_put(both->sessions, name,
			    (struct slice){ w.buf, w.len }, time(NULL) + 9));
	ASSERT_EQ(shake(both, server, NULL), FULL);
	wr_free(&w);
	ktls_config_put(client);
	ktls_config_put(server);
	ktls_config_put(both);
}

HARNESS_MAIN
