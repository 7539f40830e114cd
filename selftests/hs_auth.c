// SPDX-License-Identifier: GPL-2.0-only
/* Authentication: names, chains, client certificates, both roles ours */
#include "hs_lib.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

/* ---- certificates with a fault, shown by either end --------------------- */

FIXTURE(fault) {
	struct two two;
	struct ktls_cred cred;
};

FIXTURE_VARIANT(fault) {
	const char *cert;
	int err;		/* of who verifies it */
	uint8_t alert;
	const char *text;
	enum ktls_role good_as;		/* 0: in neither role */
};

#define BAD_CERT	KTLS_ALERT_BAD_CERTIFICATE

FIXTURE_VARIANT_ADD(fault, expired) {
	"expired", -KTLS_E_CERT_EXPIRED, KTLS_ALERT_CERTIFICATE_EXPIRED,
	"certificate 1 of 1 (CN = expired): certificate has expired", 0
};
FIXTURE_VARIANT_ADD(fault, future) {
	"future", -KTLS_E_CERT_EXPIRED, KTLS_ALERT_CERTIFICATE_EXPIRED,
	"certificate 1 of 1 (CN = future): certificate is not yet valid", 0
};
FIXTURE_VARIANT_ADD(fault, othername) {
	"othername", -KTLS_E_CERT_NAME, BAD_CERT,
	"certificate 1 of 1 (CN = othername): is not for \"localhost\"",
	KTLS_CLIENT
};
FIXTURE_VARIANT_ADD(fault, clientonly) {
	"clientonly", -KTLS_E_CERT_USAGE, KTLS_ALERT_UNSUPPORTED_CERTIFICATE,
	"certificate 1 of 1 (CN = clientonly)", KTLS_CLIENT
};
FIXTURE_VARIANT_ADD(fault, serveronly) {
	"serveronly", -KTLS_E_CERT_USAGE, KTLS_ALERT_UNSUPPORTED_CERTIFICATE,
	"certificate 1 of 1 (CN = serveronly)", KTLS_SERVER
};
FIXTURE_VARIANT_ADD(fault, sha1) {
	"sha1", -KTLS_E_CERT_WEAK, BAD_CERT, "certificate 1 of 1 (CN = sha1)", 0
};
FIXTURE_VARIANT_ADD(fault, rsa1024) {
	"rsa1024", -KTLS_E_CERT_WEAK, BAD_CERT,
	"certificate 1 of 1 (CN = rsa1024)", 0
};
FIXTURE_VARIANT_ADD(fault, stranger) {
	"stranger", -KTLS_E_CERT_ISSUER, KTLS_ALERT_UNKNOWN_CA,
	"certificate 1 of 1 (CN = stranger)", 0
};
FIXTURE_VARIANT_ADD(fault, selfsigned) {
	"selfsigned", -KTLS_E_CERT_ISSUER, KTLS_ALERT_UNKNOWN_CA,
	"certificate 1 of 1 (CN = selfsigned)", 0
};
FIXTURE_VARIANT_ADD(fault, nointer) {
	"nointer", -KTLS_E_CERT_ISSUER, KTLS_ALERT_UNKNOWN_CA,
	"certificate 1 of 1 (CN = chain)", 0
};

FIXTURE_SETUP(fault)
{
	self->cred = pki_cred(variant->cert);
}

FIXTURE_TEARDOWN(fault)
{
	two_end(&self->two);
}

TEST_F(fault, server)
{
	struct ktls_info info;

	two_begin(&self->two, NULL,
		  KTLS_OPTS(.role = KTLS_SERVER, .creds = &self->cred,
			    .creds_len = 1), "localhost");
	if (variant->good_as == KTLS_SERVER) {
		ASSERT_OK(pump(self->two.client, self->two.server, 0));
		two_agree(&self->two);
		return;
	}
	two_fail(&self->two, false, variant->err, variant->alert,
		 variant->text);
	ktls_hs_info(self->two.client, &info);
	EXPECT_FALSE(info.peer_verified);
	EXPECT_TRUE(strstr(variant->text, info.peer_subject));
}

/* The application wants it all the same (tools' --insecure) */
TEST_F(fault, server_insecure)
{
	struct ktls_info info;

	two_run(&self->two,
		KTLS_OPTS(.role = KTLS_CLIENT, .verify = KTLS_VERIFY_NONE),
		KTLS_OPTS(.role = KTLS_SERVER, .creds = &self->cred,
			  .creds_len = 1), "localhost", 0);
	ktls_hs_info(self->two.client, &info);
	EXPECT_FALSE(info.peer_verified);
	EXPECT_TRUE(info.peer_subject[0]);
	EXPECT_STREQ(info.server_name, "localhost");
}

TEST_F(fault, client)
{
	struct ktls_info info;

	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT, .creds = &self->cred,
			    .creds_len = 1),
		  KTLS_OPTS(.role = KTLS_SERVER,
			    .verify = KTLS_VERIFY_REQUIRE), "localhost");
	if (variant->good_as == KTLS_CLIENT) {
		ASSERT_OK(pump(self->two.client, self->two.server, 0));
		two_agree(&self->two);
		return;
	}
	two_fail(&self->two, true, variant->err, variant->alert,
		 variant->text);
	/* 4.5.4: it could not know, its part was over */
	EXPECT_EQ(ktls_hs_wants(self->two.client), KTLS_WANT_DONE);
	ktls_hs_info(self->two.server, &info);
	EXPECT_FALSE(info.peer_verified);
	EXPECT_TRUE(strstr(variant->text, info.peer_subject));
}

/* Optional is about having none, not about a bad one */
TEST_F(fault, client_optional)
{
	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT, .creds = &self->cred,
			    .creds_len = 1),
		  KTLS_OPTS(.role = KTLS_SERVER,
			    .verify = KTLS_VERIFY_OPTIONAL), "localhost");
	if (variant->good_as == KTLS_CLIENT) {
		ASSERT_OK(pump(self->two.client, self->two.server, 0));
		return;
	}
	two_fail(&self->two, true, variant->err, variant->alert,
		 variant->text);
}

/* ---- client certificates ----------------------------------------------- */

FIXTURE(client_auth) {
	struct two two;
};

FIXTURE_VARIANT(client_auth) {
	enum ktls_verify verify;
	const char *cert;	/* the client's; NULL: it has none */
	const char *sigalgs;	/* that the server asks for */
	int err;		/* the server's */
	bool shown;		/* and verified */
};

FIXTURE_VARIANT_ADD(client_auth, none_asked) {
	KTLS_VERIFY_NONE, "client", NULL, 0, false
};
FIXTURE_VARIANT_ADD(client_auth, default_asks_for_none) {
	KTLS_VERIFY_DEFAULT, "client", NULL, 0, false
};
FIXTURE_VARIANT_ADD(client_auth, optional_shown) {
	KTLS_VERIFY_OPTIONAL, "client", NULL, 0, true
};
FIXTURE_VARIANT_ADD(client_auth, optional_missing) {
	KTLS_VERIFY_OPTIONAL, NULL, NULL, 0, false
};
FIXTURE_VARIANT_ADD(client_auth, required_shown) {
	KTLS_VERIFY_REQUIRE, "client", NULL, 0, true
};
FIXTURE_VARIANT_ADD(client_auth, required_missing) {
	KTLS_VERIFY_REQUIRE, NULL, NULL, -KTLS_E_CERT_REQUIRED, false
};
/* 4.5.2.3: one that the server could not verify is not shown */
FIXTURE_VARIANT_ADD(client_auth, optional_does_not_fit) {
	KTLS_VERIFY_OPTIONAL, "client", "ed25519", 0, false
};
FIXTURE_VARIANT_ADD(client_auth, required_does_not_fit) {
	KTLS_VERIFY_REQUIRE, "client", "ed25519", -KTLS_E_CERT_REQUIRED, false
};
FIXTURE_VARIANT_ADD(client_auth, chain) {
	KTLS_VERIFY_REQUIRE, "chain", NULL, 0, true
};

FIXTURE_SETUP(client_auth)
{
	struct ktls_cred cred = { 0 };

	if (variant->cert)
		cred = pki_cred(variant->cert);
	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT,
			    .creds = variant->cert ? &cred : NULL,
			    .creds_len = variant->cert ? 1 : 0),
		  KTLS_OPTS(.role = KTLS_SERVER, .verify = variant->verify,
			    .sigalgs = variant->sigalgs ?
				       "ed25519:ecdsa_secp384r1_sha384" : NULL,
			    .creds = variant->sigalgs ?
				     (struct ktls_cred[]){ pki_cred("p384") } :
				     NULL,
			    .creds_len = variant->sigalgs ? 1 : 0),
		  "localhost");
}

FIXTURE_TEARDOWN(client_auth)
{
	two_end(&self->two);
}

static void check_client_auth(FIXTURE_DATA(client_auth) *self,
			      const FIXTURE_VARIANT(client_auth) *v, size_t max)
{
	struct ktls_info c, s;
	char subject[64] = "";

	EXPECT_EQ(pump(self->two.client, self->two.server, max), v->err);
	if (v->err)
		check_failure(self->two.server, self->two.client, v->err,
			      KTLS_ALERT_CERTIFICATE_REQUIRED);
	else
		two_agree(&self->two);
	ktls_hs_info(self->two.client, &c);
	ktls_hs_info(self->two.server, &s);
	if (v->shown)
		snprintf(subject, sizeof(subject), "CN = %s", v->cert);
	EXPECT_EQ(s.peer_verified, v->shown);
	EXPECT_STREQ(s.peer_subject, subject);
	EXPECT_EQ(c.sigalg != 0, v->shown);
	EXPECT_EQ(s.peer_sigalg != 0, v->shown);
	EXPECT_TRUE(c.peer_verified);
}

TEST_F(client_auth, at_once)
{
	check_client_auth(self, variant, 0);
}

TEST_F(client_auth, bytewise)
{
	check_client_auth(self, variant, 1);
}

/* ---- whoever has the certificate, but not its key ------------------------ */

FIXTURE(impostor) {
	struct two two;
	struct ktls_cred creds[2];
};

FIXTURE_VARIANT(impostor) {
	const char *shown, *key;
	int err;
	uint8_t alert;
	bool client;
};

FIXTURE_VARIANT_ADD(impostor, server) {
	"p256", "client", -KTLS_E_SIGNATURE, KTLS_ALERT_DECRYPT_ERROR, false
};
FIXTURE_VARIANT_ADD(impostor, server_rsa) {
	"rsa2048", "rsa1024", -KTLS_E_SIGNATURE, KTLS_ALERT_DECRYPT_ERROR,
	false
};
FIXTURE_VARIANT_ADD(impostor, client) {
	"client", "p256", -KTLS_E_SIGNATURE, KTLS_ALERT_DECRYPT_ERROR, true
};
/* 4.5.3: a scheme that was offered, but is not for the certificate's key */
FIXTURE_VARIANT_ADD(impostor, server_scheme) {
	"p256", "ed25519", -KTLS_E_SIGALG_CHOICE, KTLS_ALERT_ILLEGAL_PARAMETER,
	false
};
FIXTURE_VARIANT_ADD(impostor, server_curve) {
	"p256", "p384", -KTLS_E_SIGALG_CHOICE, KTLS_ALERT_ILLEGAL_PARAMETER,
	false
};
FIXTURE_VARIANT_ADD(impostor, server_rsa_kind) {
	"rsa2048", "rsapss", -KTLS_E_SIGALG_CHOICE,
	KTLS_ALERT_ILLEGAL_PARAMETER, false
};
FIXTURE_VARIANT_ADD(impostor, client_scheme) {
	"client", "ed448", -KTLS_E_SIGALG_CHOICE,
	KTLS_ALERT_ILLEGAL_PARAMETER, true
};

FIXTURE_SETUP(impostor)
{
	bool client = variant->client;
	struct ktls_config *cfg;
	struct cred a, b;

	self->creds[0] = pki_cred(variant->shown);
	self->creds[1] = pki_cred(variant->key);
	two_begin(&self->two,
		  KTLS_OPTS(.role = KTLS_CLIENT, .creds = self->creds,
			    .creds_len = client ? 2 : 0),
		  KTLS_OPTS(.role = KTLS_SERVER, .creds = self->creds,
			    .creds_len = client ? 0 : 2,
			    .verify = client ? KTLS_VERIFY_REQUIRE :
					       KTLS_VERIFY_NONE), "localhost");
	/* the one's certificate with the other's key, and what it can sign */
	cfg = client ? self->two.client_config : self->two.server_config;
	a = cfg->creds[0];
	b = cfg->creds[1];
	cfg->creds[0].key = b.key;
	memcpy(cfg->creds[0].ready, b.ready, sizeof(b.ready));
	memcpy(cfg->creds[0].schemes, b.schemes, sizeof(b.schemes));
	cfg->creds[0].schemes_len = b.schemes_len;
	cfg->creds[1].key = a.key;
	memcpy(cfg->creds[1].ready, a.ready, sizeof(a.ready));
	cfg->creds[1].schemes_len = 0;
}

FIXTURE_TEARDOWN(impostor)
{
	two_end(&self->two);
}

TEST_F(impostor, found_out)
{
	two_fail(&self->two, variant->client, variant->err, variant->alert,
		 ktls_strerror(variant->err));
}

/* Verifying no certificate is not verifying no signature */
TEST_F(impostor, found_out_insecure)
{
	struct ktls_config *client;

	if (variant->client)
		return;
	client = config(KTLS_OPTS(.role = KTLS_CLIENT,
				  .verify = KTLS_VERIFY_NONE));
	ktls_config_put(self->two.client_config);
	self->two.client_config = client;
	two_again(&self->two, "localhost");
	two_fail(&self->two, false, variant->err, variant->alert,
		 ktls_strerror(variant->err));
}

/* ---- limits ------------------------------------------------------------ */

FIXTURE(limit) {
	struct two two;
	struct ktls_cred chain;
};

FIXTURE_SETUP(limit)
{
	self->chain = pki_cred("chain");
}

FIXTURE_TEARDOWN(limit)
{
	two_end(&self->two);
}

TEST_F(limit, chain_fits)
{
	two_run(&self->two, KTLS_OPTS(.role = KTLS_CLIENT, .max_chain = 2),
		KTLS_OPTS(.role = KTLS_SERVER, .creds = &self->chain,
			  .creds_len = 1), "localhost", 0);
}

TEST_F(limit, chain_too_long)
{
	two_begin(&self->two, KTLS_OPTS(.role = KTLS_CLIENT, .max_chain = 1),
		  KTLS_OPTS(.role = KTLS_SERVER, .creds = &self->chain,
			    .creds_len = 1), "localhost");
	two_fail(&self->two, false, -KTLS_E_CERT_CHAIN,
		 KTLS_ALERT_BAD_CERTIFICATE, "longer than the limit");
}

TEST_F(limit, chain_too_long_unverified)
{
	two_begin(&self->two, KTLS_OPTS(.role = KTLS_CLIENT, .max_chain = 1,
					.verify = KTLS_VERIFY_NONE),
		  KTLS_OPTS(.role = KTLS_SERVER, .creds = &self->chain,
			    .creds_len = 1), "localhost");
	two_fail(&self->two, false, -KTLS_E_CERT_CHAIN,
		 KTLS_ALERT_BAD_CERTIFICATE, "longer than the limit");
}

TEST_F(limit, message)
{
	two_begin(&self->two, KTLS_OPTS(.role = KTLS_CLIENT,
					.max_message = 512),
		  KTLS_OPTS(.role = KTLS_SERVER, .creds = &self->chain,
			    .creds_len = 1), "localhost");
	two_fail(&self->two, false, -KTLS_E_MESSAGE_SIZE,
		 KTLS_ALERT_ILLEGAL_PARAMETER, "larger than the limit");
}

/* The server refuses before it waits for the message's end */
TEST_F(limit, message_of_client)
{
	two_begin(&self->two, NULL, KTLS_OPTS(.role = KTLS_SERVER,
					      .max_message = 64), "localhost");
	two_fail(&self->two, true, -KTLS_E_MESSAGE_SIZE,
		 KTLS_ALERT_ILLEGAL_PARAMETER, "larger than the limit");
}

/* ---- credentials that cannot be ours ------------------------------------ */

static int load(const char *cert, const char *key, char *why, size_t size)
{
	const struct ktls_cred cred = { .cert_file = pki(cert),
					.key_file = pki_key(key) };
	struct ktls_config *cfg;
	int err = ktls_config_new(&cfg, KTLS_OPTS(
		.role = KTLS_SERVER, .creds = &cred, .creds_len = 1,
		.error = why, .error_size = size));

	ktls_config_put(cfg);
	return err;
}

TEST(no_signatures)
{
	char why[512];

	EXPECT_EQ(load("nosign", "nosign", why, sizeof(why)),
		  -KTLS_E_CERT_FILE);
	EXPECT_TRUE(strstr(why, "key usage")) TH_LOG("%s", why);
	EXPECT_TRUE(strstr(why, "nosign.pem")) TH_LOG("%s", why);
}

TEST(wrong_key)
{
	char why[512];

	EXPECT_EQ(load("p256", "p384", why, sizeof(why)),
		  -KTLS_E_KEY_MISMATCH);
	EXPECT_TRUE(strstr(why, "p256.pem")) TH_LOG("%s", why);
	EXPECT_TRUE(strstr(why, "p384.key")) TH_LOG("%s", why);
}

HARNESS_MAIN
