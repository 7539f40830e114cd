// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which message may come when (RFC 9846 appendix A, RFC 5246 7.3): what the
 * tables of the library say, and what the ends really do, for every type in
 * every state.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/conn.h"
#include "harness.h"
#include "mitm_lib.h"
#include "ocsp_lib.h"
#include "peer.h"

/* Without PSKs and 0-RTT; HT_CCS is the ChangeCipherSpec of 1.2 */
static const struct allowed {
	const char *name;
	enum end end;
	enum hs_state state;
	uint16_t msg[3];
} allowed[] = {
	{ "c_sh", CLIENT_END, C_SH, { HT_SERVER_HELLO } },
	{ "c_sh2", CLIENT_END, C_SH2, { HT_SERVER_HELLO } },
	{ "c_ee", CLIENT_END, C_EE, { HT_ENCRYPTED_EXTENSIONS } },
	{ "c_cert_cr", CLIENT_END, C_CERT_CR,
	  { HT_CERTIFICATE, HT_CERTIFICATE_REQUEST,
	    HT_COMPRESSED_CERTIFICATE } },
	{ "c_cert", CLIENT_END, C_CERT,
	  { HT_CERTIFICATE, HT_COMPRESSED_CERTIFICATE } },
	{ "c_cv", CLIENT_END, C_CV, { HT_CERTIFICATE_VERIFY } },
	{ "c_fin", CLIENT_END, C_FIN, { HT_FINISHED } },
	{ "s_ch", SERVER_END, S_CH, { HT_CLIENT_HELLO } },
	{ "s_ch2", SERVER_END, S_CH2, { HT_CLIENT_HELLO } },
	{ "s_cert", SERVER_END, S_CERT,
	  { HT_CERTIFICATE, HT_COMPRESSED_CERTIFICATE } },
	{ "s_cv", SERVER_END, S_CV, { HT_CERTIFICATE_VERIFY } },
	{ "s_early", SERVER_END, S_EARLY, { HT_END_OF_EARLY_DATA } },
	{ "s_fin", SERVER_END, S_FIN, { HT_FINISHED } },
	{ "c12_supp", CLIENT_END, C12_SUPP,
	  { HT_SUPPLEMENTAL_DATA, HT_CERTIFICATE } },
	{ "c12_cert", CLIENT_END, C12_CERT, { HT_CERTIFICATE } },
	{ "c12_status", CLIENT_END, C12_STATUS,
	  { HT_CERTIFICATE_STATUS, HT_SERVER_KEY_EXCHANGE } },
	{ "c12_status_ecdh", CLIENT_END, C12_STATUS_ECDH,
	  { HT_CERTIFICATE_STATUS, HT_CERTIFICATE_REQUEST,
	    HT_SERVER_HELLO_DONE } },
	{ "c12_ske", CLIENT_END, C12_SKE, { HT_SERVER_KEY_EXCHANGE } },
	{ "c12_cr_done", CLIENT_END, C12_CR_DONE,
	  { HT_CERTIFICATE_REQUEST, HT_SERVER_HELLO_DONE } },
	{ "c12_done", CLIENT_END, C12_DONE, { HT_SERVER_HELLO_DONE } },
	{ "c12_nst", CLIENT_END, C12_NST, { HT_NEW_SESSION_TICKET } },
	{ "c12_ccs", CLIENT_END, C12_CCS, { HT_CCS } },
	{ "c12_fin", CLIENT_END, C12_FIN, { HT_FINISHED } },
	{ "s12_supp_cert_url", SERVER_END, S12_SUPP_CERT_URL,
	  { HT_SUPPLEMENTAL_DATA, HT_CERTIFICATE, HT_CERTIFICATE_URL } },
	{ "s12_supp_cert", SERVER_END, S12_SUPP_CERT,
	  { HT_SUPPLEMENTAL_DATA, HT_CERTIFICATE } },
	{ "s12_supp_cke", SERVER_END, S12_SUPP_CKE,
	  { HT_SUPPLEMENTAL_DATA, HT_CLIENT_KEY_EXCHANGE } },
	{ "s12_cert_url", SERVER_END, S12_CERT_URL,
	  { HT_CERTIFICATE, HT_CERTIFICATE_URL } },
	{ "s12_cert", SERVER_END, S12_CERT, { HT_CERTIFICATE } },
	{ "s12_cke", SERVER_END, S12_CKE, { HT_CLIENT_KEY_EXCHANGE } },
	{ "s12_cv", SERVER_END, S12_CV, { HT_CERTIFICATE_VERIFY } },
	{ "s12_ccs", SERVER_END, S12_CCS, { HT_CCS } },
	{ "s12_fin", SERVER_END, S12_FIN, { HT_FINISHED } },
};

#define N_ALLOWED	(sizeof(allowed) / sizeof(*allowed))

static bool is_tls12(const struct allowed *a)
{
	return a->state >= C12_SUPP;
}

static bool may_come(const struct allowed *a, unsigned int msg)
{
	return msg && (a->msg[0] == msg || a->msg[1] == msg ||
		       a->msg[2] == msg);
}

/* As a message: ChangeCipherSpec is none, a HelloRequest is void (5246 7.4) */
static bool may_begin(const struct allowed *a, unsigned int msg)
{
	if (msg == HT_HELLO_REQUEST)
		return is_tls12(a) && a->end == CLIENT_END;
	return may_come(a, msg);
}

/* ---- the tables -------------------------------------------------------- */

struct rules {
	const struct hs_rule *rule;
	size_t len;
	enum hs_state first;
	enum end end;
};

static struct rules rules_of(enum end end)
{
	if (end == CLIENT_END)
		return (struct rules){ client_rules, client_rules_len, C_SH,
				       end };
	return (struct rules){ server_rules, server_rules_len, S_CH, end };
}

static const struct allowed *allowed_in(enum hs_state state)
{
	for (size_t i = 0; i < N_ALLOWED; i++)
		if (allowed[i].state == state)
			return &allowed[i];
	return NULL;
}

TEST(rules_are_those_of_the_rfc)
{
	size_t rules = 0, pairs = 0;

	for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
		struct rules r = rules_of(end);

		for (size_t i = 0; i < r.len; i++) {
			const struct allowed *a = allowed_in(r.rule[i].state);

			rules++;
			ASSERT_TRUE(a);
			EXPECT_EQ(a->end, end);
			EXPECT_TRUE(may_come(a, r.rule[i].msg));
			EXPECT_TRUE(r.rule[i].fn);
			/* each once */
			for (size_t j = 0; j < i; j++)
				EXPECT_FALSE(r.rule[i].state ==
					     r.rule[j].state &&
					     r.rule[i].msg == r.rule[j].msg);
		}
	}
	for (size_t i = 0; i < N_ALLOWED; i++)
		for (size_t j = 0; j < 3 && allowed[i].msg[j]; j++)
			pairs++;
	EXPECT_EQ(rules, pairs);
}

TEST(every_state_is_reached_and_left)
{
	for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
		struct rules r = rules_of(end);
		uint64_t reached = ST(r.first), before, waits = 0;

		for (size_t i = 0; i < r.len; i++)
			waits |= ST(r.rule[i].state);
		do {
			before = reached;
			for (size_t i = 0; i < r.len; i++)
				if (reached & ST(r.rule[i].state))
					reached |= r.rule[i].next;
		} while (reached != before);
		EXPECT_EQ(reached, waits | ST(HS_DONE));
		for (size_t i = 0; i < r.len; i++) {
			EXPECT_NE(r.rule[i].next, 0);
			/* forward only: nothing is waited for twice */
			EXPECT_EQ(r.rule[i].next &
				  (ST(r.rule[i].state + 1) - 1), 0);
			EXPECT_FALSE(r.rule[i].next & ST(HS_FAILED));
		}
	}
}

/* Whoever finishes has seen a Finished, and nothing else makes it so */
TEST(only_finished_ends_it)
{
	for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
		struct rules r = rules_of(end);

		for (size_t i = 0; i < r.len; i++)
			EXPECT_EQ(r.rule[i].msg == HT_FINISHED,
				  r.rule[i].next == ST(HS_DONE));
	}
}

/* ---- the ends ---------------------------------------------------------- */

FIXTURE(state) {
	struct mitm m;
};

FIXTURE_VARIANT(state) {
	const struct allowed *a;
};

static bool each_state(size_t i, FIXTURE_VARIANT(state) *variant, char *name,
		       size_t size)
{
	if (i >= N_ALLOWED)
		return false;
	variant->a = &allowed[i];
	/* it takes a ticket, and a key of its own: see early.c */
	if (allowed[i].state != S_EARLY)
		snprintf(name, size, "%s", allowed[i].name);
	return true;
}

FIXTURE_VARIANT_GEN(state, each_state);
FIXTURE_TIMEOUT(state, 60);

static const struct ktls_supp supp = {
	.type = 65280, .extension = 65300, .data = "data", .data_len = 4,
};

static ssize_t nowhere(void *arg, struct ktls_hs *hs,
		       const struct ktls_cert_url *at, void *buf, size_t size)
{
	(void)arg;
	(void)hs;
	(void)at;
	memset(buf, 0, size);
	return 0;
}

/* The longest way: with a retry, a status, and the client's certificate */
FIXTURE_SETUP(state)
{
	const bool urls = variant->a->state == S12_SUPP_CERT_URL ||
			  variant->a->state == S12_CERT_URL;
	const struct ktls_hooks hooks = { .ocsp = ocsp_hook,
					  .cert_url = urls ? nowhere : NULL };
	static const struct ocsp good;
	struct ktls_cred cred = pki_cred("client");
	uint16_t version = is_tls12(variant->a) ? KTLS_TLS12 : KTLS_TLS13;

	bool ecdh = variant->a->state == C12_STATUS_ECDH;
	const struct ktls_cred own = pki_cred(ecdh ? "nosign" : "p256");
	const char *suite = ecdh ? "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256" :
				   NULL;
	bool asks = variant->a->state != S12_SUPP_CKE;

	if (urls)
		cred.url = "http://localhost/client";
	ocsp_set(&good);
	mitm_begin(&self->m, KTLS_OPTS(.creds = &cred, .creds_len = 1,
				       .flags = KTLS_F_STATUS,
				       .min_version = version,
				       .max_version = version,
				       .ciphers = suite,
				       .cert_compression = "zlib",
				       .supp = &supp, .supp_len = 1),
		   KTLS_OPTS(.verify = asks ? KTLS_VERIFY_REQUIRE :
			     KTLS_VERIFY_NONE,
			     .min_version = version, .max_version = version,
			     .supp = &supp, .supp_len = 1, .ciphers = suite,
			     .creds = &own, .creds_len = 1,
			     .cert_compression = "zlib",
			     /* with it, others' second hellos come, too */
			     .flags = variant->a->state == S_CH ? 0 :
				      KTLS_F_COOKIE, .hooks = &hooks), NULL);
}

FIXTURE_TEARDOWN(state)
{
	mitm_end(&self->m);
}

/* The first byte is enough to know */
TEST_F(state, every_type)
{
	const struct allowed *a = variant->a;

	for (unsigned int msg = 0; msg < 256; msg++) {
		const uint8_t type = (uint8_t)msg;
		int want = may_begin(a, msg) ? 0 : -KTLS_E_UNEXPECTED;

		/* 5246 7.4.1.1: void while it may still become 1.2 */
		if (!msg && a->state == C_SH)
			continue;

		mitm_again(&self->m);
		mitm_run_to(&self->m, a->end, a->state);
		EXPECT_EQ(mitm_record(&self->m, a->end, CT_HANDSHAKE, &type,
				      1), want) TH_LOG("type %u", msg);
		if (!want)
			continue;
		mitm_run(&self->m, NULL, NULL);
		mitm_failed(&self->m, a->end, want);
		EXPECT_EQ(self->m.alert[a->end],
			  KTLS_ALERT_UNEXPECTED_MESSAGE);
	}
}

/* An empty body suits none of them, and is not taken for another fault */
TEST_F(state, empty_message)
{
	const struct allowed *a = variant->a;

	for (size_t i = 0; i < 3 && a->msg[i]; i++) {
		const uint8_t msg[MSG_HEADER] = { (uint8_t)a->msg[i] };

		/* these have none, or are not messages */
		if (a->msg[i] == HT_SERVER_HELLO_DONE || a->msg[i] == HT_CCS)
			continue;

		mitm_again(&self->m);
		mitm_run_to(&self->m, a->end, a->state);
		EXPECT_EQ(mitm_record(&self->m, a->end, CT_HANDSHAKE, msg,
				      sizeof(msg)), -KTLS_E_DECODE);
		mitm_run(&self->m, NULL, NULL);
		mitm_failed(&self->m, a->end, -KTLS_E_DECODE);
	}
}

/* Any record that is none of a handshake, an alert or ChangeCipherSpec */
TEST_F(state, every_content_type)
{
	const struct allowed *a = variant->a;

	for (unsigned int type = 0; type < 256; type += type < 32 ? 1 : 31) {
		if (type == CT_HANDSHAKE || type == CT_ALERT)
			continue;
		if (type == CT_CHANGE_CIPHER_SPEC &&
		    (is_tls12(a) ? may_come(a, HT_CCS) : a->state != S_CH))
			continue;
		mitm_again(&self->m);
		mitm_run_to(&self->m, a->end, a->state);
		/* under the key, if there is one, and in the open */
		if (type % 2 || is_tls12(a))
			mitm_record(&self->m, a->end, (uint8_t)type, "\1", 1);
		else
			mitm_bytes(&self->m, a->end, (uint8_t[]){
				   (uint8_t)type, 3, 3, 0, 1, 1 }, 6);
		mitm_run(&self->m, NULL, NULL);
		EXPECT_EQ(self->m.alert[a->end],
			  KTLS_ALERT_UNEXPECTED_MESSAGE)
			TH_LOG("content type %u", type);
	}
}

/* ---- and afterwards ---------------------------------------------------- */

TEST(every_type_after_the_handshake)
{
	struct mitm m;

	/* nothing is on its way between the two */
	mitm_begin(&m, NULL, KTLS_OPTS(.flags = KTLS_F_NO_TICKETS), NULL);
	for (unsigned int n = 0; n < 512; n++) {
		enum end end = n & 1;
		uint8_t type = (uint8_t)(n / 2), buf[8];
		bool ok = type == HT_KEY_UPDATE ||
			  (type == HT_NEW_SESSION_TICKET && end == CLIENT_END);
		struct joined j;

		mitm_again(&m);
		mitm_run(&m, NULL, NULL);
		mitm_join(&m, &j);
		EXPECT_EQ(ktls_conn_record(j.conn[end], CT_HANDSHAKE, &type,
					   1), ok ? 1 : -KTLS_E_UNEXPECTED);
		if (!ok) {
			EXPECT_EQ(ktls_conn_alert(j.conn[end]),
				  KTLS_ALERT_UNEXPECTED_MESSAGE);
			EXPECT_EQ(ktls_recv(j.conn[OTHER(end)], buf,
					    sizeof(buf), 0),
				  -KTLS_E_PEER_ALERT);
			EXPECT_EQ(ktls_conn_alert(j.conn[OTHER(end)]),
				  KTLS_ALERT_UNEXPECTED_MESSAGE);
		}
		joined_end(&j);
	}
	mitm_end(&m);
}

HARNESS_MAIN
