// SPDX-License-Identifier: MIT
#include "http.h"

#include <string.h>
#include <strings.h>

static const char *const field_names[HTTP_FIELD_COUNT] = {
	[HTTP_FIELD_ACCEPT_ENCODING] = "Accept-Encoding",
	[HTTP_FIELD_EXPECT] = "Expect",
	[HTTP_FIELD_HOST] = "Host",
	[HTTP_FIELD_IF_MATCH] = "If-Match",
	[HTTP_FIELD_IF_MODIFIED_SINCE] = "If-Modified-Since",
	[HTTP_FIELD_IF_NONE_MATCH] = "If-None-Match",
	[HTTP_FIELD_IF_RANGE] = "If-Range",
	[HTTP_FIELD_IF_UNMODIFIED_SINCE] = "If-Unmodified-Since",
	[HTTP_FIELD_RANGE] = "Range",
	[HTTP_FIELD_REFERER] = "Referer",
	[HTTP_FIELD_USER_AGENT] = "User-Agent",
};

/* ---- the parser's callbacks -------------------------------------------- */

static int fail(struct http_request *r, int status)
{
	if (!r->status)
		r->status = status;
	return -1;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct http_request *r = p->data;

	if (r->text.len + len > HTTP_TARGET_MAX)
		return fail(r, HTTP_STATUS_URI_TOO_LONG);
	text_put(&r->text, at, len);
	return 0;
}

static uint8_t find_field(const struct http_request *r)
{
	uint8_t i;

	for (i = 0; i < HTTP_FIELD_COUNT; i++)
		if (strlen(field_names[i]) == r->name_len &&
		    !strncasecmp(field_names[i], r->name, r->name_len))
			break;
	return i;
}

/* Of a field, before each of its values; no blank */
static char mark(enum http_field field)
{
	return (char)('A' + field);
}

/* The parser leaves the blanks behind it (RFC 9112 5) */
static void end_value(struct http_request *r)
{
	struct text *t = &r->text;

	if (!r->in_value || r->field == HTTP_FIELD_OTHER)
		return;
	while (t->len && strchr(" \t", t->buf[t->len - 1]))
		t->len--;
}

static int on_field(http_parser *p, const char *at, size_t len)
{
	struct http_request *r = p->data;

	/* which the parser lets pass, and others take for another name: 9112 5.1 */
	if (memchr(at, ' ', len))
		return fail(r, HTTP_STATUS_BAD_REQUEST);
	if (r->head_done)
		return 0;	/* a trailer, which may hold none of ours */
	if (r->in_value || !r->fields) {
		end_value(r);
		r->in_value = false;
		r->name_len = 0;
		if (++r->fields > HTTP_FIELDS_MAX)
			return fail(r,
				HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE);
	}
	/* a name longer than those that matter is cut, and matches none */
	if (len > sizeof(r->name) - r->name_len)
		len = sizeof(r->name) - r->name_len;
	memcpy(r->name + r->name_len, at, len);
	r->name_len = (uint8_t)(r->name_len + len);
	return 0;
}

static void begin_value(struct http_request *r)
{
	r->in_value = true;
	r->field = find_field(r);
	if (r->field == HTTP_FIELD_OTHER)
		return;
	/* the NUL ends what stands before it */
	text_put(&r->text, (char[]){ '\0', mark(r->field) }, 2);
}

static int on_value(http_parser *p, const char *at, size_t len)
{
	struct http_request *r = p->data;

	if (r->head_done)
		return 0;
	if (!r->in_value)
		begin_value(r);
	if (r->field != HTTP_FIELD_OTHER)
		text_put(&r->text, at, len);
	return 0;
}

/* Exactly one, which may be empty (RFC 9112 3.2), but by HTTP/1.0 */
static bool host_is_good(const struct http_request *r)
{
	const char *host = http_request_field(r, HTTP_FIELD_HOST);

	if (!host)
		return !r->parser.http_minor &&
		       !http_request_has(r, HTTP_FIELD_HOST);
	return !strpbrk(host, " \t/@?#\\\"");
}

/* What can be told from the head alone: the status to refuse with, or 0 */
static int judge(const struct http_request *r)
{
	const http_parser *p = &r->parser;
	bool has_body = p->flags & F_CHUNKED ||
			(p->flags & F_CONTENTLENGTH && p->content_length);

	if (p->http_major != 1)
		return HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
	if (!host_is_good(r))
		return HTTP_STATUS_BAD_REQUEST;
	if (p->method != HTTP_GET && p->method != HTTP_HEAD)
		return HTTP_STATUS_METHOD_NOT_ALLOWED;
	if (p->flags & F_CONTENTLENGTH && p->content_length > HTTP_BODY_MAX)
		return HTTP_STATUS_PAYLOAD_TOO_LARGE;
	/* no body is of any use here, so none is asked for */
	if (http_request_has(r, HTTP_FIELD_EXPECT) && has_body)
		return HTTP_STATUS_EXPECTATION_FAILED;
	return 0;
}

static int on_headers_complete(http_parser *p)
{
	struct http_request *r = p->data;
	int status;

	end_value(r);
	text_put(&r->text, "", 1);
	if (r->text.failed)
		return fail(r, HTTP_STATUS_SERVICE_UNAVAILABLE);
	status = judge(r);
	if (status)
		return fail(r, status);
	r->head_done = true;
	/*
	 * Who is before us may see the end of chunks elsewhere (9112 6.1).  A
	 * "close" counts beside any other word, too (9.3), also by HTTP/1.0.
	 */
	r->keep_alive = http_should_keep_alive(p) &&
			!(p->flags & (F_CHUNKED | F_CONNECTION_CLOSE));
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct http_request *r = p->data;

	(void)at;
	r->body += (uint32_t)len;
	return r->body > HTTP_BODY_MAX ?
	       fail(r, HTTP_STATUS_PAYLOAD_TOO_LARGE) : 0;
}

static int on_complete(http_parser *p)
{
	struct http_request *r = p->data;

	r->done = true;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

/* ---- requests ---------------------------------------------------------- */

void http_request_init(struct http_request *r)
{
	*r = (struct http_request){ 0 };
	http_parser_init(&r->parser, HTTP_REQUEST);
	r->parser.data = r;
}

void http_request_free(struct http_request *r)
{
	text_free(&r->text);
}

/* What a failure of the parser's own is worth */
static int parser_status(const struct http_request *r)
{
	switch (HTTP_PARSER_ERRNO(&r->parser)) {
	case HPE_INVALID_METHOD:
		/* a word, so a method, if not one that is known */
		return r->first >= 'A' && r->first <= 'Z' ?
		       HTTP_STATUS_NOT_IMPLEMENTED : HTTP_STATUS_BAD_REQUEST;
	case HPE_HEADER_OVERFLOW:
		return !r->fields ? HTTP_STATUS_URI_TOO_LONG :
		       HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
	case HPE_INVALID_TRANSFER_ENCODING:
		return HTTP_STATUS_NOT_IMPLEMENTED;
	default:
		return HTTP_STATUS_BAD_REQUEST;
	}
}

/* The parser limits heads and trailers; chunks may still be mostly framing */
static bool too_long(struct http_request *r, size_t used)
{
	r->bytes += (uint32_t)used;
	return r->bytes > 2 * (HTTP_HEAD_MAX + HTTP_BODY_MAX);
}

static void note_first(struct http_request *r, const char *data, size_t len)
{
	while (len && (*data == '\r' || *data == '\n')) {
		data++;
		len--;
	}
	r->first = len ? *data : '\0';
}

size_t http_request_feed(struct http_request *r, const char *data, size_t len)
{
	size_t used;

	if (!r->first)
		note_first(r, data, len);
	http_parser_set_max_header_size(HTTP_HEAD_MAX);
	used = http_parser_execute(&r->parser, &settings, data, len);
	if (r->done)
		return used;
	if (!HTTP_PARSER_ERRNO(&r->parser) && !too_long(r, used))
		return used;
	if (!r->status)
		r->status = HTTP_PARSER_ERRNO(&r->parser) ?
			    parser_status(r) : HTTP_STATUS_BAD_REQUEST;
	r->done = true;
	r->keep_alive = false;
	return used;
}

const char *http_request_target(const struct http_request *r)
{
	return r->text.buf ? r->text.buf : "";
}

/* Before the target comes the parser has only guessed */
const char *http_request_method(const struct http_request *r)
{
	if (!*http_request_target(r) ||
	    HTTP_PARSER_ERRNO(&r->parser) == HPE_INVALID_METHOD)
		return "-";
	return http_method_str((enum http_method)r->parser.method);
}

const char *http_request_next(const struct http_request *r,
			      enum http_field field, const char *value)
{
	const char *p = value ? value : r->text.buf, *end;

	if (!p)
		return NULL;
	end = r->text.buf + r->text.len;
	while ((p += strlen(p) + 1) < end)
		if (*p++ == mark(field))
			return p;
	return NULL;
}

bool http_request_has(const struct http_request *r, enum http_field field)
{
	return http_request_next(r, field, NULL);
}

const char *http_request_field(const struct http_request *r,
			       enum http_field field)
{
	const char *value = http_request_next(r, field, NULL);

	return value && !http_request_next(r, field, value) ? value : NULL;
}

/* ---- dates ------------------------------------------------------------- */

char *http_date(time_t t, char *buf)
{
	struct tm tm;

	/* a file may be of any year: of one that there is no date for, 1970 */
	if (!gmtime_r(&t, &tm) ||
	    !strftime(buf, HTTP_DATE_MAX, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return http_date(0, buf);
	return buf;
}

time_t http_date_parse(const char *s)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %d %H:%M:%S %Y",
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(s, forms[i], &tm);

		if (end && !*end)
			return timegm(&tm);
	}
	return -1;
}
