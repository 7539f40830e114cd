/* SPDX-License-Identifier: MIT */
/* JSON, written as it goes. */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stdbool.h>
#include <stdio.h>

struct json {
	FILE *out;
	unsigned int depth;
	bool more;		/* something stands before on this level */
};

/* @name: NULL in an array, and at the top */
void json_begin(struct json *j, const char *name, char bracket);
void json_end(struct json *j, char bracket);
/* @value: NULL is null */
void json_string(struct json *j, const char *name, const char *value);
void json_bool(struct json *j, const char *name, bool value);
void json_number(struct json *j, const char *name, long long value);

#endif
