/* SPDX-License-Identifier: MIT */
/* How many connections there are from each address, or /64 of IPv6. */
#ifndef TOOLS_ADDRESSES_H
#define TOOLS_ADDRESSES_H

#include <stdbool.h>

#include "net.h"

/* At most @max from each; 0, the default: any number, and nothing is kept */
void addresses_limit(unsigned int max);
/* One more from @addr: false if that is too many.  By any thread. */
bool addresses_take(const union net_addr *addr);
/* ... which is gone */
void addresses_give(const union net_addr *addr);

#endif
