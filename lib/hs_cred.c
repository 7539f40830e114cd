// SPDX-License-Identifier: MIT
/* Which credential: a client's, if it is asked for one, and a server's */
#include "hs_cred.h"

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
	const uint32_t sigalgs = wish->exts.sigalgs_known;
	const struct sigscheme *s;

	/* 9846 4.3.5; a raw key has no extensions, and is trusted as it is */
	if (cred->raw != wish->raw ||
	    (!cred->raw && !x509_matches(cred->leaf, wish->exts.oid_filters)))
		return NULL;
	if (wish->version >= KTLS_TLS13)
		return config_scheme(cfg, cred, sigalgs);
	s = hs12_common_scheme(cfg, cred, AUTH_ANY, sigalgs);
	return s && type_asked(s, wish->types) ? s : NULL;
}

const struct cred *hs_best_cred(const struct ktls_hs *hs, cred_worth *worth,
				const void *arg)
{
	const struct ktls_config *cfg = hs->config;
	const struct cred *best = NULL;
	int most = -1;

	for (size_t i = 0; i < cfg->creds_len; i++) {
		const struct cred *c = &cfg->creds[i];
		int is = hs->server.only && hs->server.only != c ? -1 :
			 worth(hs, c, arg);

		if (is <= most)
			continue;
		most = is;
		best = c;
	}
	return best;
}

bool hs_cred_named(const struct ktls_hs *hs, const struct cred *cred)
{
	return *hs->info.server_name && cred_is_for(cred,
						    hs->info.server_name);
}

bool hs_name_known(const struct ktls_hs *hs)
{
	const struct ktls_config *cfg = hs->config;
	bool known = false;

	for (size_t i = 0; i < cfg->creds_len && !known; i++)
		known = hs_cred_named(hs, &cfg->creds[i]);
	return known;
}

bool hs_name_allowed(const struct ktls_hs *hs, bool named)
{
	const struct ktls_config *cfg = hs->config;

	return !named || !(cfg->flags & KTLS_F_STRICT_NAME) ||
	       !cfg->creds_len || hs_name_known(hs);
}

/* ---- the application's choice ------------------------------------------ */

/* What is to choose from, and what is said of it */
struct choice {
	uint16_t version;
	struct slice sigalgs, authorities;
	const struct cred *preferred;
	bool (*fits)(struct ktls_hs *hs, const struct cred *cred,
		     const void *arg);
	bool (*named)(struct ktls_hs *hs, const struct cred *cred,
		      const void *arg);
	const void *arg;
};

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

static void fill(struct ktls_hs *hs, const struct choice *choice,
		 const struct lists *l, struct ktls_cred_request *req)
{
	const struct ktls_config *cfg = hs->config;
	struct slice sigalgs = choice->sigalgs;

	for (size_t i = 0; i < cfg->creds_len; i++) {
		const struct cred *c = &cfg->creds[i];

		if (!choice->fits(hs, c, choice->arg))
			continue;
		l->fits[req->fits_len] = i;
		l->named[req->fits_len++] = choice->named(hs, c, choice->arg);
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

/* The answer to hs->wait.cred */
static int take(struct ktls_hs *hs, int index)
{
	const struct ktls_config *cfg = hs->config;

	hs->cred = NULL;
	if (index == -1)
		return cfg->role == KTLS_SERVER ? -KTLS_E_UNKNOWN_NAME : 0;
	if (!among(&hs->wait.cred, index)) {
		text_set(hs_text(hs), "credential %d, which was chosen, does "
			 "not fit what the peer asks for", index);
		return -KTLS_E_CRED_CHOICE;
	}
	hs->cred = &cfg->creds[index];
	return 0;
}

static int ask_hook(struct ktls_hs *hs, const struct choice *choice)
{
	const struct ktls_config *cfg = hs->config;
	struct hs_wait *wait = &hs->wait;
	struct lists l;
	int chosen;

	if (!lists_new(&l, cfg->creds_len, choice->sigalgs.len / 2))
		return -ENOMEM;
	wait->lists = l.fits;
	wait->cred = (struct ktls_cred_request){
		.size = sizeof(wait->cred),
		.version = choice->version,
		.preferred = choice->preferred ?
			     (int)(choice->preferred - cfg->creds) : -1,
		.server_name = hs->info.server_name,
	};
	fill(hs, choice, &l, &wait->cred);
	wr_slice(&wait->bytes, choice->authorities);
	if (!wr_ok(&wait->bytes))
		return -ENOMEM;
	wait->cred.authorities = wait->bytes.buf;
	wait->cred.authorities_len = wait->bytes.len;
	chosen = cfg->hooks.choose_cred(cfg->arg, hs, &wait->cred);
	if (chosen == KTLS_LATER)
		return KTLS_LATER;
	chosen = take(hs, chosen);
	hs_wait_free(wait);
	return chosen;
}

int ktls_hs_cred_request_size(const struct ktls_hs *hs,
			      struct ktls_cred_request *request, size_t size)
{
	int err = hs_awaited(hs, KTLS_WANT_CRED);

	if (!err)
		copy_out(request, size, &hs->wait.cred,
			 sizeof(hs->wait.cred));
	return err;
}

int ktls_hs_cred_answer(struct ktls_hs *hs, int cred)
{
	int err = hs_awaited(hs, KTLS_WANT_CRED);

	return err ? err : hs_resume(hs, take(hs, cred));
}

/* ---- the client's ------------------------------------------------------ */

static bool client_fits(struct ktls_hs *hs, const struct cred *cred,
			const void *arg)
{
	return scheme_for(hs->config, cred, arg);
}

static int client_worth(const struct ktls_hs *hs, const struct cred *cred,
			const void *arg)
{
	const struct cred_wish *wish = arg;

	return scheme_for(hs->config, cred, wish) ?
	       hs_cred_score(cred, &wish->exts, wish->version == KTLS_TLS12) :
	       -1;
}

static bool client_named(struct ktls_hs *hs, const struct cred *cred,
			 const void *arg)
{
	const struct cred_wish *wish = arg;

	(void)hs;
	return cred_issued_by(cred, wish->exts.authorities);
}

int client_choose_cred(struct ktls_hs *hs, const struct cred_wish *wish,
		       hs_step *then)
{
	struct choice choice = {
		.version = wish->version,
		.sigalgs = wish->exts.sigalgs,
		.authorities = wish->exts.authorities,
		.fits = client_fits,
		.named = client_named,
		.arg = wish,
	};
	int err = 0;

	hs->cred = choice.preferred = hs_best_cred(hs, client_worth, wish);
	if (hs->config->hooks.choose_cred)
		err = ask_hook(hs, &choice);
	return hs_then(hs, err, KTLS_WANT_CRED, then);
}

int client_use_cred(struct ktls_hs *hs, const struct cred_wish *wish)
{
	if (hs->cred)
		hs->scheme = scheme_for(hs->config, hs->cred, wish);
	sct_choose(hs, &wish->exts);
	return status_fetch(hs, &wish->exts);
}

/* ---- the server's ------------------------------------------------------ */

struct server_wish {
	const struct client_hello *hello;
	server_pick *pick;
};

/* What @pick leaves behind counts only the last time */
static bool server_fits(struct ktls_hs *hs, const struct cred *cred,
			const void *arg)
{
	const struct server_wish *wish = arg;

	hs->server.only = cred;
	return !wish->pick(hs, wish->hello);
}

static bool server_named(struct ktls_hs *hs, const struct cred *cred,
			 const void *arg)
{
	(void)arg;
	return hs_cred_named(hs, cred);
}

int server_choose_cred(struct ktls_hs *hs, const struct client_hello *m,
		       server_pick *pick)
{
	const struct server_wish wish = { m, pick };
	struct choice choice = {
		.sigalgs = m->exts.sigalgs,
		.authorities = m->exts.authorities,
		.fits = server_fits,
		.named = server_named,
		.arg = &wish,
	};
	int err = pick(hs, m);

	if (err || !hs->config->hooks.choose_cred)
		return err;
	choice.version = hs->suite->version;
	choice.preferred = hs->cred;
	err = ask_hook(hs, &choice);
	return err ? err : server_cred_answered(hs, m, pick);
}

int server_cred_answered(struct ktls_hs *hs, const struct client_hello *m,
			 server_pick *pick)
{
	hs->server.only = hs->cred;
	return pick(hs, m);
}

int server_reparse_hello(const struct ktls_hs *hs, struct client_hello *m)
{
	struct slice whole = hs->msg.whole;

	return parse_client_hello((struct slice){ whole.p + MSG_HEADER,
						  whole.len - MSG_HEADER }, m);
}
