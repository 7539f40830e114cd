// SPDX-License-Identifier: MIT
#include "json.h"

static void put_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if ((unsigned char)*s < ' ')
			fprintf(out, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

/* What stands before a value: a comma, a new line, its name */
static void put_name(struct json *j, const char *name)
{
	if (j->more)
		fputc(',', j->out);
	if (j->depth)
		fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
	if (name) {
		put_string(j->out, name);
		fputs(": ", j->out);
	}
	j->more = true;
}

void json_begin(struct json *j, const char *name, char bracket)
{
	put_name(j, name);
	fputc(bracket, j->out);
	j->depth++;
	j->more = false;
}

void json_end(struct json *j, char bracket)
{
	j->depth--;
	if (j->more)
		fprintf(j->out, "\n%*s", (int)j->depth * 2, "");
	fputc(bracket, j->out);
	if (!j->depth)
		fputc('\n', j->out);
	j->more = true;
}

void json_string(struct json *j, const char *name, const char *value)
{
	put_name(j, name);
	if (value)
		put_string(j->out, value);
	else
		fputs("null", j->out);
}

void json_bool(struct json *j, const char *name, bool value)
{
	put_name(j, name);
	fputs(value ? "true" : "false", j->out);
}

void json_number(struct json *j, const char *name, long long value)
{
	put_name(j, name);
	fprintf(j->out, "%lld", value);
}
