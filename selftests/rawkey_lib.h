/* SPDX-License-Identifier: GPL-2.0-only */
/* Raw public keys (RFC 7250): those of the certificates of peer.h */
#ifndef SELFTESTS_RAWKEY_LIB_H
#define SELFTESTS_RAWKEY_LIB_H

#include <openssl/evp.h>

#include "peer.h"

/* The key of pki_key(), without a certificate */
struct ktls_cred raw_cred(const char *name);
EVP_PKEY *raw_key(const char *name);
/* SubjectPublicKeyInfo: PEM, DER, and its SHA-256 in hex; all to be freed */
char *raw_pem(const char *name);
uint8_t *raw_der(const char *name, size_t *len);
char *raw_hash(const char *name);

#endif /* SELFTESTS_RAWKEY_LIB_H */
