// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks on the resumption of TLS 1.3 (RFC 9846 4.3.11, 8): hellos that are
 * not what the holder of the ticket wrote.
 */
#include <string.h>

#include "ext_lib.h"
#include "harness.h"
#include "peer.h"
#include "psk_lib.h"

FIXTURE(psk) {
	struct mitm m;
	struct offer got[2];
};

FIXTURE_VARIANT(psk) { const char *ciphers; };
FIXTURE_VARIANT_ADD(psk, sha256) { "TLS_AES_128_GCM_SHA256" };
FIXTURE_VARIANT_ADD(psk, sha384) { "TLS_AES_256_GCM_SHA384" };

static void begin(FIXTURE_DATA(psk) *self, const char *ciphers,
		  unsigned int flags)
{
	const struct ktls_cred cred = pki_cred("client");

	mitm_begin(&self->m, KTLS_OPTS(.flags = flags, .creds = &cred,
				       .creds_len = 1),
		   KTLS_OPTS(.ciphers = ciphers, .flags = flags,
			     .verify = KTLS_VERIFY_OPTIONAL), NULL);
	psk_earn(&self->m, self->got);
}

static void end(FIXTURE_DATA(psk) *self)
{
	psk_offers_free(self->got);
	mitm_end(&self->m);
}

FIXTURE_SETUP(psk)
{
	begin(self, variant->ciphers, 0);
}

FIXTURE_TEARDOWN(psk)
{
	end(self);
}

/* ---- hellos ------------------------------------------------------------ */

static struct ktls_hs *server(FIXTURE_DATA(psk) *self)
{
	return self->m.hs[SERVER_END];
}

/* The hello that the client writes with its first ticket */
static struct item *hello(FIXTURE_DATA(psk) *self, struct flight *f)
{
	*f = (struct flight){ .n = 0 };
	psk_keep(&self->m, &self->got[0]);
	mitm_again(&self->m);
	mitm_read(&self->m, CLIENT_END, f);
	ASSERT_TRUE(item_is(&f->item[0], HT_CLIENT_HELLO));
	return &f->item[0];
}

/*
 * What the server makes of it: its error, which has the right alert.  If it
 * has one, it knows nobody.
 */
static int answer(FIXTURE_DATA(psk) *self, struct flight *f)
{
	struct ktls_info info;
	struct flight back = { .n = 0 };
	int err;

	f->n = 1;
	mitm_send(&self->m, CLIENT_END, f);
	flight_free(f);
	err = ktls_hs_error(server(self));
	ktls_hs_info(server(self), &info);
	if (err) {
		mitm_read(&self->m, SERVER_END, &back);
		flight_free(&back);
		mitm_failed(&self->m, SERVER_END, err);
		EXPECT_EQ(info.peer_verified, 0);
		EXPECT_STREQ(info.peer_subject, "");
		EXPECT_EQ(info.resumed, 0);
	}
	return err;
}

/* It goes on, with a full handshake */
static void full(FIXTURE_DATA(psk) *self, struct flight *f)
{
	EXPECT_EQ(answer(self, f), 0);
	EXPECT_EQ(server(self)->state, S_CERT);
	EXPECT_FALSE(server(self)->psk.chosen);
	EXPECT_FALSE(server(self)->info.resumed);
}

/* ... or with the ticket that is number @index */
static void resumed(FIXTURE_DATA(psk) *self, struct flight *f, size_t index)
{
	EXPECT_EQ(answer(self, f), 0)
		TH_LOG("%s", ktls_hs_error_text(server(self)));
	EXPECT_TRUE(server(self)->psk.chosen);
	EXPECT_EQ(server(self)->psk.index, index);
	EXPECT_STREQ(server(self)->info.peer_subject, "CN = client");
}

static void refused(FIXTURE_DATA(psk) *self, struct flight *f, int err)
{
	EXPECT_EQ(answer(self, f), err)
		TH_LOG("%s", ktls_hs_error_text(server(self)));
}

/* ---- bytes ------------------------------------------------------------- */

TEST_F(psk, unchanged)
{
	struct flight f;

	hello(self, &f);
	resumed(self, &f, 0);
	/* also as these tests write it */
	for (size_t i = 0; i < 2; i++) {
		psk_put(&self->m, hello(self, &f), (struct entry[]){
			{ .of = &self->got[i] }, { .of = &self->got[!i] } }, 2);
		resumed(self, &f, 0);
	}
	psk_keep(&self->m, &self->got[0]);
	mitm_again(&self->m);
	mitm_run(&self->m, NULL, NULL);
	ASSERT_TRUE(mitm_done(&self->m));
	EXPECT_TRUE(server(self)->info.resumed);
	EXPECT_TRUE(self->m.hs[CLIENT_END]->info.resumed);
}

/* What a byte of pre_shared_key belongs to says how it ends */
TEST_F(psk, each_byte_of_the_extension)
{
	const size_t id = self->got[0].ticket.len;
	const size_t len = 2 + 2 + id + 4 + 2 + 1 + self->got[0].s.secret.len;
	struct flight f;

	for (size_t i = 0; i < len; i++) {
		struct item *it = hello(self, &f);

		it->data.buf[it->data.len - len + i] ^= (uint8_t)(1u << i % 8);
		if (i < 4)
			refused(self, &f, -KTLS_E_DECODE);
		else if (i < 4 + id)
			full(self, &f);
		else if (i < 4 + id + 4)	/* the age is bound as well */
			refused(self, &f, -KTLS_E_PSK_BINDER);
		else if (i < 4 + id + 4 + 2 + 1)
			refused(self, &f, -KTLS_E_DECODE);
		else
			refused(self, &f, -KTLS_E_PSK_BINDER);
	}
}

/* Nothing in the hello can be changed by who has not the key */
TEST_F(psk, each_byte_of_the_hello)
{
	struct flight f;
	struct item *it = hello(self, &f);
	size_t len = it->data.len;

	flight_free(&f);
	for (size_t i = MSG_HEADER; i < len; i++) {
		it = hello(self, &f);
		ASSERT_LE(it->data.len, len + 8);
		if (i >= it->data.len)
			it->data.buf[it->data.len - 1] ^= 1;
		else
			it->data.buf[i] ^= (uint8_t)(1u << i % 8);
		if (!answer(self, &f))
			EXPECT_FALSE(server(self)->psk.chosen)
				TH_LOG("%zu", i);
	}
}

/* ---- lists ------------------------------------------------------------- */

TEST_F(psk, binders)
{
	const struct offer *a = &self->got[0], *b = &self->got[1];
	const struct {
		struct entry e[2];
		size_t n;
		int err;
	} rows[] = {
		/* another's, and both in the wrong place */
		{ { { a, 0, 2 }, { b, 0, 2 } }, 2, -KTLS_E_PSK_BINDER },
		{ { { a, 0, 2 }, { b, 0, 1 } }, 2, -KTLS_E_PSK_BINDER },
		/* only that of the one chosen counts: 4.3.11 */
		{ { { a, 0, 0 }, { b, 0, 1 } }, 2, 0 },
		{ { { a, 31, 0 } }, 1, -KTLS_E_DECODE },
		{ { { a, 1, 0 } }, 1, -KTLS_E_DECODE },
		{ { { a, a->s.secret.len - 1u, 0 } }, 1,
		  a->s.secret.len == 32 ? -KTLS_E_DECODE :
		  -KTLS_E_PSK_BINDER },
		{ { { a, a->s.secret.len + 1u, 0 } }, 1, -KTLS_E_PSK_BINDER },
		{ { { a, 255, 0 } }, 1, -KTLS_E_PSK_BINDER },
		{ { { a, 0, 0 }, { b, 31, 0 } }, 2, -KTLS_E_DECODE },
	};
	struct flight f;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		psk_put(&self->m, hello(self, &f), rows[i].e, rows[i].n);
		if (rows[i].err)
			refused(self, &f, rows[i].err);
		else
			resumed(self, &f, 0);
	}
}

/* As many binders as identities, and at least one */
TEST_F(psk, counts)
{
	static const struct { size_t ids, binders; } rows[] = {
		{ 0, 0 }, { 0, 1 }, { 1, 0 }, { 2, 1 }, { 1, 2 },
	};
	static const uint8_t binder[32];
	struct flight f;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct item *it = hello(self, &f);
		struct wr w = { 0 };

		wr_vec(&w, 2) {
			for (size_t j = 0; j < rows[i].ids; j++) {
				wr_opaque(&w, 2, (struct slice){ binder, 9 });
				wr_u32(&w, 0);
			}
		}
		wr_vec(&w, 2)
			for (size_t j = 0; j < rows[i].binders; j++)
				wr_opaque(&w, 1, (struct slice){ binder, 32 });
		ext_put(it, EXT_PSK, w.buf, w.len);
		refused(self, &f, -KTLS_E_DECODE);
		wr_free(&w);
	}
}

/* The first few are looked at, whatever stands behind them */
TEST_F(psk, a_thousand_identities)
{
	static const size_t at[] = { 0, 1, PSKS_TRIED - 1, PSKS_TRIED, 999 };
	static struct entry e[BINDERS_MAX];
	struct flight f;

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		memset(e, 0, sizeof(e));
		e[at[i]].of = &self->got[0];
		psk_put(&self->m, hello(self, &f), e, BINDERS_MAX);
		if (at[i] < PSKS_TRIED)
			resumed(self, &f, at[i]);
		else
			full(self, &f);
	}
}

/* ---- with other extensions --------------------------------------------- */

TEST_F(psk, not_last)
{
	static const uint16_t types[] = { 0x1234, 0x0a0a, EXT_MODES, EXT_PSK };
	struct flight f;

	for (size_t i = 0; i < 4; i++) {
		struct item *it = hello(self, &f);
		const struct slice modes = { (const uint8_t *)"\1\1", 2 };
		struct hello h;

		if (types[i] == EXT_MODES)
			ext_drop(it, EXT_MODES);
		hello_open(&h, it);
		wr_u16(&h.exts, types[i]);
		wr_opaque(&h.exts, 2, modes);
		hello_close(&h);
		refused(self, &f, types[i] == EXT_PSK ?
			-KTLS_E_EXT_DUPLICATE : -KTLS_E_EXT_ORDER);
	}
}

static void with_modes(FIXTURE_DATA(psk) *self, struct flight *f,
		       const char *modes)
{
	struct item *it = hello(self, f);

	if (modes)
		ext_put(it, EXT_MODES, modes, 1u + (size_t)modes[0]);
	else
		ext_drop(it, EXT_MODES);
	psk_put(&self->m, it, &(struct entry){ .of = &self->got[0] }, 1);
}

/* 4.3.10: required; and a server does only what the client and it will */
TEST_F(psk, modes)
{
	struct flight f;

	with_modes(self, &f, NULL);
	refused(self, &f, -KTLS_E_EXT_MISSING);
	with_modes(self, &f, "\0");
	refused(self, &f, -KTLS_E_DECODE);
	with_modes(self, &f, "\1\0");
	full(self, &f);
	with_modes(self, &f, "\2\2\xaa");
	full(self, &f);
	with_modes(self, &f, "\3\xaa\0\1");
	resumed(self, &f, 0);
	EXPECT_FALSE(server(self)->psk.alone);
	end(self);
	begin(self, variant->ciphers, KTLS_F_PSK_KE);
	with_modes(self, &f, "\1\0");
	resumed(self, &f, 0);
	EXPECT_TRUE(server(self)->psk.alone);
	with_modes(self, &f, "\2\0\1");
	resumed(self, &f, 0);
	EXPECT_FALSE(server(self)->psk.alone);
}

static void without(FIXTURE_DATA(psk) *self, struct flight *f, uint16_t type,
		    uint16_t other, const struct offer *o)
{
	struct item *it = hello(self, f);

	ext_drop(it, type);
	if (other)
		ext_drop(it, other);
	psk_put(&self->m, it, &(struct entry){ .of = o }, 1);
}

/* 9.2: a hello that resumes needs less, unless it does not come to that */
TEST_F(psk, less_than_a_full_one_needs)
{
	enum { GROUPS = 10, SIGALGS = 13 };
	struct flight f;

	without(self, &f, SIGALGS, 0, &self->got[0]);
	resumed(self, &f, 0);
	without(self, &f, SIGALGS, 0, NULL);
	refused(self, &f, -KTLS_E_EXT_MISSING);
	without(self, &f, GROUPS, 0, &self->got[0]);
	refused(self, &f, -KTLS_E_EXT_MISSING);
	without(self, &f, GROUPS, EXT_SHARES, &self->got[0]);
	EXPECT_LT(answer(self, &f), 0);
	end(self);
	begin(self, variant->ciphers, KTLS_F_PSK_KE);
	without(self, &f, GROUPS, EXT_SHARES, &self->got[0]);
	resumed(self, &f, 0);
	EXPECT_TRUE(server(self)->psk.alone);
}

/* ---- tickets of others ------------------------------------------------- */

static void again(FIXTURE_DATA(psk) *self, mitm_edit *edit, void *arg)
{
	mitm_again(&self->m);
	EXPECT_EQ(self->m.hs[CLIENT_END]->client.psks_len, 1);
	mitm_run(&self->m, edit, arg);
}

static void is_full(FIXTURE_DATA(psk) *self)
{
	again(self, NULL, NULL);
	mitm_agree(&self->m);
	EXPECT_FALSE(self->m.hs[CLIENT_END]->info.resumed);
	EXPECT_FALSE(server(self)->info.resumed);
}

TEST_F(psk, another_server)
{
	struct ktls_config **config = &self->m.config[SERVER_END];
	struct ktls_config *other = *config;

	*config = server_config();
	psk_keep(&self->m, &self->got[0]);
	mitm_again(&self->m);
	EXPECT_EQ(self->m.hs[CLIENT_END]->client.psks_len, 1);
	ASSERT_OK(pump(self->m.hs[CLIENT_END], server(self), 0));
	EXPECT_FALSE(self->m.hs[CLIENT_END]->info.resumed);
	EXPECT_FALSE(server(self)->info.resumed);
	ktls_config_put(*config);
	*config = other;
	psk_keep(&self->m, &self->got[0]);
	again(self, NULL, NULL);
	EXPECT_TRUE(server(self)->info.resumed);
}

TEST_F(psk, another_name)
{
	strcpy(self->m.name, "www.example.test");
	strcpy(self->got[0].s.server_name, self->m.name);
	psk_keep(&self->m, &self->got[0]);
	is_full(self);
}

TEST_F(psk, another_secret)
{
	self->got[0].s.secret.b[0] ^= 1;
	psk_keep(&self->m, &self->got[0]);
	again(self, NULL, NULL);
	mitm_failed(&self->m, SERVER_END, -KTLS_E_PSK_BINDER);
	EXPECT_STREQ(server(self)->info.peer_subject, "");
}

HARNESS_MAIN
