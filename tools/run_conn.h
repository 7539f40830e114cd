/* SPDX-License-Identifier: MIT */
/* One connection of 'ktls run', in a process of its own. */
#ifndef TOOLS_RUN_CONN_H
#define TOOLS_RUN_CONN_H

#include <stdbool.h>

#include <ktls.h>

#include "backend.h"
#include "net.h"

struct run_conn {
	struct ktls_config *config;
	struct backend_at to;	/* if it is given, else: */
	char **argv;		/* the program */
	bool socket;		/* is its stdin and stdout */
	int timeout;		/* ms for the handshake, and to connect */
	int stall;		/* ms, see struct relay */
	bool quiet;
};

/* From the handshake to the end of both; the status to exit with */
int run_conn(const struct run_conn *c, int fd, const union net_addr *peer);

#endif
