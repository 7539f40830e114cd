/* SPDX-License-Identifier: MIT */
/*
 * Files that were asked for lately: what each was when it was looked at, and
 * its content if that is small.  A cache belongs to one thread.
 *
 * What it tells of a name was true at one moment, not longer ago than it may
 * remember.  Descriptors are kept for files that are not in memory, and such a
 * file is looked at each time, so that tag and content are of one version.
 */
#ifndef TOOLS_FILECACHE_H
#define TOOLS_FILECACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "http.h"
#include "list.h"
#include "precond.h"

struct filecache;

/* What a name stands for; it does not change */
struct file {
	int err;		/* -errno, and nothing of what follows */
	int fd;			/* -1: the content is here, or a directory */
	struct stat st;
	time_t seen;		/* ... so at this time */
	char *content;		/* NULL: by the descriptor */
	const char *type;
	char tag[ETAG_MAX];
	char date[HTTP_DATE_MAX];	/* Last-Modified */

	/* the cache's */
	struct filecache *cache;	/* NULL: is not there (any more) */
	struct file *next;		/* in its bucket */
	struct list used;
	int64_t used_at, looked_at;
	int64_t due;		/* is to be looked at again, ms */
	uint64_t hash;
	unsigned int refs;
	bool settled;		/* a later change has another time */
	size_t len;
	char name[];
};

struct filecache_limits {
	int valid_ms;		/* what it may remember; 0: nothing */
	unsigned int fds;
	size_t bytes;
};

/* For what is below @root, which stays the caller's; NULL: no memory */
struct filecache *filecache_new(int root, const struct filecache_limits *max);
/* What somebody has a hold of outlives it */
void filecache_free(struct filecache *c);
void filecache_empty(struct filecache *c);

/* It is @now, ms: forget what nobody has asked for since long */
void filecache_age(struct filecache *c, int64_t now);
/* When to call that again; 0: there is nothing to forget */
int64_t filecache_due(const struct filecache *c);

/*
 * What is @name, relative to the root?  For a regular file @fd or @content is
 * set.  NULL: no memory; else the caller's to put.
 */
struct file *filecache_get(struct filecache *c, const char *name);
void file_put(struct file *f);

#endif
