// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the records of a handshake may be: max_fragment_length (RFC 6066
 * 4) and record_size_limit (RFC 8449), agreed, refused, malformed, broken.
 */
#include <stdio.h>
#include <string.h>

#include "ext_lib.h"
#include "harness.h"
#include "hs_lib.h"
#include "interop_lib.h"

#define MAX_FRAGMENT	1
#define RECORD_LIMIT	28
#define PLAIN_MAX	16384

/* ---- what is agreed ---------------------------------------------------- */

/* The longest record of an end, headers and protection aside */
struct seen {
	struct feed feed;
	size_t plain, sealed;
	bool keyed;
};

/* Give all that @from has to @to, and look at its records on the way */
static size_t carry(struct ktls_hs *from, struct ktls_hs *to, uint16_t version,
		    struct seen *seen)
{
	static struct bytes b;
	size_t overhead = version == KTLS_TLS13 ? 17 : 24;
	bool over = to->state == HS_DONE;

	b.len = 0;
	bytes_take(&b, from);
	for (size_t at = 0; at < b.len; ) {
		size_t len = (size_t)(b.b[at + 3] << 8 | b.b[at + 4]);

		if (b.b[at] == CT_CHANGE_CIPHER_SPEC)
			seen->keyed |= version == KTLS_TLS12;
		else if (!seen->keyed && b.b[at] == CT_HANDSHAKE)
			seen->plain = len > seen->plain ? len : seen->plain;
		else if (len - overhead > seen->sealed)
			seen->sealed = len - overhead;
		at += RECORD_HEADER + len;
	}
	seen->feed.hs = to;
	/* tickets come behind the handshake: they are not for it */
	EXPECT_EQ(feed(&seen->feed, b.b, b.len, 0), over ? 0 : b.len);
	return b.len;
}

FIXTURE(agreed) {
	struct two two;
	struct seen seen[2];
};

FIXTURE_VARIANT(agreed) {
	uint16_t version;
	unsigned int fragment, client, server;	/* options */
	uint16_t tx, rx;			/* the client's, then */
	bool plain;				/* unprotected ones too */
};

#define V12	KTLS_TLS12
#define V13	KTLS_TLS13
FIXTURE_VARIANT_ADD(agreed, none_12) { V12, 0, 0, 0, 16384, 16384, 0 };
FIXTURE_VARIANT_ADD(agreed, none_13) { V13, 0, 0, 0, 16384, 16384, 0 };
/* a server does not begin it */
FIXTURE_VARIANT_ADD(agreed, server_only_12) { V12, 0, 0, 64, 16384, 16384, 0 };
FIXTURE_VARIANT_ADD(agreed, server_only_13) { V13, 0, 0, 64, 16384, 16384, 0 };
FIXTURE_VARIANT_ADD(agreed, f512_12) { V12, 512, 0, 0, 512, 512, 1 };
FIXTURE_VARIANT_ADD(agreed, f512_13) { V13, 512, 0, 0, 512, 512, 1 };
FIXTURE_VARIANT_ADD(agreed, f1024_12) { V12, 1024, 0, 0, 1024, 1024, 1 };
FIXTURE_VARIANT_ADD(agreed, f2048_13) { V13, 2048, 0, 0, 2048, 2048, 1 };
FIXTURE_VARIANT_ADD(agreed, f4096_12) { V12, 4096, 0, 0, 4096, 4096, 1 };
FIXTURE_VARIANT_ADD(agreed, f4096_13) { V13, 4096, 0, 0, 4096, 4096, 1 };
/* the server has the same as an option of its own: for records alone */
FIXTURE_VARIANT_ADD(agreed, f512_server_100) { V13, 512, 0, 100, 512, 512, 1 };
FIXTURE_VARIANT_ADD(agreed, s64_12) { V12, 0, 64, 0, 16384, 64, 0 };
FIXTURE_VARIANT_ADD(agreed, s64_13) { V13, 0, 64, 0, 16384, 63, 0 };
FIXTURE_VARIANT_ADD(agreed, both_ways_12) { V12, 0, 300, 200, 200, 300, 0 };
FIXTURE_VARIANT_ADD(agreed, both_ways_13) { V13, 0, 300, 200, 199, 299, 0 };
FIXTURE_VARIANT_ADD(agreed, all_12) { V12, 0, 16385, 16385, 16384, 16384, 0 };
FIXTURE_VARIANT_ADD(agreed, all_13) { V13, 0, 16385, 0, 16384, 16384, 0 };
FIXTURE_VARIANT_ADD(agreed, one_less_12) { V12, 0, 16384, 0, 16384, 16384, 0 };
FIXTURE_VARIANT_ADD(agreed, one_less_13) { V13, 0, 16384, 0, 16384, 16383, 0 };
/* 8449 5: it takes precedence */
FIXTURE_VARIANT_ADD(agreed, asked_both_12) { V12, 512, 900, 0, 16384, 900, 0 };
FIXTURE_VARIANT_ADD(agreed, asked_both_13) { V13, 512, 900, 800, 799, 899, 0 };

FIXTURE_SETUP(agreed)
{
	const struct ktls_cred chain = pki_cred("chain");

	/* the client does not say which version it wants to be taken */
	two_begin(&self->two, KTLS_OPTS(.role = KTLS_CLIENT,
			.max_fragment = variant->fragment,
			.record_size_limit = variant->client,
			.creds = &chain, .creds_len = 1),
		  KTLS_OPTS(.role = KTLS_SERVER,
			.max_version = variant->version,
			.record_size_limit = variant->server,
			.creds = &chain, .creds_len = 1,
			.verify = KTLS_VERIFY_REQUIRE), "localhost");
}

FIXTURE_TEARDOWN(agreed)
{
	two_end(&self->two);
}

static void run(struct two *t, uint16_t version, struct seen seen[2])
{
	/* the first hello was before all agreement */
	carry(t->client, t->server, version, &seen[0]);
	seen[0].plain = 0;
	while (carry(t->server, t->client, version, &seen[1]) +
	       carry(t->client, t->server, version, &seen[0]))
		;
	EXPECT_EQ(ktls_hs_wants(t->client), KTLS_WANT_DONE)
		TH_LOG("%s", ktls_hs_error_text(t->client));
	EXPECT_EQ(ktls_hs_wants(t->server), KTLS_WANT_DONE)
		TH_LOG("%s", ktls_hs_error_text(t->server));
}

static void check(const struct two *t, const FIXTURE_VARIANT(agreed) *v,
		  const struct seen seen[2])
{
	struct ktls_info c, s;

	ktls_hs_info(t->client, &c);
	ktls_hs_info(t->server, &s);
	EXPECT_EQ(c.version, v->version);
	EXPECT_EQ(c.tx_record, v->tx);
	EXPECT_EQ(c.rx_record, v->rx);
	EXPECT_EQ(s.tx_record, v->rx);
	EXPECT_EQ(s.rx_record, v->tx);
	EXPECT_LE(seen[0].sealed, v->tx);
	EXPECT_LE(seen[1].sealed, v->rx);
	if (v->plain) {
		EXPECT_LE(seen[0].plain, v->tx);
		EXPECT_LE(seen[1].plain, v->rx);
	}
}

TEST_F(agreed, sizes)
{
	run(&self->two, variant->version, self->seen);
	check(&self->two, variant, self->seen);
	/* a chain of two does not fit into 512: there were such records */
	if (variant->version == KTLS_TLS13 && variant->rx <= 512)
		EXPECT_EQ(self->seen[1].sealed, variant->rx);
	if (variant->version == KTLS_TLS12 && variant->plain &&
	    variant->rx <= 512)
		EXPECT_EQ(self->seen[1].plain, variant->rx);
}

/* 6066 4: it lasts as long as the session; 8449 4: agreed anew */
TEST_F(agreed, resumed)
{
	struct ktls_info info;

	run(&self->two, variant->version, self->seen);
	two_again(&self->two, "localhost");
	memset(self->seen, 0, sizeof(self->seen));
	run(&self->two, variant->version, self->seen);
	ktls_hs_info(self->two.client, &info);
	if (variant->version == KTLS_TLS12)
		EXPECT_TRUE(info.resumed);
	check(&self->two, variant, self->seen);
}

/* ---- what the other end may not say ------------------------------------ */

FIXTURE(wrong) {
	struct mitm m;
};

FIXTURE_VARIANT(wrong) {
	unsigned int fragment, limit;		/* the client's options */
	struct ext_edit edit;
	int err;				/* of the other end */
};

#define PUT(from, msg, type, s)	\
	{ from, msg, type, s, sizeof(s) - 1, false }
#define DROP(from, msg, type)	{ from, msg, type, "", 0, true }
#define ANSWER	HT_SERVER_HELLO		/* of 1.2; 1.3 has another */
#define WRONG(name, ...)	\
	FIXTURE_VARIANT_ADD(wrong, name) { __VA_ARGS__ }

WRONG(fragment_0, 0, 0, PUT(CLIENT_END, HT_CLIENT_HELLO, 1, "\0"),
      KTLS_E_RECORD_LIMIT);
WRONG(fragment_5, 0, 0, PUT(CLIENT_END, HT_CLIENT_HELLO, 1, "\5"),
      KTLS_E_RECORD_LIMIT);
WRONG(fragment_255, 0, 0, PUT(CLIENT_END, HT_CLIENT_HELLO, 1, "\377"),
      KTLS_E_RECORD_LIMIT);
WRONG(fragment_empty, 0, 0, PUT(CLIENT_END, HT_CLIENT_HELLO, 1, ""),
      KTLS_E_DECODE);
WRONG(fragment_long, 0, 0, PUT(CLIENT_END, HT_CLIENT_HELLO, 1, "\1\1"),
      KTLS_E_DECODE);
WRONG(limit_0, 0, 0, PUT(CLIENT_END, HT_CLIENT_HELLO, 28, "\0\0"),
      KTLS_E_RECORD_LIMIT);
WRONG(limit_63, 0, 0, PUT(CLIENT_END, HT_CLIENT_HELLO, 28, "\0\77"),
      KTLS_E_RECORD_LIMIT);
WRONG(limit_short, 0, 0, PUT(CLIENT_END, HT_CLIENT_HELLO, 28, "\1"),
      KTLS_E_DECODE);
WRONG(limit_long, 0, 0, PUT(CLIENT_END, HT_CLIENT_HELLO, 28, "\1\1\1"),
      KTLS_E_DECODE);
WRONG(answer_other, 512, 0, PUT(SERVER_END, ANSWER, 1, "\2"),
      KTLS_E_RECORD_LIMIT);
WRONG(answer_0, 512, 0, PUT(SERVER_END, ANSWER, 1, "\0"),
      KTLS_E_RECORD_LIMIT);
WRONG(answer_unasked, 0, 0, PUT(SERVER_END, ANSWER, 1, "\1"),
      KTLS_E_EXT_UNSOLICITED);
WRONG(answer_63, 0, 100, PUT(SERVER_END, ANSWER, 28, "\0\77"),
      KTLS_E_RECORD_LIMIT);
WRONG(answer_limit_unasked, 0, 0, PUT(SERVER_END, ANSWER, 28, "\1\0"),
      KTLS_E_EXT_UNSOLICITED);
WRONG(answer_both, 512, 100, PUT(SERVER_END, ANSWER, 1, "\1"),
      KTLS_E_RECORD_LIMIT);
FIXTURE_SETUP(wrong)
{
	(void)self;
	(void)variant;
}

FIXTURE_TEARDOWN(wrong)
{
	(void)self;
}

static void run_wrong(struct mitm *m, const FIXTURE_VARIANT(wrong) *v,
		      uint16_t version)
{
	struct ext_edit edit = v->edit;

	if (version == KTLS_TLS13 && edit.msg == ANSWER)
		edit.msg = HT_ENCRYPTED_EXTENSIONS;
	mitm_begin(m, KTLS_OPTS(.max_fragment = v->fragment,
				.record_size_limit = v->limit),
		   KTLS_OPTS(.max_version = version), NULL);
	mitm_run(m, ext_edit, &edit);
	mitm_failed(m, OTHER(edit.from), -v->err);
	mitm_end(m);
}

TEST_F(wrong, tls12)
{
	run_wrong(&self->m, variant, KTLS_TLS12);
}

TEST_F(wrong, tls13)
{
	run_wrong(&self->m, variant, KTLS_TLS13);
}

/* RFC 9846 4.3: in 1.3 the answer stands in EncryptedExtensions */
TEST(answers_in_the_hello_of_13)
{
	struct ext_edit edits[] = {
		PUT(SERVER_END, HT_SERVER_HELLO, MAX_FRAGMENT, "\1"),
		PUT(SERVER_END, HT_SERVER_HELLO, RECORD_LIMIT, "\0\100"),
	};

	for (size_t i = 0; i < 2; i++) {
		struct mitm m;

		mitm_begin(&m, KTLS_OPTS(.max_fragment = 512,
					 .record_size_limit = 64), NULL, NULL);
		mitm_run(&m, ext_edit, &edits[i]);
		mitm_failed(&m, CLIENT_END, -KTLS_E_EXT_FORBIDDEN);
		mitm_end(&m);
	}
}

/* ---- what a server may ignore ------------------------------------------ */

/* 8449 4: values of the future are not a client's fault */
TEST(a_limit_above_the_protocols)
{
	struct ext_edit edit = PUT(CLIENT_END, HT_CLIENT_HELLO, RECORD_LIMIT,
				   "\377\377");
	static const uint16_t versions[] = { KTLS_TLS12, KTLS_TLS13 };

	for (size_t i = 0; i < 2; i++) {
		struct mitm m;

		mitm_begin(&m, KTLS_OPTS(.record_size_limit = 16384),
			   KTLS_OPTS(.max_version = versions[i]), NULL);
		mitm_run(&m, ext_edit, &edit);
		/* as far as the transcripts, which differ now */
		if (i)
			mitm_failed(&m, CLIENT_END, -KTLS_E_SIGNATURE);
		else
			mitm_failed(&m, SERVER_END, -KTLS_E_FINISHED);
		EXPECT_EQ(m.hs[SERVER_END]->info.tx_record, PLAIN_MAX);
		mitm_end(&m);
	}
}

/* A server that does not know of it: all as before */
static void drop_answer(uint16_t version)
{
	struct mitm m;
	struct ext_edit edit = DROP(CLIENT_END, HT_CLIENT_HELLO, MAX_FRAGMENT);

	mitm_begin(&m, KTLS_OPTS(.max_fragment = 512),
		   KTLS_OPTS(.max_version = version), NULL);
	mitm_run(&m, ext_edit, &edit);
	EXPECT_EQ(m.hs[SERVER_END]->info.rx_record, PLAIN_MAX);
	EXPECT_EQ(m.hs[CLIENT_END]->info.rx_record, PLAIN_MAX);
	mitm_end(&m);
}

TEST(no_answer)
{
	drop_answer(KTLS_TLS12);
	drop_answer(KTLS_TLS13);
}

/* ---- records that are too long ----------------------------------------- */

struct too_long {
	enum end from;
	uint8_t msg;
	size_t piece;
};

/* Whatever the end made of it: the message in records of @piece bytes */
static void make_pieces(struct mitm *m, enum end from, struct flight *f,
			void *arg)
{
	const struct too_long *t = arg;

	(void)m;
	flight_part(f);
	for (size_t i = 0; i < f->n; i++) {
		bool it = from == t->from && item_is(&f->item[i], t->msg);

		if (f->item[i].type == CT_HANDSHAKE)
			f->item[i].piece = it ? t->piece : 63;
	}
}

FIXTURE(longer) {
	struct mitm m;
};

FIXTURE_VARIANT(longer) {
	uint16_t version;
	unsigned int fragment, client, server;
	struct too_long what;
	size_t most;
};

#define LONGER(name, ...)	\
	FIXTURE_VARIANT_ADD(longer, name) { __VA_ARGS__ }
LONGER(fragment_12_client, V12, 512, 0, 0, { SERVER_END, HT_CERTIFICATE, 0 },
       512);
LONGER(fragment_12_server, V12, 512, 0, 0, { CLIENT_END, HT_CERTIFICATE, 0 },
       512);
LONGER(fragment_13_client, V13, 512, 0, 0, { SERVER_END, HT_CERTIFICATE, 0 },
       512);
LONGER(fragment_13_server, V13, 512, 0, 0, { CLIENT_END, HT_CERTIFICATE, 0 },
       512);
LONGER(limit_13_client, V13, 0, 100, 0, { SERVER_END, HT_CERTIFICATE, 0 },
       99);
LONGER(limit_13_server, V13, 0, 16385, 80, { CLIENT_END, HT_CERTIFICATE, 0 },
       79);

FIXTURE_SETUP(longer)
{
	const struct ktls_cred chain = pki_cred("chain");

	mitm_begin(&self->m, KTLS_OPTS(.max_fragment = variant->fragment,
				       .record_size_limit = variant->client,
				       .creds = &chain, .creds_len = 1),
		   KTLS_OPTS(.max_version = variant->version,
			     .record_size_limit = variant->server,
			     .creds = &chain, .creds_len = 1,
			     .verify = KTLS_VERIFY_REQUIRE), NULL);
}

FIXTURE_TEARDOWN(longer)
{
	mitm_end(&self->m);
}

TEST_F(longer, at_most)
{
	struct too_long t = variant->what;

	t.piece = variant->most;
	mitm_run(&self->m, make_pieces, &t);
	mitm_agree(&self->m);
}

TEST_F(longer, one_more)
{
	struct too_long t = variant->what;

	t.piece = variant->most + 1;
	mitm_run(&self->m, make_pieces, &t);
	mitm_failed(&self->m, OTHER(t.from), -KTLS_E_RECORD_OVERFLOW);
}

/* 8449 4: what is not protected is not limited */
TEST(unprotected_is_not_limited)
{
	struct too_long t = { SERVER_END, HT_CERTIFICATE, 0 };
	const struct ktls_cred chain = pki_cred("chain");
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.record_size_limit = 64),
		   KTLS_OPTS(.max_version = KTLS_TLS12, .creds = &chain,
			     .creds_len = 1), NULL);
	mitm_run(&m, make_pieces, &t);
	mitm_agree(&m);
	mitm_end(&m);
}

/* ---- options ----------------------------------------------------------- */

static void refused(const struct ktls_opts *opts, const char *text)
{
	struct ktls_opts o = *opts;
	struct ktls_config *cfg;
	char why[256];
	struct ktls_cred p256 = pki_cred("p256");

	o.ca_file = pki("ca");
	o.creds = &p256;
	o.creds_len = 1;
	o.error = why;
	o.error_size = sizeof(why);
	EXPECT_EQ(ktls_config_new(&cfg, &o), -KTLS_E_OPTION);
	EXPECT_TRUE(strstr(why, text)) TH_LOG("%s", why);
	ktls_config_put(cfg);
}

TEST(options)
{
	static const unsigned int no_fragment[] = {
		1, 256, 511, 513, 1536, 8192, 16384, 0xffffffff
	}, no_limit[] = { 1, 63, 16386, 65535, 65600, 0xffffffff };

	for (size_t i = 0; i < sizeof(no_fragment) / 4; i++)
		refused(KTLS_OPTS(.role = KTLS_CLIENT,
				  .max_fragment = no_fragment[i]),
			"max_fragment");
	for (size_t i = 0; i < sizeof(no_limit) / 4; i++)
		refused(KTLS_OPTS(.role = KTLS_CLIENT,
				  .record_size_limit = no_limit[i]),
			"record_size_limit");
	refused(KTLS_OPTS(.role = KTLS_SERVER, .max_fragment = 512),
		"max_fragment");
}

/* ---- libssl, which has max_fragment_length ------------------------------ */

FIXTURE(libssl) {
	struct with with;
};

FIXTURE_VARIANT(libssl) {
	enum ktls_role role;
	uint16_t version;
	uint8_t code;
};

static bool each_libssl(size_t i, FIXTURE_VARIANT(libssl) *v, char *name,
			size_t size)
{
	if (i >= 16)
		return false;
	v->role = i & 1 ? KTLS_SERVER : KTLS_CLIENT;
	v->version = i & 2 ? KTLS_TLS13 : KTLS_TLS12;
	v->code = (uint8_t)(i / 4 + 1);
	snprintf(name, size, "%s.%s.%u", i & 1 ? "server" : "client",
		 i & 2 ? "13" : "12", 256 << v->code);
	return true;
}

FIXTURE_VARIANT_GEN(libssl, each_libssl);

FIXTURE_SETUP(libssl)
{
	bool client = variant->role == KTLS_CLIENT;
	struct ktls_cred chain = pki_cred("chain");

	with_begin(&self->with, (struct ktls_opts){
			.role = variant->role, .max_version = variant->version,
			.max_fragment = client ? 256u << variant->code : 0,
			.creds = &chain, .creds_len = !client,
		   }, (struct ssl_opts){ .cert = client ? "chain" : NULL },
		   "localhost");
	if (!client)
		ASSERT_EQ(SSL_set_tlsext_max_fragment_length(self->with.ssl,
				variant->code), 1);
}

FIXTURE_TEARDOWN(libssl)
{
	with_end(&self->with);
}

TEST_F(libssl, agrees)
{
	struct ktls_info info;

	with_run(&self->with, 0);
	ktls_hs_info(self->with.hs, &info);
	EXPECT_EQ(info.version, variant->version);
	EXPECT_EQ(info.tx_record, 256u << variant->code);
	EXPECT_EQ(info.rx_record, 256u << variant->code);
	EXPECT_EQ(SSL_SESSION_get_max_fragment_length(
			SSL_get0_session(self->with.ssl)), variant->code);
	if (variant->version == KTLS_TLS13)
		with_agree(&self->with);
}

HARNESS_MAIN
