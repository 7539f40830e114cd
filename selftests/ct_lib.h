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

#include "../lib/include/ktls.h"

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

/* Since it began, or the last end: nothing reported, and @compares seen */
struct watch {
	unsigned int errors, compares;
};

#define EACH_FINISHED	2	/* one compare at each end, */
#define EACH_AGREED	2	/* ... and of x25519's result with zeros */

void watch_begin(struct watch *w);
void watch_end(struct watch *w, unsigned int compares);

/*
 * As config(), with records in user space, and tickets under keys that are
 * secret; @cert: of either end, NULL: of a server alone
 */
struct ktls_config *ct_config(struct ktls_opts opts, enum ktls_role role,
			      const char *cert);
#define OPTS(...)	((struct ktls_opts){ __VA_ARGS__ })

#endif /* SELFTESTS_CT_LIB_H */
