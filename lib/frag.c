// SPDX-License-Identifier: MIT
#include "frag.h"

#include <errno.h>

#include "include/ktls.h"
#include "msg.h"

/* The message at @s with its header; 0: not yet known */
static size_t message_len(struct slice s)
{
	if (s.len < MSG_HEADER)
		return 0;
	return MSG_HEADER + ((size_t)s.p[1] << 16 | (size_t)s.p[2] << 8 |
			     s.p[3]);
}

/* Take the complete messages at the front of @s; what is left stays in it */
static int take_messages(struct slice *s, size_t max,
			 const struct frag_ops *ops, void *arg)
{
	while (s->len) {
		size_t len = message_len(*s);
		struct slice whole = { s->p, len };
		/* what can never be right need not be waited for */
		int err = ops->begin(arg, s->p[0]);

		if (err)
			return err;
		if (len > MSG_HEADER + max)
			return -KTLS_E_MESSAGE_SIZE;
		if (!len || s->len < len)
			break;
		s->p += len;
		s->len -= len;
		err = ops->take(arg, whole, !s->len);
		if (err)
			return err;
	}
	return 0;
}

int frag_feed(struct frag *f, struct slice content, size_t max,
	      const struct frag_ops *ops, void *arg)
{
	/* messages borrow from it: nothing may move it meanwhile */
	struct wr held = f->buf;
	struct slice left = content;
	int err = 0;

	if (!content.len)
		return -KTLS_E_RECORD_EMPTY;
	f->buf = (struct wr){ 0 };
	if (held.len) {
		wr_slice(&held, content);
		left = wr_content(&held);
		err = wr_ok(&held) ? 0 : -ENOMEM;
	}
	if (!err)
		err = take_messages(&left, max, ops, arg);
	/* still the same one: many small pieces must not cost many copies */
	if (!err && held.len && left.p == held.buf) {
		f->buf = held;
		return 0;
	}
	if (!err && left.len) {
		wr_slice(&f->buf, left);
		err = wr_ok(&f->buf) ? 0 : -ENOMEM;
	}
	wr_free(&held);
	return err;
}

void frag_free(struct frag *f)
{
	wr_free(&f->buf);
}
