/* SPDX-License-Identifier: MIT */
/*
 * State that leaves the process and comes back: one walk over its fields for
 * both ways, so that what is written is what is read.  Read, all of it is
 * hostile: what a field may be is checked where it is walked, and as with the
 * cursors one question at the end tells whether it was.
 */
#ifndef KTLS_PACK_H
#define KTLS_PACK_H

#include "secret.h"
#include "wire.h"

struct pack {
	struct wr *w;		/* writing; NULL: reading */
	struct rd r;
	bool bad;		/* what was read is not what was written */
	bool no_memory;
};

static inline void pack_read(struct pack *p, struct slice from)
{
	*p = (struct pack){ .w = NULL };
	p->r = rd_init(from.p, from.len, &p->bad);
}

/* Of what has just been walked; writing, it holds */
static inline void pack_check(struct pack *p, bool right)
{
	if (!p->w && !right)
		rd_fail(&p->r);
}

static inline void pack_u8(struct pack *p, uint8_t *v)
{
	if (p->w)
		wr_u8(p->w, *v);
	else
		*v = rd_u8(&p->r);
}

static inline void pack_u16(struct pack *p, uint16_t *v)
{
	if (p->w)
		wr_u16(p->w, *v);
	else
		*v = rd_u16(&p->r);
}

static inline void pack_u32(struct pack *p, uint32_t *v)
{
	if (p->w)
		wr_u32(p->w, *v);
	else
		*v = rd_u32(&p->r);
}

static inline void pack_u64(struct pack *p, uint64_t *v)
{
	uint32_t high = (uint32_t)(*v >> 32), low = (uint32_t)*v;

	pack_u32(p, &high);
	pack_u32(p, &low);
	*v = (uint64_t)high << 32 | low;
}

static inline void pack_bool(struct pack *p, bool *v)
{
	uint8_t byte = *v;

	pack_u8(p, &byte);
	pack_check(p, byte <= 1);
	*v = byte & 1;
}

/* Always @len of them */
static inline void pack_bytes(struct pack *p, void *v, size_t len)
{
	struct slice s;

	if (p->w) {
		wr_bytes(p->w, v, len);
		return;
	}
	s = rd_take(&p->r, len);
	if (s.len)
		memcpy(v, s.p, len);
}

/* At most @max of them */
static inline void pack_short(struct pack *p, uint8_t *v, size_t max,
			      uint8_t *len)
{
	pack_u8(p, len);
	pack_check(p, *len <= max);
	if (p->bad)
		*len = 0;
	pack_bytes(p, v, *len);
}

static inline void pack_secret(struct pack *p, struct secret *s)
{
	pack_short(p, s->b, HASH_MAX, &s->len);
}

/* A run of bytes elsewhere; read, it is in what was handed to the reader */
static inline void pack_slice(struct pack *p, struct slice *s, size_t max)
{
	if (p->w) {
		wr_opaque(p->w, 4, *s);
		return;
	}
	*s = rd_opaque(&p->r, 4);
	pack_check(p, s->len <= max);
	if (p->bad)
		*s = (struct slice){ NULL, 0 };
}

/* What is in @buf from @from on; read, there is nothing before it */
static inline void pack_wr(struct pack *p, struct wr *buf, size_t from,
			   size_t max)
{
	struct slice s = { NULL, 0 };

	if (buf->len > from)
		s = (struct slice){ buf->buf + from, buf->len - from };
	pack_slice(p, &s, max);
	if (p->w)
		return;
	wr_slice(buf, s);
	p->no_memory |= !wr_ok(buf);
}

#endif /* KTLS_PACK_H */
