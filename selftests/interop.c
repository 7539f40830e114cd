// SPDX-License-Identifier: GPL-2.0-only
/* Both roles with libssl at the other end: whatever both of us have */
#include "interop_lib.h"

#include <stdio.h>
#include <string.h>

#include "harness.h"

/* ---- suites, groups, signatures ---------------------------------------- */

static const struct {
	const char *cert, *sigalg;
} kinds[] = {
	{ "p256", "ecdsa_secp256r1_sha256" },
	{ "p384", "ecdsa_secp384r1_sha384" },
	{ "p521", "ecdsa_secp521r1_sha512" },
	{ "ed25519", "ed25519" },
	{ "ed448", "ed448" },
	{ "rsa2048", "rsa_pss_rsae_sha256" },
	{ "rsa2048", "rsa_pss_rsae_sha384" },
	{ "rsa2048", "rsa_pss_rsae_sha512" },
	{ "rsapss", "rsa_pss_pss_sha256" },
	{ "rsapss", "rsa_pss_pss_sha384" },
	{ "rsapss", "rsa_pss_pss_sha512" },
	{ "chain", "ecdsa_secp256r1_sha256" },
};

FIXTURE(negotiate) {
	struct with with;
	struct ktls_cred cred;
	struct ktls_opts ours;
	struct ssl_opts theirs;
	char groups[64];
};

FIXTURE_VARIANT(negotiate) {
	enum ktls_role role;	/* ours */
	const char *suite, *group, *cert, *sigalg;
	bool retry;
};

static enum ktls_role role_of(size_t i, const char **name)
{
	*name = i % 2 ? "server" : "client";
	return i % 2 ? KTLS_SERVER : KTLS_CLIENT;
}

static bool each_suite(size_t i, FIXTURE_VARIANT(negotiate) *v, char *name,
		       size_t size)
{
	const char *role;

	v->role = role_of(i, &role);
	v->suite = ktls_suite_list(i / 2);
	/* the suites of 1.3 come first; for the others see hs12 */
	if (!v->suite || strchr(v->suite, 'W'))
		return false;
	if (ssl_has(SSL_SUITE, v->suite))
		snprintf(name, size, "%s.%s", role, v->suite);
	return true;
}

static bool each_group(size_t i, FIXTURE_VARIANT(negotiate) *v, char *name,
		       size_t size)
{
	const char *role;

	v->role = role_of(i, &role);
	v->group = ktls_group_list(i / 4);
	v->retry = i / 2 % 2;
	if (!v->group)
		return false;
	if (ssl_has(SSL_GROUP, v->group))
		snprintf(name, size, "%s.%s%s", role, v->group,
			 v->retry ? ".retry" : "");
	return true;
}

static bool each_kind(size_t i, FIXTURE_VARIANT(negotiate) *v, char *name,
		      size_t size)
{
	const char *role;

	v->role = role_of(i, &role);
	if (i / 2 == sizeof(kinds) / sizeof(*kinds))
		return false;
	v->cert = kinds[i / 2].cert;
	v->sigalg = kinds[i / 2].sigalg;
	if (ssl_has(SSL_SIGALG, v->sigalg))
		snprintf(name, size, "%s.%s.%s", role, v->cert, v->sigalg);
	return true;
}

FIXTURE_VARIANT_GEN(negotiate, each_suite);
FIXTURE_VARIANT_GEN(negotiate, each_group);
FIXTURE_VARIANT_GEN(negotiate, each_kind);

FIXTURE_SETUP(negotiate)
{
	const char *cert = variant->cert ? variant->cert : "p256";
	const char *guess = "x25519";
	bool server = variant->role == KTLS_SERVER;

	self->cred = pki_cred(cert);
	self->ours = (struct ktls_opts){
		.role = variant->role, .ciphers = variant->suite,
		.groups = variant->group,
		.sigalgs = server ? NULL : variant->sigalg,
		.creds = &self->cred, .creds_len = server ? 1 : 0,
	};
	self->theirs = (struct ssl_opts){
		.cert = server ? NULL : cert, .verify = server,
		.sigalgs = server ? variant->sigalg : NULL,
		/* where we are the client, its choice is to be what we want */
		.groups = variant->group,
		.ciphers = variant->suite,
	};
	if (!variant->retry)
		return;
	if (!strcmp(variant->group, guess))
		guess = "secp256r1";
	snprintf(self->groups, sizeof(self->groups), "%s:%s", guess,
		 variant->group);
	if (server)
		self->theirs.groups = self->groups;
	else
		self->ours.groups = self->groups;
}

FIXTURE_TEARDOWN(negotiate)
{
	with_end(&self->with);
}

static void check_choice(FIXTURE_DATA(negotiate) *self,
			 const FIXTURE_VARIANT(negotiate) *v)
{
	struct ktls_info info;
	uint16_t sigalg;

	with_agree(&self->with);
	ktls_hs_info(self->with.hs, &info);
	sigalg = v->role == KTLS_CLIENT ? info.peer_sigalg : info.sigalg;
	if (v->suite)
		EXPECT_STREQ(ktls_suite_name(info.suite), v->suite);
	if (v->group)
		EXPECT_STREQ(ktls_group_name(info.group), v->group);
	if (v->sigalg)
		EXPECT_STREQ(ktls_sigalg_name(sigalg), v->sigalg);
	EXPECT_EQ(info.retried, v->retry);
}

static void negotiate(FIXTURE_DATA(negotiate) *self,
		      const FIXTURE_VARIANT(negotiate) *v, size_t max)
{
	with_begin(&self->with, self->ours, self->theirs, "localhost");
	with_run(&self->with, max);
	check_choice(self, v);
}

TEST_F(negotiate, at_once)
{
	negotiate(self, variant, 0);
}

TEST_F(negotiate, bytewise)
{
	negotiate(self, variant, 1);
}

TEST_F(negotiate, mutual)
{
	struct ktls_info info;

	self->ours.creds_len = 1;
	if (variant->role == KTLS_SERVER) {
		self->ours.verify = KTLS_VERIFY_REQUIRE;
		self->ours.sigalgs = variant->sigalg;
		self->theirs.cert = variant->cert ? variant->cert : "client";
	} else {
		self->theirs.verify = self->theirs.require = true;
		self->theirs.sigalgs = variant->sigalg;
	}
	negotiate(self, variant, 0);
	ktls_hs_info(self->with.hs, &info);
	EXPECT_TRUE(info.peer_verified);
	EXPECT_NE(info.sigalg, 0);
	EXPECT_NE(info.peer_sigalg, 0);
	EXPECT_EQ(SSL_get_verify_result(self->with.ssl), X509_V_OK);
	EXPECT_TRUE(SSL_get0_peer_certificate(self->with.ssl));
}

/* ---- what libssl can be told to do -------------------------------------- */

FIXTURE(option) {
	struct with with;
};

FIXTURE_VARIANT(option) {
	enum ktls_role role;
	unsigned int flags;		/* ours */
	struct ssl_opts theirs;
	size_t padding;			/* of libssl, to blocks of it */
	long fragment;			/* most bytes in its records */
	bool retry;
	const char *alpn, *agreed;	/* ours; what comes of it */
	const char *name;
};

#define CLIENT	.role = KTLS_CLIENT
#define SERVER	.role = KTLS_SERVER

FIXTURE_VARIANT_ADD(option, client) { CLIENT };
FIXTURE_VARIANT_ADD(option, client_no_compat) {
	CLIENT, .flags = KTLS_F_NO_COMPAT
};
FIXTURE_VARIANT_ADD(option, client_no_compat_retry) {
	CLIENT, .flags = KTLS_F_NO_COMPAT, .retry = true
};
FIXTURE_VARIANT_ADD(option, client_middlebox_off) {
	CLIENT, .theirs.middlebox_off = true
};
FIXTURE_VARIANT_ADD(option, server_middlebox_off) {
	SERVER, .theirs.middlebox_off = true
};
FIXTURE_VARIANT_ADD(option, server_middlebox_off_retry) {
	SERVER, .theirs.middlebox_off = true, .retry = true
};
FIXTURE_VARIANT_ADD(option, server_cookie) { SERVER, .flags = KTLS_F_COOKIE };
FIXTURE_VARIANT_ADD(option, server_cookie_retry) {
	SERVER, .flags = KTLS_F_COOKIE, .retry = true
};
FIXTURE_VARIANT_ADD(option, server_client_order) {
	SERVER, .flags = KTLS_F_CLIENT_ORDER
};
FIXTURE_VARIANT_ADD(option, tickets) { CLIENT, .theirs.tickets = 2 };
FIXTURE_VARIANT_ADD(option, tickets_mutual) {
	CLIENT, .theirs = { .tickets = 2, .require = true }
};
FIXTURE_VARIANT_ADD(option, tickets_padded) {
	CLIENT, .theirs.tickets = 2, .padding = 512
};
FIXTURE_VARIANT_ADD(option, client_padded) { CLIENT, .padding = 1024 };
FIXTURE_VARIANT_ADD(option, server_padded) {
	SERVER, .theirs.cert = "chain", .padding = 1024
};
FIXTURE_VARIANT_ADD(option, client_fragments) { CLIENT, .fragment = 512 };
FIXTURE_VARIANT_ADD(option, client_fragments_padded) {
	CLIENT, .fragment = 512, .padding = 700
};
FIXTURE_VARIANT_ADD(option, server_fragments) {
	SERVER, .theirs.cert = "chain", .fragment = 512
};
FIXTURE_VARIANT_ADD(option, client_alpn) {
	CLIENT, .alpn = "h2,http/1.1", .theirs.alpn = "http/1.1,h2",
	.agreed = "http/1.1"
};
FIXTURE_VARIANT_ADD(option, server_alpn) {
	SERVER, .alpn = "h2,http/1.1", .theirs.alpn = "http/1.1,h2",
	.agreed = "h2"
};
FIXTURE_VARIANT_ADD(option, client_alpn_alone) { CLIENT, .alpn = "h2" };
FIXTURE_VARIANT_ADD(option, server_alpn_alone) { SERVER, .alpn = "h2" };
FIXTURE_VARIANT_ADD(option, client_alpn_unasked) {
	CLIENT, .theirs.alpn = "h2"
};
FIXTURE_VARIANT_ADD(option, server_alpn_ignored) {
	SERVER, .theirs.alpn = "h2"
};
FIXTURE_VARIANT_ADD(option, client_wildcard) {
	CLIENT, .name = "www.example.test"
};
FIXTURE_VARIANT_ADD(option, server_wildcard) {
	SERVER, .name = "www.example.test", .flags = KTLS_F_STRICT_NAME
};
FIXTURE_VARIANT_ADD(option, client_ipv4) { CLIENT, .name = "127.0.0.1" };
FIXTURE_VARIANT_ADD(option, server_ipv6) { SERVER, .name = "::1" };

FIXTURE_TEARDOWN(option)
{
	with_end(&self->with);
}

static void option(struct with *w, const FIXTURE_VARIANT(option) *v,
		   size_t max)
{
	struct ktls_cred chain = pki_cred("chain");
	bool client = v->role == KTLS_CLIENT, mutual = v->theirs.cert;
	struct ssl_opts theirs = v->theirs;
	struct ktls_opts ours = {
		.role = v->role, .flags = v->flags, .alpn = v->alpn,
		.creds = &chain, .creds_len = 1,
		.verify = mutual ? KTLS_VERIFY_REQUIRE : KTLS_VERIFY_DEFAULT,
	};

	theirs.verify = !client;
	if (v->retry && client) {
		ours.groups = "x25519:secp256r1";
		theirs.groups = "secp256r1";
	} else if (v->retry) {
		ours.groups = "secp256r1";
		theirs.groups = "x25519:secp256r1";
	}
	with_begin(w, ours, theirs, v->name ? v->name : "localhost");
	if (v->padding)
		ASSERT_EQ(SSL_set_block_padding(w->ssl, v->padding), 1);
	if (v->fragment)
		ASSERT_EQ(SSL_set_max_send_fragment(w->ssl, v->fragment), 1);
	with_run(w, max);
	with_agree(w);
}

static void check_option(const struct with *w,
			 const FIXTURE_VARIANT(option) *v)
{
	bool client = v->role == KTLS_CLIENT;
	struct ktls_info info;

	ktls_hs_info(w->hs, &info);
	EXPECT_STREQ(info.alpn, v->agreed ? v->agreed : "");
	EXPECT_EQ(info.retried, v->retry || v->flags & KTLS_F_COOKIE);
	EXPECT_EQ(w->tickets, v->theirs.tickets);
	EXPECT_EQ(w->hs->session_id_len, (client ?
		  v->flags & KTLS_F_NO_COMPAT : v->theirs.middlebox_off) ?
		  0 : SESSION_ID_MAX);
	EXPECT_EQ(w->hs->ccs_sent, w->hs->session_id_len > 0);
	if (v->theirs.require)
		EXPECT_NE(info.sigalg, 0);
	EXPECT_EQ(info.peer_verified, client || v->theirs.cert);
}

TEST_F(option, at_once)
{
	option(&self->with, variant, 0);
	check_option(&self->with, variant);
}

TEST_F(option, bytewise)
{
	option(&self->with, variant, 1);
	check_option(&self->with, variant);
}

HARNESS_MAIN
