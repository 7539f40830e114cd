// SPDX-License-Identifier: GPL-2.0-only
/* Chains that have been verified before: when they are taken, and when not */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../lib/known_chains.h"
#include "harness.h"
#include "mitm_lib.h"
#include "peer.h"

/* Each version, and who is verified */
FIXTURE(known) {
	struct mitm m;
	struct ktls_cred server, client;
	struct ktls_opts c, s;
};

FIXTURE_VARIANT(known) {
	uint16_t version;
	enum end end;		/* who verifies */
};

FIXTURE_VARIANT_ADD(known, client_1_3) { KTLS_TLS13, CLIENT_END };
FIXTURE_VARIANT_ADD(known, server_1_3) { KTLS_TLS13, SERVER_END };
FIXTURE_VARIANT_ADD(known, client_1_2) { KTLS_TLS12, CLIENT_END };
FIXTURE_VARIANT_ADD(known, server_1_2) { KTLS_TLS12, SERVER_END };

FIXTURE_SETUP(known)
{
	self->server = pki_cred("chain");
	self->client = pki_cred("client");
	self->c = (struct ktls_opts){
		.size = sizeof(self->c), .role = KTLS_CLIENT,
		.min_version = variant->version,
		.max_version = variant->version,
		.creds = &self->client, .creds_len = 1,
		.sessions = KTLS_NO_SESSIONS,
	};
	self->s = (struct ktls_opts){
		.size = sizeof(self->s), .role = KTLS_SERVER,
		.min_version = variant->version,
		.max_version = variant->version,
		.creds = &self->server, .creds_len = 1,
		.sessions = KTLS_NO_SESSIONS, .flags = KTLS_F_NO_TICKETS,
		.verify = KTLS_VERIFY_REQUIRE,
	};
}

FIXTURE_TEARDOWN(known)
{
	mitm_end(&self->m);
}

static struct ktls_opts *verifier(FIXTURE_DATA(known) *self, enum end end)
{
	return end == CLIENT_END ? &self->c : &self->s;
}

/* One more handshake, which is good: the leaf that @end has then */
static const void *once(struct mitm *m, enum end end)
{
	mitm_run(m, NULL, NULL);
	mitm_agree(m);
	EXPECT_TRUE(m->hs[end]->info.peer_verified);
	EXPECT_TRUE(m->hs[end]->info.peer_subject[0]);
	EXPECT_TRUE(m->hs[end]->peer.verified);
	EXPECT_TRUE(m->hs[end]->peer.issuer);
	return m->hs[end]->peer.leaf;
}

static void begin(FIXTURE_DATA(known) *self)
{
	mitm_begin(&self->m, &self->c, &self->s, NULL);
}

TEST_F(known, is_taken)
{
	struct mitm *m = &self->m;
	struct peer_chain first = { .raw = NULL };
	size_t n;

	begin(self);
	once(m, variant->end);
	n = peer_len(&m->hs[variant->end]->peer);
	ASSERT_TRUE(peer_copy(&first, &m->hs[variant->end]->peer));
	for (int i = 0; i < 3; i++) {
		mitm_again(m);
		/* not one of the same content: the same one */
		EXPECT_EQ(once(m, variant->end), (const void *)first.leaf);
		EXPECT_EQ(peer_len(&m->hs[variant->end]->peer), n);
	}
	peer_free(&first);
}

/* Whether the application wants it so, or the time is up */
TEST_F(known, is_not_for_ever)
{
	struct mitm *m = &self->m;
	struct peer_chain first = { .raw = NULL };

	verifier(self, variant->end)->known_chains = 1;
	begin(self);
	once(m, variant->end);
	ASSERT_TRUE(peer_copy(&first, &m->hs[variant->end]->peer));
	nanosleep(&(struct timespec){ .tv_sec = 1, .tv_nsec = 100000000 },
		  NULL);
	mitm_again(m);
	EXPECT_NE(once(m, variant->end), (const void *)first.leaf);
	peer_free(&first);
}

TEST_F(known, not_if_not_wanted)
{
	struct mitm *m = &self->m;
	struct peer_chain first = { .raw = NULL };

	verifier(self, variant->end)->known_chains = KTLS_NO_KNOWN_CHAINS;
	begin(self);
	EXPECT_FALSE(m->config[variant->end]->known);
	once(m, variant->end);
	ASSERT_TRUE(peer_copy(&first, &m->hs[variant->end]->peer));
	mitm_again(m);
	EXPECT_NE(once(m, variant->end), (const void *)first.leaf);
	peer_free(&first);
}

/* ---- what shows the key ------------------------------------------------- */

struct forging {
	enum end from;
	uint16_t version;
	bool done;
};

/* In 1.2 a server signs its key exchange; the signature ends the message */
static void forge(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	struct forging *fg = arg;
	uint8_t msg = fg->version == KTLS_TLS12 && from == SERVER_END ?
		      HT_SERVER_KEY_EXCHANGE : HT_CERTIFICATE_VERIFY;

	(void)m;
	for (size_t i = 0; from == fg->from && i < f->n; i++) {
		struct wr *w = &f->item[i].data;

		if (item_is(&f->item[i], msg)) {
			w->buf[w->len - 1] ^= 1;
			fg->done = true;
		}
	}
}

/* A known certificate spares nobody the signature */
TEST_F(known, is_no_proof)
{
	struct forging f = { OTHER(variant->end), variant->version, false };
	struct mitm *m = &self->m;

	begin(self);
	once(m, variant->end);
	mitm_again(m);
	mitm_run(m, forge, &f);
	ASSERT_TRUE(f.done);
	mitm_failed(m, variant->end, -KTLS_E_SIGNATURE);
}

/* ... and is not known by being shown */
TEST_F(known, has_to_be_proven)
{
	struct forging f = { OTHER(variant->end), variant->version, false };
	struct mitm *m = &self->m;
	struct hs_chain *chain;
	struct peer_chain none = { .raw = NULL };
	uint8_t id[KNOWN_ID_LEN];

	begin(self);
	mitm_run(m, forge, &f);
	ASSERT_TRUE(f.done);
	mitm_failed(m, variant->end, -KTLS_E_SIGNATURE);
	mitm_again(m);
	mitm_run_to(m, variant->end, variant->end == SERVER_END ?
		    (variant->version == KTLS_TLS13 ? S_CV : S12_CKE) :
		    (variant->version == KTLS_TLS13 ? C_CV : C12_SKE));
	chain = &m->hs[variant->end]->chain;
	EXPECT_EQ(chain->state, CHAIN_NAMED);
	memcpy(id, chain->id, sizeof(id));
	EXPECT_FALSE(known_find(m->config[variant->end]->known, id, &none));
	mitm_again(m);
	once(m, variant->end);
	EXPECT_TRUE(known_find(m->config[variant->end]->known, id, &none));
	peer_free(&none);
}

/* ---- what it is known by ------------------------------------------------ */

/* Whom it is for is a part of it */
TEST(for_one_name)
{
	struct ktls_cred cred = pki_cred("p256");
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.role = KTLS_CLIENT,
				 .sessions = KTLS_NO_SESSIONS),
		   KTLS_OPTS(.role = KTLS_SERVER, .creds = &cred,
			     .creds_len = 1), NULL);
	once(&m, CLIENT_END);
	strcpy(m.name, "other.example");
	mitm_again(&m);
	mitm_run(&m, NULL, NULL);
	mitm_failed(&m, CLIENT_END, -KTLS_E_CERT_NAME);
	mitm_end(&m);
}

static void append(char *text, size_t size, const char *path)
{
	size_t len = strlen(text);
	FILE *f = fopen(path, "r");

	ASSERT_TRUE(f);
	len += fread(text + len, 1, size - len - 1, f);
	text[len] = '\0';
	fclose(f);
}

/*
 * It was not verified by what else is sent, such as a cross-certificate that
 * has expired: neither this nor a session ends with that
 */
TEST_F(known, whatever_stands_beside)
{
	struct ktls_cred *sent = variant->end == CLIENT_END ? &self->server :
							      &self->client;
	struct mitm *m = &self->m;
	struct peer_chain first = { .raw = NULL };
	const uint64_t now = (uint64_t)time(NULL);
	char text[16384] = "";

	append(text, sizeof(text), sent->cert_file);
	append(text, sizeof(text), pki("expired"));
	sent->cert_file = NULL;
	sent->cert_pem = text;
	begin(self);
	once(m, variant->end);
	EXPECT_EQ(session_limit(m->hs[variant->end], now, 7200), 7200);
	ASSERT_TRUE(peer_copy(&first, &m->hs[variant->end]->peer));
	mitm_again(m);
	EXPECT_EQ(once(m, variant->end), (const void *)first.leaf);
	peer_free(&first);
}

static int see(struct ktls_hs *hs, const char *const *certs, size_t n,
	       uint8_t id[KNOWN_ID_LEN])
{
	struct chain_seen seen = { 0 };
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = chain_see(hs, &seen, slice_str(certs[i]));
	EXPECT_FALSE(chain_known(hs, &seen));
	memcpy(id, hs->chain.id, KNOWN_ID_LEN);
	return err;
}

/* Every byte, the order, where one ends and the next begins */
TEST(each_has_its_own)
{
	static const char *const chains[][3] = {
		{ "leaf", "inter", "root" }, { "leaf", "root", "inter" },
		{ "leafi", "nter", "root" }, { "leaf", "interroot", "" },
		{ "leaf", "inter", "rooT" }, { "leaf", "inter", "root0" },
	};
	uint8_t id[6][KNOWN_ID_LEN], again[KNOWN_ID_LEN];
	const uint8_t none[KNOWN_ID_LEN] = { 0 };
	struct mitm m;

	mitm_begin(&m, NULL, NULL, NULL);
	for (size_t i = 0; i < 6; i++) {
		ASSERT_OK(see(m.hs[CLIENT_END], chains[i], 3, id[i]));
		ASSERT_OK(see(m.hs[CLIENT_END], chains[i], 3, again));
		EXPECT_FALSE(memcmp(id[i], again, KNOWN_ID_LEN));
		EXPECT_TRUE(memcmp(id[i], none, KNOWN_ID_LEN));
		for (size_t j = 0; j < i; j++)
			EXPECT_TRUE(memcmp(id[i], id[j], KNOWN_ID_LEN));
	}
	mitm_end(&m);
}

/* Longer than is kept, or than is allowed; none */
TEST(limits)
{
	static char large[KNOWN_BYTES_MAX + 2];
	const char *one = large, *many[16];
	uint8_t id[KNOWN_ID_LEN];
	struct mitm m;

	mitm_begin(&m, NULL, NULL, NULL);
	memset(large, 'x', sizeof(large) - 1);
	ASSERT_OK(see(m.hs[CLIENT_END], &one, 1, id));
	EXPECT_EQ(m.hs[CLIENT_END]->chain.state, CHAIN_NEW);
	one = large + 1;
	ASSERT_OK(see(m.hs[CLIENT_END], &one, 1, id));
	EXPECT_EQ(m.hs[CLIENT_END]->chain.state, CHAIN_NAMED);
	for (size_t i = 0; i < 16; i++)
		many[i] = "x";
	EXPECT_EQ(see(m.hs[CLIENT_END], many, 16, id), -KTLS_E_CERT_CHAIN);
	ASSERT_OK(see(m.hs[CLIENT_END], many, 0, id));
	EXPECT_EQ(m.hs[CLIENT_END]->chain.state, CHAIN_NEW);
	mitm_end(&m);
}

/* ---- the store itself --------------------------------------------------- */

static void chain_of(const char *name, struct peer_chain *peer)
{
	struct ktls_cred from = pki_cred(name);
	struct text why = { NULL, 0 };
	struct cred cred;

	*peer = (struct peer_chain){ .raw = NULL };
	ASSERT_OK(cred_load(&cred, &from, false, why));
	for (size_t i = 0; i < cred.chain_len; i++)
		ASSERT_OK(peer_add(peer, (struct slice){ cred.chain[i].der,
							 cred.chain[i].len }));
	cred_free(&cred);
}

static bool holds(struct known_chains *k, uint8_t nr)
{
	uint8_t id[KNOWN_ID_LEN] = { nr };
	struct peer_chain got = { .raw = NULL };
	bool found = known_find(k, id, &got);

	peer_free(&got);
	return found;
}

static uint64_t now(void)
{
	return (uint64_t)time(NULL);
}

/* 64 are kept, and who has not been asked for longest goes */
TEST(bounded)
{
	struct known_chains *k = known_new(60);
	struct peer_chain peer;

	ASSERT_TRUE(k);
	chain_of("p256", &peer);
	for (uint8_t i = 1; i <= 64; i++) {
		uint8_t id[KNOWN_ID_LEN] = { i };

		known_add(k, id, &peer, now());
		known_add(k, id, &peer, now());
	}
	for (uint8_t i = 1; i <= 64; i++)
		EXPECT_TRUE(holds(k, i));
	EXPECT_FALSE(holds(k, 65));
	EXPECT_TRUE(holds(k, 1));
	known_add(k, (uint8_t[KNOWN_ID_LEN]){ 65 }, &peer, now());
	EXPECT_TRUE(holds(k, 1));
	EXPECT_TRUE(holds(k, 65));
	EXPECT_FALSE(holds(k, 2));
	EXPECT_TRUE(holds(k, 3));
	peer_free(&peer);
	known_free(k);
}

/* Not longer than a certificate of it is good, however long that may be */
TEST(not_when_expired)
{
	struct known_chains *k = known_new(86400);
	struct peer_chain peer;

	ASSERT_TRUE(k);
	chain_of("expired", &peer);
	known_add(k, (uint8_t[KNOWN_ID_LEN]){ 1 }, &peer, now());
	EXPECT_FALSE(holds(k, 1));
	peer_free(&peer);
	known_free(k);
}

/* From when it was verified, which may be long ago, or not have been yet */
TEST(from_then_on)
{
	struct known_chains *k = known_new(60);
	struct peer_chain peer;

	ASSERT_TRUE(k);
	chain_of("p256", &peer);
	known_add(k, (uint8_t[KNOWN_ID_LEN]){ 1 }, &peer, now() - 61);
	EXPECT_FALSE(holds(k, 1));
	known_add(k, (uint8_t[KNOWN_ID_LEN]){ 1 }, &peer, now() + 60);
	EXPECT_FALSE(holds(k, 1));
	known_add(k, (uint8_t[KNOWN_ID_LEN]){ 1 }, &peer, now() - 30);
	EXPECT_TRUE(holds(k, 1));
	peer_free(&peer);
	known_free(k);
}

TEST(option)
{
	struct ktls_config *config;
	char why[128];

	EXPECT_EQ(ktls_config_new(&config, KTLS_OPTS(.role = KTLS_CLIENT,
			.ca_file = pki("ca"), .known_chains = 86401,
			.error = why, .error_size = sizeof(why))),
		  -KTLS_E_OPTION);
	EXPECT_STREQ(why, "known_chains is above 86400");
	ASSERT_OK(ktls_config_new(&config, KTLS_OPTS(.role = KTLS_CLIENT,
			.verify = KTLS_VERIFY_NONE)));
	EXPECT_FALSE(config->known);
	ktls_config_put(config);
}

HARNESS_MAIN
