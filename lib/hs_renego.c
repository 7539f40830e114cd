// SPDX-License-Identifier: MIT
/*
 * Another handshake on the same connection (RFC 5246 7.4.1.1, 5746), under the
 * keys of the last one.  It is bound to that by both Finished, by the extended
 * main secret, and by the peer's certificate, which has to be the same if one
 * was shown before: of a resumed handshake the session knows the subject alone.
 */
#include "hs.h"

#include <errno.h>

/* What the peer has taken part in cannot be spliced (RFC 5746 1, 7627 1) */
static bool is_bound(const struct ktls_hs *hs)
{
	return hs->info.version == KTLS_TLS12 && hs->binding.secure &&
	       hs->info.ems;
}

/* The handshake is over, the connection stays */
static void forget(struct ktls_hs *hs)
{
	const struct ktls_info old = hs->info;
	struct ktls_info *info = &hs->info;

	if (peer_len(&hs->peer)) {
		peer_free(&hs->binding.peer);
		hs->binding.peer = hs->peer;
		hs->peer = (struct peer_chain){ 0 };
	}
	/* 5246 7.2.2: were the next to fail, it would still be there */
	session_forget(hs);
	hs_forget(hs);
	hs->suite = NULL;
	hs->group = NULL;
	hs->cred = NULL;
	hs->scheme = NULL;
	hs->session_id_len = 0;
	*info = (struct ktls_info){
		.version = old.version,
		.renegotiated = (uint8_t)hs->binding.round,
		.secure_renegotiation = old.secure_renegotiation,
		.tx_record = old.tx_record,
		.rx_record = old.rx_record,
		.alert_sent = old.alert_sent,
		.alert_received = old.alert_received,
		.tx = old.tx,
		.rx = old.rx,
	};
	/* the name asked for: a server holds the client to it */
	memcpy(info->server_name, old.server_name, sizeof(info->server_name));
}

/* Never hashed: RFC 5246 7.4.1.1 */
static int send_hello_request(struct ktls_hs *hs)
{
	static const uint8_t request[MSG_HEADER] = { HT_HELLO_REQUEST };

	wr_bytes(&hs->flight, request, sizeof(request));
	return hs_flush(hs);
}

/* Under @config from now on; NULL: under the same */
static int begin(struct ktls_hs *hs, struct ktls_config *config)
{
	forget(hs);
	if (config) {
		config = ktls_config_get(config);
		ktls_config_put(hs->config);
		hs->config = config;
	}
	if (hs->config->role == KTLS_CLIENT) {
		hs->state = C_SH;
		return client_start(hs);
	}
	hs->state = S_CH;
	return send_hello_request(hs);
}

int hs_done(struct ktls_hs *hs)
{
	chain_keep(hs);
	if (hs->binding.round < UINT8_MAX)
		hs->binding.round++;
	if (!hs_supp_protected(hs) || hs->binding.round > 1)
		return 0;
	return is_bound(hs) ? begin(hs, NULL) : -KTLS_E_NO_RENEGOTIATION;
}

/* As ktls_hs_new() asks: who is to be verified has to have a name */
static bool fits(const struct ktls_hs *hs, const struct ktls_config *config)
{
	return config->role == hs->config->role &&
	       !(config->flags & KTLS_F_ESTABLISHED) &&
	       config->min_version <= KTLS_TLS12 &&
	       (config->role == KTLS_SERVER || *hs->peer_name ||
		config->verify == KTLS_VERIFY_NONE);
}

int ktls_hs_renegotiate(struct ktls_hs *hs, struct ktls_config *config)
{
	int err;

	if (hs->state != HS_DONE)
		return hs->error ? hs->error : -KTLS_E_STATE;
	if (config && !fits(hs, config))
		return -EINVAL;
	if (!is_bound(hs))
		return -KTLS_E_NO_RENEGOTIATION;
	err = begin(hs, config);
	return err ? hs_fail(hs, err) : 0;
}
