/* SPDX-License-Identifier: MIT */
/* Where the store of a fleet is, and the password for it. */
#ifndef TOOLS_PLACE_H
#define TOOLS_PLACE_H

#include <sys/un.h>

#include "fleet.h"
#include "redis.h"

struct place {
	struct redis_place redis;
	struct addrinfo *resolved;	/* of a name; NULL: it is a path */
	struct addrinfo path;
	struct sockaddr_un un;
	char *auth;			/* the file */
};

/* 0, or -1 after a complaint */
int place_open(struct place *p, const struct fleet_options *o);
void place_close(struct place *p);

#endif
