// SPDX-License-Identifier: MIT
#include "record.h"

#include <errno.h>

#include "include/ktls.h"

int record_set_key(struct record *rec, const struct crypto *crypto,
		   const struct suite *suite, const struct secret *traffic,
		   bool seal)
{
	struct traffic_keys keys;
	int err = traffic_keys(crypto, suite, traffic, &keys);

	if (!err)
		err = aead_set(&rec->aead, crypto, suite->aead, keys.key,
			       seal);
	if (!err) {
		memcpy(rec->iv, keys.iv, sizeof(rec->iv));
		rec->suite = suite;
		rec->seq = 0;
	}
	wipe(&keys, sizeof(keys));
	return err;
}

void record_free(struct record *rec)
{
	aead_free(&rec->aead);
	wipe(rec, sizeof(*rec));
}

/* 5.3: the sequence number, padded to the left, over the IV */
static void make_nonce(const struct record *rec, uint8_t nonce[AEAD_IV_LEN])
{
	memcpy(nonce, rec->iv, AEAD_IV_LEN);
	for (int i = 0; i < 8; i++)
		nonce[AEAD_IV_LEN - 1 - i] ^= (uint8_t)(rec->seq >> (8 * i));
}

static void put_header(uint8_t *p, uint8_t type, uint16_t version, size_t len)
{
	p[0] = type;
	p[1] = (uint8_t)(version >> 8);
	p[2] = (uint8_t)version;
	p[3] = (uint8_t)(len >> 8);
	p[4] = (uint8_t)len;
}

/* 5.2: TLSInnerPlaintext is the content and its type, and we never pad */
static int seal13(struct record *rec, uint8_t type, const void *p, size_t len,
		  struct wr *out)
{
	size_t body = len + 1 + AEAD_TAG_LEN;
	uint8_t nonce[AEAD_IV_LEN], *to = wr_reserve(out, RECORD_HEADER + body);
	int err;

	if (!to)
		return -ENOMEM;
	put_header(to, CT_DATA, KTLS_TLS12, body);
	memcpy(to + RECORD_HEADER, p, len);
	to[RECORD_HEADER + len] = type;
	make_nonce(rec, nonce);
	err = aead_seal(&rec->aead, nonce, (struct slice){ to, RECORD_HEADER },
			to + RECORD_HEADER, len + 1, to + RECORD_HEADER);
	if (err)
		return err;
	out->len += RECORD_HEADER + body;
	rec->seq++;
	return 0;
}

int record_seal(struct record *rec, uint16_t version, uint8_t type,
		const void *p, size_t len, struct wr *out)
{
	uint8_t *to;

	if (rec->suite)
		return seal13(rec, type, p, len, out);
	to = wr_reserve(out, RECORD_HEADER + len);
	if (!to)
		return -ENOMEM;
	put_header(to, type, version, len);
	memcpy(to + RECORD_HEADER, p, len);
	out->len += RECORD_HEADER + len;
	return 0;
}

int record_header(const uint8_t *p, struct record_header *h)
{
	/* with or without a key of ours: early data is sealed as well */
	bool sealed = p[0] == CT_DATA;

	h->type = p[0];
	h->len = (uint16_t)(p[3] << 8 | p[4]);
	/* the version means nothing (5.1), but TLS has never had another */
	if (h->type < CT_CHANGE_CIPHER_SPEC || h->type > CT_DATA || p[1] != 3)
		return -KTLS_E_RECORD_TYPE;
	if (h->len > RECORD_PLAIN_MAX + (sealed ? RECORD_EXPANSION_MAX : 0))
		return -KTLS_E_RECORD_OVERFLOW;
	return 0;
}

static int open13(struct record *rec, uint8_t *p, size_t len, uint8_t *type,
		  struct slice *content)
{
	uint8_t nonce[AEAD_IV_LEN], *inner = p + RECORD_HEADER;
	size_t n = len - RECORD_HEADER;
	int err;

	if (n < AEAD_TAG_LEN)
		return -KTLS_E_RECORD_MAC;
	make_nonce(rec, nonce);
	err = aead_open(&rec->aead, nonce, (struct slice){ p, RECORD_HEADER },
			inner, n, inner);
	if (err)
		return err;
	rec->seq++;
	n -= AEAD_TAG_LEN;
	/* 5.4: padding does not make more of it */
	if (n > RECORD_PLAIN_MAX + 1)
		return -KTLS_E_RECORD_OVERFLOW;
	/* the last byte that is not zero is the type */
	while (n && !inner[n - 1])
		n--;
	if (!n)
		return -KTLS_E_RECORD_EMPTY;
	*type = inner[--n];
	*content = (struct slice){ inner, n };
	return 0;
}

int record_open(struct record *rec, uint8_t *p, size_t len, uint8_t *type,
		struct slice *content)
{
	if (rec->suite)
		return open13(rec, p, len, type, content);
	*type = p[0];
	*content = (struct slice){ p + RECORD_HEADER, len - RECORD_HEADER };
	return 0;
}
