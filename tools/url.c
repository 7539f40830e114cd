// SPDX-License-Identifier: MIT
#include "url.h"

#include <http_parser.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Nothing that could end the request's line, or begin another field */
static bool printable(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static bool copy_field(char *to, size_t size, const struct url *url,
		       const struct http_parser_url *p, int field)
{
	size_t len = p->field_data[field].len;

	if (len >= size)
		return false;
	memcpy(to, url->text + p->field_data[field].off, len);
	to[len] = '\0';
	return true;
}

static const char *take_authority(struct url *url,
				  const struct http_parser_url *p)
{
	const char *open = "", *close = "";

	if (!(p->field_set & 1 << UF_HOST) ||
	    !copy_field(url->to.host, sizeof(url->to.host), url, p, UF_HOST))
		return "no host in it";
	strcpy(url->to.port, "443");
	if (p->field_set & 1 << UF_PORT)
		snprintf(url->to.port, sizeof(url->to.port), "%u", p->port);
	if (strchr(url->to.host, ':')) {
		open = "[";
		close = "]";
	}
	snprintf(url->authority, sizeof(url->authority), "%s%s%s%s%s", open,
		 url->to.host, close, p->field_set & 1 << UF_PORT ? ":" : "",
		 p->field_set & 1 << UF_PORT ? url->to.port : "");
	return NULL;
}

const char *url_parse(struct url *url, const char *s)
{
	struct http_parser_url p;
	size_t len = strcspn(s, "#");

	if (len >= sizeof(url->text))
		return "too long";
	memcpy(url->text, s, len);
	url->text[len] = '\0';
	if (!printable(url->text))
		return "a character in it must be percent-encoded";
	http_parser_url_init(&p);
	if (http_parser_parse_url(url->text, len, 0, &p) ||
	    !(p.field_set & 1 << UF_SCHEMA))
		return "not a URL; write it as https://host/path";
	if (p.field_data[UF_SCHEMA].len != 5 ||
	    strncasecmp(url->text, "https", 5))
		return "only https is spoken here";
	if (p.field_set & 1 << UF_USERINFO)
		return "user and password are not supported";
	url->target = url->text + len;
	if (p.field_set & 1 << UF_PATH)
		url->target = url->text + p.field_data[UF_PATH].off;
	else if (p.field_set & 1 << UF_QUERY)
		url->target = url->text + p.field_data[UF_QUERY].off - 1;
	return take_authority(url, &p);
}

/* ---- references -------------------------------------------------------- */

/* RFC 3986 5.2.4, in place */
static void remove_dots(char *path)
{
	const char *in = path;
	char *out = path;
	size_t rest = strcspn(path, "?");
	const char *end = path + rest;

	while (in < end) {
		size_t len = 1 + strcspn(in + 1, "/?");

		if (len == 2 && !strncmp(in, "/.", 2)) {
			in += 2;
			if (in == end)
				*out++ = '/';
		} else if (len == 3 && !strncmp(in, "/..", 3)) {
			in += 3;
			while (out > path && *--out != '/')
				;
			if (in == end)
				*out++ = '/';
		} else {
			memmove(out, in, len);
			in += len;
			out += len;
		}
	}
	memmove(out, end, strlen(end) + 1);
}

static bool has_scheme(const char *s)
{
	size_t len = strcspn(s, ":/?#");

	return len && s[len] == ':';
}

/* How much of @base's target stands before @reference */
static int base_path(const struct url *base, const char *reference)
{
	size_t path = strcspn(base->target, "?");

	if (!*reference || *reference == '#')
		return (int)strlen(base->target);
	if (*reference == '?')
		return (int)path;
	while (path && base->target[path - 1] != '/')
		path--;
	return (int)path;
}

const char *url_resolve(struct url *to, const struct url *base,
			const char *reference)
{
	char text[URL_MAX];
	int n;

	if (has_scheme(reference))
		n = snprintf(text, sizeof(text), "%s", reference);
	else if (!strncmp(reference, "//", 2))
		n = snprintf(text, sizeof(text), "https:%s", reference);
	else if (*reference == '/')
		n = snprintf(text, sizeof(text), "https://%s%s",
			     base->authority, reference);
	else
		n = snprintf(text, sizeof(text), "https://%s%s%.*s%s",
			     base->authority,
			     *base->target == '/' ? "" : "/",
			     base_path(base, reference), base->target,
			     reference);
	if (n < 0 || (size_t)n >= sizeof(text))
		return "too long";
	if (!has_scheme(reference)) {
		char *path = strchr(text + strlen("https://"), '/');

		text[strcspn(text, "#")] = '\0';
		if (path && path < text + strlen(text))
			remove_dots(path);
	}
	return url_parse(to, text);
}
