// SPDX-License-Identifier: GPL-2.0-only
#include "ext_lib.h"

#include "harness.h"

/* Where the block begins, with its length */
static size_t block_at(const struct item *it)
{
	const uint8_t *p = it->data.buf;
	size_t at = MSG_HEADER;

	switch (p[0]) {
	case HT_CLIENT_HELLO:
		at += 2 + RANDOM_LEN;
		at += 1u + p[at];
		at += 2u + (size_t)(p[at] << 8 | p[at + 1]);
		return at + 1u + p[at];
	case HT_SERVER_HELLO:
		at += 2 + RANDOM_LEN;
		return at + 1u + p[at] + 2 + 1;
	case HT_CERTIFICATE_REQUEST:
		return at + 1u + p[at];
	default:
		ASSERT_EQ(p[0], HT_ENCRYPTED_EXTENSIONS);
		return at;
	}
}

static struct rd block_of(const struct item *it, bool *bad)
{
	size_t at = block_at(it);
	struct rd r = rd_init(it->data.buf + at, it->data.len - at, bad);

	return rd_vec(&r, 2);
}

bool ext_find(const struct item *it, uint16_t type, struct slice *body)
{
	bool bad = false;
	struct rd r = block_of(it, &bad);

	while (rd_more(&r)) {
		uint16_t t = rd_u16(&r);

		*body = rd_opaque(&r, 2);
		if (t == type)
			return true;
	}
	ASSERT_FALSE(bad);
	return false;
}

/* The message anew, with @body in the place of @type; NULL: without it */
static void rewrite(struct item *it, uint16_t type, const struct slice *body)
{
	bool bad = false, done = false;
	struct rd r = block_of(it, &bad);
	struct wr w = { 0 };

	wr_bytes(&w, it->data.buf, block_at(it));
	wr_vec(&w, 2) {
		while (rd_more(&r)) {
			uint16_t t = rd_u16(&r);
			struct slice s = rd_opaque(&r, 2);

			if (t == type && !body)
				continue;
			wr_u16(&w, t);
			wr_opaque(&w, 2, t == type ? *body : s);
			done |= t == type;
		}
		if (body && !done) {
			wr_u16(&w, type);
			wr_opaque(&w, 2, *body);
		}
	}
	ASSERT_TRUE(wr_ok(&w) && !bad);
	item_set(it, w.buf, w.len);
	item_fix_length(it);
	wr_free(&w);
}

void ext_put(struct item *it, uint16_t type, const void *body, size_t len)
{
	const struct slice s = { body, len };

	rewrite(it, type, &s);
}

void ext_drop(struct item *it, uint16_t type)
{
	rewrite(it, type, NULL);
}

void ext_edit(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	const struct ext_edit *e = arg;

	(void)m;
	for (size_t i = 0; from == e->from && i < f->n; i++) {
		if (!item_is(&f->item[i], e->msg))
			continue;
		if (e->drop)
			ext_drop(&f->item[i], e->type);
		else
			ext_put(&f->item[i], e->type, e->body, e->len);
	}
}
