// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certificates and responses (X.690) are changed an element at a time, with the
 * lengths around it made right and, as a rule, signed anew by the CA that our
 * end trusts: past the signature is where most of them are looked at.
 */
#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "../harness.h"
#include "../peer.h"
#include "fuzz_mutate.h"

#define ELEMENTS_MAX	1024
#define DEPTH_MAX	24
#define CHAIN_MAX	5	/* the response, and then certificates */

#define TAG_BITS	0x03
#define TAG_OCTETS	0x04
#define TAG_BUILT	0x20

/* Siblings are a list; a child may be inside of octets, too.  0: none */
struct element {
	uint8_t tag;
	struct slice body;	/* if it has no child */
	unsigned int child, next;
};

struct tree {
	unsigned int n;		/* the first is the one that all are in */
	struct element at[ELEMENTS_MAX];
	uint8_t fresh[4096];
};

/* ---- reading ----------------------------------------------------------- */

static bool length(struct rd *r, bool *bad, size_t *len)
{
	size_t n = rd_u8(r);

	*len = n < 0x80 ? n : rd_uint(r, n - 0x80 <= 3 ? (unsigned int)n - 0x80 :
				      0);
	return !*bad && (n < 0x80 || (n > 0x80 && n <= 0x83)) &&
	       *len <= (size_t)(r->end - r->p);
}

/* The first of those in @s: 0 if they are none */
static unsigned int parse(struct tree *t, struct slice s, int depth)
{
	unsigned int first = 0, *link = &first, begun = t->n;
	bool bad = false;
	struct rd r = rd_init(s.p, s.len, &bad);

	while (rd_more(&r) && t->n < ELEMENTS_MAX && depth < DEPTH_MAX) {
		struct element *e = &t->at[*link = t->n++];
		size_t len;

		*e = (struct element){ .tag = rd_u8(&r) };
		if ((e->tag & 0x1f) == 0x1f || !length(&r, &bad, &len)) {
			t->n = begun;
			return 0;
		}
		e->body = (struct slice){ r.p, len };
		r.p += len;
		if (e->tag & TAG_BUILT || e->tag == TAG_OCTETS)
			e->child = parse(t, e->body, depth + 1);
		link = &e->next;
	}
	return first;
}

/* ---- writing ----------------------------------------------------------- */

static void write_all(const struct tree *t, unsigned int i, struct wr *w,
		      int depth);

static void write_one(const struct tree *t, const struct element *e,
		      struct wr *w, int depth)
{
	struct wr body = { 0 };
	unsigned int bytes;

	if (e->child)
		write_all(t, e->child, &body, depth + 1);
	else
		wr_slice(&body, e->body);
	bytes = body.len < 0x80 ? 0 : body.len < 0x100 ? 1 :
		body.len < 0x10000 ? 2 : 3;
	wr_u8(w, e->tag);
	if (bytes)
		wr_u8(w, (uint8_t)(0x80 | bytes));
	wr_uint(w, (uint32_t)body.len, bytes ? bytes : 1);
	wr_bytes(w, body.buf, body.len);
	wr_free(&body);
}

static void write_all(const struct tree *t, unsigned int i, struct wr *w,
		      int depth)
{
	/* an element that was copied into itself has no end */
	for (; i && depth < DEPTH_MAX && w->len < sizeof(t->fresh);
	     i = t->at[i].next)
		write_one(t, &t->at[i], w, depth);
}

/* ---- signing ----------------------------------------------------------- */

static EVP_PKEY *ca_key(void)
{
	static EVP_PKEY *key;
	FILE *f = key ? NULL : fopen(pki_key("ca"), "r");

	if (f) {
		key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		fclose(f);
	}
	ASSERT_TRUE(key);
	return key;
}

/* @i is what is signed, then come the algorithm and the bits of the signature */
static void sign(struct tree *t, unsigned int i)
{
	unsigned int bits = t->at[t->at[i].next].next;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct wr w = { 0 };
	size_t len = sizeof(t->fresh) / 2 - 1;

	if (!t->at[i].next || !bits)
		goto out;
	write_one(t, &t->at[i], &w, 0);
	t->fresh[0] = 0;	/* bits that are not used */
	ASSERT_EQ(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, ca_key()),
		  1);
	ASSERT_EQ(EVP_DigestSign(ctx, t->fresh + 1, &len, w.buf, w.len), 1);
	t->at[bits].child = 0;
	t->at[bits].body = (struct slice){ t->fresh, 1 + len };
out:
	EVP_MD_CTX_free(ctx);
	wr_free(&w);
}

/* 5280 4.1: the first in the one that all is in; 6960 4.2.1: in its octets */
static unsigned int signed_part(const struct tree *t, bool response)
{
	unsigned int i = t->at[1].child;

	if (!response)
		return i;
	i = t->at[t->at[i].next].child;		/* responseBytes */
	i = t->at[t->at[i].child].next;		/* response */
	return t->at[t->at[i].child].child;
}

/* ---- changes ----------------------------------------------------------- */

/* The element before its next one, for the list to be changed there */
static unsigned int *link_to(struct tree *t, unsigned int i)
{
	for (unsigned int k = 1; k < t->n; k++) {
		if (t->at[k].child == i)
			return &t->at[k].child;
		if (t->at[k].next == i)
			return &t->at[k].next;
	}
	return NULL;
}

static void drop(struct tree *t, unsigned int i, uint32_t *seed)
{
	unsigned int *link = link_to(t, i);

	(void)seed;
	if (link)
		*link = t->at[i].next;
}

static void twice(struct tree *t, unsigned int i, uint32_t *seed)
{
	(void)seed;
	if (t->n < ELEMENTS_MAX) {
		t->at[t->n] = t->at[i];
		t->at[i].next = t->n++;
	}
}

/* Another one in its place */
static void other(struct tree *t, unsigned int i, uint32_t *seed)
{
	const struct element *from = &t->at[1 + chance(seed, t->n - 1)];
	unsigned int next = t->at[i].next;

	t->at[i] = *from;
	t->at[i].next = next;
}

static void tag(struct tree *t, unsigned int i, uint32_t *seed)
{
	static const uint8_t tags[] = {
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x16,
		0x17, 0x18, 0x1e, 0x30, 0x31, 0x80, 0x82, 0x86, 0x87, 0xa0,
		0xa1, 0xa2, 0xa3, 0xa4,
	};

	t->at[i].tag = tags[chance(seed, sizeof(tags))];
}

static void content(struct tree *t, unsigned int i, uint32_t *seed)
{
	struct element *e = &t->at[i];
	size_t len = e->body.len, max = sizeof(t->fresh) / 2;
	/* the other half is for a signature */
	uint8_t *p = t->fresh + max;

	if (len > max)
		return;
	memcpy(p, e->body.p, len);
	len = mutate_bytes(p, len, len + 16 < max ? len + 16 : max, seed);
	e->child = 0;
	e->body = (struct slice){ p, len };
}

/* One without children at or behind it, where there are any */
static unsigned int leaf(const struct tree *t, unsigned int i)
{
	while (i + 1 < t->n && t->at[i].child)
		i++;
	return i;
}

static void leaf_content(struct tree *t, unsigned int i, uint32_t *seed)
{
	content(t, leaf(t, i), seed);
}

static bool change(struct slice s, bool response, struct wr *w,
		   uint32_t *seed)
{
	static void (*const how[])(struct tree *t, unsigned int i,
				   uint32_t *seed) = {
		drop, twice, other, tag, content, leaf_content, leaf_content,
		leaf_content,
	};
	static struct tree t;

	t.n = 1;
	if (!parse(&t, s, 0))
		return false;
	how[chance(seed, sizeof(how) / sizeof(*how))](&t, 1 +
		chance(seed, t.n - 1), seed);
	if (chance(seed, 8))
		sign(&t, signed_part(&t, response));
	write_all(&t, 1, w, 0);
	return true;
}

/* ---- a response, and a chain (fuzz_cert.c) ----------------------------- */

static size_t mutate_chain(uint8_t *p, size_t len, size_t max, uint32_t *seed)
{
	struct input in = { p, p + len };
	struct slice part[CHAIN_MAX];
	struct wr w = { 0 }, changed = { 0 };
	uint32_t n = 0, which;

	do
		part[n++] = in_bytes(&in, in_uint(&in, 2));
	while (in_more(&in) && n < CHAIN_MAX);
	which = chance(seed, n);
	if (!change(part[which], !which, &changed, seed))
		return mutate_bytes(p, len, max, seed);
	part[which] = (struct slice){ changed.buf, changed.len };
	for (uint32_t i = 0; i < n; i++)
		wr_opaque(&w, 2, part[i]);
	wr_free(&changed);
	return mutated(&w, p, len, max);
}

const struct mutator mutator_chain = { .mutate = mutate_chain };
