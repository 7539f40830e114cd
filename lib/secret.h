/* SPDX-License-Identifier: MIT */
#ifndef KTLS_SECRET_H
#define KTLS_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define HASH_MAX	48	/* SHA-384 */

/* What a key schedule derives: as long as its hash */
struct secret {
	uint8_t len;
	uint8_t b[HASH_MAX];
};

static inline struct slice secret_slice(const struct secret *s)
{
	return (struct slice){ s->b, s->len };
}

/* The one way to forget; neither is optimised away.  NULL is fine. */
void wipe(void *p, size_t len);
void wipe_free(void *p, size_t len);

#endif /* KTLS_SECRET_H */
