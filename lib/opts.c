// SPDX-License-Identifier: MIT
#include "opts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where in the options it is, how many if not one, and how long each is */
static const struct part {
	size_t at, len_at, ours, theirs_at;
} parts_table[OPTS_PARTS] = {
#define PART(member, len, type)						\
	{ offsetof(struct ktls_opts, member), len,			\
	  sizeof(struct ktls_##type), offsetof(struct ktls_sizes, type) }
#define PARTS(member, type)						\
	PART(member, offsetof(struct ktls_opts, member##_len), type)
	PARTS(creds, cred),
	PARTS(supp, supp),
	PARTS(oid_filters, oid_filter),
	PARTS(psks, psk),
	PART(hooks, 0, hooks),
	PART(session_store, 0, session_store),
#undef PARTS
#undef PART
};

static size_t size_at(const void *p, size_t at)
{
	size_t size;

	memcpy(&size, (const uint8_t *)p + at, sizeof(size));
	return size;
}

static int take_part(void **copy, struct ktls_opts *o, const struct part *part,
		     size_t theirs)
{
	size_t n = part->len_at ? size_at(o, part->len_at) : 1;
	const uint8_t *from;
	int err = 0;

	memcpy(&from, (const uint8_t *)o + part->at, sizeof(from));
	if (!from || !n || theirs == part->ours)
		return 0;
	if (!theirs)
		return -EINVAL;
	*copy = calloc(n, part->ours);
	if (!*copy)
		return -ENOMEM;
	for (size_t i = 0; i < n && !err; i++)
		err = opts_copy((uint8_t *)*copy + i * part->ours, part->ours,
				from + i * theirs, theirs);
	memcpy((uint8_t *)o + part->at, copy, sizeof(*copy));
	return err;
}

int opts_take_parts(struct opts_parts *parts, struct ktls_opts *o,
		    const struct ktls_sizes *sizes)
{
	struct ktls_sizes theirs = { 0 };
	int err = opts_take(&theirs, sizeof(theirs), sizes,
			    offsetof(struct ktls_sizes, cred));

	for (size_t i = 0; i < OPTS_PARTS && !err; i++)
		err = take_part(&parts->copy[i], o, &parts_table[i],
				size_at(&theirs, parts_table[i].theirs_at));
	return err;
}

void opts_free_parts(struct opts_parts *parts)
{
	for (size_t i = 0; i < OPTS_PARTS; i++)
		free(parts->copy[i]);
}
