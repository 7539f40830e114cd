// SPDX-License-Identifier: MIT
#include "agent_tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent_job.h"

/* As long as there are not too many, one user's variety costs no other's */
#define ENTRIES_MAX	128
#define ENTRIES_OF_ONE	8

/* All that makes one config differ from another; no padding is compared */
struct need {
	const struct credential *cred;
	uid_t uid;
	enum ktls_role role;
	enum ktls_verify verify;
	uint32_t min_version, max_version;
	enum ktls_path tx, rx;
	char alpn[256];
};

struct entry {
	struct list list;
	struct need need;
	struct ktls_config *config;
};

/* ---- what is allowed --------------------------------------------------- */

static int take_verify(struct need *need, uint32_t asked)
{
	enum ktls_verify least = need->cred->verify;

	if (least == KTLS_VERIFY_DEFAULT)
		least = need->role == KTLS_CLIENT ? KTLS_VERIFY_REQUIRE :
						    KTLS_VERIFY_NONE;
	need->verify = asked == KTLS_VERIFY_DEFAULT ? least :
						      (enum ktls_verify)asked;
	if (need->verify < least)
		return -KTLS_E_AGENT_RULES;
	/* a client's is never optional, and trust has to be there */
	if (need->verify == KTLS_VERIFY_OPTIONAL && need->role == KTLS_CLIENT)
		return -KTLS_E_AGENT_RULES;
	return need->verify == KTLS_VERIFY_NONE || need->cred->trust_pem ? 0 :
	       -KTLS_E_AGENT_RULES;
}

static int take_versions(struct need *need, const struct ask *ask)
{
	const struct credential *c = need->cred;

	need->min_version = ask->min_version ? : c->min_version;
	need->max_version = ask->max_version ? : c->max_version;
	if ((c->min_version && need->min_version < c->min_version) ||
	    (c->max_version && need->max_version > c->max_version) ||
	    (need->max_version && need->min_version > need->max_version))
		return -KTLS_E_AGENT_RULES;
	return 0;
}

static int take_need(struct need *need, const struct credential *cred,
		     uid_t uid, const struct ask *ask)
{
	const char *alpn = ask_has(ask, KTLS_AGENT_ALPN) ? ask->alpn :
			   cred->alpn ? cred->alpn : "";
	int err;

	memset(need, 0, sizeof(*need));
	need->cred = cred;
	need->uid = uid;
	need->role = (enum ktls_role)ask->role;
	need->tx = (enum ktls_path)ask->tx;
	need->rx = (enum ktls_path)ask->rx;
	memcpy(need->alpn, alpn, strnlen(alpn, sizeof(need->alpn) - 1));
	if (!(cred->roles & 1u << ask->role))
		return -KTLS_E_AGENT_RULES;
	err = take_verify(need, ask->verify);
	return err ? err : take_versions(need, ask);
}

static bool same(const struct need *a, const struct need *b)
{
	return a->cred == b->cred && a->uid == b->uid && a->role == b->role &&
	       a->verify == b->verify && a->min_version == b->min_version &&
	       a->max_version == b->max_version && a->tx == b->tx &&
	       a->rx == b->rx && !strcmp(a->alpn, b->alpn);
}

/* ---- making one -------------------------------------------------------- */

static int make(const struct need *need, struct ktls_config **config,
		char *why, size_t size)
{
	const struct credential *c = need->cred;
	struct ktls_cred creds[CERTS_MAX] = { 0 };
	bool verifies = need->verify != KTLS_VERIFY_NONE;

	for (size_t i = 0; i < c->certs_len; i++) {
		creds[i].cert_pem = c->cert_pem[i];
		creds[i].key_pem = c->key_pem[i];
	}
	return ktls_config_new(config, KTLS_OPTS(
		.role = need->role,
		.flags = KTLS_F_SIGPIPE_IGNORED,
		.min_version = (uint16_t)need->min_version,
		.max_version = (uint16_t)need->max_version,
		.ciphers = c->ciphers,
		.groups = c->groups,
		.creds = creds,
		.creds_len = c->certs_len,
		.ca_pem = verifies ? c->trust_pem : NULL,
		.verify = need->verify,
		.alpn = *need->alpn ? need->alpn : NULL,
		.tx = need->tx,
		.rx = need->rx,
		.hooks = verifies ? &job_hooks : NULL,
		.error = why,
		.error_size = size));
}

int tls_check(const struct credential *cred, char *why, size_t size)
{
	for (uint32_t role = KTLS_SERVER; role <= KTLS_CLIENT; role++) {
		const struct ask ask = { .role = role };
		struct ktls_config *config;
		struct need need;
		int err;

		if (!(cred->roles & 1u << role))
			continue;
		err = take_need(&need, cred, 0, &ask);
		if (!err)
			err = make(&need, &config, why, size);
		if (err)
			return err;
		ktls_config_put(config);
	}
	return 0;
}

/* ---- keeping them ------------------------------------------------------ */

static void drop(struct tls_cache *cache, struct entry *e)
{
	list_del(&e->list);
	cache->len--;
	ktls_config_put(e->config);
	free(e);
}

/* The user's own first; among equals, what has not been used for longest */
static void make_room(struct tls_cache *cache, uid_t uid)
{
	struct entry *own = NULL;
	size_t n = 0;

	for (struct list *l = cache->entries.next; l != &cache->entries;
	     l = l->next) {
		struct entry *e = list_entry(l, struct entry, list);

		if (e->need.uid != uid)
			continue;
		own = e;
		n++;
	}
	if (own && n >= ENTRIES_OF_ONE)
		drop(cache, own);
	else if (cache->len >= ENTRIES_MAX)
		drop(cache, list_entry(cache->entries.prev, struct entry,
				       list));
}

static void to_front(struct tls_cache *cache, struct entry *e)
{
	if (cache->entries.next != &e->list)
		list_move_tail(&e->list, cache->entries.next);
}

static struct entry *find(struct tls_cache *cache, const struct need *need)
{
	for (struct list *l = cache->entries.next; l != &cache->entries;
	     l = l->next) {
		struct entry *e = list_entry(l, struct entry, list);

		if (same(&e->need, need))
			return e;
	}
	return NULL;
}

static int add(struct tls_cache *cache, const struct need *need,
	       struct entry **out, char *why, size_t size)
{
	struct entry *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->need = *need;
	err = make(need, &e->config, why, size);
	if (err) {
		free(e);
		return err;
	}
	make_room(cache, need->uid);
	list_init(&e->list);
	cache->len++;
	*out = e;
	return 0;
}

int tls_cache_get(struct tls_cache *cache, const struct credential *cred,
		  struct owner *owner, int64_t now, const struct ask *ask,
		  struct ktls_config **config, char *why, size_t size)
{
	struct need need;
	struct entry *e;
	int err = take_need(&need, cred, owner->uid, ask);

	if (err)
		return err;
	e = find(cache, &need);
	if (!e && !owner_may_make(owner, now))
		return -KTLS_E_AGENT_BUSY;
	if (!e)
		err = add(cache, &need, &e, why, size);
	if (err)
		return err;
	to_front(cache, e);
	*config = ktls_config_get(e->config);
	return 0;
}

void tls_cache_init(struct tls_cache *cache)
{
	list_init(&cache->entries);
	cache->len = 0;
}

void tls_cache_free(struct tls_cache *cache)
{
	while (!list_empty(&cache->entries))
		drop(cache, list_entry(cache->entries.next, struct entry,
				       list));
}
