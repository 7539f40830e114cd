// SPDX-License-Identifier: MIT
#include "record.h"

#include <errno.h>

#include "include/ktls.h"

#define SEQ_LEN	8

int record_set_key(struct record *rec, const struct crypto *crypto,
		   const struct suite *suite, const struct traffic_keys *keys,
		   bool seal)
{
	int err = aead_set(&rec->aead, crypto, suite->aead, keys->key, seal);

	if (err)
		return err;
	memcpy(rec->iv, keys->iv, sizeof(rec->iv));
	rec->suite = suite;
	rec->seq = 0;
	return 0;
}

void record_free(struct record *rec)
{
	aead_free(&rec->aead);
	wipe(rec, sizeof(*rec));
}

static void put_seq(uint8_t p[SEQ_LEN], uint64_t seq)
{
	for (int i = SEQ_LEN - 1; i >= 0; i--, seq >>= 8)
		p[i] = (uint8_t)seq;
}

/* 9846 5.3, RFC 7905 2: the sequence number, padded to the left, over the IV */
static void mixed_nonce(const struct record *rec, uint8_t nonce[AEAD_IV_LEN])
{
	uint8_t seq[SEQ_LEN];

	put_seq(seq, rec->seq);
	memcpy(nonce, rec->iv, AEAD_IV_LEN);
	for (int i = 0; i < SEQ_LEN; i++)
		nonce[AEAD_IV_LEN - SEQ_LEN + i] ^= seq[i];
}

static void put_header(uint8_t *p, uint8_t type, uint16_t version, size_t len)
{
	p[0] = type;
	p[1] = (uint8_t)(version >> 8);
	p[2] = (uint8_t)version;
	p[3] = (uint8_t)(len >> 8);
	p[4] = (uint8_t)len;
}

/* 5.4: zeros behind @len bytes of content, which is not shown to be empty */
static size_t padding(const struct record *rec, size_t len)
{
	size_t max = record_max(rec), to;

	if (!rec->pad)
		return 0;
	to = (len / rec->pad + (len % rec->pad || !len)) * rec->pad;
	return (to < max ? to : max) - len;
}

/* 5.2: TLSInnerPlaintext is the content, its type and padding */
static int seal13(struct record *rec, uint8_t type, const void *p, size_t len,
		  struct wr *out)
{
	size_t inner = len + 1 + padding(rec, len);
	size_t body = inner + AEAD_TAG_LEN;
	uint8_t nonce[AEAD_IV_LEN], *to = wr_reserve(out, RECORD_HEADER + body);
	int err;

	if (!to)
		return -ENOMEM;
	put_header(to, CT_DATA, KTLS_TLS12, body);
	memcpy(to + RECORD_HEADER, p, len);
	to[RECORD_HEADER + len] = type;
	memset(to + RECORD_HEADER + len + 1, 0, inner - len - 1);
	mixed_nonce(rec, nonce);
	err = aead_seal(&rec->aead, nonce, (struct slice){ to, RECORD_HEADER },
			to + RECORD_HEADER, inner, to + RECORD_HEADER);
	if (err)
		return err;
	out->len += RECORD_HEADER + body;
	rec->seq++;
	return 0;
}

/* ---- TLS 1.2 (RFC 5246 6.2.3.3) ---------------------------------------- */

/* Bytes of the nonce that stand in each record: RFC 5288 3, 6655 3 */
static size_t explicit_len(const struct record *rec)
{
	return rec->suite->aead == AEAD_CHACHA20_POLY1305 ? 0 : SEQ_LEN;
}

/*
 * @at: where the explicit part stands or will stand.  Ours is the sequence
 * number, because the kernel goes on from there.
 */
static void nonce12(const struct record *rec, const uint8_t *at,
		    uint8_t nonce[AEAD_IV_LEN])
{
	size_t n = explicit_len(rec);

	if (!n) {
		mixed_nonce(rec, nonce);
		return;
	}
	memcpy(nonce, rec->iv, AEAD_IV_LEN - n);
	memcpy(nonce + AEAD_IV_LEN - n, at, n);
}

#define AAD12	(SEQ_LEN + RECORD_HEADER)

static void aad12(const struct record *rec, uint8_t type, uint16_t version,
		  size_t len, uint8_t aad[AAD12])
{
	put_seq(aad, rec->seq);
	put_header(aad + SEQ_LEN, type, version, len);
}

static int seal12(struct record *rec, uint8_t type, const void *p, size_t len,
		  struct wr *out)
{
	size_t n = explicit_len(rec), body = n + len + AEAD_TAG_LEN;
	uint8_t *to = wr_reserve(out, RECORD_HEADER + body);
	uint8_t nonce[AEAD_IV_LEN], aad[AAD12];
	int err;

	if (!to)
		return -ENOMEM;
	put_header(to, type, KTLS_TLS12, body);
	if (n)
		put_seq(to + RECORD_HEADER, rec->seq);
	nonce12(rec, to + RECORD_HEADER, nonce);
	aad12(rec, type, KTLS_TLS12, len, aad);
	err = aead_seal(&rec->aead, nonce, (struct slice){ aad, AAD12 }, p,
			len, to + RECORD_HEADER + n);
	if (err)
		return err;
	out->len += RECORD_HEADER + body;
	rec->seq++;
	return 0;
}

static int open12(struct record *rec, uint8_t *p, size_t len, uint8_t *type,
		  struct slice *content)
{
	size_t n = explicit_len(rec);
	uint8_t *body = p + RECORD_HEADER + n, nonce[AEAD_IV_LEN], aad[AAD12];
	int err;

	if (len < RECORD_HEADER + n + AEAD_TAG_LEN)
		return -KTLS_E_RECORD_MAC;
	len -= RECORD_HEADER + n;
	if (len - AEAD_TAG_LEN > record_max(rec))
		return -KTLS_E_RECORD_OVERFLOW;
	nonce12(rec, p + RECORD_HEADER, nonce);
	aad12(rec, p[0], (uint16_t)(p[1] << 8 | p[2]), len - AEAD_TAG_LEN,
	      aad);
	err = aead_open(&rec->aead, nonce, (struct slice){ aad, AAD12 }, body,
			len, body);
	if (err)
		return err;
	rec->seq++;
	*type = p[0];
	*content = (struct slice){ body, len - AEAD_TAG_LEN };
	return 0;
}

/* ---- either ------------------------------------------------------------ */

int record_seal(struct record *rec, uint16_t version, uint8_t type,
		const void *p, size_t len, struct wr *out)
{
	uint8_t *to;

	if (rec->suite)
		return rec->suite->version == KTLS_TLS12 ?
		       seal12(rec, type, p, len, out) :
		       seal13(rec, type, p, len, out);
	to = wr_reserve(out, RECORD_HEADER + len);
	if (!to)
		return -ENOMEM;
	put_header(to, type, version, len);
	memcpy(to + RECORD_HEADER, p, len);
	out->len += RECORD_HEADER + len;
	return 0;
}

int record_header(const struct record *rec, const uint8_t *p,
		  struct record_header *h)
{
	/* data with or without a key of ours: early data is sealed as well */
	bool sealed = p[0] == CT_DATA ||
		      (rec->suite && rec->suite->version == KTLS_TLS12);

	h->type = p[0];
	h->len = (uint16_t)(p[3] << 8 | p[4]);
	/* the version is ignored (5.1), unless it is SSL 2's (appendix E) */
	if (h->type < CT_CHANGE_CIPHER_SPEC || h->type > CT_DATA || p[1] < 3)
		return -KTLS_E_RECORD_TYPE;
	if (!sealed && rec->max_plain && h->len > rec->max)
		return -KTLS_E_RECORD_OVERFLOW;
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
	mixed_nonce(rec, nonce);
	err = aead_open(&rec->aead, nonce, (struct slice){ p, RECORD_HEADER },
			inner, n, inner);
	if (err)
		return err;
	rec->seq++;
	n -= AEAD_TAG_LEN;
	/* 5.4: padding does not make more of it */
	if (n > record_max(rec) + 1)
		return -KTLS_E_RECORD_OVERFLOW;
	/*
	 * The last byte that is not zero is the type.  How far it is tells the
	 * length of the content, as does all that is done with it (F.3).
	 */
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
		return rec->suite->version == KTLS_TLS12 ?
		       open12(rec, p, len, type, content) :
		       open13(rec, p, len, type, content);
	*type = p[0];
	*content = (struct slice){ p + RECORD_HEADER, len - RECORD_HEADER };
	return 0;
}
