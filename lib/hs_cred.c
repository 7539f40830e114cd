// SPDX-License-Identifier: MIT
/* The client's answer to a CertificateRequest: which credential, if any */
#include "hs.h"

#include <errno.h>
#include <stdlib.h>

#include "msg12.h"

/* ---- what fits --------------------------------------------------------- */

/* 5246 7.4.4, RFC 8422 5.5: the scheme that we would use has a type as well */
static bool type_asked(const struct sigscheme *scheme, struct slice types)
{
	int type = hs12_scheme_fits(scheme, AUTH_RSA) ? CERT_TYPE_RSA_SIGN :
							CERT_TYPE_ECDSA_SIGN;

	return memchr(types.p, type, types.len);
}

/* With what we would sign; NULL: it does not fit */
static const struct sigscheme *scheme_for(const struct ktls_config *cfg,
					  const struct cred *cred,
					  const struct cred_wish *wish)
{
	struct slice sigalgs = wish->exts.sigalgs;
	const struct sigscheme *s;

	if (wish->version >= KTLS_TLS13)
		return hs_common_scheme(cfg, cred, sigalgs);
	s = hs12_common_scheme(cfg, cred, AUTH_ANY, sigalgs);
	return s && type_asked(s, wish->types) ? s : NULL;
}

static int score(const struct cred *cred, const struct cred_wish *wish)
{
	return wish->version >= KTLS_TLS13 ?
	       hs_cred_score(cred, &wish->exts) :
	       cred_issued_by(cred, wish->exts.authorities);
}

/* The first of those that do best; -1: none fits */
static int choose_first(const struct ktls_hs *hs,
			const struct cred_wish *wish)
{
	const struct ktls_config *cfg = hs->config;
	int best = -1, chosen = -1;

	for (size_t i = 0; i < cfg->creds_len; i++) {
		const struct cred *c = &cfg->creds[i];
		int is = scheme_for(cfg, c, wish) ? score(c, wish) : -1;

		if (is <= best)
			continue;
		best = is;
		chosen = (int)i;
	}
	return chosen;
}

/* ---- the application's choice ------------------------------------------ */

/* The lists of a ktls_cred_request, in one allocation */
struct lists {
	size_t *fits;
	uint16_t *sigalgs;
	uint8_t *named;
};

static bool lists_new(struct lists *l, size_t creds, size_t sigalgs)
{
	l->fits = malloc(creds * (sizeof(*l->fits) + sizeof(*l->named)) +
			 sigalgs * sizeof(*l->sigalgs) + 1);
	if (!l->fits)
		return false;
	l->sigalgs = (uint16_t *)(l->fits + creds);
	l->named = (uint8_t *)(l->sigalgs + sigalgs);
	return true;
}

static void fill(const struct ktls_config *cfg, const struct cred_wish *wish,
		 struct lists *l, struct ktls_cred_request *req)
{
	struct slice sigalgs = wish->exts.sigalgs;

	for (size_t i = 0; i < cfg->creds_len; i++) {
		const struct cred *c = &cfg->creds[i];

		if (!scheme_for(cfg, c, wish))
			continue;
		l->fits[req->fits_len] = i;
		l->named[req->fits_len++] =
			cred_issued_by(c, wish->exts.authorities);
	}
	for (size_t i = 0; i + 1 < sigalgs.len; i += 2)
		l->sigalgs[req->sigalgs_len++] =
			(uint16_t)(sigalgs.p[i] << 8 | sigalgs.p[i + 1]);
	req->fits = l->fits;
	req->named = l->named;
	req->sigalgs = l->sigalgs;
}

static bool among(const struct ktls_cred_request *req, int index)
{
	for (size_t i = 0; i < req->fits_len; i++)
		if (index >= 0 && req->fits[i] == (size_t)index)
			return true;
	return false;
}

static int ask_hook(struct ktls_hs *hs, const struct cred_wish *wish,
		    int *chosen)
{
	const struct ktls_config *cfg = hs->config;
	struct ktls_cred_request req = {
		.size = sizeof(req),
		.version = wish->version,
		.authorities = wish->exts.authorities.p,
		.authorities_len = wish->exts.authorities.len,
	};
	struct lists l;
	int err = 0;

	if (!lists_new(&l, cfg->creds_len, wish->exts.sigalgs.len / 2))
		return -ENOMEM;
	fill(cfg, wish, &l, &req);
	*chosen = cfg->hooks.choose_cred(cfg->arg, hs, &req);
	if (*chosen != -1 && !among(&req, *chosen)) {
		text_set(hs_text(hs), "credential %d, which was chosen, does "
			 "not fit what the server asks for", *chosen);
		err = -KTLS_E_CRED_CHOICE;
	}
	free(l.fits);
	return err;
}

int client_choose_cred(struct ktls_hs *hs, const struct cred_wish *wish)
{
	const struct ktls_config *cfg = hs->config;
	int err = 0, chosen = -1;

	if (cfg->hooks.choose_cred)
		err = ask_hook(hs, wish, &chosen);
	else
		chosen = choose_first(hs, wish);
	if (err || chosen < 0)
		return err;
	hs->cred = &cfg->creds[chosen];
	hs->scheme = scheme_for(cfg, hs->cred, wish);
	return 0;
}
