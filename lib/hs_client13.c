// SPDX-License-Identifier: MIT
/* The client of TLS 1.3 (RFC 9846 appendix A.1) */
#include "hs_cred.h"

#include <errno.h>

/* ---- ServerHello ------------------------------------------------------- */

/* What a ServerHello and a HelloRetryRequest have in common */
static int check_server_hello(struct ktls_hs *hs, struct server_hello *m)
{
	struct slice sent = { hs->session_id, hs->session_id_len };
	int err = parse_server_hello_exts(m, hs->client.asked);

	if (err)
		return err;
	if (!slice_eq(m->session_id, sent))
		return -KTLS_E_SESSION_ID;
	if (m->compression)
		return -KTLS_E_COMPRESSION;
	return client_take_suite(hs, m->suite, KTLS_TLS13);
}

static int new_share(struct ktls_hs *hs, uint16_t id)
{
	struct hs_client *c = &hs->client;
	const struct group *group = group_find(id);
	struct slice shares = wr_content(&c->shares);

	if (!group || !config_has_group(hs->config, id))
		return -KTLS_E_GROUP_CHOICE;
	if (shares_find(shares, id).len)
		return -KTLS_E_RETRY_USELESS;
	for (size_t i = 0; i < CLIENT_SHARES_MAX; i++)
		kex_free(&c->kex[i]);
	wr_reset(&c->shares);
	return client_add_share(hs, &c->kex[0], group);
}

/* 4.2.4 */
static int retry(struct ktls_hs *hs, const struct server_hello *m)
{
	struct hs_client *c = &hs->client;
	const struct exts *e = &m->exts;
	int err = 0;

	if (!ext_has(e, EXT_COOKIE) && !ext_has(e, EXT_KEY_SHARE))
		return -KTLS_E_RETRY_USELESS;
	/* 4.3.12: the second hello is in the open again */
	early_reject(hs);
	record_free(&hs->tx);
	hs->tx.pad = hs->config->padding;
	if (ext_has(e, EXT_KEY_SHARE))
		err = new_share(hs, e->share_group);
	wr_slice(&c->cookie, e->cookie);
	if (!err)
		err = client_begin_transcript(hs);
	if (!err)
		err = transcript_retry(&hs->transcript, hs->config->crypto);
	if (!err)
		err = transcript_add(&hs->transcript, hs->msg.whole);
	if (!err)
		err = hs_send_ccs(hs);
	if (!err)
		err = client_send_hello(hs);
	if (err)
		return err;
	hs->info.retried = 1;
	hs->state = C_SH2;
	return transcript_add(&hs->transcript, wr_content(&c->hello));
}

static int agree(struct ktls_hs *hs, const struct exts *e,
		 struct kex_secret *secret)
{
	struct hs_client *c = &hs->client;

	if (hs->psk.alone)
		return 0;
	if (!ext_has(e, EXT_KEY_SHARE))
		return -KTLS_E_EXT_MISSING;
	for (size_t i = 0; i < CLIENT_SHARES_MAX; i++) {
		if (!c->kex[i].group || c->kex[i].group->id != e->share_group)
			continue;
		hs->group = c->kex[i].group;
		hs->info.group = hs->group->id;
		return kex_finish(&c->kex[i], hs->config->crypto, e->share,
				  secret);
	}
	return -KTLS_E_GROUP_CHOICE;
}

int client13_server_hello(struct ktls_hs *hs, struct server_hello *m)
{
	struct kex_secret secret = { 0 };
	int err = check_server_hello(hs, m);

	if (err)
		return err;
	if (m->where == IN_HRR)
		return retry(hs, m);
	if (hs->state == C_SH)
		err = client_begin_transcript(hs);
	if (!err)
		err = transcript_add(&hs->transcript, hs->msg.whole);
	if (!err)
		err = psk_take_choice(hs, &m->exts);
	if (!hs->psk.chosen)
		early_reject(hs);
	if (!err)
		err = agree(hs, &m->exts, &secret);
	if (!err)
		err = hs_handshake_secrets(hs, &secret);
	wipe(&secret, sizeof(secret));
	for (size_t i = 0; i < CLIENT_SHARES_MAX; i++)
		kex_free(&hs->client.kex[i]);
	if (!err)
		err = hs_rx_key(hs, &hs->server_hs);
	/* already now, so that an alert is protected: appendix A.1 */
	if (!err && !hs->early.offered)
		err = hs_tx_key(hs, &hs->client_hs);
	hs->state = C_EE;
	return err;
}

/* ---- the server's parameters and authentication ------------------------ */

int c13_encrypted_extensions(struct ktls_hs *hs, struct slice body)
{
	struct exts e;
	int err = parse_encrypted_extensions(body, hs->client.asked, &e);

	*hs->info.alpn = 0;	/* of early data, if it was offered */
	if (!err && ext_has(&e, EXT_ALPN))
		err = client_take_alpn(hs, e.alpn);
	if (!err)
		err = cert_type_take(hs, &e);
	if (!err)
		err = limit_take(hs, &e);
	if (!err)
		err = early_take_answer(hs, &e);
	/* 4.5: who has the PSK has shown who he is */
	hs->state = hs->psk.chosen ? C_FIN : C_CERT_CR;
	return err;
}

int c13_certificate_request(struct ktls_hs *hs, struct slice body)
{
	struct certificate_request m;
	int err = parse_certificate_request(body, &m);

	if (err)
		return err;
	if (m.context.len)	/* 4.4.2: only after the handshake */
		return -KTLS_E_CERT_CONTEXT;
	if (!ext_has(&m.exts, EXT_SIGNATURE_ALGORITHMS))
		return -KTLS_E_EXT_MISSING;
	/* it is answered when the server has proved who it is */
	hs->client.cert_asked = true;
	compress_take_offer(hs, &m.exts);
	wr_slice(&hs->client.request, body);
	hs->state = C_CERT;
	return wr_ok(&hs->client.request) ? 0 : -ENOMEM;
}

int c13_certificate(struct ktls_hs *hs, struct slice body)
{
	int err = hs_take_certificate(hs, body, (struct slice){ NULL, 0 },
				      hs->client.asked);

	if (!err && !peer_len(&hs->peer))
		err = -KTLS_E_CERT_EMPTY;
	hs->state = C_CV;
	return err;
}

int c13_certificate_verify(struct ktls_hs *hs, struct slice body)
{
	hs->state = C_FIN;
	return hs_take_certificate_verify(hs, body);
}

/* ---- our flight -------------------------------------------------------- */

static int end_flight(struct ktls_hs *hs)
{
	int err = hs_send_finished(hs);

	if (!err)
		err = hs_resumption_secret(hs);
	if (!err)
		err = hs_tx_key(hs, &hs->client_app);
	if (!err)
		session_fill(hs);
	hs->state = HS_DONE;
	return err;
}

/* Of the request that was kept; @m as it was parsed */
static int wish_of(const struct ktls_hs *hs, struct certificate_request *m,
		   struct cred_wish *wish)
{
	const struct wr *body = &hs->client.request;
	int err = parse_certificate_request(wr_content(body), m);

	*wish = (struct cred_wish){ .version = KTLS_TLS13, .exts = m->exts,
				    .raw = hs->certs.ours == CERT_RAW };
	return err;
}

int client13_choose(struct ktls_hs *hs, hs_step *then)
{
	struct certificate_request m;
	struct cred_wish wish;
	int err = wish_of(hs, &m, &wish);

	return err ? err : client_choose_cred(hs, &wish, then);
}

int client13_answer(struct ktls_hs *hs, hs_step *end)
{
	struct certificate_request m;
	struct cred_wish wish;
	int err = wish_of(hs, &m, &wish);

	if (!err)
		err = client_use_cred(hs, &wish);
	if (!err)
		err = hs_send_certificate(hs, m.context);
	if (err)
		return err;
	return hs->cred ? hs_send_certificate_verify(hs, end) : end(hs);
}

static int send_certificate(struct ktls_hs *hs)
{
	return client13_answer(hs, end_flight);
}

static int begin_flight(struct ktls_hs *hs)
{
	int err = hs_send_ccs(hs);

	if (!err)
		err = early_end(hs);
	if (err || !hs->client.cert_asked)
		return err ? err : end_flight(hs);
	return client13_choose(hs, send_certificate);
}

int c13_finished(struct ktls_hs *hs, struct slice body)
{
	int err = hs_take_finished(hs, body);

	if (!err)
		err = transcript_add(&hs->transcript, hs->msg.whole);
	if (!err)
		err = hs_main_secrets(hs);
	if (!err)
		err = hs_rx_key(hs, &hs->server_app);
	return err ? err : hs_ask_verify(hs, begin_flight);
}
