// SPDX-License-Identifier: MIT
/* The application's word on the peer's certificate */
#include "hs.h"

#include <errno.h>
#include <stdlib.h>

/* Once they all are in @w, which no longer moves */
static int list_chain(const struct peer_chain *peer, struct wr *w,
		      struct ktls_der *chain)
{
	size_t at = 0;
	int err = 0;

	for (size_t i = 0; i < peer_len(peer) && !err; i++) {
		err = peer_der(peer, i, w);
		chain[i].len = w->len - at;
		at = w->len;
	}
	at = 0;
	for (size_t i = 0; i < peer_len(peer) && !err; i++) {
		chain[i].der = w->buf + at;
		at += chain[i].len;
	}
	return err;
}

static int make_request(struct ktls_hs *hs)
{
	const bool client = hs->config->role == KTLS_CLIENT;
	struct hs_wait *wait = &hs->wait;
	struct ktls_der *chain = calloc(peer_len(&hs->peer), sizeof(*chain));

	if (!chain)
		return -ENOMEM;
	wait->lists = chain;
	wait->verify = (struct ktls_verify_request){
		.size = sizeof(wait->verify),
		.version = hs->info.version,
		.verified = hs->info.peer_verified,
		.status = hs->info.peer_status,
		.chain = chain,
		.chain_len = peer_len(&hs->peer),
		.name = client ? hs->peer_name : hs->info.server_name,
	};
	return list_chain(&hs->peer, &wait->bytes, chain);
}

/* Those that a certificate can be refused for; others say only that it is */
static int reason(int answer)
{
	bool one = answer <= -KTLS_E_CERT_PARSE &&
		   answer >= -KTLS_E_CERT_OTHER;

	return one ? answer : -KTLS_E_CERT_REFUSED;
}

static int take(struct ktls_hs *hs, int answer)
{
	hs->info.peer_verified = !answer;
	return answer ? reason(answer) : 0;
}

int hs_ask_verify(struct ktls_hs *hs, hs_step *then)
{
	const struct ktls_config *cfg = hs->config;
	int err;

	if (!cfg->hooks.verify || !peer_len(&hs->peer))
		return then(hs);
	err = make_request(hs);
	if (err)
		return err;
	err = cfg->hooks.verify(cfg->arg, hs, &hs->wait.verify);
	if (err != KTLS_LATER) {
		hs_wait_free(&hs->wait);
		err = take(hs, err);
	}
	return hs_then(hs, err, KTLS_WANT_VERIFY, then);
}

/* ---- the application's side -------------------------------------------- */

int ktls_hs_verify_request_size(const struct ktls_hs *hs,
				struct ktls_verify_request *request,
				size_t size)
{
	int err = hs_awaited(hs, KTLS_WANT_VERIFY);

	if (!err)
		copy_out(request, size, &hs->wait.verify,
			 sizeof(hs->wait.verify));
	return err;
}

int ktls_hs_verify_answer(struct ktls_hs *hs, int answer)
{
	int err = hs_awaited(hs, KTLS_WANT_VERIFY);

	return err ? err : hs_resume(hs, take(hs, answer));
}
