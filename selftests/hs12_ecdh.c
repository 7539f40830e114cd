// SPDX-License-Identifier: GPL-2.0-only
/*
 * Static ECDH (RFC 4492 2.1, 2.3): which certificates it takes (5.3), what it
 * leaves out, what it does to the client's point, and its bytes, against
 * libcrypto.  Both authentications and resumption: see hs12.
 */
#include <stdio.h>
#include <string.h>

#include "ecdh_lib.h"
#include "harness.h"
#include "hello_lib.h"
#include "ocsp_lib.h"
#include "peer.h"

#define E128	"TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256"
#define E256	"TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384"
#define R128	"TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"
#define R256	"TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384"

static const char *const names[] = { E128, R128, E256, R256 };

/* Both ends have @ciphers, the server has @cert */
static void begin(struct mitm *m, const char *cert, const char *ciphers,
		  const char *client_groups)
{
	const struct ktls_cred cred = pki_cred(cert);

	mitm_begin(m, KTLS_OPTS(.ciphers = ciphers, .groups = client_groups),
		   KTLS_OPTS(.ciphers = ciphers, .creds = &cred,
			     .creds_len = 1), NULL);
}

/* ---- certificates ------------------------------------------------------ */

static const struct kind {
	const char *cert;
	enum suite_auth fits;	/* what it is for; AUTH_ANY: nothing */
	int why_not;		/* what a client says to it, else */
	uint16_t group;
	bool alone;		/* cannot sign */
} kinds[] = {
	{ "ecdh256", AUTH_ECDSA, KTLS_E_CERT_SUITE, 0x0017, false },
	{ "ecdh384", AUTH_ECDSA, KTLS_E_CERT_SUITE, 0x0018, false },
	{ "ecdh521", AUTH_ECDSA, KTLS_E_CERT_SUITE, 0x0019, false },
	{ "ecdhany", AUTH_ECDSA, KTLS_E_CERT_SUITE, 0x0017, false },
	{ "nosign", AUTH_ECDSA, KTLS_E_CERT_SUITE, 0x0017, true },
	{ "ecdhrsa", AUTH_RSA, KTLS_E_CERT_SUITE, 0x0017, true },
	{ "p256", AUTH_ANY, KTLS_E_CERT_USAGE, 0, false },
	{ "ed25519", AUTH_ANY, KTLS_E_CERT_USAGE, 0, false },
	{ "rsa2048", AUTH_ANY, KTLS_E_CERT_USAGE, 0, false },
	{ "rsaagree", AUTH_ANY, KTLS_E_CERT_SUITE, 0, false },
	{ "compressed", AUTH_ANY, KTLS_E_KEY_SHARE, 0, false },
};

#define N_KINDS	(sizeof(kinds) / sizeof(*kinds))

FIXTURE(cert) {
	struct mitm m;
};

FIXTURE_VARIANT(cert) {
	const struct kind *kind;
	const struct suite *suite;
	bool fits;
};

static const struct suite *suite_named(const char *name)
{
	for (size_t i = 0; i < suites_len; i++)
		if (!strcmp(suites[i].name, name))
			return &suites[i];
	return NULL;
}

static bool each(size_t i, FIXTURE_VARIANT(cert) *v, char *name, size_t size)
{
	if (i / 4 >= N_KINDS)
		return false;
	v->kind = &kinds[i / 4];
	v->suite = suite_named(names[i % 4]);
	v->fits = v->kind->fits == v->suite->auth;
	snprintf(name, size, "%s.%s", v->kind->cert, v->suite->name);
	return true;
}

FIXTURE_VARIANT_GEN(cert, each);

FIXTURE_TEARDOWN(cert)
{
	mitm_end(&self->m);
}

/* A server takes the suite if its certificate is for it */
TEST_F(cert, served)
{
	struct mitm *m = &self->m;

	/* one that only agrees is of use here alone */
	if (!variant->fits && variant->kind->alone) {
		begin(m, variant->kind->cert, E128 ":" R128, NULL);
		mitm_run(m, NULL, NULL);
		mitm_agree(m);
		EXPECT_NE(m->hs[CLIENT_END]->suite->auth,
			  variant->suite->auth);
		return;
	}
	begin(m, variant->kind->cert, variant->suite->name, NULL);
	mitm_run(m, NULL, NULL);
	if (!variant->fits) {
		mitm_failed(m, SERVER_END, -KTLS_E_NO_SUITE);
		return;
	}
	mitm_agree(m);
	for (int end = 0; end < 2; end++) {
		const struct ktls_info *info = &m->hs[end]->info;

		EXPECT_EQ(info->suite, variant->suite->id);
		EXPECT_EQ(info->group, variant->kind->group);
		EXPECT_EQ(info->sigalg, 0);
		EXPECT_EQ(info->peer_sigalg, 0);
	}
	EXPECT_EQ(m->hs[CLIENT_END]->info.peer_verified, 1);
}

/* A client holds the server to it: another's certificate under this suite */
TEST_F(cert, taken)
{
	bool rsa = variant->suite->auth == AUTH_RSA;
	const char *own = rsa ? "ecdhrsa" : "ecdh256";
	struct forged forged = { SERVER_END, HT_CERTIFICATE, { 0 } };
	int why_not = variant->kind->why_not;
	struct wr chain = { 0 };

	/* it is signed with ECDSA, and that is looked at first */
	if (rsa && why_not == KTLS_E_KEY_SHARE)
		why_not = KTLS_E_CERT_SUITE;
	begin(&self->m, own, variant->suite->name, NULL);
	ecdh_chain(&chain, variant->kind->cert);
	forged.body = (struct slice){ chain.buf, chain.len };
	mitm_run(&self->m, flight_forge, &forged);
	/* whoever has not its key does not get far with it, however */
	if (!strcmp(own, variant->kind->cert))
		mitm_agree(&self->m);
	else
		mitm_failed(&self->m, CLIENT_END, variant->fits ?
			    -KTLS_E_PEER_ALERT : -why_not);
	wr_free(&chain);
}

/* ---- only if named ----------------------------------------------------- */

TEST(not_offered_unless_named)
{
	struct ktls_config *cfg = client_config();

	for (size_t i = 0; i < 4; i++) {
		const struct suite *s = suite_named(names[i]);

		ASSERT_TRUE(s && s->named_only);
		EXPECT_FALSE(u16s_have(cfg->suites_wire, s->id));
		for (size_t j = 0; ktls_suite_list(j); j++)
			EXPECT_STRNE(ktls_suite_list(j), s->name);
	}
	/* and no others are left out */
	for (size_t i = 0; i < suites_len; i++)
		EXPECT_EQ(suites[i].named_only, suites[i].kex == KEX_ECDH);
	ktls_config_put(cfg);
}

FIXTURE(unnamed) { struct mitm m; };
FIXTURE_VARIANT(unnamed) { const char *client, *server; };
FIXTURE_VARIANT_ADD(unnamed, by_the_client) { NULL, E128 };
FIXTURE_VARIANT_ADD(unnamed, by_the_server) { E128, NULL };

TEST_F(unnamed, no_suite)
{
	const struct ktls_cred cred = pki_cred("ecdh256");

	mitm_begin(&self->m, KTLS_OPTS(.ciphers = variant->client,
				       .max_version = KTLS_TLS12),
		   KTLS_OPTS(.ciphers = variant->server, .creds = &cred,
			     .creds_len = 1), NULL);
	mitm_run(&self->m, NULL, NULL);
	mitm_failed(&self->m, SERVER_END, -KTLS_E_NO_SUITE);
	mitm_end(&self->m);
}

/* A key that cannot sign is of use to nobody else */
TEST(keys_that_only_agree)
{
	static const struct {
		enum ktls_role role;
		const char *ciphers;
		int err;
	} rows[] = {
		{ KTLS_SERVER, E128, 0 },
		{ KTLS_SERVER, R256, 0 },
		{ KTLS_SERVER, "TLS_AES_128_GCM_SHA256:" E128, 0 },
		{ KTLS_SERVER, NULL, -KTLS_E_CERT_FILE },
		{ KTLS_CLIENT, NULL, -KTLS_E_CERT_FILE },
		{ KTLS_CLIENT, E128, -KTLS_E_CERT_FILE },
	};
	const struct ktls_cred cred = pki_cred("nosign");

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ktls_config *cfg;

		EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(
			.role = rows[i].role, .ciphers = rows[i].ciphers,
			.creds = &cred, .creds_len = 1,
			.ca_file = pki("ca"))), rows[i].err);
		ktls_config_put(cfg);
	}
}

/* ---- what is chosen ---------------------------------------------------- */

/* Among credentials, by the suite and by the client's curves and name */
FIXTURE(choice) { struct mitm m; };

FIXTURE_VARIANT(choice) {
	const char *ciphers, *groups;
	const char *subject;	/* of the chosen one; NULL: @err */
	int err;
};

#define CHOICE(name, ...) FIXTURE_VARIANT_ADD(choice, name) { __VA_ARGS__ }

CHOICE(ecdsa, E128, NULL, "CN = ecdh384", 0);
CHOICE(rsa, R128, NULL, "CN = ecdhrsa", 0);
CHOICE(ephemeral, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", NULL,
       "CN = rsa2048", 0);
CHOICE(by_curve, E128, "x25519:secp256r1", "CN = nosign", 0);
CHOICE(rsa_by_curve, E256 ":" R256, "x25519:secp521r1:secp256r1",
       "CN = nosign", 0);
CHOICE(no_curve, E128 ":" R128, "x25519:secp521r1", NULL, -KTLS_E_NO_GROUP);
CHOICE(no_curve_of_rsa, R128, "secp384r1", NULL, -KTLS_E_NO_GROUP);

TEST_F(choice, made)
{
	const struct ktls_cred creds[] = {
		pki_cred("rsa2048"), pki_cred("ecdh384"), pki_cred("nosign"),
		pki_cred("ecdhrsa"),
	};

	mitm_begin(&self->m, KTLS_OPTS(.ciphers = variant->ciphers,
				       .groups = variant->groups),
		   KTLS_OPTS(.creds = creds, .creds_len = 4, .ciphers =
			     E128 ":" R128 ":" E256 ":" R256
			     ":TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), NULL);
	mitm_run(&self->m, NULL, NULL);
	if (variant->subject) {
		mitm_agree(&self->m);
		EXPECT_STREQ(self->m.hs[CLIENT_END]->info.peer_subject,
			     variant->subject);
	} else {
		mitm_failed(&self->m, SERVER_END, variant->err);
	}
	mitm_end(&self->m);
}

/* 5.3: nor may a server use a curve that its client has not */
TEST(curve_not_offered)
{
	struct forged forged = { SERVER_END, HT_CERTIFICATE, { 0 } };
	struct wr chain = { 0 };
	struct mitm m;

	begin(&m, "ecdh256", E128, "x25519:secp256r1");
	ecdh_chain(&chain, "ecdh384");
	forged.body = (struct slice){ chain.buf, chain.len };
	mitm_run(&m, flight_forge, &forged);
	mitm_failed(&m, CLIENT_END, -KTLS_E_GROUP_CHOICE);
	wr_free(&chain);
	mitm_end(&m);
}

/* ... or one that was left out of its own */
TEST(curve_not_of_the_server)
{
	const struct ktls_cred cred = pki_cred("ecdh256");
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.ciphers = E128),
		   KTLS_OPTS(.ciphers = E128, .groups = "secp384r1",
			     .creds = &cred, .creds_len = 1), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_failed(&m, SERVER_END, -KTLS_E_NO_GROUP);
	mitm_end(&m);
}

/* ---- the client's point ------------------------------------------------ */

FIXTURE(point) { struct mitm m; };

/* The first byte @form, a bit of the last flipped, cut or grown to @len */
FIXTURE_VARIANT(point) {
	uint8_t form;
	uint8_t flip;
	uint8_t len;
	int err;
	bool zeros;
};

#define POINT(name, ...) FIXTURE_VARIANT_ADD(point, name) { __VA_ARGS__ }
#define BAD	-KTLS_E_KEY_SHARE

POINT(empty, 4, 0, 0, -KTLS_E_DECODE, false);	/* 5.7, implicit */
POINT(infinity, 0, 0, 1, BAD, true);
POINT(origin, 4, 0, 65, BAD, true);
POINT(off_curve, 4, 1, 65, BAD, false);
POINT(off_curve_too, 4, 0x80, 65, BAD, false);
POINT(compressed, 2, 0, 33, BAD, false);
POINT(hybrid, 6, 0, 65, BAD, false);
POINT(cut, 4, 0, 64, BAD, false);
POINT(grown, 4, 0, 66, BAD, false);
POINT(of_another_curve, 4, 0, 97, BAD, false);

static void edit_point(struct mitm *m, enum end from, struct flight *f,
		       void *arg)
{
	const FIXTURE_VARIANT(point) *v = arg;
	uint8_t msg[MSG_HEADER + 1 + 128] = { HT_CLIENT_KEY_EXCHANGE };
	uint8_t *point = msg + MSG_HEADER + 1;
	struct item *it;

	if (from != CLIENT_END || !m->flights[from])
		return;
	it = flight_find(f, HT_CLIENT_KEY_EXCHANGE);
	ASSERT_EQ(it->data.len, MSG_HEADER + 1 + 65);
	if (!v->zeros)
		memcpy(point, it->data.buf + MSG_HEADER + 1, 65);
	point[0] = v->form;
	point[64] ^= v->flip;
	msg[3] = (uint8_t)(1 + v->len);
	msg[MSG_HEADER] = v->len;
	item_set(it, msg, MSG_HEADER + 1 + (size_t)v->len);
}

TEST_F(point, refused)
{
	begin(&self->m, "nosign", E128, NULL);
	mitm_run(&self->m, edit_point, (void *)variant);
	mitm_failed(&self->m, SERVER_END, variant->err);
	mitm_end(&self->m);
}

/* ---- ServerKeyExchange, status ----------------------------------------- */

static void add_ske(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	static const uint8_t ske[] = { HT_SERVER_KEY_EXCHANGE, 0, 0, 4, 3, 0,
				       0x17, 0 };
	size_t at = 0;

	(void)arg;
	if (from != SERVER_END || m->flights[from])
		return;
	while (!item_is(&f->item[at], HT_CERTIFICATE))
		at++;
	flight_insert(f, at + 1, CT_HANDSHAKE, false, ske, sizeof(ske));
}

TEST(server_key_exchange_is_unexpected)
{
	struct mitm m;

	begin(&m, "nosign", E128, NULL);
	mitm_run(&m, add_ske, NULL);
	mitm_failed(&m, CLIENT_END, -KTLS_E_UNEXPECTED);
	mitm_end(&m);
}

FIXTURE(status) { struct mitm m; };

FIXTURE_VARIANT(status) {
	struct ocsp ocsp;
	bool ask;		/* for the client's certificate */
	int err;
};

FIXTURE_VARIANT_ADD(status, good) { { .cert = "nosign" }, false, 0 };
FIXTURE_VARIANT_ADD(status, good_mutual) { { .cert = "nosign" }, true, 0 };
FIXTURE_VARIANT_ADD(status, revoked) {
	{ .cert = "nosign", .says = OCSP_REVOKED }, false,
	-KTLS_E_CERT_REVOKED
};

static void drop_status(struct mitm *m, enum end from, struct flight *f,
			void *arg)
{
	(void)arg;
	for (size_t i = 0; from == SERVER_END && !m->flights[from] &&
	     i < f->n; i++)
		if (item_is(&f->item[i], HT_CERTIFICATE_STATUS))
			flight_remove(f, i);
}

FIXTURE_SETUP(status)
{
	static const struct ktls_hooks hooks = { .ocsp = ocsp_hook };
	const struct ktls_cred cred = pki_cred("nosign");
	const struct ktls_cred client = pki_cred("client");

	ocsp_set(&variant->ocsp);
	mitm_begin(&self->m,
		   KTLS_OPTS(.ciphers = E128, .flags = KTLS_F_STATUS,
			     .creds = &client, .creds_len = 1),
		   KTLS_OPTS(.ciphers = E128, .hooks = &hooks, .verify =
			     variant->ask ? KTLS_VERIFY_REQUIRE :
			     KTLS_VERIFY_NONE,
			     .creds = &cred, .creds_len = 1), NULL);
}

FIXTURE_TEARDOWN(status)
{
	mitm_end(&self->m);
}

TEST_F(status, taken)
{
	struct mitm *m = &self->m;

	mitm_run(m, NULL, NULL);
	if (variant->err) {
		mitm_failed(m, CLIENT_END, variant->err);
		return;
	}
	mitm_agree(m);
	EXPECT_EQ(m->hs[CLIENT_END]->info.peer_status, KTLS_STATUS_GOOD);
	EXPECT_EQ(m->hs[SERVER_END]->info.peer_verified, variant->ask);
}

/* RFC 6066 8: it may be left out, and then the next is what it would be */
TEST_F(status, left_out)
{
	mitm_run(&self->m, drop_status, NULL);
	/* all is well but for what was heard */
	mitm_failed(&self->m, SERVER_END, variant->ask ? -KTLS_E_SIGNATURE :
		    -KTLS_E_FINISHED);
}

/* ---- bytes ------------------------------------------------------------- */

FIXTURE(bytes) { struct mitm m; struct ecdh_seen seen; };

FIXTURE_VARIANT(bytes) {
	const char *cert;
	const struct suite *suite;
	bool ems;
};

static bool each_bytes(size_t i, FIXTURE_VARIANT(bytes) *v, char *name,
		       size_t size)
{
	static const char *const certs[] = { "nosign", "ecdhrsa", "ecdh521",
					     "ecdhrsa" };

	if (i >= 8)
		return false;
	v->cert = certs[i / 2];
	v->suite = suite_named(names[i / 2]);
	v->ems = i & 1;
	snprintf(name, size, "%s%s", v->suite->name, v->ems ? ".ems" : "");
	return true;
}

FIXTURE_VARIANT_GEN(bytes, each_bytes);

#define EMS	23

static void look(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	struct ecdh_seen *seen = arg;
	struct hello h;

	if (!seen->ems && from == CLIENT_END && !m->flights[from]) {
		hello_open(&h, &f->item[0]);
		ASSERT_TRUE(hello_drop(&h, EMS));
		hello_close(&h);
	}
	for (size_t i = 0; i < f->n; i++) {
		ecdh_see(seen, &f->item[i]);
		/* it has not said what was heard */
		if (!seen->ems && item_is(&f->item[i], HT_FINISHED))
			f->item[i].fix = FIX_FINISHED;
	}
}

/*
 * The main secret from what was on the wire and the key in the certificate's
 * file, by libcrypto alone
 */
TEST_F(bytes, as_libcrypto_has_them)
{
	struct ecdh_seen *seen = &self->seen;
	struct mitm *m = &self->m;
	uint8_t secret[48];

	seen->ems = variant->ems;
	begin(m, variant->cert, variant->suite->name, NULL);
	mitm_run(m, look, seen);
	EXPECT_EQ(seen->suite, variant->suite->id);
	ecdh_secret(seen, variant->cert,
		    variant->suite->hash == HASH_SHA384 ? "SHA384" : "SHA256",
		    secret);
	for (int end = 0; end < 2; end++) {
		EXPECT_EQ(ktls_hs_wants(m->hs[end]), KTLS_WANT_DONE);
		EXPECT_EQ(m->hs[end]->info.ems, variant->ems);
		EXPECT_EQ(m->hs[end]->tls12.master.len, sizeof(secret));
		EXPECT_MEMEQ(m->hs[end]->tls12.master.b, secret,
			     sizeof(secret));
		/* and nothing of the premaster secret is left */
		EXPECT_FALSE(m->hs[end]->tls12.premaster.buf);
		EXPECT_FALSE(m->hs[end]->tls12.kex.key);
	}
	wr_free(&seen->heard);
	mitm_end(m);
}

HARNESS_MAIN
