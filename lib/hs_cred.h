/* SPDX-License-Identifier: MIT */
/* The credential with which we authenticate, and who chooses it */
#ifndef KTLS_HS_CRED_H
#define KTLS_HS_CRED_H

#include "hs.h"

/*
 * Of our credentials, or hs->server.only, the one that does best, the first of
 * equals; NULL: none does.  @worth: how well, negative if not at all; @arg is
 * its own.
 */
typedef int cred_worth(const struct ktls_hs *hs, const struct cred *cred,
		       const void *arg);
const struct cred *hs_best_cred(const struct ktls_hs *hs, cred_worth *worth,
				const void *arg);
/* Is its chain signed as the peer asks?  How well it does for it: 0 to 3 */
bool hs_cred_verifiable(const struct cred *cred, const struct exts *peer,
			bool tls12);
int hs_cred_score(const struct cred *cred, const struct exts *peer, bool tls12);
/* Server: for the name that the client has said? */
bool hs_cred_named(const struct ktls_hs *hs, const struct cred *cred);
/* ... is any of ours? */
bool hs_name_known(const struct ktls_hs *hs);
/*
 * ... or may it be, if there is one and no certificate is shown?  Who has no
 * credential has no names, and none that would be unknown.
 */
bool hs_name_allowed(const struct ktls_hs *hs, bool named);

/* What a CertificateRequest asks for */
struct cred_wish {
	uint16_t version;
	struct slice types;	/* ClientCertificateTypes, 1.2 only */
	/* sigalgs, sigalgs_cert, authorities of it */
	struct exts exts;
	bool raw;		/* a raw public key (RFC 7250) */
};

/*
 * Choose hs->cred, or none: without a fitting one we answer with none, and the
 * server decides.  Then @then, which calls client_use_cred() with the same
 * @wish.  -KTLS_E_CRED_CHOICE, -ENOMEM.
 */
int client_choose_cred(struct ktls_hs *hs, const struct cred_wish *wish,
		       hs_step *then);
/* The scheme to use with it, if there is one, and its status */
int client_use_cred(struct ktls_hs *hs, const struct cred_wish *wish);
/*
 * 1.3: the same as the request wants it that hs->client keeps; and then, from
 * @then, Certificate and CertificateVerify, and @end
 */
int client13_choose(struct ktls_hs *hs, hs_step *then);
int client13_answer(struct ktls_hs *hs, hs_step *end);
/*
 * Server: @pick chooses hs->cred and what goes with it, from hs->server.only if
 * that is set; the application may prefer another that it takes.  KTLS_LATER:
 * call server_cred_answered() in time.
 */
typedef int server_pick(struct ktls_hs *hs, const struct client_hello *m);
int server_choose_cred(struct ktls_hs *hs, const struct client_hello *m,
		       server_pick *pick);
int server_cred_answered(struct ktls_hs *hs, const struct client_hello *m,
			 server_pick *pick);
/* The hello that is at hand, once more */
int server_reparse_hello(const struct ktls_hs *hs, struct client_hello *m);

#endif /* KTLS_HS_CRED_H */
