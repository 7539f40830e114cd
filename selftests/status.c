// SPDX-License-Identifier: GPL-2.0-only
/*
 * The status of a certificate (status_request: RFC 6066 8, RFC 9846 4.5.1.1):
 * asked for, sent, refused, and libssl at the other end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ocsp.h>
#include <openssl/ssl.h>

#include "ext_lib.h"
#include "harness.h"
#include "interop_lib.h"
#include "ocsp_lib.h"
#include "session_lib.h"

#define STATUS_REQUEST	5

static const struct ktls_hooks hooks = { .ocsp = ocsp_hook };

/* ---- what a response says ---------------------------------------------- */

FIXTURE(says) {
	struct mitm m;
};

FIXTURE_VARIANT(says) {
	uint16_t version;
	const char *name;
	const char *cert;	/* of the server */
	struct ocsp ocsp;
	int err;
	uint8_t status;		/* without an error */
};

#define GOOD	KTLS_STATUS_GOOD
#define BAD	KTLS_E_STATUS_BAD, 0

static const FIXTURE_VARIANT(says) sayings[] = {
	{ 0, "good", "p256", { 0 }, 0, GOOD },
	{ 0, "good_sha256", "p256", { .sha256 = true }, 0, GOOD },
	{ 0, "of_an_intermediate", "chain",
	  { .cert = "chain", .issuer = "inter" }, 0, GOOD },
	{ 0, "by_a_responder", "p256", { .signer = "responder" }, 0, GOOD },
	{ 0, "unknown", "p256", { .says = OCSP_UNKNOWN }, 0,
	  KTLS_STATUS_UNKNOWN },
	{ 0, "no_end", "p256", { .no_until = true }, 0, GOOD },
	{ 0, "within_the_skew", "p256", { .until = -200 }, 0, GOOD },
	{ 0, "revoked", "p256", { .says = OCSP_REVOKED },
	  KTLS_E_CERT_REVOKED, 0 },
	{ 0, "expired", "p256", { .from = -7200, .until = -3600 }, BAD },
	{ 0, "not_yet", "p256", { .from = 3600, .until = 7200 }, BAD },
	{ 0, "no_end_and_old", "p256",
	  { .from = -10 * 86400, .no_until = true }, BAD },
	{ 0, "of_another", "p256", { .cert = "p384" }, BAD },
	{ 0, "of_another_issuer", "p256",
	  { .issuer = "stranger-ca", .signer = "ca" }, BAD },
	{ 0, "by_a_stranger", "p256", { .signer = "stranger-ca" }, BAD },
	{ 0, "by_itself", "p256", { .signer = "p256" }, BAD },
	{ 0, "by_no_responder", "p256", { .signer = "client" }, BAD },
	{ 0, "pss", "rsaleaf",
	  { .cert = "rsaleaf", .issuer = "rsainter", .pss = true }, 0, GOOD },
	{ 0, "sha1_signed", "p256", { .sha1_signed = true }, BAD },
	{ 0, "sha1_signed_pss", "rsaleaf",
	  { .cert = "rsaleaf", .issuer = "rsainter", .pss = true,
	    .sha1_signed = true }, BAD },
	{ 0, "try_later", "p256", { .failed = OCSP_RESPONSE_STATUS_TRYLATER },
	  BAD },
};

static bool each_saying(size_t i, FIXTURE_VARIANT(says) *v, char *name,
			size_t size)
{
	if (i / 2 >= sizeof(sayings) / sizeof(*sayings))
		return false;
	*v = sayings[i / 2];
	v->version = i % 2 ? KTLS_TLS13 : KTLS_TLS12;
	snprintf(name, size, "%s.%s", i % 2 ? "1.3" : "1.2", v->name);
	return true;
}

FIXTURE_VARIANT_GEN(says, each_saying);

static void begin(struct mitm *m, const FIXTURE_VARIANT(says) *v,
		  struct ocsp *ocsp, unsigned int flags)
{
	struct ktls_cred cred = pki_cred(v->cert);

	*ocsp = v->ocsp;
	if (!ocsp->cert)
		ocsp->cert = v->cert;
	ocsp_set(ocsp);
	mitm_begin(m, KTLS_OPTS(.flags = flags, .max_version = v->version),
		   KTLS_OPTS(.creds = &cred, .creds_len = 1,
			     .hooks = &hooks), NULL);
}

FIXTURE_SETUP(says)
{
	(void)self;
	(void)variant;
}

FIXTURE_TEARDOWN(says)
{
	mitm_end(&self->m);
}

static void end(struct mitm *m, int err, uint8_t status)
{
	mitm_run(m, NULL, NULL);
	if (err) {
		mitm_failed(m, CLIENT_END, -err);
		EXPECT_TRUE(*ktls_hs_error_text(m->hs[CLIENT_END]));
		return;
	}
	mitm_agree(m);
	EXPECT_EQ(m->hs[CLIENT_END]->info.peer_status, status);
}

TEST_F(says, asked)
{
	struct ocsp ocsp;

	begin(&self->m, variant, &ocsp, KTLS_F_STATUS);
	end(&self->m, variant->err, variant->status);
}

/* Then "unknown" will not do */
TEST_F(says, needed)
{
	bool unknown = variant->status == KTLS_STATUS_UNKNOWN;
	struct ocsp ocsp;

	begin(&self->m, variant, &ocsp, KTLS_F_NEED_STATUS);
	end(&self->m, unknown ? KTLS_E_STATUS_BAD : variant->err,
	    variant->status);
}

/* Whatever there is, it is not sent unasked */
TEST_F(says, not_asked)
{
	struct ocsp ocsp;

	begin(&self->m, variant, &ocsp, 0);
	end(&self->m, 0, KTLS_STATUS_NONE);
}

/* ---- the messages ------------------------------------------------------ */

/* What the man in the middle does to the server's flight */
enum act {
	ACT_NONE, ACT_CUT, ACT_LONGER, ACT_TYPE, ACT_EMPTY, ACT_DROP,
	ACT_UNANNOUNCED, ACT_TWICE, ACT_LATE, ACT_GARBAGE,
};

static void status_set(struct item *it, uint8_t type, const void *p,
		       size_t len)
{
	struct wr w = { 0 };

	wr_u8(&w, HT_CERTIFICATE_STATUS);
	wr_vec(&w, 3) {
		wr_u8(&w, type);
		wr_opaque(&w, 3, (struct slice){ p, len });
	}
	ASSERT_TRUE(wr_ok(&w));
	item_set(it, w.buf, w.len);
	wr_free(&w);
}

static size_t find_at(const struct flight *f, uint8_t msg)
{
	for (size_t i = 0; i < f->n; i++)
		if (item_is(&f->item[i], msg))
			return i;
	TH_LOG("no message %u", msg);
	ASSERT_TRUE(false);
	return 0;
}

static void act(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	enum act what = *(enum act *)arg;
	struct item *it;
	size_t at;

	(void)m;
	if (from != SERVER_END || !f->n ||
	    !item_is(&f->item[0], HT_SERVER_HELLO))
		return;
	flight_part(f);
	if (what == ACT_UNANNOUNCED)
		ext_drop(&f->item[0], STATUS_REQUEST);
	at = find_at(f, HT_CERTIFICATE_STATUS);
	it = &f->item[at];
	switch (what) {
	case ACT_CUT:
		it->data.len--;
		item_fix_length(it);
		break;
	case ACT_LONGER:
		wr_u8(&it->data, 0);
		item_fix_length(it);
		break;
	case ACT_TYPE:
		it->data.buf[MSG_HEADER] = 2;
		break;
	case ACT_EMPTY:
		status_set(it, 1, "", 0);
		break;
	case ACT_GARBAGE:
		status_set(it, 1, "\60\3\12\1", 4);
		break;
	case ACT_DROP:
		flight_remove(f, at);
		break;
	case ACT_TWICE:
		flight_copy(f, at, it);
		break;
	case ACT_LATE:
		flight_swap(f, at, at + 1);
		break;
	default:
		break;
	}
}

FIXTURE(message) {
	struct mitm m;
	struct ocsp ocsp;
};

FIXTURE_VARIANT(message) {
	enum act act;
	enum end end;		/* that fails, for */
	int err;
};

#define MESSAGE(name, ...)	\
	FIXTURE_VARIANT_ADD(message, name) { __VA_ARGS__ }
MESSAGE(cut, ACT_CUT, CLIENT_END, KTLS_E_DECODE);
MESSAGE(longer, ACT_LONGER, CLIENT_END, KTLS_E_DECODE);
MESSAGE(another_type, ACT_TYPE, CLIENT_END, KTLS_E_DECODE);
MESSAGE(empty, ACT_EMPTY, CLIENT_END, KTLS_E_DECODE);
MESSAGE(garbage, ACT_GARBAGE, CLIENT_END, KTLS_E_STATUS_BAD);
MESSAGE(twice, ACT_TWICE, CLIENT_END, KTLS_E_UNEXPECTED);
MESSAGE(late, ACT_LATE, CLIENT_END, KTLS_E_UNEXPECTED);
MESSAGE(unannounced, ACT_UNANNOUNCED, CLIENT_END, KTLS_E_UNEXPECTED);
/* it may be left out; that it was sent the Finished knows */
MESSAGE(dropped, ACT_DROP, SERVER_END, KTLS_E_FINISHED);

FIXTURE_SETUP(message)
{
	ocsp_set(&self->ocsp);
	mitm_begin(&self->m, KTLS_OPTS(.flags = KTLS_F_STATUS,
				       .max_version = KTLS_TLS12),
		   KTLS_OPTS(.hooks = &hooks), NULL);
}

FIXTURE_TEARDOWN(message)
{
	mitm_end(&self->m);
}

TEST_F(message, is_refused)
{
	enum act what = variant->act;

	mitm_run(&self->m, act, &what);
	mitm_failed(&self->m, variant->end, -variant->err);
}

/* The one that is required is missed before anything is sent */
TEST(a_needed_message_is_dropped)
{
	enum act what = ACT_DROP;
	struct ocsp ocsp = { 0 };
	struct mitm m;

	ocsp_set(&ocsp);
	mitm_begin(&m, KTLS_OPTS(.flags = KTLS_F_NEED_STATUS,
				 .max_version = KTLS_TLS12),
		   KTLS_OPTS(.hooks = &hooks), NULL);
	mitm_run(&m, act, &what);
	mitm_failed(&m, CLIENT_END, -KTLS_E_STATUS_MISSING);
	mitm_end(&m);
}

/* ---- the extension ----------------------------------------------------- */

FIXTURE(extension) {
	struct mitm m;
	struct ocsp ocsp;
};

FIXTURE_VARIANT(extension) {
	unsigned int flags;	/* the client's */
	uint16_t version;
	struct ext_edit edit;
	int err;
};

#define EDIT(name, flags, version, from, msg, body, err)		\
	FIXTURE_VARIANT_ADD(extension, name) { flags, version,		\
		{ from, msg, STATUS_REQUEST, body, sizeof(body) - 1,	\
		  false }, err }
EDIT(unasked_12, 0, KTLS_TLS12, SERVER_END, HT_SERVER_HELLO, "",
     KTLS_E_EXT_UNSOLICITED);
EDIT(answer_with_a_body, KTLS_F_STATUS, KTLS_TLS12, SERVER_END,
     HT_SERVER_HELLO, "\1", KTLS_E_DECODE);
EDIT(in_encrypted_extensions, KTLS_F_STATUS, KTLS_TLS13, SERVER_END,
     HT_ENCRYPTED_EXTENSIONS, "", KTLS_E_EXT_FORBIDDEN);
EDIT(in_the_hello_of_13, KTLS_F_STATUS, KTLS_TLS13, SERVER_END,
     HT_SERVER_HELLO, "", KTLS_E_EXT_FORBIDDEN);
EDIT(request_empty_12, 0, KTLS_TLS12, CLIENT_END, HT_CLIENT_HELLO, "",
     KTLS_E_DECODE);
EDIT(request_cut_13, 0, KTLS_TLS13, CLIENT_END, HT_CLIENT_HELLO,
     "\1\0\0\0", KTLS_E_DECODE);
EDIT(request_long_13, 0, KTLS_TLS13, CLIENT_END, HT_CLIENT_HELLO,
     "\1\0\0\0\0\0", KTLS_E_DECODE);
EDIT(request_in_request, 0, KTLS_TLS13, SERVER_END, HT_CERTIFICATE_REQUEST,
     "\1", KTLS_E_DECODE);

FIXTURE_SETUP(extension)
{
	ocsp_set(&self->ocsp);
	mitm_begin(&self->m, KTLS_OPTS(.flags = variant->flags,
				       .max_version = variant->version),
		   KTLS_OPTS(.hooks = &hooks,
			     .verify = KTLS_VERIFY_OPTIONAL), NULL);
}

FIXTURE_TEARDOWN(extension)
{
	mitm_end(&self->m);
}

TEST_F(extension, is_refused)
{
	struct ext_edit edit = variant->edit;

	mitm_run(&self->m, ext_edit, &edit);
	mitm_failed(&self->m, OTHER(edit.from), -variant->err);
}

/* RFC 6066 8: of a kind that nobody knows, there is nothing to say */
TEST(another_kind_is_ignored)
{
	static const uint16_t versions[] = { KTLS_TLS12, KTLS_TLS13 };
	struct ext_edit edit = { CLIENT_END, HT_CLIENT_HELLO, STATUS_REQUEST,
				 "\2what", 5, false };

	for (size_t i = 0; i < 2; i++) {
		struct ocsp ocsp = { 0 };
		struct mitm m;

		ocsp_set(&ocsp);
		mitm_begin(&m, KTLS_OPTS(.flags = KTLS_F_STATUS,
					 .max_version = versions[i]),
			   KTLS_OPTS(.hooks = &hooks), NULL);
		mitm_run(&m, ext_edit, &edit);
		EXPECT_EQ(m.hs[SERVER_END]->status.len, 0);
		EXPECT_FALSE(m.hs[CLIENT_END]->client.status_due);
		EXPECT_NE(ktls_hs_error(m.hs[CLIENT_END]),
			  -KTLS_E_STATUS_BAD);
		mitm_end(&m);
	}
}

/* ---- who does not send ------------------------------------------------- */

static ssize_t no_hook(void *arg, size_t cred, void *buf, size_t size)
{
	(void)arg;
	(void)cred;
	memset(buf, 0, size);
	return -ENOENT;
}

FIXTURE(none) {
	struct two two;
};

FIXTURE_VARIANT(none) {
	uint16_t version;
	const char *cert;
	unsigned int flags;
	bool hook;
	int err;
};

#define NONE(name, ...)	FIXTURE_VARIANT_ADD(none, name) { __VA_ARGS__ }
#define V12	KTLS_TLS12
#define V13	KTLS_TLS13
NONE(asked_12, V12, "p256", KTLS_F_STATUS, false, 0);
NONE(asked_13, V13, "p256", KTLS_F_STATUS, false, 0);
NONE(hook_12, V12, "p256", KTLS_F_STATUS, true, 0);
NONE(hook_13, V13, "p256", KTLS_F_STATUS, true, 0);
NONE(needed_12, V12, "p256", KTLS_F_NEED_STATUS, false, KTLS_E_STATUS_MISSING);
NONE(needed_13, V13, "p256", KTLS_F_NEED_STATUS, true, KTLS_E_STATUS_MISSING);
/* RFC 7633: but only who asks may be disappointed */
NONE(staple_12, V12, "staple", KTLS_F_STATUS, true, KTLS_E_STATUS_MISSING);
NONE(staple_13, V13, "staple", KTLS_F_STATUS, false, KTLS_E_STATUS_MISSING);
NONE(staple_unasked_12, V12, "staple", 0, false, 0);
NONE(staple_unasked_13, V13, "staple", 0, false, 0);

FIXTURE_SETUP(none)
{
	static const struct ktls_hooks no = { .ocsp = no_hook };
	struct ktls_cred cred = pki_cred(variant->cert);

	two_begin(&self->two, KTLS_OPTS(.role = KTLS_CLIENT,
					.flags = variant->flags),
		  KTLS_OPTS(.role = KTLS_SERVER,
			    .max_version = variant->version,
			    .creds = &cred, .creds_len = 1,
			    .hooks = variant->hook ? &no : NULL),
		  "localhost");
}

FIXTURE_TEARDOWN(none)
{
	two_end(&self->two);
}

TEST_F(none, is_sent)
{
	if (variant->err) {
		two_fail(&self->two, false, -variant->err,
			 KTLS_ALERT_BAD_CERTIFICATE_STATUS, "");
		return;
	}
	ASSERT_OK(pump(self->two.client, self->two.server, 0));
	EXPECT_EQ(self->two.client->info.peer_status, KTLS_STATUS_NONE);
}

/* ---- files, clients, resumption ----------------------------------------- */

static int load(const char *path, char *why, size_t size)
{
	struct ktls_cred cred = pki_cred("p256");
	struct ktls_config *cfg;
	int err;

	cred.ocsp_file = path;
	err = ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_SERVER,
			      .creds = &cred, .creds_len = 1, .error = why,
			      .error_size = size));
	ktls_config_put(cfg);
	return err;
}

TEST(files)
{
	struct ocsp later = { .failed = OCSP_RESPONSE_STATUS_TRYLATER };
	struct ocsp other = { .cert = "p384" }, good = { 0 };
	const char *path;
	char why[256];

	EXPECT_EQ(load("/nonexistent", why, sizeof(why)), -KTLS_E_CERT_FILE);
	EXPECT_TRUE(strstr(why, "/nonexistent"));
	EXPECT_EQ(load(pki("p256"), why, sizeof(why)), -KTLS_E_CERT_FILE);
	EXPECT_TRUE(strstr(why, "parse")) TH_LOG("%s", why);
	path = ocsp_make_file(&later);
	EXPECT_EQ(load(path, why, sizeof(why)), -KTLS_E_CERT_FILE);
	EXPECT_TRUE(strstr(why, "trylater")) TH_LOG("%s", why);
	unlink(path);
	path = ocsp_make_file(&other);
	EXPECT_EQ(load(path, why, sizeof(why)), -KTLS_E_CERT_FILE);
	EXPECT_TRUE(strstr(why, "about")) TH_LOG("%s", why);
	unlink(path);
	path = ocsp_make_file(&good);
	EXPECT_OK(load(path, why, sizeof(why))) TH_LOG("%s", why);
	unlink(path);
}

static void with_file(const struct ocsp *ocsp, uint16_t version,
		      uint8_t status)
{
	struct ktls_cred cred = pki_cred("p256");
	const char *path = ocsp_make_file(ocsp);
	struct two t;

	cred.ocsp_file = path;
	two_begin(&t, KTLS_OPTS(.role = KTLS_CLIENT, .flags = KTLS_F_STATUS,
				.max_version = version),
		  KTLS_OPTS(.role = KTLS_SERVER, .creds = &cred,
			    .creds_len = 1), "localhost");
	unlink(path);
	ASSERT_OK(pump(t.client, t.server, 0))
		TH_LOG("%s", ktls_hs_error_text(t.client));
	EXPECT_EQ(t.client->info.peer_status, status);
	two_again(&t, "localhost");
	ASSERT_OK(pump(t.client, t.server, 0));
	/* a resumption has no certificate */
	if (t.client->info.resumed)
		status = KTLS_STATUS_NONE;
	EXPECT_EQ(t.client->info.peer_status, status);
	two_end(&t);
}

TEST(a_file_is_sent_until_it_is_outdated)
{
	const struct ocsp good = { 0 }, open = { .no_until = true };
	const struct ocsp old = { .from = -7200, .until = -100 };

	with_file(&good, V12, KTLS_STATUS_GOOD);
	with_file(&good, V13, KTLS_STATUS_GOOD);
	with_file(&open, V13, KTLS_STATUS_GOOD);
	with_file(&old, V12, KTLS_STATUS_NONE);
	with_file(&old, V13, KTLS_STATUS_NONE);
}

/* One client for each thing that may be asked; another's session is none */
TEST(a_session_is_of_what_was_asked)
{
	static const unsigned int flags[] = {
		0, KTLS_F_STATUS, KTLS_F_NEED_STATUS,
	};
	struct ktls_config *server = SERVER12(.hooks = &hooks), *c[3], *to;
	struct ocsp good = { 0 };

	ocsp_set(&good);
	for (size_t i = 0; i < 3; i++) {
		c[i] = CLIENT12(.flags = flags[i]);
		ASSERT_EQ(shake(c[i], server, NULL), FULL);
	}
	for (size_t i = 0; i < 9; i++) {
		bool same = i % 3 == i / 3;

		to = CLIENT12(.flags = flags[i / 3]);
		EXPECT_EQ(move_session(c[i % 3], to),
			  same ? 0 : -KTLS_E_SESSION) TH_LOG("%zu", i);
		EXPECT_EQ(shake(to, server, NULL), same ? RESUMED : FULL);
		ktls_config_put(to);
	}
	for (size_t i = 0; i < 3; i++)
		ktls_config_put(c[i]);
	ktls_config_put(server);
}

/* 9846 4.5.1.1: in 1.3 a server may ask as well */
static void ask_client(uint16_t version, unsigned int flags,
		       struct ocsp *ocsp, int err, uint8_t status)
{
	struct ktls_cred cred = pki_cred("client");
	struct mitm m;

	ocsp->cert = "client";
	ocsp_set(ocsp);
	mitm_begin(&m, KTLS_OPTS(.creds = &cred, .creds_len = 1,
				 .hooks = &hooks,
				 .max_version = version),
		   KTLS_OPTS(.flags = flags,
			     .verify = KTLS_VERIFY_REQUIRE), NULL);
	mitm_run(&m, NULL, NULL);
	if (err)
		mitm_failed(&m, SERVER_END, -err);
	else
		mitm_agree(&m);
	if (!err)
		EXPECT_EQ(m.hs[SERVER_END]->info.peer_status, status);
	mitm_end(&m);
}

TEST(of_a_client)
{
	struct ocsp good = { 0 }, revoked = { .says = OCSP_REVOKED };

	ask_client(V13, KTLS_F_STATUS, &good, 0, KTLS_STATUS_GOOD);
	ask_client(V13, KTLS_F_STATUS, &revoked, KTLS_E_CERT_REVOKED, 0);
	ask_client(V13, 0, &revoked, 0, KTLS_STATUS_NONE);
	ask_client(V12, KTLS_F_STATUS, &revoked, 0, KTLS_STATUS_NONE);
}

TEST(options)
{
	struct ktls_cred cred = pki_cred("p256");
	struct ktls_config *cfg;

	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_CLIENT,
				.verify = KTLS_VERIFY_NONE,
				.flags = KTLS_F_STATUS)), -KTLS_E_OPTION);
	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_SERVER,
				.creds = &cred, .creds_len = 1,
				.flags = KTLS_F_STATUS)), -KTLS_E_OPTION);
	EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(.role = KTLS_SERVER,
				.creds = &cred, .creds_len = 1,
				.verify = KTLS_VERIFY_REQUIRE,
				.flags = KTLS_F_NEED_STATUS)),
		  -KTLS_E_OPTION);
}

/* ---- libssl ------------------------------------------------------------ */

static int ssl_staple(SSL *ssl, void *arg)
{
	uint8_t *der = OPENSSL_malloc(4096);
	size_t len = ocsp_make(arg, der, 4096);

	return SSL_set_tlsext_status_ocsp_resp(ssl, der, (long)len) == 1 ?
	       SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void from_libssl(uint16_t version, struct ocsp *ocsp, int err)
{
	struct with w;

	with_begin(&w, (struct ktls_opts){ .role = KTLS_CLIENT,
			.max_version = version, .flags = KTLS_F_NEED_STATUS },
		   (struct ssl_opts){ 0 }, "localhost");
	SSL_CTX_set_tlsext_status_cb(SSL_get_SSL_CTX(w.ssl), ssl_staple);
	SSL_CTX_set_tlsext_status_arg(SSL_get_SSL_CTX(w.ssl), ocsp);
	EXPECT_EQ(ssl_pump(w.end, w.hs, 0), err)
		TH_LOG("%s", ktls_hs_error_text(w.hs));
	if (!err)
		EXPECT_EQ(w.hs->info.peer_status, KTLS_STATUS_GOOD);
	with_end(&w);
}

TEST(libssl_staples)
{
	struct ocsp good = { 0 }, revoked = { .says = OCSP_REVOKED };

	from_libssl(V12, &good, 0);
	from_libssl(V13, &good, 0);
	from_libssl(V12, &revoked, -KTLS_E_CERT_REVOKED);
	from_libssl(V13, &revoked, -KTLS_E_CERT_REVOKED);
}

static void to_libssl(uint16_t version)
{
	struct ocsp good = { 0 };
	uint8_t want[4096];
	const unsigned char *got;
	struct with w;
	long len;

	ocsp_set(&good);
	with_begin(&w, (struct ktls_opts){ .role = KTLS_SERVER,
			.max_version = version, .hooks = &hooks }, (struct ssl_opts){ 0 }, "localhost");
	SSL_set_tlsext_status_type(w.ssl, TLSEXT_STATUSTYPE_ocsp);
	with_run(&w, 0);
	len = SSL_get_tlsext_status_ocsp_resp(w.ssl, &got);
	ASSERT_GT(len, 0);
	/* signatures differ from time to time, the form does not */
	EXPECT_GT(ocsp_make(&good, want, sizeof(want)), 0);
	EXPECT_MEMEQ(got, want, 2);
	EXPECT_EQ(w.hs->info.peer_status, KTLS_STATUS_NONE);
	with_end(&w);
}

TEST(libssl_asks)
{
	to_libssl(V12);
	to_libssl(V13);
}

HARNESS_MAIN
