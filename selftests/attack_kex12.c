// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a malicious end of TLS 1.2 puts into the key exchange: small and wrong
 * numbers and points, groups that were not offered.  A server signs it.
 */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "ske_lib.h"

FIXTURE(kex) {
	struct mitm m;
	bool edited;
};

/* ---- shares ------------------------------------------------------------- */

enum share_kind {
	EMPTY, SHORT, LONG, NUMBER, ZEROS, ONES,	/* of the right length */
	PRIME,		/* plus @n */
	OFF_CURVE, FORM,	/* the first byte @n */
	COMPRESSED, BYTES,
};

static const struct share {
	const char *name, *group;
	enum share_kind kind;
	int n;
	const char *bytes;
	int err;
} shares[] = {
#define SHARE(g, what, ...) { g "." what, g, __VA_ARGS__ }
#define BAD	.err = -KTLS_E_KEY_SHARE
	SHARE("ffdhe2048", "empty", EMPTY, .err = -KTLS_E_DECODE),
	SHARE("ffdhe2048", "zero", NUMBER, 0, BAD),
	SHARE("ffdhe2048", "one", NUMBER, 1, BAD),
	SHARE("ffdhe2048", "zeros", ZEROS, BAD),
	SHARE("ffdhe2048", "padded_one", BYTES, .bytes = "", BAD),
	SHARE("ffdhe2048", "p_minus_1", PRIME, -1, BAD),
	SHARE("ffdhe2048", "p", PRIME, 0, BAD),
	SHARE("ffdhe2048", "p_plus_1", PRIME, 1, BAD),
	SHARE("ffdhe2048", "larger", ONES, BAD),
	SHARE("ffdhe2048", "long", LONG, BAD),
	SHARE("secp256r1", "empty", EMPTY, .err = -KTLS_E_DECODE),
	SHARE("secp256r1", "infinity", NUMBER, 0, BAD),
	SHARE("secp256r1", "zeros", ZEROS, BAD),
	SHARE("secp256r1", "origin", BYTES, .bytes = "\4", BAD),
	SHARE("secp256r1", "off_curve", OFF_CURVE, BAD),
	SHARE("secp256r1", "compressed", COMPRESSED, 2, BAD),
	SHARE("secp256r1", "hybrid", FORM, 6, BAD),
	SHARE("secp256r1", "hybrid_odd", FORM, 7, BAD),
	SHARE("secp256r1", "larger", ONES, BAD),
	SHARE("secp256r1", "short", SHORT, BAD),
	SHARE("secp256r1", "long", LONG, BAD),
	SHARE("secp384r1", "off_curve", OFF_CURVE, BAD),
	SHARE("secp521r1", "off_curve", OFF_CURVE, BAD),
	SHARE("secp521r1", "compressed", COMPRESSED, 3, BAD),
	SHARE("x25519", "empty", EMPTY, .err = -KTLS_E_DECODE),
	SHARE("x25519", "zeros", ZEROS, BAD),
	SHARE("x25519", "one", BYTES, .bytes = "\1", BAD),
	SHARE("x25519", "order_8", BYTES, .bytes =
	      "\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4"
	      "\x6a\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49"
	      "\xb8", BAD),
	SHARE("x25519", "order_8_too", BYTES, .bytes =
	      "\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef"
	      "\x5b\x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f"
	      "\x11\x57", BAD),
	SHARE("x25519", "p_minus_1", PRIME, -1, BAD),
	SHARE("x25519", "p", PRIME, 0, BAD),
	SHARE("x25519", "p_plus_1", PRIME, 1, BAD),
	SHARE("x25519", "short", SHORT, BAD),
	SHARE("x25519", "long", LONG, BAD),
	SHARE("x448", "zeros", ZEROS, BAD),
	SHARE("x448", "one", BYTES, .bytes = "\1", BAD),
	SHARE("x448", "p_minus_1", PRIME, -1, BAD),
	SHARE("x448", "p", PRIME, 0, BAD),
	SHARE("x448", "short", SHORT, BAD),
};

#define N_SHARES	(sizeof(shares) / sizeof(*shares))

FIXTURE_VARIANT(kex) {
	const struct share *share;
	enum end from;
};

static bool each_share(size_t i, FIXTURE_VARIANT(kex) *v, char *name,
		       size_t size)
{
	if (i / 2 >= N_SHARES)
		return false;
	v->share = &shares[i / 2];
	v->from = i % 2 ? SERVER_END : CLIENT_END;
	snprintf(name, size, "%s.%s", v->from ? "server" : "client",
		 v->share->name);
	return true;
}

FIXTURE_VARIANT_GEN(kex, each_share);

/* The field's prime, and @n: numbers of the curves have the low byte first */
static void put_prime(struct wr *w, const struct ktls_config *cfg,
		      const struct share *s)
{
	uint8_t p[256];
	size_t len = 256;

	if (!strcmp(s->group, "ffdhe2048")) {
		struct wr prime = { 0 };

		ASSERT_OK(group_prime(cfg->crypto, group_find(0x0100),
				      &prime));
		memcpy(p, prime.buf, len);
		wr_free(&prime);
		/* it ends in 64 ones */
		if (s->n < 0)
			p[len - 1]--;
		for (size_t i = len; s->n > 0 && !++p[--i]; )
			;
	} else if (!strcmp(s->group, "x25519")) {
		len = 32;
		memset(p, 0xff, len);
		p[0] = (uint8_t)(0xed + s->n);
		p[31] = 0x7f;
	} else {
		len = 56;
		memset(p, 0xff, len);
		p[0] = (uint8_t)(0xff + s->n);
		p[28] = 0xfe;
	}
	wr_bytes(w, p, len);
}

/* In place of @real */
static void make_share(struct wr *w, const struct ktls_config *cfg,
		       const struct share *s, struct slice real)
{
	size_t n = s->bytes ? strlen(s->bytes) : 0;

	switch (s->kind) {
	case EMPTY:
		return;
	case SHORT:
		wr_bytes(w, real.p, real.len - 1);
		return;
	case LONG:
		wr_u8(w, s->group[0] == 'f' ? 0 : real.p[0]);
		wr_slice(w, real);
		return;
	case NUMBER:
		wr_u8(w, (uint8_t)s->n);
		return;
	case ZEROS:
	case ONES:
		for (size_t i = 0; i < real.len; i++)
			wr_u8(w, s->kind == ONES ? 0xff : 0);
		if (s->kind == ONES && s->group[0] == 's')
			w->buf[0] = 4;
		return;
	case PRIME:
		put_prime(w, cfg, s);
		return;
	case BYTES:
		wr_bytes(w, s->bytes, n);
		for (; n < real.len; n++)
			wr_u8(w, s->group[0] == 'f' && n + 1 == real.len);
		return;
	case OFF_CURVE:
		wr_slice(w, real);
		w->buf[w->len - 1] ^= 1;
		return;
	case FORM:
		wr_slice(w, real);
		w->buf[0] = (uint8_t)s->n;
		return;
	case COMPRESSED:
		wr_u8(w, (uint8_t)s->n);
		wr_bytes(w, real.p + 1, real.len / 2);
		return;
	}
}

struct with_share {
	FIXTURE_DATA(kex) *self;
	const FIXTURE_VARIANT(kex) *v;
};

static void edit_client_share(struct mitm *m, struct item *it,
			      const struct share *s)
{
	const struct ktls_hs *server = m->hs[SERVER_END];
	struct wr share = { 0 }, msg = { 0 };
	struct slice real;

	ASSERT_OK(parse_client_key_exchange((struct slice){
		it->data.buf + MSG_HEADER, it->data.len - MSG_HEADER,
	}, server->suite->kex, &real));
	make_share(&share, server->config, s, real);
	wr_u8(&msg, HT_CLIENT_KEY_EXCHANGE);
	wr_vec(&msg, 3)
		write_client_key_exchange(&msg, server->suite->kex,
					  wr_all(&share));
	ASSERT_TRUE(wr_ok(&msg));
	item_set(it, msg.buf, msg.len);
	wr_free(&share);
	wr_free(&msg);
}

static void edit_server_share(struct mitm *m, struct item *it,
			      const struct share *s)
{
	const struct ktls_hs *server = m->hs[SERVER_END];
	struct wr share = { 0 }, params = { 0 };
	struct server_key_exchange ske;

	ske_parse(m, it, &ske);
	make_share(&share, server->config, s, ske.share);
	ske.share = wr_all(&share);
	write_server_params(&params, server->suite->kex, &ske);
	ASSERT_TRUE(wr_ok(&params));
	ske_set(m, it, wr_all(&params), server->scheme,
			 server->scheme->id);
	wr_free(&share);
	wr_free(&params);
}

static void edit_share(struct mitm *m, enum end from, struct flight *f,
		       void *arg)
{
	struct with_share *w = arg;

	if (from != w->v->from || w->self->edited ||
	    (from == CLIENT_END && !m->flights[from]))
		return;
	if (from == CLIENT_END)
		edit_client_share(m, flight_find(f, HT_CLIENT_KEY_EXCHANGE),
				  w->v->share);
	else
		edit_server_share(m, flight_find(f, HT_SERVER_KEY_EXCHANGE),
				  w->v->share);
	w->self->edited = true;
}

FIXTURE_TEARDOWN(kex)
{
	mitm_end(&self->m);
}

TEST_F(kex, share_refused)
{
	const struct share *s = variant->share;

	ske_begin(&self->m, s->group[0] == 'f' ? RSA_DHE : RSA_ECDHE, "rsa2048",
	      s->group, NULL, false);
	mitm_run(&self->m, edit_share,
		 &(struct with_share){ self, variant });
	EXPECT_TRUE(self->edited);
	mitm_failed(&self->m, OTHER(variant->from), s->err);
}

/* ---- parameters --------------------------------------------------------- */

FIXTURE(params) {
	struct mitm m;
};

/* The whole of it if there is @raw, else the prime and generator */
FIXTURE_VARIANT(params) {
	bool dhe;
	struct slice raw;
	size_t raw_zeros;	/* behind it */
	uint16_t prime;		/* of this group; 0: what the server took */
	size_t flip;		/* a byte of it, counted from 1 */
	size_t cut;		/* only its first bytes */
	bool pad;		/* with a zero in front */
	struct slice g;
	int err;
};

#define BYTES_OF(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }
#define PARAMS(name, ...) FIXTURE_VARIANT_ADD(params, name) { __VA_ARGS__ }
#define ECDHE_RAW(s, zeros) .raw = BYTES_OF(s), .raw_zeros = (zeros)
#define DHE_RAW(s, zeros) .dhe = true, .raw = BYTES_OF(s), .raw_zeros = (zeros)
#define GROUP	.err = -KTLS_E_GROUP_CHOICE

/* RFC 8422 5.4: only named curves are left, and of these what was offered */
PARAMS(explicit_prime, ECDHE_RAW("\1\0\1\2", 8), GROUP);
PARAMS(explicit_char2, ECDHE_RAW("\2\0\1\2", 8), GROUP);
PARAMS(curve_type_0, ECDHE_RAW("\0\0\27\101\4", 64), GROUP);
PARAMS(secp192r1, ECDHE_RAW("\3\0\23\61\4", 48), GROUP);
PARAMS(sect163k1, ECDHE_RAW("\3\0\1\53\4", 42), GROUP);
PARAMS(unoffered, ECDHE_RAW("\3\0\30\141\4", 96), GROUP);
PARAMS(ffdhe_as_a_curve, ECDHE_RAW("\3\1\0\10", 8), GROUP);
PARAMS(hybrid, ECDHE_RAW("\3\21\354\10", 8), GROUP);
/* Logjam, FREAK: another key exchange than the suite says */
PARAMS(dhe_for_ecdhe, ECDHE_RAW("\1\0\2", 20), GROUP);
PARAMS(export_rsa_for_ecdhe, ECDHE_RAW("\0\100\1", 63), GROUP);
PARAMS(ecdhe_for_dhe, DHE_RAW("\3\0\35\40", 32), .err = -KTLS_E_DECODE);
PARAMS(export_rsa_for_dhe, DHE_RAW("\0\100\1", 63), .err = -KTLS_E_DECODE);
PARAMS(dhe_512_bits, .dhe = true, .cut = 64, GROUP);
PARAMS(dhe_1024_bits, .dhe = true, .cut = 128, GROUP);
PARAMS(dhe_2040_bits, .dhe = true, .cut = 255, GROUP);
PARAMS(dhe_composite, .dhe = true, .flip = 200, GROUP);
PARAMS(dhe_even, .dhe = true, .flip = 256, GROUP);
PARAMS(dhe_unoffered, .dhe = true, .prime = 0x0101, GROUP);
PARAMS(dhe_padded_prime, .dhe = true, .pad = true, GROUP);
PARAMS(dhe_generator_0, .dhe = true, .g = BYTES_OF("\0"), GROUP);
PARAMS(dhe_generator_1, .dhe = true, .g = BYTES_OF("\1"), GROUP);
PARAMS(dhe_generator_3, .dhe = true, .g = BYTES_OF("\3"), GROUP);
PARAMS(dhe_generator_padded, .dhe = true, .g = BYTES_OF("\0\2"), GROUP);
PARAMS(dhe_generator_empty, .dhe = true, .g = BYTES_OF(""),
       .err = -KTLS_E_DECODE);

static void put_group(struct wr *params, const FIXTURE_VARIANT(params) *v,
		      const struct mitm *m, struct server_key_exchange *ske)
{
	struct wr p = { 0 };

	if (v->pad)
		wr_u8(&p, 0);
	if (v->prime)
		ASSERT_OK(group_prime(m->hs[SERVER_END]->config->crypto,
				      group_find(v->prime), &p));
	else
		wr_slice(&p, ske->p);
	if (v->flip)
		p.buf[v->flip - 1] ^= v->flip == p.len ? 1 : 0x10;
	if (v->cut)
		p.len = v->cut;
	ske->p = wr_all(&p);
	if (v->g.p)
		ske->g = v->g;
	write_server_params(params, KEX_DHE, ske);
	ASSERT_TRUE(wr_ok(params));
	wr_free(&p);
}

static void edit_params(struct mitm *m, enum end from, struct flight *f,
			void *arg)
{
	const FIXTURE_VARIANT(params) *v = arg;
	const struct ktls_hs *server = m->hs[SERVER_END];
	struct server_key_exchange ske;
	struct wr params = { 0 };
	struct item *it;

	if (from != SERVER_END || m->flights[from])
		return;
	it = flight_find(f, HT_SERVER_KEY_EXCHANGE);
	ske_parse(m, it, &ske);
	if (v->raw.p) {
		wr_slice(&params, v->raw);
		for (size_t i = 0; i < v->raw_zeros; i++)
			wr_u8(&params, 0);
	} else {
		put_group(&params, v, m, &ske);
	}
	ske_set(m, it, wr_all(&params), server->scheme,
			 server->scheme->id);
	wr_free(&params);
}

FIXTURE_TEARDOWN(params)
{
	mitm_end(&self->m);
}

TEST_F(params, refused)
{
	ske_begin(&self->m, variant->dhe ? RSA_DHE : RSA_ECDHE, "rsa2048",
	      variant->dhe ? "ffdhe2048" : "x25519:secp256r1", NULL, false);
	mitm_run(&self->m, edit_params, (void *)variant);
	mitm_failed(&self->m, CLIENT_END, variant->err);
}

HARNESS_MAIN
