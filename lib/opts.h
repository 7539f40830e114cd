/* SPDX-License-Identifier: MIT */
/* A caller's options, in a struct that may be of another version than ours. */
#ifndef KTLS_OPTS_H
#define KTLS_OPTS_H

#include <stddef.h>

/*
 * Into @ours, of @size bytes and zero: the caller's, that say their own size
 * first, which is to be @least.  A caller built with a smaller struct has the
 * defaults for the rest; a larger one is fine as long as nothing beyond ours
 * is asked for.  0, -EINVAL, -E2BIG.
 */
int opts_take(void *ours, size_t size, const void *opts, size_t least);

#endif
