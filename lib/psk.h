/* SPDX-License-Identifier: MIT */
/*
 * Pre-shared keys in a hello (RFC 9846 4.3.11): offered with their binders by
 * a client, chosen by a server.
 */
#ifndef KTLS_PSK_H
#define KTLS_PSK_H

#include "psk_ext.h"
#include "sched13.h"

/* What a client offers at most, and what a server looks at */
#define PSKS_OFFERED	4
#define PSKS_TRIED	8
#define NAMES_TRIED	2	/* ... of tickets that are in a store */

struct session;

struct psk {
	struct wr identity;
	struct secret key;
	enum hash_id hash;
	const struct session *session;	/* that it resumes, or */
	const struct psk_ext *ext;
};

/* The PSK of a handshake, once it is chosen */
struct hs_psk {
	bool chosen;
	const struct psk_ext *ext;	/* NULL: a session's */
	bool alone;		/* psk_ke: no key exchange beside it */
	uint16_t index;		/* in the client's list */
	uint32_t age;		/* as the client says */
	struct secret key;
	struct secret binder;	/* that was right */
};

struct ktls_config;
struct ktls_hs;
struct client_hello;
struct exts;

/* ---- client ------------------------------------------------------------ */

/* Look for what may be offered; not in another handshake of a connection */
void psk_find(struct ktls_hs *hs);
/* What our hello says of it, with room for the binders */
int psk_offer(struct ktls_hs *hs, struct exts *e);
/* By the hash of one of them: of @hello, and what a retry put before it */
int psk_hello_hash(const struct ktls_hs *hs, enum hash_id hash,
		   struct slice hello, struct secret *out);
/* ... into which they go, when all before them is written */
int psk_bind(struct ktls_hs *hs);
/* The server's choice, if it has made one */
int psk_take_choice(struct ktls_hs *hs, const struct exts *sh);
/* None was taken, or will be */
void psk_forget(struct ktls_hs *hs);

/* ---- server ------------------------------------------------------------ */

/* An external key that the client has too; NULL: none */
const struct psk_ext *psk_offered(const struct ktls_config *cfg,
				  const struct exts *e);
/* What the binders of the hello at hand are over; before it is hashed */
int psk_digest(struct ktls_hs *hs, const struct client_hello *m);
/* The first that will do; hs->psk says which, if any */
int psk_choose(struct ktls_hs *hs, const struct client_hello *m);

#endif /* KTLS_PSK_H */
