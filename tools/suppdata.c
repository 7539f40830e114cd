// SPDX-License-Identifier: MIT
#include "suppdata.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "text.h"

#define FILE_MAX	65535
#define USER_MAX	1024	/* bytes of a user mapping, and more */
#define SHOWN_MAX	200	/* bytes of what a peer says */

static bool take_number(const char **p, uint16_t *n)
{
	char *end;
	unsigned long v = strtoul(*p, &end, 10);

	if (**p < '0' || **p > '9' || v > UINT16_MAX)
		return false;
	*n = (uint16_t)v;
	*p = end;
	return true;
}

/* All of it; NULL after a complaint */
static char *read_file(const char *name, size_t *len)
{
	FILE *f = fopen(name, "re");
	char *buf = malloc(FILE_MAX + 1);

	*len = 0;
	if (f && buf)
		*len = fread(buf, 1, FILE_MAX + 1, f);
	if (!f || !buf || ferror(f)) {
		complain("%s: %s", name, strerror(errno));
	} else if (*len > FILE_MAX) {
		complain("%s: more than %d bytes", name, FILE_MAX);
	} else {
		fclose(f);
		return buf;
	}
	if (f)
		fclose(f);
	free(buf);
	return NULL;
}

/* A peer's bytes may be anything: no more of them than makes sense */
static int hear(void *arg, struct ktls_hs *hs, uint16_t type, const void *data,
		size_t len)
{
	const struct suppdata *s = arg;
	struct text t = { 0 };
	size_t n = len < SHOWN_MAX ? len : SHOWN_MAX;

	if (!s->heard)
		return 0;
	text_printf(&t, "%u ", type);
	text_bytes(&t, data, n);
	if (n < len)
		text_printf(&t, " and %zu bytes more", len - n);
	if (!t.failed)
		s->heard(hs, t.buf);
	text_free(&t);
	return 0;
}

bool suppdata_add(struct suppdata *s, const char *arg)
{
	struct ktls_supp *t = &s->types[s->len];
	const char *p = arg;
	bool ok;

	if (s->len == SUPP_MAX) {
		complain("more than %d times --supp-data", SUPP_MAX);
		return false;
	}
	ok = take_number(&p, &t->type);
	t->extension = t->type;
	if (ok && *p == ':') {
		p++;
		ok = take_number(&p, &t->extension);
	}
	if (!ok || *p++ != '=') {
		complain("--supp-data %s: not TYPE=FILE or "
			 "TYPE:EXTENSION=FILE", arg);
		return false;
	}
	if (*p) {
		t->data = read_file(p, &t->data_len);
		if (!t->data)
			return false;
	}
	t->recv = hear;
	t->arg = s;
	s->len++;
	return true;
}

size_t suppdata_room(const struct suppdata *s)
{
	/* RFC 4680 2: a length, then type, length and data of each */
	return 3 + s->len * (2 + 2 + FILE_MAX) + USER_MAX;
}

void suppdata_free(struct suppdata *s)
{
	while (s->len)
		free((void *)s->types[--s->len].data);
}
