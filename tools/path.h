/* SPDX-License-Identifier: MIT */
/* From the target of a request to a file below the served directory. */
#ifndef TOOLS_PATH_H
#define TOOLS_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "text.h"

struct path {
	char name[PATH_MAX];	/* relative, no "." or ".." in it; "." alone */
	bool directory;		/* the target ended in a slash */
	const char *query;	/* in the target, with its '?'; or NULL */
	size_t query_len;
};

/*
 * Take @target apart, and decode it exactly once.  Returns 0, or the status
 * of HTTP to refuse it with.
 */
int path_parse(struct path *p, const char *target);

/*
 * Open @name below the directory @root for reading: a symbolic link may lead
 * elsewhere below @root, but never out of it.  Returns a descriptor or -errno.
 */
int path_open(int root, const char *name);

/* Append @name as the absolute path of a URL, encoded */
void path_encode(struct text *t, const char *name);

#endif
