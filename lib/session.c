// SPDX-License-Identifier: MIT
#include "session.h"

#include <errno.h>
#include <time.h>

#include "cache.h"
#include "hs.h"
#include "ticket.h"

#define FORMAT	2	/* of what is written: others are not read */

/* ---- form -------------------------------------------------------------- */

static struct slice str(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

void session_write(struct wr *w, const struct session *s,
		   struct slice ticket)
{
	wr_u8(w, FORMAT);
	wr_u16(w, s->version);
	wr_u16(w, s->suite);
	wr_u16(w, s->group);
	wr_u8(w, (uint8_t)(s->ems | s->peer_verified << 1));
	wr_u8(w, s->max_fragment);
	wr_opaque(w, 1, (struct slice){ s->secret.b, s->secret.len });
	wr_u32(w, (uint32_t)(s->made >> 32));
	wr_u32(w, (uint32_t)s->made);
	wr_u32(w, s->lifetime);
	wr_opaque(w, 1, (struct slice){ s->id, s->id_len });
	wr_opaque(w, 1, str(s->server_name));
	wr_opaque(w, 1, str(s->peer_subject));
	wr_opaque(w, 2, ticket);
}

static void rd_string(struct rd *r, char out[256])
{
	struct slice s = rd_opaque(r, 1);

	if (s.len)
		memcpy(out, s.p, s.len);
	out[s.len] = 0;
}

static void rd_bytes(struct rd *r, uint8_t *out, size_t max, uint8_t *len)
{
	struct slice s = rd_opaque(r, 1);

	if (s.len > max) {
		rd_fail(r);
		return;
	}
	if (s.len)
		memcpy(out, s.p, s.len);
	*len = (uint8_t)s.len;
}

static bool expired(const struct session *s)
{
	uint64_t now = (uint64_t)time(NULL);

	return now < s->made || now - s->made >= s->lifetime;
}

bool session_read(struct slice from, struct session *s,
		  struct slice *ticket)
{
	bool bad = false;
	struct rd r = rd_init(from.p, from.len, &bad);
	uint8_t flags, format = rd_u8(&r);

	*s = (struct session){ .version = rd_u16(&r) };
	s->suite = rd_u16(&r);
	s->group = rd_u16(&r);
	flags = rd_u8(&r);
	s->ems = flags & 1;
	s->peer_verified = flags >> 1 & 1;
	s->max_fragment = rd_u8(&r);
	rd_bytes(&r, s->secret.b, HASH_MAX, &s->secret.len);
	s->made = (uint64_t)rd_u32(&r) << 32;
	s->made |= rd_u32(&r);
	s->lifetime = rd_u32(&r);
	rd_bytes(&r, s->id, SESSION_ID_MAX, &s->id_len);
	rd_string(&r, s->server_name);
	rd_string(&r, s->peer_subject);
	*ticket = rd_opaque(&r, 2);
	rd_end(&r);
	return !bad && format == FORMAT && !expired(s);
}

void session_fill(struct ktls_hs *hs)
{
	const struct ktls_info *info = &hs->info;
	struct session *s = &hs->session;

	s->version = info->version;
	s->suite = info->suite;
	s->group = info->group;
	s->ems = hs->tls12.ems;
	s->max_fragment = hs->limit.fragment;
	s->peer_verified = info->peer_verified;
	s->secret = hs->tls12.master;
	s->made = (uint64_t)time(NULL);
	s->lifetime = hs->config->session_lifetime;
	memcpy(s->server_name, info->server_name, sizeof(s->server_name));
	memcpy(s->peer_subject, info->peer_subject, sizeof(s->peer_subject));
}

/* ---- client ------------------------------------------------------------ */

bool session_find(struct ktls_hs *hs)
{
	struct wr w = { 0 };
	struct slice ticket;
	bool found = hs->config->sessions && *hs->peer_name &&
		     cache_get(hs->config->sessions, str(hs->peer_name),
			       false, &w) &&
		     session_read((struct slice){ w.buf, w.len },
				  &hs->session, &ticket) &&
		     hs->session.version >= hs->config->min_version &&
		     u16s_have(hs->config->suites_wire, hs->session.suite);

	if (found)
		wr_slice(&hs->client.ticket, ticket);
	else
		wipe(&hs->session, sizeof(hs->session));
	wr_free(&w);
	return found;
}

void session_keep(struct ktls_hs *hs)
{
	struct slice ticket = { hs->client.ticket.buf,
				hs->client.ticket.len };
	struct wr w = { 0 };

	if (!hs->config->sessions || !*hs->peer_name ||
	    (!hs->session.id_len && !ticket.len))
		return;
	session_write(&w, &hs->session, ticket);
	/* without memory there is nothing to resume, and no harm */
	if (wr_ok(&w) && cache_put(hs->config->sessions, str(hs->peer_name),
				   (struct slice){ w.buf, w.len },
				   (time_t)(hs->session.made +
					    hs->session.lifetime)))
		session_forget(hs);
	wr_free(&w);
}

/* ---- server ------------------------------------------------------------ */

static bool fetch(struct ktls_hs *hs, const struct client_hello *m,
		  struct wr *w)
{
	const struct ktls_config *cfg = hs->config;

	if (m->exts.session_ticket.len && cfg->tickets &&
	    ticket_open(cfg->tickets, m->exts.session_ticket, w))
		return true;
	return m->session_id.len && cfg->sessions &&
	       cache_get(cfg->sessions, m->session_id, false, w);
}

/* Would what was agreed then be agreed now? */
static bool still_holds(const struct ktls_hs *hs,
			const struct client_hello *m)
{
	const struct ktls_config *cfg = hs->config;
	const struct session *s = &hs->session;

	return s->version == KTLS_TLS12 && u16s_have(m->suites, s->suite) &&
	       u16s_have(cfg->suites_wire, s->suite) &&
	       /* RFC 6066 3 */
	       !strcmp(s->server_name, hs->info.server_name) &&
	       (cfg->verify != KTLS_VERIFY_REQUIRE || s->peer_verified);
}

bool session_resume(struct ktls_hs *hs, const struct client_hello *m)
{
	struct wr w = { 0 };
	struct slice none;
	bool found = fetch(hs, m, &w) &&
		     session_read((struct slice){ w.buf, w.len },
				  &hs->session, &none) &&
		     still_holds(hs, m);

	if (!found)
		wipe(&hs->session, sizeof(hs->session));
	wr_free(&w);
	return found;
}

void session_store(struct ktls_hs *hs)
{
	const struct session *s = &hs->session;
	struct wr w = { 0 };

	if (!hs->config->sessions || !s->id_len)
		return;
	session_write(&w, s, (struct slice){ NULL, 0 });
	if (!wr_ok(&w) || cache_put(hs->config->sessions,
				    (struct slice){ s->id, s->id_len },
				    (struct slice){ w.buf, w.len },
				    (time_t)(s->made + s->lifetime)))
		session_forget(hs);
	wr_free(&w);
}

int session_ticket(struct ktls_hs *hs, struct wr *w)
{
	struct wr state = { 0 };
	int err;

	session_write(&state, &hs->session, (struct slice){ NULL, 0 });
	err = wr_ok(&state) ? ticket_seal(hs->config->tickets,
					  (struct slice){ state.buf,
							  state.len }, w) :
			      -ENOMEM;
	wr_free(&state);
	return err;
}

void session_forget(struct ktls_hs *hs)
{
	const struct session *s = &hs->session;

	if (!hs->config->sessions)
		return;
	if (hs->config->role == KTLS_CLIENT)
		cache_del(hs->config->sessions, str(hs->peer_name));
	else if (s->id_len)
		cache_del(hs->config->sessions,
			  (struct slice){ s->id, s->id_len });
}
