/* SPDX-License-Identifier: MIT */
/* What a program is told of its connection, in environment variables. */
#ifndef TOOLS_ENVIRONMENT_H
#define TOOLS_ENVIRONMENT_H

#include <ktls.h>

/*
 * For ktls_hooks.verify: keeps the hash of the peer's certificate.  Of one
 * connection in this process, which is verified by the library.
 */
int environment_peer(void *arg, struct ktls_hs *hs,
		     const struct ktls_verify_request *request);

/*
 * Set all of them for this process, or unset those that do not apply, whoever
 * set them before; 0, or -1 after a complaint.
 */
int environment_set(struct ktls_conn *conn);

#endif
