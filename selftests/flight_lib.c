// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "harness.h"
#include "mitm_lib.h"

void item_set(struct item *it, const void *data, size_t len)
{
	struct wr w = { 0 };

	wr_bytes(&w, data, len);
	ASSERT_TRUE(wr_ok(&w));
	wr_free(&it->data);
	it->data = w;
}

void item_fix_length(struct item *it)
{
	size_t len = it->data.len - MSG_HEADER;

	ASSERT_GE(it->data.len, MSG_HEADER);
	it->data.buf[1] = (uint8_t)(len >> 16);
	it->data.buf[2] = (uint8_t)(len >> 8);
	it->data.buf[3] = (uint8_t)len;
}

struct item *flight_insert(struct flight *f, size_t at, uint8_t type,
			   bool sealed, const void *data, size_t len)
{
	struct item *it = &f->item[at];

	ASSERT_LT(f->n, FLIGHT_MAX);
	ASSERT_LE(at, f->n);
	memmove(it + 1, it, (f->n++ - at) * sizeof(*it));
	*it = (struct item){ .type = type, .sealed = sealed };
	item_set(it, data, len);
	return it;
}

struct item *flight_copy(struct flight *f, size_t at, const struct item *from)
{
	struct item copy = *from, *it;

	it = flight_insert(f, at, copy.type, copy.sealed, copy.data.buf,
			   copy.data.len);
	copy.data = it->data;
	*it = copy;
	return it;
}

void flight_remove(struct flight *f, size_t at)
{
	struct item *it = &f->item[at];

	ASSERT_LT(at, f->n);
	wr_free(&it->data);
	memmove(it, it + 1, (--f->n - at) * sizeof(*it));
}

void flight_swap(struct flight *f, size_t a, size_t b)
{
	struct item it = f->item[a];

	ASSERT_LT(a, f->n);
	ASSERT_LT(b, f->n);
	f->item[a] = f->item[b];
	f->item[b] = it;
}

void flight_part(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->item[i].join = false;
}

void flight_free(struct flight *f)
{
	while (f->n)
		wr_free(&f->item[--f->n].data);
}

struct item *flight_find(struct flight *f, uint8_t msg)
{
	for (size_t i = 0; i < f->n; i++)
		if (item_is(&f->item[i], msg))
			return &f->item[i];
	ASSERT_TRUE(false) TH_LOG("no message %u", msg);
	return NULL;
}
