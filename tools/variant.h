/* SPDX-License-Identifier: MIT */
/*
 * The representations of a file: itself, and its compressed siblings, of which
 * Accept-Encoding chooses one (RFC 9110 12.5.3).
 */
#ifndef TOOLS_VARIANT_H
#define TOOLS_VARIANT_H

#include <stdbool.h>

#include "filecache.h"
#include "http.h"

/*
 * @file is what @name stands for in the cache: put the sibling in its place that
 * @r prefers, and its @coding.  0, or 406; does the answer depend on the field?
 */
int variant_choose(struct file **file, const char **coding,
		   struct filecache *files, const char *name,
		   const struct http_request *r, bool *varies);
/* What a sibling's name has behind the file's? */
bool variant_is_suffix(const char *s);

#endif
