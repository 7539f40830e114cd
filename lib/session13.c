// SPDX-License-Identifier: MIT
/* The tickets of TLS 1.3 (RFC 9846 4.7.1) */
#include <errno.h>
#include <time.h>

#include "cache.h"
#include "hs.h"
#include "store.h"
#include "ticket.h"

/* Of a server, the newest; and the longest that any may be used */
#define TICKETS_KEPT	4
#define LIFETIME_MAX	604800

/*
 * Of a ticket that is good for one use.  Our session ids, which anybody can
 * see, stand in the same store, and are longer.
 */
#define NAME_LEN	(SESSION_ID_MAX - 1)

static const struct slice ticket_aad = { (const uint8_t *)"ticket 1.3", 10 };

bool session13_tickets(const struct ktls_config *cfg)
{
	return cfg->max_version >= KTLS_TLS13 && session_tickets(cfg) &&
	       (!(cfg->flags & KTLS_F_SINGLE_USE) || store_has(cfg));
}

/* The PSK of one ticket */
static int derive(const struct ktls_config *cfg, struct session *s,
		  const struct secret *resumption, struct slice nonce)
{
	s->secret.len = resumption->len;
	return expand_label(cfg->crypto, suite_find(s->suite)->hash,
			    resumption, "resumption", nonce, s->secret.b,
			    s->secret.len);
}

/* Seconds that the session has yet to live */
static uint32_t time_left(const struct session *s)
{
	uint64_t now = (uint64_t)time(NULL), end = s->made + s->lifetime;

	return end > now ? (uint32_t)(end - now) : 0;
}

/* ---- client ------------------------------------------------------------ */

/* Beside what 1.2 keeps under the bare name */
bool session13_key(struct wr *w, const char *peer_name)
{
	wr_u8(w, 0);	/* in no name */
	wr_slice(w, slice_str(peer_name));
	return wr_ok(w);
}

bool session13_find(struct ktls_hs *hs, struct wr *ticket)
{
	const struct ktls_config *cfg = hs->config;
	uint8_t key_room[PEER_KEY_ROOM];
	struct wr key = wr_lend(key_room, sizeof(key_room));
	uint8_t w_room[STATE_ROOM];
	struct wr w = wr_lend(w_room, sizeof(w_room));
	struct session *s = &hs->session;
	struct slice t;
	bool found = false;

	if (!session13_tickets(cfg) || !*hs->peer_name)
		return false;
	while (!found && session13_key(&key, hs->peer_name) &&
	       cache_get(cfg->sessions, wr_content(&key), true, &w)) {
		found = session_read(wr_content(&w), s, &t) &&
			session_fits(cfg, s) &&
			!strcmp(s->server_name, hs->peer_name);
		if (found)
			wr_slice(ticket, t);
		wr_reset(&key);
		wr_reset(&w);
	}
	wr_free(&key);
	wr_free(&w);
	if (found && wr_ok(ticket))
		return true;
	wr_free(ticket);
	wipe(s, sizeof(*s));
	return false;
}

/* For so long from now, but no session gets older by it */
static void heed_lifetime(struct session *s, uint32_t lifetime)
{
	uint64_t age = (uint64_t)time(NULL) - s->made;

	if (lifetime > LIFETIME_MAX)
		lifetime = LIFETIME_MAX;
	if (age + lifetime < s->lifetime)
		s->lifetime = (uint32_t)(age + lifetime);
}

/* What cannot be kept cannot be resumed, and that is all */
void session13_put(const struct ktls_config *cfg, const struct session *s,
		   struct slice written)
{
	uint8_t room[PEER_KEY_ROOM];
	struct wr key = wr_lend(room, sizeof(room));

	if (session13_key(&key, s->server_name))
		(void)cache_add(cfg->sessions, wr_content(&key), written,
				(time_t)(s->made + s->lifetime), TICKETS_KEPT);
	wr_free(&key);
}

void session13_forget(const struct ktls_config *cfg, const char *peer_name)
{
	uint8_t room[PEER_KEY_ROOM];
	struct wr key = wr_lend(room, sizeof(room));

	if (cfg->role == KTLS_CLIENT && cfg->sessions &&
	    session13_key(&key, peer_name))
		cache_del(cfg->sessions, wr_content(&key));
	wr_free(&key);
}

static void keep(const struct ktls_config *cfg, const struct session *s,
		 struct slice ticket)
{
	uint8_t room[STATE_ROOM];
	struct wr w = wr_lend(room, sizeof(room));

	session_write(&w, s, ticket);
	if (wr_ok(&w))
		session13_put(cfg, s, wr_content(&w));
	wr_free(&w);
}

int session13_keep(const struct ktls_config *cfg, struct session *s,
		   const struct secret *resumption, struct slice body)
{
	struct new_session_ticket m;
	int err = parse_new_session_ticket(body, &m);

	/* no secret: the handshake was with a config that keeps none */
	if (err || !m.lifetime || m.ticket.len > SESSION_TICKET_MAX ||
	    !session13_tickets(cfg) || !*s->server_name || !resumption->len)
		return err;
	s->age_add = m.age_add;
	s->max_early = m.exts.max_early_data;
	s->issued = session_clock();
	heed_lifetime(s, m.lifetime);
	err = derive(cfg, s, resumption, m.nonce);
	if (!err && time_left(s))
		keep(cfg, s, m.ticket);
	return err;
}

/* ---- server ------------------------------------------------------------ */

/* What it stands for, out of the store or out of itself */
static bool fetch(const struct ktls_config *cfg, struct slice identity,
		  struct wr *w)
{
	bool old;

	if (!(cfg->flags & KTLS_F_SINGLE_USE))
		return ticket_open(cfg->tickets, ticket_aad, identity, w,
				   &old);
	return identity.len == NAME_LEN && store_take(cfg, identity, w);
}

bool session13_open(const struct ktls_config *cfg, struct slice identity,
		    struct session *s)
{
	uint8_t room[STATE_ROOM];
	struct wr w = wr_lend(room, sizeof(room));
	struct slice none;
	bool found = session13_tickets(cfg) && fetch(cfg, identity, &w) &&
		     session_read(wr_content(&w), s, &none) &&
		     s->version == KTLS_TLS13;

	wr_free(&w);
	return found;
}

static int make_ticket(const struct ktls_config *cfg, const struct session *s,
		       struct wr *w)
{
	uint8_t name[NAME_LEN];
	uint8_t room[STATE_ROOM];
	struct wr state = wr_lend(room, sizeof(room));
	uint64_t until;
	int err;

	session_write(&state, s, (struct slice){ NULL, 0 });
	err = wr_ok(&state) ? 0 : -ENOMEM;
	if (!err && !(cfg->flags & KTLS_F_SINGLE_USE)) {
		err = ticket_seal(cfg->tickets, ticket_aad, wr_content(&state),
				  w, &until);
	} else if (!err) {
		err = crypto_random(name, sizeof(name));
		if (!err && store_put(cfg, (struct slice){ name, NAME_LEN },
				      wr_content(&state),
				      s->made + s->lifetime))
			err = -ENOENT;
		wr_bytes(w, name, sizeof(name));
	}
	wr_free(&state);
	return err;
}

int session13_write_ticket(const struct ktls_config *cfg, struct session *s,
			   const struct secret *resumption, uint32_t nr,
			   struct wr *w)
{
	const uint8_t nonce[] = { (uint8_t)(nr >> 8), (uint8_t)nr };
	struct new_session_ticket m = {
		.lifetime = time_left(s),
		.nonce = { nonce, sizeof(nonce) },
	};
	uint8_t room[STATE_ROOM];
	struct wr ticket = wr_lend(room, sizeof(room));
	int err;

	/* it would be thrown away on arrival */
	if (!m.lifetime)
		return -ENOENT;
	err = crypto_nonce(cfg->crypto, &s->age_add, sizeof(s->age_add));
	s->issued = session_clock();
	s->max_early = cfg->early_data;
	memcpy(s->maker, cfg->maker, MAKER_LEN);
	if (s->max_early)
		m.exts.set |= EXT_BIT(EXT_EARLY_DATA);
	m.exts.max_early_data = s->max_early;
	if (!err)
		err = derive(cfg, s, resumption, m.nonce);
	if (!err)
		err = make_ticket(cfg, s, &ticket);
	m.age_add = s->age_add;
	m.ticket = wr_content(&ticket);
	if (!err) {
		wr_u8(w, HT_NEW_SESSION_TICKET);
		wr_vec(w, 3)
			write_new_session_ticket(w, &m);
	}
	wr_free(&ticket);
	return err;
}
