// SPDX-License-Identifier: GPL-2.0-only
/* What extensions of a client's certificate must say (RFC 9846 4.3.5) */
#include <stdio.h>
#include <string.h>

#include "ext_lib.h"
#include "harness.h"
#include "hs_lib.h"
#include "interop_lib.h"
#include "mitm_lib.h"

#define TYPE		48
#define KEY_USAGE	"2.5.29.15"
#define PURPOSES	"2.5.29.37"
/* DER */
#define SIGNATURE	"\3\2\7\x80"
#define AGREEMENT	"\3\2\3\x08"
#define BOTH_USAGES	"\3\2\3\x88"
#define CERT_SIGN	"\3\2\2\4"
#define EKU_CLIENT	"\x30\x0a\6\x08\x2b\6\1\5\5\7\3\2"
#define EKU_SERVER	"\x30\x0a\6\x08\x2b\6\1\5\5\7\3\1"
#define EKU_BOTH	"\x30\x14\6\x08\x2b\6\1\5\5\7\3\1\6\x08\x2b\6\1\5\5\7\3\2"
#define EKU_ANY		"\x30\6\6\4\x55\x1d\x25\0"

#define FILTER(o, v)	{ (o), (v), sizeof(v) - 1 }

FIXTURE(filter) { struct mitm m; };

/* Certificates: client is for clients alone, p256 for servers, too */
FIXTURE_VARIANT(filter) {
	struct ktls_oid_filter filter[3];
	const char *cert[2];	/* the client's */
	int sent;		/* which one; -1: none, the filter's fault */
};

#define WANT(nm, i, c, ...)						\
	FIXTURE_VARIANT_ADD(filter, nm) {				\
		.sent = (i), .cert = c, .filter = { __VA_ARGS__ } }
#define CERTS(...)	{ __VA_ARGS__ }

WANT(usage, 0, CERTS("client"), FILTER(KEY_USAGE, SIGNATURE));
WANT(usage_lacks, -1, CERTS("client"), FILTER(KEY_USAGE, AGREEMENT));
WANT(usage_lacks_one, -1, CERTS("client"), FILTER(KEY_USAGE, BOTH_USAGES));
WANT(usage_second, 1, CERTS("client", "ecdh256"),
     FILTER(KEY_USAGE, BOTH_USAGES));
WANT(usage_without_it, -1, CERTS("ecdhany"), FILTER(KEY_USAGE, SIGNATURE));
WANT(purpose, 0, CERTS("client"), FILTER(PURPOSES, EKU_CLIENT));
WANT(purpose_of_more, 0, CERTS("p256"), FILTER(PURPOSES, EKU_CLIENT));
WANT(purposes_lack_one, -1, CERTS("client"), FILTER(PURPOSES, EKU_BOTH));
WANT(purposes_second, 1, CERTS("client", "p256"), FILTER(PURPOSES, EKU_BOTH));
WANT(purpose_other_order, 0, CERTS("p256", "client"),
     FILTER(PURPOSES, EKU_SERVER));
WANT(both, 1, CERTS("p256", "ecdh256"), FILTER(PURPOSES, EKU_CLIENT),
     FILTER(KEY_USAGE, AGREEMENT));
WANT(unknown, 0, CERTS("client"), FILTER("1.2.3.4.5", "whatever"));
WANT(unknown_and_known, 1, CERTS("client", "p256"),
     FILTER("1.2.3.4.5", ""), FILTER(PURPOSES, EKU_BOTH),
     FILTER("2.5.29.17", "\5\0"));

static size_t count(const FIXTURE_VARIANT(filter) *v)
{
	size_t n = 0;

	while (n < 3 && v->filter[n].oid)
		n++;
	return n;
}

static void begin(struct mitm *m, const FIXTURE_VARIANT(filter) *v,
		  uint16_t version, enum ktls_verify verify)
{
	struct ktls_cred creds[2];
	size_t n = 0;

	for (; n < 2 && v->cert[n]; n++)
		creds[n] = pki_cred(v->cert[n]);
	mitm_begin(m, KTLS_OPTS(.role = KTLS_CLIENT, .creds = creds,
				.creds_len = n, .max_version = version),
		   KTLS_OPTS(.role = KTLS_SERVER, .verify = verify,
			     .oid_filters = v->filter,
			     .oid_filters_len = count(v)), NULL);
}

FIXTURE_TEARDOWN(filter)
{
	mitm_end(&self->m);
}

static void check_sent(struct mitm *m, const FIXTURE_VARIANT(filter) *v)
{
	char subject[64];

	snprintf(subject, sizeof(subject), "CN = %s", v->cert[v->sent]);
	mitm_agree(m);
	EXPECT_STREQ(m->hs[SERVER_END]->info.peer_subject, subject);
	EXPECT_EQ(m->hs[SERVER_END]->info.peer_verified, 1);
}

TEST_F(filter, heeded)
{
	struct mitm *m = &self->m;

	begin(m, variant, KTLS_TLS13, KTLS_VERIFY_REQUIRE);
	mitm_run(m, NULL, NULL);
	if (variant->sent >= 0)
		check_sent(m, variant);
	else
		mitm_failed(m, SERVER_END, -KTLS_E_CERT_REQUIRED);
}

/* Who may go without does */
TEST_F(filter, optional)
{
	struct mitm *m = &self->m;

	begin(m, variant, KTLS_TLS13, KTLS_VERIFY_OPTIONAL);
	mitm_run(m, NULL, NULL);
	if (variant->sent >= 0) {
		check_sent(m, variant);
		return;
	}
	mitm_agree(m);
	EXPECT_STREQ(m->hs[SERVER_END]->info.peer_subject, "");
}

/* A client of 1.2 is not told, but held to it all the same */
TEST_F(filter, of_tls12)
{
	struct mitm *m = &self->m;

	begin(m, variant, KTLS_TLS12, KTLS_VERIFY_REQUIRE);
	mitm_run(m, NULL, NULL);
	if (!variant->sent)
		check_sent(m, variant);
	else
		mitm_failed(m, SERVER_END, -KTLS_E_CERT_FILTER);
}

/* ---- who does not know of it --------------------------------------------- */

TEST(libssl_is_checked)
{
	static const struct ktls_oid_filter good = FILTER(PURPOSES, EKU_CLIENT);
	static const struct ktls_oid_filter bad = FILTER(PURPOSES, EKU_BOTH);
	struct with w;

	with_begin(&w, (struct ktls_opts){ .role = KTLS_SERVER,
		   .verify = KTLS_VERIFY_REQUIRE, .oid_filters = &good,
		   .oid_filters_len = 1 },
		   (struct ssl_opts){ .cert = "client", .verify = true },
		   "localhost");
	with_run(&w, 0);
	with_agree(&w);
	with_end(&w);
	with_begin(&w, (struct ktls_opts){ .role = KTLS_SERVER,
		   .verify = KTLS_VERIFY_REQUIRE, .oid_filters = &bad,
		   .oid_filters_len = 1 },
		   (struct ssl_opts){ .cert = "client", .verify = true },
		   "localhost");
	with_fail(&w, -KTLS_E_CERT_FILTER, KTLS_ALERT_UNSUPPORTED_CERTIFICATE);
	with_end(&w);
}

/* ---- what a server may send ----------------------------------------------- */

/* Put into a request of our server that has none */
static void client_refuses(const void *body, size_t len)
{
	const struct ktls_cred cred = pki_cred("client");
	struct ext_edit edit = { SERVER_END, HT_CERTIFICATE_REQUEST, TYPE,
				 body, len, false };
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.role = KTLS_CLIENT, .creds = &cred,
				 .creds_len = 1),
		   KTLS_OPTS(.role = KTLS_SERVER,
			     .verify = KTLS_VERIFY_OPTIONAL), NULL);
	mitm_run(&m, ext_edit, &edit);
	mitm_failed(&m, CLIENT_END, -KTLS_E_DECODE);
	mitm_end(&m);
}

#define BYTES(s)	(s), sizeof(s) - 1

TEST(malformed)
{
	client_refuses(BYTES(""));
	client_refuses(BYTES("\0\3\0\0\0"));	/* no OID */
	client_refuses(BYTES("\0\2\1\6"));	/* no value */
	client_refuses(BYTES("\0\5\1\6\0\2x"));	/* cut short */
	client_refuses(BYTES("\0\0x"));		/* left over */
}

static void options(const struct ktls_oid_filter *f, size_t n,
		    enum ktls_role role, enum ktls_verify verify,
		    const char *text)
{
	const struct ktls_cred cred = pki_cred("p256");
	struct ktls_config *cfg;
	char why[256] = "";

	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = role,
		  .verify = verify, .creds = &cred, .creds_len = 1,
		  .ca_file = pki("ca"), .oid_filters = f,
		  .oid_filters_len = n, .error = why,
		  .error_size = sizeof(why))), -KTLS_E_OPTION);
	EXPECT_TRUE(strstr(why, text)) TH_LOG("%s", why);
}

TEST(wrong_options)
{
	static const struct ktls_oid_filter any = FILTER(PURPOSES, EKU_ANY);
	static const struct ktls_oid_filter none = { NULL, NULL, 0 };
	static const struct ktls_oid_filter name = FILTER("keyUsage", "\5\0");
	static const struct ktls_oid_filter junk = FILTER(KEY_USAGE, "\3\2");
	static const struct ktls_oid_filter more =
		FILTER(KEY_USAGE, SIGNATURE "x");
	static const struct ktls_oid_filter twice[] = {
		FILTER(KEY_USAGE, SIGNATURE), FILTER(KEY_USAGE, CERT_SIGN)
	};
	static const uint8_t much[20000];
	const struct ktls_oid_filter large = { "1.2.3", much, sizeof(much) };
	const enum ktls_verify req = KTLS_VERIFY_REQUIRE;

	options(&any, 1, KTLS_SERVER, req, "not one of its extension");
	options(&none, 1, KTLS_SERVER, req, "object identifier");
	options(&name, 1, KTLS_SERVER, req, "object identifier");
	options(&junk, 1, KTLS_SERVER, req, "not one of its extension");
	options(&more, 1, KTLS_SERVER, req, "not one of its extension");
	options(twice, 2, KTLS_SERVER, req, "twice");
	options(&large, 1, KTLS_SERVER, req, "too many");
	options(twice, 1, KTLS_SERVER, KTLS_VERIFY_NONE, "verifies");
	options(twice, 1, KTLS_CLIENT, req, "verifies");
}

HARNESS_MAIN
