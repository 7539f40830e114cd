// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks on the resumption of TLS 1.3, as its client sees them (RFC 9846
 * 4.2.3, 4.3.11): answers that no server gives who has the ticket's key.
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
	mitm_begin(&self->m, KTLS_OPTS(.flags = flags),
		   KTLS_OPTS(.ciphers = ciphers, .flags = flags), NULL);
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

static void again(FIXTURE_DATA(psk) *self, mitm_edit *edit, void *arg)
{
	mitm_again(&self->m);
	EXPECT_EQ(self->m.hs[CLIENT_END]->client.psks_len, 1);
	mitm_run(&self->m, edit, arg);
}

/* ---- answers ----------------------------------------------------------- */

static void answered(FIXTURE_DATA(psk) *self, struct ext_edit x, int err)
{
	x.from = SERVER_END;
	x.msg = HT_SERVER_HELLO;
	psk_keep(&self->m, &self->got[0]);
	again(self, ext_edit, &x);
	mitm_failed(&self->m, CLIENT_END, err);
	EXPECT_NE(self->m.hs[CLIENT_END]->state, HS_DONE);
}

TEST_F(psk, answers)
{
	answered(self, (struct ext_edit){ .type = EXT_PSK, .body = "\0\1",
		 .len = 2 }, -KTLS_E_PSK_CHOICE);
	answered(self, (struct ext_edit){ .type = EXT_PSK,
		 .body = "\xff\xff", .len = 2 }, -KTLS_E_PSK_CHOICE);
	answered(self, (struct ext_edit){ .type = EXT_PSK, .body = "\0",
		 .len = 1 }, -KTLS_E_DECODE);
	answered(self, (struct ext_edit){ .type = EXT_PSK, .body = "\0\0\0",
		 .len = 3 }, -KTLS_E_DECODE);
	answered(self, (struct ext_edit){ .type = EXT_SHARES, .drop = true },
		 -KTLS_E_PSK_CHOICE);
	/* even if he in the middle had the keys that the client has then */
	answered(self, (struct ext_edit){ .type = EXT_PSK, .drop = true },
		 -KTLS_E_UNEXPECTED);
	end(self);
	begin(self, variant->ciphers, KTLS_F_PSK_KE);
	answered(self, (struct ext_edit){ .type = EXT_SHARES, .drop = true },
		 -KTLS_E_FINISHED);
}

/* ... to who has offered none, or one that is not known */
TEST_F(psk, chosen_though_it_was_not)
{
	struct ext_edit x = { SERVER_END, HT_SERVER_HELLO, EXT_PSK, "\0\0", 2,
			      false };

	mitm_again(&self->m);
	mitm_run(&self->m, ext_edit, &x);
	mitm_failed(&self->m, CLIENT_END, -KTLS_E_EXT_UNSOLICITED);
	self->got[0].ticket.buf[20] ^= 1;
	psk_keep(&self->m, &self->got[0]);
	again(self, ext_edit, &x);
	mitm_failed(&self->m, CLIENT_END, -KTLS_E_UNEXPECTED);
}

static void other_hash(struct mitm *m, enum end from, struct flight *f,
		       void *arg)
{
	const uint8_t *suite = arg;
	struct hello h;

	if (from != SERVER_END || m->flights[from])
		return;
	hello_open(&h, flight_find(f, HT_SERVER_HELLO));
	hello_set(&h.suites, suite, 2);
	hello_close(&h);
}

TEST_F(psk, suite_of_another_hash)
{
	bool sha384 = self->got[0].s.secret.len == 48;
	uint8_t suite[] = { 0x13, sha384 ? 1 : 2 };

	psk_keep(&self->m, &self->got[0]);
	again(self, other_hash, suite);
	mitm_failed(&self->m, CLIENT_END, -KTLS_E_PSK_CHOICE);
}

/* A body for any message that no server sends who resumes */
static void slip_in(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	const uint8_t *msg = arg;
	uint8_t buf[] = { *msg, 0, 0, 4, 0, 0, 0, 0 };

	(void)m;
	for (size_t i = 0; from == SERVER_END && i < f->n; i++) {
		if (!item_is(&f->item[i], HT_FINISHED))
			continue;
		flight_part(f);
		flight_insert(f, i, CT_HANDSHAKE, true, buf, sizeof(buf));
		return;
	}
}

/* 4.4: who has the PSK is not asked, and does not show another certificate */
TEST_F(psk, certificates)
{
	uint8_t msgs[] = { HT_CERTIFICATE, HT_CERTIFICATE_REQUEST,
			   HT_CERTIFICATE_VERIFY, HT_NEW_SESSION_TICKET };

	for (size_t i = 0; i < sizeof(msgs); i++) {
		psk_keep(&self->m, &self->got[0]);
		again(self, slip_in, &msgs[i]);
		mitm_failed(&self->m, CLIENT_END, -KTLS_E_UNEXPECTED);
	}
}

HARNESS_MAIN
