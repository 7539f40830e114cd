// SPDX-License-Identifier: MIT
#include "transcript.h"

#include <errno.h>

#include "msg.h"

/* What most handshakes of 1.2 come to, two certificates in them */
#define KEPT_FIRST	2048

int transcript_begin(struct transcript *t, const struct crypto *crypto,
		     enum hash_id id)
{
	t->id = id;
	hash_free(&t->hash);
	return hash_begin(&t->hash, crypto, id);
}

int transcript_add(struct transcript *t, struct slice msg)
{
	if (t->keep && !t->kept.cap)
		wr_reserve(&t->kept, KEPT_FIRST);
	if (t->keep)
		wr_slice(&t->kept, msg);
	if (!wr_ok(&t->kept))
		return -ENOMEM;
	return hash_add(&t->hash, msg.p, msg.len);
}

int transcript_now(const struct transcript *t, struct secret *out)
{
	out->len = hash_rows[t->id].len;
	return hash_peek(&t->hash, out->b);
}

int transcript_with(const struct transcript *t, struct slice more,
		    struct secret *out)
{
	struct hash fork = { 0 };
	int err = hash_copy(&fork, &t->hash);

	out->len = hash_rows[t->id].len;
	if (!err)
		err = hash_add(&fork, more.p, more.len);
	if (!err)
		err = hash_peek(&fork, out->b);
	hash_free(&fork);
	return err;
}

int transcript_retried(struct transcript *t, const struct crypto *crypto,
		       enum hash_id id, const struct secret *first)
{
	const uint8_t head[MSG_HEADER] = { HT_MESSAGE_HASH, 0, 0, first->len };
	int err = transcript_begin(t, crypto, id);

	if (!err)
		err = hash_add(&t->hash, head, sizeof(head));
	if (!err)
		err = hash_add(&t->hash, first->b, first->len);
	return err;
}

int transcript_retry(struct transcript *t, const struct crypto *crypto)
{
	struct secret first;
	int err = transcript_now(t, &first);

	return err ? err : transcript_retried(t, crypto, t->id, &first);
}

int transcript_copy(struct transcript *to, const struct transcript *from)
{
	*to = (struct transcript){ .id = from->id };
	return hash_copy(&to->hash, &from->hash);
}

void transcript_free(struct transcript *t)
{
	hash_free(&t->hash);
	wr_free(&t->kept);
}
