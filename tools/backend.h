/* SPDX-License-Identifier: MIT */
/* A plain connection, to a server without TLS, behind one with it. */
#ifndef TOOLS_BACKEND_H
#define TOOLS_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/un.h>

#include "inside.h"
#include "net.h"
#include "plumb.h"

/* Where the server is */
struct backend_at {
	bool given;
	bool announces;		/* by the PROXY protocol, who the client is */
	struct net_host host;
	struct sockaddr_un path;	/* if its family is not 0 */
};

struct backend {
	struct inside inside;
	int fd;
	bool tcp;
	atomic_bool cut;	/* it must not take for all what it got */
	atomic_bool reset;	/* nor we what it sent, says who writes to it */
	atomic_bool written;	/* who will not say it any more */
	struct plumb in, out;	/* as the server sees it */
};

/* "HOST:PORT", or the path of a Unix socket; 0, or -1 after a complaint */
int backend_parse(struct backend_at *at, const char *arg);

/* Connect within @ms milliseconds; 0, or -1 after a complaint */
int backend_connect(struct backend *b, const struct backend_at *at, int ms);
/*
 * ... and have it behind a relay.  @b stays until the process ends, as threads
 * go on with it.  0, or -1 after a complaint.
 */
int backend_start(struct backend *b);
/* When nothing more comes: what has, gets there, or is known not to */
void backend_finish(struct backend *b);

#endif
