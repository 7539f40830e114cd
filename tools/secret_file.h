/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SECRET_FILE_H
#define TOOLS_SECRET_FILE_H

#include <stddef.h>

struct stat;

/*
 * Put @buf under the name @file, in one step: 0 or an errno.  It is for its
 * owner only, or has owner, group and mode of @like, but nothing for others.
 * Where @file is a link, it stays one, and the file that it leads to is put
 * there.
 */
int secret_write(const char *file, const void *buf, size_t len,
		 const struct stat *like);
/* ... and remove what that has put there; a link stays: 0 or an errno */
int secret_remove(const char *file);

#endif
