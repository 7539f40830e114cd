/* SPDX-License-Identifier: MIT */
/*
 * Tickets (RFC 5077 4): a session sealed under keys that only servers of one
 * config know, and that change with time.
 */
#ifndef KTLS_TICKET_H
#define KTLS_TICKET_H

#include "crypto.h"

struct tickets;

struct tickets *tickets_new(const struct crypto *crypto);
void tickets_free(struct tickets *t);		/* wipes; NULL is fine */
/* Append @state, sealed, to @w: 0 or a reason */
int ticket_seal(struct tickets *t, struct slice state, struct wr *w);
/* Append what is inside to @w; false if it is not ours, too old, or damaged */
bool ticket_open(struct tickets *t, struct slice ticket, struct wr *w);

#endif /* KTLS_TICKET_H */
