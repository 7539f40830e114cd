/* SPDX-License-Identifier: MIT */
/* The Transcript-Hash (RFC 9846 4.1) */
#ifndef KTLS_TRANSCRIPT_H
#define KTLS_TRANSCRIPT_H

#include "crypto.h"

struct transcript {
	enum hash_id id;
	struct hash hash;
	bool keep;		/* 1.2: the messages themselves are signed */
	struct wr kept;
};

/* Once the suite, hence the hash, is known */
int transcript_begin(struct transcript *t, const struct crypto *crypto,
		     enum hash_id id);
/* One message, with its header */
int transcript_add(struct transcript *t, struct slice msg);
/* The hash of what has been added, as long as the hash is */
int transcript_now(const struct transcript *t, struct secret *out);
/* ... and of @more after it, which is not added */
int transcript_with(const struct transcript *t, struct slice more,
		    struct secret *out);
/* A HelloRetryRequest is next: what was added becomes a message_hash */
int transcript_retry(struct transcript *t, const struct crypto *crypto);
/* The same with the hash of the first hello, before anything is added */
int transcript_retried(struct transcript *t, const struct crypto *crypto,
		       enum hash_id id, const struct secret *first);
/* Another that goes on from here, of 1.3 */
int transcript_copy(struct transcript *to, const struct transcript *from);
void transcript_free(struct transcript *t);

#endif /* KTLS_TRANSCRIPT_H */
