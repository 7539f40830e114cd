/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_PEM_H
#define TOOLS_PEM_H

#include <stddef.h>

/*
 * A certificate or a private key in DER as PEM text, which is what the library
 * takes; what is PEM already is copied.  NULL: out of memory, or no private key
 * of a form that is known (PKCS #8, and those of RSA and of EC alone).  To be
 * given back to pem_free().
 */
char *pem_certificate(const void *data, size_t len);
char *pem_private_key(const void *data, size_t len);
void pem_free(char *pem);	/* wipes; NULL is fine */

#endif
