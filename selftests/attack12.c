// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has been done to implementations of TLS 1.2 by somebody in the middle:
 * hellos changed (rollback, FREAK, ALPACA, renegotiation, no extended main
 * secret), messages left out (SMACK), keys changed early (CVE-2014-0224).
 */
#include <string.h>

#include "harness.h"
#include "hello_lib.h"
#include "peer.h"

/* ---- changed hellos ---------------------------------------------------- */

enum { SERVER_NAME = 0, GROUPS = 10, POINT_FORMATS = 11, SIGALGS = 13,
       ALPN = 16, EMS = 23, TICKET = 35, VERSIONS = 43, KEY_SHARE = 51,
       RENEGOTIATION = 0xff01 };

#define BYTES(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }

/* One field of a hello set to something, or an extension put or dropped */
enum field { NOTHING, VERSION, TAIL /* of random */, SESSION_ID, SUITES,
	     COMPRESSION, PUT, DROP };

struct patch {
	enum field field;
	uint16_t ext;
	struct slice with;	/* SESSION_ID: with the client's */
};

FIXTURE(hello) {
	struct mitm m;
	uint8_t session_id[SESSION_ID_MAX];
	size_t session_id_len, patched;
};

#define PATCHES_MAX	3

FIXTURE_VARIANT(hello) {
	struct ktls_opts client, server;
	enum end from;			/* whose hello */
	struct patch patch[PATCHES_MAX];
	enum end end;			/* who refuses, and why */
	int err;
};

#define OF_CLIENT	.from = CLIENT_END
#define OF_SERVER	.from = SERVER_END
#define BY_CLIENT(e)	.end = CLIENT_END, .err = -KTLS_E_##e
#define BY_SERVER(e)	.end = SERVER_END, .err = -KTLS_E_##e
#define ONLY12		.server.max_version = KTLS_TLS12
#define HELLO(name, ...) FIXTURE_VARIANT_ADD(hello, name) { __VA_ARGS__ }
#define P(...)		.patch = { __VA_ARGS__ }
#define SET(f, s)	{ .field = f, .with = BYTES(s) }
#define NEW(e, s)	{ .field = PUT, .ext = e, .with = BYTES(s) }
#define GONE(e)		{ .field = DROP, .ext = e }

/* Version rollback (RFC 9846 4.2.3, RFC 7507): both could do 1.3 */
HELLO(rollback_versions_stripped, OF_CLIENT, P(GONE(VERSIONS)),
      BY_CLIENT(DOWNGRADE));
HELLO(rollback_versions_shortened, OF_CLIENT,
      P(NEW(VERSIONS, "\2\3\3")), BY_CLIENT(DOWNGRADE));
HELLO(rollback_to_the_old_sentinel, OF_SERVER, ONLY12,
      P(SET(TAIL, "DOWNGRD\0")), BY_CLIENT(DOWNGRADE));
HELLO(rollback_to_tls11, OF_CLIENT,
      P(GONE(VERSIONS), SET(VERSION, "\3\2")),
      BY_SERVER(VERSION));
HELLO(rollback_to_ssl3, OF_CLIENT,
      P(GONE(VERSIONS), SET(VERSION, "\3\0")),
      BY_SERVER(VERSION));
HELLO(rollback_listed_tls11, OF_CLIENT,
      P(NEW(VERSIONS, "\4\3\2\3\1")), BY_SERVER(VERSION));
HELLO(answer_of_tls11, OF_SERVER, ONLY12, P(SET(VERSION, "\3\2")),
      BY_CLIENT(VERSION));
HELLO(answer_of_ssl3, OF_SERVER, ONLY12, P(SET(VERSION, "\3\0")),
      BY_CLIENT(VERSION));
HELLO(answer_of_tls13_unlisted, OF_SERVER, ONLY12,
      P(SET(VERSION, "\3\4")), BY_CLIENT(VERSION));
HELLO(answer_lists_tls12, OF_SERVER, ONLY12,
      P(NEW(VERSIONS, "\3\3")), BY_CLIENT(VERSION_CHOICE));
HELLO(answer_not_tls13_any_more, OF_SERVER, P(GONE(VERSIONS),
      GONE(KEY_SHARE)), BY_CLIENT(SUITE_CHOICE));
HELLO(fell_back, OF_CLIENT, .client.max_version = KTLS_TLS12,
      P(SET(SUITES, "\xc0\x2b\x56\0")), BY_SERVER(FALLBACK));

/* FREAK and Logjam: what was not offered is not taken */
HELLO(suite_rsa_export, OF_SERVER, ONLY12, P(SET(SUITES, "\0\3")),
      BY_CLIENT(SUITE_CHOICE));
HELLO(suite_dhe_export, OF_SERVER, ONLY12, P(SET(SUITES, "\0\24")),
      BY_CLIENT(SUITE_CHOICE));
HELLO(suite_null, OF_SERVER, ONLY12, P(SET(SUITES, "\0\0")),
      BY_CLIENT(SUITE_CHOICE));
HELLO(suite_rsa_kex, OF_SERVER, ONLY12, P(SET(SUITES, "\0\x9c")),
      BY_CLIENT(SUITE_CHOICE));
HELLO(suite_anonymous, OF_SERVER, ONLY12,
      P(SET(SUITES, "\0\xa6")), BY_CLIENT(SUITE_CHOICE));
HELLO(suite_of_tls13, OF_SERVER, ONLY12,
      P(SET(SUITES, "\x13\1")), BY_CLIENT(SUITE_CHOICE));
HELLO(suite_scsv, OF_SERVER, ONLY12, P(SET(SUITES, "\x56\0")),
      BY_CLIENT(SUITE_CHOICE));
HELLO(suite_unoffered, OF_SERVER, ONLY12,
      .client.ciphers = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      P(SET(SUITES, "\xc0\x2c")), BY_CLIENT(SUITE_CHOICE));
/* It was offered, but the key exchange says another thing */
HELLO(suite_ecdhe_is_dhe, OF_SERVER, ONLY12,
      P(SET(SUITES, "\0\x9e")), BY_CLIENT(DECODE));
HELLO(suite_key_is_of_another_kind, OF_SERVER, ONLY12,
      P(SET(SUITES, "\xc0\x2f")), BY_CLIENT(SIGALG_CHOICE));
HELLO(suites_only_export, OF_CLIENT, ONLY12,
      P(SET(SUITES, "\0\3\0\6\0\x14")), BY_SERVER(NO_SUITE));
HELLO(suites_only_scsv, OF_CLIENT, ONLY12,
      P(SET(SUITES, "\0\xff")), BY_SERVER(NO_SUITE));
HELLO(groups_only_small, OF_CLIENT, ONLY12,
      .server.ciphers = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      P(NEW(GROUPS, "\0\4\0\1\0\x13")), BY_SERVER(NO_GROUP));

/* RFC 7919 4: it named finite fields, of which none is ours */
HELLO(groups_only_other_primes, OF_CLIENT, ONLY12,
      .server.ciphers = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
      P(NEW(GROUPS, "\0\2\1\xff")), BY_SERVER(NO_FFDHE));

/* SLOTH: the weak hashes are not signed with */
HELLO(sigalgs_only_weak, OF_CLIENT, ONLY12,
      P(NEW(SIGALGS, "\0\12\2\1\2\3\1\1\2\2\4\2")),
      BY_SERVER(NO_SIGALG));
HELLO(sigalgs_missing, OF_CLIENT, ONLY12, P(GONE(SIGALGS)),
      BY_SERVER(NO_SIGALG));
HELLO(sigalgs_of_another_key, OF_CLIENT, ONLY12,
      P(NEW(SIGALGS, "\0\4\4\1\10\4")), BY_SERVER(NO_SIGALG));

/* CRIME: nothing is compressed */
HELLO(compression_chosen, OF_SERVER, ONLY12,
      P(SET(COMPRESSION, "\1")), BY_CLIENT(COMPRESSION));
HELLO(compression_only, OF_CLIENT, ONLY12,
      P(SET(COMPRESSION, "\1")), BY_SERVER(COMPRESSION));

/* Triple handshake: its precondition is a session without RFC 7627 */
HELLO(ems_stripped_client_needs, OF_CLIENT, ONLY12,
      .client.flags = KTLS_F_NEED_EMS, P(GONE(EMS)), BY_CLIENT(NO_EMS));
HELLO(ems_stripped_server_needs, OF_CLIENT, ONLY12,
      .server.flags = KTLS_F_NEED_EMS, P(GONE(EMS)), BY_SERVER(NO_EMS));
HELLO(ems_answer_stripped, OF_SERVER, ONLY12,
      .client.flags = KTLS_F_NEED_EMS, P(GONE(EMS)), BY_CLIENT(NO_EMS));
/* Who does not need it finds out at Finished */
HELLO(ems_stripped, OF_CLIENT, ONLY12, P(GONE(EMS)),
      BY_SERVER(FINISHED));
HELLO(ems_answer_stripped_only, OF_SERVER, ONLY12, P(GONE(EMS)),
      BY_SERVER(FINISHED));

/* RFC 5746: a first handshake is not the continuation of another */
HELLO(renegotiation_injected, OF_CLIENT, ONLY12,
      P(NEW(RENEGOTIATION, "\14abcdefghijkl")),
      BY_SERVER(RENEGOTIATION));
HELLO(renegotiation_answer, OF_SERVER, ONLY12,
      P(NEW(RENEGOTIATION, "\30abcdefghijklabcdefghijkl")),
      BY_CLIENT(RENEGOTIATION));
HELLO(renegotiation_garbled, OF_CLIENT, ONLY12,
      P(NEW(RENEGOTIATION, "\2a")), BY_SERVER(DECODE));

/* ALPACA: another protocol, another name */
HELLO(alpn_unoffered, OF_SERVER, ONLY12, .client.alpn = "h2,http/1.1",
      .server.alpn = "h2", P(NEW(ALPN, "\0\4\3ftp")),
      BY_CLIENT(ALPN_CHOICE));
HELLO(alpn_of_two, OF_SERVER, ONLY12, .client.alpn = "h2,http/1.1",
      .server.alpn = "h2", P(NEW(ALPN, "\0\6\2h2\2h2")),
      BY_CLIENT(DECODE));
HELLO(alpn_unasked, OF_SERVER, ONLY12, P(NEW(ALPN, "\0\3\2h2")),
      BY_CLIENT(EXT_UNSOLICITED));
HELLO(alpn_without_overlap, OF_CLIENT, ONLY12, .client.alpn = "h2",
      .server.alpn = "h2", P(NEW(ALPN, "\0\4\3ftp")),
      BY_SERVER(NO_ALPN));
HELLO(name_unknown, OF_CLIENT, ONLY12, .server.flags = KTLS_F_STRICT_NAME,
      P(NEW(SERVER_NAME, "\0\14\0\0\11mail.test")),
      BY_SERVER(UNKNOWN_NAME));
/* ... and one that is none is no certificate's either */
HELLO(name_malformed, OF_CLIENT, ONLY12, .server.flags = KTLS_F_STRICT_NAME,
      P(NEW(SERVER_NAME, "\0\14\0\0\11mail/test")),
      BY_SERVER(UNKNOWN_NAME));

/* The session id of a client that has none to resume is for show (E.4) */
HELLO(session_taken_that_was_not_offered, OF_SERVER, ONLY12,
      P({ .field = SESSION_ID }), BY_CLIENT(SESSION_ID));

/* No server should, but some do (5246 7.4.1.4): the client goes on */
HELLO(groups_in_the_answer, OF_SERVER, ONLY12,
      P(NEW(GROUPS, "\0\4\0\27\0\30")), BY_SERVER(FINISHED));
HELLO(points_only_compressed, OF_SERVER, ONLY12,
      P(NEW(POINT_FORMATS, "\1\1")), BY_CLIENT(GROUP_CHOICE));
HELLO(points_offered_only_compressed, OF_CLIENT, ONLY12,
      P(NEW(POINT_FORMATS, "\2\1\2")), BY_SERVER(GROUP_CHOICE));
HELLO(ticket_unasked, OF_SERVER, ONLY12, .client.flags = KTLS_F_NO_TICKETS,
      P(NEW(TICKET, "")), BY_CLIENT(EXT_UNSOLICITED));
HELLO(random_changed, OF_SERVER, ONLY12,
      P(SET(TAIL, "12345678")), BY_CLIENT(SIGNATURE));

static void apply(FIXTURE_DATA(hello) *self, struct hello *h,
		  const struct patch *p)
{
	switch (p->field) {
	case NOTHING:
		return;
	case VERSION:
		h->version = (uint16_t)(p->with.p[0] << 8 | p->with.p[1]);
		break;
	case TAIL:
		memcpy(h->random + RANDOM_LEN - 8, p->with.p, 8);
		break;
	case SESSION_ID:
		hello_set(&h->session_id, self->session_id,
			  self->session_id_len);
		break;
	case SUITES:
		hello_set(&h->suites, p->with.p, p->with.len);
		break;
	case COMPRESSION:
		hello_set(&h->compression, p->with.p, p->with.len);
		break;
	case PUT:
		hello_put(h, p->ext, p->with.p, p->with.len);
		break;
	case DROP:
		ASSERT_TRUE(hello_drop(h, p->ext));
		break;
	}
	self->patched++;
}

struct patching {
	FIXTURE_DATA(hello) *self;
	const FIXTURE_VARIANT(hello) *v;
};

static void edit_hello(struct mitm *m, enum end from, struct flight *f,
		       void *arg)
{
	struct patching *p = arg;
	struct hello h;

	if (m->flights[from] || !f->n ||
	    !item_is(&f->item[0], from == CLIENT_END ? HT_CLIENT_HELLO :
		     HT_SERVER_HELLO))
		return;
	hello_open(&h, &f->item[0]);
	if (from == CLIENT_END) {
		p->self->session_id_len = h.session_id.len;
		if (h.session_id.len)
			memcpy(p->self->session_id, h.session_id.buf,
			       h.session_id.len);
	}
	for (size_t i = 0; i < PATCHES_MAX && from == p->v->from; i++)
		apply(p->self, &h, &p->v->patch[i]);
	hello_close(&h);
}

TEST_F(hello, refused)
{
	struct ktls_opts client = variant->client, server = variant->server;
	struct mitm *m = &self->m;

	client.size = server.size = sizeof(client);
	mitm_begin(m, &client, &server, NULL);
	mitm_run(m, edit_hello, &(struct patching){ self, variant });
	EXPECT_GT(self->patched, 0);
	mitm_failed(m, variant->end, variant->err);
	for (int end = 0; end < 2; end++)
		EXPECT_NE(m->hs[end]->state, HS_DONE);
}

FIXTURE_TEARDOWN(hello)
{
	mitm_end(&self->m);
}

/* ---- messages left out ------------------------------------------------- */

#define SKIP_MAX	6
#define CCS		255

FIXTURE(skip) {
	struct mitm m;
};

FIXTURE_VARIANT(skip) {
	bool auth;
	const char *ciphers, *cert;
	enum end from;
	uint8_t msg[SKIP_MAX];	/* those that do not arrive */
};

#define SKIPPED(name, ...) FIXTURE_VARIANT_ADD(skip, name) { __VA_ARGS__ }
#define DHE	.cert = "rsa2048",					\
		.ciphers = "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"

SKIPPED(server_certificate, OF_SERVER, .msg = { HT_CERTIFICATE });
SKIPPED(server_key_exchange, OF_SERVER, .msg = { HT_SERVER_KEY_EXCHANGE });
SKIPPED(dhe_server_key_exchange, OF_SERVER, DHE,
	.msg = { HT_SERVER_KEY_EXCHANGE });
SKIPPED(server_authentication, OF_SERVER,
	.msg = { HT_CERTIFICATE, HT_SERVER_KEY_EXCHANGE });
SKIPPED(server_ccs, OF_SERVER, .msg = { CCS });
SKIPPED(server_ticket, OF_SERVER, .msg = { HT_NEW_SESSION_TICKET });
SKIPPED(server_ticket_and_ccs, OF_SERVER,
	.msg = { HT_NEW_SESSION_TICKET, CCS });
SKIPPED(client_key_exchange, OF_CLIENT, .msg = { HT_CLIENT_KEY_EXCHANGE });
SKIPPED(client_key_exchange_and_ccs, OF_CLIENT,
	.msg = { HT_CLIENT_KEY_EXCHANGE, CCS });
SKIPPED(client_ccs, OF_CLIENT, .msg = { CCS });
SKIPPED(client_certificate, OF_CLIENT, .auth = true,
	.msg = { HT_CERTIFICATE });
SKIPPED(client_certificate_verify, OF_CLIENT, .auth = true,
	.msg = { HT_CERTIFICATE_VERIFY });
SKIPPED(client_authentication, OF_CLIENT, .auth = true,
	.msg = { HT_CERTIFICATE, HT_CERTIFICATE_VERIFY });
SKIPPED(client_verify_and_ccs, OF_CLIENT, .auth = true,
	.msg = { HT_CERTIFICATE_VERIFY, CCS });
SKIPPED(client_all, OF_CLIENT, .auth = true, .msg = { HT_CERTIFICATE,
	HT_CLIENT_KEY_EXCHANGE, HT_CERTIFICATE_VERIFY });

static bool is_skipped(const FIXTURE_VARIANT(skip) *v, const struct item *it)
{
	for (size_t i = 0; i < SKIP_MAX && v->msg[i]; i++)
		if (v->msg[i] == CCS ? it->type == CT_CHANGE_CIPHER_SPEC :
		    item_is(it, v->msg[i]))
			return true;
	return false;
}

static void edit_skip(struct mitm *m, enum end from, struct flight *f,
		      void *arg)
{
	const FIXTURE_VARIANT(skip) *v = arg;

	(void)m;
	for (size_t i = 0; i < f->n && from == v->from;)
		if (is_skipped(v, &f->item[i]))
			flight_remove(f, i);
		else
			i++;
}

FIXTURE_SETUP(skip)
{
	const struct ktls_cred cred = pki_cred("client");
	const struct ktls_cred own = pki_cred(variant->cert ? variant->cert :
					      "p256");

	mitm_begin(&self->m, KTLS_OPTS(.creds = &cred, .creds_len = 1,
				       .max_version = KTLS_TLS12,
				       .ciphers = variant->ciphers),
		   KTLS_OPTS(.creds = &own, .creds_len = 1,
			     .verify = variant->auth ? KTLS_VERIFY_REQUIRE :
			     KTLS_VERIFY_NONE), NULL);
}

FIXTURE_TEARDOWN(skip)
{
	mitm_end(&self->m);
}

TEST_F(skip, refused)
{
	enum end to = OTHER(variant->from);
	struct mitm *m = &self->m;

	mitm_run(m, edit_skip, (void *)variant);
	EXPECT_NE(m->hs[to]->state, HS_DONE);
	EXPECT_EQ(m->alert[to], KTLS_ALERT_UNEXPECTED_MESSAGE)
		TH_LOG("%s", ktls_hs_error_text(m->hs[to]));
}

/* ---- keys changed early (CVE-2014-0224) -------------------------------- */

struct early {
	enum end from;
	size_t at, seen;	/* items of that end, over all flights */
	bool done;
};

static void edit_early(struct mitm *m, enum end from, struct flight *f,
		       void *arg)
{
	struct early *e = arg;

	(void)m;
	if (from != e->from)
		return;
	flight_part(f);
	for (size_t i = 0; i < f->n && !e->done; i++) {
		if (f->item[i].type == CT_CHANGE_CIPHER_SPEC)
			return;
		if (e->seen++ != e->at)
			continue;
		flight_insert(f, i, CT_CHANGE_CIPHER_SPEC, false, "\1", 1);
		e->done = true;
	}
}

static void change_early(bool auth)
{
	const struct ktls_cred cred = pki_cred("client");
	size_t tried = 0;
	struct mitm m;

	mitm_begin(&m, KTLS_OPTS(.creds = &cred, .creds_len = 1,
				 .max_version = KTLS_TLS12,
				 .sessions = KTLS_NO_SESSIONS),
		   KTLS_OPTS(.verify = auth ? KTLS_VERIFY_REQUIRE :
			     KTLS_VERIFY_NONE), NULL);
	for (enum end from = CLIENT_END; from <= SERVER_END; from++) {
		struct early e = { .from = from, .done = true };

		for (; e.done; e.at++) {
			e.seen = e.done = false;
			mitm_again(&m);
			mitm_run(&m, edit_early, &e);
			if (!e.done)
				continue;
			tried++;
			EXPECT_EQ(m.hs[OTHER(from)]->error,
				  -KTLS_E_RECORD_TYPE)
				TH_LOG("%s, before %zu", from ? "server" :
				       "client", e.at);
			EXPECT_EQ(m.alert[OTHER(from)],
				  KTLS_ALERT_UNEXPECTED_MESSAGE);
		}
	}
	/* before each message that comes before its own */
	EXPECT_EQ(tried, auth ? 9 : 6);
	mitm_end(&m);
}

TEST(change_cipher_spec_is_early)
{
	change_early(false);
}

TEST(change_cipher_spec_is_early_mutual)
{
	change_early(true);
}

HARNESS_MAIN
