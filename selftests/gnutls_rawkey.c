// SPDX-License-Identifier: GPL-2.0-only
/* Raw public keys (RFC 7250) with GnuTLS at the other end, both roles */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gnutls_lib.h"
#include "harness.h"
#include "rawkey_lib.h"

#define PRIORITY	"+VERS-TLS1.3:+AES-128-GCM:+GROUP-ALL"

/* GnuTLS takes this key and no other: its own has no say */
static uint8_t *wanted;
static size_t wanted_len;

static int is_wanted(gnutls_session_t session)
{
	unsigned int n;
	const gnutls_datum_t *peer = gnutls_certificate_get_peers(session,
								  &n);

	return !peer || n != 1 || peer->size != wanted_len ||
	       memcmp(peer->data, wanted, wanted_len);
}

static void give_key(struct gnutls_end *g, const char *name)
{
	char *pub = raw_pem(name), key[4096];
	FILE *f = fopen(pki_key(name), "r");
	gnutls_datum_t spki = { (uint8_t *)pub, (unsigned int)strlen(pub) };
	gnutls_datum_t pkey = { (uint8_t *)key, 0 };

	ASSERT_TRUE(f);
	pkey.size = (unsigned int)fread(key, 1, sizeof(key), f);
	fclose(f);
	ASSERT_GE(gnutls_certificate_set_rawpk_key_mem(g->cred, &spki, &pkey,
		  GNUTLS_X509_FMT_PEM, NULL, 0, NULL, 0, 0), 0);
	free(pub);
}

FIXTURE(raw) {
	struct gnutls_end g;
	struct ktls_config *config;
	struct ktls_hs *hs;
	struct ktls_cred cred;
};

FIXTURE_VARIANT(raw) {
	bool server;		/* GnuTLS is */
	const char *theirs, *ours;	/* raw keys; NULL: none */
	bool mutual;
	bool other;		/* not the key that we trust */
};

FIXTURE_VARIANT_ADD(raw, server) { true, "p256", NULL, false, false };
FIXTURE_VARIANT_ADD(raw, server_rsa) { true, "rsa2048", NULL, false, false };
FIXTURE_VARIANT_ADD(raw, server_mutual) { true, "p256", "ed25519", true,
					  false };
FIXTURE_VARIANT_ADD(raw, server_other) { true, "p256", NULL, false, true };
FIXTURE_VARIANT_ADD(raw, client) { false, NULL, "p256", false, false };
FIXTURE_VARIANT_ADD(raw, client_ed25519) { false, NULL, "ed25519", false,
					   false };
FIXTURE_VARIANT_ADD(raw, client_mutual) { false, "p384", "p256", true,
					  false };
FIXTURE_VARIANT_ADD(raw, client_other) { false, "p384", "p256", true, true };

FIXTURE_SETUP(raw)
{
	const struct gnutls_opts o = {
		.server = variant->server, .priority = PRIORITY,
		.flags = GNUTLS_ENABLE_RAWPK,
		.require = variant->server && variant->mutual,
	};
	bool asks = variant->server || variant->mutual;
	char *hash = variant->theirs ?
		     raw_hash(variant->other ? "ed448" : variant->theirs) :
		     NULL;

	if (variant->ours) {
		self->cred = raw_cred(variant->ours);
		wanted = raw_der(variant->ours, &wanted_len);
	}
	gnutls_end_new(&self->g, &o);
	if (variant->theirs)
		give_key(&self->g, variant->theirs);
	gnutls_session_set_verify_function(self->g.session, is_wanted);
	self->config = config(KTLS_OPTS(
		.role = variant->server ? KTLS_CLIENT : KTLS_SERVER,
		.creds = &self->cred, .creds_len = !!variant->ours,
		.verify = asks ? KTLS_VERIFY_REQUIRE : KTLS_VERIFY_NONE,
		.flags = asks ? KTLS_F_RAW_KEYS_ONLY : 0,
		.raw_key_hashes = hash,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER));
	ASSERT_OK(ktls_hs_new(&self->hs, self->config, variant->server ?
			      "localhost" : NULL));
	free(hash);
}

FIXTURE_TEARDOWN(raw)
{
	ktls_hs_free(self->hs);
	gnutls_end_free(&self->g);
	ktls_config_put(self->config);
	free(wanted);
}

TEST_F(raw, handshake)
{
	int gerr, err = gnutls_end_run(&self->g, self->hs, &gerr);
	struct ktls_info info;
	char want[80] = "";

	ktls_hs_info(self->hs, &info);
	if (variant->other) {
		EXPECT_EQ(err, -KTLS_E_RAW_KEY);
		EXPECT_EQ(info.alert_sent, KTLS_ALERT_CERTIFICATE_UNKNOWN);
		return;
	}
	ASSERT_EQ(err, 0) TH_LOG("%s", ktls_hs_error_text(self->hs));
	EXPECT_EQ(info.version, KTLS_TLS13);
	EXPECT_EQ(info.peer_raw_key, variant->theirs != NULL);
	EXPECT_EQ(info.peer_verified, variant->theirs != NULL);
	if (variant->theirs) {
		char *hash = raw_hash(variant->theirs);

		snprintf(want, sizeof(want), "sha256:%s", hash);
		free(hash);
	}
	EXPECT_STREQ(info.peer_subject, want);
	EXPECT_EQ(gnutls_certificate_type_get2(self->g.session,
					       GNUTLS_CTYPE_SERVER),
		  GNUTLS_CRT_RAWPK);
	gnutls_end_talk(&self->g, self->hs);
	self->hs = NULL;
}

HARNESS_MAIN
