// SPDX-License-Identifier: GPL-2.0-only
/* What certificates may be signed with (RFC 9846 4.3.3): said, and held to */
#include <string.h>

#include "ext_lib.h"
#include "harness.h"
#include "interop_lib.h"
#include "mitm_lib.h"

#define TYPE	50

#define RSA	"rsa_pkcs1_sha256"
#define ECDSA	"ecdsa_secp256r1_sha256"
#define WRONG	"ecdsa_secp384r1_sha384:ed25519"

FIXTURE(chain) {
	struct mitm m;
	struct ktls_cred cred, client;
};

/* The verifier, what it takes, and what comes of it */
FIXTURE_VARIANT(chain) {
	enum end end;
	uint16_t version;
	const char *cert, *list;
	bool refused;
};

#define CHAIN(nm, e, v, ...)						\
	FIXTURE_VARIANT_ADD(chain, nm) { e##_END, KTLS_##v, __VA_ARGS__ }

CHAIN(client_1_3, CLIENT, TLS13, "p256", ECDSA, false);
CHAIN(client_1_3_wrong, CLIENT, TLS13, "p256", WRONG, true);
CHAIN(client_1_3_chain, CLIENT, TLS13, "chain", WRONG ":" ECDSA, false);
CHAIN(client_1_3_chain_wrong, CLIENT, TLS13, "chain", WRONG, true);
CHAIN(client_1_3_both_kinds, CLIENT, TLS13, "rsaleaf", RSA ":" ECDSA, false);
CHAIN(client_1_3_leaf_wrong, CLIENT, TLS13, "rsaleaf", ECDSA, true);
CHAIN(client_1_3_inter_wrong, CLIENT, TLS13, "rsaleaf", RSA, true);
CHAIN(client_1_2, CLIENT, TLS12, "p256", ECDSA, false);
CHAIN(client_1_2_wrong, CLIENT, TLS12, "p256", WRONG, true);
CHAIN(client_1_2_leaf_wrong, CLIENT, TLS12, "rsaleaf", ECDSA, true);
CHAIN(server_1_3, SERVER, TLS13, "client", ECDSA, false);
CHAIN(server_1_3_wrong, SERVER, TLS13, "client", WRONG, true);
CHAIN(server_1_2_wrong, SERVER, TLS12, "client", RSA, true);

FIXTURE_SETUP(chain)
{
	bool client = variant->end == CLIENT_END;
	struct ktls_opts c = { .size = sizeof(c), .role = KTLS_CLIENT };
	struct ktls_opts s = { .size = sizeof(s), .role = KTLS_SERVER };

	c.min_version = s.min_version = variant->version;
	c.max_version = s.max_version = variant->version;
	self->cred = pki_cred(client ? variant->cert : "p256");
	s.creds = &self->cred;
	s.creds_len = 1;
	if (client) {
		c.sigalgs_cert = variant->list;
	} else {
		self->client = pki_cred(variant->cert);
		c.creds = &self->client;
		c.creds_len = 1;
		s.verify = KTLS_VERIFY_REQUIRE;
		s.sigalgs_cert = variant->list;
	}
	mitm_begin(&self->m, &c, &s, NULL);
}

FIXTURE_TEARDOWN(chain)
{
	mitm_end(&self->m);
}

/* The extension, where it stands */
static void see(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	size_t *seen = arg;

	(void)m;
	for (size_t i = 0; i < f->n; i++) {
		struct item *it = &f->item[i];
		bool hello = from == CLIENT_END &&
			     item_is(it, HT_CLIENT_HELLO);
		struct slice body;

		if (!hello && !(from == SERVER_END && it->sealed &&
				item_is(it, HT_CERTIFICATE_REQUEST)))
			continue;
		if (ext_find(it, TYPE, &body)) {
			EXPECT_EQ(from, *seen >> 8);
			EXPECT_EQ(body.len, 2 + 2 * (size_t)(body.p[1] / 2));
			++*seen;
		}
	}
}

TEST_F(chain, outcome)
{
	const FIXTURE_VARIANT(chain) *v = variant;
	bool said = v->end == CLIENT_END || v->version == KTLS_TLS13;
	size_t seen = (size_t)v->end << 8;
	struct mitm *m = &self->m;

	mitm_run(m, v->version == KTLS_TLS13 || v->end == CLIENT_END ?
		 see : NULL, &seen);
	if (said)
		EXPECT_EQ(seen & 255, 1);
	if (!v->refused) {
		mitm_agree(m);
		EXPECT_EQ(m->hs[v->end]->info.peer_verified, 1);
		return;
	}
	mitm_failed(m, v->end, -KTLS_E_CERT_SIGALG);
	EXPECT_TRUE(strstr(ktls_hs_error_text(m->hs[v->end]),
			   "is signed with"));
}

/* A server with two of them sends the one that the client can verify */
TEST(the_right_one_is_sent)
{
	static const char *const lists[] = { ECDSA, RSA ":" ECDSA };
	const struct ktls_cred creds[] = {
		pki_cred("rsaleaf"), pki_cred("p256")
	};

	for (size_t i = 0; i < 2; i++) {
		struct two t;

		two_run(&t, KTLS_OPTS(.role = KTLS_CLIENT,
				      .sigalgs_cert = lists[i]),
			KTLS_OPTS(.role = KTLS_SERVER, .creds = creds,
				  .creds_len = 2), "localhost", 0);
		EXPECT_STREQ(t.client->info.peer_subject, i ? "CN = rsaleaf" :
			     "CN = p256");
		two_end(&t);
	}
}

/* libssl is told */
TEST(libssl_is_told)
{
	struct with w;

	with_begin(&w, (struct ktls_opts){ .role = KTLS_CLIENT,
		   .sigalgs_cert = ECDSA }, (struct ssl_opts){
		   .server = true }, "localhost");
	with_run(&w, 0);
	with_agree(&w);
	with_end(&w);
	with_begin(&w, (struct ktls_opts){ .role = KTLS_SERVER,
		   .verify = KTLS_VERIFY_REQUIRE, .sigalgs_cert = WRONG },
		   (struct ssl_opts){ .cert = "client", .verify = true },
		   "localhost");
	/* and has none that would do */
	with_fail(&w, -KTLS_E_CERT_REQUIRED, KTLS_ALERT_CERTIFICATE_REQUIRED);
	with_end(&w);
}

static void wrong(const struct ktls_opts *o, const char *text)
{
	struct ktls_opts opts = *o;
	struct ktls_config *cfg;
	char why[256] = "";

	opts.error = why;
	opts.error_size = sizeof(why);
	EXPECT_EQ(ktls_config_new(&cfg, &opts), -KTLS_E_OPTION);
	EXPECT_TRUE(strstr(why, text)) TH_LOG("%s", why);
}

TEST(options)
{
	wrong(KTLS_OPTS(.role = KTLS_CLIENT, .sigalgs_cert = "ed25519:no"),
	      "\"no\"");
	wrong(KTLS_OPTS(.role = KTLS_CLIENT, .verify = KTLS_VERIFY_NONE,
			.sigalgs_cert = ECDSA), "verification");
}

HARNESS_MAIN
