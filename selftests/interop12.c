// SPDX-License-Identifier: GPL-2.0-only
/*
 * TLS 1.2 in both roles with libssl at the other end: every suite, group and
 * kind of key, each with and without client authentication and the extended
 * main secret, resumed by ticket and by id.
 */
#include "interop_lib.h"

#include <stdio.h>
#include <string.h>

#include "harness.h"

/* ---- suites, groups, signatures ---------------------------------------- */

/* Each with the suite of its kind; ECDSA's schemes are not bound to a curve */
static const struct {
	const char *cert, *sigalg;
} kinds[] = {
	{ "p256", "ecdsa_secp256r1_sha256" },
	{ "p256", "ecdsa_secp384r1_sha384" },
	{ "p384", "ecdsa_secp384r1_sha384" },
	{ "p521", "ecdsa_secp521r1_sha512" },
	{ "p521", "ecdsa_secp256r1_sha256" },
	{ "ed25519", "ed25519" },
	{ "ed448", "ed448" },
	{ "rsa2048", "rsa_pkcs1_sha256" },
	{ "rsa2048", "rsa_pkcs1_sha384" },
	{ "rsa2048", "rsa_pkcs1_sha512" },
	{ "rsa2048", "rsa_pss_rsae_sha256" },
	{ "rsa2048", "rsa_pss_rsae_sha384" },
	{ "rsa2048", "rsa_pss_rsae_sha512" },
	{ "rsapss", "rsa_pss_pss_sha256" },
	{ "rsapss", "rsa_pss_pss_sha384" },
	{ "rsapss", "rsa_pss_pss_sha512" },
	{ "chain", "ecdsa_secp256r1_sha256" },
};

FIXTURE(tls12) {
	struct with with;
	struct ktls_cred cred;
	struct ktls_opts ours;
	struct ssl_opts theirs;
	char groups[64];
	SSL_SESSION *session;	/* libssl's, in either role */
	bool ems, tickets;	/* what libssl is told to do */
};

FIXTURE_VARIANT(tls12) {
	enum ktls_role role;	/* ours */
	const char *suite, *group, *cert, *sigalg;
	size_t max;		/* bytes at a time; 0: all */
	bool swap;		/* mutual with ids, and not with tickets */
};

static enum ktls_role role_of(size_t i, const char **name)
{
	*name = i % 2 ? "server" : "client";
	return i % 2 ? KTLS_SERVER : KTLS_CLIENT;
}

static bool is_dhe(const char *suite)
{
	return suite && strstr(suite, "_DHE_");
}

static bool each_suite(size_t i, FIXTURE_VARIANT(tls12) *v, char *name,
		       size_t size)
{
	const char *role;

	v->role = role_of(i, &role);
	v->suite = ktls_suite_list(i / 2);
	if (!v->suite)
		return false;
	v->cert = strstr(v->suite, "ECDSA") ? "p256" : "rsa2048";
	v->max = i / 2 % 3;
	v->swap = i / 2 % 2;
	if (strchr(v->suite, 'W'))
		snprintf(name, size, "%s.%s", role, v->suite);
	return true;
}

/*
 * Those of RFC 7919 with DHE.  The largest are left to the tests of kex, and
 * hybrids are not for 1.2.
 */
static bool each_group(size_t i, FIXTURE_VARIANT(tls12) *v, char *name,
		       size_t size)
{
	const char *role;

	v->role = role_of(i, &role);
	v->group = ktls_group_list(i / 2);
	if (!v->group)
		return false;
	v->cert = "p256";
	v->swap = i / 2 % 2;
	if (!strncmp(v->group, "ffdhe", 5)) {
		v->cert = "rsa2048";
		v->suite = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256";
	}
	if (!strstr(v->group, "MLKEM") && !strstr(v->group, "6144") &&
	    !strstr(v->group, "8192"))
		snprintf(name, size, "%s.%s", role, v->group);
	return true;
}

static bool each_kind(size_t i, FIXTURE_VARIANT(tls12) *v, char *name,
		      size_t size)
{
	const char *role;

	v->role = role_of(i, &role);
	if (i / 2 == sizeof(kinds) / sizeof(*kinds))
		return false;
	v->cert = kinds[i / 2].cert;
	v->sigalg = kinds[i / 2].sigalg;
	v->swap = i / 2 % 2;
	snprintf(name, size, "%s.%s.%s", role, v->cert, v->sigalg);
	return true;
}

FIXTURE_VARIANT_GEN(tls12, each_suite);
FIXTURE_VARIANT_GEN(tls12, each_group);
FIXTURE_VARIANT_GEN(tls12, each_kind);

FIXTURE_SETUP(tls12)
{
	const FIXTURE_VARIANT(tls12) *v = variant;
	bool server = v->role == KTLS_SERVER, dhe = is_dhe(v->suite);
	const char *own = dhe && !v->group ? "ffdhe2048" : v->group;

	self->cred = pki_cred(v->cert);
	/* RFC 8422 5.1.1: a client names the curves of certificates too */
	if (v->group)
		snprintf(self->groups, sizeof(self->groups), "%s%s", v->group,
			 strcmp(v->group, "secp256r1") ? ":secp256r1" : "");
	self->ours = (struct ktls_opts){
		.role = v->role, .ciphers = v->suite,
		.groups = server ? own : v->group ? self->groups : NULL,
		.sigalgs = server ? NULL : v->sigalg,
		.creds = &self->cred, .creds_len = server ? 1 : 0,
	};
	self->theirs = (struct ssl_opts){
		.cert = server ? NULL : v->cert, .verify = server,
		.sigalgs = server ? v->sigalg : NULL,
		.groups = dhe || !v->group ? NULL :
			  server ? self->groups : v->group,
	};
	self->ems = self->tickets = true;
}

FIXTURE_TEARDOWN(tls12)
{
	SSL_SESSION_free(self->session);
	with_end(&self->with);
}

/* ---- libssl's end ------------------------------------------------------ */

/* Its name for what IANA calls @suite */
static const char *ssl_suite(SSL *ssl, const char *suite)
{
	const STACK_OF(SSL_CIPHER) *all = SSL_get_ciphers(ssl);

	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);

		if (!strcmp(SSL_CIPHER_standard_name(c), suite))
			return SSL_CIPHER_get_name(c);
	}
	ASSERT_TRUE(false) TH_LOG("libssl has no %s", suite);
	return NULL;
}

static void set_dh(SSL *ssl, const char *group)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *params = NULL;

	ASSERT_TRUE(ctx);
	ASSERT_EQ(EVP_PKEY_paramgen_init(ctx), 1);
	ASSERT_EQ(EVP_PKEY_CTX_set_group_name(ctx, group), 1);
	ASSERT_EQ(EVP_PKEY_generate(ctx, &params), 1);
	ASSERT_EQ(SSL_set0_tmp_dh_pkey(ssl, params), 1);
	EVP_PKEY_CTX_free(ctx);
}

static void limit(SSL *ssl, const char *suite)
{
	ASSERT_EQ(SSL_set_max_proto_version(ssl, TLS1_2_VERSION), 1);
	ASSERT_EQ(SSL_set_cipher_list(ssl, "ALL"), 1);
	if (suite)
		ASSERT_EQ(SSL_set_cipher_list(ssl, ssl_suite(ssl, suite)), 1);
}

static void set_session(FIXTURE_DATA(tls12) *self, SSL *ssl)
{
	ASSERT_EQ(SSL_set_session_id_context(ssl, (const uint8_t *)"t", 1), 1);
	if (!self->session)
		return;
	if (self->with.config->role == KTLS_SERVER)
		ASSERT_EQ(SSL_set_session(ssl, self->session), 1);
	else if (!self->tickets)
		ASSERT_EQ(SSL_CTX_add_session(SSL_get_SSL_CTX(ssl),
					      self->session), 1);
}

/* Its tickets are of its context, which is another each time */
static void keep_ticket_keys(FIXTURE_DATA(tls12) *self, SSL *ssl)
{
	static uint8_t keys[80];
	SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);

	if (self->session)
		ASSERT_EQ(SSL_CTX_set_tlsext_ticket_keys(ctx, keys,
							 sizeof(keys)), 1);
	else
		ASSERT_EQ(SSL_CTX_get_tlsext_ticket_keys(ctx, keys,
							 sizeof(keys)), 1);
}

static void begin(FIXTURE_DATA(tls12) *self, const FIXTURE_VARIANT(tls12) *v)
{
	struct with *w = &self->with;

	if (!self->tickets)
		self->ours.flags |= KTLS_F_NO_TICKETS;
	if (w->config)
		with_again(w, self->theirs, "localhost");
	else
		with_begin(w, self->ours, self->theirs, "localhost");
	limit(w->ssl, v->suite);
	if (is_dhe(v->suite))
		set_dh(w->ssl, v->group ? v->group : "ffdhe2048");
	if (!self->ems)
		SSL_set_options(w->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (!self->tickets)
		SSL_set_options(w->ssl, SSL_OP_NO_TICKET);
	keep_ticket_keys(self, w->ssl);
	set_session(self, w->ssl);
}

/* ---- one after another ------------------------------------------------- */

static void check_choice(FIXTURE_DATA(tls12) *self,
			 const FIXTURE_VARIANT(tls12) *v, bool resumed)
{
	struct with *w = &self->with;
	struct ktls_info info;
	uint16_t sigalg;

	ktls_hs_info(w->hs, &info);
	sigalg = v->role == KTLS_CLIENT ? info.peer_sigalg : info.sigalg;
	EXPECT_EQ(info.version, KTLS_TLS12);
	EXPECT_EQ(info.resumed, resumed);
	EXPECT_EQ(info.ems, self->ems);
	EXPECT_EQ(SSL_get_extms_support(w->ssl), self->ems);
	EXPECT_EQ(SSL_get_secure_renegotiation_support(w->ssl), 1);
	EXPECT_EQ(info.peer_verified, v->role == KTLS_CLIENT ||
		  self->theirs.cert);
	EXPECT_EQ(SSL_get_verify_result(w->ssl), X509_V_OK);
	if (v->suite)
		EXPECT_STREQ(ktls_suite_name(info.suite), v->suite);
	if (v->group)
		EXPECT_STREQ(ktls_group_name(info.group), v->group);
	if (v->sigalg && !resumed)
		EXPECT_STREQ(ktls_sigalg_name(sigalg), v->sigalg);
	if (resumed)
		EXPECT_EQ(info.sigalg | info.peer_sigalg, 0);
}

static void once(FIXTURE_DATA(tls12) *self, const FIXTURE_VARIANT(tls12) *v,
		 bool resumed)
{
	struct with *w = &self->with;

	begin(self, v);
	with_run(w, v->max);
	with_agree(w);
	check_choice(self, v, resumed);
	if (!self->session)
		self->session = SSL_get1_session(w->ssl);
	ASSERT_TRUE(self->session);
	with_data(w);
}

static void full_then_resumed(FIXTURE_DATA(tls12) *self,
			      const FIXTURE_VARIANT(tls12) *v)
{
	once(self, v, false);
	/* any number of times, but without the extended secret never (7627) */
	once(self, v, self->ems);
	once(self, v, self->ems);
}

static void make_mutual(FIXTURE_DATA(tls12) *self,
			const FIXTURE_VARIANT(tls12) *v)
{
	self->ours.creds_len = 1;
	if (v->role == KTLS_SERVER) {
		self->ours.verify = KTLS_VERIFY_REQUIRE;
		self->ours.sigalgs = v->sigalg;
		self->theirs.cert = v->cert;
		return;
	}
	self->theirs.verify = self->theirs.require = true;
	self->theirs.sigalgs = v->sigalg;
	/* whose curve would have to be among its groups as well */
	if (v->group)
		self->cred = pki_cred("rsa2048");
}

TEST_F(tls12, by_ticket)
{
	self->ems = variant->swap;
	if (!variant->swap)
		make_mutual(self, variant);
	full_then_resumed(self, variant);
	EXPECT_EQ(SSL_SESSION_has_ticket(self->session),
		  variant->role == KTLS_SERVER && self->ems);
}

TEST_F(tls12, by_id)
{
	self->tickets = false;
	self->ems = !variant->swap;
	if (variant->swap)
		make_mutual(self, variant);
	full_then_resumed(self, variant);
	EXPECT_FALSE(SSL_SESSION_has_ticket(self->session));
}

/* ---- what either can be told to do ------------------------------------- */

FIXTURE(option) {
	struct with with;
};

FIXTURE_VARIANT(option) {
	enum ktls_role role;		/* ours */
	struct ktls_opts ours;
	struct ssl_opts theirs;
	uint64_t options;		/* libssl's SSL_OP_* */
	uint32_t mode;
	int max_version;		/* libssl's; 0: TLS 1.3 */
	const char *ciphers;
	const char *dh;			/* libssl's parameters; "auto" */
	const char *name;

	uint16_t version;		/* what comes of it; 0: nothing */
	const char *alpn;
	int err;			/* why we give up */
	uint8_t alert;			/* why libssl does */
};

#define OPTION(name, ...) FIXTURE_VARIANT_ADD(option, name) { __VA_ARGS__ }
#define CLIENT	.role = KTLS_CLIENT
#define SERVER	.role = KTLS_SERVER
#define ONLY12	.max_version = TLS1_2_VERSION
#define IS12	.version = KTLS_TLS12
#define IS13	.version = KTLS_TLS13
#define DHE	.ciphers = "DHE-RSA-AES128-GCM-SHA256",			\
		.theirs.cert = "rsa2048", ONLY12

/* The newest that both have, and no alarm about it (9846 4.2.3) */
OPTION(client_both, CLIENT, IS13);
OPTION(server_both, SERVER, IS13);
OPTION(client_theirs_is_older, CLIENT, ONLY12, IS12);
OPTION(server_theirs_is_older, SERVER, ONLY12, IS12);
OPTION(client_ours_is_older, CLIENT, .ours.max_version = KTLS_TLS12, IS12);
OPTION(server_ours_is_older, SERVER, .ours.max_version = KTLS_TLS12, IS12);
OPTION(client_no_common_version, CLIENT, ONLY12,
       .ours.min_version = KTLS_TLS13, .alert = KTLS_ALERT_PROTOCOL_VERSION);
OPTION(server_no_common_version, SERVER, ONLY12,
       .ours.min_version = KTLS_TLS13, .err = -KTLS_E_VERSION);
OPTION(server_too_old, SERVER, .max_version = TLS1_1_VERSION,
       .ciphers = "ALL:@SECLEVEL=0", .err = -KTLS_E_VERSION);
OPTION(client_too_old, CLIENT, .max_version = TLS1_1_VERSION,
       .ciphers = "ALL:@SECLEVEL=0", .alert = KTLS_ALERT_PROTOCOL_VERSION);
/* RFC 7507: it comes back with less, and was not turned away */
OPTION(server_fell_back, SERVER, ONLY12, .mode = SSL_MODE_SEND_FALLBACK_SCSV,
       .err = -KTLS_E_FALLBACK);
OPTION(server_fell_back_rightly, SERVER, ONLY12, IS12,
       .ours.max_version = KTLS_TLS12, .mode = SSL_MODE_SEND_FALLBACK_SCSV);

OPTION(client_alpn, CLIENT, ONLY12, IS12, .ours.alpn = "h2,http/1.1",
       .theirs.alpn = "http/1.1,h2", .alpn = "http/1.1");
OPTION(server_alpn, SERVER, ONLY12, IS12, .ours.alpn = "h2,http/1.1",
       .theirs.alpn = "http/1.1,h2", .alpn = "h2");
OPTION(client_alpn_alone, CLIENT, ONLY12, IS12, .ours.alpn = "h2");
OPTION(server_alpn_ignored, SERVER, ONLY12, IS12, .theirs.alpn = "h2");
OPTION(client_alpn_differs, CLIENT, ONLY12, .ours.alpn = "h2",
       .theirs.alpn = "http/1.1",
       .alert = KTLS_ALERT_NO_APPLICATION_PROTOCOL);
OPTION(server_alpn_differs, SERVER, ONLY12, .ours.alpn = "h2",
       .theirs.alpn = "http/1.1", .err = -KTLS_E_NO_ALPN);

OPTION(client_wildcard, CLIENT, ONLY12, IS12, .name = "www.example.test");
OPTION(server_wildcard, SERVER, ONLY12, IS12, .name = "www.example.test",
       .ours.flags = KTLS_F_STRICT_NAME);
OPTION(server_unknown_name, SERVER, ONLY12, .name = "www.other.test",
       .ours.flags = KTLS_F_STRICT_NAME, .err = -KTLS_E_UNKNOWN_NAME);
OPTION(client_ipv4, CLIENT, ONLY12, IS12, .name = "127.0.0.1");
OPTION(client_wrong_name, CLIENT, ONLY12, .theirs.cert = "othername",
       .err = -KTLS_E_CERT_NAME);

OPTION(client_ems_needed, CLIENT, ONLY12, IS12,
       .ours.flags = KTLS_F_NEED_EMS);
OPTION(client_ems_missing, CLIENT, ONLY12, .err = -KTLS_E_NO_EMS,
       .ours.flags = KTLS_F_NEED_EMS,
       .options = SSL_OP_NO_EXTENDED_MASTER_SECRET);
OPTION(server_ems_missing, SERVER, ONLY12, .err = -KTLS_E_NO_EMS,
       .ours.flags = KTLS_F_NEED_EMS,
       .options = SSL_OP_NO_EXTENDED_MASTER_SECRET);

/* RFC 7919: no primes but those */
OPTION(client_ffdhe3072, CLIENT, DHE, IS12, .dh = "ffdhe3072");
OPTION(client_ffdhe2048_unoffered, CLIENT, DHE, .dh = "ffdhe2048",
       .ours.groups = "x25519:ffdhe3072", .err = -KTLS_E_GROUP_CHOICE);
OPTION(client_dh_of_rfc3526, CLIENT, DHE, .dh = "modp_2048",
       .err = -KTLS_E_GROUP_CHOICE);
OPTION(client_dh_of_rfc5114, CLIENT, DHE, .dh = "dh_2048_256",
       .err = -KTLS_E_GROUP_CHOICE);
OPTION(client_dh_auto, CLIENT, DHE, .dh = "auto",
       .err = -KTLS_E_GROUP_CHOICE);

OPTION(client_no_common_suite, CLIENT, ONLY12, .ciphers = "ECDHE+AES+SHA1",
       .alert = KTLS_ALERT_HANDSHAKE_FAILURE);
OPTION(server_no_common_suite, SERVER, ONLY12, .ciphers = "ECDHE+AES+SHA1",
       .err = -KTLS_E_NO_SUITE);
OPTION(server_client_is_nobody, SERVER, ONLY12, .err = -KTLS_E_CERT_REQUIRED,
       .ours.verify = KTLS_VERIFY_REQUIRE);
OPTION(client_is_nobody, CLIENT, ONLY12, .theirs.require = true,
       .alert = KTLS_ALERT_HANDSHAKE_FAILURE);
OPTION(server_optional, SERVER, ONLY12, IS12,
       .ours.verify = KTLS_VERIFY_OPTIONAL);
OPTION(server_untrusted_client, SERVER, ONLY12, .theirs.cert = "stranger",
       .ours.verify = KTLS_VERIFY_OPTIONAL, .err = -KTLS_E_CERT_ISSUER);

static void set_theirs(SSL *ssl, const FIXTURE_VARIANT(option) *v)
{
	if (v->max_version)
		ASSERT_EQ(SSL_set_max_proto_version(ssl, v->max_version), 1);
	ASSERT_EQ(SSL_set_min_proto_version(ssl, TLS1_VERSION), 1);
	if (v->ciphers)
		ASSERT_EQ(SSL_set_cipher_list(ssl, v->ciphers), 1);
	if (v->dh && !strcmp(v->dh, "auto"))
		ASSERT_EQ(SSL_set_dh_auto(ssl, 1), 1);
	else if (v->dh)
		set_dh(ssl, v->dh);
	SSL_set_options(ssl, v->options);
	SSL_set_mode(ssl, v->mode);
}

TEST_F(option, outcome)
{
	struct with *w = &self->with;
	struct ktls_opts ours = variant->ours;
	uint8_t alert = (uint8_t)ktls_error_alert(variant->err);
	struct ktls_info info;

	ours.role = variant->role;
	with_begin(w, ours, variant->theirs,
		   variant->name ? variant->name : "localhost");
	set_theirs(w->ssl, variant);
	/* what 1.2 does not know yet */
	if (variant->err == -KTLS_E_CERT_REQUIRED)
		alert = KTLS_ALERT_HANDSHAKE_FAILURE;
	if (variant->err) {
		with_fail(w, variant->err, alert);
		return;
	}
	if (!variant->version) {
		with_refused(w, variant->alert, false);
		return;
	}
	with_run(w, 0);
	with_agree(w);
	ktls_hs_info(w->hs, &info);
	EXPECT_EQ(info.version, variant->version);
	EXPECT_STREQ(info.alpn, variant->alpn ? variant->alpn : "");
	EXPECT_EQ(info.ems, variant->version == KTLS_TLS12);
	with_data(w);
}

FIXTURE_TEARDOWN(option)
{
	with_end(&self->with);
}

HARNESS_MAIN
