// SPDX-License-Identifier: GPL-2.0-only
/* Authentication after the handshake with libssl, in both roles */
#include <errno.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "mode_lib.h"
#include "peer.h"

FIXTURE(post) {
	struct ssl_end *end;
	SSL *ssl;
	struct ktls_conn *conn;
	int fd[2];		/* ours, libssl's */
};

FIXTURE_VARIANT(post) {
	bool server;		/* libssl is it */
	const char *suite;
	const char *cert;	/* of the client; NULL: none */
};

FIXTURE_VARIANT_ADD(post, client) {
	false, "TLS_AES_128_GCM_SHA256", "client",
};

FIXTURE_VARIANT_ADD(post, client_sha384) {
	false, "TLS_AES_256_GCM_SHA384", "rsa2048",
};

FIXTURE_VARIANT_ADD(post, client_declines) {
	false, "TLS_AES_128_GCM_SHA256", NULL,
};

FIXTURE_VARIANT_ADD(post, server) {
	true, "TLS_AES_128_GCM_SHA256", "client",
};

FIXTURE_VARIANT_ADD(post, server_sha384) {
	true, "TLS_AES_256_GCM_SHA384", "rsa2048",
};

FIXTURE_VARIANT_ADD(post, server_refused) {
	true, "TLS_AES_128_GCM_SHA256", NULL,
};

static struct ktls_config *our_config(const FIXTURE_VARIANT(post) *v)
{
	const struct ktls_cred cred = v->cert ? pki_cred(v->cert) :
						(struct ktls_cred){ 0 };

	if (v->server)
		return config(KTLS_OPTS(.role = KTLS_CLIENT,
			.flags = KTLS_F_POST_HANDSHAKE_AUTH,
			.ciphers = v->suite, .creds = &cred,
			.creds_len = !!v->cert, .tx = KTLS_PATH_USER,
			.rx = KTLS_PATH_USER));
	return config(KTLS_OPTS(.role = KTLS_SERVER,
		.flags = KTLS_F_POST_HANDSHAKE_AUTH | KTLS_F_AUTH_LATER,
		.ciphers = v->suite, .verify = KTLS_VERIFY_OPTIONAL,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER));
}

FIXTURE_SETUP(post)
{
	struct ktls_config *cfg = our_config(variant);
	struct ktls_hs *hs;

	self->end = ssl_end_new(&(struct ssl_opts){
		.server = variant->server, .cert = variant->server ? "p256" :
		variant->cert, .verify = !variant->server,
		.name = variant->server ? NULL : "localhost", .tickets = 2 });
	self->ssl = ssl_end_ssl(self->end);
	SSL_set_post_handshake_auth(self->ssl, 1);
	ASSERT_OK(ktls_hs_new(&hs, cfg, variant->server ? "localhost" : NULL));
	ASSERT_OK(ssl_pump(self->end, hs, 0))
		TH_LOG("ours: %s; libssl: %s", ktls_hs_error_text(hs),
		       ssl_end_error(self->end));
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     self->fd));
	set_nonblock(self->fd[1]);
	/* its tickets are still in memory */
	if (variant->server) {
		BIO *out = SSL_get_wbio(self->ssl);
		char buf[4096];
		int n;

		while ((n = BIO_read(out, buf, sizeof(buf))) > 0)
			ASSERT_EQ(write(self->fd[1], buf, (size_t)n), n);
	}
	ASSERT_EQ(SSL_set_fd(self->ssl, self->fd[1]), 1);
	ASSERT_OK(ktls_offload(&self->conn, hs, self->fd[0]));
	ktls_config_put(cfg);
}

FIXTURE_TEARDOWN(post)
{
	ktls_conn_free(self->conn);
	ssl_end_free(self->end);
	close(self->fd[0]);
	close(self->fd[1]);
}

/* Data both ways, with whatever comes on the way */
static void talk(FIXTURE_DATA(post) *self)
{
	char buf[8];
	ssize_t n;

	ASSERT_EQ(ktls_send(self->conn, "ours", 4, 0), 4);
	ASSERT_EQ(SSL_read(self->ssl, buf, sizeof(buf)), 4);
	EXPECT_MEMEQ(buf, "ours", 4);
	ASSERT_EQ(SSL_write(self->ssl, "theirs", 6), 6);
	do
		n = ktls_recv(self->conn, buf, sizeof(buf), 0);
	while (n == -EINTR);
	ASSERT_EQ(n, 6) TH_LOG("%s", ktls_strerror((int)n));
	EXPECT_MEMEQ(buf, "theirs", 6);
}

static void rekey_both(FIXTURE_DATA(post) *self)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(ktls_conn_rekey(self->conn, i % 2 ?
					  KTLS_REKEY_BOTH : 0));
		talk(self);
		ASSERT_EQ(SSL_key_update(self->ssl, i % 2 ?
			SSL_KEY_UPDATE_REQUESTED :
			SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		talk(self);
	}
}

/* ---- our server -------------------------------------------------------- */

static void we_ask(FIXTURE_DATA(post) *self, const char *cert)
{
	char subject[64] = "CN = ", c;
	struct ktls_info info;

	ASSERT_OK(ktls_conn_request_auth(self->conn));
	/* it answers when it looks for data */
	ASSERT_EQ(SSL_read(self->ssl, &c, 1), -1);
	ASSERT_EQ(ktls_recv(self->conn, &c, 1, 0), -EINTR);
	EXPECT_FALSE(ktls_conn_events(self->conn) & KTLS_EV_UNANSWERED);
	ktls_conn_info(self->conn, &info);
	EXPECT_EQ(info.peer_verified, !!cert);
	EXPECT_STREQ(info.peer_subject, cert ? strcat(subject, cert) : "");
}

/* ---- our client -------------------------------------------------------- */

static void they_ask(FIXTURE_DATA(post) *self, const char *cert)
{
	const X509 *seen;
	char c;

	SSL_set_verify(self->ssl, SSL_VERIFY_PEER |
		       SSL_VERIFY_FAIL_IF_NO_PEER_CERT |
		       SSL_VERIFY_POST_HANDSHAKE, NULL);
	ASSERT_EQ(SSL_verify_client_post_handshake(self->ssl), 1);
	ASSERT_EQ(SSL_do_handshake(self->ssl), 1);
	ASSERT_EQ(ktls_recv(self->conn, &c, 1, 0), -EINTR);
	EXPECT_EQ(ktls_conn_events(self->conn), KTLS_EV_AUTH);
	ASSERT_OK(ktls_conn_authenticate(self->conn));
	ASSERT_EQ(SSL_read(self->ssl, &c, 1), -1);
	if (!cert) {
		ASSERT_EQ(ktls_recv(self->conn, &c, 1, 0),
			  -KTLS_E_PEER_ALERT);
		EXPECT_EQ(ktls_conn_alert(self->conn),
			  KTLS_ALERT_CERTIFICATE_REQUIRED);
		return;
	}
	seen = SSL_get0_peer_certificate(self->ssl);
	ASSERT_TRUE(seen);
	EXPECT_EQ(SSL_get_verify_result(self->ssl), X509_V_OK);
}

TEST_F(post, again_and_again)
{
	talk(self);
	for (int i = 0; i < 3; i++) {
		if (variant->server)
			they_ask(self, variant->cert);
		else
			we_ask(self, variant->cert);
		if (variant->server && !variant->cert)
			return;
		talk(self);
		rekey_both(self);
	}
}

HARNESS_MAIN
