// SPDX-License-Identifier: GPL-2.0-only
/* Compression of certificates (RFC 8879): what is sent, taken and refused */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../lib/compress.h"
#include "ext_lib.h"
#include "harness.h"
#include "ocsp_lib.h"
#include "peer.h"

#define COMPRESS_CERTIFICATE	27

static const struct algorithm {
	const char *name;
	uint16_t id;
} algorithms[] = {
	{ "zlib", 1 },
	{ "brotli", 2 },
	{ "zstd", 3 },
};

#define N_ALGORITHMS	(sizeof(algorithms) / sizeof(*algorithms))

static struct compress *load(const char *list)
{
	struct compress *c;
	char why[128];

	ASSERT_OK(compress_new(&c, list, (struct text){ why, sizeof(why) }));
	return c;
}

/* ---- the algorithms ---------------------------------------------------- */

FIXTURE(codec) {
	struct compress *all;
	const struct codec *codec;
	struct wr plain, packed;
};

FIXTURE_VARIANT(codec) {
	const struct algorithm *a;
};

static bool each_codec(size_t i, FIXTURE_VARIANT(codec) *v, char *name,
		       size_t size)
{
	if (i >= N_ALGORITHMS)
		return false;
	v->a = &algorithms[i];
	snprintf(name, size, "%s", v->a->name);
	return true;
}

FIXTURE_VARIANT_GEN(codec, each_codec);
FIXTURE_TIMEOUT(codec, 60);

static void pack(FIXTURE_DATA(codec) *self)
{
	wr_reset(&self->packed);
	ASSERT_OK(codec_shrink(self->codec, (struct slice){ self->plain.buf,
			       self->plain.len }, &self->packed));
}

FIXTURE_SETUP(codec)
{
	self->all = load(variant->a->name);
	self->codec = compress_at(self->all, 0);
	ASSERT_TRUE(self->codec);
	EXPECT_EQ(codec_id(self->codec), variant->a->id);
	for (uint32_t i = 0; i < 700; i++)
		wr_uint(&self->plain, i % 50 * 2654435761u, 4);
	pack(self);
	EXPECT_LT(self->packed.len, self->plain.len);
}

FIXTURE_TEARDOWN(codec)
{
	compress_free(self->all);
	wr_free(&self->plain);
	wr_free(&self->packed);
}

/* Into memory that is just as long, so that a sanitizer sees more */
static int expand(const FIXTURE_DATA(codec) *self, size_t in, size_t len)
{
	uint8_t *out = malloc(len + 1), *copy = malloc(in + 1);
	int err;

	ASSERT_TRUE(out && copy);
	memcpy(copy, self->packed.buf, in);
	out[len] = 0x5a;
	err = codec_expand(self->codec, (struct slice){ copy, in }, out, len);
	EXPECT_EQ(out[len], 0x5a);
	if (!err && len == self->plain.len)
		EXPECT_MEMEQ(out, self->plain.buf, len);
	free(out);
	free(copy);
	return err;
}

TEST_F(codec, there_and_back)
{
	EXPECT_OK(expand(self, self->packed.len, self->plain.len));
}

TEST_F(codec, other_lengths)
{
	for (size_t len = 0; len < self->plain.len; len += 1 + len / 3)
		EXPECT_EQ(expand(self, self->packed.len, len),
			  -KTLS_E_COMPRESS_BAD) TH_LOG("%zu", len);
	EXPECT_EQ(expand(self, self->packed.len, self->plain.len - 1),
		  -KTLS_E_COMPRESS_BAD);
	EXPECT_EQ(expand(self, self->packed.len, self->plain.len + 1),
		  -KTLS_E_COMPRESS_BAD);
	EXPECT_EQ(expand(self, self->packed.len, 60000),
		  -KTLS_E_COMPRESS_BAD);
}

TEST_F(codec, cut_short)
{
	for (size_t n = 0; n < self->packed.len; n++)
		EXPECT_EQ(expand(self, n, self->plain.len),
			  -KTLS_E_COMPRESS_BAD) TH_LOG("%zu", n);
}

/* Neither a byte nor another stream may follow */
TEST_F(codec, something_behind_it)
{
	size_t len = self->packed.len;
	struct slice once = { NULL, len };
	uint8_t *copy = malloc(len);

	ASSERT_TRUE(copy);
	memcpy(copy, self->packed.buf, len);
	once.p = copy;
	wr_u8(&self->packed, 0);
	EXPECT_EQ(expand(self, len + 1, self->plain.len),
		  -KTLS_E_COMPRESS_BAD);
	self->packed.len = len;
	wr_slice(&self->packed, once);
	EXPECT_EQ(expand(self, 2 * len, self->plain.len),
		  -KTLS_E_COMPRESS_BAD);
	EXPECT_EQ(expand(self, 2 * len, 2 * self->plain.len),
		  -KTLS_E_COMPRESS_BAD);
	free(copy);
}

/* Whatever comes of it, it is not more than was allowed */
TEST_F(codec, every_bit)
{
	for (size_t i = 0; i < 8 * self->packed.len; i++) {
		uint8_t *at = &self->packed.buf[i / 8];
		uint8_t was = *at, *out = malloc(self->plain.len);

		ASSERT_TRUE(out);
		*at = (uint8_t)(was ^ 1 << i % 8);
		(void)codec_expand(self->codec, (struct slice){
				   self->packed.buf, self->packed.len }, out,
				   self->plain.len);
		*at = was;
		free(out);
	}
}

static long resident_kib(void)
{
	struct rusage u;

	ASSERT_OK(getrusage(RUSAGE_SELF, &u));
	return u.ru_maxrss;
}

/* 8 MiB from a few bytes, with a window to match */
TEST_F(codec, bomb)
{
	long before;

	wr_reset(&self->plain);
	ASSERT_TRUE(wr_reserve(&self->plain, 8 << 20));
	memset(self->plain.buf, 0, 8 << 20);
	self->plain.len = 8 << 20;
	pack(self);
	EXPECT_LT(self->packed.len, 65536);
	before = resident_kib();
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(expand(self, self->packed.len, 60000),
			  -KTLS_E_COMPRESS_BAD);
	EXPECT_LT(resident_kib() - before, 16 << 10);
}

/* ---- lists ------------------------------------------------------------- */

TEST(lists)
{
	struct compress *c = load("zstd:zlib:zstd:zlib");
	static const char *const wrong[] = {
		"gzip", "zlib::zstd", ":zlib", "zlib,zstd", "Zlib",
		"zlib:zst", "zlib:zstdd", " zlib",
	};
	char why[128];

	EXPECT_EQ(compress_wire(c).len, 4);
	EXPECT_MEMEQ(compress_wire(c).p, "\0\3\0\1", 4);
	EXPECT_FALSE(compress_at(c, 2));
	compress_free(c);
	c = load("");
	EXPECT_FALSE(c);
	EXPECT_EQ(compress_wire(c).len, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct ktls_config *cfg;

		EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(
			.role = KTLS_CLIENT, .verify = KTLS_VERIFY_NONE,
			.cert_compression = wrong[i], .error = why,
			.error_size = sizeof(why))), -KTLS_E_OPTION)
			TH_LOG("%s", wrong[i]);
		EXPECT_TRUE(strstr(why, "unknown compression"));
	}
	for (size_t i = 0; i < N_ALGORITHMS; i++)
		EXPECT_STREQ(ktls_cert_compression_name(algorithms[i].id),
			     algorithms[i].name);
	EXPECT_STREQ(ktls_cert_compression_name(0), "unknown");
}

/* ---- handshakes -------------------------------------------------------- */

/* What of each kind an end has sent */
struct seen {
	size_t plain[2], packed[2];
	uint16_t algorithm[2];
	bool offered[2];
};

static void look(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	struct seen *s = arg;
	struct slice body;

	/* 1.2's request has other extensions: none */
	const bool asks = m->hs[from]->info.version != KTLS_TLS12;

	for (size_t i = 0; i < f->n; i++) {
		const struct item *it = &f->item[i];

		s->plain[from] += item_is(it, HT_CERTIFICATE);
		if ((item_is(it, HT_CLIENT_HELLO) ||
		     (asks && item_is(it, HT_CERTIFICATE_REQUEST))) &&
		    ext_find(it, COMPRESS_CERTIFICATE, &body))
			s->offered[from] = true;
		if (!item_is(it, HT_COMPRESSED_CERTIFICATE))
			continue;
		s->packed[from]++;
		s->algorithm[from] = (uint16_t)(it->data.buf[4] << 8 |
						it->data.buf[5]);
	}
}

/* Both ends say of @end's certificate that its form was @id */
static void expect_form(const struct mitm *m, const struct seen *s,
			enum end end, uint16_t id)
{
	EXPECT_EQ(s->packed[end], id != 0);
	EXPECT_EQ(s->plain[end], id == 0);
	EXPECT_EQ(s->algorithm[end], id);
	EXPECT_EQ(m->hs[end]->info.cert_compression, id);
	EXPECT_EQ(m->hs[OTHER(end)]->info.peer_cert_compression, id);
}

FIXTURE(hs) {
	struct mitm m;
	struct seen seen;
};

FIXTURE_VARIANT(hs) {
	const char *name;
	const char *client, *server;	/* their lists */
	uint16_t id;			/* what is used; 0: none */
	const char *group;		/* the server's only one */
	unsigned int flags;		/* the server's */
	uint16_t version;
};

static const FIXTURE_VARIANT(hs) cases[] = {
	{ "zlib", "zlib", "zlib", 1, NULL, 0, 0 },
	{ "brotli", "brotli", "brotli", 2, NULL, 0, 0 },
	{ "zstd", "zstd", "zstd", 3, NULL, 0, 0 },
	{ "none_in_common", "zstd", "zlib", 0, NULL, 0, 0 },
	{ "not_offered", NULL, "zlib", 0, NULL, 0, 0 },
	{ "not_done", "zlib", NULL, 0, NULL, 0, 0 },
	{ "empty_list", "", "zlib", 0, NULL, 0, 0 },
	{ "retry", "zlib", "zlib", 1, "secp521r1", 0, 0 },
	{ "cookie", "brotli", "brotli", 2, NULL, KTLS_F_COOKIE, 0 },
	{ "older", "zlib", "zlib", 0, NULL, 0, KTLS_TLS12 },
};

static bool each_case(size_t i, FIXTURE_VARIANT(hs) *v, char *name,
		      size_t size)
{
	if (i >= sizeof(cases) / sizeof(*cases))
		return false;
	*v = cases[i];
	snprintf(name, size, "%s", v->name);
	return true;
}

FIXTURE_VARIANT_GEN(hs, each_case);

FIXTURE_SETUP(hs)
{
	const struct ktls_cred client = pki_cred("client"),
			       server = pki_cred("chain");

	mitm_begin(&self->m, KTLS_OPTS(.cert_compression = variant->client,
				       .creds = &client, .creds_len = 1),
		   KTLS_OPTS(.cert_compression = variant->server,
			     .creds = &server, .creds_len = 1,
			     .groups = variant->group,
			     .flags = variant->flags,
			     .max_version = variant->version,
			     .verify = KTLS_VERIFY_REQUIRE), NULL);
}

FIXTURE_TEARDOWN(hs)
{
	mitm_end(&self->m);
}

TEST_F(hs, mutual)
{
	mitm_run(&self->m, look, &self->seen);
	mitm_agree(&self->m);
	expect_form(&self->m, &self->seen, CLIENT_END, variant->id);
	expect_form(&self->m, &self->seen, SERVER_END, variant->id);
	EXPECT_EQ(self->m.hs[CLIENT_END]->info.retried,
		  variant->group || variant->flags);
	EXPECT_EQ(self->seen.offered[CLIENT_END],
		  variant->client && *variant->client);
	EXPECT_EQ(self->seen.offered[SERVER_END],
		  variant->server && !variant->version);
	EXPECT_STREQ(self->m.hs[CLIENT_END]->info.peer_subject, "CN = chain");
	EXPECT_STREQ(self->m.hs[SERVER_END]->info.peer_subject,
		     "CN = client");
}

TEST_F(hs, told_afterwards)
{
	struct ktls_info info;
	struct joined j;

	mitm_run(&self->m, NULL, NULL);
	mitm_join(&self->m, &j);
	for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
		ktls_conn_info(j.conn[end], &info);
		EXPECT_EQ(info.cert_compression, variant->id);
		EXPECT_EQ(info.peer_cert_compression, variant->id);
	}
	joined_end(&j);
}

/* Each end sends what it likes best of what the other takes */
TEST(sender_prefers)
{
	const struct ktls_cred client = pki_cred("client"),
			       server = pki_cred("chain");
	struct seen s = { 0 };
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.cert_compression = "brotli:zlib:zstd",
				 .creds = &client, .creds_len = 1),
		   KTLS_OPTS(.cert_compression = "zstd:zlib",
			     .creds = &server, .creds_len = 1,
			     .verify = KTLS_VERIFY_REQUIRE), NULL);
	mitm_run(&m, look, &s);
	mitm_agree(&m);
	expect_form(&m, &s, SERVER_END, 3);
	expect_form(&m, &s, CLIENT_END, 1);
	mitm_end(&m);
}

/* Without a certificate there is nothing to compress */
TEST(no_certificate)
{
	struct seen s = { 0 };
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.cert_compression = "zlib"),
		   KTLS_OPTS(.cert_compression = "zlib",
			     .verify = KTLS_VERIFY_OPTIONAL), NULL);
	mitm_run(&m, look, &s);
	mitm_agree(&m);
	expect_form(&m, &s, CLIENT_END, 0);
	mitm_end(&m);
}

/* A status of the credential is compressed with it, a hook's goes plain */
TEST(with_a_status)
{
	static const struct ktls_hooks hooks = { .ocsp = ocsp_hook };
	static const struct ocsp about = { .cert = "chain",
					   .issuer = "inter" };
	struct ktls_cred server = pki_cred("chain");

	server.ocsp_file = ocsp_make_file(&about);
	ocsp_set(&about);
	for (int i = 0; i < 3; i++) {
		bool asks = i > 0, hook = i > 1;
		struct seen s = { 0 };
		struct mitm m;

		mitm_begin(&m, KTLS_OPTS(.cert_compression = "zstd",
					 .flags = asks ? KTLS_F_STATUS : 0),
			   KTLS_OPTS(.cert_compression = "zstd",
				     .creds = &server, .creds_len = 1,
				     .hooks = hook ? &hooks : NULL), NULL);
		mitm_run(&m, look, &s);
		mitm_agree(&m);
		expect_form(&m, &s, SERVER_END, hook ? 0 : 3);
		EXPECT_EQ(m.hs[CLIENT_END]->info.peer_status,
			  asks ? KTLS_STATUS_GOOD : KTLS_STATUS_NONE);
		mitm_end(&m);
	}
}

/* ---- what a peer may not send ------------------------------------------ */

FIXTURE(bad) {
	struct mitm m;
	struct wr body;
};

FIXTURE_VARIANT(bad) {
	const char *name;
	uint16_t algorithm;
	const char *plain;	/* "0*N": N zeros */
	long more;		/* than there is, is declared */
	long cut;		/* of the compressed */
	int err;
	size_t max_message;
};

static const FIXTURE_VARIANT(bad) bads[] = {
	{ "longer", 1, NULL, 1, 0, KTLS_E_COMPRESS_BAD, 0 },
	{ "shorter", 2, NULL, -1, 0, KTLS_E_COMPRESS_BAD, 0 },
	{ "of_no_length", 3, NULL, -4, 0, KTLS_E_COMPRESS_BAD, 0 },
	{ "cut", 3, NULL, 0, 1, KTLS_E_COMPRESS_BAD, 0 },
	{ "bomb", 2, "0*4000000", 60000 - 4000000, 0, KTLS_E_COMPRESS_BAD,
	  0 },
	{ "above_the_limit", 1, "0*65537", 0, 0, KTLS_E_MESSAGE_SIZE, 0 },
	{ "above_a_limit", 3, "0*2001", 0, 0, KTLS_E_MESSAGE_SIZE, 2000 },
	{ "at_the_limit", 3, "0*2000", 0, 0, KTLS_E_DECODE, 2000 },
	{ "says_16_mib", 1, NULL, 0xffffff - 4, 0, KTLS_E_MESSAGE_SIZE, 0 },
	{ "no_such", 4, NULL, 0, 0, KTLS_E_COMPRESS_CHOICE, 0 },
	{ "no_certificate", 1, NULL, 0, 0, KTLS_E_CERT_EMPTY, 0 },
	{ "no_message", 1, "0*3", 0, 0, KTLS_E_DECODE, 0 },
	{ "too_much", 1, "0*5", 0, 0, KTLS_E_DECODE, 0 },
};

static bool each_bad(size_t i, FIXTURE_VARIANT(bad) *v, char *name,
		     size_t size)
{
	if (i >= sizeof(bads) / sizeof(*bads))
		return false;
	*v = bads[i];
	snprintf(name, size, "%s", v->name);
	return true;
}

FIXTURE_VARIANT_GEN(bad, each_bad);

FIXTURE_SETUP(bad)
{
	size_t len = variant->plain ? (size_t)atol(variant->plain + 2) : 4;
	uint16_t with = variant->algorithm <= 3 ? variant->algorithm : 1;
	struct compress *c = load(algorithms[with - 1].name);
	uint8_t *plain = calloc(len, 1);

	ASSERT_TRUE(plain);
	wr_u16(&self->body, variant->algorithm);
	wr_u24(&self->body, (uint32_t)((long)len + variant->more));
	wr_vec(&self->body, 3) {
		struct slice in = { plain, len };
		struct wr w = { 0 };
		int err = codec_shrink(compress_at(c, 0), in, &w);

		/* a stream that is longer than what is in it */
		if (err && with == 2)
			wr_bytes(&w, "\x0b\x01\x80\0\0\0\0\x03", 8);
		wr_bytes(&self->body, w.buf, w.len - (size_t)variant->cut);
		wr_free(&w);
	}
	ASSERT_TRUE(wr_ok(&self->body));
	free(plain);
	compress_free(c);
	mitm_begin(&self->m, KTLS_OPTS(.cert_compression = "zlib:brotli:zstd",
				       .max_message = variant->max_message),
		   KTLS_OPTS(.cert_compression = "zlib"), NULL);
}

FIXTURE_TEARDOWN(bad)
{
	mitm_end(&self->m);
	wr_free(&self->body);
}

TEST_F(bad, refused)
{
	struct forged x = { SERVER_END, HT_COMPRESSED_CERTIFICATE,
			    { self->body.buf, self->body.len } };

	mitm_run(&self->m, flight_forge, &x);
	mitm_failed(&self->m, CLIENT_END, -variant->err);
	EXPECT_EQ(self->m.hs[CLIENT_END]->info.peer_cert_compression,
		  variant->err == KTLS_E_DECODE ||
		  variant->err == KTLS_E_CERT_EMPTY ? variant->algorithm : 0);
}

/* Who has asked for none gets none, of whatever algorithm */
static void compressed(struct mitm *m, enum end from, struct flight *f,
		       void *arg)
{
	static const uint8_t msg[] = { HT_COMPRESSED_CERTIFICATE, 0, 0, 9,
				       0, 1, 0, 0, 4, 0, 0, 1, 0 };
	enum end *end = arg;

	(void)m;
	for (size_t i = 0; i < f->n; i++)
		if (from == *end && item_is(&f->item[i], HT_CERTIFICATE))
			item_set(&f->item[i], msg, sizeof(msg));
}

TEST(not_asked_for)
{
	const struct ktls_cred client = pki_cred("client");

	for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
		struct mitm m;

		mitm_begin(&m, KTLS_OPTS(.creds = &client, .creds_len = 1),
			   KTLS_OPTS(.verify = KTLS_VERIFY_REQUIRE), NULL);
		mitm_run(&m, compressed, &end);
		mitm_failed(&m, OTHER(end), -KTLS_E_UNEXPECTED);
		mitm_end(&m);
	}
}

/* A chain is as long as it is, however it came */
TEST(chain_too_long)
{
	const struct ktls_cred server = pki_cred("chain");
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.cert_compression = "zstd", .max_chain = 1),
		   KTLS_OPTS(.cert_compression = "zstd", .creds = &server,
			     .creds_len = 1), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_failed(&m, CLIENT_END, -KTLS_E_CERT_CHAIN);
	mitm_end(&m);
}

HARNESS_MAIN
