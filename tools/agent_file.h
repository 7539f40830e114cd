/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_AGENT_FILE_H
#define TOOLS_AGENT_FILE_H

#include <stdbool.h>

/*
 * All of a regular file into *@text, with a NUL behind it: 0 or -errno; -EPERM
 * if it is @secret, and for others than its owner and group, too; -EILSEQ if
 * there is a NUL in it.
 */
int file_text(const char *name, bool secret, char **text);
/* What that returned, in words */
const char *file_text_error(int err);

#endif
