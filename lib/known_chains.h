/* SPDX-License-Identifier: MIT */
/*
 * Peers' chains that have been verified a short while ago: parsed, with the
 * path to their anchor.  Each is known by a digest of its bytes and of whom it
 * had to be for.  Bounded; of a config, hence of one set of anchors; shared by
 * threads.
 */
#ifndef KTLS_KNOWN_CHAINS_H
#define KTLS_KNOWN_CHAINS_H

#include "x509.h"

#define KNOWN_ID_LEN	32	/* SHA-256 */
#define KNOWN_BYTES_MAX	16384	/* of a chain; longer ones are not kept */

struct known_chains;

/* For @seconds each; NULL: no memory */
struct known_chains *known_new(uint32_t seconds);
void known_free(struct known_chains *k);	/* NULL is fine */

/* Is it there?  Then @peer, empty before, is it. */
bool known_find(struct known_chains *k, const uint8_t id[KNOWN_ID_LEN],
		struct peer_chain *peer);
/*
 * Keep it, if there is memory, in place of the one longest out of use.  It was
 * verified at @from, seconds since the epoch.
 */
void known_add(struct known_chains *k, const uint8_t id[KNOWN_ID_LEN],
	       const struct peer_chain *peer, uint64_t from);

#endif /* KTLS_KNOWN_CHAINS_H */
