// SPDX-License-Identifier: MIT
/*
 * Static ECDH (RFC 4492 2.1, 2.3): the key of the server's certificate takes
 * the place of its ServerKeyExchange.  Who it is shows in its Finished.
 */
#include "hs.h"
#include "hs_cred.h"

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

static int worth(const struct ktls_hs *hs, const struct cred *cred,
		 const void *arg)
{
	const struct suite_ask *ask = arg;

	return cred->ecdh == ask->auth &&
	       config_has_group(hs->config, cred->group->id) &&
	       ecdh_curve_known(cred, ask->peer) ?
	       hs12_cred_score(hs, cred, ask->peer) : -1;
}

/* Whatever its curve */
static int has_one(const struct ktls_hs *hs, const struct cred *cred,
		   const void *arg)
{
	const struct suite_ask *ask = arg;

	(void)hs;
	return cred->ecdh == ask->auth ? 0 : -1;
}

int ecdh_choose(struct ktls_hs *hs, const struct suite_ask *ask)
{
	hs->cred = hs_best_cred(hs, worth, ask);
	if (!hs->cred)
		return hs_best_cred(hs, has_one, ask) ? -KTLS_E_NO_GROUP :
							-KTLS_E_NO_SUITE;
	hs->group = hs->cred->group;
	return 0;
}

int ecdh_begin(struct ktls_hs *hs)
{
	return kex_static(&hs->tls12.kex, hs->group, hs->cred->key);
}
