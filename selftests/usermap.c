// SPDX-License-Identifier: GPL-2.0-only
/* User mapping hints (RFC 4681): who gets them, and what they may be */
#include <string.h>

#include "../lib/usermap.h"
#include "harness.h"
#include "mitm_lib.h"
#include "peer.h"

#define TLS12	.min_version = KTLS_TLS12, .max_version = KTLS_TLS12,	\
		.flags = KTLS_F_NO_TICKETS
#define ASKS	.min_version = KTLS_TLS12, .max_version = KTLS_TLS12,	\
		.flags = KTLS_F_NO_TICKETS | KTLS_F_USER_MAPPING

TEST(hints_go_to_whoever_asks)
{
	static const struct {
		const char *principal, *domain;
	} rows[] = {
		{ "a@b", NULL }, { NULL, "b" }, { "a@b", "c.d" },
		{ "\xe6\x97\xa5\xe6\x9c\xac@x-y.z9", "EXAMPLE.test" },
		{ "with space and \"quotes\"@d", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (int asks = 0; asks < 2; asks++) {
			struct ktls_info info;
			struct mitm m;

			mitm_begin(&m, KTLS_OPTS(TLS12,
				.user_principal = rows[i].principal,
				.user_domain = rows[i].domain),
				asks ? KTLS_OPTS(ASKS) : KTLS_OPTS(TLS12),
				NULL);
			mitm_run(&m, NULL, NULL);
			mitm_agree(&m);
			ktls_hs_info(m.hs[SERVER_END], &info);
			EXPECT_STREQ(info.user_principal,
				     asks && rows[i].principal ?
				     rows[i].principal : "");
			EXPECT_STREQ(info.user_domain,
				     asks && rows[i].domain ?
				     rows[i].domain : "");
			mitm_end(&m);
		}
}

struct hint_row {
	struct slice list;
	int err;
	const char *principal, *domain;
};

static const struct hint_row hint_rows[] = {
#define H(s, ...)	{ { (const uint8_t *)(s), sizeof(s) - 1 }, __VA_ARGS__ }
#define F(s, err)	H(s, err, NULL, NULL)
	H("\0\12\100\0\7\0\3a@b\0\0", 0, "a@b", ""),
	H("\0\13\100\0\10\0\0\0\4a.bc", 0, "", "a.bc"),
	/* others' hints are not ours to judge */
	H("\0\17\1\0\2xy\100\0\7\0\3a@b\0\0", 0, "a@b", ""),
	H("\0\3\1\0\0", 0, "", ""),
	/* the first one counts */
	H("\0\24\100\0\7\0\3a@b\0\0\100\0\7\0\3c@d\0\0", 0, "a@b", ""),

	F("", -KTLS_E_DECODE), F("\0", -KTLS_E_DECODE),
	F("\0\0", -KTLS_E_DECODE), F("\0\1\100", -KTLS_E_DECODE),
	F("\0\12\100\0\7\0\3a@b\0\0x", -KTLS_E_DECODE),
	F("\0\12\100\0\10\0\3a@b\0\0", -KTLS_E_DECODE),
	F("\0\12\100\0\7\0\4a@b\0\0", -KTLS_E_DECODE),
	F("\0\12\100\0\7\0\2a@b\0\0", -KTLS_E_DECODE),
	F("\0\13\100\0\10\0\3a@b\0\0x", -KTLS_E_DECODE),
	F("\0\6\1\0\5xyz", -KTLS_E_DECODE),

	F("\0\7\100\0\4\0\0\0\0", -KTLS_E_USER_MAPPING),
	F("\0\11\100\0\6\0\2a@\0\0", -KTLS_E_USER_MAPPING),
	F("\0\11\100\0\6\0\2@b\0\0", -KTLS_E_USER_MAPPING),
	F("\0\12\100\0\7\0\3abc\0\0", -KTLS_E_USER_MAPPING),
	F("\0\14\100\0\11\0\5a@b@c\0\0", -KTLS_E_USER_MAPPING),
	F("\0\13\100\0\10\0\4\0a@b\0\0", -KTLS_E_USER_MAPPING),
	F("\0\13\100\0\10\0\4\na@b\0\0", -KTLS_E_USER_MAPPING),
	F("\0\13\100\0\10\0\4\377a@b\0\0", -KTLS_E_USER_MAPPING),
	/* U+0080, U+009B and U+009F are control characters as well */
	F("\0\13\100\0\10\0\4\302\200@b\0\0", -KTLS_E_USER_MAPPING),
	F("\0\13\100\0\10\0\4\302\233@b\0\0", -KTLS_E_USER_MAPPING),
	F("\0\13\100\0\10\0\4\302\237@b\0\0", -KTLS_E_USER_MAPPING),
	H("\0\13\100\0\10\0\4\302\240@b\0\0", 0, "\302\240@b", ""),
	F("\0\13\100\0\10\0\4\300\200@b\0\0", -KTLS_E_USER_MAPPING),
	F("\0\14\100\0\11\0\5\355\240\200@b\0\0", -KTLS_E_USER_MAPPING),
	F("\0\13\100\0\10\0\4\342\202@b\0\0", -KTLS_E_USER_MAPPING),
	F("\0\11\100\0\6\0\0\0\2-a", -KTLS_E_USER_MAPPING),
	F("\0\11\100\0\6\0\0\0\2a-", -KTLS_E_USER_MAPPING),
	F("\0\11\100\0\6\0\0\0\2a.", -KTLS_E_USER_MAPPING),
	F("\0\11\100\0\6\0\0\0\2.a", -KTLS_E_USER_MAPPING),
	F("\0\13\100\0\10\0\0\0\4a..b", -KTLS_E_USER_MAPPING),
	F("\0\13\100\0\10\0\0\0\4a-.b", -KTLS_E_USER_MAPPING),
	F("\0\12\100\0\7\0\0\0\3a_b", -KTLS_E_USER_MAPPING),
	F("\0\12\100\0\7\0\0\0\3a\0b", -KTLS_E_USER_MAPPING),
#undef F
#undef H
};

#define HINT_ROWS	(sizeof(hint_rows) / sizeof(*hint_rows))

TEST(hints_are_parsed)
{
	for (size_t i = 0; i < HINT_ROWS; i++) {
		const struct hint_row *r = &hint_rows[i];
		struct user_mapping m;

		EXPECT_EQ(usermap_parse(r->list, &m), r->err)
			TH_LOG("row %zu", i);
		if (r->err)
			continue;
		EXPECT_STREQ(m.principal, r->principal);
		EXPECT_STREQ(m.domain, r->domain);
	}
}

/* And a server says so with the alert of the reason */
TEST(bad_hints_fail_the_handshake)
{
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(TLS12, .user_principal = "a@b"),
		   KTLS_OPTS(ASKS), NULL);
	for (size_t i = 0; i < HINT_ROWS; i++) {
		struct wr w = { 0 };
		struct forged x = { CLIENT_END, HT_SUPPLEMENTAL_DATA,
				    { NULL, 0 } };

		if (!hint_rows[i].err)
			continue;
		wr_vec(&w, 3) {
			wr_u16(&w, 0);
			wr_opaque(&w, 2, hint_rows[i].list);
		}
		x.body = (struct slice){ w.buf, w.len };
		mitm_again(&m);
		mitm_run(&m, flight_forge, &x);
		mitm_failed(&m, SERVER_END, hint_rows[i].err);
		wr_free(&w);
	}
	mitm_end(&m);
}

TEST(lengths_of_hints)
{
	char upn[UPN_MAX + 1], domain[UPN_DOMAIN_MAX + 1];
	struct wr w = { 0 };

	memset(upn, 'a', sizeof(upn));
	memcpy(upn + UPN_MAX - 3, "@b", 3);
	memset(domain, 'a', sizeof(domain));
	domain[UPN_DOMAIN_MAX - 1] = 0;
	EXPECT_OK(usermap_write(&w, upn, domain));
	memcpy(upn + UPN_MAX - 2, "@b", 3);
	EXPECT_EQ(usermap_write(&w, upn, NULL), -KTLS_E_USER_MAPPING);
	memcpy(domain + UPN_DOMAIN_MAX - 1, "a", 2);
	EXPECT_EQ(usermap_write(&w, NULL, domain), -KTLS_E_USER_MAPPING);
	wr_free(&w);
}

/* RFC 4681 2: the answer is a part of the list, not more */
static void other_hints(struct mitm *m, enum end from, struct flight *f,
			void *arg)
{
	uint8_t *p;

	(void)m;
	(void)arg;
	if (from != SERVER_END || !item_is(&f->item[0], HT_SERVER_HELLO))
		return;
	p = memmem(f->item[0].data.buf, f->item[0].data.len, "\0\6\0\2\1\100",
		   6);
	ASSERT_TRUE(p);
	p[5] = 1;
}

TEST(answers_with_other_hints)
{
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(TLS12, .user_domain = "b"),
		   KTLS_OPTS(ASKS), NULL);
	mitm_run(&m, other_hints, NULL);
	mitm_failed(&m, CLIENT_END, -KTLS_E_USER_MAPPING);
	mitm_end(&m);
}

HARNESS_MAIN
