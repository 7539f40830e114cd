/* SPDX-License-Identifier: MIT */
/*
 * Memory for what holds secrets as long as it lives: handshakes, connections,
 * sessions, the keys of tickets, PSKs.  The kernel leaves it out of core dumps
 * (MADV_DONTDUMP).  A child of fork(2) has it as it has all else, because
 * servers make their configs before they fork, and a connection may go on in
 * the child (ktls.h).  It is not locked: RLIMIT_MEMLOCK is a few MiB, and what
 * may not go to a disk has its swap encrypted, or none.
 */
#ifndef KTLS_VAULT_H
#define KTLS_VAULT_H

#include <stddef.h>

#define VAULT_STEP	16

/* What @len bytes take of it */
static inline size_t vault_room(size_t len)
{
	return (len + VAULT_STEP - 1) & ~(size_t)(VAULT_STEP - 1);
}

/* Zeros; NULL: no memory */
void *vault_alloc(size_t len);
/* Wipes; @len as it was; NULL is fine */
void vault_free(void *p, size_t len);

#endif /* KTLS_VAULT_H */
