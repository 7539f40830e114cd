/* SPDX-License-Identifier: MIT */
/*
 * Where 'ktls get' puts what it gets: a file that appears under its name only
 * once it is whole, or stdout.
 */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
	const char *name;	/* NULL: stdout */
	char *part;		/* the file while it is not whole, or NULL */
	int fd;			/* -1: not opened yet */
	uint64_t written;
	bool progress;		/* to be shown */
	uint64_t expected;	/* UINT64_MAX: not known */
	int64_t begun, shown;
};

/* @name: a file, or NULL or "-" for stdout */
void output_init(struct output *o, const char *name);
/* All or nothing: 0 or -errno, after a complaint */
int output_write(struct output *o, const void *data, size_t len);
/* It is whole: 0 or -errno, after a complaint.  An empty one is created. */
int output_finish(struct output *o);
/* It is not, and will not be; says which file holds the part */
void output_abandon(struct output *o);

#endif
