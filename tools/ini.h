/* SPDX-License-Identifier: MIT */
/*
 * Files of settings: "[section]", "key = value", and for a comment "#" or ";" at
 * the beginning of a line.
 */
#ifndef TOOLS_INI_H
#define TOOLS_INI_H

#include <stdbool.h>

#define INI_LINE_MAX	4096

/* Where a setting is, and what it is; the strings are gone with the call */
struct ini_at {
	const char *path;
	unsigned int line;	/* from 1; 0: the file as a whole */
	const char *section;	/* "": before the first */
	const char *key;	/* NULL: the section begins */
	char *value;		/* without spaces around it; may be changed */
};

/*
 * Hand each section and each setting of @path to @take, in the file's order,
 * until that returns false, for which it has had a complaint.  False if it
 * does, or after a complaint of what is wrong with the file: that anybody may
 * write to it, too, as whoever does decides for whom it is read.
 */
bool ini_read(const char *path,
	      bool (*take)(void *arg, const struct ini_at *at), void *arg);

/* @s without the spaces around it, in place */
char *ini_trim(char *s);

/* A complaint "PATH:LINE: @what: @value"; @value may be NULL.  False. */
bool ini_wrong(const struct ini_at *at, const char *what, const char *value);

#endif
