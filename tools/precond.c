// SPDX-License-Identifier: MIT
#include "precond.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void etag(char *tag, const struct stat *st, const char *coding)
{
	snprintf(tag, ETAG_MAX, "\"%llx.%lx-%llx%s%s\"",
		 (unsigned long long)st->st_mtim.tv_sec,
		 (unsigned long)st->st_mtim.tv_nsec,
		 (unsigned long long)st->st_size,
		 coding ? "-" : "", coding ? coding : "");
}

/* A weak one counts only if @weak. */
static bool in_list(const char *list, const char *tag, bool weak)
{
	size_t len = strlen(tag);

	if (!strcmp(list, "*"))
		return true;
	while (*list) {
		bool is_weak = !strncmp(list, "W/", 2);

		if (is_weak)
			list += 2;
		if ((!is_weak || weak) && !strncmp(list, tag, len))
			return true;
		list += strcspn(list, ",");
		list += strspn(list, ", \t");
	}
	return false;
}

/* Is @tag among the entity tags of @field? */
static bool listed(const struct http_request *r, enum http_field field,
		   const char *tag, bool weak)
{
	const char *list = NULL;

	while ((list = http_request_next(r, field, list)))
		if (in_list(list, tag, weak))
			return true;
	return false;
}

/* The date that is to decide: not beside tags */
static time_t decisive(const struct http_request *r, enum http_field date,
		       enum http_field tags)
{
	const char *value = http_request_field(r, date);

	if (!value || http_request_has(r, tags))
		return -1;
	return http_date_parse(value);
}

static bool not_modified(const struct http_request *r, const struct entity *e)
{
	time_t t = decisive(r, HTTP_FIELD_IF_MODIFIED_SINCE,
			    HTTP_FIELD_IF_NONE_MATCH);

	return listed(r, HTTP_FIELD_IF_NONE_MATCH, e->tag, true) ||
	       (t != -1 && e->st->st_mtime <= t);
}

int precond_check(const struct http_request *r, const struct entity *e)
{
	time_t t = decisive(r, HTTP_FIELD_IF_UNMODIFIED_SINCE,
			    HTTP_FIELD_IF_MATCH);

	if ((http_request_has(r, HTTP_FIELD_IF_MATCH) &&
	     !listed(r, HTTP_FIELD_IF_MATCH, e->tag, false)) ||
	    (t != -1 && e->st->st_mtime > t))
		return HTTP_STATUS_PRECONDITION_FAILED;
	return not_modified(r, e) ? HTTP_STATUS_NOT_MODIFIED : 0;
}

/* ---- ranges ------------------------------------------------------------ */

/* Digits at *@s, which may be none; more than fits counts as the most */
static uint64_t take_digits(const char **s, bool *any)
{
	uint64_t n = 0;

	*any = false;
	for (; **s >= '0' && **s <= '9'; ++*s) {
		*any = true;
		if (n < UINT64_MAX / 16)
			n = n * 10 + (uint64_t)(**s - '0');
		else
			n = UINT64_MAX / 4;
	}
	return n;
}

/* Only an unchanged file may be sent in part (RFC 9110 13.1.5) */
static bool if_range(const struct http_request *r, const struct entity *e)
{
	const char *value = http_request_field(r, HTTP_FIELD_IF_RANGE);
	char buf[HTTP_DATE_MAX];

	if (!value)
		return !http_request_has(r, HTTP_FIELD_IF_RANGE);
	if (*value == '"')
		return !strcmp(value, e->tag);
	/* changed within the second before: the date proves nothing */
	return e->st->st_mtime < e->seen - 1 &&
	       !strcmp(value, http_date(e->st->st_mtime, buf));
}

int precond_range(const struct http_request *r, const struct entity *e,
		  uint64_t *first, uint64_t *len)
{
	const char *s = http_request_field(r, HTTP_FIELD_RANGE);
	uint64_t size = (uint64_t)e->st->st_size, a, b;
	bool has_a, has_b;

	*first = 0;
	*len = size;
	if (!s || r->parser.method != HTTP_GET || strncasecmp(s, "bytes=", 6))
		return HTTP_STATUS_OK;
	s += 6;
	a = take_digits(&s, &has_a);
	if (*s++ != '-')
		return HTTP_STATUS_OK;
	b = take_digits(&s, &has_b);
	if (*s || (!has_a && !has_b) || (has_a && has_b && b < a) ||
	    !if_range(r, e))
		return HTTP_STATUS_OK;
	if (!has_a) {
		a = b < size ? size - b : 0;
		a = b ? a : size;
	}
	if (a >= size)
		return HTTP_STATUS_RANGE_NOT_SATISFIABLE;
	if (!has_a || !has_b || b >= size)
		b = size - 1;
	*first = a;
	*len = b - a + 1;
	return HTTP_STATUS_PARTIAL_CONTENT;
}
