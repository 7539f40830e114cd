// SPDX-License-Identifier: GPL-2.0-only
/* Authentication after the handshake with GnuTLS, in both roles */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gnutls_lib.h"
#include "harness.h"

FIXTURE(post) {
	struct gnutls_end g;
	struct ktls_conn *conn;
};

FIXTURE_VARIANT(post) {
	bool server;		/* GnuTLS is it */
	const char *cipher, *cert;
};

FIXTURE_VARIANT_ADD(post, client) { false, "AES-128-GCM", "client" };
FIXTURE_VARIANT_ADD(post, client_sha384) { false, "AES-256-GCM", "rsa2048" };
FIXTURE_VARIANT_ADD(post, server) { true, "AES-128-GCM", "client" };
FIXTURE_VARIANT_ADD(post, server_sha384) { true, "AES-256-GCM", "rsa2048" };

static struct ktls_config *our_config(const FIXTURE_VARIANT(post) *v)
{
	const struct ktls_cred cred = pki_cred(v->cert);

	if (v->server)
		return config(KTLS_OPTS(.role = KTLS_CLIENT,
			.flags = KTLS_F_POST_HANDSHAKE_AUTH,
			.creds = &cred, .creds_len = 1,
			.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER));
	return config(KTLS_OPTS(.role = KTLS_SERVER,
		.flags = KTLS_F_POST_HANDSHAKE_AUTH | KTLS_F_AUTH_LATER,
		.verify = KTLS_VERIFY_REQUIRE,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER));
}

FIXTURE_SETUP(post)
{
	struct ktls_config *cfg = our_config(variant);
	char priority[128];
	struct ktls_hs *hs;
	int gerr;

	snprintf(priority, sizeof(priority),
		 "+VERS-TLS1.3:+GROUP-ALL:+%s", variant->cipher);
	gnutls_end_new(&self->g, &(struct gnutls_opts){
		       .server = variant->server, .priority = priority,
		       .cert = variant->server ? "p256" : variant->cert,
		       .flags = GNUTLS_POST_HANDSHAKE_AUTH });
	ASSERT_OK(ktls_hs_new(&hs, cfg, variant->server ? "localhost" : NULL));
	ktls_config_put(cfg);
	ASSERT_OK(gnutls_end_run(&self->g, hs, &gerr))
		TH_LOG("%s", ktls_hs_error_text(hs));
	ASSERT_OK(ktls_offload(&self->conn, hs, self->g.fd[1]));
}

FIXTURE_TEARDOWN(post)
{
	ktls_conn_free(self->conn);
	gnutls_end_free(&self->g);
}

static void talk(FIXTURE_DATA(post) *self)
{
	gnutls_session_t s = self->g.session;
	char buf[8];
	ssize_t n;

	ASSERT_EQ(ktls_send(self->conn, "ours", 4, 0), 4);
	while ((n = gnutls_record_recv(s, buf, sizeof(buf))) ==
	       GNUTLS_E_AGAIN)
		;
	ASSERT_EQ(n, 4);
	ASSERT_EQ(gnutls_record_send(s, "theirs", 6), 6);
	while ((n = ktls_recv(self->conn, buf, sizeof(buf), 0)) == -EAGAIN)
		;
	ASSERT_EQ(n, 6) TH_LOG("%s", ktls_strerror((int)n));
	EXPECT_MEMEQ(buf, "theirs", 6);
}

static void rekey_both(FIXTURE_DATA(post) *self)
{
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(ktls_conn_rekey(self->conn, 0));
		talk(self);
		ASSERT_EQ(gnutls_session_key_update(self->g.session, 0), 0);
		talk(self);
	}
}

static void we_ask(FIXTURE_DATA(post) *self, const char *cert)
{
	char subject[64] = "CN = ", c;
	struct ktls_info info;
	int ret;

	ASSERT_OK(ktls_conn_request_auth(self->conn));
	ASSERT_EQ(gnutls_record_recv(self->g.session, &c, 1),
		  GNUTLS_E_REAUTH_REQUEST);
	while ((ret = gnutls_reauth(self->g.session, 0)) == GNUTLS_E_AGAIN)
		;
	ASSERT_EQ(ret, 0) TH_LOG("%s", gnutls_strerror(ret));
	ASSERT_EQ(ktls_recv(self->conn, &c, 1, 0), -EINTR);
	ktls_conn_info(self->conn, &info);
	EXPECT_EQ(info.peer_verified, 1);
	EXPECT_STREQ(info.peer_subject, strcat(subject, cert));
}

static void they_ask(FIXTURE_DATA(post) *self, const char *cert)
{
	gnutls_session_t s = self->g.session;
	unsigned int len, status;
	char c;
	int ret;

	gnutls_certificate_server_set_request(s, GNUTLS_CERT_REQUIRE);
	ASSERT_EQ(gnutls_reauth(s, 0), GNUTLS_E_AGAIN);
	/* its tickets come first, from a socket that does not block */
	ASSERT_EQ(ktls_recv(self->conn, &c, 1, 0), -EINTR);
	EXPECT_EQ(ktls_conn_events(self->conn), KTLS_EV_AUTH);
	ASSERT_OK(ktls_conn_authenticate(self->conn));
	while ((ret = gnutls_reauth(s, 0)) == GNUTLS_E_AGAIN)
		;
	ASSERT_EQ(ret, 0) TH_LOG("%s", gnutls_strerror(ret));
	ASSERT_TRUE(gnutls_certificate_get_peers(s, &len));
	EXPECT_GE(len, 1);
	ASSERT_EQ(gnutls_certificate_verify_peers2(s, &status), 0);
	EXPECT_EQ(status, 0) TH_LOG("%s", cert);
}

TEST_F(post, again_and_again)
{
	talk(self);
	for (int i = 0; i < 3; i++) {
		if (variant->server)
			they_ask(self, variant->cert);
		else
			we_ask(self, variant->cert);
		talk(self);
		rekey_both(self);
	}
}

HARNESS_MAIN
