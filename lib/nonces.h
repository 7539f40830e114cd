/* SPDX-License-Identifier: MIT */
/*
 * Random values that are used once and go out to the peer: hello randoms,
 * session ids, what a ticket's age is hidden by.  libcrypto's generator takes
 * 2.5 us before the first byte and next to nothing for each, so they are drawn a
 * page at a time, which threads share and no child of fork(2) inherits.
 *
 * A machine that is copied while it runs has two of the same page.  So nothing
 * comes from here that must not repeat under one key, nor anything that is to
 * stay secret once it was sent.  Who forks while another thread is in here has a
 * child that waits for ever, as with all locks.
 */
#ifndef KTLS_NONCES_H
#define KTLS_NONCES_H

#include <stdbool.h>
#include <stddef.h>

struct nonces;

/* NULL: no memory of the kind is to be had; then each is drawn by itself */
struct nonces *nonces_new(void);
void nonces_free(struct nonces *n);		/* wipes; NULL is fine */

/* Made by a parent of this process; NULL: that cannot be known */
bool nonces_inherited(const struct nonces *n);
/* 0 or -KTLS_E_CRYPTO; @n may be NULL */
int nonces_take(struct nonces *n, void *buf, size_t len);

#endif /* KTLS_NONCES_H */
