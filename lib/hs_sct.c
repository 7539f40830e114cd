// SPDX-License-Identifier: MIT
/*
 * signed_certificate_timestamp (RFC 6962 3.3): the list goes to the
 * application as it came.  Which logs count, how many of them, and whether the
 * timestamps inside the certificate do, is a policy that changes by the month;
 * a list of logs of ours would be one that nobody keeps.
 */
#include "hs.h"

#include <errno.h>

bool sct_wanted(const struct ktls_hs *hs)
{
	return hs->config->hooks.sct && hs->config->trust;
}

void sct_choose(struct ktls_hs *hs, const struct exts *asked)
{
	hs->sct_due = hs->cred && hs->cred->sct.len &&
		      ext_has(asked, EXT_SCT);
}

void sct_answer(const struct ktls_hs *hs, struct exts *e)
{
	if (!hs->sct_due)
		return;
	e->set |= EXT_BIT(EXT_SCT);
	e->sct = wr_content(&hs->cred->sct);
}

int sct_take(struct ktls_hs *hs, struct slice list)
{
	wr_reset(&hs->sct);
	wr_slice(&hs->sct, list);
	return wr_ok(&hs->sct) ? 0 : -ENOMEM;
}

int sct_deliver(struct ktls_hs *hs)
{
	const struct ktls_config *cfg = hs->config;
	struct wr leaf = { 0 }, issuer = { 0 };
	struct ktls_sct sct = {
		.size = sizeof(sct), .list = hs->sct.buf,
		.list_len = hs->sct.len,
	};
	int err;

	/* a server of 1.2 has no way to ask */
	if (!sct_wanted(hs) || (cfg->role == KTLS_SERVER &&
				hs->info.version == KTLS_TLS12))
		return 0;
	err = peer_der(&hs->peer, 0, &leaf);
	if (!err)
		err = peer_issuer_der(&hs->peer, &issuer);
	sct.cert = leaf.buf;
	sct.cert_len = leaf.len;
	sct.issuer = issuer.buf;
	sct.issuer_len = issuer.len;
	if (!err && cfg->hooks.sct(cfg->arg, hs, &sct))
		err = -KTLS_E_SCT_REFUSED;
	wr_free(&leaf);
	wr_free(&issuer);
	return err;
}
