/* SPDX-License-Identifier: MIT */
/* The user as whom what meets the network, and programs, run. */
#ifndef TOOLS_IDENTITY_H
#define TOOLS_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
	const char *name;	/* NULL: nobody else */
	uid_t uid;
	gid_t gid;
};

/* Look @name up, which root alone can become; 0, or -1 after a complaint */
int identity_find(struct identity *id, const char *name);

/*
 * Become that user, if there is one, for good, with the groups that are the
 * user's; 0, or -1 after a complaint.
 */
int identity_take(const struct identity *id);

/*
 * Has this process secrets that nobody is to read from it, of the same user
 * either?  0, or -1 after a complaint.
 */
int identity_hide(bool hide);

#endif
