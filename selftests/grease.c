// SPDX-License-Identifier: GPL-2.0-only
/* GREASE (RFC 8701): offered everywhere, ignored, and never to be chosen */
#include <stdio.h>
#include <string.h>

#include "ext_lib.h"
#include "harness.h"
#include "hello_lib.h"
#include "hs_lib.h"
#include "interop_lib.h"
#include "mitm_lib.h"

#define GREASE		.flags = KTLS_F_GREASE

static bool is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 255);
}

static uint16_t first_of(struct slice list)
{
	ASSERT_GE(list.len, 2);
	return (uint16_t)(list.p[0] << 8 | list.p[1]);
}

/* Extensions of a block that are GREASE */
static size_t count_exts(struct slice block)
{
	bool bad = false;
	struct rd r = rd_init(block.p, block.len, &bad);
	size_t n = 0;

	while (rd_more(&r)) {
		n += is_grease(rd_u16(&r));
		rd_opaque(&r, 2);
	}
	EXPECT_FALSE(bad);
	return n;
}

/* ---- offered ------------------------------------------------------------ */

TEST(in_the_hello)
{
	unsigned int seen = 0;
	struct two t;

	two_begin(&t, KTLS_OPTS(.role = KTLS_CLIENT, GREASE, .alpn = "h2"),
		  KTLS_OPTS(.role = KTLS_SERVER, .alpn = "h2"), "localhost");
	for (int i = 0; i < 64; i++) {
		const struct wr *w = &t.client->client.hello;
		struct client_hello m;

		ASSERT_OK(parse_client_hello((struct slice){
			  w->buf + MSG_HEADER, w->len - MSG_HEADER }, &m));
		EXPECT_TRUE(is_grease(first_of(m.suites)));
		EXPECT_TRUE(is_grease(first_of(m.exts.groups)));
		EXPECT_TRUE(is_grease(first_of(m.exts.versions)));
		EXPECT_TRUE(is_grease(first_of(m.exts.sigalgs)));
		EXPECT_EQ(first_of(m.exts.shares), first_of(m.exts.groups));
		EXPECT_EQ(m.exts.alpn.p[0], 2);
		EXPECT_TRUE(is_grease((uint16_t)(m.exts.alpn.p[1] << 8 |
						 m.exts.alpn.p[2])));
		EXPECT_EQ(count_exts(m.ext_block), 2);
		seen |= 1u << (m.suites.p[0] >> 4);
		two_again(&t, "localhost");
	}
	/* of the 16 not always the same */
	EXPECT_GT(__builtin_popcount(seen), 3);
	ASSERT_OK(pump(t.client, t.server, 0));
	two_agree(&t);
	EXPECT_STREQ(t.client->info.alpn, "h2");
	two_end(&t);
}

TEST(not_without_the_flag)
{
	const struct wr *w;
	struct client_hello m;
	struct two t;

	two_begin(&t, NULL, NULL, "localhost");
	w = &t.client->client.hello;
	ASSERT_OK(parse_client_hello((struct slice){ w->buf + MSG_HEADER,
				     w->len - MSG_HEADER }, &m));
	EXPECT_FALSE(is_grease(first_of(m.suites)));
	EXPECT_EQ(count_exts(m.ext_block), 0);
	two_end(&t);
}

/* ---- ignored ------------------------------------------------------------- */

FIXTURE(way) { int none; };

FIXTURE_VARIANT(way) {
	struct ktls_opts client, server;
	bool retried;
};

#define V12	.max_version = KTLS_TLS12

FIXTURE_VARIANT_ADD(way, plain) { .client.alpn = "h2", .server.alpn = "h2" };
FIXTURE_VARIANT_ADD(way, group) {
	.client.groups = "x25519:secp256r1", .server.groups = "secp256r1",
	.retried = true
};
FIXTURE_VARIANT_ADD(way, cookie) {
	.server.flags = KTLS_F_COOKIE, .retried = true
};
FIXTURE_VARIANT_ADD(way, clients_order) {
	.server.flags = KTLS_F_CLIENT_ORDER
};
FIXTURE_VARIANT_ADD(way, both_versions_1_2) { .server = { V12 } };
FIXTURE_VARIANT_ADD(way, only_1_2) { .client = { V12 } };
FIXTURE_VARIANT_ADD(way, mutual) { .server.verify = KTLS_VERIFY_REQUIRE };
FIXTURE_VARIANT_ADD(way, mutual_1_2) {
	.client = { V12 }, .server.verify = KTLS_VERIFY_REQUIRE
};

TEST_F(way, ours)
{
	const struct ktls_cred cred = pki_cred("client");
	struct ktls_opts c = variant->client, s = variant->server;
	struct mitm m;

	c.size = s.size = sizeof(c);
	c.role = KTLS_CLIENT;
	s.role = KTLS_SERVER;
	c.flags |= KTLS_F_GREASE;
	s.flags |= KTLS_F_GREASE;
	c.creds = &cred;
	c.creds_len = 1;
	mitm_begin(&m, &c, &s, NULL);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	EXPECT_EQ(m.hs[CLIENT_END]->info.retried, variant->retried);
	EXPECT_STREQ(m.hs[CLIENT_END]->info.alpn, c.alpn ? c.alpn : "");
	EXPECT_EQ(!!*m.hs[SERVER_END]->info.peer_subject, !!s.verify);
	mitm_end(&m);
}

TEST_F(way, libssl_server)
{
	struct ktls_opts c = variant->client;
	struct with w;

	c.role = KTLS_CLIENT;
	c.flags |= KTLS_F_GREASE;
	c.alpn = "h2";
	with_begin(&w, c, (struct ssl_opts){ .server = true, .alpn = "h2",
		   .groups = variant->server.groups ? "secp256r1" : NULL },
		   "localhost");
	with_run(&w, 0);
	with_agree(&w);
	EXPECT_STREQ(w.hs->info.alpn, "h2");
	with_end(&w);
}

TEST(libssl_client_is_asked)
{
	struct with w;

	with_begin(&w, (struct ktls_opts){ .role = KTLS_SERVER, GREASE,
		   .verify = KTLS_VERIFY_REQUIRE },
		   (struct ssl_opts){ .cert = "client", .verify = true },
		   "localhost");
	with_run(&w, 0);
	with_agree(&w);
	EXPECT_STREQ(w.hs->info.peer_subject, "CN = client");
	with_end(&w);
}

static void see_request(struct mitm *m, enum end from, struct flight *f,
			void *arg)
{
	bool *seen = arg;

	(void)m;
	for (size_t i = 0; from == SERVER_END && i < f->n; i++) {
		const struct item *it = &f->item[i];
		struct certificate_request req;

		if (!item_is(it, HT_CERTIFICATE_REQUEST))
			continue;
		ASSERT_OK(parse_certificate_request((struct slice){
			  it->data.buf + MSG_HEADER,
			  it->data.len - MSG_HEADER }, &req));
		EXPECT_TRUE(is_grease(first_of(req.exts.sigalgs)));
		/* behind the context, of no length, and the block's own */
		EXPECT_EQ(count_exts((struct slice){
			  it->data.buf + MSG_HEADER + 3,
			  it->data.len - MSG_HEADER - 3 }), 1);
		*seen = true;
	}
}

TEST(in_a_request)
{
	const struct ktls_cred cred = pki_cred("client");
	bool seen = false;
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.role = KTLS_CLIENT, .creds = &cred,
				 .creds_len = 1),
		   KTLS_OPTS(.role = KTLS_SERVER, GREASE,
			     .verify = KTLS_VERIFY_REQUIRE), NULL);
	mitm_run(&m, see_request, &seen);
	mitm_agree(&m);
	EXPECT_TRUE(seen);
	mitm_end(&m);
}

/* ---- chosen --------------------------------------------------------------- */

/* What a server makes of the client's own offer */
enum choice { SUITE, GROUP, RETRY_GROUP, VERSION, NAME, EE_EXT, SIGALG };

FIXTURE(choice) { struct mitm m; };
FIXTURE_VARIANT(choice) { enum choice what; int err; };

FIXTURE_VARIANT_ADD(choice, suite) { SUITE, -KTLS_E_SUITE_CHOICE };
FIXTURE_VARIANT_ADD(choice, group) { GROUP, -KTLS_E_GROUP_CHOICE };
FIXTURE_VARIANT_ADD(choice, retry_group) {
	RETRY_GROUP, -KTLS_E_GROUP_CHOICE
};
FIXTURE_VARIANT_ADD(choice, version) { VERSION, -KTLS_E_VERSION_CHOICE };
FIXTURE_VARIANT_ADD(choice, alpn) { NAME, -KTLS_E_ALPN_CHOICE };
FIXTURE_VARIANT_ADD(choice, extension) { EE_EXT, -KTLS_E_EXT_UNSOLICITED };
FIXTURE_VARIANT_ADD(choice, sigalg) { SIGALG, -KTLS_E_SIGALG_CHOICE };

static void choose_hello(struct item *it, enum choice what,
			 const struct client_hello *ch)
{
	struct hello h;

	hello_open(&h, it);
	switch (what) {
	case SUITE:
		hello_set(&h.suites, ch->suites.p, 2);
		break;
	case GROUP: {
		uint8_t share[5] = { 0, 0, 0, 1, 0 };

		memcpy(share, ch->exts.groups.p, 2);
		hello_put(&h, 51, share, 5);
		break;
	}
	case RETRY_GROUP:
		hello_put(&h, 51, ch->exts.groups.p, 2);
		break;
	default:
		hello_put(&h, 43, ch->exts.versions.p, 2);
	}
	hello_close(&h);
}

static void choose(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	const enum choice what = *(const enum choice *)arg;
	const struct wr *w = &m->hs[CLIENT_END]->client.hello;
	struct client_hello ch;

	if (from == CLIENT_END)
		return;
	ASSERT_OK(parse_client_hello((struct slice){ w->buf + MSG_HEADER,
				     w->len - MSG_HEADER }, &ch));
	for (size_t i = 0; i < f->n; i++) {
		struct item *it = &f->item[i];
		uint8_t name[5] = { 0, 3, 2, ch.exts.alpn.p[1],
				    ch.exts.alpn.p[2] };

		if (item_is(it, HT_SERVER_HELLO) && what <= VERSION)
			choose_hello(it, what, &ch);
		if (item_is(it, HT_ENCRYPTED_EXTENSIONS) && what == NAME)
			ext_put(it, 16, name, sizeof(name));
		if (item_is(it, HT_ENCRYPTED_EXTENSIONS) && what == EE_EXT)
			ext_put(it, 0x1a1a, "", 0);
		if (item_is(it, HT_CERTIFICATE_VERIFY) && what == SIGALG)
			memcpy(it->data.buf + MSG_HEADER, ch.exts.sigalgs.p,
			       2);
	}
}

FIXTURE_SETUP(choice)
{
	bool retry = variant->what == RETRY_GROUP;

	mitm_begin(&self->m, KTLS_OPTS(.role = KTLS_CLIENT, GREASE,
				       .alpn = "h2"),
		   KTLS_OPTS(.role = KTLS_SERVER, .alpn = "h2",
			     .flags = retry ? KTLS_F_COOKIE : 0), NULL);
}

FIXTURE_TEARDOWN(choice)
{
	mitm_end(&self->m);
}

TEST_F(choice, refused)
{
	enum choice what = variant->what;

	mitm_run(&self->m, choose, &what);
	mitm_failed(&self->m, CLIENT_END, variant->err);
}

HARNESS_MAIN
