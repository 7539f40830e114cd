// SPDX-License-Identifier: GPL-2.0-only
/*
 * RFC 8448, byte for byte: by the parts of the library, and with its client
 * and its server in the place of those who made the traces
 */
#include <string.h>

#include "harness.h"
#include "peer.h"
#include "record_lib.h"
#include "rfc8448_lib.h"

/* ---- by parts ---------------------------------------------------------- */

FIXTURE(rfc8448) {
	struct work k;
};

FIXTURE_VARIANT(rfc8448) {
	const struct trace *trace;
};

FIXTURE_VARIANT_ADD(rfc8448, simple) { &rfc8448_simple };
FIXTURE_VARIANT_ADD(rfc8448, retry) { &rfc8448_retry };
FIXTURE_VARIANT_ADD(rfc8448, auth) { &rfc8448_auth };
FIXTURE_VARIANT_ADD(rfc8448, compat) { &rfc8448_compat };

FIXTURE_SETUP(rfc8448)
{
	work_through(&self->k, variant->trace);
}

FIXTURE_TEARDOWN(rfc8448)
{
	work_end(&self->k);
}

/* All is in the setup: each tag, Finished and sealed record fitted */
TEST_F(rfc8448, parts)
{
	EXPECT_EQ(self->k.suite->id, 0x1301);
}

TEST(key_schedule_of_the_simple_one)
{
	struct kex_secret secret;
	struct secret res, psk = { .len = 32 };
	struct work k;

	work_begin(&k, &rfc8448_simple);
	ASSERT_OK(sched_begin(&k.sched, k.crypto, k.suite->hash,
			      (struct slice){ NULL, 0 }));
	EXPECT_SECRET(&k.sched.now, "33ad0a1c607ec03b09e6cd9893680ce2"
				    "10adf300aa1f2660e1b22e10f170f92a");
	work_agree(&k, &rfc8448_simple, &secret);
	expect_hex("shared", (struct slice){ secret.b, secret.len },
		   "8bd4054fb55b9d63fdfbacf9f04b9f0d"
		   "35e6d63f537563efd46272900f89492d");
	ASSERT_OK(sched_mix(&k.sched, (struct slice){ secret.b, secret.len }));
	EXPECT_SECRET(&k.sched.now, "1dc826e93606aa6fdc0aadc12f741b01"
				    "046aa6b99f691ed221a9f0ca043fbeac");
	work_server_flight(&k, &rfc8448_simple);
	EXPECT_SECRET(&k.client_hs, "b3eddb126e067f35a780b3abf45e2d8f"
				    "3b1a950738f52e9600746a0e27a55a21");
	EXPECT_SECRET(&k.server_hs, "b67b7d690cc16c4e75e54213cb2d37b4"
				    "e9c912bcded9105d42befd59d391ad38");
	EXPECT_SECRET(&k.sched.now, "18df06843d13a08bf2a449844c5f8a47"
				    "8001bc4d4c627984d5a41da8d0402919");
	EXPECT_SECRET(&k.client_app, "9e40646ce79a7f9dc05af8889bce6552"
				     "875afa0b06df0087f792ebb7c17504a5");
	EXPECT_SECRET(&k.server_app, "a11af9f05531f856ad47116b45a95032"
				     "8204b4f44bfb6b3a4b4f1f3fcb631643");
	EXPECT_SECRET(&k.exporter, "fe22f881176eda18eb8f44529e6792c5"
				   "0c9a3f89452f68d8ae311b4309d3cf50");
	work_client_flight(&k, &rfc8448_simple);
	work_derive(&k, "res master", &res);
	EXPECT_SECRET(&res, "7df235f2031d2a051287d02b0241b0bf"
			    "daf86cc856231f2d5aba46c434ec196c");
	ASSERT_OK(expand_label(k.crypto, k.suite->hash, &res, "resumption",
			       (struct slice){ (const uint8_t *)"\0", 2 },
			       psk.b, psk.len));
	EXPECT_SECRET(&psk, "4ecd0eb6ec3b4d87f5d6028f922ca4c5"
			    "851a277fd41311c9e62d2c9492e1c4f3");
	work_end(&k);
}

static void check_keys(const struct work *k, const struct secret *traffic,
		       const char *key, const char *iv)
{
	struct traffic_keys keys;

	ASSERT_OK(traffic_keys(k->crypto, k->suite, traffic, &keys));
	expect_hex("key", (struct slice){ keys.key, 16 }, key);
	expect_hex("iv", (struct slice){ keys.iv, 12 }, iv);
}

TEST(traffic_keys_of_the_simple_one)
{
	struct work k;

	work_through(&k, &rfc8448_simple);
	check_keys(&k, &k.server_hs, "3fce516009c21727d0f2e4e86ee403bc",
		   "5d313eb2671276ee13000b30");
	check_keys(&k, &k.client_hs, "dbfaa693d1762c5b666af5d950258d01",
		   "5bd3c71b836e0b76bb73265f");
	check_keys(&k, &k.server_app, "9f02283b6c9c07efc26bb9f2ac92e356",
		   "cf782b88dd83549aadf1e984");
	check_keys(&k, &k.client_app, "17422dda596ed5d9acd890e3c63f5051",
		   "5b78923dee08579033e523d9");
	work_end(&k);
}

/* A PSK, its binder, and 0-RTT keys: the schedule has them all */
TEST(key_schedule_of_the_resumed_one)
{
	const struct trace *t = &rfc8448_resumed;
	struct wr psk = { 0 }, early = { 0 };
	struct secret digest, binder_key, binder, traffic;
	struct kex_secret secret;
	struct transcript hello = { 0 };
	struct work k;
	size_t cut;

	work_begin(&k, t);
	unhex(&psk, "4ecd0eb6ec3b4d87f5d6028f922ca4c5"
		    "851a277fd41311c9e62d2c9492e1c4f3");
	ASSERT_OK(sched_begin(&k.sched, k.crypto, k.suite->hash, wr_all(&psk)));
	EXPECT_SECRET(&k.sched.now, "9b2188e9b2fc6d64d71dc329900e20bb"
				    "41915000f678aa839cbb797cb7d8332c");
	ASSERT_OK(sched_derive(&k.sched, "res binder",
			       hash_empty(k.crypto, k.suite->hash),
			       &binder_key));
	EXPECT_SECRET(&binder_key, "69fe131a3bbad5d63c64eebcc30e395b"
				   "9d8107726a13d074e389dbc8a4e47256");
	/* the hello without its binders */
	cut = k.ch_msg.len - k.ch.exts.psk_binders.len - 2;
	ASSERT_OK(transcript_begin(&hello, k.crypto, k.suite->hash));
	ASSERT_OK(transcript_add(&hello, (struct slice){ k.ch_msg.p, cut }));
	ASSERT_OK(transcript_now(&hello, &digest));
	ASSERT_OK(finished_mac(k.crypto, k.suite->hash, &binder_key, &digest,
			       &binder));
	EXPECT_EQ(k.ch.exts.psk_binders.len, 33);
	EXPECT_MEMEQ(k.ch.exts.psk_binders.p + 1, binder.b, 32);
	ASSERT_OK(transcript_add(&hello, (struct slice){
				 k.ch_msg.p + cut, k.ch_msg.len - cut }));
	ASSERT_OK(transcript_now(&hello, &digest));
	ASSERT_OK(sched_derive(&k.sched, "c e traffic", &digest, &traffic));
	EXPECT_SECRET(&traffic, "3fbbe6a60deb66c30a32795aba0eff7e"
				"aa10105586e7be5c09678d63b6caab62");
	work_open(&k, &traffic, t->client_early, CT_DATA, &early);
	expect_hex("early data", wr_all(&early), "414243444546");
	work_agree(&k, t, &secret);
	ASSERT_OK(sched_mix(&k.sched, (struct slice){ secret.b, secret.len }));
	work_server_flight(&k, t);
	/* EndOfEarlyData counts */
	ASSERT_OK(transcript_add(&k.transcript, (struct slice){
				 (const uint8_t *)"\5\0\0", 4 }));
	work_client_flight(&k, t);
	work_data(&k, &k.server_app, t->server_after);
	work_data(&k, &k.client_app, t->client_after);
	transcript_free(&hello);
	wr_free(&psk);
	wr_free(&early);
	work_end(&k);
}

/* ---- by the engine ----------------------------------------------------- */

static int receive(struct ktls_hs *hs, const char *hex)
{
	struct wr in = { 0 };
	int err = 0;

	unhex(&in, hex);
	for (size_t at = 0; at < in.len && !err; ) {
		size_t room;
		void *p = ktls_hs_in(hs, &room);

		ASSERT_TRUE(p);
		if (room > in.len - at)
			room = in.len - at;
		memcpy(p, in.buf + at, room);
		at += room;
		err = ktls_hs_received(hs, room);
	}
	wr_free(&in);
	return err;
}

/* Our client, as if it had sent this hello */
static void put_hello(struct ktls_hs *hs, struct slice msg)
{
	struct hs_client *c = &hs->client;
	struct client_hello m;

	ktls_hs_sent(hs, SIZE_MAX);
	ASSERT_OK(parse_client_hello(body_of(msg), &m));
	memcpy(hs->client_random, m.random.p, RANDOM_LEN);
	memcpy(hs->session_id, m.session_id.p, m.session_id.len);
	hs->session_id_len = m.session_id.len;
	c->asked = m.exts.set;
	wr_reset(&c->hello);
	wr_slice(&c->hello, msg);
	wr_reset(&c->shares);
	wr_slice(&c->shares, m.exts.shares);
}

static void put_key(struct ktls_hs *hs, const struct trace *t,
		    const struct work *k)
{
	for (size_t i = 0; i < CLIENT_SHARES_MAX; i++)
		kex_free(&hs->client.kex[i]);
	hs->client.kex[0] = kex_of(t->client_key, k->ch.exts.shares);
}

static struct ktls_hs *client_new(void)
{
	struct ktls_config *cfg = config(KTLS_OPTS(
		.role = KTLS_CLIENT, .verify = KTLS_VERIFY_NONE,
		.groups = "x25519:secp256r1", .flags = KTLS_F_NO_COMPAT,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER));
	struct ktls_hs *hs;

	ASSERT_OK(ktls_hs_new(&hs, cfg, "server"));
	ktls_config_put(cfg);
	return hs;
}

/* The first answer: what the client makes of it, then what that one made */
static void take_retry(struct ktls_hs *hs, const struct trace *t,
		       const struct work *k)
{
	struct wr first = { 0 }, retry = { 0 };
	struct slice hello = content_of(&first, t->client_hello);
	struct client_hello m;

	put_hello(hs, hello);
	ASSERT_OK(receive(hs, t->retry));
	ASSERT_EQ(hs->state, C_SH2);
	ASSERT_OK(parse_client_hello(body_of(wr_all(&hs->client.hello)), &m));
	EXPECT_TRUE(slice_eq(m.exts.cookie, k->ch.exts.cookie));
	EXPECT_EQ(m.exts.shares.len, k->ch.exts.shares.len);
	/* and on with what it should have said */
	ASSERT_OK(transcript_begin(&hs->transcript, hs->config->crypto,
				   HASH_SHA256));
	ASSERT_OK(transcript_add(&hs->transcript, hello));
	ASSERT_OK(transcript_retry(&hs->transcript, hs->config->crypto));
	ASSERT_OK(transcript_add(&hs->transcript,
				 content_of(&retry, t->retry)));
	ASSERT_OK(transcript_add(&hs->transcript, k->ch_msg));
	wr_free(&first);
	wr_free(&retry);
}

static void same(const struct secret *a, const struct secret *b)
{
	ASSERT_EQ(a->len, b->len);
	EXPECT_MEMEQ(a->b, b->b, a->len);
}

/*
 * The flight's EncryptedExtensions answer to record_size_limit, which our
 * hello never has: past the handler with it, the rest as it comes.
 */
static void take_flight(struct ktls_hs *hs, const struct work *k)
{
	struct slice left = k->flight;

	ASSERT_EQ(hs->state, C_EE);
	ASSERT_OK(transcript_add(&hs->transcript, next_message(&left)));
	hs->state = C_CERT_CR;
	while (left.len) {
		struct slice msg = next_message(&left);

		ASSERT_OK(hs_message(hs, msg, !left.len))
			TH_LOG("message %u: %s", msg.p[0],
			       ktls_hs_error_text(hs));
	}
	ASSERT_EQ(hs->state, HS_DONE);
}

TEST_F(rfc8448, client)
{
	const struct trace *t = variant->trace;
	const struct work *k = &self->k;
	struct ktls_hs *hs = client_new();
	struct wr data = { 0 };

	if (t->retry)
		take_retry(hs, t, k);
	put_hello(hs, k->ch_msg);
	put_key(hs, t, k);
	ASSERT_OK(receive(hs, t->server_hello));
	same(&hs->client_hs, &k->client_hs);
	same(&hs->server_hs, &k->server_hs);
	take_flight(hs, k);
	same(&hs->client_app, &k->client_app);
	same(&hs->server_app, &k->server_app);
	same(&hs->exporter, &k->exporter);
	/* without its key we cannot answer as that client did */
	if (t != &rfc8448_auth)
		expect_hex("flight", (struct slice){
			   hs->out.buf, hs->out.len }, t->client_flight);
	ASSERT_OK(record_seal(&hs->tx, 0, CT_ALERT, "\1", 2, &data));
	/* the first thing that some of them said */
	if (strlen(t->client_after) == 2 * data.len)
		expect_hex("close", wr_all(&data), t->client_after);
	wr_free(&data);
	ktls_hs_free(hs);
}

/* Up to its own Finished our server cannot be brought; from there it can */
TEST_F(rfc8448, server)
{
	const struct trace *t = variant->trace;
	const struct work *k = &self->k;
	struct ktls_config *cfg = config(KTLS_OPTS(
		.role = KTLS_SERVER, .tx = KTLS_PATH_USER,
		.rx = KTLS_PATH_USER));
	struct slice left = k->flight;
	struct ktls_hs *hs;

	ASSERT_OK(ktls_hs_new(&hs, cfg, NULL));
	hs->suite = k->suite;
	hs->client_hs = k->client_hs;
	hs->client_app = k->client_app;
	hs->state = t == &rfc8448_auth ? S_CERT : S_FIN;
	ASSERT_OK(record_set_secret(&hs->rx, cfg->crypto, k->suite,
				 &k->client_hs, false));
	ASSERT_OK(transcript_begin(&hs->transcript, cfg->crypto,
				   k->suite->hash));
	if (t->retry) {
		struct wr w = { 0 };

		ASSERT_OK(transcript_add(&hs->transcript,
					 content_of(&w, t->client_hello)));
		ASSERT_OK(transcript_retry(&hs->transcript, cfg->crypto));
		wr_reset(&w);
		ASSERT_OK(transcript_add(&hs->transcript,
					 content_of(&w, t->retry)));
		wr_free(&w);
	}
	ASSERT_OK(transcript_add(&hs->transcript, k->ch_msg));
	ASSERT_OK(transcript_add(&hs->transcript, k->sh_msg));
	while (left.len)
		ASSERT_OK(transcript_add(&hs->transcript,
					 next_message(&left)));
	ASSERT_OK(receive(hs, t->client_flight))
		TH_LOG("%s", ktls_hs_error_text(hs));
	EXPECT_EQ(ktls_hs_wants(hs), KTLS_WANT_DONE);
	EXPECT_EQ(hs->info.peer_sigalg, t == &rfc8448_auth ? 0x0804 : 0);
	ktls_hs_free(hs);
	ktls_config_put(cfg);
}

HARNESS_MAIN
