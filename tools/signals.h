/* SPDX-License-Identifier: MIT */
/* The signals that a server acts upon, as a descriptor to wait on. */
#ifndef TOOLS_SIGNALS_H
#define TOOLS_SIGNALS_H

#include <stdbool.h>

/*
 * SIGHUP, SIGINT and SIGTERM, and with @children SIGCHLD, are blocked, and to
 * be read from what is returned, non-blocking; SIGPIPE is ignored.  Before
 * threads are begun.  Or -1 with errno.
 */
int signals_open(bool children);

/* The next one that has come, or 0 */
int signals_next(int fd);

#endif
