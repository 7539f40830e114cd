/* SPDX-License-Identifier: MIT */
/* Conditional and range requests (RFC 9110 13 and 14). */
#ifndef TOOLS_PRECOND_H
#define TOOLS_PRECOND_H

#include <stdint.h>
#include <sys/stat.h>

#include "http.h"

#define ETAG_MAX	40

/* A strong validator from size and time of change, quoted, into @buf; @buf */
char *etag(const struct stat *st, char *buf);

/* 0: go on; or 304, 412 */
int precond_check(const struct http_request *r, const struct stat *st);

/*
 * Which bytes of the file are wanted: 200 and all of them, 206 and those, or
 * 416.  Several ranges at once are answered as if none had been asked for.
 */
int precond_range(const struct http_request *r, const struct stat *st,
		  uint64_t *first, uint64_t *len);

#endif
