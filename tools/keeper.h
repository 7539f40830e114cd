/* SPDX-License-Identifier: MIT */
/* A process that keeps the private keys, and does nothing but sign. */
#ifndef TOOLS_KEEPER_H
#define TOOLS_KEEPER_H

#include <pthread.h>

#include <ktls.h>

struct keeper {
	int fd;			/* to it; its end is the other's, too */
	pthread_mutex_t lock;	/* from an order to its reply */
};

/*
 * Start it with the keys of @creds, which from then on are elsewhere: this
 * process never reads a key that is in a file of its own.  0, or -1 after a
 * complaint.
 */
int keeper_start(struct keeper *k, struct ktls_cred *creds, size_t len);

/* For ktls_hooks.sign, with the keeper as its argument: waits for it */
ssize_t keeper_sign(void *arg, struct ktls_hs *hs,
		    const struct ktls_sign_request *request, void *sig,
		    size_t size);

#endif
