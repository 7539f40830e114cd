/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the library asks for, denied: the Nth allocation, call of libcrypto or
 * system call of a kind fails.  And what memory that is given back, the stack
 * and the sockets must not have in them.  The program is linked with --wrap
 * (build.mk).  Of one thread at a time.
 */
#ifndef SELFTESTS_FAULTS_LIB_H
#define SELFTESTS_FAULTS_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum fault {
	FAULT_ALLOC,		/* malloc(), calloc(), of the library */
	FAULT_CRYPTO_ALLOC,	/* ... of libcrypto */
	FAULT_CRYPTO,		/* a call of libcrypto says 0 or NULL */
	FAULT_SHORT,		/* one byte is sent or received */
	FAULT_END,		/* 0 bytes are received, for good */
	FAULT_CTRUNC,		/* what came with them is lost */
	FAULT_EINTR,
	FAULT_EAGAIN,
	FAULT_ECONNRESET,
	FAULT_EPIPE,
	FAULT_ENOMEM,
	FAULT_EIO,
	FAULT_ENOENT,
	FAULT_ENOPROTOOPT,
	FAULT_EINVAL,
	FAULT_EBUSY,
	FAULT_EEXIST,
	FAULT_EBADMSG,
	FAULT_EMFILE,
	FAULT_ENOBUFS,
	FAULT_ECANCELED,
	FAULT_KINDS
};

/* "EINTR"; and its errno, 0 if it has none */
const char *fault_name(enum fault kind);
int fault_errno(enum fault kind);

/* From now on the @n-th chance of @kind is taken, and no other */
void fault_arm(enum fault kind, unsigned int n);
/* ... of what is called so; NULL: of all */
void fault_only(const char *where);
/* Has one been?  None is, from now on */
bool fault_disarm(void);
bool fault_taken(void);
/* What was made to fail last: "send" */
const char *fault_where(void);
/* No chances meanwhile: for the test's own calls (it nests) */
void fault_pause(int by);

/* Blocks that are allocated now: the library's, libcrypto's */
struct blocks {
	long ours, crypto;
};
struct blocks fault_blocks(void);

/*
 * What @where, which may fail as the bits of @allowed say, is to do now, errno
 * being set; FAULT_KINDS: what it does
 */
enum fault fault_due(unsigned int allowed, const char *where);

/* ---- what nobody shall find --------------------------------------------- */

#define SECRET_NEEDLE	16	/* bytes that tell a secret from all else */

/* One that is not to be left behind; the oldest go when there are too many */
void secret_known(const char *name, const void *b);
void secret_forget_all(void);
/* What was in a block that was freed since the last call, or NULL */
const char *secret_freed(void);
/* Which one is in @p (of any alignment, a stack too), or NULL */
const char *secret_find(const void *p, size_t len);

/* ---- where the library waits -------------------------------------------- */

/*
 * Called before poll(2) does, with nothing armed: brings about what is waited
 * for, in the one thread that there is.  NULL: nothing is called.
 */
void fault_on_poll(void (*fn)(void *arg), void *arg);

/* It never waits: it is interrupted, or finds each time what is not so */
enum storm { STORM_NONE, STORM_EINTR, STORM_READY };
void fault_storm(enum storm storm);

/* ---- as they are, whatever is armed ------------------------------------- */

int __real_shutdown(int fd, int how);
ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __real_recv(int fd, void *buf, size_t len, int flags);

#endif /* SELFTESTS_FAULTS_LIB_H */
