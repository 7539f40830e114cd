/* SPDX-License-Identifier: MIT */
/*
 * The record layer in user space (RFC 9846 5): that of the handshake, and of
 * the directions that the kernel does not carry.
 */
#ifndef KTLS_RECORD_H
#define KTLS_RECORD_H

#include "crypto.h"
#include "sched13.h"

enum content_type {
	CT_CHANGE_CIPHER_SPEC	= 20,
	CT_ALERT		= 21,
	CT_HANDSHAKE		= 22,
	CT_DATA			= 23,
};

#define RECORD_HEADER		5
#define RECORD_PLAIN_MAX	16384
#define RECORD_EXPANSION_MAX	256	/* 5.2; enough for 1.2 without CBC */
#define RECORD_MAX \
	(RECORD_HEADER + RECORD_PLAIN_MAX + RECORD_EXPANSION_MAX)

/* One direction; zeroed, it is plaintext */
struct record {
	const struct suite *suite;	/* NULL: no protection yet */
	struct aead aead;
	uint8_t iv[AEAD_IV_LEN];
	uint64_t seq;			/* records under this key */
	uint16_t max;			/* content bytes; 0: the protocol's */
	bool max_plain;			/* ... in the open as well */
	uint16_t pad;			/* 1.3: to multiples of it; 0: not */
};

static inline size_t record_max(const struct record *rec)
{
	return rec->max ? rec->max : RECORD_PLAIN_MAX;
}

/* A new key; the count starts anew */
int record_set_key(struct record *rec, const struct crypto *crypto,
		   const struct suite *suite, const struct traffic_keys *keys,
		   bool seal);
void record_free(struct record *rec);

/*
 * Append @len (at most record_max()) bytes as one record to @out.
 * @version is what a plaintext record's header says.
 */
int record_seal(struct record *rec, uint16_t version, uint8_t type,
		const void *p, size_t len, struct wr *out);

struct record_header {
	uint8_t type;
	uint16_t len;
};

/*
 * Read a header: -KTLS_E_RECORD_TYPE for what cannot be TLS, _RECORD_OVERFLOW
 * for more than its type allows.
 */
int record_header(const struct record *rec, const uint8_t *p,
		  struct record_header *h);

/*
 * Open a whole record in place: the true type and its content.
 * -KTLS_E_RECORD_MAC, _RECORD_OVERFLOW, _RECORD_EMPTY (no type inside).
 */
int record_open(struct record *rec, uint8_t *p, size_t len, uint8_t *type,
		struct slice *content);

#endif /* KTLS_RECORD_H */
