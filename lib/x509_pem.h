/* SPDX-License-Identifier: MIT */
/* PEM from the operator, for x509_cred.c and x509_trust.c */
#ifndef KTLS_X509_PEM_H
#define KTLS_X509_PEM_H

#include "ossl.h"
#include "x509.h"

/* A file, or the caller's text; it may have a key in it */
struct source {
	const char *name;
	const char *text;
	size_t len;
	struct wr file;		/* owns @text, if it was read */
};

/* @path or @pem; @err is what is returned when it cannot be read */
int source_open(struct source *s, const char *path, const char *pem,
		const char *pem_name, int err, struct text why);
void source_close(struct source *s);

/* The OCSP response in a file (x509_status.c); -KTLS_E_CERT_FILE */
int cred_load_status(struct cred *cred, const char *path, struct text why);

/*
 * Which scheme of 9846 4.3.3 the signature of @x is; @any_curve: in 1.2's
 * terms; without its issuer by any kind of key (x509_sigalg.c)
 */
const struct sigscheme *x509_signed_with(X509 *x, X509 *issuer,
					 bool any_curve);

/* The timestamps in a file (x509_sct.c); -KTLS_E_CERT_FILE */
int cred_load_sct(struct cred *cred, const char *path, struct text why);

/* The private key in a source (x509_cred.c); -KTLS_E_KEY_FILE */
int cred_load_key(struct cred *cred, const struct source *s, struct text why);
/* A credential that is a key alone (x509_raw.c) */
int cred_load_raw(struct cred *cred, const struct ktls_cred *from,
		  struct text why);

/* By what a peer may know it (x509_authority.c) */
int cert_identify(struct cert *c, const X509 *x);

/* What is in a source, keys aside; in its order */
struct found {
	STACK_OF(X509) *certs;
	STACK_OF(X509_CRL) *crls;
};

int found_init(struct found *f);
void found_free(struct found *f);
/* Add what is in @s; @err is what is returned when it does not parse */
int found_parse(struct found *f, const struct source *s, int err,
		struct text why);

#endif /* KTLS_X509_PEM_H */
