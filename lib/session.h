/* SPDX-License-Identifier: MIT */
/*
 * What a later handshake may resume, and where it is kept: on a server in a
 * store by session id (RFC 5246 F.1.4) or with the client in a ticket (RFC
 * 5077, 9846 4.7.1), on a client in a cache by the server's name.
 *
 * Only sessions with an extended main secret are made: without it, what is
 * resumed may be another connection's (RFC 7627 5.3, 5.4).
 */
#ifndef KTLS_SESSION_H
#define KTLS_SESSION_H

#include "config.h"
#include "msg.h"
#include "secret.h"

struct ktls_hs;

/* A longer one might leave no room in a hello, and none would begin */
#define SESSION_TICKET_MAX	16384

/* On the stack: what most sessions take, written or sealed */
#define STATE_ROOM	512
#define PEER_KEY_ROOM	256

/* All of it is checked again when it is used: what was agreed must still do */
struct session {
	uint16_t version;
	uint16_t suite;
	uint16_t group;
	bool ems;
	uint8_t max_fragment;		/* 6066 4: holds for the session */
	bool peer_verified, peer_raw_key, external_psk;
	struct secret secret;		/* main secret (1.2), PSK (1.3) */
	uint64_t made;			/* authenticated: s since the epoch */
	uint32_t lifetime;		/* seconds from then */
	uint8_t id[SESSION_ID_MAX];
	uint8_t id_len;
	uint8_t context[SESSION_CONTEXT_LEN];	/* the config's */
	char server_name[256];		/* client: also an address */
	char peer_subject[256];
	/* of a ticket of 1.3 */
	uint32_t age_add;
	uint32_t max_early;		/* bytes of early data; 0: none */
	uint8_t maker[MAKER_LEN];	/* server: by whose config it was made */
	uint64_t issued;		/* or received: ms since the epoch */
	char alpn[256];
};

/* Does a server give tickets, and a client ask for them? */
bool session_tickets(const struct ktls_config *cfg);

/* With the ticket, which is empty on a server */
void session_write(struct wr *w, const struct session *s,
		   struct slice ticket);
/* ms since the epoch */
uint64_t session_clock(void);
/* False if it is not what session_write() wrote, or has expired */
bool session_read(struct slice from, struct session *s,
		  struct slice *ticket);
/* Was it made under this config's trust, and are its choices ours still? */
bool session_fits(const struct ktls_config *cfg, const struct session *s);

/*
 * What hs->session is to become: from the finished handshake; in 1.3, without
 * the secret, which each ticket has for itself.
 */
void session_fill(struct ktls_hs *hs);
/* ... and back: that it is resumed, and who the peer was */
void session_tell(const struct session *s, struct ktls_info *info);

/*
 * @lifetime from @made on, but not longer than the certificates by which the
 * peer of @hs is known
 */
uint32_t session_limit(const struct ktls_hs *hs, uint64_t made,
		       uint32_t lifetime);

/* A failed connection's session is not resumed (5246 7.2.2) */
void session_forget(struct ktls_hs *hs);
void session_drop(const struct ktls_config *cfg, struct slice id,
		  const char *peer_name);

/* ---- client (session_client.c) ----------------------------------------- */

/* Find one to offer, into hs->session and hs->client.ticket */
bool session_find(struct ktls_hs *hs);
/* ... and keep what this handshake gave */
void session_keep(struct ktls_hs *hs);

/* ---- server (session_server.c) ----------------------------------------- */

/* Is it for the name that the client asks for, and do we have that still? */
bool session_is_for(const struct ktls_hs *hs, const struct session *s);
/* What the hello asks to resume, if it still holds */
bool session_resume(struct ktls_hs *hs, const struct client_hello *m);
/* ... keep it under its id */
void session_store(struct ktls_hs *hs);
/* ... or seal it into @w; @lifetime: for how many seconds it is good */
int session_ticket(struct ktls_hs *hs, struct wr *w, uint32_t *lifetime);

/* ---- TLS 1.3 (session13.c) --------------------------------------------- */

/* Are tickets given, or asked for? */
bool session13_tickets(const struct ktls_config *cfg);
/* Client: under what the tickets of a server are kept */
bool session13_key(struct wr *w, const char *peer_name);
/* ... one is, as session_write() put it; it is the newest */
void session13_put(const struct ktls_config *cfg, const struct session *s,
		   struct slice written);
/* ... none of them is any more */
void session13_forget(const struct ktls_config *cfg, const char *peer_name);
/* Client: the newest ticket for the peer, which is now used up */
bool session13_find(struct ktls_hs *hs, struct wr *ticket);
/* Client: keep what the server sent on a connection like @s */
int session13_keep(const struct ktls_config *cfg, struct session *s,
		   const struct secret *resumption, struct slice body);
/* Server: what the ticket @identity stands for; false: nothing */
bool session13_open(const struct ktls_config *cfg, struct slice identity,
		    struct session *s);
/*
 * Server: a NewSessionTicket with its header, the @nr-th of the connection, for
 * a session like @s; -ENOENT: that cannot be kept, or is over
 */
int session13_write_ticket(const struct ktls_config *cfg, struct session *s,
			   const struct secret *resumption, uint32_t nr,
			   struct wr *w);

#endif /* KTLS_SESSION_H */
