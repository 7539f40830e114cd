// SPDX-License-Identifier: MIT
/*
 * Static ECDH (RFC 4492 2.1, 2.3): the key of the server's certificate takes
 * the place of its ServerKeyExchange.  Who it is shows in its Finished.
 */
#include "hs.h"

/* ---- the client -------------------------------------------------------- */

/* 5.3, Table 3 */
int ecdh_take(struct ktls_hs *hs)
{
	hs->group = key_group(peer_key(&hs->peer));
	if (!hs->group || peer_signed_by(&hs->peer) != hs->suite->auth)
		return -KTLS_E_CERT_SUITE;
	if (!config_has_group(hs->config, hs->group->id))
		return -KTLS_E_GROUP_CHOICE;
	return client12_agree(hs, peer_public(&hs->peer));
}

/* ---- the server -------------------------------------------------------- */

/* RFC 8422 5.1.1: the certificate's curve must be among the client's */
bool ecdh_curve_known(const struct cred *cred, const struct exts *e)
{
	return !cred->group || !ext_has(e, EXT_SUPPORTED_GROUPS) ||
	       e->groups_known & group_bit(cred->group);
}

int ecdh_choose(struct ktls_hs *hs, enum suite_auth auth,
		const struct exts *e, bool *named)
{
	const struct ktls_config *cfg = hs->config;
	const char *name = hs->info.server_name;
	int best = -1, err = -KTLS_E_NO_SUITE;

	*named = false;
	for (size_t i = 0; i < cfg->creds_len; i++) {
		const struct cred *c = &cfg->creds[i];
		bool is_for;
		int score;

		if (c->ecdh != auth ||
		    (hs->server.only && hs->server.only != c))
			continue;
		if (err)
			err = -KTLS_E_NO_GROUP;
		if (!config_has_group(cfg, c->group->id) ||
		    !ecdh_curve_known(c, e))
			continue;
		err = 0;
		is_for = *name && cred_is_for(c, name);
		score = hs12_cred_score(c, e, is_for);
		if (score <= best)
			continue;
		best = score;
		*named = is_for;
		hs->cred = c;
		hs->group = c->group;
	}
	return err;
}

int ecdh_begin(struct ktls_hs *hs)
{
	return kex_static(&hs->tls12.kex, hs->group, hs->cred->key);
}
