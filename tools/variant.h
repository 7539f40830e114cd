/* SPDX-License-Identifier: MIT */
/*
 * The representations of a file: itself, and its compressed siblings, of which
 * Accept-Encoding chooses one (RFC 9110 12.5.3).
 */
#ifndef TOOLS_VARIANT_H
#define TOOLS_VARIANT_H

#include <stdbool.h>

#include "precond.h"

/*
 * @fd is the file @name below @root, and @e->st its own: put the sibling in
 * their place that the field @accept (NULL: absent) prefers.  0, or 406; does
 * the answer depend on the field?
 */
int variant_choose(struct entity *e, int *fd, int root, const char *name,
		   const char *accept, bool *varies);

#endif
