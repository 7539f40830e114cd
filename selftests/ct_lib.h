/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timing, as memcheck sees it: what is secret is undefined to it, and it
 * reports every jump, every address and every system call that depends on
 * something undefined.  The library is as it is shipped; what becomes secret,
 * and what no longer is, is said around its calls (linked with --wrap):
 *
 *	a key exchange	its result is secret, and all that is made of it
 *	aead_seal()	what comes out is public, and goes anywhere
 *	aead_open()	each bit is as secret as it was when it was sealed here
 *	secret_eq()	whether two are equal is public, and nothing more
 *	psk_bind()	a binder is sent in the open
 *	sig_sign()	what is signed, and verified, is public
 *
 * libcrypto's own code is not looked at (ct.supp).
 */
#ifndef SELFTESTS_CT_LIB_H
#define SELFTESTS_CT_LIB_H

#include <stdbool.h>
#include <stddef.h>

void ct_secret(void *p, size_t len);
void ct_public(void *p, size_t len);
/* Is a bit of it secret? */
bool ct_is_secret(const void *p, size_t len);

/* What memcheck has reported so far; 0 and false where it does not run */
unsigned int ct_errors(void);
bool ct_watched(void);

/* Calls of secret_eq() that were about a secret */
extern unsigned int ct_compares;
/* They stop at the first difference, as they must not */
extern bool ct_naive;

#endif /* SELFTESTS_CT_LIB_H */
