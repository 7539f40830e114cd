// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signatures of TLS 1.2 that must not count, although the key is right: of a
 * weak hash, of a scheme that was not offered or is not for the key, damaged,
 * old.
 */
#include "harness.h"
#include "ske_lib.h"

FIXTURE(signature) {
	struct mitm m;
};

enum damage { INTACT, BIT, NO_BYTES, OLD /* of other randoms */ };

/* A scheme that is none of ours signs, and says so or not */
FIXTURE_VARIANT(signature) {
	const char *cert, *sigalgs;	/* NULL: what we offer by default */
	uint16_t id;			/* 0: the right one */
	const char *digest;		/* NULL: that of the scheme */
	enum damage damage;
	int err;
};

#define SIGNED(name, ...) FIXTURE_VARIANT_ADD(signature, name) { __VA_ARGS__ }
#define CHOICE	.err = -KTLS_E_SIGALG_CHOICE
#define WRONG	.err = -KTLS_E_SIGNATURE

SIGNED(ecdsa_sha1, "p256", NULL, 0x0203, "SHA1", CHOICE);
SIGNED(rsa_sha1, "rsa2048", NULL, 0x0201, "SHA1", CHOICE);
SIGNED(rsa_md5, "rsa2048", NULL, 0x0101, "MD5", CHOICE);
SIGNED(rsa_sha224, "rsa2048", NULL, 0x0301, "SHA224", CHOICE);
SIGNED(dsa_sha1, "rsa2048", NULL, 0x0202, "SHA1", CHOICE);
SIGNED(anonymous, "p256", NULL, 0x0400, NULL, CHOICE);
SIGNED(unoffered, "p256", "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256",
       0x0503, "SHA384", CHOICE);
SIGNED(rsa_scheme_for_ecdsa, "p256", NULL, 0x0401, NULL, CHOICE);
SIGNED(ed25519_for_ecdsa, "p256", NULL, 0x0807, NULL, CHOICE);
SIGNED(ecdsa_for_rsa, "rsa2048", NULL, 0x0403, NULL, CHOICE);
SIGNED(pss_key_scheme_for_rsa, "rsa2048", NULL, 0x0809, NULL, CHOICE);
/* SHA-1 in the name of SHA-256 is just wrong */
SIGNED(sha1_in_disguise, "p256", NULL, 0, "SHA1", WRONG);
SIGNED(bit, "p256", NULL, 0, NULL, BIT, WRONG);
SIGNED(empty, "p256", NULL, 0, NULL, NO_BYTES, WRONG);
SIGNED(of_another_handshake, "p256", NULL, 0, NULL, OLD, WRONG);

static void damage(struct item *it, enum damage how, size_t params_len)
{
	struct wr *w = &it->data;

	if (how == BIT)
		w->buf[w->len - 1] ^= 1;
	if (how != NO_BYTES)
		return;
	w->len = MSG_HEADER + params_len + 4;
	w->buf[w->len - 1] = w->buf[w->len - 2] = 0;
	item_fix_length(it);
}

static void edit_signature(struct mitm *m, enum end from, struct flight *f,
			   void *arg)
{
	const FIXTURE_VARIANT(signature) *v = arg;
	struct ktls_hs *server = m->hs[SERVER_END];
	struct server_key_exchange ske;
	struct sigscheme scheme;
	struct wr params = { 0 };
	struct item *it;

	if (from != SERVER_END || m->flights[from])
		return;
	scheme = *server->scheme;
	if (v->digest) {
		scheme.digest = v->digest;
		/* what is no longer in our list was PKCS #1 */
		if (scheme.kind == SIG_RSA_PSS)
			scheme.kind = SIG_RSA_PKCS1;
	}
	it = flight_find(f, HT_SERVER_KEY_EXCHANGE);
	ske_parse(m, it, &ske);
	wr_slice(&params, ske.params);
	if (v->damage == OLD)
		server->tls12.server_random[0] ^= 1;
	ske_set(m, it, wr_all(&params), &scheme,
			 v->id ? v->id : scheme.id);
	damage(it, v->damage, params.len);
	wr_free(&params);
}

FIXTURE_TEARDOWN(signature)
{
	mitm_end(&self->m);
}

TEST_F(signature, of_server_refused)
{
	ske_begin(&self->m, NULL, variant->cert, NULL, variant->sigalgs, false);
	mitm_run(&self->m, edit_signature, (void *)variant);
	mitm_failed(&self->m, CLIENT_END, variant->err);
}

/* As the tests above make them, but right: only the transcripts differ */
TEST(what_is_right_is_taken)
{
	const FIXTURE_VARIANT(signature) right = { .cert = "p256" };
	struct mitm m;

	ske_begin(&m, NULL, "p256", NULL, NULL, false);
	mitm_run(&m, edit_signature, (void *)&right);
	mitm_failed(&m, SERVER_END, -KTLS_E_FINISHED);
	mitm_end(&m);
}

/* The client's: of a kind that was not asked for, or not of its key */
static void edit_verify(struct mitm *m, enum end from, struct flight *f,
			void *arg)
{
	uint16_t id = *(const uint16_t *)arg;
	uint8_t *body;

	if (from != CLIENT_END || !m->flights[from])
		return;
	body = flight_find(f, HT_CERTIFICATE_VERIFY)->data.buf + MSG_HEADER;
	body[0] = (uint8_t)(id >> 8);
	body[1] = (uint8_t)id;
}

TEST(signature_of_client_refused)
{
	static const uint16_t ids[] = { 0x0203, 0x0201, 0x0101, 0x0202, 0x0000,
					0x0401, 0x0804, 0x0807, 0xffff };
	struct mitm m;

	ske_begin(&m, NULL, "p256", NULL, NULL, true);
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		uint16_t id = ids[i];

		mitm_again(&m);
		mitm_run(&m, edit_verify, &id);
		mitm_failed(&m, SERVER_END, -KTLS_E_SIGALG_CHOICE);
	}
	mitm_end(&m);
}

/* The client shows the server's own certificate, whose key it has not */
static void edit_identity(struct mitm *m, enum end from, struct flight *f,
			  void *arg)
{
	struct wr *seen = arg;

	if (from == SERVER_END && !m->flights[from])
		wr_slice(seen, wr_all(&flight_find(f, HT_CERTIFICATE)->data));
	if (from == CLIENT_END && m->flights[from])
		item_set(flight_find(f, HT_CERTIFICATE), seen->buf, seen->len);
}

TEST(identity_reflected)
{
	struct wr seen = { 0 };
	struct mitm m;

	ske_begin(&m, NULL, "p256", NULL, NULL, true);
	mitm_run(&m, edit_identity, &seen);
	mitm_failed(&m, SERVER_END, -KTLS_E_SIGNATURE);
	wr_free(&seen);
	mitm_end(&m);
}

HARNESS_MAIN
