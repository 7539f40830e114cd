// SPDX-License-Identifier: GPL-2.0-only
/* Extension blocks (RFC 9846 4.3): what may stand where, and in what form */
#include <stdlib.h>
#include <string.h>

#include "../lib/ext.h"
#include "../lib/include/ktls.h"
#include "harness.h"

/* ---- the table of the RFC ---------------------------------------------- */

#define IN_ALL	(IN_CH | IN_SH | IN_HRR | IN_EE | IN_CR | IN_CT | IN_NST)
#define BODY(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }
#define ZERO16	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define HASH20	"01234567890123456789"
#define PSK	"\0\7\0\1x\0\0\0\0\0\41\40" ZERO16 ZERO16

/*
 * A type, where it may stand by the table of 4.3, and there a body that is
 * right: in the ClientHello, and elsewhere
 */
static const struct row {
	uint16_t type;
	unsigned int where;
	struct slice hello, other;
	bool may_change;	/* after a HelloRetryRequest, 4.2.2 */
} rows[] = {
	{ 0, IN_CH | IN_EE | IN_CR, BODY("\0\4\0\0\1a"), BODY(""), false },
	{ 1, IN_CH | IN_EE, BODY("\1"), BODY("\4"), false },
	/* 2, 3 and 4 have no answer in 1.3 */
	{ 2, IN_CH, BODY(""), BODY(""), false },
	{ 3, IN_CH, BODY("\0\57\0\1" HASH20 "\2\0\1a\3" HASH20), BODY(""),
	  false },
	{ 4, IN_CH, BODY(""), BODY(""), false },
	{ 5, IN_CH | IN_CR | IN_CT, BODY("\1\0\0\0\0"), BODY(""), false },
	{ 19, IN_CH | IN_EE, BODY("\3\2\0\2"), BODY("\2"), false },
	{ 20, IN_CH | IN_EE, BODY("\1\2"), BODY("\0"), false },
	{ 27, IN_CH | IN_CR, BODY("\6\0\1\0\2\0\2"), BODY("\2\0\3"), false },
	{ 28, IN_CH | IN_EE, BODY("\100\1"), BODY("\0\100"), false },
	{ 10, IN_CH | IN_EE, BODY("\0\4\0\35\0\27"), BODY("\0\2\0\35"),
	  false },
	{ 13, IN_CH | IN_CR, BODY("\0\2\4\3"), BODY("\0\2\4\3"), false },
	{ 16, IN_CH | IN_EE, BODY("\0\5\1a\2bc"), BODY("\0\2\1a"), false },
	{ 21, IN_CH, BODY("\0\0\0"), BODY(""), true },
	{ 41, IN_CH | IN_SH, BODY(PSK), BODY("\0\0"), true },
	{ 42, IN_CH | IN_EE | IN_NST, BODY(""), BODY(""), true },
	{ 43, IN_CH | IN_SH | IN_HRR, BODY("\2\3\4"), BODY("\3\4"), false },
	{ 44, IN_CH | IN_HRR, BODY("\0\2ab"), BODY("\0\1a"), true },
	{ 45, IN_CH, BODY("\1\1"), BODY("\1\1"), false },
	{ 47, IN_CH | IN_CR, BODY("\0\4\0\2ab"), BODY("\0\3\0\1a"), false },
	{ 18, IN_CH | IN_CR | IN_CT, BODY(""), BODY(""), false },
	{ 48, IN_CR, BODY(""), BODY("\0\4\1\6\0\0"), false },
	{ 49, IN_CH, BODY(""), BODY(""), false },
	{ 50, IN_CH | IN_CR, BODY("\0\2\4\3"), BODY("\0\2\4\3"), false },
	{ 51, IN_CH | IN_SH | IN_HRR, BODY("\0\12\0\35\0\1a\0\27\0\1b"),
	  BODY("\0\35\0\1a"), true },
};

#define N_ROWS	(sizeof(rows) / sizeof(*rows))

static struct slice body_of(const struct row *r, unsigned int where)
{
	static const struct slice hrr_share = BODY("\0\35"),
				  nst_early = BODY("\0\0\100\0"),
				  ct_status = BODY("\1\0\0\2ab"),
				  ct_sct = BODY("\0\3\0\1a");

	if (where == IN_CH)
		return r->hello;
	if (r->type == 51 && where == IN_HRR)
		return hrr_share;
	if (r->type == 42 && where == IN_NST)
		return nst_early;
	if (r->type == 5 && where == IN_CT)
		return ct_status;
	if (r->type == 18 && where == IN_CT)
		return ct_sct;
	return r->other;
}

static const struct row *row_of(uint16_t type)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].type == type)
			return &rows[i];
	return NULL;
}

/* ---- helpers ----------------------------------------------------------- */

static void add(struct wr *w, uint16_t type, struct slice body)
{
	wr_u16(w, type);
	wr_opaque(w, 2, body);
}

/* Parse a copy that ends where its memory ends; the slices are gone then */
static int parse(const void *p, size_t len, unsigned int where,
		 uint64_t asked, struct exts *e)
{
	uint8_t *copy = malloc(len ? len : 1);
	bool bad = false;
	struct rd r;
	int err;

	ASSERT_TRUE(copy);
	if (len)
		memcpy(copy, p, len);
	r = rd_init(copy, len, &bad);
	err = exts_parse(&r, (enum ext_where)where, asked, e);
	if (!err)
		EXPECT_FALSE(bad || rd_more(&r));
	free(copy);
	return err;
}

static int parse_wr(struct wr *w, unsigned int where, uint64_t asked)
{
	struct exts e;
	int err;

	ASSERT_TRUE(wr_ok(w));
	err = parse(w->buf, w->len, where, asked, &e);
	wr_reset(w);
	return err;
}

static int parse_one(uint16_t type, struct slice body, unsigned int where,
		     uint64_t asked)
{
	struct wr w = { 0 };
	int err;

	add(&w, type, body);
	err = parse_wr(&w, where, asked);
	wr_free(&w);
	return err;
}

#define ASKED_ALL	(EXT_BIT(EXT_COUNT) - 1)
#define EACH_WHERE(w)	(unsigned int w = IN_CH; w & IN_ALL; w <<= 1)

/* ---- what may stand where ---------------------------------------------- */

TEST(the_table_of_4_3)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		for EACH_WHERE(where) {
			const struct row *r = &rows[i];
			bool here = r->where & where;
			int want = here ? 0 : -KTLS_E_EXT_FORBIDDEN;

			EXPECT_EQ(parse_one(r->type, body_of(r, where), where,
					    ASKED_ALL), want)
				TH_LOG("type %u in %#x", r->type, where);
			/* an answer that was not asked for */
			if (here && where & IN_RESPONSE && r->type != 44)
				want = -KTLS_E_EXT_UNSOLICITED;
			EXPECT_EQ(parse_one(r->type, body_of(r, where), where,
					    0), want)
				TH_LOG("unasked, type %u in %#x", r->type,
				       where);
		}
	}
}

/* Each is asked for by its own bit */
TEST(asked_is_by_type)
{
	struct wr w = { 0 };

	for (int id = 0; id < EXT_COUNT; id++) {
		struct exts e = { .set = EXT_BIT(id) };
		const struct row *r = NULL;

		/* which one it is, the parser says of a hello */
		for (size_t i = 0; i < N_ROWS && !r; i++) {
			if (!(rows[i].where & IN_CH))
				continue;
			add(&w, rows[i].type, rows[i].hello);
			ASSERT_OK(parse(w.buf, w.len, IN_CH, 0, &e));
			wr_reset(&w);
			if (e.set == EXT_BIT(id))
				r = &rows[i];
		}
		/* those that TLS 1.2 alone has are not in the RFC's table */
		if (id == EXT_EC_POINT_FORMATS || id == EXT_SESSION_TICKET ||
		    id == EXT_EXTENDED_MAIN_SECRET ||
		    id == EXT_USER_MAPPING ||
		    id == EXT_RENEGOTIATION_INFO)
			continue;
		/* ... and this one is never asked for */
		if (id == EXT_OID_FILTERS)
			continue;
		ASSERT_TRUE(r) TH_LOG("extension %d", id);
		for EACH_WHERE(where) {
			if (!(r->where & where & IN_RESPONSE))
				continue;
			EXPECT_OK(parse_one(r->type, body_of(r, where), where,
					    EXT_BIT(id)));
			EXPECT_EQ(parse_one(r->type, body_of(r, where), where,
					    r->type == 44 ? 0 : ~EXT_BIT(id)),
				  r->type == 44 ? 0 :
				  -KTLS_E_EXT_UNSOLICITED);
		}
	}
	wr_free(&w);
}

TEST(unknown_types)
{
	for (unsigned int type = 0; type < 65536; type += type < 70 ? 1 : 97) {
		if (ext_known((uint16_t)type))
			continue;
		for EACH_WHERE(where)
			EXPECT_EQ(parse_one((uint16_t)type,
					    (struct slice)BODY("xyz"), where,
					    ASKED_ALL),
				  where & IN_RESPONSE ?
				  -KTLS_E_EXT_UNSOLICITED : 0);
		/* the application's, in 1.2: whose they are, others check */
		EXPECT_OK(parse_one((uint16_t)type,
				    (struct slice)BODY("xyz"), IN_SH12,
				    EXT_BIT(EXT_CUSTOM)));
		EXPECT_EQ(parse_one((uint16_t)type,
				    (struct slice)BODY("xyz"), IN_EE,
				    EXT_BIT(EXT_CUSTOM)),
			  -KTLS_E_EXT_UNSOLICITED);
	}
}

TEST(duplicates)
{
	struct wr w = { 0 };

	for (size_t i = 0; i < N_ROWS; i++) {
		for EACH_WHERE(where) {
			struct slice body = body_of(&rows[i], where);

			if (!(rows[i].where & where))
				continue;
			add(&w, rows[i].type, body);
			add(&w, rows[i].type, body);
			EXPECT_EQ(parse_wr(&w, where, ASKED_ALL),
				  -KTLS_E_EXT_DUPLICATE);
		}
	}
	/* unknown ones, next to each other and far apart */
	for (unsigned int where = IN_CH; where & IN_ALL; where <<= 1) {
		if (where & IN_RESPONSE)
			continue;
		add(&w, 0xfafa, (struct slice)BODY("1"));
		for (uint16_t type = 1000; type < 1100; type++)
			add(&w, type, (struct slice)BODY(""));
		add(&w, 0xfafa, (struct slice)BODY("2"));
		EXPECT_EQ(parse_wr(&w, where, 0), -KTLS_E_EXT_DUPLICATE);
		for (uint16_t type = 1000; type < 1100; type++)
			add(&w, type, (struct slice)BODY(""));
		EXPECT_OK(parse_wr(&w, where, 0));
	}
	wr_free(&w);
}

TEST(any_order_but_psk_last)
{
	struct wr w = { 0 };

	for (size_t first = 0; first < N_ROWS; first++) {
		for (size_t i = 0; i < N_ROWS; i++) {
			const struct row *r = &rows[(first + i) % N_ROWS];

			if (r->type != 41 && r->where & IN_CH)
				add(&w, r->type, r->hello);
		}
		add(&w, 0x1234, (struct slice)BODY("grease"));
		add(&w, 41, row_of(41)->hello);
		EXPECT_OK(parse_wr(&w, IN_CH, 0));
	}
	add(&w, 41, row_of(41)->hello);
	add(&w, 13, row_of(13)->hello);
	EXPECT_EQ(parse_wr(&w, IN_CH, 0), -KTLS_E_EXT_ORDER);
	add(&w, 41, row_of(41)->hello);
	add(&w, 0x1234, (struct slice)BODY(""));
	EXPECT_EQ(parse_wr(&w, IN_CH, 0), -KTLS_E_EXT_ORDER);
	/* in a ServerHello anywhere */
	add(&w, 41, row_of(41)->other);
	add(&w, 43, row_of(43)->other);
	EXPECT_OK(parse_wr(&w, IN_SH, ASKED_ALL));
	wr_free(&w);
}

TEST(what_may_change_after_a_retry)
{
	for (unsigned int type = 0; type < 65536; type++) {
		const struct row *r = row_of((uint16_t)type);

		EXPECT_EQ(ext_may_change((uint16_t)type),
			  r && r->may_change) TH_LOG("type %u", type);
	}
}

/* ---- form -------------------------------------------------------------- */

TEST(every_truncation_of_a_body)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		for EACH_WHERE(where) {
			struct slice body = body_of(&rows[i], where);

			if (!(rows[i].where & where) || rows[i].type == 21)
				continue;
			for (size_t n = 0; n < body.len; n++) {
				struct slice cut = { body.p, n };

				EXPECT_EQ(parse_one(rows[i].type, cut, where,
						    ASKED_ALL),
					  -KTLS_E_DECODE)
					TH_LOG("%zu bytes of type %u in %#x",
					       n, rows[i].type, where);
			}
		}
	}
}

TEST(data_left_over_in_a_body)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		for EACH_WHERE(where) {
			struct slice body = body_of(&rows[i], where);
			uint8_t more[256] = { 0 };

			if (!(rows[i].where & where) || rows[i].type == 21)
				continue;
			memcpy(more, body.p, body.len);
			EXPECT_EQ(parse_one(rows[i].type, (struct slice){
					    more, body.len + 1 }, where,
					    ASKED_ALL), -KTLS_E_DECODE)
				TH_LOG("type %u in %#x", rows[i].type, where);
		}
	}
}

TEST(every_truncation_of_a_block)
{
	struct wr w = { 0 };
	size_t ends[N_ROWS + 1], n = 0;

	ends[n++] = 0;
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *r = &rows[i];

		if (r->type == 41 || !(r->where & IN_CH))
			continue;
		add(&w, r->type, r->hello);
		ends[n++] = w.len;
	}
	add(&w, 41, row_of(41)->hello);
	ASSERT_TRUE(wr_ok(&w));
	for (size_t len = 0, next = 0; len < w.len; len++) {
		bool whole = next < n && ends[next] == len;
		struct exts e;

		next += whole;
		EXPECT_EQ(parse(w.buf, len, IN_CH, 0, &e),
			  whole ? 0 : -KTLS_E_DECODE) TH_LOG("%zu", len);
	}
	wr_free(&w);
}

/* Bodies that are wrong in themselves */
TEST(malformed)
{
	static const struct {
		uint16_t type;
		unsigned int where;
		struct slice body;
	} bad[] = {
		{ 0, IN_CH, BODY("\0\0") },			/* no name */
		{ 0, IN_CH, BODY("\0\3\0\0\0") },		/* of no length */
		{ 0, IN_CH, BODY("\0\4\0\0\1\0") },		/* a NUL */
		{ 0, IN_CH, BODY("\0\10\0\0\1a\0\0\1b") },	/* two hosts */
		{ 3, IN_CH, BODY("\0\24\1" HASH20) },		/* cut */
		{ 3, IN_CH, BODY("\0\3\2\0\0") },		/* no name */
		{ 3, IN_CH, BODY("\0\1\4") },			/* no such kind */
		{ 5, IN_CH, BODY("\1\0\2\0\0\0\0") },	/* no responder */
		{ 5, IN_CH, BODY("\1\0\0\0") },
		{ 5, IN_CT, BODY("\2\0\0\1a") },		/* not OCSP's */
		{ 5, IN_CT, BODY("\1\0\0\0") },		/* empty */
		{ 10, IN_CH, BODY("\0\0") },
		{ 10, IN_CH, BODY("\0\3\0\35\0") },		/* odd */
		{ 13, IN_CH, BODY("\0\0") },
		{ 13, IN_CR, BODY("\0\1\4") },
		{ 16, IN_CH, BODY("\0\0") },
		{ 16, IN_CH, BODY("\0\3\0\1a") },		/* empty name */
		{ 16, IN_EE, BODY("\0\4\1a\1b") },		/* two */
		{ 16, IN_EE, BODY("\0\0") },
		{ 19, IN_CH, BODY("\0") },
		{ 19, IN_CH, BODY("\2\0") },
		{ 19, IN_EE, BODY("\0\2") },			/* two */
		{ 20, IN_CH, BODY("\1\0\2") },
		{ 20, IN_EE, BODY("") },
		{ 27, IN_CH, BODY("\0") },
		{ 27, IN_CR, BODY("\3\0\1\0") },		/* odd */
		{ 43, IN_CH, BODY("\0") },
		{ 43, IN_CH, BODY("\1\3") },
		{ 44, IN_CH, BODY("\0\0") },
		{ 44, IN_HRR, BODY("\0\0") },
		{ 45, IN_CH, BODY("\0") },
		{ 47, IN_CH, BODY("\0\0") },
		{ 47, IN_CR, BODY("\0\2\0\0") },
		{ 50, IN_CH, BODY("\0\0") },
		{ 51, IN_CH, BODY("\0\4\0\35\0\0") },		/* empty share */
		{ 51, IN_SH, BODY("\0\35\0\0") },
		{ 41, IN_CH, BODY("\0\0\0\41\40" ZERO16 ZERO16) },
		{ 41, IN_CH, BODY("\0\7\0\1x\0\0\0\0\0\0") },	/* no binder */
		{ 41, IN_CH, BODY("\0\7\0\1x\0\0\0\0\0\40\37" ZERO16
				  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
		{ 41, IN_CH, BODY("\0\7\0\1x\0\0\0\0\0\102\40" ZERO16 ZERO16
				  "\40" ZERO16 ZERO16) },	/* two */
		{ 41, IN_CH, BODY("\0\6\0\0\0\0\0\0\0\41\40" ZERO16 ZERO16) },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT_EQ(parse_one(bad[i].type, bad[i].body, bad[i].where,
				    ASKED_ALL), -KTLS_E_DECODE)
			TH_LOG("row %zu", i);
	/* RFC 6066 6: an empty list means something agreed on before */
	EXPECT_OK(parse_one(3, (struct slice)BODY("\0\0"), IN_CH, 0));
	/* 8: what is not OCSP cannot be read, and need not */
	EXPECT_OK(parse_one(5, (struct slice)BODY("\2xyz"), IN_CH, 0));
	/* a list of no shares asks for a HelloRetryRequest (4.3.8) */
	EXPECT_OK(parse_one(51, (struct slice)BODY("\0\0"), IN_CH, 0));
}

TEST(host_names_up_to_their_limit)
{
	struct wr body = { 0 };
	uint8_t name[256];

	memset(name, 'a', sizeof(name));
	for (size_t len = 254; len <= 256; len++) {
		wr_vec(&body, 2) {
			wr_u8(&body, 0);
			wr_opaque(&body, 2, (struct slice){ name, len });
		}
		EXPECT_EQ(parse_one(0, (struct slice){ body.buf, body.len },
				    IN_CH, 0),
			  len > 255 ? -KTLS_E_DECODE : 0);
		wr_reset(&body);
	}
	wr_free(&body);
}

/* ---- values ------------------------------------------------------------ */

TEST(values_and_back)
{
	const struct exts ch = {
		.set = EXT_BIT(EXT_SERVER_NAME) |
		       EXT_BIT(EXT_SUPPORTED_GROUPS) |
		       EXT_BIT(EXT_SIGNATURE_ALGORITHMS) |
		       EXT_BIT(EXT_ALPN) | EXT_BIT(EXT_SUPPORTED_VERSIONS) |
		       EXT_BIT(EXT_COOKIE) | EXT_BIT(EXT_KEY_SHARE),
		.server_name = BODY("host"),
		.groups = BODY("\0\35\0\27"),
		.sigalgs = BODY("\4\3\10\4"),
		.alpn = BODY("\2h2\10http/1.1"),
		.versions = BODY("\3\4\3\3"),
		.cookie = BODY("cookie"),
		.shares = BODY("\0\27\0\3abc\0\35\0\2xy"),
	};
	struct wr w = { 0 };
	bool bad = false;
	struct exts e;
	struct rd r, block;

	exts_write(&w, IN_CH, &ch);
	ASSERT_TRUE(wr_ok(&w));
	r = rd_init(w.buf, w.len, &bad);
	block = rd_vec(&r, 2);
	rd_end(&r);
	ASSERT_FALSE(bad);
	ASSERT_OK(exts_parse(&block, IN_CH, 0, &e));
	EXPECT_EQ(e.set, ch.set);
	EXPECT_TRUE(slice_eq(e.server_name, ch.server_name));
	EXPECT_TRUE(slice_eq(e.groups, ch.groups));
	EXPECT_TRUE(slice_eq(e.sigalgs, ch.sigalgs));
	EXPECT_TRUE(slice_eq(e.alpn, ch.alpn));
	EXPECT_TRUE(slice_eq(e.versions, ch.versions));
	EXPECT_TRUE(slice_eq(e.cookie, ch.cookie));
	EXPECT_TRUE(slice_eq(e.shares, ch.shares));
	EXPECT_TRUE(u16s_have(e.groups, 0x17));
	EXPECT_TRUE(u16s_have(e.sigalgs, 0x0804));
	EXPECT_FALSE(u16s_have(e.sigalgs, 0x0308));	/* across two */
	EXPECT_EQ(shares_find(e.shares, 0x1d).len, 2);
	EXPECT_EQ(shares_find(e.shares, 0x17).len, 3);
	EXPECT_EQ(shares_find(e.shares, 0x18).len, 0);
	wr_free(&w);
}

TEST(selected_version)
{
	struct wr w = { 0 };
	uint16_t version = 0;

	EXPECT_EQ(ext_selected_version((struct slice){ NULL, 0 }, &version),
		  0);
	add(&w, 51, (struct slice)BODY("\0\35\0\1a"));
	EXPECT_EQ(ext_selected_version((struct slice){ w.buf, w.len },
				       &version), 0);
	add(&w, 43, (struct slice)BODY("\0\0"));
	EXPECT_EQ(ext_selected_version((struct slice){ w.buf, w.len },
				       &version), 1);
	EXPECT_EQ(version, 0);
	for (size_t n = 1; n < w.len; n++)
		EXPECT_EQ(ext_selected_version((struct slice){ w.buf, n },
					       &version),
			  n == 9 ? 0 : -KTLS_E_DECODE);
	wr_reset(&w);
	add(&w, 43, (struct slice)BODY("\3\4\0"));
	EXPECT_EQ(ext_selected_version((struct slice){ w.buf, w.len },
				       &version), -KTLS_E_DECODE);
	wr_free(&w);
}

HARNESS_MAIN
