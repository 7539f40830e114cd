/* SPDX-License-Identifier: GPL-2.0-only */
/* GnuTLS as the other end, over a pair of sockets */
#ifndef SELFTESTS_GNUTLS_LIB_H
#define SELFTESTS_GNUTLS_LIB_H

#include <gnutls/gnutls.h>

#include "peer.h"

struct gnutls_opts {
	bool server;
	const char *priority;	/* after "NONE:+COMP-NULL:+AEAD:+SIGN-ALL:" */
	const char *cert;	/* pki name; NULL: none */
	bool require;		/* server: a client certificate */
	unsigned int flags;	/* of gnutls_init() */
	const gnutls_datum_t *ticket_key;	/* server */
	const gnutls_datum_t *resume;		/* client */
};

struct gnutls_end {
	gnutls_session_t session;
	gnutls_certificate_credentials_t cred;
	int fd[2];		/* its own, and that of the other end */
	gnutls_datum_t data;	/* of the session, to be resumed */
};

void gnutls_end_new(struct gnutls_end *g, const struct gnutls_opts *opts);
void gnutls_end_free(struct gnutls_end *g);
/*
 * Both go on until neither moves.  0: done, or else the error of the one that
 * failed, -EPROTO if it was GnuTLS (and *@gerr what it says).
 */
int gnutls_end_run(struct gnutls_end *g, struct ktls_hs *hs, int *gerr);
/* Bytes there and back through the user-space record layer; @hs is gone */
void gnutls_end_talk(struct gnutls_end *g, struct ktls_hs *hs);
/* What a server keeps of sessions by id: one for the whole process */
void gnutls_end_db(struct gnutls_end *g);

#endif /* SELFTESTS_GNUTLS_LIB_H */
