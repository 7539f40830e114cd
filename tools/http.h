/* SPDX-License-Identifier: MIT */
/* Requests of HTTP/1.1 (RFC 9112), as a server reads them. */
#ifndef TOOLS_HTTP_H
#define TOOLS_HTTP_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "text.h"

#define HTTP_TARGET_MAX	8192	/* of a request's target, bytes */
#define HTTP_HEAD_MAX	16384	/* ... and its whole head */
#define HTTP_FIELDS_MAX	100
#define HTTP_BODY_MAX	65536	/* of a body that is read and thrown away */

/* The fields that a file server looks at */
enum http_field {
	HTTP_FIELD_ACCEPT_ENCODING,
	HTTP_FIELD_EXPECT,
	HTTP_FIELD_HOST,
	HTTP_FIELD_IF_MATCH,
	HTTP_FIELD_IF_MODIFIED_SINCE,
	HTTP_FIELD_IF_NONE_MATCH,
	HTTP_FIELD_IF_RANGE,
	HTTP_FIELD_IF_UNMODIFIED_SINCE,
	HTTP_FIELD_RANGE,
	/* ... and its access log */
	HTTP_FIELD_REFERER,
	HTTP_FIELD_USER_AGENT,
	HTTP_FIELD_COUNT,
	HTTP_FIELD_OTHER = HTTP_FIELD_COUNT,
};

struct http_request {
	http_parser parser;
	/*
	 * The target, and the values in the order in which they came, each with
	 * a byte before it that says of which field it is, and all NUL-terminated
	 */
	struct text text;
	char first;		/* byte, after empty lines */
	char name[24];		/* of the field being read */
	uint8_t name_len;
	uint8_t field;		/* enum http_field, once its value begins */
	bool in_value;
	bool head_done;
	bool done;		/* read whole, or @status says why not */
	bool keep_alive;
	uint16_t fields;
	uint32_t bytes;		/* fed so far */
	uint32_t body;
	int status;		/* 0, or the 4xx, 5xx to answer with */
};

void http_request_init(struct http_request *r);
void http_request_free(struct http_request *r);

/*
 * Parse @len bytes; returns how many belong to this request, which are fewer
 * only when @r->done has become true.
 */
size_t http_request_feed(struct http_request *r, const char *data, size_t len);

const char *http_request_target(const struct http_request *r);
/* "-": there is none that is known */
const char *http_request_method(const struct http_request *r);
bool http_request_has(const struct http_request *r, enum http_field field);
/*
 * Of a list, which may be in several lines (RFC 9110 5.3): the value behind
 * @value, or the first for NULL; NULL behind the last
 */
const char *http_request_next(const struct http_request *r,
			      enum http_field field, const char *value);
/* NULL if absent, or sent more than once, which makes it meaningless */
const char *http_request_field(const struct http_request *r,
			       enum http_field field);

/* ---- dates (RFC 9110 5.6.7) -------------------------------------------- */

#define HTTP_DATE_MAX	32

/* "Sun, 06 Nov 1994 08:49:37 GMT" into @buf of HTTP_DATE_MAX; @buf */
char *http_date(time_t t, char *buf);
/* Any of the three forms; -1 if it is none. */
time_t http_date_parse(const char *s);

#endif
