// SPDX-License-Identifier: MIT
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *program = "ktls";

void log_name(const char *name)
{
	program = name;
}

/* Whole lines, however many processes share the descriptor */
static void put_line(const char *before, const char *fmt, va_list args)
{
	char *text, *line;
	int n;

	if (vasprintf(&text, fmt, args) < 0)
		return;
	n = asprintf(&line, "%s%s\n", before, text);
	free(text);
	if (n < 0)
		return;
	if (write(STDERR_FILENO, line, (size_t)n) < 0) {
		/* nowhere to say so */
	}
	free(line);
}

void complain(const char *fmt, ...)
{
	char before[64];
	va_list args;

	snprintf(before, sizeof(before), "%s: ", program);
	va_start(args, fmt);
	put_line(before, fmt, args);
	va_end(args);
}

void log_line(const char *fmt, ...)
{
	char before[32];
	struct tm tm;
	time_t now = time(NULL);
	va_list args;

	gmtime_r(&now, &tm);
	strftime(before, sizeof(before), "%Y-%m-%dT%H:%M:%SZ ", &tm);
	va_start(args, fmt);
	put_line(before, fmt, args);
	va_end(args);
}
