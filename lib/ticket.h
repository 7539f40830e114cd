/* SPDX-License-Identifier: MIT */
/*
 * What seals a session that leaves the process: in a ticket (RFC 5077 4), or
 * in a store that others can read.  The keys change with time, and servers
 * that have the same ones open what the others have sealed.
 */
#ifndef KTLS_TICKET_H
#define KTLS_TICKET_H

#include "crypto.h"

struct tickets;

/* Keys seal for @period seconds, and open for as long again */
struct tickets *tickets_new(const struct crypto *crypto, uint32_t period);
void tickets_free(struct tickets *t);		/* wipes; NULL is fine */

/*
 * Append @state, sealed for the use and place that @aad names, to @w: 0 or a
 * reason.  It opens until @until (seconds since the epoch).
 */
int ticket_seal(struct tickets *t, struct slice aad, struct slice state,
		struct wr *w, uint64_t *until);
/*
 * Append what is inside to @w; false if it is not ours, too old, or damaged.
 * @old: the key seals no more, it is time for another ticket.
 */
bool ticket_open(struct tickets *t, struct slice aad, struct slice ticket,
		 struct wr *w, bool *old);

#endif /* KTLS_TICKET_H */
