// SPDX-License-Identifier: MIT
#include "ini.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

bool ini_complain(const struct ini_at *at, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	complain("%s:%u: %s", at->path, at->line, text);
	return false;
}

/* The file, NUL-terminated, into @buf of INI_SIZE_MAX + 1 */
static bool load(const char *path, char *buf)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;
	bool ok = false;

	if (f) {
		n = fread(buf, 1, INI_SIZE_MAX + 1, f);
		ok = !ferror(f);
	}
	if (!ok)
		complain("%s: %s", path, strerror(errno));
	if (f)
		fclose(f);
	if (ok && n > INI_SIZE_MAX) {
		complain("%s: more than %d bytes", path, INI_SIZE_MAX);
		ok = false;
	}
	if (ok && memchr(buf, 0, n)) {
		complain("%s: not a text", path);
		ok = false;
	}
	if (ok)
		buf[n] = 0;
	return ok;
}

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t");
	len = strlen(s);
	while (len && strchr(" \t\r", s[len - 1]))
		len--;
	s[len] = 0;
	return s;
}

static bool take_section(struct ini_at *at, char *line)
{
	size_t len = strlen(line);

	if (line[len - 1] != ']' || len < 3 ||
	    strcspn(line + 1, "[]") != len - 2)
		return ini_complain(at, "'[section]' expected");
	line[len - 1] = 0;
	at->section = trim(line + 1);
	at->key = NULL;
	at->value = "";
	return true;
}

static bool take_setting(struct ini_at *at, char *line)
{
	char *equals = strchr(line, '=');

	if (!equals || equals == line)
		return ini_complain(at, "'key = value' expected");
	*equals = 0;
	at->key = trim(line);
	at->value = trim(equals + 1);
	return true;
}

bool ini_read(const char *path,
	      bool (*take)(void *arg, const struct ini_at *at), void *arg)
{
	static char buf[INI_SIZE_MAX + 1];
	struct ini_at at = { .path = path, .section = "" };
	char *line, *next = buf;

	if (!load(path, buf))
		return false;
	while ((line = strsep(&next, "\n"))) {
		at.line++;
		line = trim(line);
		if (!*line || *line == '#')
			continue;
		if (!(*line == '[' ? take_section(&at, line) :
		      take_setting(&at, line)) || !take(arg, &at))
			return false;
	}
	return true;
}
