// SPDX-License-Identifier: MIT
#include "opts.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define SIZE_MOST	4096

int opts_take(void *ours, size_t size, const void *opts, size_t least)
{
	size_t theirs;

	if (!opts)
		return -EINVAL;
	memcpy(&theirs, opts, sizeof(theirs));
	if (theirs < least || theirs > SIZE_MOST)
		return -EINVAL;
	for (size_t i = size; i < theirs; i++)
		if (((const uint8_t *)opts)[i])
			return -E2BIG;
	memcpy(ours, opts, theirs < size ? theirs : size);
	return 0;
}
