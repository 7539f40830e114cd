// SPDX-License-Identifier: GPL-2.0-only
/* External pre-shared keys of TLS 1.3 with GnuTLS, in both roles */
#include <stdio.h>
#include <string.h>

#include "gnutls_lib.h"
#include "harness.h"

static uint8_t key[32] = "0123456789abcdef0123456789abcde";
static uint8_t wrong[32] = "0123456789abcdef0123456789abcdf";

FIXTURE(psk) {
	struct gnutls_end g;
	struct ktls_hs *hs;
	gnutls_psk_client_credentials_t client;
	gnutls_psk_server_credentials_t server;
	gnutls_datum_t tickets;		/* the key of a server of GnuTLS */
	gnutls_datum_t session;		/* of a client of GnuTLS */
	struct ktls_config *ours;
	const uint8_t *our_key;
	const char *our_name, *our_groups, *groups;
	unsigned int our_flags;
	const char *cert;		/* of the server, whichever it is */
	bool open;			/* there is @g */
};

FIXTURE_VARIANT(psk) {
	bool server;		/* GnuTLS is it */
	bool ke;		/* without a key exchange */
	const char *cipher;
};

FIXTURE_VARIANT_ADD(psk, server) { true, false, "AES-128-GCM" };
FIXTURE_VARIANT_ADD(psk, server_chacha) { true, false, "CHACHA20-POLY1305" };
FIXTURE_VARIANT_ADD(psk, server_ke) { true, true, "AES-128-GCM" };
FIXTURE_VARIANT_ADD(psk, client) { false, false, "AES-128-GCM" };
FIXTURE_VARIANT_ADD(psk, client_chacha) { false, false, "CHACHA20-POLY1305" };
FIXTURE_VARIANT_ADD(psk, client_ke) { false, true, "AES-128-GCM" };

/* ---- both ends --------------------------------------------------------- */

static int find_key(gnutls_session_t session, const char *name,
		    gnutls_datum_t *out)
{
	(void)session;
	/* unknown; GnuTLS goes on with a key that nobody has */
	if (strcmp(name, "them"))
		return 1;
	out->data = gnutls_malloc(sizeof(key));
	ASSERT_TRUE(out->data);
	out->size = sizeof(key);
	memcpy(out->data, key, sizeof(key));
	return 0;
}

static void make_ours(FIXTURE_DATA(psk) *self, bool server)
{
	const struct ktls_psk psk = {
		.identity = self->our_name, .key = self->our_key,
		.identity_len = strlen(self->our_name),
		.key_len = sizeof(key),
	};
	const struct ktls_cred cred = pki_cred("p256");
	struct ktls_opts o = {
		.size = sizeof(o), .role = server ? KTLS_SERVER : KTLS_CLIENT,
		.flags = self->our_flags, .groups = self->our_groups,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER,
		.psks = &psk, .psks_len = 1, .ca_file = pki("ca"),
		.creds = &cred, .creds_len = server && self->cert,
	};

	ktls_config_put(self->ours);
	self->ours = NULL;
	ASSERT_OK(ktls_config_new(&self->ours, &o));
}

static void next(FIXTURE_DATA(psk) *self, const FIXTURE_VARIANT(psk) *v)
{
	char priority[128];

	snprintf(priority, sizeof(priority),
		 "+VERS-TLS1.3:+%s:%s:%s", v->cipher, self->groups,
		 v->ke ? "+PSK" : "+ECDHE-PSK");
	gnutls_end_new(&self->g, &(struct gnutls_opts){
		.server = v->server, .priority = priority,
		.cert = v->server ? self->cert : NULL,
		.ticket_key = v->server ? &self->tickets : NULL,
		.resume = self->session.size ? &self->session : NULL });
	self->open = true;
	ASSERT_EQ(gnutls_credentials_set(self->g.session, GNUTLS_CRD_PSK,
			v->server ? (void *)self->server : self->client), 0);
	if (!self->ours)
		make_ours(self, !v->server);
	ASSERT_OK(ktls_hs_new(&self->hs, self->ours,
			      v->server ? "localhost" : NULL));
}

FIXTURE_SETUP(psk)
{
	const gnutls_datum_t k = { key, sizeof(key) };

	ASSERT_EQ(gnutls_psk_allocate_client_credentials(&self->client), 0);
	ASSERT_EQ(gnutls_psk_allocate_server_credentials(&self->server), 0);
	ASSERT_EQ(gnutls_psk_set_client_credentials(self->client, "them", &k,
			GNUTLS_PSK_KEY_RAW), 0);
	gnutls_psk_set_server_credentials_function(self->server, find_key);
	ASSERT_EQ(gnutls_session_ticket_key_generate(&self->tickets), 0);
	self->our_key = key;
	self->our_name = "them";
	self->groups = "+GROUP-ALL";
	self->our_flags = variant->ke ? KTLS_F_PSK_KE : 0;
}

static void done(FIXTURE_DATA(psk) *self)
{
	ktls_hs_free(self->hs);
	self->hs = NULL;
	if (self->open)
		gnutls_end_free(&self->g);
	self->open = false;
}

FIXTURE_TEARDOWN(psk)
{
	done(self);
	ktls_config_put(self->ours);
	gnutls_psk_free_client_credentials(self->client);
	gnutls_psk_free_server_credentials(self->server);
	gnutls_free(self->tickets.data);
	gnutls_free(self->session.data);
}

/* ---- it works ---------------------------------------------------------- */

/* What both say; then data both ways and the close */
static void connect_with(FIXTURE_DATA(psk) *self, const FIXTURE_VARIANT(psk) *v,
			 const char *subject, struct ktls_info *info)
{
	int gerr;

	next(self, v);
	ASSERT_OK(gnutls_end_run(&self->g, self->hs, &gerr))
		TH_LOG("ours: %s", ktls_hs_error_text(self->hs));
	ktls_hs_info(self->hs, info);
	EXPECT_EQ(info->version, KTLS_TLS13);
	EXPECT_EQ(info->peer_verified, !!*subject);
	EXPECT_STREQ(info->peer_subject, subject);
	EXPECT_EQ(info->resumed, !!gnutls_session_is_resumed(self->g.session));
	gnutls_end_talk(&self->g, self->hs);
	self->hs = NULL;
	if (!v->server) {
		gnutls_free(self->session.data);
		ASSERT_EQ(gnutls_session_get_data2(self->g.session,
						   &self->session), 0);
	}
}

static void check_psk(FIXTURE_DATA(psk) *self, const FIXTURE_VARIANT(psk) *v,
		      const struct ktls_info *info)
{
	EXPECT_EQ(info->external_psk, 1);
	EXPECT_EQ(info->resumed, 0);
	EXPECT_EQ(info->sigalg, 0);
	EXPECT_EQ(info->peer_sigalg, 0);
	EXPECT_EQ(!info->group, v->ke);
	EXPECT_EQ(gnutls_auth_get_type(self->g.session), GNUTLS_CRD_PSK);
	if (v->server)
		EXPECT_STREQ(gnutls_psk_server_get_username(self->g.session),
			     "them");
}

TEST_F(psk, authenticates_both)
{
	struct ktls_info info;

	connect_with(self, variant, "psk:them", &info);
	check_psk(self, variant, &info);
}

/* The server shows no certificate, though it has one */
TEST_F(psk, in_place_of_a_certificate)
{
	struct ktls_info info;

	self->cert = "p256";
	connect_with(self, variant, "psk:them", &info);
	check_psk(self, variant, &info);
}

TEST_F(psk, with_a_retry)
{
	struct ktls_info info;

	if (variant->ke)
		return;
	if (variant->server)
		self->groups = "+GROUP-SECP384R1";
	self->our_groups = variant->server ? "x25519:secp384r1" : "secp521r1";
	connect_with(self, variant, "psk:them", &info);
	check_psk(self, variant, &info);
	EXPECT_EQ(info.retried, 1);
}

TEST_F(psk, then_tickets)
{
	struct ktls_info info;

	connect_with(self, variant, "psk:them", &info);
	check_psk(self, variant, &info);
	for (int i = 0; i < 3; i++) {
		done(self);
		connect_with(self, variant, "psk:them", &info);
		EXPECT_EQ(info.resumed, 1);
		EXPECT_EQ(info.external_psk, 1);
		EXPECT_EQ(!info.group, variant->ke);
	}
}

/* ---- it does not ------------------------------------------------------- */

/* @ours: the alert of a server of ours; @theirs: of GnuTLS */
static void fails(FIXTURE_DATA(psk) *self, const FIXTURE_VARIANT(psk) *v,
		  int err, uint8_t ours, uint8_t theirs)
{
	struct ktls_info info;
	int gerr;

	next(self, v);
	EXPECT_EQ(gnutls_end_run(&self->g, self->hs, &gerr),
		  v->server ? -KTLS_E_PEER_ALERT : err);
	ktls_hs_info(self->hs, &info);
	if (v->server) {
		EXPECT_EQ(info.alert_received, theirs);
	} else {
		EXPECT_EQ(info.alert_sent, ours);
		EXPECT_EQ(gerr, GNUTLS_E_FATAL_ALERT_RECEIVED);
		EXPECT_EQ(gnutls_alert_get(self->g.session), ours);
	}
	EXPECT_EQ(info.external_psk, 0);
	EXPECT_EQ(info.peer_verified, 0);
	EXPECT_STREQ(info.peer_subject, "");
}

TEST_F(psk, wrong_key)
{
	self->our_key = wrong;
	/* to GnuTLS, a binder is a parameter like any other */
	fails(self, variant, -KTLS_E_PSK_BINDER, KTLS_ALERT_DECRYPT_ERROR,
	      KTLS_ALERT_ILLEGAL_PARAMETER);
}

TEST_F(psk, unknown_identity)
{
	self->our_name = "others";
	fails(self, variant, -KTLS_E_NO_SIGALG, KTLS_ALERT_HANDSHAKE_FAILURE,
	      KTLS_ALERT_ILLEGAL_PARAMETER);
}

/* One end insists on psk_ke, and the other does not do it */
TEST_F(psk, no_mode_of_both)
{
	if (!variant->ke)
		return;
	self->our_flags = 0;
	fails(self, variant, -KTLS_E_NO_SIGALG, KTLS_ALERT_HANDSHAKE_FAILURE,
	      KTLS_ALERT_HANDSHAKE_FAILURE);
}

HARNESS_MAIN
