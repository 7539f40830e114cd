// SPDX-License-Identifier: MIT
#include "ini.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"

struct reader {
	struct ini_at at;
	char section[INI_LINE_MAX];
	bool (*take)(void *arg, const struct ini_at *at);
	void *arg;
};

bool ini_wrong(const struct ini_at *at, const char *what, const char *value)
{
	complain("%s:%u: %s%s%s", at->path, at->line, what, value ? ": " : "",
		 value ? value : "");
	return false;
}

char *ini_trim(char *s)
{
	char *end;

	s += strspn(s, " \t");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r\n", end[-1]))
		end--;
	*end = '\0';
	return s;
}

static bool take_section(struct reader *r, char *s)
{
	char *end = strchr(s, ']');

	if (!end || end[1])
		return ini_wrong(&r->at, "not a section; write [name]", NULL);
	*end = '\0';
	strcpy(r->section, s + 1);
	r->at.key = NULL;
	r->at.value = end;
	return r->take(r->arg, &r->at);
}

static bool take_setting(struct reader *r, char *s)
{
	char *value = strchr(s, '=');

	if (!value)
		return ini_wrong(&r->at, "neither [name] nor 'key = value'",
				 NULL);
	*value++ = '\0';
	r->at.key = ini_trim(s);
	r->at.value = ini_trim(value);
	return r->take(r->arg, &r->at);
}

static bool take_line(struct reader *r, char *line, size_t len)
{
	char *s;

	if (strlen(line) != len)
		return ini_wrong(&r->at, "has a NUL", NULL);
	if (len >= INI_LINE_MAX)
		return ini_wrong(&r->at, "longer than 4096 bytes", NULL);
	s = ini_trim(line);
	if (!*s || *s == '#' || *s == ';')
		return true;
	return *s == '[' ? take_section(r, s) : take_setting(r, s);
}

static bool read_lines(struct reader *r, FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	bool ok = true;

	while (ok && (n = getline(&line, &size, f)) >= 0) {
		r->at.line++;
		ok = take_line(r, line, (size_t)n);
	}
	if (ok && ferror(f))
		ok = ini_wrong(&r->at, strerror(errno), NULL);
	free(line);
	return ok;
}

static bool others_write(FILE *f)
{
	struct stat st;

	return fstat(fileno(f), &st) || st.st_mode & S_IWOTH;
}

bool ini_read(const char *path,
	      bool (*take)(void *arg, const struct ini_at *at), void *arg)
{
	struct reader r = { .at.path = path, .take = take, .arg = arg };
	FILE *f = fopen(path, "re");
	bool ok;

	r.at.section = r.section;
	if (!f) {
		complain("%s: %s", path, strerror(errno));
		return false;
	}
	if (others_write(f))
		ok = ini_wrong(&r.at, "anybody may write to it", NULL);
	else
		ok = read_lines(&r, f);
	fclose(f);
	return ok;
}
