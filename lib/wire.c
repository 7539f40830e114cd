// SPDX-License-Identifier: MIT
#include "wire.h"

#include <stdlib.h>

#include "secret.h"

static void release(struct wr *w)
{
	if (w->lent)
		wipe(w->buf, w->cap);
	else
		wipe_free(w->buf, w->cap);
	w->lent = false;
}

/*
 * Not realloc(): it may leave a copy behind that nobody wipes, and what passes
 * here is plaintext often enough.
 */
static bool grow(struct wr *w, size_t need)
{
	size_t cap = 2 * w->cap;
	uint8_t *buf;

	if (cap < need)
		cap = (need + 255) / 256 * 256;
	buf = malloc(cap);
	if (!buf)
		return false;
	if (w->len)
		memcpy(buf, w->buf, w->len);
	release(w);
	w->buf = buf;
	w->cap = cap;
	return true;
}

void wr_free(struct wr *w)
{
	release(w);
	*w = (struct wr){ 0 };
}

void wr_reset(struct wr *w)
{
	if (w->buf)
		wipe(w->buf, w->len);
	w->len = 0;
	w->depth = 0;
	w->bad = false;
}

uint8_t *wr_reserve(struct wr *w, size_t len)
{
	if (w->bad || len > SIZE_MAX / 4 ||
	    (w->cap - w->len < len && !grow(w, w->len + len))) {
		w->bad = true;
		return NULL;
	}
	return w->buf + w->len;
}

void wr_bytes(struct wr *w, const void *p, size_t len)
{
	uint8_t *to = len ? wr_reserve(w, len) : NULL;

	if (!to)
		return;
	memcpy(to, p, len);
	w->len += len;
}

static void put(uint8_t *p, uint32_t v, unsigned int bytes)
{
	while (bytes--) {
		p[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

void wr_uint(struct wr *w, uint32_t v, unsigned int bytes)
{
	uint8_t *to = wr_reserve(w, bytes);

	if (!to)
		return;
	put(to, v, bytes);
	w->len += bytes;
}

struct wr_mark wr_open(struct wr *w, unsigned int bytes)
{
	struct wr_mark m = { w->len, bytes };

	wr_uint(w, 0, bytes);
	w->depth++;
	return m;
}

void wr_close(struct wr *w, struct wr_mark *m)
{
	size_t len = w->len - m->at - m->bytes;

	w->depth--;
	if (!w->bad) {
		if (len >> (8 * m->bytes))
			w->bad = true;
		else
			put(w->buf + m->at, (uint32_t)len, m->bytes);
	}
	m->bytes = 0;
}
