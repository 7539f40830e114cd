// SPDX-License-Identifier: MIT
/* The sessions of a server, by their id or in tickets */
#include <errno.h>
#include <time.h>

#include "hs_cred.h"
#include "store.h"
#include "ticket.h"

static const struct slice ticket_aad = { (const uint8_t *)"ticket", 6 };

/* RFC 5077 3.4: with a ticket, the id is for the answer alone */
static bool fetch(struct ktls_hs *hs, const struct client_hello *m,
		  struct wr *w)
{
	const struct ktls_config *cfg = hs->config;

	if (m->exts.session_ticket.len && session_tickets(cfg))
		return ticket_open(cfg->tickets, ticket_aad,
				   m->exts.session_ticket, w,
				   &hs->tls12.ticket_due);
	return m->session_id.len && store_get(cfg, m->session_id, w);
}

bool session_is_for(const struct ktls_hs *hs, const struct session *s)
{
	const char *name = hs->info.server_name;

	/* RFC 6066 3; one that other servers made may name what they have */
	return !strcmp(s->server_name, name) && hs_name_allowed(hs, *name);
}

/* Would what was agreed then be agreed now? */
static bool still_holds(const struct ktls_hs *hs,
			const struct client_hello *m)
{
	const struct session *s = &hs->session;

	/* what a ticket of 1.3 names stands in the same store */
	return s->version == KTLS_TLS12 && session_fits(hs->config, s) &&
	       u16s_have(m->suites, s->suite) && session_is_for(hs, s) &&
	       /* RFC 7627 5.3: not without it, and not by surprise with it */
	       s->ems;
}

bool session_resume(struct ktls_hs *hs, const struct client_hello *m)
{
	uint8_t room[STATE_ROOM];
	struct wr w = wr_lend(room, sizeof(room));
	struct slice none;
	bool found = fetch(hs, m, &w) &&
		     session_read(wr_content(&w), &hs->session, &none) &&
		     still_holds(hs, m);

	if (!found) {
		wipe(&hs->session, sizeof(hs->session));
		hs->tls12.ticket_due = false;
	}
	wr_free(&w);
	return found;
}

void session_store(struct ktls_hs *hs)
{
	const struct session *s = &hs->session;
	uint8_t room[STATE_ROOM];
	struct wr w = wr_lend(room, sizeof(room));

	if (!s->id_len)
		return;
	session_write(&w, s, (struct slice){ NULL, 0 });
	/* what cannot be kept cannot be resumed, and that is all */
	if (!wr_ok(&w) || store_put(hs->config,
				    (struct slice){ s->id, s->id_len },
				    wr_content(&w), s->made + s->lifetime))
		session_forget(hs);
	wr_free(&w);
}

int session_ticket(struct ktls_hs *hs, struct wr *w, uint32_t *lifetime)
{
	const struct session *s = &hs->session;
	uint64_t until, end = s->made + s->lifetime;
	uint64_t now = (uint64_t)time(NULL);
	uint8_t room[STATE_ROOM];
	struct wr state = wr_lend(room, sizeof(room));
	int err;

	session_write(&state, s, (struct slice){ NULL, 0 });
	err = wr_ok(&state) ? ticket_seal(hs->config->tickets, ticket_aad,
					  wr_content(&state), w, &until) :
			      -ENOMEM;
	/* the session's, not its key's: before that ends comes another ticket */
	*lifetime = end > now ? (uint32_t)(end - now) : 1;	/* 0: not said */
	wr_free(&state);
	return err;
}
