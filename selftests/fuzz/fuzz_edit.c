// SPDX-License-Identifier: GPL-2.0-only
#include "../ext_lib.h"
#include "../harness.h"
#include "fuzz_way.h"

void edit_read(struct input *in, struct edit *e)
{
	e->where = (uint8_t)in_uint(in, 1);
	e->op = (uint8_t)in_uint(in, 1);
	e->at = (uint16_t)in_uint(in, 2);
	e->data = in_bytes(in, in_uint(in, 1));
}

void edit_write(struct wr *w, const struct edit *e)
{
	wr_u8(w, e->where);
	wr_u8(w, e->op);
	wr_u16(w, e->at);
	wr_opaque(w, 1, e->data);
}

/* ---- bytes of a message ------------------------------------------------ */

/* @gone bytes at @at become @data; @fix: the header's length with it */
static void replace(struct item *it, size_t at, size_t gone,
		    struct slice data, bool fix)
{
	struct wr w = { 0 };
	size_t len = it->data.len;

	if (at > len)
		at = len;
	if (gone > len - at)
		gone = len - at;
	wr_bytes(&w, it->data.buf, at);
	wr_slice(&w, data);
	if (at + gone < len)
		wr_bytes(&w, it->data.buf + at + gone, len - at - gone);
	item_set(it, w.buf, w.len);
	wr_free(&w);
	if (fix && it->type == CT_HANDSHAKE && it->data.len >= MSG_HEADER)
		item_fix_length(it);
}

static size_t at_of(const struct item *it, const struct edit *e)
{
	return e->at % (it->data.len + 1);
}

static void flip(struct flight *f, size_t i, const struct edit *e)
{
	struct item *it = &f->item[i];
	size_t at = at_of(it, e);

	if (at < it->data.len)
		it->data.buf[at] ^= (uint8_t)(e->data.len ? e->data.p[0] : 1);
}

static void overwrite(struct flight *f, size_t i, const struct edit *e)
{
	replace(&f->item[i], at_of(&f->item[i], e), e->data.len, e->data,
		false);
}

static void insert(struct flight *f, size_t i, const struct edit *e)
{
	replace(&f->item[i], at_of(&f->item[i], e), 0, e->data, true);
}

static void delete(struct flight *f, size_t i, const struct edit *e)
{
	size_t n = e->data.len ? e->data.p[0] : 1;

	replace(&f->item[i], at_of(&f->item[i], e), n,
		(struct slice){ NULL, 0 }, true);
}

static void cut(struct flight *f, size_t i, const struct edit *e)
{
	replace(&f->item[i], at_of(&f->item[i], e), SIZE_MAX, e->data,
		!e->data.len);
}

/* What may be a length there, in two bytes */
static void length(struct flight *f, size_t i, const struct edit *e)
{
	struct item *it = &f->item[i];
	size_t at = at_of(it, e);
	unsigned int n;

	if (at + 2 > it->data.len)
		return;
	n = (unsigned int)(it->data.buf[at] << 8 | it->data.buf[at + 1]);
	n += e->data.len ? (unsigned int)(int8_t)e->data.p[0] : 1;
	it->data.buf[at] = (uint8_t)(n >> 8);
	it->data.buf[at + 1] = (uint8_t)n;
}

/* Another body */
static void body(struct flight *f, size_t i, const struct edit *e)
{
	replace(&f->item[i], MSG_HEADER, SIZE_MAX, e->data, true);
}

/* ---- an extension ------------------------------------------------------ */

/* The n-th extension in a block, with what is left of it: none at its end */
static struct slice extension(const struct item *it, size_t block, size_t nth)
{
	bool bad = false;
	struct rd r = rd_init(it->data.buf + block, it->data.len - block,
			      &bad);
	struct rd exts = rd_vec(&r, 2);
	struct slice s = { exts.p, 0 };

	while (!bad && rd_more(&exts)) {
		s.p = exts.p;
		rd_u16(&exts);
		rd_opaque(&exts, 2);
		s.len = (size_t)(exts.p - s.p);
		if (!bad && !nth--)
			return s;
	}
	return (struct slice){ NULL, 0 };
}

/* In place of @gone bytes, and all the lengths around it are right */
static void splice(struct item *it, size_t block, size_t at, size_t gone,
		   struct slice ext)
{
	size_t n;

	replace(it, at, gone, ext, true);
	n = it->data.len - block - 2;
	it->data.buf[block] = (uint8_t)(n >> 8);
	it->data.buf[block + 1] = (uint8_t)n;
}

static void ext_add(struct flight *f, size_t i, const struct edit *e)
{
	struct item *it = &f->item[i];
	size_t block = ext_block(it);
	struct wr w = { 0 };

	if (!block)
		return;
	wr_u16(&w, e->at);
	wr_opaque(&w, 2, e->data);
	/* in front: pre_shared_key has to remain the last */
	splice(it, block, block + 2, 0, (struct slice){ w.buf, w.len });
	wr_free(&w);
}

/* The one that @e is about, and the block that it is in; none: empty */
static struct slice chosen(const struct item *it, const struct edit *e,
			   size_t *block)
{
	*block = ext_block(it);
	return *block ? extension(it, *block, e->at % 32) :
			(struct slice){ NULL, 0 };
}

/* In place of it */
static void ext_replace(struct item *it, size_t block, struct slice old,
			struct slice ext)
{
	splice(it, block, (size_t)(old.p - it->data.buf), old.len, ext);
}

static void ext_remove(struct flight *f, size_t i, const struct edit *e)
{
	struct item *it = &f->item[i];
	size_t block;
	struct slice s = chosen(it, e, &block);

	if (s.len)
		ext_replace(it, block, s, (struct slice){ NULL, 0 });
}

/* Its content */
static void ext_set(struct flight *f, size_t i, const struct edit *e)
{
	struct item *it = &f->item[i];
	size_t block;
	struct slice s = chosen(it, e, &block);
	struct wr w = { 0 };

	if (!s.len)
		return;
	wr_bytes(&w, s.p, 2);
	wr_opaque(&w, 2, e->data);
	ext_replace(it, block, s, (struct slice){ w.buf, w.len });
	wr_free(&w);
}

/* Twice; all lengths are right even where there is none */
static void ext_repeat(struct flight *f, size_t i, const struct edit *e)
{
	struct item *it = &f->item[i];
	size_t block;
	struct slice s = chosen(it, e, &block);

	if (block)
		splice(it, block, block + 2, 0, s);
}

/* ---- whole messages ---------------------------------------------------- */

static bool has_room(const struct flight *f)
{
	return f->n + 2 < FLIGHT_MAX;
}

static void repeat(struct flight *f, size_t i, const struct edit *e)
{
	(void)e;
	if (has_room(f))
		flight_copy(f, i, &f->item[i]);
}

static void remove_it(struct flight *f, size_t i, const struct edit *e)
{
	(void)e;
	flight_remove(f, i);
}

static void swap(struct flight *f, size_t i, const struct edit *e)
{
	flight_swap(f, i, (i + 1 + e->at) % f->n);
}

/* A new one before it, of a content type and bytes that the input says */
static void record(struct flight *f, size_t i, const struct edit *e)
{
	if (has_room(f))
		flight_insert(f, i, (uint8_t)e->at, f->item[i].sealed,
			      e->data.p, e->data.len);
}

/* ... a handshake message of a type */
static void message(struct flight *f, size_t i, const struct edit *e)
{
	struct wr w = { 0 };

	wr_u8(&w, (uint8_t)e->at);
	wr_opaque(&w, 3, e->data);
	if (has_room(f))
		flight_insert(f, i, CT_HANDSHAKE, f->item[i].sealed, w.buf,
			      w.len);
	wr_free(&w);
}

/* ---- records ----------------------------------------------------------- */

static void pieces(struct flight *f, size_t i, const struct edit *e)
{
	/* not so small that the records without effect are too many */
	f->item[i].piece = 1 + e->at % RECORD_PLAIN_MAX;
}

static void padded(struct flight *f, size_t i, const struct edit *e)
{
	f->item[i].pad = e->at % 512;
}

static void join(struct flight *f, size_t i, const struct edit *e)
{
	f->item[i].join = !(e->at & 1);
}

static void unsealed(struct flight *f, size_t i, const struct edit *e)
{
	(void)e;
	f->item[i].sealed = !f->item[i].sealed;
}

static void retyped(struct flight *f, size_t i, const struct edit *e)
{
	f->item[i].type = (uint8_t)e->at;
}

typedef void edit_fn(struct flight *f, size_t i, const struct edit *e);

static edit_fn *const ops[] = {
	flip, overwrite, insert, delete, cut, length, body,
	ext_add, ext_remove, ext_set, ext_repeat,
	repeat, remove_it, swap, record, message,
	pieces, padded, join, unsealed, retyped,
};
const uint8_t edit_ops = sizeof(ops) / sizeof(*ops);

void edit_apply(struct flight *f, size_t i, const struct edit *e)
{
	/* what is made right afterwards is not what the input says */
	f->item[i].fix = FIX_NONE;
	ops[e->op % edit_ops](f, i, e);
}
