/* SPDX-License-Identifier: MIT */
/* A connection of 'ktls serve', from accept(2) to close(2). */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include "server.h"

/*
 * Take over @fd: 0, or -1 after a complaint, in which case @fd is still the
 * caller's.
 */
int client_new(struct server *s, int fd, const union net_addr *peer);

/* What came with a handshake besides it (struct suppdata) */
void client_heard(struct ktls_hs *hs, const char *what);

/* By what the server has of a client: its entry on a list, its timer */
void client_expire(struct timer *timer);	/* its time is up */
void client_drain(struct list *all);		/* nothing new any more */
void client_cut(struct list *all);		/* at once */

#endif
