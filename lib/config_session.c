// SPDX-License-Identifier: MIT
/* Options about sessions: what is resumed, how long, and where it is kept */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "cache.h"
#include "psk_ext.h"
#include "replay.h"
#include "ticket.h"

#define LIFETIME	7200
#define LIFETIME_MAX	86400
#define TICKET_PERIOD	43200
#define TICKET_PERIOD_MAX (7 * 86400)
#define TICKETS		2
#define TICKETS_MAX	16
#define EARLY_MAX	16777216

/*
 * What is asked of the peer's certificate, and whom; of its timestamps; of its
 * status, too, which a server of TLS 1.2 does not get.  A server's is the same
 * whether or not it requires a certificate.
 */
static uint8_t asked(const struct ktls_config *cfg)
{
	bool client = cfg->role == KTLS_CLIENT;

	return (uint8_t)((cfg->verify != KTLS_VERIFY_NONE) |
			 (client && cfg->flags & KTLS_F_STATUS) << 1 |
			 (client && cfg->flags & KTLS_F_NEED_STATUS) << 2 |
			 !!cfg->hooks.verify << 3 |
			 !!(cfg->flags & KTLS_F_VERIFY_ELSEWHERE) << 4 |
			 !!cfg->hooks.sct << 5);
}

/*
 * Names and keys: who has another key by a name is another.  It tells no more
 * of a key than a binder does, which is for all to see.
 */
static int hash_psks(struct hash *h, const struct ktls_config *cfg)
{
	uint8_t mac[HASH_MAX];
	int err = 0;

	for (size_t i = 0; cfg->psks && i < cfg->psks->len && !err; i++) {
		const struct psk_ext *p = &cfg->psks->psk[i];
		const struct slice name = wr_content(&p->identity);

		err = hmac(cfg->crypto, HASH_SHA256,
			   secret_slice(&p->key), &name, 1, mac);
		if (!err)
			err = hash_add(h, mac, hash_rows[HASH_SHA256].len);
	}
	return err;
}

/*
 * Whose word a peer's identity was taken on and, on a client, who it was
 * itself: a session of another context is none of ours.
 */
static int make_context(struct ktls_config *cfg)
{
	uint8_t what = asked(cfg), digest[HASH_MAX];
	struct hash h = { 0 };
	int err = hash_begin(&h, cfg->crypto, HASH_SHA256);

	if (!err)
		err = hash_add(&h, &what, 1);
	if (!err && cfg->trust)
		err = hash_add(&h, trust_digest(cfg->trust),
			       TRUST_DIGEST_LEN);
	if (!err)
		err = hash_add(&h, cfg->oid_filters.buf, cfg->oid_filters.len);
	if (!err)
		err = hash_add(&h, cfg->sigalgs_cert_wire.p,
			       cfg->sigalgs_cert_wire.len);
	if (!err)
		err = hash_psks(&h, cfg);
	if (!err && cfg->raw_trust)
		err = hash_add(&h, raw_trust_digests(cfg->raw_trust).p,
			       raw_trust_digests(cfg->raw_trust).len);
	for (size_t i = 0; cfg->role == KTLS_CLIENT && i < cfg->creds_len &&
	     !err; i++)
		err = hash_add(&h, cfg->creds[i].chain[0].der,
			       cfg->creds[i].chain[0].len);
	if (!err)
		err = hash_peek(&h, digest);
	if (!err)
		memcpy(cfg->session_context, digest, SESSION_CONTEXT_LEN);
	hash_free(&h);
	return err;
}

static const char *check(const struct ktls_config *cfg,
			 const struct ktls_opts *o)
{
	const struct ktls_session_store *s = o->session_store;

	if (o->session_lifetime > LIFETIME_MAX)
		return "session_lifetime is above a day";
	if (o->ticket_period > TICKET_PERIOD_MAX)
		return "ticket_period is above a week";
	if (o->tickets > TICKETS_MAX)
		return "tickets is above 16";
	if (o->early_data > EARLY_MAX)
		return "early_data is above 16 MiB";
	if (o->early_data && s && !s->take && cfg->flags & KTLS_F_SINGLE_USE)
		return "early_data needs session_store's take";
	if (s && cfg->role != KTLS_SERVER)
		return "session_store is for servers";
	if (s && (!s->store || !s->fetch || !s->forget))
		return "session_store lacks a function";
	return NULL;
}

/* What early data needs to be taken once, where no store sees to that */
static int early_setup(struct ktls_config *cfg, const struct ktls_opts *o)
{
	cfg->early_data = (uint32_t)o->early_data;
	if (!cfg->early_data || cfg->role != KTLS_SERVER ||
	    cfg->flags & KTLS_F_SINGLE_USE || cfg->hooks.early_first)
		return 0;
	cfg->replay = replay_new();
	return cfg->replay ? crypto_random(cfg->maker, MAKER_LEN) : -ENOMEM;
}

int config_take_sessions(struct ktls_config *cfg, const struct ktls_opts *o,
			 struct text why)
{
	bool server = cfg->role == KTLS_SERVER;
	size_t max = o->sessions ? o->sessions : server ? 10000 : 1000;
	const char *bad = check(cfg, o);
	int err;

	if (bad) {
		text_set(why, "%s", bad);
		return -KTLS_E_OPTION;
	}
	cfg->session_lifetime = o->session_lifetime ? o->session_lifetime :
						      LIFETIME;
	/* what a cookie is sealed under, as well */
	if (server) {
		cfg->tickets = tickets_new(cfg->crypto, o->ticket_period ?
					   o->ticket_period : TICKET_PERIOD);
		if (!cfg->tickets)
			return -ENOMEM;
	}
	cfg->tickets_count = o->tickets ? o->tickets : TICKETS;
	if (o->session_store) {
		cfg->store = *o->session_store;
	} else if (max != KTLS_NO_SESSIONS) {
		cfg->sessions = cache_new(max);
		if (!cfg->sessions)
			return -ENOMEM;
	}
	err = early_setup(cfg, o);
	return err ? err : make_context(cfg);
}
