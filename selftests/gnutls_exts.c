// SPDX-License-Identifier: GPL-2.0-only
/* Extensions with GnuTLS at the other end: sizes of records, GREASE, padding */
#include <string.h>

#include "../lib/conn.h"
#include "gnutls_lib.h"
#include "harness.h"

#define V13	"+VERS-TLS1.3:+AES-128-GCM:+GROUP-ALL"
#define V12	"+VERS-TLS1.2:+ECDHE-ECDSA:+AES-128-GCM:+GROUP-ALL"

FIXTURE(exts) {
	struct gnutls_end g;
	struct ktls_config *config;
	struct ktls_conn *conn;
};

FIXTURE_VARIANT(exts) {
	bool server;		/* GnuTLS is it */
	const char *priority;
	unsigned int our_limit, their_limit, padding, flags;
};

#define EACH(nm, ...)							\
	FIXTURE_VARIANT_ADD(exts, client_1_3_##nm) {			\
		false, V13, __VA_ARGS__ };				\
	FIXTURE_VARIANT_ADD(exts, server_1_3_##nm) {			\
		true, V13, __VA_ARGS__ };				\
	FIXTURE_VARIANT_ADD(exts, client_1_2_##nm) {			\
		false, V12, __VA_ARGS__ };				\
	FIXTURE_VARIANT_ADD(exts, server_1_2_##nm) {			\
		true, V12, __VA_ARGS__ }

EACH(our_limit, 1000, 0, 0, 0);
EACH(their_limit, 16385, 700, 0, 0);
EACH(both_limits, 1000, 700, 0, 0);
EACH(grease, 0, 0, 0, KTLS_F_GREASE);

FIXTURE_VARIANT_ADD(exts, client_1_3_padded) { false, V13, 0, 0, 4096, 0 };
FIXTURE_VARIANT_ADD(exts, server_1_3_padded) { true, V13, 0, 0, 16384, 0 };
FIXTURE_VARIANT_ADD(exts, server_1_3_padded_limit) {
	true, V13, 16385, 700, 16384, 0
};

FIXTURE_SETUP(exts)
{
	const FIXTURE_VARIANT(exts) *v = variant;
	struct gnutls_end *g = &self->g;
	struct ktls_hs *hs;
	int gerr;

	gnutls_end_new(g, &(struct gnutls_opts){ .server = v->server,
		       .priority = v->priority,
		       .cert = v->server ? "p256" : NULL });
	if (v->their_limit)
		ASSERT_EQ(gnutls_record_set_max_recv_size(g->session,
			  v->their_limit), 0);
	self->config = config(KTLS_OPTS(
		.role = v->server ? KTLS_CLIENT : KTLS_SERVER,
		.flags = v->flags, .record_size_limit = v->our_limit,
		.padding = v->padding, .tx = KTLS_PATH_USER,
		.rx = KTLS_PATH_USER));
	ASSERT_OK(ktls_hs_new(&hs, self->config, v->server ? "localhost" :
			      NULL));
	ASSERT_OK(gnutls_end_run(g, hs, &gerr))
		TH_LOG("%s", ktls_hs_error_text(hs));
	ASSERT_OK(ktls_offload(&self->conn, hs, g->fd[1]));
}

FIXTURE_TEARDOWN(exts)
{
	ktls_conn_free(self->conn);
	gnutls_end_free(&self->g);
	ktls_config_put(self->config);
}

/* GnuTLS asks for it by itself: a limit of ours is always agreed to */
static void check_sizes(const struct ktls_conn *conn,
			const FIXTURE_VARIANT(exts) *v)
{
	bool tls13 = !strcmp(v->priority, V13);
	struct ktls_info info;

	ktls_conn_info(conn, &info);
	EXPECT_EQ(info.version, tls13 ? KTLS_TLS13 : KTLS_TLS12);
	if (v->our_limit && v->our_limit < 16384)
		EXPECT_EQ(info.rx_record, v->our_limit - tls13);
	if (v->their_limit)
		EXPECT_LE(info.tx_record, v->their_limit);
}

TEST_F(exts, data)
{
	static uint8_t out[5000], in[5000];
	struct gnutls_end *g = &self->g;
	size_t at = 0;
	ssize_t n;

	check_sizes(self->conn, variant);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	ASSERT_EQ(ktls_send(self->conn, out, sizeof(out), 0), sizeof(out));
	while (at < sizeof(out)) {
		n = gnutls_record_recv(g->session, in + at, sizeof(in) - at);
		if (n == GNUTLS_E_AGAIN)
			continue;
		ASSERT_GT(n, 0) TH_LOG("%s", gnutls_strerror((int)n));
		if (variant->their_limit)
			EXPECT_LE(n, variant->their_limit);
		at += (size_t)n;
	}
	EXPECT_MEMEQ(in, out, sizeof(out));
	memset(in, 0, sizeof(in));
	for (at = 0; at < sizeof(out); at += (size_t)n) {
		n = gnutls_record_send(g->session, out + at,
				       sizeof(out) - at);
		ASSERT_GT(n, 0) TH_LOG("%s", gnutls_strerror((int)n));
		/* in records that are not longer than we said */
		if (variant->our_limit && variant->our_limit < 16384)
			EXPECT_LE(n, variant->our_limit);
	}
	for (at = 0; at < sizeof(out); at += (size_t)n) {
		n = ktls_recv(self->conn, in + at, sizeof(in) - at, 0);
		ASSERT_GT(n, 0);
	}
	EXPECT_MEMEQ(in, out, sizeof(out));
}

HARNESS_MAIN
