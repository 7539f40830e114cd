// SPDX-License-Identifier: MIT
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_free(struct text *t)
{
	free(t->buf);
	*t = (struct text){ 0 };
}

/* Room for @more bytes and a NUL */
static bool reserve(struct text *t, size_t more)
{
	size_t cap = t->cap ? t->cap : 256;
	char *buf;

	if (t->failed)
		return false;
	while (cap - t->len <= more)
		cap *= 2;
	if (cap == t->cap)
		return true;
	buf = realloc(t->buf, cap);
	if (!buf) {
		t->failed = true;
		return false;
	}
	t->buf = buf;
	t->cap = cap;
	return true;
}

char *text_room(struct text *t, size_t len)
{
	return reserve(t, len) ? t->buf + t->len : NULL;
}

void text_put(struct text *t, const void *data, size_t len)
{
	if (!reserve(t, len))
		return;
	memcpy(t->buf + t->len, data, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

void text_puts(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

void text_number(struct text *t, unsigned long long n)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	text_put(t, p, (size_t)(digits + sizeof(digits) - p));
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list args, again;
	int n;

	if (!reserve(t, 0))
		return;
	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(t->buf + t->len, t->cap - t->len, fmt, args);
	if (n < 0) {
		t->failed = true;
	} else if ((size_t)n < t->cap - t->len) {
		t->len += (size_t)n;
	} else if (reserve(t, (size_t)n)) {
		vsnprintf(t->buf + t->len, t->cap - t->len, fmt, again);
		t->len += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

static bool plain(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~' || strchr("\"\\=", s[i]))
			return false;
	return len > 0;
}

void text_bytes(struct text *t, const void *data, size_t len)
{
	const char *s = data;

	if (plain(s, len)) {
		text_put(t, s, len);
		return;
	}
	text_puts(t, "\"");
	for (; len; s++, len--) {
		if (*s == '"' || *s == '\\')
			text_printf(t, "\\%c", *s);
		else if (*s < ' ' || *s > '~')
			text_printf(t, "\\x%02x", (unsigned char)*s);
		else
			text_put(t, s, 1);
	}
	text_puts(t, "\"");
}

void text_value(struct text *t, const char *s)
{
	text_bytes(t, s, strlen(s));
}

void text_size(struct text *t, double bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (bytes >= 1024 && i + 1 < sizeof(unit) / sizeof(*unit)) {
		bytes /= 1024;
		i++;
	}
	text_printf(t, "%.*f %s", i ? 1 : 0, bytes, unit[i]);
}
