// SPDX-License-Identifier: MIT
/* The sessions of a client, by the server's name */
#include <errno.h>
#include <time.h>

#include "cache.h"
#include "hs.h"
#include "name.h"

/* Could it be offered to the server of its name? */
static bool offerable(const struct ktls_config *cfg, const struct session *s,
		      struct slice ticket)
{
	return session_fits(cfg, s) && s->ems && *s->server_name &&
	       (s->id_len || (ticket.len && session_tickets(cfg)));
}

bool session_find(struct ktls_hs *hs)
{
	struct session *s = &hs->session;
	uint8_t room[STATE_ROOM];
	struct wr w = wr_lend(room, sizeof(room));
	struct slice ticket;
	bool found = hs->config->sessions && *hs->peer_name &&
		     cache_get(hs->config->sessions, slice_str(hs->peer_name),
			       false, &w) &&
		     session_read(wr_content(&w), s, &ticket) &&
		     offerable(hs->config, s, ticket) &&
		     !strcmp(s->server_name, hs->peer_name);

	if (found)
		wr_slice(&hs->client.ticket, ticket);
	else
		wipe(s, sizeof(*s));
	wr_free(&w);
	return found;
}

/* RFC 5077 3.3: for so long from now, but no session gets older by it */
static void heed_hint(struct ktls_hs *hs)
{
	struct session *s = &hs->session;
	uint64_t age = (uint64_t)time(NULL) - s->made;
	uint32_t hint = hs->client.ticket_lifetime;

	if (hint && age + hint < s->lifetime)
		s->lifetime = (uint32_t)(age + hint);
}

void session_keep(struct ktls_hs *hs)
{
	struct session *s = &hs->session;
	struct slice ticket = wr_content(&hs->client.ticket);
	uint8_t room[STATE_ROOM];
	struct wr w = wr_lend(room, sizeof(room));

	heed_hint(hs);
	if (!hs->config->sessions || !offerable(hs->config, s, ticket))
		return;
	session_write(&w, s, ticket);
	/* without memory there is nothing to resume, and no harm */
	if (!wr_ok(&w) || cache_put(hs->config->sessions,
				    slice_str(hs->peer_name), wr_content(&w),
				    (time_t)(s->made + s->lifetime)))
		session_forget(hs);
	wr_free(&w);
}

/* ---- the application's ------------------------------------------------- */

/*
 * With a digest, against accidents: who can write it can pose as the server
 * whatever is at its end.
 */
#define DIGEST_LEN	32

static ssize_t export(struct ktls_config *cfg, const char *name,
		      struct wr *w)
{
	uint8_t digest[HASH_MAX];
	struct wr key = { 0 };
	bool found;
	int err;

	if (!cfg->sessions)
		return 0;
	found = (session13_key(&key, name) &&
		 cache_get(cfg->sessions, wr_content(&key), false, w)) ||
		cache_get(cfg->sessions, slice_str(name), false, w);
	wr_free(&key);
	if (!found)
		return w->bad ? -ENOMEM : 0;
	err = hash_of(cfg->crypto, HASH_SHA256, wr_content(w), digest);
	wr_bytes(w, digest, DIGEST_LEN);
	return err ? err : wr_ok(w) ? (ssize_t)w->len : -ENOMEM;
}

ssize_t ktls_session_export(struct ktls_config *cfg, const char *server_name,
			    void *buf, size_t size)
{
	char name[NAME_MAX_LEN + 1];
	struct wr w = { 0 };
	ssize_t len;

	if (name_take(server_name, name) == NAME_BAD)
		return -EINVAL;
	if (cfg->role != KTLS_CLIENT)
		return -KTLS_E_STATE;
	len = export(cfg, name, &w);
	if (len > 0 && (size_t)len <= size)
		memcpy(buf, w.buf, w.len);
	wr_free(&w);
	return len;
}

static int import(struct ktls_config *cfg, struct slice bytes)
{
	struct slice ticket;
	struct session s = { 0 };
	int err = 0;

	if (!session_read(bytes, &s, &ticket) || !offerable(cfg, &s, ticket))
		err = -KTLS_E_SESSION;
	else if (s.version == KTLS_TLS13)
		session13_put(cfg, &s, bytes);
	else
		err = cache_put(cfg->sessions, slice_str(s.server_name), bytes,
				(time_t)(s.made + s.lifetime));
	wipe(&s, sizeof(s));
	return err;
}

int ktls_session_import(struct ktls_config *cfg, const void *buf, size_t len)
{
	struct slice bytes = { buf, len - DIGEST_LEN };
	uint8_t digest[HASH_MAX];
	int err;

	if (cfg->role != KTLS_CLIENT || !cfg->sessions)
		return -KTLS_E_STATE;
	if (len < DIGEST_LEN)
		return -KTLS_E_SESSION;
	err = hash_of(cfg->crypto, HASH_SHA256, bytes, digest);
	if (err)
		return err;
	return secret_eq(digest, bytes.p + bytes.len, DIGEST_LEN) ?
	       import(cfg, bytes) : -KTLS_E_SESSION;
}
