// SPDX-License-Identifier: GPL-2.0-only
/*
 * SupplementalData (RFC 4680), user mapping (RFC 4681), renegotiation (RFC
 * 5746) and the double handshake against GnuTLS, which sends and receives the
 * data by the extensions that this test gives it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "../lib/usermap.h"
#include "gnutls_lib.h"
#include "harness.h"
#include "mode_lib.h"

#define SUPP_TYPE	16400
#define SUPP_EXT	50000
#define PRIORITY	"+VERS-TLS1.2:+ECDHE-ECDSA:+AES-128-GCM:+GROUP-ALL"

/* ---- GnuTLS' side ------------------------------------------------------ */

static struct {
	char heard[64];			/* by GnuTLS */
	struct user_mapping mapping;
	bool mapping_asked;
	struct wr hint;
} gnu;

static int ext_recv(gnutls_session_t s, const unsigned char *p, size_t len)
{
	(void)p;
	(void)len;
	/* asked for, or answered: both may speak */
	gnutls_supplemental_recv(s, 1);
	gnutls_supplemental_send(s, 1);
	return 0;
}

static int ext_send(gnutls_session_t s, gnutls_buffer_t buf)
{
	(void)s;
	(void)buf;
	return GNUTLS_E_INT_RET_0;	/* there, and empty */
}

static int supp_recv(gnutls_session_t s, const unsigned char *p, size_t len)
{
	(void)s;
	ASSERT_LT(len, sizeof(gnu.heard));
	memcpy(gnu.heard, p, len);
	gnu.heard[len] = 0;
	return 0;
}

static int supp_send(gnutls_session_t s, gnutls_buffer_t buf)
{
	(void)s;
	return gnutls_buffer_append_data(buf, "from GnuTLS", 11);
}

static int map_ext_recv(gnutls_session_t s, const unsigned char *p, size_t len)
{
	EXPECT_EQ(len, 2);
	EXPECT_MEMEQ(p, "\1\100", 2);
	gnu.mapping_asked = true;
	/* the client's alone: GnuTLS takes no silence, and sends empty ones */
	gnutls_supplemental_recv(s, !gnu.hint.len);
	gnutls_supplemental_send(s, !!gnu.hint.len);
	return 0;
}

static int map_ext_send(gnutls_session_t s, gnutls_buffer_t buf)
{
	(void)s;
	ASSERT_OK(gnutls_buffer_append_data(buf, "\1\100", 2));
	return 2;	/* 0: there is none */
}

static int map_recv(gnutls_session_t s, const unsigned char *p, size_t len)
{
	(void)s;
	EXPECT_OK(usermap_parse((struct slice){ p, len }, &gnu.mapping));
	return 0;
}

static int map_send(gnutls_session_t s, gnutls_buffer_t buf)
{
	(void)s;
	return gnu.hint.len ? gnutls_buffer_append_data(buf, gnu.hint.buf,
							gnu.hint.len) : 0;
}

#define EXT_FLAGS	(GNUTLS_EXT_FLAG_CLIENT_HELLO |			\
			 GNUTLS_EXT_FLAG_TLS12_SERVER_HELLO)

static void teach_supp(struct gnutls_end *g)
{
	ASSERT_OK(gnutls_session_ext_register(g->session, "supp", SUPP_EXT,
		GNUTLS_EXT_TLS, ext_recv, ext_send, NULL, NULL, NULL,
		EXT_FLAGS));
	ASSERT_OK(gnutls_session_supplemental_register(g->session, "supp",
		SUPP_TYPE, supp_recv, supp_send, 0));
}

static void teach_mapping(struct gnutls_end *g)
{
	ASSERT_OK(gnutls_session_ext_register(g->session, "user_mapping", 6,
		GNUTLS_EXT_TLS, map_ext_recv, map_ext_send, NULL, NULL, NULL,
		EXT_FLAGS));
	ASSERT_OK(gnutls_session_supplemental_register(g->session,
		"user_mapping_data", GNUTLS_SUPPLEMENTAL_UNKNOWN, map_recv,
		map_send, 0));
}

/* ---- ours -------------------------------------------------------------- */

static char heard[64];

static int hear(void *arg, struct ktls_hs *hs, uint16_t type, const void *data,
		size_t len)
{
	(void)arg;
	(void)hs;
	EXPECT_EQ(type, SUPP_TYPE);
	ASSERT_LT(len, sizeof(heard));
	memcpy(heard, data, len);
	heard[len] = 0;
	return 0;
}

static const struct ktls_supp ours = {
	.type = SUPP_TYPE, .extension = SUPP_EXT, .data = "from libktls",
	.data_len = 12, .recv = hear,
};

FIXTURE(gnutls) {
	struct gnutls_end g;
	struct ktls_config *config;
	struct ktls_hs *hs;
};

FIXTURE_VARIANT(gnutls) { bool server; };	/* GnuTLS is it */
FIXTURE_VARIANT_ADD(gnutls, client) { false };
FIXTURE_VARIANT_ADD(gnutls, server) { true };

FIXTURE_SETUP(gnutls)
{
	gnutls_end_new(&self->g, &(struct gnutls_opts){
		.server = variant->server, .priority = PRIORITY,
		.cert = variant->server ? "p256" : "client" });
}

FIXTURE_TEARDOWN(gnutls)
{
	gnutls_end_free(&self->g);
	ktls_config_put(self->config);
	wr_free(&gnu.hint);
}

static void begin(FIXTURE_DATA(gnutls) *self, bool server,
		  const struct ktls_opts *opts)
{
	struct ktls_opts o = *opts;

	o.role = server ? KTLS_CLIENT : KTLS_SERVER;
	o.tx = o.rx = KTLS_PATH_USER;
	self->config = config(&o);
	ASSERT_OK(ktls_hs_new(&self->hs, self->config,
			      server ? "localhost" : NULL));
}

static void run(FIXTURE_DATA(gnutls) *self)
{
	int gerr;

	ASSERT_OK(gnutls_end_run(&self->g, self->hs, &gerr))
		TH_LOG("%s", ktls_hs_error_text(self->hs));
}

/* ---- data -------------------------------------------------------------- */

TEST_F(gnutls, supplemental_data)
{
	teach_supp(&self->g);
	begin(self, variant->server, KTLS_OPTS(.supp = &ours, .supp_len = 1));
	run(self);
	EXPECT_STREQ(gnu.heard, "from libktls");
	EXPECT_STREQ(heard, "from GnuTLS");
	gnutls_end_talk(&self->g, self->hs);
}

/* Who does not know of it is not bothered with it */
TEST_F(gnutls, supplemental_data_of_one)
{
	if (variant->server)
		teach_supp(&self->g);
	begin(self, variant->server, variant->server ? KTLS_OPTS(.flags = 0) :
	      KTLS_OPTS(.supp = &ours, .supp_len = 1));
	run(self);
	EXPECT_STREQ(heard, "");
	EXPECT_STREQ(gnu.heard, "");
	gnutls_end_talk(&self->g, self->hs);
}

TEST_F(gnutls, user_mapping)
{
	struct ktls_info info;

	teach_mapping(&self->g);
	if (!variant->server)
		ASSERT_OK(usermap_write(&gnu.hint, "gnu@example.test",
					"example.test"));
	begin(self, variant->server, variant->server ?
	      KTLS_OPTS(.user_principal = "ktls@example.test",
			.user_domain = "a.b") :
	      KTLS_OPTS(.flags = KTLS_F_USER_MAPPING));
	run(self);
	ktls_hs_info(self->hs, &info);
	EXPECT_TRUE(gnu.mapping_asked);
	if (variant->server) {
		EXPECT_STREQ(gnu.mapping.principal, "ktls@example.test");
		EXPECT_STREQ(gnu.mapping.domain, "a.b");
	} else {
		EXPECT_STREQ(info.user_principal, "gnu@example.test");
		EXPECT_STREQ(info.user_domain, "example.test");
	}
	gnutls_end_talk(&self->g, self->hs);
}

/* ---- again ------------------------------------------------------------- */

/* What GnuTLS does of itself: a server asks, a client is asked */
static void their_turn(FIXTURE_DATA(gnutls) *self, bool server)
{
	char c;

	if (server) {
		ASSERT_OK(gnutls_rehandshake(self->g.session));
		return;
	}
	wait_fd(self->g.fd[0], POLLIN);
	ASSERT_EQ(gnutls_record_recv(self->g.session, &c, 1),
		  GNUTLS_E_REHANDSHAKE);
}

TEST_F(gnutls, renegotiates)
{
	struct ktls_info info;

	begin(self, variant->server, KTLS_OPTS(.flags = 0));
	run(self);
	for (int i = 1; i < 4; i++) {
		ASSERT_OK(ktls_hs_renegotiate(self->hs, NULL));
		ASSERT_GT(ktls_hs_run(self->hs, self->g.fd[1]), 0);
		their_turn(self, variant->server);
		run(self);
		ktls_hs_info(self->hs, &info);
		EXPECT_EQ(info.renegotiated, i);
		EXPECT_EQ(info.version, KTLS_TLS12);
	}
	gnutls_end_talk(&self->g, self->hs);
}

TEST_F(gnutls, double_handshake)
{
	struct ktls_info info;
	int gerr, err;

	begin(self, variant->server, KTLS_OPTS(.supp = &ours, .supp_len = 1,
					.flags = KTLS_F_DOUBLE_HANDSHAKE));
	/* GnuTLS is done with the first one, and we wait for the second */
	err = gnutls_end_run(&self->g, self->hs, &gerr);
	ASSERT_EQ(err, -EDEADLK);
	EXPECT_STREQ(gnu.heard, "");
	EXPECT_STREQ(heard, "");
	teach_supp(&self->g);
	their_turn(self, variant->server);
	run(self);
	EXPECT_STREQ(gnu.heard, "from libktls");
	EXPECT_STREQ(heard, "from GnuTLS");
	ktls_hs_info(self->hs, &info);
	EXPECT_EQ(info.renegotiated, 1);
	gnutls_end_talk(&self->g, self->hs);
}

/* After the hand-off: no, and on with it */
TEST_F(gnutls, is_refused_after_the_hand_off)
{
	struct ktls_conn *conn;
	char buf[8];
	int ret;

	begin(self, variant->server, KTLS_OPTS(.flags = 0));
	run(self);
	ASSERT_OK(ktls_offload(&conn, self->hs, self->g.fd[1]));
	ret = variant->server ? gnutls_rehandshake(self->g.session) :
				gnutls_handshake(self->g.session);
	EXPECT_TRUE(ret == (variant->server ? 0 : GNUTLS_E_AGAIN));
	EXPECT_EQ(ktls_recv(conn, buf, sizeof(buf), 0), -EAGAIN);
	ret = variant->server ? (int)gnutls_record_recv(self->g.session, buf,
							sizeof(buf)) :
				gnutls_handshake(self->g.session);
	EXPECT_EQ(ret, GNUTLS_E_WARNING_ALERT_RECEIVED);
	EXPECT_EQ(gnutls_alert_get(self->g.session),
		  GNUTLS_A_NO_RENEGOTIATION);
	ASSERT_EQ(ktls_send(conn, "on", 2, 0), 2);
	ASSERT_EQ(gnutls_record_recv(self->g.session, buf, sizeof(buf)), 2);
	EXPECT_MEMEQ(buf, "on", 2);
	ktls_conn_free(conn);
}

/* A peer that is old, or says so, by policy */
TEST_F(gnutls, without_the_indication)
{
	static const char *const old = PRIORITY ":%DISABLE_SAFE_RENEGOTIATION";
	struct ktls_info info;
	int gerr;

	for (int strict = 0; strict < 2; strict++) {
		struct gnutls_end g;
		struct ktls_config *cfg = config(KTLS_OPTS(
			.role = variant->server ? KTLS_CLIENT : KTLS_SERVER,
			.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER,
			.flags = strict ? KTLS_F_NEED_RENEGOTIATION_INFO : 0));

		gnutls_end_new(&g, &(struct gnutls_opts){
			.server = variant->server, .priority = old,
			.cert = variant->server ? "p256" : NULL });
		ASSERT_OK(ktls_hs_new(&self->hs, cfg, variant->server ?
				      "localhost" : NULL));
		EXPECT_EQ(gnutls_end_run(&g, self->hs, &gerr), strict ?
			  -KTLS_E_LEGACY_PEER : 0);
		ktls_hs_info(self->hs, &info);
		EXPECT_EQ(info.secure_renegotiation, 0);
		if (!strict)
			EXPECT_EQ(ktls_hs_renegotiate(self->hs, NULL),
				  -KTLS_E_NO_RENEGOTIATION);
		ktls_hs_free(self->hs);
		gnutls_end_free(&g);
		ktls_config_put(cfg);
	}
}

HARNESS_MAIN
