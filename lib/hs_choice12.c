// SPDX-License-Identifier: MIT
/* What the server of TLS 1.2 chooses: suite, group and credential */
#include "hs.h"
#include "hs_cred.h"

static bool is_ec(const struct group *group)
{
	return group->kind == KEX_EC || group->kind == KEX_ECX;
}

static bool is_ffdhe(const struct group *group)
{
	return group->kind == KEX_FFDHE;
}

static bool is_tls12(const struct group *group)
{
	return is_ec(group) || is_ffdhe(group);
}

/* RFC 7919 4: a client that names any such group means one of those it names */
static bool names_ffdhe(struct slice theirs)
{
	for (size_t i = 0; i + 1 < theirs.len; i += 2)
		if (theirs.p[i] == 1)
			return true;
	return false;
}

static const struct group *first_group(const struct ktls_config *cfg,
				       bool (*usable)(const struct group *))
{
	for (size_t i = 0; i < cfg->groups_len; i++)
		if (usable(cfg->groups[i]))
			return cfg->groups[i];
	return NULL;
}

/* Those of a hello are for 1.3 */
static const struct slice no_shares;

static const struct group *choose_group(const struct ktls_hs *hs,
					const struct exts *e,
					enum suite_kex kex)
{
	bool (*usable)(const struct group *) = kex == KEX_DHE ? is_ffdhe :
					       is_ec;

	if (kex == KEX_DHE && !names_ffdhe(e->groups))
		return first_group(hs->config, is_ffdhe);
	/* RFC 8422 4: without the list the choice is ours, and this is safe */
	if (kex == KEX_ECDHE && !ext_has(e, EXT_SUPPORTED_GROUPS))
		return config_has_group(hs->config, 0x0017) ?
		       group_find(0x0017) : NULL;
	return server_choose_group(hs, e, no_shares, usable);
}

/* Group and credential for a suite that the client has, too */
static int choose_for(struct ktls_hs *hs, const struct suite *s,
		      const struct exts *e)
{
	const struct suite_ask ask = { s->auth, e };

	if (s->kex == KEX_ECDH)
		return ecdh_choose(hs, &ask);
	hs->group = choose_group(hs, e, s->kex);
	if (!hs->group)
		return -KTLS_E_NO_GROUP;
	return hs12_choose_cred(hs, &ask) ? 0 : -KTLS_E_NO_SIGALG;
}

/* Is that all that may be had of a credential, whatever the suite? */
static bool is_most(const struct ktls_hs *hs, const struct exts *e, int is)
{
	return is & CRED_VERIFIABLE &&
	       (is & CRED_OF_CA || !e->trusted_cas.len) &&
	       (is & CRED_NAMED || !hs_name_known(hs));
}

/*
 * Suite, group and credential go together.  What the client would have of a
 * credential counts more than the order of suites: the first of those with
 * which it gets most.
 */
static int pick(struct ktls_hs *hs, const struct client_hello *m)
{
	const struct suite *common[SUITES_MAX], *best = NULL, *tried = NULL;
	size_t n = server_suites(hs->config, m->suites, KTLS_TLS12, common);
	int is, most = -1, err = -KTLS_E_NO_SUITE;

	for (size_t i = 0; i < n && !(best && is_most(hs, &m->exts, most));
	     i++) {
		int lacks = choose_for(hs, tried = common[i], &m->exts);

		/* what the best of them lacks: numbered in that order */
		if (lacks < err)
			err = lacks;
		if (lacks)
			continue;
		is = hs12_cred_score(hs, hs->cred, &m->exts);
		if (is <= most)
			continue;
		most = is;
		best = tried;
	}
	if (best) {
		hs->suite = best;
		hs->server.named = most & CRED_NAMED;
		hs->server.ca_known = most & CRED_OF_CA;
		return best == tried ? 0 : choose_for(hs, best, &m->exts);
	}
	/* RFC 7919 4: of those it names none is ours, whatever the suite */
	return err == -KTLS_E_NO_GROUP && names_ffdhe(m->exts.groups) &&
	       !server_choose_group(hs, &m->exts, no_shares, is_tls12) ?
	       -KTLS_E_NO_FFDHE : err;
}

int server12_choose(struct ktls_hs *hs, const struct client_hello *m)
{
	int err = pick(hs, m);

	if (err)
		return err;
	hs->info.group = hs->group->id;
	return *hs->info.server_name && !hs->server.named &&
	       hs->config->flags & KTLS_F_STRICT_NAME ?
	       -KTLS_E_UNKNOWN_NAME : 0;
}
