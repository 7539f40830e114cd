// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chains of certificates that no peer who means well sends: more of them than
 * are taken, and as much as a message holds, of tiny ones, of huge ones, and of
 * huge ones that are made of tiny things.  What they cost is counted.
 */
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/heap.h"
#include "cost_lib.h"
#include "harness.h"
#include "hs_lib.h"

/* What stands behind the peer's own certificate, which is right */
enum filler { SAME, TINY, HUGE, ELEMENTS };

#define ALL	0	/* as many as a message holds */

struct attack {
	const char *name;
	enum filler filler;
	size_t count;		/* of certificates, with its own */
	size_t spare;		/* bytes that the message does not use */
	int err;
	unsigned int parses, chains;
};

static const struct attack attacks[] = {
	/* the control: as many as may be, which are of no use */
	{ "at_most", SAME, CHAIN, 0, 0, CHAIN, 1 },
	/* nothing is parsed of what is too long */
	{ "one_more", SAME, CHAIN + 1, 0, -KTLS_E_CERT_CHAIN, 0, 0 },
	{ "tiny_all", TINY, ALL, 0, -KTLS_E_CERT_CHAIN, 0, 0 },
	{ "tiny_one_more", TINY, CHAIN + 1, 0, -KTLS_E_CERT_CHAIN, 0, 0 },
	{ "huge_one_more", HUGE, CHAIN + 1, 0, -KTLS_E_CERT_CHAIN, 0, 0 },
	/* nor what is behind the first that is none */
	{ "tiny", TINY, CHAIN, 0, -KTLS_E_CERT_PARSE, 2, 0 },
	{ "huge", HUGE, CHAIN, 0, 0, CHAIN, 1 },
	{ "huge_single", HUGE, 2, 0, 0, 2, 1 },
	{ "elements", ELEMENTS, CHAIN, 0, 0, CHAIN, 1 },
	{ "elements_single", ELEMENTS, 2, 0, 0, 2, 1 },
};

FIXTURE(chain) {
	struct ktls_config *config[2];		/* client, server */
	struct ktls_hs *hs[2];
	struct cert *was, *forged;		/* of the attacker */
	size_t was_len;
	struct cert filler;
};

FIXTURE_VARIANT(chain) {
	const struct attack *attack;
	uint16_t version;
	int victim;				/* 1: the server */
};

static bool each(size_t i, FIXTURE_VARIANT(chain) *v, char *name, size_t size)
{
	if (i >= 4 * sizeof(attacks) / sizeof(*attacks))
		return false;
	v->attack = &attacks[i / 4];
	v->victim = i & 1;
	v->version = i & 2 ? KTLS_TLS13 : KTLS_TLS12;
	snprintf(name, size, "%s.%s.%s", v->attack->name,
		 v->victim ? "server" : "client",
		 i & 2 ? "13" : "12");
	return true;
}

FIXTURE_VARIANT_GEN(chain, each);

/* ---- certificates ------------------------------------------------------ */

/* @bytes of extensions more than @from has, @each in one of them */
static void extend(struct cert *to, const struct cert *from, size_t bytes,
		   size_t each_len)
{
	const unsigned char *p = from->der;
	X509 *x = d2i_X509(NULL, &p, (long)from->len);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj("1.2", 1);
	X509_EXTENSION *ext;
	uint8_t *content = calloc(1, each_len + 1);
	int len;

	ASSERT_TRUE(x && value && oid && content);
	ASSERT_EQ(ASN1_OCTET_STRING_set(value, content, (int)each_len), 1);
	ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
	ASSERT_TRUE(ext);
	len = i2d_X509_EXTENSION(ext, NULL);
	ASSERT_GT(len, 0);
	for (size_t n = bytes / (size_t)len; n; n--)
		ASSERT_EQ(X509_add_ext(x, ext, -1), 1);
	/* nobody has signed it; nobody is to look */
	ASSERT_GT(i2d_re_X509_tbs(x, NULL), 0);
	to->der = NULL;
	len = i2d_X509(x, &to->der);
	ASSERT_GT(len, 0);
	to->len = (size_t)len;
	X509_EXTENSION_free(ext);
	ASN1_OBJECT_free(oid);
	ASN1_OCTET_STRING_free(value);
	X509_free(x);
	free(content);
}

/* Lengths of its own, and of the extensions of an entry of 1.3 */
static size_t around(uint16_t version)
{
	return version == KTLS_TLS13 ? 5 : 3;
}

#define HEADERS	4	/* request context, length of the list */
#define GROWTH	40	/* of all that is around an extension */

static size_t make_filler(FIXTURE_DATA(chain) *self,
			  const FIXTURE_VARIANT(chain) *v,
			  const struct cert *own)
{
	static uint8_t zero;
	const struct attack *a = v->attack;
	const size_t more = around(v->version);
	size_t room = MESSAGE - HEADERS - own->len - more, each_room;

	self->filler = *own;
	if (a->filler == SAME)
		return a->count;
	if (a->filler == TINY) {
		self->filler.der = &zero;
		self->filler.len = 1;
		return a->count ? a->count : 1 + room / (1 + more);
	}
	each_room = room / (a->count - 1) - more - own->len - GROWTH;
	extend(&self->filler, own, each_room,
	       a->filler == HUGE ? each_room - GROWTH : 0);
	return a->count;
}

static void forge(FIXTURE_DATA(chain) *self, const FIXTURE_VARIANT(chain) *v)
{
	struct cred *cred = &self->config[!v->victim]->creds[0];
	size_t n = make_filler(self, v, &cred->chain[0]);

	self->was = cred->chain;
	self->was_len = cred->chain_len;
	self->forged = calloc(n, sizeof(*self->forged));
	ASSERT_TRUE(self->forged);
	self->forged[0] = self->was[0];
	for (size_t i = 1; i < n; i++)
		self->forged[i] = self->filler;
	cred->chain = self->forged;
	cred->chain_len = n;
}

FIXTURE_SETUP(chain)
{
	for (int server = 0; server < 2; server++) {
		struct ktls_cred cred = pki_cred(server ? "p256" : "client");

		self->config[server] = config(KTLS_OPTS(
			.role = server ? KTLS_SERVER : KTLS_CLIENT,
			.max_version = variant->version, .creds = &cred,
			.creds_len = 1, .verify = KTLS_VERIFY_REQUIRE));
		ASSERT_OK(ktls_hs_new(&self->hs[server], self->config[server],
				      server ? NULL : "localhost"));
	}
	forge(self, variant);
}

FIXTURE_TEARDOWN(chain)
{
	struct cred *cred = &self->config[!variant->victim]->creds[0];

	ktls_hs_free(self->hs[0]);
	ktls_hs_free(self->hs[1]);
	if (self->filler.der != self->was[0].der && self->filler.len > 1)
		OPENSSL_free(self->filler.der);
	cred->chain = self->was;
	cred->chain_len = self->was_len;
	free(self->forged);
	ktls_config_put(self->config[0]);
	ktls_config_put(self->config[1]);
}

/* ---- what they cost ---------------------------------------------------- */

/* All that an end has to send */
static size_t take(struct ktls_hs *hs, uint8_t *to, size_t size)
{
	size_t len, all = 0;
	const void *p;

	while ((p = ktls_hs_out(hs, &len))) {
		ASSERT_LE(len, size - all);
		memcpy(to + all, p, len);
		all += len;
		ktls_hs_sent(hs, len);
	}
	return all;
}

static void shake(FIXTURE_DATA(chain) *self, int victim, struct heap *heap,
		  struct costs *sum)
{
	static uint8_t flight[3 * MESSAGE];
	struct feed f = { .hs = self->hs[victim] };
	size_t len, moved;

	do {
		len = take(self->hs[!victim], flight, sizeof(flight));
		heap_account(heap);
		costs = sum;
		feed(&f, flight, len, 0);
		costs = NULL;
		heap_account(NULL);
		moved = pump_one(self->hs[victim], self->hs[!victim],
				 SIZE_MAX);
	} while (len || moved);
}

/*
 * SECURITY.md: of its own, where 1.2 keeps what a client may have to sign; of
 * libcrypto's, for what is parsed
 */
#define OURS12_BYTES	(6 * MESSAGE)
#define OURS13_BYTES	(4 * MESSAGE)
#define CRYPTO_BYTES	(24 * MESSAGE)

TEST_F(chain, costs)
{
	const struct attack *a = variant->attack;
	struct ktls_hs *hs = self->hs[variant->victim];
	struct heap heap = { 0 };
	struct costs is = { 0 };

	shake(self, variant->victim, &heap, &is);
	if (a->err)
		check_failure(hs, self->hs[!variant->victim], a->err,
			      KTLS_ALERT_BAD_CERTIFICATE);
	else
		ASSERT_OK(ktls_hs_error(hs))
			TH_LOG("%s", ktls_hs_error_text(hs));
	EXPECT_EQ(is.parses, a->parses);
	EXPECT_EQ(is.chains, a->chains);
	/* the signature of the handshake, by who has got so far */
	EXPECT_EQ(is.verifies, !a->err);
	EXPECT_LE(is.keys, 1);
	EXPECT_LE(is.secrets, 1);
	EXPECT_LE(is.signs, 1);
	EXPECT_LE(heap.of[HEAP_OURS].peak, variant->version == KTLS_TLS12 ?
					   OURS12_BYTES : OURS13_BYTES);
	EXPECT_LE(heap.of[HEAP_CRYPTO].peak, a->parses ? CRYPTO_BYTES :
							 MESSAGE);
	TH_LOG("bytes at most: ours %ld, libcrypto's %ld",
	       (long)heap.of[HEAP_OURS].peak,
	       (long)heap.of[HEAP_CRYPTO].peak);
}

HARNESS_MAIN
