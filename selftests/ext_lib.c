// SPDX-License-Identifier: GPL-2.0-only
#include "ext_lib.h"

#include "harness.h"

size_t ext_block(const struct item *it)
{
	bool bad = false;
	struct rd r = rd_init(it->data.buf, it->data.len, &bad);
	uint8_t type = rd_u8(&r);

	rd_u24(&r);
	if (type == HT_CLIENT_HELLO || type == HT_SERVER_HELLO) {
		rd_take(&r, 2 + RANDOM_LEN);
		rd_opaque(&r, 1);
		if (type == HT_SERVER_HELLO) {
			rd_take(&r, 3);
		} else {
			rd_opaque(&r, 2);
			rd_opaque(&r, 1);
		}
	} else if (type == HT_CERTIFICATE_REQUEST) {
		rd_opaque(&r, 1);
	} else if (type == HT_NEW_SESSION_TICKET) {
		rd_take(&r, 8);
		rd_opaque(&r, 1);
		rd_opaque(&r, 2);
	} else if (type != HT_ENCRYPTED_EXTENSIONS) {
		return 0;
	}
	return bad || rd_left(&r) < 2 ? 0 : (size_t)(r.p - it->data.buf);
}

static struct rd block_of(const struct item *it, bool *bad)
{
	size_t at = ext_block(it);
	struct rd r = rd_init(it->data.buf + at, it->data.len - at, bad);

	ASSERT_TRUE(at);
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

	wr_bytes(&w, it->data.buf, ext_block(it));
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
