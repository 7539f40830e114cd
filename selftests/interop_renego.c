// SPDX-License-Identifier: GPL-2.0-only
/* Renegotiation with libssl (RFC 5746), in both roles */
#include <errno.h>
#include <openssl/ssl.h>

#include "harness.h"
#include "peer.h"

FIXTURE(renego) {
	struct ssl_end *ssl;
	struct ktls_config *config;
	struct ktls_hs *hs;
};

FIXTURE_VARIANT(renego) { bool server; };	/* libssl is it */
FIXTURE_VARIANT_ADD(renego, client) { false };
FIXTURE_VARIANT_ADD(renego, server) { true };

static void begin(FIXTURE_DATA(renego) *self, bool server, uint64_t options)
{
	self->ssl = ssl_end_new(&(struct ssl_opts){
		.server = server, .cert = server ? "p256" : "client",
		.verify = true, .require = server });
	SSL_set_max_proto_version(ssl_end_ssl(self->ssl), TLS1_2_VERSION);
	SSL_set_options(ssl_end_ssl(self->ssl), options);
	if (server) {
		const struct ktls_cred cred = pki_cred("client");

		self->config = config(KTLS_OPTS(.role = KTLS_CLIENT,
			.creds = &cred, .creds_len = 1));
	} else {
		self->config = config(KTLS_OPTS(.role = KTLS_SERVER,
			.verify = KTLS_VERIFY_REQUIRE, .ca_file = pki("ca")));
	}
	ASSERT_OK(ktls_hs_new(&self->hs, self->config,
			      server ? "localhost" : NULL));
	ASSERT_OK(ssl_pump(self->ssl, self->hs, 0))
		TH_LOG("%s; %s", ssl_end_error(self->ssl),
		       ktls_hs_error_text(self->hs));
}

FIXTURE_TEARDOWN(renego)
{
	ktls_hs_free(self->hs);
	ktls_config_put(self->config);
	ssl_end_free(self->ssl);
}

/* libssl sees what we begin when it looks for data: then it goes on */
static int pump_again(FIXTURE_DATA(renego) *self)
{
	int err = -EDEADLK;

	for (int i = 0; i < 4 && err == -EDEADLK; i++)
		err = ssl_pump(self->ssl, self->hs, 0);
	return err;
}

TEST_F(renego, both_agree)
{
	struct ktls_info info;

	begin(self, variant->server, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	for (int i = 1; i < 4; i++) {
		ASSERT_OK(ktls_hs_renegotiate(self->hs, NULL));
		ASSERT_OK(pump_again(self))
			TH_LOG("%s; %s", ssl_end_error(self->ssl),
			       ktls_hs_error_text(self->hs));
		ktls_hs_info(self->hs, &info);
		EXPECT_EQ(info.version, KTLS_TLS12);
		EXPECT_EQ(info.renegotiated, i);
		EXPECT_EQ(info.peer_verified, 1);
		/* a server counts those alone that it began */
		if (!variant->server)
			EXPECT_EQ(SSL_total_renegotiations(
				  ssl_end_ssl(self->ssl)), i);
	}
}

/* RFC 5246 7.2.2: libssl declines with the warning */
TEST_F(renego, one_declines)
{
	begin(self, variant->server, SSL_OP_NO_RENEGOTIATION);
	ASSERT_OK(ktls_hs_renegotiate(self->hs, NULL));
	EXPECT_EQ(pump_again(self), -KTLS_E_NO_RENEGOTIATION);
}

/* RFC 7627: without the extended main secret there is nothing to hold on to */
TEST_F(renego, not_without_ems)
{
	struct ktls_info info;

	begin(self, variant->server, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	ktls_hs_info(self->hs, &info);
	EXPECT_EQ(info.ems, 0);
	EXPECT_EQ(info.secure_renegotiation, 1);
	EXPECT_EQ(ktls_hs_renegotiate(self->hs, NULL),
		  -KTLS_E_NO_RENEGOTIATION);
	EXPECT_EQ(ktls_hs_wants(self->hs), KTLS_WANT_DONE);
}

HARNESS_MAIN
