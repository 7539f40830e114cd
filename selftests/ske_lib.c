// SPDX-License-Identifier: GPL-2.0-only
#include "ske_lib.h"

#include "harness.h"
#include "peer.h"

void ske_begin(struct mitm *m, const char *suite, const char *cert,
	       const char *offered, const char *sigalgs, bool auth)
{
	const struct ktls_cred server = pki_cred(cert);
	const struct ktls_cred client = pki_cred("client");

	mitm_begin(m, KTLS_OPTS(.max_version = KTLS_TLS12, .ciphers = suite,
				.groups = offered, .sigalgs = sigalgs,
				.creds = &client, .creds_len = 1),
		   KTLS_OPTS(.creds = &server, .creds_len = 1,
			     .groups = offered,
			     .verify = auth ? KTLS_VERIFY_REQUIRE :
			     KTLS_VERIFY_NONE), NULL);
}

void ske_set(struct mitm *m, struct item *it, struct slice params,
	     const struct sigscheme *scheme, uint16_t id)
{
	struct ktls_hs *client = m->hs[CLIENT_END], *server = m->hs[SERVER_END];
	struct wr text = { 0 }, msg = { 0 };

	wr_bytes(&text, client->client_random, RANDOM_LEN);
	wr_bytes(&text, server->tls12.server_random, RANDOM_LEN);
	wr_slice(&text, params);
	wr_u8(&msg, HT_SERVER_KEY_EXCHANGE);
	wr_vec(&msg, 3) {
		wr_slice(&msg, params);
		wr_u16(&msg, id);
		wr_vec(&msg, 2)
			ASSERT_OK(sig_sign(scheme, server->cred->key, NULL,
					   wr_all(&text), &msg));
	}
	ASSERT_TRUE(wr_ok(&msg));
	item_set(it, msg.buf, msg.len);
	wr_free(&text);
	wr_free(&msg);
}

void ske_parse(const struct mitm *m, const struct item *it,
	       struct server_key_exchange *ske)
{
	ASSERT_OK(parse_server_key_exchange((struct slice){
		it->data.buf + MSG_HEADER, it->data.len - MSG_HEADER,
	}, m->hs[SERVER_END]->suite->kex, ske));
}
