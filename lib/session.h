/* SPDX-License-Identifier: MIT */
/*
 * What a later handshake may resume, and where it is kept: on a server in a
 * cache by session id (RFC 5246 F.1.4) or with the client in a ticket (RFC
 * 5077), on a client in a cache by the server's name.
 */
#ifndef KTLS_SESSION_H
#define KTLS_SESSION_H

#include "msg.h"
#include "secret.h"

struct ktls_hs;

/* All of it is checked again when it is used: what was agreed must still do */
struct session {
	uint16_t version;
	uint16_t suite;
	uint16_t group;
	bool ems;
	uint8_t max_fragment;		/* 6066 4: holds for the session */
	bool peer_verified;
	struct secret secret;		/* 1.2: the main secret */
	uint64_t made;			/* seconds since the epoch */
	uint32_t lifetime;		/* seconds */
	uint8_t id[SESSION_ID_MAX];
	uint8_t id_len;
	char server_name[256];
	char peer_subject[256];
};

/* With the ticket, which is empty on a server */
void session_write(struct wr *w, const struct session *s,
		   struct slice ticket);
/* False if it is not what session_write() wrote, or has expired */
bool session_read(struct slice from, struct session *s,
		  struct slice *ticket);

/* What hs->session is to become: from the finished handshake */
void session_fill(struct ktls_hs *hs);

/* Client: find one to offer, into hs->session and hs->client.ticket */
bool session_find(struct ktls_hs *hs);
/* ... and keep what this handshake gave */
void session_keep(struct ktls_hs *hs);

/* Server: what the hello asks to resume, if it still holds */
bool session_resume(struct ktls_hs *hs, const struct client_hello *m);
/* ... keep it under its id */
void session_store(struct ktls_hs *hs);
/* ... or seal it into @w */
int session_ticket(struct ktls_hs *hs, struct wr *w);

/* A failed connection's session is not resumed (5246 7.2.2) */
void session_forget(struct ktls_hs *hs);

#endif /* KTLS_SESSION_H */
