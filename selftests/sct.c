// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timestamps of certificates (RFC 6962 3.3): sent to who asks, given to the
 * application with what they are for, and refused if they are malformed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ct.h>
#include <openssl/pem.h>

#include "harness.h"
#include "hs_lib.h"
#include "interop_lib.h"
#include "mitm_lib.h"
#include "session_lib.h"

/* Two SCTs of version 1, of logs and signatures that nobody knows */
#define SCT_LEN		(1 + 32 + 8 + 2 + 2 + 2 + 8)
static uint8_t list[2 + 2 * (2 + SCT_LEN)];

static void make_list(void)
{
	uint8_t *p = list;

	p[0] = 0;
	p[1] = sizeof(list) - 2;
	p += 2;
	for (int i = 1; i <= 2; i++, p += 2 + SCT_LEN) {
		p[1] = SCT_LEN;
		memset(p + 3, i, 32);
		memset(p + 3 + 32, i, 8);
		/* no extensions; ecdsa_secp256r1_sha256, 8 bytes */
		memcpy(p + 3 + 40, "\0\0\4\3\0\x08" "signed!!", 14);
	}
}

static const char *write_file(const void *p, size_t len)
{
	static char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/sct-%d", getpid());
	f = fopen(path, "w");
	ASSERT_TRUE(f);
	ASSERT_EQ(fwrite(p, 1, len, f), len);
	ASSERT_EQ(fclose(f), 0);
	return path;
}

struct seen {
	int calls, result;
	size_t len;
	uint8_t list[512];
	char cert[64], issuer[64];
};

static void subject(const void *der, size_t len, char out[64])
{
	const unsigned char *p = der;
	X509 *x = d2i_X509(NULL, &p, (long)len);

	ASSERT_TRUE(x);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName,
				  out, 64);
	X509_free(x);
}

static int see(void *arg, struct ktls_hs *hs, const struct ktls_sct *sct)
{
	struct seen *s = arg;

	EXPECT_TRUE(hs);
	EXPECT_EQ(sct->size, sizeof(*sct));
	s->calls++;
	s->len = sct->list_len;
	ASSERT_LE(s->len, sizeof(s->list));
	if (s->len)
		memcpy(s->list, sct->list, s->len);
	subject(sct->cert, sct->cert_len, s->cert);
	subject(sct->issuer, sct->issuer_len, s->issuer);
	return s->result;
}

static const struct ktls_hooks hooks = { .sct = see };

FIXTURE(sct) {
	struct two two;
	struct seen seen;
	struct ktls_cred server, client;
};

FIXTURE_VARIANT(sct) { uint16_t version; const char *cert, *issuer; };
FIXTURE_VARIANT_ADD(sct, tls13) { KTLS_TLS13, "p256", "ca" };
FIXTURE_VARIANT_ADD(sct, tls12) { KTLS_TLS12, "p256", "ca" };
FIXTURE_VARIANT_ADD(sct, tls13_chain) { KTLS_TLS13, "chain", "inter" };

FIXTURE_SETUP(sct)
{
	make_list();
	self->server = pki_cred(variant->cert);
	self->client = pki_cred("client");
	self->server.sct_file = self->client.sct_file =
		write_file(list, sizeof(list));
}

FIXTURE_TEARDOWN(sct)
{
	unlink(self->server.sct_file);
}

static void begin(FIXTURE_DATA(sct) *self, uint16_t version, bool asks,
		  bool server_asks)
{
	struct ktls_opts c = { .size = sizeof(c), .role = KTLS_CLIENT };
	struct ktls_opts s = { .size = sizeof(s), .role = KTLS_SERVER };

	c.max_version = s.max_version = version;
	c.creds = &self->client;
	s.creds = &self->server;
	c.creds_len = s.creds_len = 1;
	c.arg = s.arg = &self->seen;
	if (asks)
		c.hooks = &hooks;
	if (server_asks) {
		s.hooks = &hooks;
		s.verify = KTLS_VERIFY_REQUIRE;
	}
	two_begin(&self->two, &c, &s, "localhost");
}

TEST_F(sct, to_a_client_that_asks)
{
	struct seen *s = &self->seen;

	begin(self, variant->version, true, false);
	ASSERT_OK(pump(self->two.client, self->two.server, 0));
	EXPECT_EQ(s->calls, 1);
	ASSERT_EQ(s->len, sizeof(list));
	EXPECT_MEMEQ(s->list, list, sizeof(list));
	EXPECT_STREQ(s->cert, variant->cert);
	EXPECT_STREQ(s->issuer, variant->issuer);
	two_end(&self->two);
}

TEST_F(sct, not_to_who_does_not)
{
	struct bytes b = { 0 };

	begin(self, variant->version, false, false);
	ASSERT_GT(pump_one(self->two.client, self->two.server, SIZE_MAX), 0);
	bytes_take(&b, self->two.server);
	EXPECT_FALSE(memmem(b.b, b.len, "signed!!", 8));
	EXPECT_FALSE(self->two.server->sct_due);
	two_end(&self->two);
}

TEST_F(sct, none_is_there)
{
	self->server.sct_file = NULL;
	begin(self, variant->version, true, false);
	ASSERT_OK(pump(self->two.client, self->two.server, 0));
	EXPECT_EQ(self->seen.calls, 1);
	EXPECT_EQ(self->seen.len, 0);
	two_end(&self->two);
	self->server.sct_file = self->client.sct_file;
}

TEST_F(sct, refused)
{
	self->seen.result = -1;
	begin(self, variant->version, true, false);
	EXPECT_EQ(pump(self->two.client, self->two.server, 0),
		  -KTLS_E_SCT_REFUSED);
	EXPECT_EQ(self->two.client->info.alert_sent, KTLS_ALERT_ACCESS_DENIED);
	two_end(&self->two);
}

/* A chain that is not verified is not the application's to look at */
/* Who wants to see them takes no session of one that did not */
TEST(a_session_is_of_what_was_asked)
{
	struct seen seen = { .calls = 0 };
	struct ktls_config *server = SERVER12(.flags = 0);
	struct ktls_config *client = CLIENT12(.flags = 0);
	struct ktls_config *to = CLIENT12(.hooks = &hooks, .arg = &seen);

	ASSERT_EQ(shake(client, server, NULL), FULL);
	EXPECT_EQ(move_session(client, to), -KTLS_E_SESSION);
	ktls_config_put(client);
	ktls_config_put(server);
	ktls_config_put(to);
}

TEST_F(sct, not_of_a_stranger)
{
	struct ktls_cred keep = self->server;

	self->server = pki_cred("stranger");
	self->server.sct_file = keep.sct_file;
	begin(self, variant->version, true, false);
	EXPECT_EQ(pump(self->two.client, self->two.server, 0),
		  -KTLS_E_CERT_ISSUER);
	EXPECT_EQ(self->seen.calls, 0);
	two_end(&self->two);
}

/* 9846 4.3: in the request as well, which 1.2 has no place for */
TEST_F(sct, to_a_server_that_asks)
{
	bool can = variant->version == KTLS_TLS13;

	begin(self, variant->version, false, true);
	ASSERT_OK(pump(self->two.client, self->two.server, 0));
	EXPECT_EQ(self->seen.calls, can);
	EXPECT_EQ(self->seen.len, can ? sizeof(list) : 0);
	if (can)
		EXPECT_STREQ(self->seen.cert, "client");
	two_end(&self->two);
}

/* ---- libssl -------------------------------------------------------------- */

TEST_F(sct, libssl_takes_them)
{
	const STACK_OF(SCT) *scts;
	struct with w;

	if (strcmp(variant->cert, "p256"))
		return;
	with_begin(&w, (struct ktls_opts){ .role = KTLS_SERVER,
		   .max_version = variant->version, .creds = &self->server,
		   .creds_len = 1 }, (struct ssl_opts){ .verify = true },
		   "localhost");
	ASSERT_EQ(SSL_enable_ct(w.ssl, SSL_CT_VALIDATION_PERMISSIVE), 1);
	with_run(&w, 0);
	scts = SSL_get0_peer_scts(w.ssl);
	EXPECT_EQ(sk_SCT_num(scts), 2);
	with_end(&w);
}

/* ---- what is malformed ---------------------------------------------------- */

static int syntax(const void *p, size_t len)
{
	return scts_valid((struct slice){ p, len });
}

#define BYTES(s)	(s), sizeof(s) - 1

TEST(malformed)
{
	make_list();
	EXPECT_TRUE(syntax(list, sizeof(list)));
	EXPECT_FALSE(syntax(list, sizeof(list) - 1));
	EXPECT_FALSE(syntax(BYTES("")));
	EXPECT_FALSE(syntax(BYTES("\0\0")));
	EXPECT_FALSE(syntax(BYTES("\0\2\0\0")));
	EXPECT_FALSE(syntax(BYTES("\0\3\0\1xx")));
	EXPECT_FALSE(syntax(BYTES("\0\3\0\2x")));
	EXPECT_TRUE(syntax(BYTES("\0\3\0\1x")));
}

TEST(malformed_file)
{
	struct ktls_cred cred = pki_cred("p256");
	struct ktls_config *cfg;
	char why[256] = "";

	cred.sct_file = write_file("\0\2\0\0", 4);
	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_SERVER,
		  .creds = &cred, .creds_len = 1, .error = why,
		  .error_size = sizeof(why))), -KTLS_E_CERT_FILE);
	EXPECT_TRUE(strstr(why, "SignedCertificateTimestampList"));
	unlink(cred.sct_file);
}

/* In the server's Certificate of 1.3, with a length that is wrong */
static void spoil(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	(void)m;
	(void)arg;
	for (size_t i = 0; from == SERVER_END && i < f->n; i++) {
		struct item *it = &f->item[i];
		uint8_t *at;

		if (!item_is(it, HT_CERTIFICATE))
			continue;
		at = memmem(it->data.buf, it->data.len, list, sizeof(list));
		ASSERT_TRUE(at);
		at[3]++;
	}
}

TEST_F(sct, malformed_on_the_wire)
{
	struct mitm m;

	if (variant->version == KTLS_TLS12)
		return;
	mitm_begin(&m, KTLS_OPTS(.role = KTLS_CLIENT, .hooks = &hooks),
		   KTLS_OPTS(.role = KTLS_SERVER, .creds = &self->server,
			     .creds_len = 1), NULL);
	mitm_run(&m, spoil, NULL);
	mitm_failed(&m, CLIENT_END, -KTLS_E_DECODE);
	mitm_end(&m);
}

/* ---- after the handshake ----------------------------------------------- */

static int any(void *arg, struct ktls_hs *hs, const struct ktls_sct *sct)
{
	(void)arg;
	(void)hs;
	return !sct->list_len;
}

/* They count for how much of the key the answer takes */
TEST(in_a_late_answer)
{
	static const struct ktls_hooks hook = { .sct = any };
	static uint8_t big[60000] = {
		(sizeof(big) - 2) >> 8, (sizeof(big) - 2) & 0xff,
		(sizeof(big) - 4) >> 8, (sizeof(big) - 4) & 0xff,
	};
	struct ktls_cred alice = pki_cred("client");
	struct ktls_config *client, *server;
	struct ktls_info info;
	struct pair p;
	char c;

	alice.sct_file = write_file(big, sizeof(big));
	client = CLIENT13(.creds = &alice, .creds_len = 1, .max_records = 8,
			  .tx = KTLS_PATH_USER,
			  .flags = KTLS_F_POST_HANDSHAKE_AUTH);
	server = SERVER13(.verify = KTLS_VERIFY_REQUIRE, .hooks = &hook,
			  .rx = KTLS_PATH_USER,
			  .flags = KTLS_F_POST_HANDSHAKE_AUTH |
				   KTLS_F_AUTH_LATER);
	pair_open(&p, client, server);
	/* half of the key is used up, and that is less than it takes */
	for (int i = 0; i < 3; i++)
		exchange(p.client, p.server, 1);
	ASSERT_OK(ktls_conn_request_auth(p.server));
	ASSERT_EQ(ktls_recv(p.client, &c, 1, 0), -EINTR);
	ASSERT_OK(ktls_conn_authenticate(p.client));
	ASSERT_EQ(ktls_recv(p.server, &c, 1, 0), -EINTR);
	ktls_conn_info(p.server, &info);
	EXPECT_STREQ(info.peer_subject, "CN = client");
	EXPECT_EQ(info.rx_updates, 1);
	pair_close(&p);
	unlink(alice.sct_file);
	ktls_config_put(client);
	ktls_config_put(server);
}

HARNESS_MAIN
