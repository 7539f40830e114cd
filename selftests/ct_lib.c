// SPDX-License-Identifier: GPL-2.0-only
/* What is secret, and what no longer is */
#include "ct_lib.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "../lib/hs.h"
#include "harness.h"
#include "peer.h"

unsigned int ct_compares;
bool ct_naive;

void ct_secret(void *p, size_t len)
{
	VALGRIND_MAKE_MEM_UNDEFINED(p, len);
}

void ct_public(void *p, size_t len)
{
	VALGRIND_MAKE_MEM_DEFINED(p, len);
}

unsigned int ct_errors(void)
{
	return (unsigned int)VALGRIND_COUNT_ERRORS;
}

bool ct_watched(void)
{
	return RUNNING_ON_VALGRIND;
}

bool ct_is_secret(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++) {
		uint8_t bits = 0;

		VALGRIND_GET_VBITS(b + i, &bits, 1);
		if (bits)
			return true;
	}
	return false;
}

/* ---- what every test has ------------------------------------------------ */

void watch_begin(struct watch *w)
{
	ASSERT_TRUE(ct_watched());
	*w = (struct watch){ ct_errors(), ct_compares };
}

void watch_end(struct watch *w, unsigned int compares)
{
	EXPECT_EQ(ct_errors() - w->errors, 0);
	EXPECT_EQ(ct_compares - w->compares, compares);
	watch_begin(w);
}

/* What a server seals with, from now on */
static void hide_ticket_keys(struct ktls_config *server)
{
	enum { FROM = 8, NAME = 16, ROW = FROM + NAME + AEAD_KEY_MAX };
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];

	ASSERT_OK(ktls_ticket_keys_export(server, keys));
	for (size_t at = 1 + 4; at < sizeof(keys); at += ROW)
		ct_secret(keys + at + FROM + NAME, AEAD_KEY_MAX);
	ASSERT_OK(ktls_ticket_keys_import(server, keys));
}

/* In user space, one credential, and tickets under keys that are secret */
struct ktls_config *ct_config(struct ktls_opts o, enum ktls_role role,
			      const char *cert)
{
	struct ktls_cred cred = pki_cred(cert ? cert : "p256");
	struct ktls_config *cfg;

	o.size = sizeof(o);
	o.role = role;
	o.tx = o.rx = KTLS_PATH_USER;
	if (!o.groups)
		o.groups = "secp256r1";
	if (role == KTLS_SERVER || cert) {
		o.creds = &cred;
		o.creds_len = 1;
	}
	cfg = config(&o);
	if (role == KTLS_SERVER && cfg->tickets)
		hide_ticket_keys(cfg);
	return cfg;
}

/* ---- what is sealed ------------------------------------------------------
 *
 * By its tag, which no other has: which bits of it were secret.  Both ends of
 * a connection are threads of this process.
 */

#define SEALED_MAX	64

static struct {
	pthread_mutex_t lock;
	struct sealed {
		uint8_t tag[AEAD_TAG_LEN];
		size_t len;
		uint8_t *bits;
	} at[SEALED_MAX];
	size_t next;
} sealed = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint8_t *get_bits(const void *p, size_t len)
{
	uint8_t *bits = calloc(1, len + 1);

	if (!bits)
		abort();
	if (len)
		VALGRIND_GET_VBITS(p, bits, len);
	return bits;
}

static void remember(const uint8_t *tag, uint8_t *bits, size_t len)
{
	struct sealed *s;

	pthread_mutex_lock(&sealed.lock);
	s = &sealed.at[sealed.next++ % SEALED_MAX];
	free(s->bits);
	memcpy(s->tag, tag, AEAD_TAG_LEN);
	s->bits = bits;
	s->len = len;
	pthread_mutex_unlock(&sealed.lock);
}

/* What is not from here is as secret as what it was opened with */
static void recall(const uint8_t *tag, void *p, size_t len)
{
	pthread_mutex_lock(&sealed.lock);
	for (size_t i = 0; len && i < SEALED_MAX; i++) {
		const struct sealed *s = &sealed.at[i];

		if (s->len == len && !memcmp(s->tag, tag, AEAD_TAG_LEN))
			VALGRIND_SET_VBITS(p, s->bits, len);
	}
	pthread_mutex_unlock(&sealed.lock);
}

static void *unconst(const void *p)
{
	return (void *)(uintptr_t)p;
}

/* ---- around the library's calls ------------------------------------------ */

#define WRAP(type, name, ...)						\
	type __real_##name(__VA_ARGS__);				\
	type __wrap_##name(__VA_ARGS__);				\
	type __wrap_##name(__VA_ARGS__)

WRAP(int, aead_seal, struct aead *a, const uint8_t *nonce, struct slice aad,
     const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t *bits = get_bits(in, len);
	int err = __real_aead_seal(a, nonce, aad, in, len, out);

	if (err) {
		free(bits);
		return err;
	}
	ct_public(out, len + AEAD_TAG_LEN);
	remember(out + len, bits, len);
	return 0;
}

/* That a tag is wrong is public: the peer is told */
WRAP(int, aead_open, struct aead *a, const uint8_t *nonce, struct slice aad,
     const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t tag[AEAD_TAG_LEN] = { 0 };
	int err;

	if (len >= AEAD_TAG_LEN)
		memcpy(tag, in + len - AEAD_TAG_LEN, AEAD_TAG_LEN);
	err = __real_aead_open(a, nonce, aad, in, len, out);
	ct_public(&err, sizeof(err));
	if (!err)
		recall(tag, out, len - AEAD_TAG_LEN);
	return err;
}

WRAP(bool, secret_eq, const void *a, const void *b, size_t len)
{
	bool hidden[] = { ct_is_secret(a, len), ct_is_secret(b, len) }, eq;

	if (hidden[0] || hidden[1])
		__atomic_fetch_add(&ct_compares, 1, __ATOMIC_RELAXED);
	eq = ct_naive ? !memcmp(a, b, len) : __real_secret_eq(a, b, len);
	ct_public(&eq, sizeof(eq));
	/* nor is what was found to be something that all may see */
	if (eq && !hidden[0])
		ct_public(unconst(b), len);
	if (eq && !hidden[1])
		ct_public(unconst(a), len);
	return eq;
}

/* The binders of a hello are in the open, as what they are made with is not */
WRAP(int, psk_bind, struct ktls_hs *hs)
{
	const struct hs_client *c = &hs->client;
	size_t len = c->psks_wire.len - c->binders_at;
	int err = __real_psk_bind(hs);

	ct_public(c->hello.buf + c->hello.len - len, len);
	return err;
}

/*
 * What is signed is a hash of messages, a Finished among them: nothing that the
 * time to sign it need hide, and the length of a signature depends on it
 */
WRAP(int, sig_sign, const struct sigscheme *scheme, struct evp_pkey_st *key,
     const struct evp_md_ctx_st *ready, struct slice msg, struct wr *w)
{
	ct_public(unconst(msg.p), msg.len);
	return __real_sig_sign(scheme, key, ready, msg, w);
}

WRAP(int, sig_verify, const struct crypto *crypto,
     const struct sigscheme *scheme, struct evp_pkey_st *key,
     struct slice msg, struct slice sig)
{
	ct_public(unconst(msg.p), msg.len);
	return __real_sig_verify(crypto, scheme, key, msg, sig);
}

WRAP(int, EVP_PKEY_derive, EVP_PKEY_CTX *ctx, uint8_t *key, size_t *len)
{
	int ret = __real_EVP_PKEY_derive(ctx, key, len);

	if (ret > 0 && key)
		ct_secret(key, *len);
	return ret;
}

/*
 * Also of a KEM.  TLS 1.2 leaves out the zeros before a number (RFC 5246
 * 8.1.2): how many there are is no secret, because it cannot be one.
 */
static void agreed(const struct group *group, struct kex_secret *out)
{
	size_t zeros = 0;

	ct_public(out->b, out->len);
	while (group->kind == KEX_FFDHE && zeros < out->len && !out->b[zeros])
		zeros++;
	ct_secret(out->b, out->len);
	if (group->kind == KEX_FFDHE && zeros < out->len)
		ct_public(out->b, zeros + 1);
}

WRAP(int, kex_finish, struct kex *k, const struct crypto *crypto,
     struct slice peer, struct kex_secret *out)
{
	int err = __real_kex_finish(k, crypto, peer, out);

	if (!err)
		agreed(k->group, out);
	return err;
}

WRAP(int, kex_respond, const struct crypto *crypto, const struct group *group,
     struct slice peer, struct wr *w, struct kex_secret *out)
{
	int err = __real_kex_respond(crypto, group, peer, w, out);

	if (!err)
		agreed(group, out);
	return err;
}
