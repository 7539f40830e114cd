/* SPDX-License-Identifier: MIT */
/*
 * Cursors over the wire format: a reader that borrows, a writer that grows.
 *
 * Both are sticky: a read past the end empties the range and sets the mark, a
 * write without memory sets it, and everything after is harmless.  So a parser
 * reads straight through and asks once, at its end, whether it was all there.
 * Nothing may act on a value before that question.
 */
#ifndef KTLS_WIRE_H
#define KTLS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed run of bytes; p may be NULL when len is 0 */
struct slice {
	const uint8_t *p;
	size_t len;
};

/* The bytes of a string, which may be NULL: none */
static inline struct slice slice_str(const char *s)
{
	return (struct slice){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

/* To a caller whose struct may be older, or newer, than ours */
static inline void copy_out(void *to, size_t to_len, const void *from,
			    size_t len)
{
	memset(to, 0, to_len);
	memcpy(to, from, len < to_len ? len : to_len);
}

/* ---- reading ----------------------------------------------------------- */

struct rd {
	const uint8_t *p, *end;
	bool *bad;		/* shared with the readers cut out of this one */
};

static inline struct rd rd_init(const void *buf, size_t len, bool *bad)
{
	const uint8_t *p = buf;

	return (struct rd){ p, len ? p + len : p, bad };
}

static inline size_t rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->p);
}

static inline bool rd_more(const struct rd *r)
{
	return r->p != r->end;
}

static inline void rd_fail(struct rd *r)
{
	r->p = r->end;
	*r->bad = true;
}

/* The next @len bytes, or an empty slice and the mark */
static inline struct slice rd_take(struct rd *r, size_t len)
{
	struct slice s = { r->p, len };

	if (rd_left(r) < len) {
		rd_fail(r);
		return (struct slice){ NULL, 0 };
	}
	if (len)
		r->p += len;
	return s;
}

static inline uint32_t rd_uint(struct rd *r, unsigned int bytes)
{
	struct slice s = rd_take(r, bytes);
	uint32_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.p[i];
	return v;
}

static inline uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_uint(r, 1);
}

static inline uint16_t rd_u16(struct rd *r)
{
	return (uint16_t)rd_uint(r, 2);
}

static inline uint32_t rd_u24(struct rd *r)
{
	return rd_uint(r, 3);
}

static inline uint32_t rd_u32(struct rd *r)
{
	return rd_uint(r, 4);
}

static inline uint64_t rd_u64(struct rd *r)
{
	uint64_t high = rd_u32(r);

	return high << 32 | rd_u32(r);
}

static inline struct slice rd_rest(struct rd *r)
{
	return rd_take(r, rd_left(r));
}

/* A vector's content, its length in @bytes bytes: "opaque x<0..2^n-1>" */
static inline struct slice rd_opaque(struct rd *r, unsigned int bytes)
{
	return rd_take(r, rd_uint(r, bytes));
}

/* The same, and not empty: "opaque x<1..2^n-1>" */
static inline struct slice rd_nonempty(struct rd *r, unsigned int bytes)
{
	struct slice s = rd_opaque(r, bytes);

	if (!s.len)
		rd_fail(r);
	return s;
}

/* The first, to be read further */
static inline struct rd rd_vec(struct rd *r, unsigned int bytes)
{
	struct slice s = rd_opaque(r, bytes);

	return rd_init(s.p, s.len, r->bad);
}

/* A non-empty list of uint16s */
static inline struct slice rd_u16s(struct rd *r, unsigned int bytes)
{
	struct slice s = rd_opaque(r, bytes);

	if (!s.len || s.len % 2)
		rd_fail(r);
	return s;
}

/* A non-empty list of non-empty vectors, checked and left as it stands */
static inline struct slice rd_list(struct rd *r, unsigned int outer,
				   unsigned int inner)
{
	struct slice all = rd_opaque(r, outer);
	struct rd items = rd_init(all.p, all.len, r->bad);

	if (!rd_more(&items))
		rd_fail(r);
	while (rd_more(&items))
		if (!rd_opaque(&items, inner).len)
			rd_fail(&items);
	return all;
}

/* To be called at the end of each structure: nothing may be left over */
static inline void rd_end(struct rd *r)
{
	if (rd_more(r))
		rd_fail(r);
}

/* ---- writing ----------------------------------------------------------- */

struct wr {
	uint8_t *buf;
	size_t len, cap;
	unsigned int depth;	/* open vectors */
	bool bad;		/* no memory, or a vector outgrew its length */
	bool lent;		/* @buf is not of the heap */
};

/*
 * One that begins in @room, which is the caller's and outlives it, and goes to
 * the heap when that is full: wr_free() it all the same, and do not move it.
 */
static inline struct wr wr_lend(void *room, size_t len)
{
	return (struct wr){ .buf = room, .cap = len, .lent = true };
}

/* Wipes and frees; a writer may be used again after it */
void wr_free(struct wr *w);
/* Forget the content (wiped), keep the memory */
void wr_reset(struct wr *w);
/* Room for @len more bytes at the end, or NULL; does not change @w->len */
uint8_t *wr_reserve(struct wr *w, size_t len);
void wr_bytes(struct wr *w, const void *p, size_t len);
void wr_uint(struct wr *w, uint32_t v, unsigned int bytes);

static inline void wr_u8(struct wr *w, uint8_t v)
{
	wr_uint(w, v, 1);
}

static inline void wr_u16(struct wr *w, uint16_t v)
{
	wr_uint(w, v, 2);
}

static inline void wr_u24(struct wr *w, uint32_t v)
{
	wr_uint(w, v, 3);
}

static inline void wr_u32(struct wr *w, uint32_t v)
{
	wr_uint(w, v, 4);
}

static inline void wr_u64(struct wr *w, uint64_t v)
{
	wr_u32(w, (uint32_t)(v >> 32));
	wr_u32(w, (uint32_t)v);
}

static inline void wr_slice(struct wr *w, struct slice s)
{
	wr_bytes(w, s.p, s.len);
}

/* What is written, until the next call for @w */
static inline struct slice wr_content(const struct wr *w)
{
	return (struct slice){ w->buf, w->len };
}

static inline bool wr_ok(const struct wr *w)
{
	return !w->bad && !w->depth;
}

struct wr_mark {
	size_t at;		/* where the length stands */
	unsigned int bytes;	/* its size; 0 once it is written */
};

struct wr_mark wr_open(struct wr *w, unsigned int bytes);
void wr_close(struct wr *w, struct wr_mark *m);

/*
 * A vector with a length of @n bytes around the block that follows:
 *
 *	wr_vec(w, 2)
 *		wr_u16(w, group);
 *
 * The length is filled in when the block ends.  Leaving it by return or break
 * leaves @depth behind, which wr_ok() reports.
 */
#define wr_vec(w, n)	wr_vec_((w), (n), __LINE__)
#define wr_vec_(w, n, line)	wr_vec__(w, n, line)
#define wr_vec__(w, n, line)						\
	for (struct wr_mark wr_m##line = wr_open(w, n); wr_m##line.bytes; \
	     wr_close(w, &wr_m##line))

static inline void wr_opaque(struct wr *w, unsigned int n, struct slice s)
{
	wr_vec(w, n)
		wr_slice(w, s);
}

#endif /* KTLS_WIRE_H */
