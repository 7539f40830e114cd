/* SPDX-License-Identifier: MIT */
/*
 * Handshake messages out of records (RFC 9846 5.1): a record may hold several,
 * and one may span several.
 */
#ifndef KTLS_FRAG_H
#define KTLS_FRAG_H

#include "wire.h"

/* The beginning of a message whose rest is yet to come */
struct frag {
	struct wr buf;
};

struct frag_ops {
	/* A message of @type has begun: is it allowed at all? 0 or -KTLS_E_* */
	int (*begin)(void *arg, uint8_t type);
	/* A message, with its header; @last: nothing follows in the record */
	int (*take)(void *arg, struct slice whole, bool last);
};

/*
 * The content of the next handshake record.  0, what @ops return,
 * -KTLS_E_RECORD_EMPTY, -KTLS_E_MESSAGE_SIZE for more than @max bytes, -ENOMEM.
 */
int frag_feed(struct frag *f, struct slice content, size_t max,
	      const struct frag_ops *ops, void *arg);
void frag_free(struct frag *f);

static inline bool frag_pending(const struct frag *f)
{
	return f->buf.len;
}

#endif /* KTLS_FRAG_H */
