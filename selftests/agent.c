// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections whose handshakes 'ktls agent' does: they are as if one's own,
 * with the kernel below where there is one that does TLS
 */
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent_lib.h"
#include "mode_lib.h"

FIXTURE(agent) {
	struct agent a;
	struct pair p;
};

FIXTURE_VARIANT(agent) {
	uint16_t version;
	enum ktls_path path;
};

#define VARIANT(name, v, p) FIXTURE_VARIANT_ADD(agent, name) \
	{ .version = KTLS_TLS##v, .path = KTLS_PATH_##p }
VARIANT(tls12, 12, PREFER_KERNEL);
VARIANT(tls13, 13, PREFER_KERNEL);
VARIANT(tls12_user, 12, USER);
VARIANT(tls13_user, 13, USER);

FIXTURE_SETUP(agent)
{
	agent_start(&self->a, NULL);
}

FIXTURE_TEARDOWN(agent)
{
	pair_close(&self->p);
	agent_stop(&self->a);
	agent_kill(&self->a);
}

/* The directions that the kernel has to have */
static unsigned int expected(enum ktls_path path)
{
	struct ktls_caps caps;

	ASSERT_OK(ktls_probe(&caps));
	return caps.ulp_error || path == KTLS_PATH_USER ? 0 :
	       KTLS_TX | KTLS_RX;
}

static bool rekeys(uint16_t version, enum ktls_path path)
{
	return version == KTLS_TLS13 && (!expected(path) || kernel_rekeys());
}

/* Plaintext, by system calls that know nothing of TLS */
static void raw_exchange(const int fd[2])
{
	char buf[8] = "";

	ASSERT_EQ(send(fd[0], "raw", 3, 0), 3);
	ASSERT_EQ(recv(fd[1], buf, sizeof(buf), 0), 3);
	ASSERT_MEMEQ(buf, "raw", 3);
}

TEST_F(agent, both_ends)
{
	struct pair *p = &self->p;
	const struct ktls_agent_opts o = *KTLS_AGENT_OPTS(
		.min_version = variant->version,
		.max_version = variant->version,
		.tx = variant->path, .rx = variant->path);
	bool rekey = rekeys(variant->version, variant->path);

	agent_pair(&self->a, p, &o, &o);
	EXPECT_EQ(ktls_conn_kernel(p->client), expected(variant->path));
	EXPECT_EQ(ktls_conn_kernel(p->server), expected(variant->path));
	ping(p->client, p->server);
	if (expected(variant->path))
		raw_exchange((int[]){ p->fd[1], p->fd[0] });
	for (int i = 0; i < 3; i++) {
		if (rekey) {
			ASSERT_OK(ktls_conn_rekey(p->client,
						  KTLS_REKEY_BOTH));
			ASSERT_OK(ktls_conn_rekey(p->server, 0));
		}
		exchange(p->client, p->server, 40000);
		exchange(p->server, p->client, 40000);
	}
	close_both(p->client, p->server);
}

/* What the agent did not ask for itself is in the connection all the same */
TEST_F(agent, exporters_agree)
{
	const struct ktls_agent_opts o = *KTLS_AGENT_OPTS(
		.min_version = variant->version,
		.max_version = variant->version,
		.tx = variant->path, .rx = variant->path);
	uint8_t a[KTLS_BINDING_SIZE], b[KTLS_BINDING_SIZE];

	agent_pair(&self->a, &self->p, &o, &o);
	ASSERT_OK(ktls_conn_binding(self->p.client, a));
	ASSERT_OK(ktls_conn_binding(self->p.server, b));
	EXPECT_MEMEQ(a, b, sizeof(a));
}

static void digest_of(const char *name, uint8_t out[32])
{
	FILE *f = fopen(pki(name), "re");
	X509 *x = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	uint8_t *der = NULL;
	int len = x ? i2d_X509(x, &der) : -1;

	ASSERT_GT(len, 0);
	SHA256(der, (size_t)len, out);
	OPENSSL_free(der);
	X509_free(x);
	fclose(f);
}

TEST_F(agent, tells_who_and_what)
{
	uint8_t seen[32], wanted[32], none[32] = { 0 };
	struct pair *p = &self->p;
	struct ktls_info info;

	memset(wanted, 1, sizeof(wanted));
	agent_pair(&self->a, p, KTLS_AGENT_OPTS(
			.min_version = variant->version,
			.max_version = variant->version,
			.alpn = "http/1.1", .peer_sha256 = seen,
			.tx = variant->path, .rx = variant->path),
		   KTLS_AGENT_OPTS(.peer_sha256 = wanted));
	/* clients show none here */
	EXPECT_MEMEQ(wanted, none, 32);
	digest_of("p256", wanted);
	EXPECT_MEMEQ(seen, wanted, 32);
	ktls_conn_info(p->client, &info);
	EXPECT_EQ(info.version, variant->version);
	EXPECT_STREQ(info.alpn, "http/1.1");
	EXPECT_EQ(info.peer_verified, 1);
	EXPECT_TRUE(strstr(info.peer_subject, "p256"));
	ktls_conn_info(p->server, &info);
	EXPECT_STREQ(info.alpn, "http/1.1");
	EXPECT_STREQ(info.server_name, "localhost");
	EXPECT_EQ(info.peer_verified, 0);
	ping(p->client, p->server);
}

/* Each end knows the other; the server because it has asked for more */
TEST_F(agent, mutual_authentication)
{
	uint8_t seen[2][32], wanted[32];
	struct pair *p = &self->p;
	struct ktls_info info;
	struct ktls_agent_opts o[2];

	for (int i = 0; i < 2; i++)
		o[i] = *KTLS_AGENT_OPTS(
			.credential = "both", .verify = KTLS_VERIFY_REQUIRE,
			.min_version = variant->version,
			.max_version = variant->version,
			.tx = variant->path, .rx = variant->path,
			.peer_sha256 = seen[i]);
	agent_pair(&self->a, p, &o[0], &o[1]);
	digest_of("p256", wanted);
	EXPECT_MEMEQ(seen[0], wanted, 32);
	EXPECT_MEMEQ(seen[1], wanted, 32);
	ktls_conn_info(p->server, &info);
	EXPECT_EQ(info.peer_verified, 1);
	EXPECT_TRUE(strstr(info.peer_subject, "p256"));
	ping(p->client, p->server);
}

/* ---- libssl at the other end -------------------------------------------- */

struct there {
	struct ssl_opts opts;
	int fd, err;
};

/* Handshake, then an echo of 4 bytes */
static void *run_there(void *arg)
{
	struct there *t = arg;
	struct ssl_end *end = ssl_end_new(&t->opts);
	void *ssl = ssl_end_ssl(end);
	char buf[4];
	size_t n;

	t->err = ssl_end_run(end, t->fd);
	if (!t->err && (SSL_read_ex(ssl, buf, 4, &n) != 1 || n != 4 ||
			SSL_write_ex(ssl, buf, 4, &n) != 1))
		t->err = -1;
	if (!t->err)
		SSL_shutdown(ssl);
	ssl_end_free(end);
	return NULL;
}

TEST_F(agent, with_libssl)
{
	for (int server = 0; server <= 1; server++) {
		struct there t = { .opts = {
			.server = server, .cert = server ? "p256" : NULL,
			.verify = !server, .name = "localhost",
		} };
		const struct ktls_agent_opts *o = KTLS_AGENT_OPTS(
			.path = self->a.path,
			.credential = server ? "cli" : "web",
			.server_name = server ? "localhost" : NULL,
			.min_version = variant->version,
			.max_version = variant->version,
			.tx = variant->path, .rx = variant->path);
		struct ktls_conn *conn;
		pthread_t thread;
		char buf[4];
		int fd[2];

		tcp_pair(fd);
		t.fd = fd[1];
		ASSERT_OK(pthread_create(&thread, NULL, run_there, &t));
		ASSERT_OK(server ? ktls_agent_connect(&conn, fd[0], NULL, o) :
				   ktls_agent_accept(&conn, fd[0], NULL, o));
		ASSERT_EQ(ktls_send(conn, "echo", 4, 0), 4);
		ASSERT_EQ(ktls_recv(conn, buf, 4, 0), 4);
		EXPECT_MEMEQ(buf, "echo", 4);
		/* close_notify, which a raw close is not */
		EXPECT_EQ(ktls_recv(conn, buf, 4, 0), 0);
		EXPECT_OK(ktls_conn_shutdown(conn));
		pthread_join(thread, NULL);
		EXPECT_OK(t.err);
		ktls_conn_free(conn);
		close(fd[0]);
		close(fd[1]);
	}
	/* for the teardown */
	tcp_pair(self->p.fd);
}

/* Of several certificates, the one that the client can verify */
TEST_F(agent, one_of_two)
{
	static const char *const sigalgs[] = {
		"ecdsa_secp256r1_sha256",
		"rsa_pss_rsae_sha256:rsa_pkcs1_sha256",
	};

	for (int i = 0; i < 2; i++) {
		struct there t = { .opts = {
			.verify = true, .name = "localhost",
			.sigalgs = sigalgs[i],
		} };
		struct ktls_conn *conn;
		struct ktls_info info;
		pthread_t thread;
		char buf[4];
		int fd[2];

		tcp_pair(fd);
		t.fd = fd[1];
		ASSERT_OK(pthread_create(&thread, NULL, run_there, &t));
		ASSERT_OK(ktls_agent_accept(&conn, fd[0], NULL,
			KTLS_AGENT_OPTS(.path = self->a.path,
					.credential = "two",
					.min_version = variant->version,
					.max_version = variant->version)));
		ktls_conn_info(conn, &info);
		EXPECT_EQ(!strncmp(ktls_sigalg_name(info.sigalg), "rsa", 3),
			  i);
		ASSERT_EQ(ktls_send(conn, "echo", 4, 0), 4);
		ASSERT_EQ(ktls_recv(conn, buf, 4, 0), 4);
		pthread_join(thread, NULL);
		EXPECT_OK(t.err);
		ktls_conn_free(conn);
		close(fd[0]);
		close(fd[1]);
	}
	tcp_pair(self->p.fd);
}

HARNESS_MAIN
