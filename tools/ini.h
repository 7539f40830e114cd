/* SPDX-License-Identifier: MIT */
/*
 * Files of settings: "[section]", "key = value", and "#" at the beginning of a
 * line for a comment, as GLib's key files are (without their escapes).
 */
#ifndef TOOLS_INI_H
#define TOOLS_INI_H

#include <stdbool.h>

#define INI_SIZE_MAX	65536	/* bytes of a file */

/* Where a setting is, and what it is; the strings are gone with the call */
struct ini_at {
	const char *path;
	unsigned int line;		/* from 1 */
	const char *section;		/* "": before the first */
	const char *key;		/* NULL: the section begins */
	const char *value;		/* without spaces around it; "": none */
};

/*
 * Hand each section and each setting of @path to @take, in the file's order,
 * until that returns false, for which it has had a complaint.  False if it
 * does, or after a complaint of what is wrong with the file.
 */
bool ini_read(const char *path,
	      bool (*take)(void *arg, const struct ini_at *at), void *arg);

/* complain() of a setting: "PATH:LINE: ..."; false */
bool ini_complain(const struct ini_at *at, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
