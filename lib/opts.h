/* SPDX-License-Identifier: MIT */
/* A caller's options, in structs that may be of another version than ours. */
#ifndef KTLS_OPTS_H
#define KTLS_OPTS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "include/ktls.h"

#define OPTS_SIZE_MOST	4096

/*
 * Into @ours, of @size bytes and zero: the caller's, of @theirs bytes.  A
 * caller built with a smaller struct has the defaults for the rest; a larger
 * one is fine as long as nothing beyond ours is asked for.  0, -EINVAL, -E2BIG.
 * Here, as libktls-uring has nothing of libktls but its public calls.
 */
static inline int opts_copy(void *ours, size_t size, const void *opts,
			    size_t theirs)
{
	if (!opts || theirs > OPTS_SIZE_MOST)
		return -EINVAL;
	for (size_t i = size; i < theirs; i++)
		if (((const uint8_t *)opts)[i])
			return -E2BIG;
	memcpy(ours, opts, theirs < size ? theirs : size);
	return 0;
}

/* The same of a struct that says its own size first, which is to be @least */
static inline int opts_take(void *ours, size_t size, const void *opts,
			    size_t least)
{
	size_t theirs;

	if (!opts)
		return -EINVAL;
	memcpy(&theirs, opts, sizeof(theirs));
	return theirs < least ? -EINVAL : opts_copy(ours, size, opts, theirs);
}

/* What struct ktls_opts points to, where it had to be copied */
#define OPTS_PARTS	6

struct opts_parts {
	void *copy[OPTS_PARTS];
};

/*
 * Have @o, a copy of the caller's options, point to structs of our sizes.
 * Whatever it returns, @parts, which is zero, is to be freed when @o is done
 * with.  0, -EINVAL, -E2BIG, -ENOMEM.
 */
int opts_take_parts(struct opts_parts *parts, struct ktls_opts *o,
		    const struct ktls_sizes *sizes);
void opts_free_parts(struct opts_parts *parts);

#endif
