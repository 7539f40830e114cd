/* SPDX-License-Identifier: GPL-2.0-only */
/* A web in which certificates are published, and the hook that browses it */
#ifndef SELFTESTS_CERT_URL_LIB_H
#define SELFTESTS_CERT_URL_LIB_H

#include "../lib/cert_url.h"
#include "mitm_lib.h"

#define TLS12	.min_version = KTLS_TLS12, .max_version = KTLS_TLS12
#define URL	"http://localhost/chain.pkipath"

struct page {
	uint8_t b[8192];
	size_t len;
};

/* What the hook has, in the order in which it is asked, and what it was asked */
struct web {
	struct page page[4];
	ssize_t answer;		/* not 0: in place of a page */
	size_t asked;
	char url[4][CERT_URL_MAX + 1];
	int pkipath;
	uint8_t sha1[20];
	size_t size;
	struct ktls_hs *hs;
};

extern struct web web;
extern const struct ktls_hooks web_hooks;

/*
 * A web anew, with the certificates of pki(@name): one page of all (@path), as
 * libcrypto encodes it, or a page for each
 */
void publish(const char *name, bool path);
/* Both are done, and the server knows the client by the certificate @cert */
void check_taken(struct mitm *m, const char *cert);
/* Renegotiate; the client perhaps with another config */
void again(struct mitm *m, struct ktls_config *client);

#endif /* SELFTESTS_CERT_URL_LIB_H */
