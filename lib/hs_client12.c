// SPDX-License-Identifier: MIT
/* The client of TLS 1.2 (RFC 5246 7.3, figure 1) */
#include <errno.h>

#include "hs_cred.h"
#include "msg12.h"

static enum hs_state await_keys(const struct ktls_hs *hs)
{
	return hs->tls12.ticket_due ? C12_NST : C12_CCS;
}

/* The server took the session that we offered: all of it must be as it was */
static int resume(struct ktls_hs *hs)
{
	const struct session *s = &hs->session;

	if (!hs->client.session_offered)
		return -KTLS_E_SESSION_ID;	/* 9846 E.4: it was for show */
	if (hs->suite->id != s->suite)
		return -KTLS_E_SUITE_CHOICE;
	if (hs->tls12.ems != s->ems)		/* RFC 7627 5.3 */
		return -KTLS_E_NO_EMS;
	hs->state = await_keys(hs);
	return hs12_resume(hs);
}

/* RFC 5746 3.4, 3.5 */
static int check_binding(struct ktls_hs *hs, const struct exts *e)
{
	struct hs_binding *b = &hs->binding;
	size_t want = b->round ? sizeof(b->verify) : 0;
	bool has = ext_has(e, EXT_RENEGOTIATION_INFO);

	if (!has && !b->round)
		return hs->config->flags & KTLS_F_NEED_RENEGOTIATION_INFO ?
		       -KTLS_E_LEGACY_PEER : 0;
	if (!has || e->renegotiated.len != want ||
	    !secret_eq(e->renegotiated.p, b->verify, want))
		return -KTLS_E_RENEGOTIATION;
	b->secure = true;
	hs->info.secure_renegotiation = 1;
	return 0;
}

int client12_server_hello(struct ktls_hs *hs, struct server_hello *m)
{
	const struct slice ours = { hs->session_id, hs->session_id_len };
	const struct exts *e = &m->exts;
	int err = parse_server_hello_exts(m, hs->client.asked);

	if (err)
		return err;
	if (m->compression)
		return -KTLS_E_COMPRESSION;
	err = check_binding(hs, e);
	if (err)
		return err;
	/* RFC 8422 5.1.2 */
	if (ext_has(e, EXT_EC_POINT_FORMATS) &&
	    !memchr(e->point_formats.p, 0, e->point_formats.len))
		return -KTLS_E_GROUP_CHOICE;
	err = client_take_suite(hs, m->suite, KTLS_TLS12);
	if (!err && ext_has(e, EXT_ALPN))
		err = client_take_alpn(hs, e->alpn);
	hs->tls12.ems = ext_has(e, EXT_EXTENDED_MAIN_SECRET);
	hs->tls12.ticket_due = ext_has(e, EXT_SESSION_TICKET);
	hs->client.status_due = ext_has(e, EXT_STATUS_REQUEST);
	hs->client.cert_urls = ext_has(e, EXT_CLIENT_CERTIFICATE_URL);
	if (!hs->tls12.ems && hs12_need_ems(hs))
		return -KTLS_E_NO_EMS;
	memcpy(hs->tls12.server_random, m->random.p, RANDOM_LEN);
	hs->transcript.keep = hs->config->creds_len;
	if (!err)
		err = client_begin_transcript(hs);
	if (!err)
		err = transcript_add(&hs->transcript, hs->msg.whole);
	if (!err && m->session_id.len && slice_eq(m->session_id, ours))
		err = resume(hs);
	if (!err)
		err = cert_type_take(hs, e);
	if (!err)
		err = limit_take(hs, e);
	if (!err)
		err = sct_take(hs, e->sct);
	if (!err)
		err = hs_supp_take_answer(hs, m);
	if (err || hs->info.resumed)
		return err;
	hs->state = hs_supp_agreed(hs) ? C12_SUPP : C12_CERT;
	/* a new session, if the server has named it */
	hs->session.id_len = (uint8_t)m->session_id.len;
	if (m->session_id.len)
		memcpy(hs->session.id, m->session_id.p, m->session_id.len);
	wr_reset(&hs->client.ticket);
	return 0;
}

int c12_supplemental_data(struct ktls_hs *hs, struct slice body)
{
	hs->state = C12_CERT;
	return hs_supp_take(hs, body);
}

int c12_certificate(struct ktls_hs *hs, struct slice body)
{
	bool ecdh = hs->suite->kex == KEX_ECDH;
	int err = hs12_take_certificate(hs, body);

	if (!err && !peer_len(&hs->peer))
		err = -KTLS_E_CERT_EMPTY;
	if (!err && ecdh)
		err = ecdh_take(hs);
	if (hs->client.status_due)
		hs->state = ecdh ? C12_STATUS_ECDH : C12_STATUS;
	else
		hs->state = ecdh ? C12_CR_DONE : C12_SKE;
	return err;
}

int c12_certificate_status(struct ktls_hs *hs, struct slice body)
{
	struct slice response;
	int err = parse_certificate_status(body, &response);

	hs->state = hs->state == C12_STATUS ? C12_SKE : C12_CR_DONE;
	return err ? err : status_take(hs, response);
}

/* ---- ServerKeyExchange (7.4.3, RFC 8422 5.4, RFC 7919 4) --------------- */

/* Which of our groups has this prime?  No others are taken. */
static int group_of_prime(struct ktls_hs *hs,
			  const struct server_key_exchange *m,
			  const struct group **group)
{
	const struct ktls_config *cfg = hs->config;

	*group = NULL;
	if (m->g.len != 1 || m->g.p[0] != 2)
		return -KTLS_E_GROUP_CHOICE;
	for (size_t i = 0; i < cfg->groups_len && !*group; i++) {
		const struct group *g = cfg->groups[i];
		struct wr p = { 0 };
		int err;

		if (g->kind != KEX_FFDHE || g->server_len != m->p.len)
			continue;
		err = group_prime(cfg->crypto, g, &p);
		if (!err && !memcmp(p.buf, m->p.p, m->p.len))
			*group = g;
		wr_free(&p);
		if (err)
			return err;
	}
	return *group ? 0 : -KTLS_E_GROUP_CHOICE;
}

static int group_of(struct ktls_hs *hs, const struct server_key_exchange *m,
		    const struct group **group)
{
	if (hs->suite->kex == KEX_DHE)
		return group_of_prime(hs, m, group);
	*group = config_has_group(hs->config, m->group) ?
		 group_find(m->group) : NULL;
	if (!*group || ((*group)->kind != KEX_ECX && (*group)->kind != KEX_EC))
		return -KTLS_E_GROUP_CHOICE;
	return 0;
}

static int verify_params(struct ktls_hs *hs,
			 const struct server_key_exchange *m)
{
	const struct sigscheme *scheme = hs_offered_scheme(hs, m->scheme);
	uint8_t room[PARAMS_ROOM];
	struct wr w = wr_lend(room, sizeof(room));
	int err;

	if (!scheme || !hs12_scheme_fits(scheme, hs->suite->auth))
		return -KTLS_E_SIGALG_CHOICE;
	err = hs12_signed_params(hs, m->params, &w);
	if (!err)
		err = hs12_verify(hs, m->scheme, wr_content(&w), m->signature);
	wr_free(&w);
	return err;
}

int client12_agree(struct ktls_hs *hs, struct slice share)
{
	struct hs_client *c = &hs->client;
	int err;

	hs->info.group = hs->group->id;
	/* the hello's shares were for 1.3 */
	wr_reset(&c->shares);
	err = kex_begin(&c->kex[0], hs->config->crypto, hs->group,
			&c->shares);
	return err ? err : hs12_agree(hs, &c->kex[0], share,
				      &hs->tls12.premaster);
}

int c12_server_key_exchange(struct ktls_hs *hs, struct slice body)
{
	struct server_key_exchange m;
	int err = parse_server_key_exchange(body, hs->suite->kex, &m);

	if (!err)
		err = group_of(hs, &m, &hs->group);
	if (!err)
		err = verify_params(hs, &m);
	if (!err)
		err = client12_agree(hs, m.share);
	hs->state = C12_CR_DONE;
	return err;
}

int c12_certificate_request(struct ktls_hs *hs, struct slice body)
{
	struct certificate_request12 m;
	int err = parse_certificate_request12(body, &m);

	if (err)
		return err;
	hs->client.cert_asked = true;
	wr_slice(&hs->client.request, body);
	hs->state = C12_DONE;
	return wr_ok(&hs->client.request) ? 0 : -ENOMEM;
}

/* ---- our flight -------------------------------------------------------- */

static int send_client_key_exchange(struct ktls_hs *hs)
{
	struct slice share = wr_content(&hs->client.shares);
	struct wr_mark m = hs_open(hs, HT_CLIENT_KEY_EXCHANGE);

	write_client_key_exchange(&hs->flight, hs->suite->kex, share);
	return hs_close(hs, &m);
}

static int wish(const struct ktls_hs *hs, struct cred_wish *w)
{
	const struct wr *body = &hs->client.request;
	struct certificate_request12 m;
	int err = parse_certificate_request12(wr_content(body), &m);

	*w = (struct cred_wish){
		.version = KTLS_TLS12,
		.types = m.types,
		.exts = { .sigalgs = m.sigalgs,
			  .sigalgs_known = sigalgs_in(m.sigalgs),
			  .authorities = m.authorities },
	};
	return err;
}

static int end_flight(struct ktls_hs *hs)
{
	hs->state = await_keys(hs);
	return hs12_send_finished(hs);
}

static int send_keys(struct ktls_hs *hs)
{
	struct wr *premaster = &hs->tls12.premaster;
	int err = send_client_key_exchange(hs);

	if (!err)
		err = hs12_secrets(hs, wr_content(premaster));
	wr_free(premaster);
	if (err)
		return err;
	return hs->cred ? hs12_send_certificate_verify(hs, end_flight) :
			  end_flight(hs);
}

static int send_certificate(struct ktls_hs *hs)
{
	struct cred_wish w;
	int err = wish(hs, &w);

	if (!err)
		err = client_use_cred(hs, &w);
	if (!err)
		err = hs_supp_send(hs);
	if (!err)
		err = cert_url_due(hs) ? cert_url_send(hs) :
					 hs12_send_certificate(hs);
	return err ? err : send_keys(hs);
}

static int begin_flight(struct ktls_hs *hs)
{
	struct cred_wish w;
	int err;

	if (hs->client.cert_asked) {
		err = wish(hs, &w);
		return err ? err : client_choose_cred(hs, &w, send_certificate);
	}
	err = hs_supp_send(hs);
	return err ? err : send_keys(hs);
}

int c12_server_hello_done(struct ktls_hs *hs, struct slice body)
{
	int err = body.len ? -KTLS_E_DECODE : status_require(hs);

	/* the messages above enter the hash after this one */
	if (!err)
		err = transcript_add(&hs->transcript, hs->msg.whole);
	return err ? err : hs_ask_verify(hs, begin_flight);
}

int c12_new_session_ticket(struct ktls_hs *hs, struct slice body)
{
	struct new_session_ticket12 m;
	int err = parse_new_session_ticket12(body, &m);

	if (!err && m.ticket.len) {
		wr_reset(&hs->client.ticket);
		if (m.ticket.len <= SESSION_TICKET_MAX)
			wr_slice(&hs->client.ticket, m.ticket);
		hs->client.ticket_lifetime = m.lifetime;
		/* RFC 5077 3.4: an id in the ServerHello is void */
		hs->session.id_len = 0;
	}
	hs->state = C12_CCS;
	return err;
}

int c12_change_cipher_spec(struct ktls_hs *hs, struct slice body)
{
	(void)body;
	hs->state = C12_FIN;
	return hs_rx_keys(hs, &hs->tls12.keys.server);
}

int c12_finished(struct ktls_hs *hs, struct slice body)
{
	int err = hs12_take_finished(hs, body);

	/* in a resumed handshake ours comes last, and covers this one */
	if (!err && hs->info.resumed) {
		err = transcript_add(&hs->transcript, hs->msg.whole);
		if (!err)
			err = hs12_send_finished(hs);
	} else if (!err) {
		session_fill(hs);
		err = hs_supp_deliver(hs);
	}
	if (!err)
		session_keep(hs);
	hs->state = HS_DONE;
	return err;
}
