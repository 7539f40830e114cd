/* SPDX-License-Identifier: GPL-2.0-only */
/* OCSP responses about the certificates of peer.h, right and wrong ones */
#ifndef SELFTESTS_OCSP_LIB_H
#define SELFTESTS_OCSP_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum ocsp_says { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };

struct ocsp {
	const char *cert;	/* pki name, whom it is about; NULL: p256 */
	const char *issuer;	/* its issuer; NULL: ca */
	const char *signer;	/* NULL: the issuer */
	enum ocsp_says says;
	long from, until;	/* seconds from now; 0: an hour before, after */
	bool no_until;
	bool sha256;		/* the hash of the identifier; SHA-1 */
	bool sha1_signed;
	bool pss;		/* signed so: the signer has an RSA key */
	int failed;		/* OCSPResponseStatus, if not 0 */
};

/* As DER into @buf: its length */
size_t ocsp_make(const struct ocsp *o, void *buf, size_t size);
/* The same in a file, whose name is good until the test ends */
const char *ocsp_make_file(const struct ocsp *o);
/* A hook of ktls_hooks, which gives the response that was set last */
void ocsp_set(const struct ocsp *o);
ssize_t ocsp_hook(void *arg, size_t cred, void *buf, size_t size);

#endif /* SELFTESTS_OCSP_LIB_H */
