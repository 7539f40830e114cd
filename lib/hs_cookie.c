// SPDX-License-Identifier: MIT
/*
 * The cookie of a HelloRetryRequest (RFC 9846 4.3.2): the state of the
 * handshake, sealed under the ticket keys, so that whoever has these can go on
 * with the second hello.
 */
#include "hs.h"

#include <errno.h>
#include <time.h>

#include "ticket.h"

#define FORMAT		1
#define LIFETIME	60	/* seconds, on either side of our clock */

static const struct slice cookie_aad = { (const uint8_t *)"cookie", 6 };

/* ---- form -------------------------------------------------------------- */

/* What goes into it */
struct state {
	uint64_t made;		/* seconds since the epoch */
	uint16_t suite;
	uint16_t group;		/* asked for; 0: only the cookie */
	struct slice digest;	/* what the second hello must repeat */
	struct slice first;	/* Hash(ClientHello1) */
};

static void write_state(struct wr *w, const struct state *s)
{
	wr_u8(w, FORMAT);
	wr_u64(w, s->made);
	wr_u16(w, s->suite);
	wr_u16(w, s->group);
	wr_opaque(w, 1, s->digest);
	wr_opaque(w, 1, s->first);
}

static bool read_state(struct slice from, struct state *s)
{
	bool bad = false;
	struct rd r = rd_init(from.p, from.len, &bad);
	uint8_t format = rd_u8(&r);

	s->made = rd_u64(&r);
	s->suite = rd_u16(&r);
	s->group = rd_u16(&r);
	s->digest = rd_opaque(&r, 1);
	s->first = rd_opaque(&r, 1);
	rd_end(&r);
	return !bad && format == FORMAT;
}

/* ---- sending it -------------------------------------------------------- */

int cookie_make(struct ktls_hs *hs)
{
	struct hs_server *server = &hs->server;
	const struct secret *digest = &server->hello_digest;
	struct secret first;
	struct state s = {
		.made = (uint64_t)time(NULL),
		.suite = hs->suite->id,
		.group = server->retry_group ? server->retry_group->id : 0,
		.digest = { digest->b, digest->len },
	};
	struct wr w = { 0 };
	uint64_t until;
	int err = transcript_now(&hs->transcript, &first);

	if (err)
		return err;
	s.first = secret_slice(&first);
	write_state(&w, &s);
	err = wr_ok(&w) ? ticket_seal(hs->config->tickets, cookie_aad,
				      wr_content(&w),
				      &server->cookie, &until) : -ENOMEM;
	wr_free(&w);
	return err;
}

/* ---- and back ---------------------------------------------------------- */

static bool fresh(uint64_t made)
{
	uint64_t now = (uint64_t)time(NULL);

	return now < made + LIFETIME && made < now + LIFETIME;
}

static void take_secret(struct secret *to, struct slice from)
{
	to->len = (uint8_t)from.len;
	memcpy(to->b, from.p, from.len);
}

/* What this config would not have said it does not go on with */
static int restore(struct ktls_hs *hs, const struct state *s,
		   struct secret *first)
{
	const struct suite *suite = suite_find(s->suite);
	const struct group *group = s->group ? group_find(s->group) : NULL;

	if (!fresh(s->made) || !suite || suite->version != KTLS_TLS13 ||
	    !u16s_have(hs->config->suites_wire, s->suite) ||
	    (s->group && (!group || !config_has_group(hs->config, s->group))))
		return -KTLS_E_COOKIE;
	if (s->digest.len != hash_rows[HASH_SHA256].len ||
	    s->first.len != hash_rows[suite->hash].len)
		return -KTLS_E_COOKIE;
	hs->suite = suite;
	hs->server.retry_group = group;
	take_secret(&hs->server.hello_digest, s->digest);
	take_secret(first, s->first);
	return 0;
}

int cookie_take(struct ktls_hs *hs, struct slice cookie, struct secret *first)
{
	struct wr w = { 0 };
	struct state s;
	bool old;
	int err = -KTLS_E_COOKIE;

	if (ticket_open(hs->config->tickets, cookie_aad, cookie, &w, &old) &&
	    read_state(wr_content(&w), &s))
		err = restore(hs, &s, first);
	wr_free(&w);
	if (err)
		return err;
	wr_slice(&hs->server.cookie, cookie);
	return wr_ok(&hs->server.cookie) ? 0 : -ENOMEM;
}

bool cookie_awaited(const struct ktls_hs *hs)
{
	return hs->state == S_CH && hs->config->flags & KTLS_F_COOKIE &&
	       hs_max_version(hs) >= KTLS_TLS13;
}
