// SPDX-License-Identifier: MIT
/* The server of TLS 1.2 (RFC 5246 7.3, figure 1) */
#include <errno.h>

#include "hs_cred.h"
#include "msg12.h"
#include "name.h"
#include "store.h"

/* ---- the flight -------------------------------------------------------- */

static int send_server_hello(struct ktls_hs *hs, const struct client_hello *ch)
{
	static const uint8_t uncompressed[] = { 0 };
	/* 9846 4.2.3: we could have done better, had we been asked */
	static const uint8_t sentinel[8] = "DOWNGRD\1";
	const struct hs_binding *b = &hs->binding;
	uint8_t *random = hs->tls12.server_random;
	const struct exts *asked = &ch->exts;
	uint8_t alpn[1 + sizeof(hs->info.alpn)];
	size_t alpn_len = strlen(hs->info.alpn);
	struct server_hello m = {
		.version = KTLS_TLS12,
		.random = { random, RANDOM_LEN },
		.where = IN_SH12,
		.suite = hs->suite->id,
		.session_id = { hs->session.id, hs->session.id_len },
		.exts = {
			.point_formats = { uncompressed, 1 },
			.alpn = { alpn, 1 + alpn_len },
			.renegotiated = { b->verify, b->round ?
					  sizeof(b->verify) : 0 },
		},
	};
	struct wr_mark mark;
	int err = hs_nonce(hs, random, RANDOM_LEN);

	if (hs_max_version(hs) >= KTLS_TLS13)
		memcpy(random + RANDOM_LEN - 8, sentinel, 8);
	if (hs->tls12.ems)
		m.exts.set |= EXT_BIT(EXT_EXTENDED_MAIN_SECRET);
	if (hs->binding.secure)
		m.exts.set |= EXT_BIT(EXT_RENEGOTIATION_INFO);
	if (hs->info.resumed)
		m.session_id = ch->session_id;
	if (hs->tls12.ticket_due)
		m.exts.set |= EXT_BIT(EXT_SESSION_TICKET);
	if (ext_has(asked, EXT_EC_POINT_FORMATS) &&
	    hs->suite->kex != KEX_DHE)
		m.exts.set |= EXT_BIT(EXT_EC_POINT_FORMATS);
	/* RFC 6066 3: not in a resumption */
	if (hs->server.named)
		m.exts.set |= EXT_BIT(EXT_SERVER_NAME);
	if (hs->server.ca_known)
		m.exts.set |= EXT_BIT(EXT_TRUSTED_CA_KEYS);
	if (hs->server.cert_urls)
		m.exts.set |= EXT_BIT(EXT_CLIENT_CERTIFICATE_URL);
	limit_answer(hs, &m.exts);
	sct_answer(hs, &m.exts);
	if (hs->status.len)
		m.exts.set |= EXT_BIT(EXT_STATUS_REQUEST);
	if (alpn_len)
		m.exts.set |= EXT_BIT(EXT_ALPN);
	alpn[0] = (uint8_t)alpn_len;
	memcpy(alpn + 1, hs->info.alpn, alpn_len);
	if (!err && !hs->info.resumed)
		err = hs_supp_answer(hs, ch, &m.exts);
	if (err)
		return err;
	mark = hs_open(hs, HT_SERVER_HELLO);
	write_server_hello(&hs->flight, &m);
	return hs_close(hs, &mark);
}

static int send_params(struct ktls_hs *hs, struct slice params, hs_step *then)
{
	uint8_t room[PARAMS_ROOM];
	struct wr signed_params = wr_lend(room, sizeof(room));
	int err = hs12_signed_params(hs, params, &signed_params);
	struct wr_mark mark = hs_open(hs, HT_SERVER_KEY_EXCHANGE);

	wr_slice(&hs->flight, params);
	if (!err)
		err = hs_sign(hs, mark, wr_content(&signed_params), then);
	wr_free(&signed_params);
	return err;
}

static int send_server_key_exchange(struct ktls_hs *hs, hs_step *then)
{
	static const uint8_t generator[] = { 2 };
	struct server_key_exchange m = { .group = hs->group->id,
					 .g = { generator, 1 } };
	uint8_t share_room[SHARE_ROOM];
	struct wr share = wr_lend(share_room, sizeof(share_room));
	uint8_t params_room[PARAMS_ROOM];
	struct wr params = wr_lend(params_room, sizeof(params_room));
	struct wr prime = { 0 };
	int err = kex_begin(&hs->tls12.kex, hs->config->crypto, hs->group,
			    &share);

	if (!err && hs->suite->kex == KEX_DHE)
		err = group_prime(hs->config->crypto, hs->group, &prime);
	m.p = wr_content(&prime);
	m.share = wr_content(&share);
	write_server_params(&params, hs->suite->kex, &m);
	if (!err && !wr_ok(&params))
		err = -ENOMEM;
	if (!err)
		err = send_params(hs, wr_content(&params), then);
	wr_free(&share);
	wr_free(&prime);
	wr_free(&params);
	return err;
}

static int send_certificate_request(struct ktls_hs *hs)
{
	static const uint8_t types[] = { CERT_TYPE_ECDSA_SIGN,
					 CERT_TYPE_RSA_SIGN };
	struct certificate_request12 m = {
		.types = { types, sizeof(types) },
		.sigalgs = hs->config->sigalgs_wire,
		.authorities = { hs->config->authorities.buf,
				 hs->config->authorities.len },
	};
	struct wr_mark mark = hs_open(hs, HT_CERTIFICATE_REQUEST);

	write_certificate_request12(&hs->flight, &m);
	return hs_close(hs, &mark);
}

static int send_hello_done(struct ktls_hs *hs)
{
	struct wr_mark mark = hs_open(hs, HT_SERVER_HELLO_DONE);
	int err = hs_close(hs, &mark);

	return err ? err : hs_flush(hs);
}

/* ---- the hello --------------------------------------------------------- */

/* RFC 5746 3.6, 3.7 */
static int check_binding(struct ktls_hs *hs, const struct client_hello *m)
{
	struct hs_binding *b = &hs->binding;
	bool has = ext_has(&m->exts, EXT_RENEGOTIATION_INFO);
	bool scsv = u16s_have(m->suites, SCSV_RENEGOTIATION);
	size_t want = b->round ? VERIFY_DATA_LEN : 0;

	if (b->round && (scsv || !has))
		return -KTLS_E_RENEGOTIATION;
	if (has && (m->exts.renegotiated.len != want ||
		    !secret_eq(m->exts.renegotiated.p, b->verify, want)))
		return -KTLS_E_RENEGOTIATION;
	b->secure = has || scsv;
	hs->info.secure_renegotiation = b->secure;
	return b->secure || !(hs->config->flags &
			      KTLS_F_NEED_RENEGOTIATION_INFO) ?
	       0 : -KTLS_E_LEGACY_PEER;
}

/* Whom it is for does not change on the way */
static int check_name(struct ktls_hs *hs, struct slice asked)
{
	char name[sizeof(hs->info.server_name)];

	/* what is none is not known either, and no certificate is for it */
	if (!host_name(asked, name) && asked.len &&
	    hs->config->flags & KTLS_F_STRICT_NAME)
		return -KTLS_E_UNKNOWN_NAME;
	if (hs->binding.round && strcmp(name, hs->info.server_name))
		return -KTLS_E_RENEGOTIATION;
	memcpy(hs->info.server_name, name, sizeof(name));
	return 0;
}

/* RFC 8422 5.1.2: who has a curve has to take points that are not compressed */
static bool takes_points(const struct exts *e)
{
	return !ext_has(e, EXT_EC_POINT_FORMATS) ||
	       !ext_has(e, EXT_SUPPORTED_GROUPS) ||
	       memchr(e->point_formats.p, 0, e->point_formats.len);
}

static int check_hello(struct ktls_hs *hs, const struct client_hello *m)
{
	int err;

	/* 7.4.1.2: the null method must be among them */
	if (!memchr(m->compression.p, 0, m->compression.len))
		return -KTLS_E_COMPRESSION;
	if (!takes_points(&m->exts))
		return -KTLS_E_GROUP_CHOICE;
	err = check_binding(hs, m);
	if (!err)
		err = check_name(hs, m->exts.server_name);
	if (err)
		return err;
	hs->tls12.ems = ext_has(&m->exts, EXT_EXTENDED_MAIN_SECRET);
	if (!hs->tls12.ems && hs12_need_ems(hs))
		return -KTLS_E_NO_EMS;
	memcpy(hs->client_random, m->random.p, RANDOM_LEN);
	return 0;
}

static int begin(struct ktls_hs *hs, const struct client_hello *m)
{
	int err = transcript_begin(&hs->transcript, hs->config->crypto,
				   hs->suite->hash);

	hs->info.version = KTLS_TLS12;
	hs->info.suite = hs->suite->id;
	if (!err)
		err = transcript_add(&hs->transcript, hs->msg.whole);
	if (!err)
		err = server_choose_alpn(hs, &m->exts);
	if (!err)
		err = limit_choose(hs, &m->exts);
	return err;
}

/* A session that its client can find again: by ticket, or else by id */
static int name_session(struct ktls_hs *hs, const struct client_hello *m)
{
	const struct ktls_config *cfg = hs->config;
	struct session *s = &hs->session;
	int err;

	hs->tls12.ticket_due = false;
	if (!hs->tls12.ems)
		return 0;
	hs->tls12.ticket_due = session_tickets(cfg) &&
			       ext_has(&m->exts, EXT_SESSION_TICKET);
	if (hs->tls12.ticket_due || !store_has(cfg))
		return 0;
	err = hs_nonce(hs, s->id, SESSION_ID_MAX);
	/*
	 * 7.4.1.3: a different value than the client's, which would take it for
	 * a resumption.  A copy of the machine that named the client's session
	 * may come to the same; it leaves this one without a name.
	 */
	if (!err && !slice_eq((struct slice){ s->id, SESSION_ID_MAX },
			      m->session_id))
		s->id_len = SESSION_ID_MAX;
	return err;
}

static enum hs_state await_client(const struct ktls_hs *hs, bool asked)
{
	bool supp = hs_supp_agreed(hs);

	if (!asked)
		return supp ? S12_SUPP_CKE : S12_CKE;
	if (hs->server.cert_urls)
		return supp ? S12_SUPP_CERT_URL : S12_CERT_URL;
	return supp ? S12_SUPP_CERT : S12_CERT;
}

static int end_flight(struct ktls_hs *hs)
{
	bool ask = server_asks(hs);
	int err = ask ? send_certificate_request(hs) : 0;

	hs->state = await_client(hs, ask);
	return err ? err : send_hello_done(hs);
}

/* Suite, group and credential are there */
static int send_flight(struct ktls_hs *hs, const struct client_hello *m)
{
	int err;

	hs->transcript.keep = server_asks(hs);
	cert_url_agree(hs, &m->exts);
	err = begin(hs, m);
	if (!err)
		err = name_session(hs, m);
	if (!err)
		err = status_fetch(hs, &m->exts);
	sct_choose(hs, &m->exts);
	if (!err)
		err = send_server_hello(hs, m);
	if (!err)
		err = hs_supp_send(hs);
	if (!err)
		err = hs12_send_certificate(hs);
	if (!err)
		err = status_send(hs);
	if (!err && hs->suite->kex != KEX_ECDH)
		return send_server_key_exchange(hs, end_flight);
	if (!err)
		err = ecdh_begin(hs);
	return err ? err : end_flight(hs);
}

static int cred_answered(struct ktls_hs *hs)
{
	struct client_hello m;
	int err = server_reparse_hello(hs, &m);

	if (!err)
		err = server_cred_answered(hs, &m, server12_choose);
	return err ? err : send_flight(hs, &m);
}

static int full_flight(struct ktls_hs *hs, const struct client_hello *m)
{
	int err = server_choose_cred(hs, m, server12_choose);

	if (err == KTLS_LATER)
		return hs_suspend(hs, KTLS_WANT_CRED, cred_answered);
	return err ? err : send_flight(hs, m);
}

/* RFC 5077 3.3 */
static int send_ticket(struct ktls_hs *hs)
{
	uint8_t room[STATE_ROOM];
	struct wr ticket = wr_lend(room, sizeof(room));
	uint32_t lifetime;
	int err = session_ticket(hs, &ticket, &lifetime);
	struct wr_mark m = hs_open(hs, HT_NEW_SESSION_TICKET);

	wr_u32(&hs->flight, lifetime);
	wr_opaque(&hs->flight, 2, wr_content(&ticket));
	wr_free(&ticket);
	return err ? err : hs_close(hs, &m);
}

/* Figure 2 */
static int resumed_flight(struct ktls_hs *hs, const struct client_hello *m)
{
	int err;

	/* RFC 7627 5.3: better no connection than one that lost it */
	if (hs->session.ems && !hs->tls12.ems)
		return -KTLS_E_NO_EMS;
	hs->suite = suite_find(hs->session.suite);
	hs->info.resumed = 1;
	err = begin(hs, m);
	if (!err)
		err = send_server_hello(hs, m);
	/* the same session under another key, and no longer than before */
	if (!err && hs->tls12.ticket_due)
		err = send_ticket(hs);
	if (!err)
		err = hs12_resume(hs);
	if (!err)
		err = hs12_send_finished(hs);
	hs->state = S12_CCS;
	return err;
}

int server12_client_hello(struct ktls_hs *hs, const struct client_hello *m)
{
	int err = check_hello(hs, m);

	if (err)
		return err;
	if (!hs->binding.round && session_resume(hs, m))
		return resumed_flight(hs, m);
	wipe(&hs->session, sizeof(hs->session));
	return full_flight(hs, m);
}

/* ---- the client's flight ----------------------------------------------- */

int s12_supplemental_data(struct ktls_hs *hs, struct slice body)
{
	hs->state = hs->state == S12_SUPP_CERT_URL ? S12_CERT_URL :
		    hs->state == S12_SUPP_CERT ? S12_CERT : S12_CKE;
	return hs_supp_take(hs, body);
}

int s12_certificate(struct ktls_hs *hs, struct slice body)
{
	int err = hs12_take_certificate(hs, body);

	if (!err && !peer_len(&hs->peer) &&
	    hs->config->verify == KTLS_VERIFY_REQUIRE)
		err = -KTLS_E_CERT_REQUIRED;
	hs->state = S12_CKE;
	return err;
}

int s12_client_key_exchange(struct ktls_hs *hs, struct slice body)
{
	uint8_t room[64];
	struct wr premaster = wr_lend(room, sizeof(room));
	struct slice share;
	int err = parse_client_key_exchange(body, hs->suite->kex, &share);

	if (!err)
		err = hs12_agree(hs, &hs->tls12.kex, share, &premaster);
	kex_free(&hs->tls12.kex);
	if (!err)
		err = hs12_secrets(hs, wr_content(&premaster));
	wr_free(&premaster);
	hs->state = peer_len(&hs->peer) || hs->server.unobtained ? S12_CV :
								   S12_CCS;
	return err;
}

int s12_certificate_verify(struct ktls_hs *hs, struct slice body)
{
	hs->state = S12_CCS;
	return hs12_take_certificate_verify(hs, body);
}

int s12_change_cipher_spec(struct ktls_hs *hs, struct slice body)
{
	(void)body;
	hs->state = S12_FIN;
	return hs_rx_keys(hs, &hs->tls12.keys.client);
}

/* The client is accepted */
static int end_handshake(struct ktls_hs *hs)
{
	int err = hs_supp_deliver(hs);

	hs->state = HS_DONE;
	if (err || hs->info.resumed)
		return err;
	session_fill(hs);
	session_store(hs);
	/* what follows covers the client's */
	err = transcript_add(&hs->transcript, hs->msg.whole);
	if (!err && hs->tls12.ticket_due)
		err = send_ticket(hs);
	return err ? err : hs12_send_finished(hs);
}

int s12_finished(struct ktls_hs *hs, struct slice body)
{
	int err = hs12_take_finished(hs, body);

	return err ? err : hs_ask_verify(hs, end_handshake);
}
