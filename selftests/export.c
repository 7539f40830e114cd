// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keying material for the application, and the channel binding made of it: the
 * same as libssl's and GnuTLS's, at the end of the handshake and after it.
 * And the log of the keys that a connection has had.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/conn.h"
#include "gnutls_lib.h"
#include "harness.h"
#include "interop_lib.h"
#include "mitm_lib.h"

#define LABEL		"EXPORTER-Channel-Binding"
#define N(a)		(sizeof(a) / sizeof(*(a)))

FIXTURE(with_ssl) {
	struct with with;
};

FIXTURE_VARIANT(with_ssl) {
	enum ktls_role role;
	uint16_t version;
	const char *suite;
};

#define WITH(nm, who, v, s)						\
	FIXTURE_VARIANT_ADD(with_ssl, nm) { KTLS_##who, KTLS_##v, s }

WITH(client_1_3_sha256, CLIENT, TLS13, "TLS_AES_128_GCM_SHA256");
WITH(server_1_3_sha384, SERVER, TLS13, "TLS_AES_256_GCM_SHA384");
WITH(client_1_2_sha384, CLIENT, TLS12,
     "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
WITH(server_1_2_sha256, SERVER, TLS12,
     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");

static void begin(struct with *w, const FIXTURE_VARIANT(with_ssl) *v)
{
	with_begin(w, (struct ktls_opts){ .role = v->role,
		   .min_version = v->version, .max_version = v->version,
		   .ciphers = v->suite, .tx = KTLS_PATH_USER,
		   .rx = KTLS_PATH_USER },
		   (struct ssl_opts){ .server = v->role == KTLS_CLIENT },
		   "localhost");
}

FIXTURE_TEARDOWN(with_ssl)
{
	with_end(&self->with);
}

/* No context, an empty one, and one: three things in 1.2, two in 1.3 */
static void check_exports(struct with *w, const char *label, size_t len)
{
	static const struct {
		const char *context;
		int use;
	} c[] = { { NULL, 0 }, { "", 1 }, { "context", 1 } };
	uint8_t ours[N(c)][600], theirs[600];

	for (size_t i = 0; i < N(c); i++) {
		size_t n = c[i].use ? strlen(c[i].context) : 0;

		ASSERT_OK(ktls_hs_export(w->hs, label, c[i].context, n,
					 ours[i], len));
		ASSERT_EQ(SSL_export_keying_material(w->ssl, theirs, len,
			  label, strlen(label), (const uint8_t *)c[i].context,
			  n, c[i].use), 1);
		EXPECT_MEMEQ(ours[i], theirs, len);
	}
	EXPECT_TRUE(memcmp(ours[1], ours[2], len));
	EXPECT_EQ(!memcmp(ours[0], ours[1], len),
		  w->hs->info.version >= KTLS_TLS13);
}

TEST_F(with_ssl, exports)
{
	static const size_t lens[] = { 16, 32, 48, 600 };
	struct with *w = &self->with;
	uint8_t out[32];

	begin(w, variant);
	EXPECT_EQ(ktls_hs_export(w->hs, "l", NULL, 0, out, 1), -KTLS_E_STATE);
	with_run(w, 0);
	with_agree(w);
	for (size_t i = 0; i < N(lens); i++)
		check_exports(w, "EXPORTER-test", lens[i]);
	/* what there cannot be */
	EXPECT_EQ(ktls_hs_export(w->hs, "l", NULL, 0, out, 255 * 48 + 1),
		  -EINVAL);
}

TEST_F(with_ssl, binding)
{
	uint8_t ours[KTLS_BINDING_SIZE], theirs[KTLS_BINDING_SIZE];
	struct with *w = &self->with;

	begin(w, variant);
	EXPECT_EQ(ktls_hs_binding(w->hs, ours), -KTLS_E_STATE);
	with_run(w, 0);
	with_agree(w);
	ASSERT_OK(ktls_hs_binding(w->hs, ours));
	/* RFC 9266 2: "zero-length string", which in 1.2 is not none */
	ASSERT_EQ(SSL_export_keying_material(w->ssl, theirs, sizeof(theirs),
		  LABEL, strlen(LABEL), (const uint8_t *)"", 0, 1), 1);
	EXPECT_MEMEQ(ours, theirs, sizeof(ours));
}

/* RFC 9266 4.2 */
TEST(not_without_ems)
{
	uint8_t out[KTLS_BINDING_SIZE];
	struct with w;

	with_begin(&w, (struct ktls_opts){ .role = KTLS_CLIENT,
		   .max_version = KTLS_TLS12 },
		   (struct ssl_opts){ .server = true }, "localhost");
	SSL_set_options(w.ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	with_run(&w, 0);
	EXPECT_EQ(w.hs->info.ems, 0);
	EXPECT_EQ(ktls_hs_binding(w.hs, out), -KTLS_E_NO_BINDING);
	ASSERT_OK(ktls_hs_export(w.hs, "l", NULL, 0, out, 1));
	with_end(&w);
}

/* A failed handshake has no keys */
TEST(not_of_a_failure)
{
	uint8_t out[KTLS_BINDING_SIZE];
	struct two t;

	two_begin(&t, NULL, NULL, "other.test");
	EXPECT_EQ(pump(t.client, t.server, 0), -KTLS_E_CERT_NAME);
	EXPECT_EQ(ktls_hs_binding(t.client, out), -KTLS_E_CERT_NAME);
	EXPECT_EQ(ktls_hs_export(t.client, "l", NULL, 0, out, 1),
		  -KTLS_E_CERT_NAME);
	two_end(&t);
}

/* ---- GnuTLS ------------------------------------------------------------ */

FIXTURE(with_gnutls) {
	struct gnutls_end g;
	struct ktls_config *config;
};

FIXTURE_VARIANT(with_gnutls) {
	bool server;		/* GnuTLS is it */
	const char *priority;
};

#define GNUTLS13	"+VERS-TLS1.3:+AES-128-GCM:+GROUP-ALL"
#define GNUTLS12	"+VERS-TLS1.2:+ECDHE-ECDSA:+AES-256-GCM:+GROUP-ALL"

FIXTURE_VARIANT_ADD(with_gnutls, client_1_3) { false, GNUTLS13 };
FIXTURE_VARIANT_ADD(with_gnutls, server_1_3) { true, GNUTLS13 };
FIXTURE_VARIANT_ADD(with_gnutls, client_1_2) { false, GNUTLS12 };
FIXTURE_VARIANT_ADD(with_gnutls, server_1_2) { true, GNUTLS12 };

FIXTURE_SETUP(with_gnutls)
{
	gnutls_end_new(&self->g, &(struct gnutls_opts){
		       .server = variant->server,
		       .priority = variant->priority,
		       .cert = variant->server ? "p256" : NULL });
	self->config = config(KTLS_OPTS(
		.role = variant->server ? KTLS_CLIENT : KTLS_SERVER,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER));
}

FIXTURE_TEARDOWN(with_gnutls)
{
	gnutls_end_free(&self->g);
	ktls_config_put(self->config);
}

TEST_F(with_gnutls, the_same)
{
	struct gnutls_end *g = &self->g;
	uint8_t before[KTLS_BINDING_SIZE], after[KTLS_BINDING_SIZE];
	uint8_t ours[100], theirs[100];
	gnutls_datum_t binding;
	struct ktls_conn *conn;
	struct ktls_hs *hs;
	int gerr;

	ASSERT_OK(ktls_hs_new(&hs, self->config, variant->server ?
			      "localhost" : NULL));
	ASSERT_OK(gnutls_end_run(g, hs, &gerr));
	ASSERT_OK(ktls_hs_binding(hs, before));
	ASSERT_OK(ktls_offload(&conn, hs, g->fd[1]));
	ASSERT_OK(ktls_conn_binding(conn, after));
	EXPECT_MEMEQ(before, after, sizeof(before));
	ASSERT_EQ(gnutls_session_channel_binding(g->session,
		  GNUTLS_CB_TLS_EXPORTER, &binding), 0);
	ASSERT_EQ(binding.size, KTLS_BINDING_SIZE);
	EXPECT_MEMEQ(after, binding.data, KTLS_BINDING_SIZE);
	gnutls_free(binding.data);

	ASSERT_OK(ktls_conn_export(conn, "EXPORTER-test", "ctx", 3, ours,
				   sizeof(ours)));
	ASSERT_EQ(gnutls_prf_rfc5705(g->session, 13, "EXPORTER-test", 3, "ctx",
				     sizeof(theirs), (char *)theirs), 0);
	EXPECT_MEMEQ(ours, theirs, sizeof(ours));
	ktls_conn_free(conn);
}

/* ---- the log after the handshake ---------------------------------------- */

/* The lines of both ends about the keys of @sender after @n changes */
static void check_line(const struct keylog log[2], const char *sender,
		       unsigned int n, const struct ktls_conn *conn,
		       enum conn_secret which)
{
	struct secret secret;
	char label[64], hex[2 * HASH_MAX + 1];
	size_t len;

	conn_secret(conn, which, &secret);
	len = (size_t)sprintf(label, "%s_TRAFFIC_SECRET_%u ", sender, n);
	for (size_t i = 0; i < secret.len; i++)
		sprintf(hex + 2 * i, "%02x", secret.b[i]);
	for (int end = 0; end < 2; end++) {
		const struct keylog *l = &log[end];
		size_t found = 0;

		for (size_t i = 0; i < l->len; i++) {
			if (strncmp(l->line[i], label, len))
				continue;
			found++;
			EXPECT_STREQ(l->line[i] + len + 2 * RANDOM_LEN + 1,
				     hex);
			/* the random is that of the other lines */
			EXPECT_FALSE(strncmp(l->line[i] + len,
					     strchr(l->line[0], ' ') + 1,
					     2 * RANDOM_LEN));
		}
		EXPECT_EQ(found, 1) TH_LOG("%s at end %d", label, end);
	}
}

TEST(keylog_after_key_updates)
{
	static const struct ktls_hooks hooks = { .keylog = keylog_add };
	static struct keylog log[2];
	struct two t;
	struct joined j;
	struct mitm m = { .config = { NULL } };

	two_run(&t, KTLS_OPTS(.role = KTLS_CLIENT, .hooks = &hooks,
			      .arg = &log[0], .tx = KTLS_PATH_USER,
			      .rx = KTLS_PATH_USER),
		KTLS_OPTS(.role = KTLS_SERVER, .hooks = &hooks,
			  .arg = &log[1], .tx = KTLS_PATH_USER,
			  .rx = KTLS_PATH_USER), "localhost", 0);
	m.hs[CLIENT_END] = t.client;
	m.hs[SERVER_END] = t.server;
	t.client = t.server = NULL;
	mitm_join(&m, &j);
	for (unsigned int n = 1; n <= 3; n++) {
		struct ktls_conn *c = j.conn[CLIENT_END];

		ASSERT_OK(ktls_conn_rekey(c, 0));
		exchange(c, j.conn[SERVER_END], 10);
		check_line(log, "CLIENT", n, c, CONN_TX);
	}
	ASSERT_OK(ktls_conn_rekey(j.conn[SERVER_END], 0));
	exchange(j.conn[SERVER_END], j.conn[CLIENT_END], 10);
	check_line(log, "SERVER", 1, j.conn[CLIENT_END], CONN_RX);
	EXPECT_EQ(log[0].len, log[1].len);
	joined_end(&j);
	two_end(&t);
}

HARNESS_MAIN
