// SPDX-License-Identifier: GPL-2.0-only
/*
 * The authorities that a server names when it asks for a certificate (RFC 9846
 * 4.3.4, 5246 7.4.4), what a client makes of them, and its hook.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cas_lib.h"
#include "ext_lib.h"
#include "harness.h"
#include "interop_lib.h"
#include "../lib/msg12.h"

#define AUTHORITIES	47

#define V12	KTLS_TLS12
#define V13	KTLS_TLS13

/* ---- which one is sent ------------------------------------------------- */

FIXTURE(sent) {
	struct mitm m;
};

FIXTURE_VARIANT(sent) {
	uint16_t version;
	unsigned int flags;	/* the server's */
	const char *ca;		/* whom it trusts */
	const char *creds;	/* the client's */
	int chosen;
	int err;		/* of the server */
};

#define SENT(name, ...)							\
	FIXTURE_VARIANT_ADD(sent, name##_12) { V12, __VA_ARGS__ };	\
	FIXTURE_VARIANT_ADD(sent, name##_13) { V13, __VA_ARGS__ }
#define NAMES	KTLS_F_CA_NAMES
SENT(the_first_without_names, 0, "ca", "stranger client", 0,
     KTLS_E_CERT_ISSUER);
SENT(the_named, NAMES, "ca", "stranger client", 1, 0);
SENT(the_first_named, NAMES, "ca", "stranger client p256", 1, 0);
SENT(the_other_named, NAMES, "stranger-ca", "client stranger", 1, 0);
SENT(a_chain, NAMES, "ca", "stranger chain", 1, 0);
SENT(of_an_intermediate, NAMES, "inter", "client nointer", 1, 0);
SENT(a_chain_with_a_named_intermediate, NAMES, "inter", "client chain", 1, 0);
SENT(its_own_issuer, NAMES, "selfsigned", "client selfsigned", 1, 0);
/* it is trusted, its issuer is named */
SENT(an_end_entity, NAMES, "client", "stranger client", 1, 0);
SENT(none_of_the_named, NAMES, "stranger-ca", "client", 0,
     KTLS_E_CERT_ISSUER);
SENT(the_first_of_no_named, NAMES, "stranger-ca", "client p256", 0,
     KTLS_E_CERT_ISSUER);

FIXTURE_TEARDOWN(sent)
{
	mitm_end(&self->m);
}

static int chosen(const struct mitm *m, enum end end)
{
	const struct cred *cred = m->hs[end]->cred;

	return cred ? (int)(cred - m->config[end]->creds) : -1;
}

TEST_F(sent, is_the_right_one)
{
	struct ktls_cred creds[CREDS_MAX];
	size_t n = cas_creds(variant->creds, creds);
	struct mitm *m = &self->m;

	mitm_begin(m, KTLS_OPTS(.creds = creds, .creds_len = n,
				.max_version = variant->version),
		   KTLS_OPTS(.verify = KTLS_VERIFY_REQUIRE,
			     .flags = variant->flags,
			     .ca_file = pki(variant->ca)), NULL);
	mitm_run(m, NULL, NULL);
	EXPECT_EQ(chosen(m, CLIENT_END), variant->chosen);
	if (variant->err)
		mitm_failed(m, SERVER_END, -variant->err);
	else
		mitm_agree(m);
}

/* 9846 4.5.1.2: that it can be verified at all counts more */
TEST(a_signature_counts_more_than_a_name)
{
	struct ktls_cred creds[CREDS_MAX];
	size_t n = cas_creds("sha1 stranger", creds);
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.creds = creds, .creds_len = n),
		   KTLS_OPTS(.verify = KTLS_VERIFY_REQUIRE, .flags = NAMES),
		   NULL);
	mitm_run(&m, NULL, NULL);
	EXPECT_EQ(chosen(&m, CLIENT_END), 1);
	mitm_failed(&m, SERVER_END, -KTLS_E_CERT_ISSUER);
	mitm_end(&m);
}

/* ---- what is in the request -------------------------------------------- */

/* The names of the request that went by, as they stand; and an edit of it */
struct request {
	bool seen, listed;
	size_t len;
	uint8_t names[1 << 16];
	const char *types;	/* 1.2: of the one length that ours have, 2 */
};

static void keep_names(struct request *r, struct slice names)
{
	r->listed = true;
	r->len = names.len;
	ASSERT_LE(r->len, sizeof(r->names));
	if (r->len)
		memcpy(r->names, names.p, r->len);
}

static void watch(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	struct request *r = arg;
	struct slice list;

	for (size_t i = 0; i < f->n; i++) {
		struct item *it = &f->item[i];

		if (from != SERVER_END || !item_is(it, HT_CERTIFICATE_REQUEST))
			continue;
		r->seen = true;
		if (m->hs[CLIENT_END]->config->max_version == V12) {
			struct slice body = { it->data.buf + MSG_HEADER,
					      it->data.len - MSG_HEADER };
			struct certificate_request12 c;

			ASSERT_OK(parse_certificate_request12(body, &c));
			keep_names(r, c.authorities);
			if (r->types)
				memcpy(it->data.buf + MSG_HEADER + 1, r->types,
				       2);
		} else if (ext_find(it, AUTHORITIES, &list)) {
			keep_names(r, (struct slice){ list.p + 2,
						      list.len - 2 });
		}
	}
}

static void ask(const struct ktls_opts *server, uint16_t version,
		struct request *r)
{
	struct mitm m;

	*r = (struct request){ 0 };
	mitm_begin(&m, KTLS_OPTS(.max_version = version), server, NULL);
	mitm_run(&m, watch, r);
	ASSERT_TRUE(r->seen);
	mitm_agree(&m);
	mitm_end(&m);
}

static bool has_name(const struct request *r, struct slice name)
{
	bool bad = false;
	struct rd rd = rd_init(r->names, r->len, &bad);

	while (rd_more(&rd))
		if (slice_eq(rd_opaque(&rd, 2), name))
			return true;
	EXPECT_FALSE(bad);
	return false;
}

FIXTURE(request) { struct request r; };
FIXTURE_VARIANT(request) { uint16_t version; };
FIXTURE_VARIANT_ADD(request, tls12) { V12 };
FIXTURE_VARIANT_ADD(request, tls13) { V13 };

#define ASK(...)							\
	ask(KTLS_OPTS(.verify = KTLS_VERIFY_OPTIONAL, __VA_ARGS__),	\
	    variant->version, &self->r)

TEST_F(request, names_nobody_unless_told_to)
{
	ASK(.flags = 0);
	EXPECT_EQ(self->r.listed, variant->version == V12);
	EXPECT_EQ(self->r.len, 0);
}

TEST_F(request, names_the_subject)
{
	struct slice ca = cas_name("ca", 0);

	ASK(.flags = NAMES);
	EXPECT_TRUE(self->r.listed);
	ASSERT_EQ(self->r.len, 2 + ca.len);
	EXPECT_MEMEQ(self->r.names + 2, ca.p, ca.len);
}

TEST_F(request, names_each_once)
{
	char *same = cas_pem(3, 20, true), *other = cas_pem(3, 20, false);

	ASK(.flags = NAMES, .ca_pem = same);
	EXPECT_EQ(self->r.len, 2 + 33u) TH_LOG("%zu", self->r.len);
	ASK(.flags = NAMES, .ca_pem = other);
	EXPECT_EQ(self->r.len, 3 * (2 + 33u)) TH_LOG("%zu", self->r.len);
	ASK(.flags = NAMES, .ca_pem = other, .ca_file = pki("ca"));
	EXPECT_TRUE(has_name(&self->r, cas_name("ca", 0)));
	free(same);
	free(other);
}

TEST_F(request, names_an_end_entitys_issuer)
{
	ASK(.flags = NAMES, .ca_file = pki("chain"));
	/* the issuer of the leaf is the intermediate, which is there, too */
	EXPECT_TRUE(has_name(&self->r, cas_name("inter", 0)));
	EXPECT_FALSE(has_name(&self->r, cas_name("chain", 0)));
	EXPECT_EQ(self->r.len, 2 + cas_name("inter", 0).len);
}

/* Within the bound, all of them; past it, an error and no half of a list */
TEST_F(request, is_bounded)
{
	char *fits = cas_pem(32768 / 79, 64, false);
	char *more = cas_pem(32768 / 79 + 1, 64, false), why[128];
	struct ktls_cred cred = pki_cred("p256");
	struct ktls_config *cfg;

	ASK(.flags = NAMES, .ca_pem = fits);
	EXPECT_EQ(self->r.len, 32768 / 79 * 79u) TH_LOG("%zu", self->r.len);
	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_SERVER,
			.creds = &cred, .creds_len = 1, .flags = NAMES,
			.verify = KTLS_VERIFY_REQUIRE, .ca_pem = more,
			.error = why, .error_size = sizeof(why))),
		  -KTLS_E_OPTION);
	EXPECT_STREQ(why, "names of the CAs have more than 32768 bytes");
	free(fits);
	free(more);
}

TEST(options)
{
	struct ktls_cred cred = pki_cred("p256");
	struct ktls_config *cfg;
	char why[128];

	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_CLIENT,
			.flags = NAMES, .error = why,
			.error_size = sizeof(why))), -KTLS_E_OPTION);
	EXPECT_STREQ(why, "KTLS_F_CA_NAMES is a server's");
	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_SERVER,
			.creds = &cred, .creds_len = 1, .flags = NAMES,
			.error = why, .error_size = sizeof(why))),
		  -KTLS_E_OPTION);
	EXPECT_STREQ(why, "names of CAs without verification");
	/* which nobody has asked for, but is what this flag means */
	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_CLIENT,
			.flags = KTLS_F_ESTABLISHED | KTLS_F_TRUSTED_CA_KEYS,
			.ca_file = pki("ca"), .error = why,
			.error_size = sizeof(why))), -KTLS_E_OPTION);
	EXPECT_STREQ(why, "names of CAs without verification");
}

/* ---- malformed --------------------------------------------------------- */

FIXTURE(malformed) { struct mitm m; };
FIXTURE_VARIANT(malformed) {
	const char *body;
	size_t len;
};

#define MALFORMED(name, body)						\
	FIXTURE_VARIANT_ADD(malformed, name) { body, sizeof(body) - 1 }
MALFORMED(nothing, "");
MALFORMED(no_name, "\0\0");
MALFORMED(empty_name, "\0\2\0\0");
MALFORMED(second_empty, "\0\6\0\2\60\0\0\0");
MALFORMED(cut, "\0\4\0\3\60\0");
MALFORMED(list_too_long, "\0\5\0\2\60\0");
MALFORMED(longer, "\0\4\0\2\60\0\0");

FIXTURE_SETUP(malformed)
{
	mitm_begin(&self->m, NULL, KTLS_OPTS(.verify = KTLS_VERIFY_OPTIONAL),
		   NULL);
}

FIXTURE_TEARDOWN(malformed)
{
	mitm_end(&self->m);
}

TEST_F(malformed, in_a_request)
{
	struct ext_edit edit = { SERVER_END, HT_CERTIFICATE_REQUEST,
				 AUTHORITIES, variant->body, variant->len,
				 false };

	mitm_run(&self->m, ext_edit, &edit);
	mitm_failed(&self->m, CLIENT_END, -KTLS_E_DECODE);
}

TEST_F(malformed, in_a_hello)
{
	struct ext_edit edit = { CLIENT_END, HT_CLIENT_HELLO,
				 AUTHORITIES, variant->body, variant->len,
				 false };

	mitm_run(&self->m, ext_edit, &edit);
	mitm_failed(&self->m, SERVER_END, -KTLS_E_DECODE);
}

/* Of names that are no DER, none is ours */
TEST(names_need_not_be_names)
{
	struct ktls_cred creds[CREDS_MAX];
	size_t n = cas_creds("stranger client", creds);
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.creds = creds, .creds_len = n),
		   KTLS_OPTS(.verify = KTLS_VERIFY_OPTIONAL), NULL);
	wr_bytes(&m.config[SERVER_END]->authorities,
		 "\0\3\377\377\377\0\1x", 8);
	mitm_run(&m, NULL, NULL);
	EXPECT_EQ(chosen(&m, CLIENT_END), 0);
	EXPECT_EQ(m.hs[CLIENT_END]->state, HS_DONE);
	mitm_end(&m);
}

/* 9846 4.3.4: a client may name some as well; ours does not */
TEST(a_server_heeds_a_hello)
{
	struct slice name = cas_name("stranger-ca", 0);
	struct ktls_cred creds[CREDS_MAX];
	size_t n = cas_creds("p256 stranger", creds);
	struct wr w = { 0 };
	struct ext_edit edit = { CLIENT_END, HT_CLIENT_HELLO, AUTHORITIES,
				 NULL, 0, false };
	struct mitm m;

	wr_vec(&w, 2)
		wr_opaque(&w, 2, name);
	edit.body = w.buf;
	edit.len = w.len;
	mitm_begin(&m, NULL, KTLS_OPTS(.creds = creds, .creds_len = n), NULL);
	mitm_run(&m, NULL, NULL);
	EXPECT_EQ(chosen(&m, SERVER_END), 0);
	mitm_again(&m);
	mitm_run(&m, ext_edit, &edit);
	EXPECT_EQ(chosen(&m, SERVER_END), 1);
	mitm_end(&m);
	wr_free(&w);
}

/* ---- the hook ---------------------------------------------------------- */

/* What it answers, and what it has been asked last; found by the handshake */
struct asked {
	int answer;
	unsigned int times;
	struct ktls_cred_request request;
	size_t fits[CREDS_MAX];
	uint8_t named[CREDS_MAX];
	uint8_t authorities[512];
	uint16_t sigalgs[32];
	struct ktls_info info;
};

static int choose(void *arg, struct ktls_hs *hs,
		  const struct ktls_cred_request *request)
{
	struct asked *a = ktls_hs_data(hs);

	EXPECT_TRUE(arg);
	a->times++;
	a->request = *request;
	ASSERT_LE(request->fits_len, CREDS_MAX);
	ASSERT_LE(request->authorities_len, sizeof(a->authorities));
	ASSERT_LE(request->sigalgs_len, 32);
	for (size_t i = 0; i < request->fits_len; i++) {
		a->fits[i] = request->fits[i];
		a->named[i] = request->named[i];
	}
	for (size_t i = 0; i < request->sigalgs_len; i++)
		a->sigalgs[i] = request->sigalgs[i];
	if (request->authorities_len)
		memcpy(a->authorities, request->authorities,
		       request->authorities_len);
	ktls_hs_info(hs, &a->info);
	return a->answer;
}

static const struct ktls_hooks hooks = { .choose_cred = choose };

FIXTURE(hook) {
	struct mitm m;
	struct asked asked;
	struct request request;
};

FIXTURE_VARIANT(hook) { uint16_t version; };
FIXTURE_VARIANT_ADD(hook, tls12) { V12 };
FIXTURE_VARIANT_ADD(hook, tls13) { V13 };

FIXTURE_TEARDOWN(hook)
{
	mitm_end(&self->m);
}

/* A server of @server asks a client that has @creds, and will say @answer */
static void ask_hook(FIXTURE_DATA(hook) *self, uint16_t version,
		     const char *creds, int answer,
		     const struct ktls_opts *server)
{
	struct ktls_cred c[CREDS_MAX];
	size_t n = creds ? cas_creds(creds, c) : 0;

	self->asked.answer = answer;
	mitm_begin(&self->m, KTLS_OPTS(.hooks = &hooks, .creds = c,
				       .creds_len = n,
				       .max_version = version), server, NULL);
	ktls_hs_set_data(self->m.hs[CLIENT_END], &self->asked);
	mitm_run(&self->m, watch, &self->request);
}

#define ASK_HOOK(creds, answer, ...)					\
	ask_hook(self, variant->version, creds, answer, KTLS_OPTS(__VA_ARGS__))

TEST_F(hook, sees_the_request)
{
	const struct asked *a = &self->asked;

	ASK_HOOK("rsa2048 stranger client", 2,
		 .verify = KTLS_VERIFY_REQUIRE, .flags = NAMES,
		 .sigalgs = "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384");
	EXPECT_EQ(a->times, 1);
	EXPECT_EQ(a->request.size, sizeof(a->request));
	EXPECT_EQ(a->request.version, variant->version);
	ASSERT_EQ(a->request.fits_len, 2);
	EXPECT_EQ(a->fits[0], 1);
	EXPECT_EQ(a->fits[1], 2);
	EXPECT_EQ(a->named[0], 0);
	EXPECT_EQ(a->named[1], 1);
	ASSERT_EQ(a->request.sigalgs_len, 2);
	EXPECT_EQ(a->sigalgs[0], 0x0403);
	EXPECT_EQ(a->sigalgs[1], 0x0503);
	ASSERT_EQ(a->request.authorities_len, self->request.len);
	EXPECT_MEMEQ(a->authorities, self->request.names, self->request.len);
	EXPECT_EQ(a->info.peer_verified, 1);
	mitm_agree(&self->m);
	EXPECT_STREQ(self->m.hs[SERVER_END]->info.peer_subject,
		     "CN = client");
}

TEST_F(hook, is_free_among_those_that_fit)
{
	for (int i = 0; i < 3; i++) {
		ASK_HOOK("p384 client p256", i,
			 .verify = KTLS_VERIFY_REQUIRE);
		EXPECT_EQ(self->asked.request.fits_len, 3);
		EXPECT_EQ(self->asked.request.authorities_len, 0);
		EXPECT_EQ(self->asked.named[i], 0);
		EXPECT_EQ(chosen(&self->m, CLIENT_END), i);
		mitm_agree(&self->m);
		if (i < 2)
			mitm_end(&self->m);
	}
}

TEST_F(hook, may_send_none)
{
	ASK_HOOK("client", -1, .verify = KTLS_VERIFY_OPTIONAL);
	EXPECT_EQ(self->asked.times, 1);
	mitm_agree(&self->m);
	EXPECT_STREQ(self->m.hs[SERVER_END]->info.peer_subject, "");
}

TEST_F(hook, may_send_none_where_one_is_needed)
{
	ASK_HOOK("client", -1, .verify = KTLS_VERIFY_REQUIRE);
	/* the alert is another in 1.2, which lacks certificate_required */
	if (variant->version == V13)
		mitm_failed(&self->m, SERVER_END, -KTLS_E_CERT_REQUIRED);
	EXPECT_EQ(ktls_hs_error(self->m.hs[SERVER_END]),
		  -KTLS_E_CERT_REQUIRED);
}

TEST_F(hook, has_nothing_to_choose_from)
{
	ASK_HOOK(NULL, -1, .verify = KTLS_VERIFY_OPTIONAL);
	EXPECT_EQ(self->asked.times, 1);
	EXPECT_EQ(self->asked.request.fits_len, 0);
	mitm_agree(&self->m);
}

TEST_F(hook, is_not_asked_for_nothing)
{
	ASK_HOOK("client", 7, .verify = KTLS_VERIFY_NONE);
	EXPECT_EQ(self->asked.times, 0);
	mitm_agree(&self->m);
}

TEST_F(hook, must_choose_what_fits)
{
	static const int wrong[] = { 0, 3, 1000, -2, INT_MIN, INT_MAX };

	for (size_t i = 0; i < 6; i++) {
		char want[64];

		if (i)
			mitm_end(&self->m);
		ASK_HOOK("rsa2048 client p256", wrong[i],
			 .verify = KTLS_VERIFY_OPTIONAL,
			 .sigalgs = "ecdsa_secp256r1_sha256");
		EXPECT_EQ(self->asked.request.fits_len, 2);
		mitm_failed(&self->m, CLIENT_END, -KTLS_E_CRED_CHOICE);
		snprintf(want, sizeof(want), "credential %d,", wrong[i]);
		EXPECT_TRUE(strstr(ktls_hs_error_text(self->m.hs[CLIENT_END]),
				   want));
	}
}

/* ---- types, of 1.2 alone ----------------------------------------------- */

static int choose_by_type(const char *types, const char *creds,
			  struct asked *a)
{
	struct request r = { .types = types };
	struct ktls_cred c[CREDS_MAX];
	size_t n = cas_creds(creds, c);
	struct mitm m;
	int got;

	mitm_begin(&m, KTLS_OPTS(.creds = c, .creds_len = n,
				 .hooks = a ? &hooks : NULL,
				 .max_version = V12),
		   KTLS_OPTS(.verify = KTLS_VERIFY_OPTIONAL), NULL);
	ktls_hs_set_data(m.hs[CLIENT_END], a);
	mitm_run(&m, watch, &r);
	ASSERT_TRUE(r.seen);
	got = chosen(&m, CLIENT_END);
	mitm_end(&m);
	return got;
}

TEST(a_certificate_is_of_a_type_that_is_asked_for)
{
	struct asked a = { .answer = -1 };

	EXPECT_EQ(choose_by_type("\1\1", "client rsa2048", NULL), 1);
	EXPECT_EQ(choose_by_type("\100\100", "rsa2048 client", NULL), 1);
	EXPECT_EQ(choose_by_type("\1\1", "client p256", NULL), -1);
	EXPECT_EQ(choose_by_type("\2\2", "client rsa2048", NULL), -1);
	choose_by_type("\1\1", "client rsa2048 ed25519", &a);
	ASSERT_EQ(a.request.fits_len, 1);
	EXPECT_EQ(a.fits[0], 1);
	choose_by_type("\100\2", "client rsa2048 ed25519", &a);
	ASSERT_EQ(a.request.fits_len, 2);
	EXPECT_EQ(a.fits[1], 2);
}

/* ---- libssl ------------------------------------------------------------ */

static void asked_by_libssl(uint16_t version, const char *ca)
{
	struct ktls_cred creds[CREDS_MAX];
	size_t n = cas_creds("p384 stranger", creds);
	struct with w;

	with_begin(&w, (struct ktls_opts){ .role = KTLS_CLIENT,
			.creds = creds, .creds_len = n,
			.max_version = version },
		   (struct ssl_opts){ 0 }, "localhost");
	SSL_set_verify(w.ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_client_CA_list(w.ssl, SSL_load_client_CA_file(pki(ca)));
	(void)!ssl_pump(w.end, w.hs, 0);
	EXPECT_EQ(w.hs->cred - w.config->creds, !strcmp(ca, "stranger-ca"));
	with_end(&w);
}

TEST(libssl_names_authorities)
{
	asked_by_libssl(V12, "ca");
	asked_by_libssl(V13, "ca");
	asked_by_libssl(V12, "stranger-ca");
	asked_by_libssl(V13, "stranger-ca");
}

static void told_to_libssl(uint16_t version)
{
	STACK_OF(X509_NAME) *names;
	char line[64];
	struct with w;

	with_begin(&w, (struct ktls_opts){ .role = KTLS_SERVER,
			.verify = KTLS_VERIFY_REQUIRE, .flags = NAMES,
			.max_version = version },
		   (struct ssl_opts){ .cert = "client" }, "localhost");
	with_run(&w, 0);
	names = SSL_get_client_CA_list(w.ssl);
	ASSERT_EQ(sk_X509_NAME_num(names), 1);
	X509_NAME_oneline(sk_X509_NAME_value(names, 0), line, sizeof(line));
	EXPECT_STREQ(line, "/CN=ca");
	with_end(&w);
}

TEST(libssl_is_told)
{
	told_to_libssl(V12);
	told_to_libssl(V13);
}

HARNESS_MAIN
