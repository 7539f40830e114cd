// SPDX-License-Identifier: GPL-2.0-only
/*
 * TLS 1.2 in memory, both ends ours: every suite, with and without a client
 * certificate, full, then resumed by session id and by ticket.
 */
#include <stdio.h>

#include "../lib/suite.h"
#include "harness.h"
#include "peer.h"

FIXTURE(tls12) { struct ktls_config *client, *server; };

FIXTURE_VARIANT(tls12) {
	const struct suite *suite;
	bool mutual, tickets;
};

static bool every(size_t i, FIXTURE_VARIANT(tls12) *v, char *name, size_t size)
{
	if (i / 4 >= suites_len)
		return false;
	v->suite = &suites[i / 4];
	v->mutual = i & 1;
	v->tickets = i & 2;
	if (v->suite->version == KTLS_TLS12)
		snprintf(name, size, "%s%s.%s", v->suite->name,
			 v->mutual ? ".mutual" : "",
			 v->tickets ? "ticket" : "id");
	return true;
}

FIXTURE_VARIANT_GEN(tls12, every);

FIXTURE_SETUP(tls12)
{
	const struct suite *suite = variant->suite;
	bool rsa = suite->auth == AUTH_RSA, ecdh = suite->kex == KEX_ECDH;
	struct ktls_cred cred = pki_cred(ecdh ? rsa ? "ecdhrsa" : "nosign" :
					 rsa ? "rsa2048" : "p256");
	struct ktls_cred client = pki_cred("client");
	unsigned int flags = variant->tickets ? 0 : KTLS_F_NO_TICKETS;

	self->server = config(KTLS_OPTS(.role = KTLS_SERVER, .flags = flags,
		.creds = &cred, .creds_len = 1, .ca_file = pki("ca"),
		.ciphers = suite->name,
		.verify = variant->mutual ? KTLS_VERIFY_REQUIRE :
					    KTLS_VERIFY_NONE));
	self->client = config(KTLS_OPTS(.role = KTLS_CLIENT, .flags = flags,
		.creds = &client, .creds_len = variant->mutual,
		.ciphers = suite->named_only ? suite->name : NULL));
}

FIXTURE_TEARDOWN(tls12)
{
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

/* One handshake, @max bytes at a time */
static void shake(FIXTURE_DATA(tls12) *self, const char *name, size_t max,
		  struct ktls_info info[2])
{
	struct ktls_hs *client, *server;

	ASSERT_OK(ktls_hs_new(&client, self->client, name));
	ASSERT_OK(ktls_hs_new(&server, self->server, NULL));
	ASSERT_OK(pump(client, server, max));
	ASSERT_EQ(ktls_hs_wants(client), KTLS_WANT_DONE);
	ASSERT_EQ(ktls_hs_wants(server), KTLS_WANT_DONE);
	ktls_hs_info(client, &info[0]);
	ktls_hs_info(server, &info[1]);
	ktls_hs_free(client);
	ktls_hs_free(server);
}

TEST_F(tls12, full_then_resumed)
{
	struct ktls_info info[2];

	for (int i = 0; i < 3; i++) {
		shake(self, "localhost", i == 2 ? 1 : 0, info);
		for (int end = 0; end < 2; end++) {
			EXPECT_EQ(info[end].version, KTLS_TLS12);
			EXPECT_EQ(info[end].suite, variant->suite->id);
			EXPECT_EQ(info[end].resumed, i > 0);
			EXPECT_EQ(info[end].ems, 1);
		}
		EXPECT_EQ(info[0].peer_verified, 1);
		EXPECT_EQ(info[1].peer_verified, variant->mutual);
		EXPECT_EQ(!info[1].peer_subject[0], !variant->mutual);
	}
}

/* RFC 6066 3: a session is of the name that it was made for */
TEST_F(tls12, another_name_is_another_session)
{
	struct ktls_info info[2];

	shake(self, "localhost", 0, info);
	shake(self, "www.example.test", 0, info);
	EXPECT_EQ(info[0].resumed, 0);
	EXPECT_EQ(info[1].resumed, 0);
}

HARNESS_MAIN
