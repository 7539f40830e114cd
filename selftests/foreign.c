// SPDX-License-Identifier: GPL-2.0-only
/* After the hand-off, with libssl in user space as the other end */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "mode_lib.h"

#define TICKETS	3
#define BULK	100000

FIXTURE(foreign) {
	int fd[2];		/* ours, libssl's */
	struct ktls_config *config;
	struct ktls_conn *conn;
	struct ssl_end *end;
	SSL *ssl;
	pthread_t thread;
};

FIXTURE_VARIANT(foreign) {
	struct mode mode;
	enum ktls_role role;	/* ours */
};

/* Every suite that libssl has, both roles, both directions the kernel's */
static bool each_suite(size_t i, FIXTURE_VARIANT(foreign) *v, char *name,
		       size_t size)
{
	if (i / 2 >= suites_len)
		return false;
	v->mode = (struct mode){ &suites[i / 2], KTLS_PATH_KERNEL,
				 KTLS_PATH_KERNEL };
	v->role = i % 2 ? KTLS_SERVER : KTLS_CLIENT;
	if (!v->mode.suite->named_only)
		snprintf(name, size, "%s.%s", i % 2 ? "server" : "client",
			 v->mode.suite->name);
	return true;
}

FIXTURE_VARIANT_GEN(foreign, each_suite);

static void *shake(void *arg)
{
	FIXTURE_DATA(foreign) *self = arg;

	ASSERT_OK(ssl_end_run(self->end, self->fd[1]))
		TH_LOG("%s", ssl_end_error(self->end));
	return NULL;
}

/* RFC 7919: of its own choice libssl takes other primes */
static void set_dh(SSL *ssl)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *params = NULL;

	ASSERT_TRUE(ctx);
	ASSERT_EQ(EVP_PKEY_paramgen_init(ctx), 1);
	ASSERT_EQ(EVP_PKEY_CTX_set_group_name(ctx, "ffdhe2048"), 1);
	ASSERT_EQ(EVP_PKEY_generate(ctx, &params), 1);
	ASSERT_EQ(SSL_set0_tmp_dh_pkey(ssl, params), 1);
	EVP_PKEY_CTX_free(ctx);
}

FIXTURE_SETUP(foreign)
{
	const struct suite *suite = variant->mode.suite;
	bool client = variant->role == KTLS_CLIENT;
	const char *cert = suite->auth == AUTH_RSA ? "rsa2048" : "p256";
	struct ktls_cred cred = pki_cred(cert);
	char why[256] = "";
	int err;

	mode_need(&variant->mode);
	self->config = mode_config(&variant->mode, variant->role,
				   KTLS_OPTS(.creds = client ? NULL : &cred,
					     .creds_len = !client));
	self->end = ssl_end_new(&(struct ssl_opts){
		.server = client, .cert = client ? cert : NULL,
		.verify = !client, .name = client ? NULL : "localhost",
		.tickets = TICKETS });
	self->ssl = ssl_end_ssl(self->end);
	/* all that libssl has, CCM among it */
	ASSERT_EQ(SSL_set_cipher_list(self->ssl, "ALL:@SECLEVEL=0"), 1);
	ASSERT_EQ(SSL_set_ciphersuites(self->ssl,
		"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
		"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256"), 1);
	set_dh(self->ssl);
	tcp_pair(self->fd);
	set_socket(self->fd[0]);
	set_socket(self->fd[1]);
	ASSERT_EQ(pthread_create(&self->thread, NULL, shake, self), 0);
	err = client ? ktls_connect(&self->conn, self->fd[0], self->config,
				    "localhost", harness_ms(10000), why,
				    sizeof(why)) :
		       ktls_accept(&self->conn, self->fd[0], self->config,
				   harness_ms(10000), why, sizeof(why));
	ASSERT_OK(err) TH_LOG("%s", why);
	ASSERT_EQ(pthread_join(self->thread, NULL), 0);
	ASSERT_EQ(ktls_conn_kernel(self->conn), KTLS_TX | KTLS_RX);
}

FIXTURE_TEARDOWN(foreign)
{
	ktls_conn_free(self->conn);
	ktls_config_put(self->config);
	ssl_end_free(self->end);
	close(self->fd[0]);
	close(self->fd[1]);
}

static void ssl_send(SSL *ssl, uint64_t pos, size_t len)
{
	uint8_t buf[5000];

	for (size_t n; len; pos += n, len -= n) {
		n = len < sizeof(buf) ? len : sizeof(buf);
		stream_fill(1, pos, buf, n);
		ASSERT_EQ(SSL_write(ssl, buf, (int)n), n);
	}
}

static void ssl_recv(SSL *ssl, uint64_t pos, size_t len)
{
	uint8_t buf[16384];

	while (len) {
		int n = SSL_read(ssl, buf, len < sizeof(buf) ? (int)len :
				 (int)sizeof(buf));

		ASSERT_GT(n, 0);
		stream_check(1, pos, buf, (size_t)n);
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
}

/* There and back; the tickets of a server stand before its data */
static void exchange_both(FIXTURE_DATA(foreign) *self, uint64_t *pos,
			  size_t len)
{
	ssl_send(self->ssl, *pos, len);
	recv_stream(self->conn, 1, *pos, len);
	send_stream(self->conn, 1, *pos, len);
	ssl_recv(self->ssl, *pos, len);
	*pos += len;
}

static void close_in_order(FIXTURE_DATA(foreign) *self, bool we_first)
{
	char c;

	if (we_first) {
		ASSERT_OK(ktls_conn_shutdown(self->conn));
		ASSERT_EQ(SSL_read(self->ssl, &c, 1), 0);
		EXPECT_EQ(SSL_get_shutdown(self->ssl), SSL_RECEIVED_SHUTDOWN);
	}
	ASSERT_GE(SSL_shutdown(self->ssl), 0);
	ASSERT_EQ(ktls_recv(self->conn, &c, 1, 0), 0);
	if (we_first)
		return;
	ASSERT_OK(ktls_conn_shutdown(self->conn));
	ASSERT_EQ(SSL_shutdown(self->ssl), 1);
}

/* A KeyUpdate of libssl where the kernel cannot follow it */
static void no_rekey(FIXTURE_DATA(foreign) *self)
{
	char c;

	ASSERT_EQ(SSL_key_update(self->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
	ASSERT_EQ(SSL_write(self->ssl, "x", 1), 1);
	ASSERT_EQ(ktls_recv(self->conn, &c, 1, 0), -KTLS_E_NO_REKEY);
	ASSERT_OK(ktls_conn_shutdown(self->conn));
	ASSERT_LE(SSL_read(self->ssl, &c, 1), 0);
	EXPECT_EQ(ssl_end_alert_received(self->end),
		  KTLS_ALERT_INTERNAL_ERROR);
}

TEST_F(foreign, all)
{
	bool client = variant->role == KTLS_CLIENT;
	bool tls13 = variant->mode.suite->version == KTLS_TLS13;
	uint64_t pos = 0;

	ASSERT_STREQ(SSL_CIPHER_standard_name(
			SSL_get_current_cipher(self->ssl)),
		     variant->mode.suite->name);
	exchange_both(self, &pos, 1);
	exchange_both(self, &pos, BULK);
	/* later tickets, with data around them */
	if (tls13 && client) {
		ASSERT_EQ(SSL_new_session_ticket(self->ssl), 1);
		exchange_both(self, &pos, 100);
		ASSERT_EQ(SSL_new_session_ticket(self->ssl), 1);
		ASSERT_EQ(SSL_new_session_ticket(self->ssl), 1);
		exchange_both(self, &pos, 20000);
	}
	if (tls13 && !kernel_rekeys()) {
		ASSERT_EQ(ktls_conn_rekey(self->conn, 0), -KTLS_E_NO_REKEY);
		exchange_both(self, &pos, 10);
		no_rekey(self);
		return;
	}
	for (int i = 0; i < 3 && tls13; i++) {
		ASSERT_EQ(SSL_key_update(self->ssl,
					 i % 2 ? SSL_KEY_UPDATE_REQUESTED :
						 SSL_KEY_UPDATE_NOT_REQUESTED),
			  1);
		exchange_both(self, &pos, 3000);
		ASSERT_OK(ktls_conn_rekey(self->conn,
					  i ? KTLS_REKEY_BOTH : 0));
		exchange_both(self, &pos, 3000);
		exchange_both(self, &pos, 20000);
	}
	close_in_order(self, client);
}

HARNESS_MAIN
