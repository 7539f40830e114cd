// SPDX-License-Identifier: MIT
#include "session.h"

#include <time.h>

#include "cache.h"
#include "hs.h"
#include "store.h"

#define FORMAT	5	/* of what is written: others are not read */
#define CLOCK_AHEAD	5	/* seconds */

bool session_tickets(const struct ktls_config *cfg)
{
	return !(cfg->flags & KTLS_F_NO_TICKETS) &&
	       (cfg->role == KTLS_SERVER ? !!cfg->tickets : !!cfg->sessions);
}

/* ---- form -------------------------------------------------------------- */

void session_write(struct wr *w, const struct session *s,
		   struct slice ticket)
{
	wr_u8(w, FORMAT);
	wr_u16(w, s->version);
	wr_u16(w, s->suite);
	wr_u16(w, s->group);
	wr_u8(w, (uint8_t)(s->ems | s->peer_verified << 1 |
			   s->peer_raw_key << 2 | s->external_psk << 3));
	wr_u8(w, s->max_fragment);
	wr_opaque(w, 1, secret_slice(&s->secret));
	wr_u64(w, s->made);
	wr_u32(w, s->lifetime);
	wr_opaque(w, 1, (struct slice){ s->id, s->id_len });
	wr_bytes(w, s->context, SESSION_CONTEXT_LEN);
	wr_opaque(w, 1, slice_str(s->server_name));
	wr_opaque(w, 1, slice_str(s->peer_subject));
	wr_opaque(w, 1, slice_str(s->alpn));
	wr_u32(w, s->age_add);
	wr_u32(w, s->max_early);
	wr_bytes(w, s->maker, MAKER_LEN);
	wr_u64(w, s->issued);
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

static void rd_fixed(struct rd *r, uint8_t *out, size_t len)
{
	struct slice s = rd_take(r, len);

	if (s.len)
		memcpy(out, s.p, len);
}

/* 5246 8.1, 9846 4.7.1 */
static bool secret_fits(const struct session *s)
{
	const struct suite *suite = suite_find(s->suite);

	return suite && suite->version == s->version && s->secret.len ==
	       (s->version == KTLS_TLS13 ? hash_rows[suite->hash].len :
					   MAIN_SECRET_LEN);
}

uint64_t session_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool expired(const struct session *s)
{
	uint64_t now = (uint64_t)time(NULL);

	/* of another server, whose clock is ahead */
	if (now < s->made)
		return s->made - now > CLOCK_AHEAD;
	return now - s->made >= s->lifetime;
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
	s->peer_raw_key = flags >> 2 & 1;
	s->external_psk = flags >> 3 & 1;
	s->max_fragment = rd_u8(&r);
	rd_bytes(&r, s->secret.b, HASH_MAX, &s->secret.len);
	s->made = rd_u64(&r);
	s->lifetime = rd_u32(&r);
	rd_bytes(&r, s->id, SESSION_ID_MAX, &s->id_len);
	rd_fixed(&r, s->context, SESSION_CONTEXT_LEN);
	rd_string(&r, s->server_name);
	rd_string(&r, s->peer_subject);
	rd_string(&r, s->alpn);
	s->age_add = rd_u32(&r);
	s->max_early = rd_u32(&r);
	rd_fixed(&r, s->maker, MAKER_LEN);
	s->issued = rd_u64(&r);
	*ticket = rd_opaque(&r, 2);
	rd_end(&r);
	return !bad && format == FORMAT && secret_fits(s) && !expired(s);
}

bool session_fits(const struct ktls_config *cfg, const struct session *s)
{
	return s->version >= cfg->min_version &&
	       s->version <= cfg->max_version &&
	       u16s_have(cfg->suites_wire, s->suite) &&
	       /* 1.3 agrees anew */
	       (s->version > KTLS_TLS12 ||
		(config_has_group(cfg, s->group) &&
		 limit_resumes(cfg, s->max_fragment))) &&
	       !memcmp(s->context, cfg->session_context,
		       SESSION_CONTEXT_LEN) &&
	       (s->peer_verified || cfg->verify != KTLS_VERIFY_REQUIRE ||
		cfg->flags & KTLS_F_AUTH_LATER);
}

/* ---- from the handshake ------------------------------------------------ */

uint32_t session_limit(const struct ktls_hs *hs, uint64_t made,
		       uint32_t lifetime)
{
	uint64_t until = UINT64_MAX;

	if (hs->info.peer_verified)
		until = peer_until(&hs->peer);
	if (until <= made)
		return 0;
	return until - made < lifetime ? (uint32_t)(until - made) : lifetime;
}

void session_fill(struct ktls_hs *hs)
{
	const struct ktls_info *info = &hs->info;
	bool client = hs->config->role == KTLS_CLIENT;
	struct session *s = &hs->session;

	s->version = info->version;
	s->suite = info->suite;
	s->group = info->group;
	s->ems = hs->tls12.ems || info->version == KTLS_TLS13;
	s->max_fragment = hs->limit.fragment;
	s->peer_verified = info->peer_verified;
	s->peer_raw_key = info->peer_raw_key;
	s->external_psk = info->external_psk;
	s->secret = hs->tls12.master;
	/* who resumes does not authenticate: it gets no younger by it */
	if (!info->resumed) {
		s->made = (uint64_t)time(NULL);
		s->lifetime = session_limit(hs, s->made,
					    hs->config->session_lifetime);
	}
	memcpy(s->context, hs->config->session_context, SESSION_CONTEXT_LEN);
	memcpy(s->server_name, client ? hs->peer_name : info->server_name,
	       sizeof(s->server_name));
	memcpy(s->peer_subject, info->peer_subject, sizeof(s->peer_subject));
	memcpy(s->alpn, info->alpn, sizeof(s->alpn));
}

void session_tell(const struct session *s, struct ktls_info *info)
{
	info->resumed = 1;
	info->peer_verified = s->peer_verified;
	info->peer_raw_key = s->peer_raw_key;
	info->external_psk = s->external_psk;
	memcpy(info->peer_subject, s->peer_subject,
	       sizeof(info->peer_subject));
}

/* ---- the end of one ---------------------------------------------------- */

void session_drop(const struct ktls_config *cfg, struct slice id,
		  const char *peer_name)
{
	if (cfg->role == KTLS_SERVER && id.len)
		store_del(cfg, id);
	if (cfg->role == KTLS_CLIENT && cfg->sessions && *peer_name)
		cache_del(cfg->sessions, slice_str(peer_name));
}

void session_forget(struct ktls_hs *hs)
{
	session_drop(hs->config, (struct slice){ hs->session.id,
						 hs->session.id_len },
		     hs->peer_name);
}
