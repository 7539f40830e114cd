/* SPDX-License-Identifier: GPL-2.0-only */
/* Authorities: their names and hashes, and any number of them */
#ifndef SELFTESTS_CAS_LIB_H
#define SELFTESTS_CAS_LIB_H

#include "mitm_lib.h"
#include "peer.h"

#define CREDS_MAX	4

/* The credentials of "p256 stranger", in their order: how many */
size_t cas_creds(const char *names, struct ktls_cred out[CREDS_MAX]);

/* Of a pki name's certificate @nth, borrowed: its subject as an X.501 Name */
struct slice cas_name(const char *cert, int nth);
/* ... and hashes of RFC 6066 6: of the certificate, of its key */
struct slice cas_hash(const char *cert, int nth, bool key);

/*
 * PEM of @n CAs, each with a name of @len characters or a bit more; @same: of
 * one name, and else different ones.  To be freed.
 */
char *cas_pem(unsigned int n, size_t len, bool same);

#endif /* SELFTESTS_CAS_LIB_H */
