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
	return server_choose_group(hs, e, usable);
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

/* What the client would have of a certificate, the name counting more */
enum {
	FOR_CA = 1,	/* that it says that it can verify (RFC 6066 6) */
	FOR_NAME = 2,	/* for the name that it asks for */
};

/* Suite, group and credential go together: the first that fit, with all @of */
static int pick(struct ktls_hs *hs, const struct client_hello *m,
		unsigned int of)
{
	const struct suite *common[SUITES_MAX];
	size_t n = server_suites(hs->config, m->suites, KTLS_TLS12, common);
	int err = -KTLS_E_NO_SUITE;

	for (size_t i = 0; i < n; i++) {
		const struct suite *s = common[i];
		int lacks = choose_for(hs, s, &m->exts);

		/* what the best of them lacks: numbered in that order */
		if (lacks < err)
			err = lacks;
		if (lacks)
			continue;
		hs->server.named = hs_cred_named(hs, hs->cred);
		hs->server.ca_known = cred_trusted_by(hs->cred,
						      m->exts.trusted_cas);
		if ((of & FOR_NAME && !hs->server.named) ||
		    (of & FOR_CA && !hs->server.ca_known))
			continue;
		hs->suite = s;
		hs->info.group = hs->group->id;
		return 0;
	}
	/* RFC 7919 4: of those it names none is ours, whatever the suite */
	return err == -KTLS_E_NO_GROUP && names_ffdhe(m->exts.groups) &&
	       !server_choose_group(hs, &m->exts, is_tls12) ?
	       -KTLS_E_NO_FFDHE : err;
}

/* Either counts more than the order of suites: all of them are tried for it */
int server12_choose(struct ktls_hs *hs, const struct client_hello *m)
{
	unsigned int most = (hs_name_known(hs) ? FOR_NAME : 0) |
			    (m->exts.trusted_cas.len ? FOR_CA : 0);
	int err = -KTLS_E_NO_SUITE;

	for (unsigned int of = most + 1; err && of--; )
		if (!(of & ~most))
			err = pick(hs, m, of);
	if (!err && *hs->info.server_name && !hs->server.named &&
	    hs->config->flags & KTLS_F_STRICT_NAME)
		err = -KTLS_E_UNKNOWN_NAME;
	return err;
}
