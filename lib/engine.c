// SPDX-License-Identifier: MIT
/* The handshake as bytes in, bytes out: records, and what is in them */
#include <errno.h>

#include "hs.h"
#include "name.h"
#include "vault.h"

/* ChangeCipherSpecs, user_canceled and the like: in a row */
#define IDLE_RECORDS_MAX	32
/* For records and messages: a hello, a flight with a certificate */
#define BUFFER_FIRST		1024

/* ---- birth and death --------------------------------------------------- */

/* Whom the client wants: an address, or a host name, perhaps with the dot */
static int take_peer_name(struct ktls_hs *hs, const char *name)
{
	enum name_kind kind = name_take(name, hs->peer_name);

	/* RFC 6066 3: a literal address is not sent */
	if (kind == NAME_HOST)
		memcpy(hs->info.server_name, hs->peer_name,
		       strlen(hs->peer_name));
	return kind == NAME_BAD ? -EINVAL : 0;
}

/* One allocation for what most handshakes need, not a chain of them */
static int reserve(struct ktls_hs *hs)
{
	return wr_reserve(&hs->in, BUFFER_FIRST) &&
	       wr_reserve(&hs->flight, BUFFER_FIRST) &&
	       wr_reserve(&hs->out, BUFFER_FIRST) ? 0 : -ENOMEM;
}

static int start(struct ktls_hs *hs, const char *name)
{
	int err;

	if (hs->config->flags & KTLS_F_ESTABLISHED)
		return -KTLS_E_STATE;
	hs->info.alert_sent = hs->info.alert_received = KTLS_ALERT_NONE;
	hs->info.tx.step = hs->info.rx.step = KTLS_STEP_PENDING;
	hs->info.tx_record = hs->info.rx_record = RECORD_PLAIN_MAX;
	hs->out_version = KTLS_TLS12;
	hs->in_need = RECORD_HEADER;
	hs->tx.pad = hs->config->padding;
	if (hs->config->role == KTLS_SERVER) {
		hs->state = S_CH;
		/* 4.3.10: behind a first hello that another saw */
		if (cookie_awaited(hs))
			hs->server.early_skip = EARLY_SKIP_MAX;
		return name ? -EINVAL : reserve(hs);
	}
	hs->state = C_SH;
	err = reserve(hs);
	if (err)
		return err;
	if (name)
		err = take_peer_name(hs, name);
	else if (hs->config->verify != KTLS_VERIFY_NONE)
		err = -EINVAL;
	return err ? err : client_start(hs);
}

int ktls_hs_new(struct ktls_hs **out, struct ktls_config *config,
		const char *server_name)
{
	struct ktls_hs *hs = vault_alloc(sizeof(*hs));
	int err;

	*out = NULL;
	if (!hs)
		return -ENOMEM;
	hs->config = ktls_config_get(config);
	err = start(hs, server_name);
	if (err) {
		ktls_hs_free(hs);
		return err;
	}
	*out = hs;
	return 0;
}

void ktls_hs_free(struct ktls_hs *hs)
{
	if (!hs)
		return;
	hs_wipe(hs);
	wr_free(&hs->in);
	wr_free(&hs->out);
	ktls_config_put(hs->config);
	vault_free(hs, sizeof(*hs));
}

/* ---- what a record holds ----------------------------------------------- */

static int idle(struct ktls_hs *hs)
{
	return ++hs->idle_records > IDLE_RECORDS_MAX ? -KTLS_E_RECORD_FLOOD :
						       0;
}

static int take_alert(struct ktls_hs *hs, struct slice content)
{
	if (!content.len)
		return -KTLS_E_RECORD_EMPTY;	/* 5.4 */
	if (content.len != 2)
		return -KTLS_E_DECODE;	/* 5.1: exactly one, whole */
	/* 6.1: to be ignored, a close_notify follows */
	if (content.p[1] == KTLS_ALERT_USER_CANCELED)
		return idle(hs);
	/* 5246 7.2.2: who wants another handshake may be told no */
	if (content.p[1] == KTLS_ALERT_NO_RENEGOTIATION && hs->binding.round) {
		hs->info.alert_received = content.p[1];
		return -KTLS_E_NO_RENEGOTIATION;
	}
	/* of a warning, before 1.3, nothing follows */
	if (content.p[0] == 1 && hs->info.version != KTLS_TLS13 &&
	    hs->config->min_version < KTLS_TLS13 &&
	    content.p[1] != KTLS_ALERT_CLOSE_NOTIFY)
		return idle(hs);
	hs->info.alert_received = content.p[1];
	text_set(hs_text(hs), "peer sent the alert %s",
		 ktls_alert_name(content.p[1]));
	return -KTLS_E_PEER_ALERT;
}

/*
 * 5: between the first ClientHello and the peer's Finished, an unprotected
 * one of the one value is dropped, wherever it stands, in front of a second
 * hello (E.4) too; before 1.3 it has its place.
 */
static int take_ccs(struct ktls_hs *hs, struct slice content)
{
	bool tls12 = hs->info.version == KTLS_TLS12 ||
		     hs->config->max_version < KTLS_TLS13;

	if ((hs->state == S_CH && !cookie_awaited(hs)) || frag_pending(&hs->frag) ||
	    content.len != 1 || content.p[0] != 1)
		return -KTLS_E_RECORD_TYPE;
	if (tls12)
		return hs_change_cipher_spec(hs);
	return idle(hs);
}

/* 5246 7.4.1.1: while a handshake is under way, a request for one is void */
static bool is_void(const struct ktls_hs *hs, uint8_t type)
{
	return type == HT_HELLO_REQUEST && hs->config->role == KTLS_CLIENT &&
	       hs->config->min_version < KTLS_TLS13 &&
	       hs->info.version != KTLS_TLS13 && hs->state != HS_DONE;
}

static int begin_message(void *arg, uint8_t type)
{
	struct ktls_hs *hs = arg;

	if (is_void(hs, type))
		return 0;
	return hs_rule_find(hs, type) ? 0 : -KTLS_E_UNEXPECTED;
}

static int take_message(void *arg, struct slice whole, bool last)
{
	struct ktls_hs *hs = arg;

	if (is_void(hs, whole.p[0]))
		return whole.len == MSG_HEADER ? idle(hs) : -KTLS_E_DECODE;
	hs->idle_records = 0;
	return hs_message(hs, whole, last);
}

static const struct frag_ops frag_ops = { begin_message, take_message };

static int take_content(struct ktls_hs *hs, uint8_t type,
			struct slice content)
{
	/* 5.1: nothing may stand between the pieces of a message */
	if (frag_pending(&hs->frag) && type != CT_HANDSHAKE)
		return -KTLS_E_RECORD_TYPE;
	switch (type) {
	case CT_HANDSHAKE:
		return frag_feed(&hs->frag, content, hs->config->max_message,
				 &frag_ops, hs);
	case CT_ALERT:
		return take_alert(hs, content);
	case CT_DATA:
		if (hs->state != S_EARLY)
			return -KTLS_E_RECORD_TYPE;
		return content.len ? early_take(hs, content) : idle(hs);
	case CT_CHANGE_CIPHER_SPEC:
		/* under a key only in another handshake of 1.2 */
		return hs->rx.suite->version == KTLS_TLS12 ?
		       take_ccs(hs, content) : -KTLS_E_RECORD_TYPE;
	default:
		return -KTLS_E_RECORD_TYPE;
	}
}

/* ---- records ----------------------------------------------------------- */

/*
 * Is this one in plaintext although we have a key?  ChangeCipherSpec always
 * is; an alert may be, while the client cannot have its key yet.
 */
static bool is_plain(const struct ktls_hs *hs, uint8_t type)
{
	if (!hs->rx.suite)
		return true;
	if (hs->rx.suite->version == KTLS_TLS12)
		return false;
	return type == CT_CHANGE_CIPHER_SPEC ||
	       (type == CT_ALERT && hs->config->role == KTLS_SERVER &&
		!hs->rx.seq);
}

/* 4.3.10: early data that we did not accept looks like noise */
static bool skip_early(struct ktls_hs *hs, uint8_t type)
{
	size_t len = hs->in.len;

	if (type != CT_DATA || hs->server.early_skip < len ||
	    frag_pending(&hs->frag))
		return false;
	hs->server.early_skip -= len;
	return true;
}

static int take_record(struct ktls_hs *hs)
{
	uint8_t type = hs->in.buf[0];
	struct slice content = { hs->in.buf + RECORD_HEADER,
				 hs->in.len - RECORD_HEADER };
	int err;

	if (is_plain(hs, type)) {
		if (type == CT_CHANGE_CIPHER_SPEC)
			return take_ccs(hs, content);
		if (skip_early(hs, type))
			return 0;
		return take_content(hs, type, content);
	}
	if (type != CT_DATA && hs->rx.suite->version == KTLS_TLS13)
		return -KTLS_E_RECORD_TYPE;
	err = record_open(&hs->rx, hs->in.buf, hs->in.len, &type, &content);
	if (err == -KTLS_E_RECORD_MAC && skip_early(hs, type))
		return 0;
	hs->server.early_skip = 0;
	return err ? err : take_content(hs, type, content);
}

static int take_bytes(struct ktls_hs *hs)
{
	struct record_header h;
	int err;

	if (hs->in.len < hs->in_need)
		return 0;
	if (hs->in_need == RECORD_HEADER) {
		err = record_header(&hs->rx, hs->in.buf, &h);
		hs->in_need += h.len;
		if (err || h.len)
			return err;
	}
	err = take_record(hs);
	wr_reset(&hs->in);
	hs->in_need = RECORD_HEADER;
	if (!err && hs->state == HS_DONE)
		err = hs_done(hs);
	return err;
}

/* ---- the caller's side ------------------------------------------------- */

unsigned int ktls_hs_wants(const struct ktls_hs *hs)
{
	bool send = hs->out.len > hs->out_sent;

	if (hs->wait.want)
		return hs->wait.want | (send ? KTLS_WANT_SEND : 0);
	switch (hs->state) {
	case HS_FAILED:
		return KTLS_WANT_FAIL | (send ? KTLS_WANT_SEND : 0);
	case HS_DONE:
		return send ? KTLS_WANT_SEND : KTLS_WANT_DONE;
	default:
		return KTLS_WANT_RECV | (send ? KTLS_WANT_SEND : 0);
	}
}

void *ktls_hs_in(struct ktls_hs *hs, size_t *len)
{
	uint8_t *p;

	*len = 0;
	if (hs->state >= HS_DONE || hs->wait.want)
		return NULL;
	p = wr_reserve(&hs->in, hs->in_need - hs->in.len);
	if (!p) {
		hs_fail(hs, -ENOMEM);
		return NULL;
	}
	*len = hs->in_need - hs->in.len;
	return p;
}

int ktls_hs_received(struct ktls_hs *hs, size_t len)
{
	int err;

	if (hs->state == HS_FAILED)
		return hs->error;
	if (hs->state == HS_DONE || hs->wait.want || len > hs->in_need - hs->in.len ||
	    hs->in.cap - hs->in.len < len)
		return -EINVAL;
	hs->in.len += len;
	err = take_bytes(hs);
	return err ? hs_fail(hs, err) : 0;
}

const void *ktls_hs_out(const struct ktls_hs *hs, size_t *len)
{
	*len = hs->out.len - hs->out_sent;
	return *len ? hs->out.buf + hs->out_sent : NULL;
}

void ktls_hs_sent(struct ktls_hs *hs, size_t len)
{
	size_t left = hs->out.len - hs->out_sent;

	hs->out_sent += len < left ? len : left;
	if (hs->out_sent == hs->out.len) {
		wr_reset(&hs->out);
		hs->out_sent = 0;
	}
}

void ktls_hs_set_data(struct ktls_hs *hs, void *data)
{
	hs->data = data;
}

void *ktls_hs_data(const struct ktls_hs *hs)
{
	return hs->data;
}

int ktls_hs_error(const struct ktls_hs *hs)
{
	return hs->error;
}

const char *ktls_hs_error_text(const struct ktls_hs *hs)
{
	return hs->error_text[0] ? hs->error_text : ktls_strerror(hs->error);
}

void ktls_hs_info_size(const struct ktls_hs *hs, struct ktls_info *info,
		       size_t size)
{
	copy_out(info, size, &hs->info, sizeof(hs->info));
}
