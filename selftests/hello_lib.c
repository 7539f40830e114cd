// SPDX-License-Identifier: GPL-2.0-only
#include "hello_lib.h"

#include <string.h>

#include "harness.h"

void hello_set(struct wr *w, const void *p, size_t len)
{
	wr_reset(w);
	wr_bytes(w, p, len);
	ASSERT_TRUE(wr_ok(w));
}

static void take(struct wr *w, struct slice s)
{
	hello_set(w, s.p, s.len);
}

void hello_open(struct hello *h, struct item *it)
{
	const struct wr *msg = &it->data;
	bool bad = false;
	struct rd r = rd_init(msg->buf + MSG_HEADER, msg->len - MSG_HEADER,
			      &bad);
	struct slice random;

	*h = (struct hello){ .it = it, .client = item_is(it, HT_CLIENT_HELLO) };
	h->version = rd_u16(&r);
	random = rd_take(&r, RANDOM_LEN);
	ASSERT_EQ(random.len, RANDOM_LEN);
	memcpy(h->random, random.p, RANDOM_LEN);
	take(&h->session_id, rd_opaque(&r, 1));
	take(&h->suites, h->client ? rd_opaque(&r, 2) : rd_take(&r, 2));
	take(&h->compression, h->client ? rd_opaque(&r, 1) : rd_take(&r, 1));
	if (rd_more(&r))
		take(&h->exts, rd_opaque(&r, 2));
	rd_end(&r);
	ASSERT_FALSE(bad);
}

static struct slice all(const struct wr *w)
{
	return (struct slice){ w->buf, w->len };
}

void hello_close(struct hello *h)
{
	struct wr w = { 0 };

	wr_u8(&w, h->client ? HT_CLIENT_HELLO : HT_SERVER_HELLO);
	wr_vec(&w, 3) {
		wr_u16(&w, h->version);
		wr_bytes(&w, h->random, RANDOM_LEN);
		wr_opaque(&w, 1, all(&h->session_id));
		if (h->client) {
			wr_opaque(&w, 2, all(&h->suites));
			wr_opaque(&w, 1, all(&h->compression));
		} else {
			wr_slice(&w, all(&h->suites));
			wr_slice(&w, all(&h->compression));
		}
		wr_opaque(&w, 2, all(&h->exts));
	}
	ASSERT_TRUE(wr_ok(&w));
	item_set(h->it, w.buf, w.len);
	wr_free(&w);
	wr_free(&h->session_id);
	wr_free(&h->suites);
	wr_free(&h->compression);
	wr_free(&h->exts);
}

/* ---- extensions -------------------------------------------------------- */

/* Its body, and where it begins with its header; false: not there */
static bool find(const struct hello *h, uint16_t type, size_t *at,
		 struct slice *body)
{
	bool bad = false;
	struct rd r = rd_init(h->exts.buf, h->exts.len, &bad);

	while (rd_more(&r)) {
		*at = (size_t)(r.p - h->exts.buf);
		if (rd_u16(&r) == type) {
			*body = rd_opaque(&r, 2);
			return !bad;
		}
		rd_opaque(&r, 2);
	}
	return false;
}

struct slice hello_ext(const struct hello *h, uint16_t type)
{
	struct slice body = { NULL, 0 };
	size_t at;

	find(h, type, &at, &body);
	return body;
}

bool hello_has(const struct hello *h, uint16_t type)
{
	struct slice body;
	size_t at;

	return find(h, type, &at, &body);
}

/* Whatever stands at @at, its body @body or nothing, becomes @with */
static void splice(struct hello *h, size_t at, size_t len,
		   const struct wr *with)
{
	struct wr w = { 0 };

	wr_bytes(&w, h->exts.buf, at);
	wr_bytes(&w, with->buf, with->len);
	wr_bytes(&w, h->exts.buf + at + len, h->exts.len - at - len);
	ASSERT_TRUE(wr_ok(&w));
	wr_free(&h->exts);
	h->exts = w;
}

bool hello_drop(struct hello *h, uint16_t type)
{
	const struct wr nothing = { 0 };
	struct slice body;
	size_t at;

	if (!find(h, type, &at, &body))
		return false;
	splice(h, at, 4 + body.len, &nothing);
	return true;
}

void hello_put(struct hello *h, uint16_t type, const void *p, size_t len)
{
	struct wr ext = { 0 };
	struct slice body;
	size_t at;

	wr_u16(&ext, type);
	wr_opaque(&ext, 2, (struct slice){ p, len });
	if (find(h, type, &at, &body))
		splice(h, at, 4 + body.len, &ext);
	else
		splice(h, h->exts.len, 0, &ext);
	wr_free(&ext);
}
