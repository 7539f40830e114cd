// SPDX-License-Identifier: GPL-2.0-only
/*
 * SupplementalData (RFC 4680): what is agreed, what is refused, and when the
 * application hears of it.
 */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "hs_lib.h"
#include "mitm_lib.h"
#include "peer.h"

#define TLS12	.min_version = KTLS_TLS12, .max_version = KTLS_TLS12,	\
		.flags = KTLS_F_NO_TICKETS
#define B(s)	((struct slice){ (const uint8_t *)(s), sizeof(s) - 1 })

/* ---- an application ---------------------------------------------------- */

struct app {
	struct ktls_hs *hs;	/* the last that called */
	int sends, recvs;
	int answer;		/* of both hooks */
	const char *say;
	size_t say_len;
	char heard[256];	/* "TYPE:DATA " for each */
	enum hs_state state;	/* in which it was heard */
};

static int app_send(void *arg, struct ktls_hs *hs, uint16_t type,
		    const void **data, size_t *len)
{
	struct app *a = arg;

	(void)type;
	a->hs = hs;
	a->sends++;
	*data = a->say;
	*len = a->say_len ? a->say_len : strlen(a->say);
	return a->answer;
}

static int app_recv(void *arg, struct ktls_hs *hs, uint16_t type,
		    const void *data, size_t len)
{
	struct app *a = arg;
	size_t at = strlen(a->heard);

	a->hs = hs;
	a->recvs++;
	a->state = hs->state;
	snprintf(a->heard + at, sizeof(a->heard) - at, "%u:%.*s ", type,
		 (int)len, (const char *)data);
	return a->answer < 0 ? a->answer : 0;
}

static struct app apps[2];

/* Type @t by extension @e, with a voice of its end */
#define TYPE(t, e, end)	{ .type = (t), .extension = (e), .send = app_send, \
			  .recv = app_recv, .arg = &apps[end] }
#define SUPP(...)	.supp = (const struct ktls_supp[]){ __VA_ARGS__ }, \
	.supp_len = sizeof((const struct ktls_supp[]){ __VA_ARGS__ }) /	\
		    sizeof(struct ktls_supp)

FIXTURE(supp) {
	struct mitm m;
};

FIXTURE_SETUP(supp)
{
	apps[0] = (struct app){ .say = "hello", .answer = 1 };
	apps[1] = (struct app){ .say = "welcome", .answer = 1 };
	mitm_begin(&self->m, KTLS_OPTS(TLS12, SUPP(TYPE(1000, 2000, 0))),
		   KTLS_OPTS(TLS12, SUPP(TYPE(1000, 2000, 1)),
			     .sessions = KTLS_NO_SESSIONS), NULL);
}

FIXTURE_TEARDOWN(supp)
{
	mitm_end(&self->m);
}

/* ---- what the hooks see ------------------------------------------------ */

TEST_F(supp, both_ways)
{
	mitm_run(&self->m, NULL, NULL);
	mitm_agree(&self->m);
	EXPECT_STREQ(apps[0].heard, "1000:welcome ");
	EXPECT_STREQ(apps[1].heard, "1000:hello ");
	for (int end = 0; end < 2; end++) {
		EXPECT_EQ(apps[end].hs, self->m.hs[end]);
		EXPECT_EQ(apps[end].sends, 1);
		EXPECT_EQ(apps[end].recvs, 1);
	}
	/* not before the peer's Finished */
	EXPECT_EQ(apps[0].state, C12_FIN);
	EXPECT_EQ(apps[1].state, S12_FIN);
}

TEST_F(supp, data_of_the_caller)
{
	int mine;

	EXPECT_EQ(ktls_hs_data(self->m.hs[0]), NULL);
	ktls_hs_set_data(self->m.hs[0], &mine);
	mitm_run(&self->m, NULL, NULL);
	EXPECT_EQ(ktls_hs_data(self->m.hs[0]), &mine);
}

TEST_F(supp, who_has_nothing_says_nothing)
{
	for (int end = 0; end < 2; end++) {
		mitm_again(&self->m);
		apps[0] = (struct app){ .say = "hello", .answer = end != 0 };
		apps[1] = (struct app){ .say = "welcome", .answer = end != 1 };
		mitm_run(&self->m, NULL, NULL);
		mitm_agree(&self->m);
		EXPECT_EQ(apps[end].recvs, 1);
		EXPECT_EQ(apps[!end].recvs, 0);
	}
}

/* As long as can be: it spans records */
TEST_F(supp, sizes)
{
	static char big[65535];
	static const size_t sizes[] = { 1, 16383, 16384, 60000 };

	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		mitm_again(&self->m);
		for (int end = 0; end < 2; end++)
			apps[end] = (struct app){ .say = big, .answer = 1,
						  .say_len = sizes[i] };
		mitm_run(&self->m, NULL, NULL);
		mitm_agree(&self->m);
		EXPECT_EQ(apps[0].recvs + apps[1].recvs, 2);
	}
	/* the entry has room for it, the peer has not: max_message */
	mitm_again(&self->m);
	apps[0].say_len = 65535;
	mitm_run(&self->m, NULL, NULL);
	EXPECT_EQ(ktls_hs_error(self->m.hs[1]), -KTLS_E_MESSAGE_SIZE);
	mitm_again(&self->m);
	apps[0].say_len = 65536;
	apps[1].say_len = 1;
	mitm_run(&self->m, NULL, NULL);
	mitm_failed(&self->m, CLIENT_END, -KTLS_E_SUPP_REFUSED);
}

TEST_F(supp, the_application_may_refuse)
{
	for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
		mitm_again(&self->m);
		apps[0] = (struct app){ .say = "hello", .answer = 1 };
		apps[1] = (struct app){ .say = "welcome", .answer = 1 };
		apps[end].answer = -1;
		mitm_run(&self->m, NULL, NULL);
		mitm_failed(&self->m, end, -KTLS_E_SUPP_REFUSED);
		EXPECT_EQ(self->m.alert[end], KTLS_ALERT_ACCESS_DENIED);
	}
}

static void corrupt_finished(struct mitm *m, enum end from, struct flight *f,
			     void *arg)
{
	const enum end *whose = arg;

	(void)m;
	if (from == *whose && f->n &&
	    item_is(&f->item[f->n - 1], HT_FINISHED))
		f->item[f->n - 1].data.buf[5] ^= 1;
}

/* What nobody has vouched for is not heard */
TEST_F(supp, nothing_without_finished)
{
	for (enum end from = CLIENT_END; from <= SERVER_END; from++) {
		mitm_again(&self->m);
		apps[0].recvs = apps[1].recvs = 0;
		mitm_run(&self->m, corrupt_finished, &from);
		mitm_failed(&self->m, OTHER(from), -KTLS_E_FINISHED);
		EXPECT_EQ(apps[OTHER(from)].recvs, 0);
	}
}

/* It is not part of an abbreviated handshake */
TEST(not_resumed)
{
	struct ktls_info info;
	struct mitm m;

	apps[0] = apps[1] = (struct app){ .say = "once", .answer = 1 };
	mitm_begin(&m, KTLS_OPTS(TLS12, SUPP(TYPE(1000, 2000, 0))),
		   KTLS_OPTS(TLS12, SUPP(TYPE(1000, 2000, 1))), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_again(&m);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	ktls_hs_info(m.hs[0], &info);
	mitm_end(&m);
	EXPECT_EQ(info.resumed, 1);
	EXPECT_EQ(apps[0].recvs, 1);
	EXPECT_EQ(apps[1].recvs, 1);
}

/* ---- what is agreed ---------------------------------------------------- */

static void run(struct mitm *m, const struct ktls_opts *client,
		const struct ktls_opts *server)
{
	apps[0] = (struct app){ .say = "c", .answer = 1 };
	apps[1] = (struct app){ .say = "s", .answer = 1 };
	mitm_begin(m, client, server, NULL);
	mitm_run(m, NULL, NULL);
	mitm_agree(m);
	mitm_end(m);
}

TEST(only_what_both_have)
{
	struct mitm m;

	run(&m, KTLS_OPTS(TLS12, SUPP(TYPE(1, 2000, 0), TYPE(2, 2001, 0),
				      TYPE(3, 2001, 0))),
	    KTLS_OPTS(TLS12, SUPP(TYPE(3, 2001, 1), TYPE(2, 2001, 1),
				  TYPE(4, 2002, 1))));
	EXPECT_STREQ(apps[0].heard, "3:s 2:s ");
	EXPECT_STREQ(apps[1].heard, "2:c 3:c ");
	run(&m, KTLS_OPTS(TLS12, SUPP(TYPE(1, 2000, 0))), KTLS_OPTS(TLS12));
	EXPECT_EQ(apps[0].sends + apps[0].recvs, 0);
	run(&m, KTLS_OPTS(TLS12), KTLS_OPTS(TLS12, SUPP(TYPE(1, 2000, 1))));
	EXPECT_EQ(apps[1].sends + apps[1].recvs, 0);
	/* TLS 1.3 has nothing of the kind, and is not hindered */
	run(&m, KTLS_OPTS(SUPP(TYPE(1, 2000, 0))),
	    KTLS_OPTS(SUPP(TYPE(1, 2000, 1))));
	EXPECT_EQ(apps[0].sends + apps[1].sends, 0);
}

TEST(fixed_data_needs_no_hook)
{
	const struct ktls_supp empty = { .type = 7, .extension = 2000,
					 .data = "" };
	struct mitm m;

	run(&m, KTLS_OPTS(TLS12, .supp = &empty, .supp_len = 1),
	    KTLS_OPTS(TLS12, SUPP(TYPE(7, 2000, 1))));
	EXPECT_STREQ(apps[1].heard, "7: ");
}

/* An extension of its own, with the body that the option gives it */
static void see_extension(struct mitm *m, enum end from, struct flight *f,
			  void *arg)
{
	unsigned int *seen = arg;

	(void)m;
	if (f->n && (item_is(&f->item[0], HT_CLIENT_HELLO) ||
		     item_is(&f->item[0], HT_SERVER_HELLO)) &&
	    memmem(f->item[0].data.buf, f->item[0].data.len,
		   from == CLIENT_END ? "\7\320\0\3abc" : "\7\320\0\2de",
		   from == CLIENT_END ? 7 : 6))
		*seen |= 1u << from;
}

TEST(extensions_have_bodies)
{
	const struct ktls_supp c = { .type = 1, .extension = 2000,
		.extension_data = "abc", .extension_len = 3 };
	const struct ktls_supp s = { .type = 1, .extension = 2000,
		.extension_data = "de", .extension_len = 2 };
	unsigned int seen = 0;
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(TLS12, .supp = &c, .supp_len = 1),
		   KTLS_OPTS(TLS12, .supp = &s, .supp_len = 1), NULL);
	mitm_run(&m, see_extension, &seen);
	mitm_agree(&m);
	EXPECT_EQ(seen, 3);
	mitm_end(&m);
}

/* As long as may be, they leave room for all else that a hello has */
TEST(extensions_fit_into_a_hello)
{
	static const char big[32768];
	const struct ktls_supp most = { .type = 1, .extension = 2000,
		.extension_data = big, .extension_len = sizeof(big) };
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.supp = &most, .supp_len = 1),
		   KTLS_OPTS(.max_version = KTLS_TLS12, .supp = &most,
			     .supp_len = 1), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	mitm_end(&m);
}

TEST(options_that_make_no_sense)
{
	static const struct {
		struct ktls_supp s;
		const char *why;
	} rows[] = {
		{ { .type = 0, .extension = 2000 }, "user mapping" },
		{ { .type = 1, .extension = 16 }, "meaning of its own" },
		{ { .type = 1, .extension = 0xff01 }, "meaning of its own" },
		{ { .type = 1, .extension = 2000, .data = "",
		    .data_len = 65536 }, "65535" },
		{ { .type = 1, .extension = 2000, .data_len = 1 },
		  "without data" },
	};
	static const char big[32768];
	struct ktls_supp many[33] = { 0 }, twice[2] = { { .type = 1 } };
	struct ktls_config *cfg;
	char why[256];

#define FAILS(text, ...)						\
	do {								\
		EXPECT_EQ(ktls_config_new(&cfg, KTLS_OPTS(		\
			.role = KTLS_CLIENT, .ca_file = pki("ca"),	\
			.error = why, .error_size = sizeof(why),	\
			__VA_ARGS__)), -KTLS_E_OPTION);			\
		EXPECT_TRUE(strstr(why, text)) TH_LOG("%s", why);	\
	} while (0)

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		FAILS(rows[i].why, .supp = &rows[i].s, .supp_len = 1);
	for (uint16_t i = 0; i < 33; i++)
		many[i] = (struct ktls_supp){ .type = (uint16_t)(i + 1),
					      .extension = 2000 };
	FAILS("more than 32", .supp = many, .supp_len = 33);
	twice[0].extension = twice[1].extension = 2000;
	twice[1].type = 1;
	FAILS("twice", .supp = twice, .supp_len = 2);
	/* what no hello could hold */
	twice[1].type = 2;
	twice[0].extension_data = twice[1].extension_data = big;
	twice[0].extension_len = 16384;
	twice[1].extension_len = 16385;
	FAILS("32768", .supp = twice, .supp_len = 2);
	FAILS("user_principal", .user_principal = "nobody");
	FAILS("user_principal", .user_domain = "-");
	FAILS("double handshake", .flags = KTLS_F_DOUBLE_HANDSHAKE,
	      .max_version = KTLS_TLS13);
#undef FAILS
}

/* ---- what may not come ------------------------------------------------- */

TEST_F(supp, malformed)
{
	static const struct {
		struct slice body;
		int err;
	} rows[] = {
		{ { NULL, 0 }, -KTLS_E_DECODE },
		{ { (const uint8_t *)"\0\0\0", 3 }, -KTLS_E_DECODE },
		{ { (const uint8_t *)"\0\0\1\3", 4 }, -KTLS_E_DECODE },
		{ { (const uint8_t *)"\0\0\4\3\350\0\1", 7 }, -KTLS_E_DECODE },
		{ { (const uint8_t *)"\0\0\5\3\350\0\1xy", 9 },
		  -KTLS_E_DECODE },
		{ { (const uint8_t *)"\0\0\5\3\350\0\2x", 8 }, -KTLS_E_DECODE },
		{ { (const uint8_t *)"\0\0\5\3\351\0\1x", 8 },
		  -KTLS_E_SUPP_TYPE },
		{ { (const uint8_t *)"\0\0\5\0\0\0\1x", 8 },
		  -KTLS_E_SUPP_TYPE },
		{ { (const uint8_t *)"\0\0\12\3\350\0\1x\3\351\0\1x", 13 },
		  -KTLS_E_SUPP_TYPE },
		/* a type twice: the application hears of each once */
		{ { (const uint8_t *)"\0\0\12\3\350\0\1x\3\350\0\1x", 13 },
		  -KTLS_E_SUPP_TYPE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (enum end from = CLIENT_END; from <= SERVER_END; from++) {
			struct forged x = { from, HT_SUPPLEMENTAL_DATA,
					    rows[i].body };

			mitm_again(&self->m);
			apps[OTHER(from)].recvs = 0;
			mitm_run(&self->m, flight_forge, &x);
			mitm_failed(&self->m, OTHER(from), rows[i].err);
			EXPECT_EQ(apps[OTHER(from)].recvs, 0);
		}
}

/* RFC 4680 2: without agreement, unexpected_message */
static void insert(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	const struct forged *x = arg;
	struct wr w = { 0 };
	size_t at = from == CLIENT_END ? 0 : 1;

	(void)m;
	if (from != x->from || f->n < 3)
		return;
	wr_u8(&w, HT_SUPPLEMENTAL_DATA);
	wr_opaque(&w, 3, x->body);
	flight_insert(f, at, CT_HANDSHAKE, false, w.buf, w.len);
	wr_free(&w);
}

TEST(unsolicited)
{
	for (int both = 0; both < 2; both++)
		for (enum end from = CLIENT_END; from <= SERVER_END; from++) {
			struct forged x = { from, HT_SUPPLEMENTAL_DATA,
					    B("\0\0\5\3\350\0\1x") };
			struct mitm m;

			/* agreed: then it comes twice */
			apps[0] = (struct app){ .say = "c", .answer = 1 };
			apps[1] = (struct app){ .say = "s", .answer = 1 };
			mitm_begin(&m, KTLS_OPTS(TLS12,
						 SUPP(TYPE(1000, 2000, 0))),
				   both ? KTLS_OPTS(TLS12,
						    SUPP(TYPE(1000, 2000, 1))) :
				   KTLS_OPTS(TLS12), NULL);
			mitm_run(&m, insert, &x);
			mitm_failed(&m, OTHER(from), -KTLS_E_UNEXPECTED);
			mitm_end(&m);
		}
}

/* A ServerHello with an extension that was not asked for */
static void add_extension(struct mitm *m, enum end from, struct flight *f,
			  void *arg)
{
	const struct slice *ext = arg;
	struct item *it = &f->item[0];
	size_t at;
	uint8_t *p;

	(void)m;
	if (from != SERVER_END || !f->n || !item_is(it, HT_SERVER_HELLO))
		return;
	wr_slice(&it->data, *ext);
	ASSERT_TRUE(wr_ok(&it->data));
	item_fix_length(it);
	p = it->data.buf;
	at = MSG_HEADER + 2 + RANDOM_LEN;
	at += 1u + p[at] + 3;
	p[at] = (uint8_t)((it->data.len - at - 2) >> 8);
	p[at + 1] = (uint8_t)(it->data.len - at - 2);
}

TEST_F(supp, unsolicited_extensions)
{
	static const struct {
		struct slice ext;
		int err;
	} rows[] = {
		{ { (const uint8_t *)"\7\321\0\0", 4 },
		  -KTLS_E_EXT_UNSOLICITED },
		{ { (const uint8_t *)"\7\320\0\0", 4 },
		  -KTLS_E_EXT_DUPLICATE },
		{ { (const uint8_t *)"\0\6\0\2\1\100", 6 },
		  -KTLS_E_EXT_UNSOLICITED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		mitm_again(&self->m);
		mitm_run(&self->m, add_extension, (void *)&rows[i].ext);
		mitm_failed(&self->m, CLIENT_END, rows[i].err);
	}
}

/* Nor in the answer to a hello that is resumed: RFC 5246 7.4.1.4 */
TEST(unsolicited_extensions_in_resumption)
{
	static const struct slice ext = { (const uint8_t *)"\7\321\0\0", 4 };
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(TLS12, SUPP(TYPE(1000, 2000, 0))),
		   KTLS_OPTS(TLS12), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	mitm_again(&m);
	mitm_run(&m, add_extension, (void *)&ext);
	mitm_failed(&m, CLIENT_END, -KTLS_E_EXT_UNSOLICITED);
	mitm_end(&m);
}

/* A hook that says how long it is, and not where */
static int say_nowhere(void *arg, struct ktls_hs *hs, uint16_t type,
		       const void **data, size_t *len)
{
	(void)arg;
	(void)hs;
	(void)type;
	(void)data;
	*len = 5;
	return 1;
}

TEST(a_length_without_data)
{
	struct ktls_supp bad = { .type = 1000, .extension = 2000,
				 .send = say_nowhere };
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(TLS12, SUPP(TYPE(1000, 2000, 0))),
		   KTLS_OPTS(TLS12, .supp = &bad, .supp_len = 1), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_failed(&m, SERVER_END, -KTLS_E_SUPP_REFUSED);
	mitm_end(&m);
}

HARNESS_MAIN
