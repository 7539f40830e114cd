/* SPDX-License-Identifier: MIT */
/* Conditional and range requests (RFC 9110 13 and 14). */
#ifndef TOOLS_PRECOND_H
#define TOOLS_PRECOND_H

#include <stdint.h>
#include <sys/stat.h>

#include "http.h"

#define ETAG_MAX	56

/* What is sent: @tag is one of etag() */
struct entity {
	const struct stat *st;
	time_t seen;		/* it was so then */
	const char *coding;	/* of Content-Encoding; NULL: as it is */
	const char *tag;
};

/*
 * Put a strong validator from size, time of change and coding (or NULL) into
 * @tag of ETAG_MAX, quoted
 */
void etag(char *tag, const struct stat *st, const char *coding);

/* 0: go on; or 304, 412 */
int precond_check(const struct http_request *r, const struct entity *e);

/*
 * Which bytes of the file are wanted: 200 and all of them, 206 and those, or
 * 416.  Several ranges at once are answered as if none had been asked for.
 */
int precond_range(const struct http_request *r, const struct entity *e,
		  uint64_t *first, uint64_t *len);

#endif
