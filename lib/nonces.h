/* SPDX-License-Identifier: MIT */
/*
 * Random values that are used once and go out in the open: hello randoms,
 * session ids, nonces.  libcrypto's generator takes 2.5 us before the first
 * byte and next to nothing for each, so they are drawn a page at a time, which
 * threads share and no other process inherits.  Nothing secret comes from here.
 */
#ifndef KTLS_NONCES_H
#define KTLS_NONCES_H

#include <stddef.h>

struct nonces;

/* NULL: no memory of the kind is to be had; then each is drawn by itself */
struct nonces *nonces_new(void);
void nonces_free(struct nonces *n);		/* wipes; NULL is fine */

/* 0 or -KTLS_E_CRYPTO; @n may be NULL */
int nonces_take(struct nonces *n, void *buf, size_t len);

#endif /* KTLS_NONCES_H */
