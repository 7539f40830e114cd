// SPDX-License-Identifier: MIT
#include "hs.h"

#include <errno.h>

#include "keylog.h"

/* ---- driver ------------------------------------------------------------ */

const struct hs_rule *hs_rule_find(const struct ktls_hs *hs, uint16_t msg)
{
	bool client = hs->config->role == KTLS_CLIENT;
	const struct hs_rule *r = client ? client_rules : server_rules;
	size_t n = client ? client_rules_len : server_rules_len;

	if (hs->wait.want)
		return NULL;
	for (; n--; r++)
		if (r->state == hs->state && r->msg == msg)
			return r;
	return NULL;
}

int hs_message(struct ktls_hs *hs, struct slice whole, bool last)
{
	const struct hs_rule *rule = hs_rule_find(hs, whole.p[0]);
	struct slice body = { whole.p + MSG_HEADER, whole.len - MSG_HEADER };
	int err = 0;

	if (!rule)
		return -KTLS_E_UNEXPECTED;
	hs->msg = (struct hs_msg){ whole, last };
	if (rule->hashing == HASH_BEFORE)
		err = transcript_add(&hs->transcript, whole);
	if (!err)
		err = rule->fn(hs, body);
	if (!err && rule->hashing == HASH_AFTER)
		err = transcript_add(&hs->transcript, whole);
	hs->msg = (struct hs_msg){ { NULL, 0 }, false };
	return err ? err : hs_settle(hs, rule->next);
}

int hs_change_cipher_spec(struct ktls_hs *hs)
{
	const struct hs_rule *rule = hs_rule_find(hs, HT_CCS);
	int err;

	if (!rule)
		return -KTLS_E_RECORD_TYPE;
	hs->msg = (struct hs_msg){ { NULL, 0 }, true };
	err = rule->fn(hs, (struct slice){ NULL, 0 });
	return err ? err : hs_settle(hs, rule->next);
}

/* ---- failure ----------------------------------------------------------- */

struct text hs_text(struct ktls_hs *hs)
{
	return (struct text){ hs->error_text, sizeof(hs->error_text) };
}

/* What 1.2 does not know yet it says by an older name */
static enum ktls_alert alert_for(const struct ktls_hs *hs, int err)
{
	enum ktls_alert alert = ktls_error_alert(err);

	if (hs->info.version == KTLS_TLS12 &&
	    (alert == KTLS_ALERT_CERTIFICATE_REQUIRED ||
	     alert == KTLS_ALERT_MISSING_EXTENSION))
		return KTLS_ALERT_HANDSHAKE_FAILURE;
	return alert;
}

static void send_alert(struct ktls_hs *hs, enum ktls_alert alert)
{
	const uint8_t rec[2] = { 2, (uint8_t)alert };	/* fatal */

	if (!record_seal(&hs->tx, hs->out_version, CT_ALERT, rec, sizeof(rec),
			 &hs->out))
		hs->info.alert_sent = (uint8_t)alert;
}

/* A ticket of ours, unless the server has had no use for it */
static bool ticket_offered(const struct ktls_hs *hs)
{
	return hs->client.psks_len && hs->client.psks[0].session;
}

static int fail(struct ktls_hs *hs, int err, enum ktls_alert alert)
{
	if (hs->state == HS_FAILED)
		return hs->error;
	hs->state = HS_FAILED;
	hs->error = err;
	/* a half-written flight would only tell the peer what went wrong */
	wr_reset(&hs->flight);
	if (hs->info.resumed || hs->session.id_len ||
	    hs->client.session_offered)
		session_forget(hs);
	/* 6, D.3: what may be the reason is not there the next time */
	if (ticket_offered(hs) && err <= -2048 &&
	    (alert != KTLS_ALERT_NONE || err == -KTLS_E_PEER_ALERT))
		session13_forget(hs->config, hs->peer_name);
	if (alert != KTLS_ALERT_NONE && !hs->tx_moved)
		send_alert(hs, alert);
	else if (alert != KTLS_ALERT_NONE &&
		 hs->info.alert_sent == KTLS_ALERT_NONE)
		hs->alert_due = (uint8_t)alert;
	hs_wipe(hs);
	return err;
}

int hs_fail(struct ktls_hs *hs, int err)
{
	return fail(hs, err, alert_for(hs, err));
}

int hs_lost(struct ktls_hs *hs, int err)
{
	return fail(hs, err, KTLS_ALERT_NONE);
}

/* ---- sending ----------------------------------------------------------- */

struct wr_mark hs_open(struct ktls_hs *hs, enum msg_type type)
{
	wr_u8(&hs->flight, (uint8_t)type);
	return wr_open(&hs->flight, 3);
}

int hs_close(struct ktls_hs *hs, struct wr_mark *m)
{
	struct wr *w = &hs->flight;
	size_t at = m->at - 1;

	wr_close(w, m);
	if (!wr_ok(w))
		return -ENOMEM;
	return transcript_add(&hs->transcript,
			      (struct slice){ w->buf + at, w->len - at });
}

int hs_flush(struct ktls_hs *hs)
{
	struct wr *w = &hs->flight;
	int err = 0;

	if (!wr_ok(w))
		return -ENOMEM;
	for (size_t at = 0; at < w->len && !err; ) {
		size_t n = w->len - at;

		if (n > record_max(&hs->tx))
			n = record_max(&hs->tx);
		err = record_seal(&hs->tx, hs->out_version, CT_HANDSHAKE,
				  w->buf + at, n, &hs->out);
		at += n;
	}
	wr_reset(w);
	return err;
}

int hs_send_ccs(struct ktls_hs *hs)
{
	static const uint8_t ccs[] = { CT_CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1 };
	int err;

	if (hs->ccs_sent || !hs->session_id_len)
		return 0;
	err = hs_flush(hs);
	if (err)
		return err;
	/* never protected, whatever the key */
	wr_bytes(&hs->out, ccs, sizeof(ccs));
	hs->ccs_sent = true;
	return wr_ok(&hs->out) ? 0 : -ENOMEM;
}

/* ---- keys -------------------------------------------------------------- */

int hs_tx_keys(struct ktls_hs *hs, const struct traffic_keys *keys)
{
	int err = hs_flush(hs);

	hs->tx_keys = *keys;
	limit_tx_keys(hs);
	return err ? err : record_set_key(&hs->tx, hs->config->crypto,
					  hs->suite, keys, true);
}

int hs_rx_keys(struct ktls_hs *hs, const struct traffic_keys *keys)
{
	/* 5.1: handshake messages MUST NOT span key changes */
	if (!hs->msg.last)
		return -KTLS_E_UNALIGNED;
	hs->rx_keys = *keys;
	limit_rx_keys(hs);
	return record_set_key(&hs->rx, hs->config->crypto, hs->suite, keys,
			      false);
}

static int set_key(struct ktls_hs *hs, const struct secret *traffic,
		   int (*set)(struct ktls_hs *hs,
			      const struct traffic_keys *keys))
{
	struct traffic_keys keys;
	int err = traffic_keys(hs->config->crypto, hs->suite, traffic, &keys);

	if (!err)
		err = set(hs, &keys);
	wipe(&keys, sizeof(keys));
	return err;
}

int hs_tx_key(struct ktls_hs *hs, const struct secret *traffic)
{
	return set_key(hs, traffic, hs_tx_keys);
}

int hs_rx_key(struct ktls_hs *hs, const struct secret *traffic)
{
	return set_key(hs, traffic, hs_rx_keys);
}

void hs_keylog(const struct ktls_hs *hs, const char *label,
	       const struct secret *secret)
{
	keylog_write(hs->config, label, hs->client_random, secret);
}

int hs_derive(struct ktls_hs *hs, const char *label, const char *log_label,
	      struct secret *out)
{
	struct secret digest;
	int err = transcript_now(&hs->transcript, &digest);

	if (!err)
		err = sched_derive(&hs->sched, label, &digest, out);
	if (!err && log_label)
		hs_keylog(hs, log_label, out);
	return err;
}

/* RFC 9846 4.2.2: where 1.2 was negotiated, renegotiation keeps to it */
uint16_t hs_max_version(const struct ktls_hs *hs)
{
	return hs->binding.round ? KTLS_TLS12 : hs->config->max_version;
}

/* ---- the end ----------------------------------------------------------- */

static void forget_client(struct hs_client *c)
{
	for (size_t i = 0; i < CLIENT_SHARES_MAX; i++)
		kex_free(&c->kex[i]);
	wr_free(&c->hello);
	wr_free(&c->cookie);
	wr_free(&c->shares);
	wr_free(&c->ticket);
	wr_free(&c->request);
	wr_free(&c->psks_wire);
	for (size_t i = 0; i < PSKS_OFFERED; i++)
		wr_free(&c->psks[i].identity);
	wipe(c->psks, sizeof(c->psks));
	*c = (struct hs_client){ 0 };
}

void hs_forget(struct ktls_hs *hs)
{
	hs_wait_free(&hs->wait);
	forget_client(&hs->client);
	hs_supp_forget(hs);
	wr_free(&hs->server.cookie);
	wipe(&hs->server, sizeof(hs->server));
	wr_free(&hs->tls12.premaster);
	kex_free(&hs->tls12.kex);
	wipe(&hs->tls12, sizeof(hs->tls12));
	transcript_free(&hs->transcript);
	wipe(&hs->sched, sizeof(hs->sched));
	wipe(&hs->client_hs, sizeof(hs->client_hs));
	wipe(&hs->server_hs, sizeof(hs->server_hs));
	wipe(&hs->client_app, sizeof(hs->client_app));
	wipe(&hs->server_app, sizeof(hs->server_app));
	wipe(&hs->exporter, sizeof(hs->exporter));
	wipe(&hs->session, sizeof(hs->session));
	wipe(&hs->psk, sizeof(hs->psk));
	wr_free(&hs->early.data);
	wipe(&hs->early, sizeof(hs->early));
	wipe(&hs->resumption, sizeof(hs->resumption));
	hs->limit = (struct hs_limit){ 0 };
	peer_free(&hs->peer);
	hs->chain = (struct hs_chain){ 0 };
	wr_free(&hs->status);
	hs->certs = (struct hs_certs){ 0 };
	wr_free(&hs->sct);
	wr_free(&hs->grease.lists);
	hs->sct_due = false;
}

/* What is left afterwards is info, error and the records not yet sent */
void hs_wipe(struct ktls_hs *hs)
{
	hs_forget(hs);
	record_free(&hs->rx);
	record_free(&hs->tx);
	frag_free(&hs->frag);
	wr_free(&hs->flight);
	wipe(&hs->rx_keys, sizeof(hs->rx_keys));
	wipe(&hs->tx_keys, sizeof(hs->tx_keys));
	peer_free(&hs->binding.peer);
	wipe(&hs->binding, sizeof(hs->binding));
}
