/* SPDX-License-Identifier: MIT */
/*
 * Requests of the kernel for handshakes, by generic netlink: what NFS, NVMe and
 * others that do TLS in the kernel want to be done for them.
 */
#ifndef TOOLS_UPCALL_NL_H
#define TOOLS_UPCALL_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPCALL_NAME_MAX	256
#define UPCALL_KEYS_MAX	5	/* as the kernel has it */

struct upcall_nl;

struct upcall_request {
	int fd;			/* the connection; upcall_nl_done() closes it */
	bool server;
	uint32_t auth;		/* HANDSHAKE_AUTH_* */
	uint32_t timeout;	/* ms; 0: not said */
	char peername[UPCALL_NAME_MAX];	/* "": not said */
	/* serials of keys, see keyrings(7); 0: none */
	int32_t keyring, cert, privkey;
	int32_t keys[UPCALL_KEYS_MAX];	/* pre-shared, best first */
	size_t keys_len;
};

/*
 * Tell the kernel that this process does handshakes: from here on it asks.  0,
 * or -errno after a complaint: -ENOENT where it has none to ask for.
 */
int upcall_nl_open(struct upcall_nl **nl);
void upcall_nl_close(struct upcall_nl *nl);	/* NULL is fine */

/* Readable when there may be something to accept */
int upcall_nl_fd(const struct upcall_nl *nl);
/* Take note of that, before accepting all there is */
void upcall_nl_drain(const struct upcall_nl *nl);

/*
 * The next request, which is this process' from then on: 1; 0: there is none
 * now; -errno.  The keyring that it names is linked to the process' own.
 */
int upcall_nl_accept(struct upcall_nl *nl, struct upcall_request *r);

/*
 * What came of it: @status 0, or a positive errno; @peer: the serial of a key
 * that tells who the peer is, 0: unknown.  Closes the descriptor.  0 or -errno.
 */
int upcall_nl_done(struct upcall_nl *nl, struct upcall_request *r, int status,
		   int32_t peer);

#endif
