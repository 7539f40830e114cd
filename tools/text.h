/* SPDX-License-Identifier: MIT */
/* A string that grows: heads of messages, lines of the log. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *buf;		/* NUL-terminated once something was put */
	size_t len;
	size_t cap;
	bool failed;		/* memory ran out: the text is not whole */
};

void text_free(struct text *t);
/* Room for @len bytes behind what is there, which are put by @t->len; or NULL */
char *text_room(struct text *t, size_t len);
void text_put(struct text *t, const void *data, size_t len);
void text_puts(struct text *t, const char *s);
void text_number(struct text *t, unsigned long long n);
void text_printf(struct text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* @s as a value of the log: bare if it is plain, else quoted and escaped. */
void text_value(struct text *t, const char *s);
/* ... which may have any bytes, NULs too */
void text_bytes(struct text *t, const void *data, size_t len);

/* "12.3 MiB" */
void text_size(struct text *t, double bytes);

#endif
