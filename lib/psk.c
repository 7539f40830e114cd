// SPDX-License-Identifier: MIT
#include "psk.h"

#include <errno.h>

#include "hs_cred.h"

enum { PSK_KE, PSK_DHE_KE };	/* PskKeyExchangeMode */

/* 7.1, RFC 9258 4.2 */
static const char *binder_label(const struct psk_ext *ext)
{
	return !ext ? "res binder" : ext->imported ? "imp binder" :
						     "ext binder";
}

/* 4.3.11.2: as a Finished whose base is derived from the key */
static int make_binder(const struct crypto *crypto, enum hash_id hash,
		       const struct secret *key, const char *label,
		       const struct secret *digest, struct secret *out)
{
	struct sched sched;
	struct secret base;
	int err = sched_begin(&sched, crypto, hash, secret_slice(key));

	if (!err)
		err = sched_derive(&sched, label, hash_empty(crypto, hash),
				   &base);
	if (!err)
		err = finished_mac(crypto, hash, &base, digest, out);
	wipe(&sched, sizeof(sched));
	wipe(&base, sizeof(base));
	return err;
}

/* A key is chosen: the handshake goes on from what it stands for */
static void take_up(struct ktls_hs *hs)
{
	const struct session *s = &hs->session;
	struct ktls_info *info = &hs->info;

	if (hs->psk.ext) {
		hs->psk.key = hs->psk.ext->key;
		psk_ext_tell(hs->psk.ext, info);
		return;
	}
	hs->psk.key = s->secret;
	session_tell(s, info);
}

/* ---- client ------------------------------------------------------------ */

static struct psk *add(struct hs_client *c)
{
	return &c->psks[c->psks_len++];
}

/* Is there a suite for it? */
static bool has_hash(const struct ktls_config *cfg, enum hash_id hash)
{
	for (size_t i = 0; i < cfg->suites_len; i++)
		if (cfg->suites[i]->version == KTLS_TLS13 &&
		    cfg->suites[i]->hash == hash)
			return true;
	return false;
}

static void add_external(struct ktls_hs *hs)
{
	const struct psk_exts *all = hs->config->psks;
	struct hs_client *c = &hs->client;

	for (size_t i = 0; all && i < all->len &&
	     c->psks_len < PSKS_OFFERED; i++) {
		const struct psk_ext *e = &all->psk[i];
		struct psk *psk;

		if (!has_hash(hs->config, e->hash))
			continue;
		psk = add(c);
		wr_bytes(&psk->identity, e->identity.buf, e->identity.len);
		psk->key = e->key;
		psk->hash = e->hash;
		psk->ext = e;
	}
}

static void add_ticket(struct ktls_hs *hs)
{
	struct session *s = &hs->session;
	struct wr ticket = { 0 };
	struct psk *psk;

	if (!session13_find(hs, &ticket))
		return;
	psk = add(&hs->client);
	psk->identity = ticket;
	psk->key = s->secret;
	psk->hash = suite_find(s->suite)->hash;
	psk->session = s;
}

void psk_find(struct ktls_hs *hs)
{
	if (hs_max_version(hs) < KTLS_TLS13)
		return;
	add_ticket(hs);
	add_external(hs);
}

/*
 * 4.3.11.1; an external key has none.  Of two times that are cut off at a ms,
 * the difference may be one too many, and no server believes in a ticket that
 * is older at the client than it is at the server: GnuTLS rejects early data
 */
static uint32_t obfuscated_age(const struct session *s)
{
	uint64_t now;

	if (!s)
		return 0;
	now = session_clock();
	return (now > s->issued ? (uint32_t)(now - s->issued - 1) : 0) +
	       s->age_add;
}

/* After a retry the suite is known: what does not fit its hash is left out */
static void drop_unfit(struct ktls_hs *hs)
{
	struct hs_client *c = &hs->client;
	size_t n = 0;

	for (size_t i = 0; i < c->psks_len; i++) {
		if (hs->suite && c->psks[i].hash != hs->suite->hash) {
			wr_free(&c->psks[i].identity);
			wipe(&c->psks[i], sizeof(c->psks[i]));
			continue;
		}
		if (n != i) {
			c->psks[n] = c->psks[i];
			c->psks[i].identity = (struct wr){ 0 };
		}
		n++;
	}
	c->psks_len = n;
}

static void write_psks(struct hs_client *c)
{
	static const uint8_t room[HASH_MAX];
	struct wr *w = &c->psks_wire;

	wr_reset(w);
	for (size_t i = 0; i < c->psks_len; i++) {
		const struct psk *psk = &c->psks[i];

		wr_opaque(w, 2, wr_content(&psk->identity));
		wr_u32(w, obfuscated_age(psk->session));
	}
	c->binders_at = w->len;
	for (size_t i = 0; i < c->psks_len; i++)
		wr_opaque(w, 1, (struct slice){ room,
			  hash_rows[c->psks[i].hash].len });
}

int psk_offer(struct ktls_hs *hs, struct exts *e)
{
	/* in our order of preference */
	static const uint8_t modes[] = { PSK_DHE_KE, PSK_KE };
	const struct ktls_config *cfg = hs->config;
	struct hs_client *c = &hs->client;
	const uint8_t *p;

	if (hs_max_version(hs) < KTLS_TLS13 ||
	    !(c->psks_len || session13_tickets(cfg)))
		return 0;
	e->psk_modes = (struct slice){ modes, cfg->flags & KTLS_F_PSK_KE ?
				       2 : 1 };
	e->set |= EXT_BIT(EXT_PSK_MODES);
	drop_unfit(hs);
	if (!c->psks_len)
		return 0;
	write_psks(c);
	p = c->psks_wire.buf;
	e->psk_identities = (struct slice){ p, c->binders_at };
	e->psk_binders = (struct slice){ p + c->binders_at,
					 c->psks_wire.len - c->binders_at };
	e->set |= EXT_BIT(EXT_PRE_SHARED_KEY);
	early_offer(hs, e);
	return wr_ok(&c->psks_wire) ? 0 : -ENOMEM;
}

int psk_hello_hash(const struct ktls_hs *hs, enum hash_id hash,
		   struct slice hello, struct secret *out)
{
	struct transcript t = { .id = hash };
	int err;

	if (hs->suite)
		return transcript_with(&hs->transcript, hello, out);
	err = transcript_begin(&t, hs->config->crypto, hash);
	if (!err)
		err = transcript_with(&t, hello, out);
	transcript_free(&t);
	return err;
}

int psk_bind(struct ktls_hs *hs)
{
	struct hs_client *c = &hs->client;
	size_t len = c->psks_wire.len - c->binders_at;
	struct slice hello = { c->hello.buf, c->hello.len - 2 - len };
	uint8_t *to = c->hello.buf + c->hello.len - len;
	int err = 0;

	for (size_t i = 0; i < c->psks_len && !err; i++) {
		const struct psk *psk = &c->psks[i];
		struct secret digest, binder;

		err = psk_hello_hash(hs, psk->hash, hello, &digest);
		if (!err)
			err = make_binder(hs->config->crypto, psk->hash,
					  &psk->key, binder_label(psk->ext),
					  &digest,
					  &binder);
		if (!err)
			memcpy(to + 1, binder.b, binder.len);
		to += 1 + hash_rows[psk->hash].len;
	}
	return err;
}

int psk_take_choice(struct ktls_hs *hs, const struct exts *sh)
{
	const struct hs_client *c = &hs->client;
	struct hs_psk *psk = &hs->psk;

	if (!ext_has(sh, EXT_PRE_SHARED_KEY)) {
		psk_forget(hs);
		return 0;
	}
	if (sh->psk_choice >= c->psks_len ||
	    c->psks[sh->psk_choice].hash != hs->suite->hash)
		return -KTLS_E_PSK_CHOICE;
	psk->chosen = true;
	psk->index = sh->psk_choice;
	psk->ext = c->psks[sh->psk_choice].ext;
	psk->alone = !ext_has(sh, EXT_KEY_SHARE);
	/* 4.3.11: only a mode that was offered */
	if (psk->alone && !(hs->config->flags & KTLS_F_PSK_KE))
		return -KTLS_E_PSK_CHOICE;
	take_up(hs);
	return 0;
}

void psk_forget(struct ktls_hs *hs)
{
	struct hs_client *c = &hs->client;

	for (size_t i = 0; i < PSKS_OFFERED; i++) {
		wr_free(&c->psks[i].identity);
		wipe(&c->psks[i], sizeof(c->psks[i]));
	}
	if (c->psks_len)
		wipe(&hs->session, sizeof(hs->session));
	c->psks_len = 0;
	wr_free(&c->psks_wire);
}

/* ---- server ------------------------------------------------------------ */

int psk_digest(struct ktls_hs *hs, const struct client_hello *m)
{
	struct slice hello = hs->msg.whole;

	if (!ext_has(&m->exts, EXT_PRE_SHARED_KEY))
		return 0;
	/* it is the last extension, and they its end, behind their length */
	hello.len = (size_t)(m->exts.psk_binders.p - hello.p) - 2;
	return transcript_with(&hs->transcript, hello,
			       &hs->server.binder_digest);
}

static bool has_mode(const struct exts *e, uint8_t mode)
{
	return e->psk_modes.len && memchr(e->psk_modes.p, mode,
					  e->psk_modes.len);
}

/* With a key exchange if the client can, alone if it is allowed */
static bool choose_mode(struct ktls_hs *hs, const struct exts *e)
{
	bool dhe = has_mode(e, PSK_DHE_KE) && hs->group;

	hs->psk.alone = !dhe;
	return dhe || (has_mode(e, PSK_KE) &&
		       hs->config->flags & KTLS_F_PSK_KE);
}

/* Would what was agreed then be agreed now? */
static bool still_holds(const struct ktls_hs *hs, const struct session *s)
{
	return session_fits(hs->config, s) &&
	       suite_find(s->suite)->hash == hs->suite->hash &&
	       session_is_for(hs, s) && !strcmp(s->alpn, hs->info.alpn);
}

/* Of a store it is by somebody who has shown nothing yet, and all wait */
static bool may_ask(const struct ktls_config *cfg, uint16_t index)
{
	return index < NAMES_TRIED || !(cfg->flags & KTLS_F_SINGLE_USE);
}

static bool find_psk(struct ktls_hs *hs, const struct exts *e)
{
	bool bad = false;
	struct rd list = rd_init(e->psk_identities.p, e->psk_identities.len,
				 &bad);

	for (uint16_t i = 0; i < PSKS_TRIED && rd_more(&list); i++) {
		struct slice identity = rd_opaque(&list, 2);

		hs->psk.age = rd_u32(&list);
		hs->psk.index = i;
		hs->psk.ext = NULL;
		if (may_ask(hs->config, i) &&
		    session13_open(hs->config, identity, &hs->session) &&
		    still_holds(hs, &hs->session))
			return true;
		wipe(&hs->session, sizeof(hs->session));
		hs->psk.ext = psk_ext_find(hs->config->psks, identity);
		if (hs->psk.ext && hs->psk.ext->hash == hs->suite->hash)
			return true;
	}
	return false;
}

const struct psk_ext *psk_offered(const struct ktls_config *cfg,
				  const struct exts *e)
{
	const struct psk_ext *found = NULL;
	bool bad = false;
	struct rd list = rd_init(e->psk_identities.p, e->psk_identities.len,
				 &bad);

	for (int i = 0; cfg->psks && !found && i < PSKS_TRIED &&
	     rd_more(&list); i++) {
		found = psk_ext_find(cfg->psks, rd_opaque(&list, 2));
		rd_u32(&list);
	}
	return found;
}

/* 4.3.11: only the binder of the one that is chosen */
static int check_binder(struct ktls_hs *hs, const struct exts *e)
{
	bool bad = false;
	struct rd list = rd_init(e->psk_binders.p, e->psk_binders.len, &bad);
	struct slice binder = rd_opaque(&list, 1);
	const struct psk_ext *ext = hs->psk.ext;
	struct secret *mac = &hs->psk.binder;
	int err;

	for (uint16_t i = 0; i < hs->psk.index; i++)
		binder = rd_opaque(&list, 1);
	err = make_binder(hs->config->crypto, hs->suite->hash,
			  ext ? &ext->key : &hs->session.secret,
			  binder_label(ext),
			  &hs->server.binder_digest, mac);
	if (err)
		return err;
	return binder.len == mac->len &&
	       secret_eq(binder.p, mac->b, mac->len) ? 0 : -KTLS_E_PSK_BINDER;
}

int psk_choose(struct ktls_hs *hs, const struct client_hello *m)
{
	const struct exts *e = &m->exts;
	int err;

	/* 4.7.1: none for modes that the client does not do */
	hs->server.tickets_wanted = choose_mode(hs, e);
	hs->psk.chosen = ext_has(e, EXT_PRE_SHARED_KEY) &&
			 hs->server.tickets_wanted && find_psk(hs, e);
	if (!hs->psk.chosen) {
		hs->psk = (struct hs_psk){ 0 };
		return 0;
	}
	/* who has no key has not been here before, whatever ticket he shows */
	err = check_binder(hs, e);
	if (!err && !hs_name_allowed(hs, e->server_name.len))
		err = -KTLS_E_UNKNOWN_NAME;
	if (!err)
		take_up(hs);
	return err;
}
