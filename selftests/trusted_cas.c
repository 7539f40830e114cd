// SPDX-License-Identifier: GPL-2.0-only
/*
 * trusted_ca_keys (RFC 6066 6): what a client says of whom it trusts, and what
 * a server makes of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cas_lib.h"
#include "ext_lib.h"
#include "harness.h"

#define TRUSTED_CAS	3

#define V12	KTLS_TLS12
#define V13	KTLS_TLS13
#define SAYS	KTLS_F_TRUSTED_CA_KEYS

/* The extension of both hellos, as it went by; and an edit on the way */
struct seen {
	struct ext_edit *edit;	/* may be NULL */
	bool offered, answered;
	size_t len, answer_len;
	uint8_t body[1 << 13];
};

static void watch(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	struct seen *s = arg;
	struct slice body;

	if (s->edit)
		ext_edit(m, from, f, s->edit);
	if (!f->n)
		return;
	if (item_is(&f->item[0], HT_CLIENT_HELLO) &&
	    ext_find(&f->item[0], TRUSTED_CAS, &body)) {
		s->offered = true;
		s->len = body.len;
		ASSERT_LE(s->len, sizeof(s->body));
		memcpy(s->body, body.p, s->len);
	}
	if (item_is(&f->item[0], HT_SERVER_HELLO) &&
	    ext_find(&f->item[0], TRUSTED_CAS, &body)) {
		s->answered = true;
		s->answer_len = body.len;
	}
}

static int chosen(const struct mitm *m)
{
	const struct cred *cred = m->hs[SERVER_END]->cred;

	return cred ? (int)(cred - m->config[SERVER_END]->creds) : -1;
}

/* ---- which one is sent ------------------------------------------------- */

FIXTURE(chooses) {
	struct mitm m;
	struct seen seen;
};

FIXTURE_VARIANT(chooses) {
	unsigned int flags;	/* the client's */
	const char *ca;		/* whom it trusts */
	const char *creds;	/* the server's */
	const char *name;
	int chosen;
	bool answered;
	int err;		/* of the client */
};

#define CHOOSES(name, ...)	\
	FIXTURE_VARIANT_ADD(chooses, name) { __VA_ARGS__ }
CHOOSES(the_first_unless_told, 0, "stranger-ca", "p256 stranger", NULL, 0,
	false, KTLS_E_CERT_ISSUER);
CHOOSES(the_trusted, SAYS, "stranger-ca", "p256 stranger", NULL, 1, true, 0);
CHOOSES(the_first_trusted, SAYS, "ca", "stranger p256 p384", NULL, 1, true, 0);
CHOOSES(the_first_as_it_happens, SAYS, "ca", "p256 stranger", NULL, 0, true,
	0);
/* ECDSA comes first, with a certificate that would fit */
CHOOSES(of_a_later_suite, SAYS, "ca", "stranger rsa2048", NULL, 1, true, 0);
CHOOSES(of_an_intermediate, SAYS, "inter", "p256 nointer", NULL, 1, true, 0);
CHOOSES(a_chain, SAYS, "ca", "stranger chain", NULL, 1, true, 0);
CHOOSES(an_end_entity, SAYS, "p384", "p256 p384", NULL, 1, true, 0);
CHOOSES(a_selfsigned, SAYS, "selfsigned", "p256 selfsigned", NULL, 1, true, 0);
CHOOSES(none_trusted, SAYS, "stranger-ca", "p256 p384", NULL, 0, false,
	KTLS_E_CERT_ISSUER);
CHOOSES(by_name_first, SAYS, "stranger-ca", "stranger othername", "other.test",
	1, false, KTLS_E_CERT_ISSUER);
CHOOSES(by_name_and_trust, SAYS, "ca", "stranger othername p256",
	"localhost", 2, true, 0);
CHOOSES(by_trust_where_no_name_fits, SAYS, "stranger-ca", "p256 stranger",
	"other.test", 1, true, KTLS_E_CERT_NAME);

FIXTURE_TEARDOWN(chooses)
{
	mitm_end(&self->m);
}

TEST_F(chooses, and_says_so)
{
	struct ktls_cred creds[CREDS_MAX];
	size_t n = cas_creds(variant->creds, creds);
	struct mitm *m = &self->m;

	mitm_begin(m, KTLS_OPTS(.ca_file = pki(variant->ca),
				.flags = variant->flags),
		   KTLS_OPTS(.creds = creds, .creds_len = n,
			     .max_version = V12), variant->name);
	mitm_run(m, watch, &self->seen);
	EXPECT_EQ(self->seen.offered, !!variant->flags);
	EXPECT_EQ(self->seen.answered, variant->answered);
	EXPECT_EQ(self->seen.answer_len, 0);
	EXPECT_EQ(chosen(m), variant->chosen);
	if (variant->err)
		mitm_failed(m, CLIENT_END, -variant->err);
	else
		mitm_agree(m);
}

/* ---- what is said ------------------------------------------------------ */

static void say(const struct ktls_opts *client, struct seen *s)
{
	struct ktls_opts o = *client;
	struct mitm m;

	o.flags |= SAYS;
	*s = (struct seen){ 0 };
	mitm_begin(&m, &o, NULL, NULL);
	mitm_run(&m, watch, s);
	mitm_end(&m);
}

#define SAY(s, ...)	say(KTLS_OPTS(__VA_ARGS__), s)

TEST(a_name_or_a_hash)
{
	struct slice ca = cas_name("ca", 0);
	struct slice hash = cas_hash("p256", 0, false);
	struct seen s;

	SAY(&s, .max_version = V12);
	ASSERT_EQ(s.len, 2 + 1 + 2 + ca.len);
	EXPECT_EQ(s.body[1], s.len - 2);
	EXPECT_EQ(s.body[2], CA_NAME);
	EXPECT_MEMEQ(s.body + 5, ca.p, ca.len);
	SAY(&s, .max_version = V12, .ca_file = pki("p256"));
	ASSERT_EQ(s.len, 2 + 1 + SHA1_LEN);
	EXPECT_EQ(s.body[2], CA_CERT_SHA1);
	EXPECT_MEMEQ(s.body + 3, hash.p, SHA1_LEN);
}

/* 9846 4.3.4: 1.3 does not use it, though the hello may be for both */
TEST(for_12_alone)
{
	struct seen s;

	SAY(&s, .max_version = V13);
	EXPECT_TRUE(s.offered);
	EXPECT_FALSE(s.answered);
	SAY(&s, .min_version = V13);
	EXPECT_FALSE(s.offered);
}

TEST(not_for_13)
{
	struct ktls_cred creds[CREDS_MAX];
	size_t n = cas_creds("p256 stranger", creds);
	struct seen s = { 0 };
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.ca_file = pki("stranger-ca"), .flags = SAYS),
		   KTLS_OPTS(.creds = creds, .creds_len = n), NULL);
	mitm_run(&m, watch, &s);
	EXPECT_EQ(chosen(&m), 0);
	mitm_failed(&m, CLIENT_END, -KTLS_E_CERT_ISSUER);
	mitm_end(&m);
}

TEST(not_in_a_resumption)
{
	struct seen s = { 0 }, again = { 0 };
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.flags = SAYS, .max_version = V12), NULL,
		   NULL);
	mitm_run(&m, watch, &s);
	mitm_agree(&m);
	EXPECT_TRUE(s.answered);
	mitm_again(&m);
	mitm_run(&m, watch, &again);
	EXPECT_EQ(m.hs[CLIENT_END]->info.resumed, 1);
	EXPECT_TRUE(again.offered);
	EXPECT_FALSE(again.answered);
	mitm_end(&m);
}

static int try_client(const struct ktls_opts *opts, char *why, size_t size)
{
	struct ktls_opts o = *opts;
	struct ktls_config *cfg;
	int err;

	o.flags |= SAYS;
	o.error = why;
	o.error_size = size;
	err = ktls_config_new(&cfg, &o);
	ktls_config_put(cfg);
	return err;
}

TEST(options)
{
	struct ktls_cred cred = pki_cred("p256");
	char *fits = cas_pem(4096 / 80, 64, false);
	char *more = cas_pem(4096 / 80 + 1, 64, false), why[128];
	struct seen s;

#define TRY(...)	\
	try_client(KTLS_OPTS(.role = KTLS_CLIENT, __VA_ARGS__), why, \
		   sizeof(why))
	EXPECT_EQ(TRY(.flags = 0), -KTLS_E_OPTION);
	EXPECT_STREQ(why, "KTLS_F_TRUSTED_CA_KEYS without ca_file, _dir or "
		     "_pem");
	EXPECT_EQ(TRY(.ca_pem = more), -KTLS_E_OPTION);
	EXPECT_STREQ(why, "names of the CAs have more than 4096 bytes");
	EXPECT_OK(TRY(.ca_pem = fits)) TH_LOG("%s", why);
	EXPECT_EQ(TRY(.ca_pem = fits, .verify = KTLS_VERIFY_NONE),
		  -KTLS_E_OPTION);
	EXPECT_EQ(try_client(KTLS_OPTS(.role = KTLS_SERVER, .creds = &cred,
				       .creds_len = 1, .ca_pem = fits,
				       .verify = KTLS_VERIFY_REQUIRE), why,
			     sizeof(why)), -KTLS_E_OPTION);
	SAY(&s, .ca_pem = fits, .max_version = V12);
	EXPECT_EQ(s.len, 2 + 4096 / 80 * 80u) TH_LOG("%zu", s.len);
	free(fits);
	free(more);
}

/* ---- every form -------------------------------------------------------- */

/* A hello with these authorities: the credential of "stranger chain rsa2048" */
static int choose_by(const struct wr *list, bool *answered)
{
	struct ktls_cred creds[CREDS_MAX];
	size_t n = cas_creds("stranger chain rsa2048", creds);
	struct ext_edit edit = { CLIENT_END, HT_CLIENT_HELLO, TRUSTED_CAS,
				 list->buf, list->len, false };
	struct seen s = { .edit = &edit };
	struct mitm m;
	int got;

	/* the client has asked, and is content with any */
	mitm_begin(&m, KTLS_OPTS(.flags = SAYS, .max_version = V12),
		   KTLS_OPTS(.creds = creds, .creds_len = n), NULL);
	mitm_run(&m, watch, &s);
	got = chosen(&m);
	*answered = s.answered;
	mitm_end(&m);
	return got;
}

static void add_hash(struct wr *w, uint8_t type, const char *cert, int nth)
{
	wr_u8(w, type);
	wr_slice(w, cas_hash(cert, nth, type == CA_KEY_SHA1));
}

static void add_name(struct wr *w, const char *cert)
{
	wr_u8(w, CA_NAME);
	wr_opaque(w, 2, cas_name(cert, 0));
}

enum form {
	NONE, PRE_AGREED, NAME, KEY_OF_EC, KEY_OF_RSA, CERT, OTHERS_HASH,
	NO_NAME, AFTER_OTHERS,
};

static void add_form(struct wr *w, enum form form)
{
	switch (form) {
	case NONE:
		break;
	case PRE_AGREED:
		wr_u8(w, CA_PRE_AGREED);
		break;
	case NAME:
		add_name(w, "inter");
		break;
	case KEY_OF_EC:		/* the intermediate's */
		add_hash(w, CA_KEY_SHA1, "chain", 1);
		break;
	case KEY_OF_RSA:
		add_hash(w, CA_KEY_SHA1, "rsa2048", 0);
		break;
	case CERT:
		add_hash(w, CA_CERT_SHA1, "chain", 1);
		break;
	case OTHERS_HASH:	/* a key's is no certificate's */
		wr_u8(w, CA_CERT_SHA1);
		wr_slice(w, cas_hash("chain", 1, true));
		break;
	case NO_NAME:
		wr_u8(w, CA_NAME);
		wr_opaque(w, 2, (struct slice){ (const uint8_t *)"\377", 1 });
		break;
	case AFTER_OTHERS:
		wr_u8(w, CA_PRE_AGREED);
		add_name(w, "p384");
		add_hash(w, CA_CERT_SHA1, "p384", 0);
		add_hash(w, CA_KEY_SHA1, "p384", 0);
		add_form(w, KEY_OF_EC);
		break;
	}
}

FIXTURE(form) { struct wr w; };
FIXTURE_VARIANT(form) {
	enum form form;
	int chosen;		/* above 0: by what the client says */
};

#define FORM(name, ...)	FIXTURE_VARIANT_ADD(form, name) { __VA_ARGS__ }
FORM(none, NONE, 0);
FORM(pre_agreed, PRE_AGREED, 0);
FORM(name, NAME, 1);
FORM(key_of_ec, KEY_OF_EC, 1);
FORM(key_of_rsa, KEY_OF_RSA, 2);
FORM(certificate, CERT, 1);
FORM(hash_of_something_else, OTHERS_HASH, 0);
FORM(name_that_is_none, NO_NAME, 0);
FORM(after_others, AFTER_OTHERS, 1);

FIXTURE_TEARDOWN(form)
{
	wr_free(&self->w);
}

TEST_F(form, is_understood)
{
	bool answered;

	wr_vec(&self->w, 2)
		add_form(&self->w, variant->form);
	ASSERT_TRUE(wr_ok(&self->w));
	EXPECT_EQ(choose_by(&self->w, &answered), variant->chosen);
	EXPECT_EQ(answered, variant->chosen > 0);
}

/* ---- malformed, unasked ------------------------------------------------ */

FIXTURE(refused) { struct mitm m; };
FIXTURE_VARIANT(refused) {
	unsigned int flags;
	uint16_t version;
	struct ext_edit edit;
	int err;
};

#define REFUSED(name, flags, version, from, msg, body, err)		\
	FIXTURE_VARIANT_ADD(refused, name) { flags, version,		\
		{ from, msg, TRUSTED_CAS, body, sizeof(body) - 1,	\
		  false }, err }
#define HELLO(name, body)						\
	REFUSED(name##_12, 0, V12, CLIENT_END, HT_CLIENT_HELLO, body,	\
		KTLS_E_DECODE);						\
	REFUSED(name##_13, 0, V13, CLIENT_END, HT_CLIENT_HELLO, body,	\
		KTLS_E_DECODE)
#define HASH19	"0123456789012345678"
HELLO(nothing, "");
HELLO(one_byte, "\0");
HELLO(cut, "\0\2\0");
HELLO(longer, "\0\1\0\0");
HELLO(unknown_type, "\0\1\4");
HELLO(no_type_at_all, "\0\2\0\377");
HELLO(name_without_length, "\0\2\2\0");
HELLO(name_of_no_length, "\0\3\2\0\0");
HELLO(name_too_long, "\0\4\2\0\2x");
HELLO(key_hash_too_short, "\0\24\1" HASH19);
HELLO(cert_hash_too_short, "\0\24\3" HASH19);
HELLO(hash_and_a_bit, "\0\26\3" HASH19 "9" "\2");
REFUSED(unasked, 0, V12, SERVER_END, HT_SERVER_HELLO, "",
	KTLS_E_EXT_UNSOLICITED);
REFUSED(answer_with_a_body, SAYS, V12, SERVER_END, HT_SERVER_HELLO, "\0\0",
	KTLS_E_DECODE);
REFUSED(in_the_hello_of_13, SAYS, V13, SERVER_END, HT_SERVER_HELLO, "",
	KTLS_E_EXT_FORBIDDEN);
REFUSED(in_encrypted_extensions, SAYS, V13, SERVER_END,
	HT_ENCRYPTED_EXTENSIONS, "", KTLS_E_EXT_FORBIDDEN);

FIXTURE_SETUP(refused)
{
	mitm_begin(&self->m, KTLS_OPTS(.flags = variant->flags,
				       .max_version = variant->version),
		   NULL, NULL);
}

FIXTURE_TEARDOWN(refused)
{
	mitm_end(&self->m);
}

TEST_F(refused, with_its_reason)
{
	struct ext_edit edit = variant->edit;

	mitm_run(&self->m, ext_edit, &edit);
	mitm_failed(&self->m, OTHER(edit.from), -variant->err);
}

HARNESS_MAIN
