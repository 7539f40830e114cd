// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "harness.h"
#include "mitm_lib.h"

void item_set(struct item *it, const void *data, size_t len)
{
	struct wr w = { 0 };

	wr_bytes(&w, data, len);
	ASSERT_TRUE(wr_ok(&w));
	wr_free(&it->data);
	it->data = w;
}

void item_fix_length(struct item *it)
{
	size_t len = it->data.len - MSG_HEADER;

	ASSERT_GE(it->data.len, MSG_HEADER);
	it->data.buf[1] = (uint8_t)(len >> 16);
	it->data.buf[2] = (uint8_t)(len >> 8);
	it->data.buf[3] = (uint8_t)len;
}

struct item *flight_insert(struct flight *f, size_t at, uint8_t type,
			   bool sealed, const void *data, size_t len)
{
	struct item *it = &f->item[at];

	ASSERT_LT(f->n, FLIGHT_MAX);
	ASSERT_LE(at, f->n);
	memmove(it + 1, it, (f->n++ - at) * sizeof(*it));
	*it = (struct item){ .type = type, .sealed = sealed };
	item_set(it, data, len);
	return it;
}

struct item *flight_copy(struct flight *f, size_t at, const struct item *from)
{
	struct item copy = *from, *it;

	it = flight_insert(f, at, copy.type, copy.sealed, copy.data.buf,
			   copy.data.len);
	copy.data = it->data;
	*it = copy;
	return it;
}

void flight_remove(struct flight *f, size_t at)
{
	struct item *it = &f->item[at];

	ASSERT_LT(at, f->n);
	wr_free(&it->data);
	memmove(it, it + 1, (--f->n - at) * sizeof(*it));
}

void flight_swap(struct flight *f, size_t a, size_t b)
{
	struct item it = f->item[a];

	ASSERT_LT(a, f->n);
	ASSERT_LT(b, f->n);
	f->item[a] = f->item[b];
	f->item[b] = it;
}

void flight_part(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->item[i].join = false;
}

void flight_free(struct flight *f)
{
	while (f->n)
		wr_free(&f->item[--f->n].data);
}

struct item *flight_find(struct flight *f, uint8_t msg)
{
	for (size_t i = 0; i < f->n; i++)
		if (item_is(&f->item[i], msg))
			return &f->item[i];
	ASSERT_TRUE(false) TH_LOG("no message %u", msg);
	return NULL;
}

/* ---- forgery ----------------------------------------------------------- */

void flight_forge(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	const struct forged *x = arg;
	struct wr w = { 0 };

	(void)m;
	for (size_t i = 0; from == x->from && i < f->n; i++) {
		if (!item_is(&f->item[i], x->msg))
			continue;
		wr_u8(&w, x->msg);
		wr_opaque(&w, 3, x->body);
		ASSERT_TRUE(wr_ok(&w));
		item_set(&f->item[i], w.buf, w.len);
		wr_free(&w);
		return;
	}
}

static void fix_verify(struct mitm *m, enum end to, struct item *it)
{
	struct ktls_hs *hs = m->hs[to], *from = m->hs[OTHER(to)];
	struct wr text = { 0 }, msg = { 0 };
	struct secret digest;

	ASSERT_OK(transcript_now(&hs->transcript, &digest));
	for (int i = 0; i < 64; i++)
		wr_u8(&text, ' ');
	wr_bytes(&text, to == CLIENT_END ? "TLS 1.3, server CertificateVerify" :
		 "TLS 1.3, client CertificateVerify", 34);
	wr_bytes(&text, digest.b, digest.len);
	wr_u8(&msg, HT_CERTIFICATE_VERIFY);
	wr_vec(&msg, 3) {
		wr_u16(&msg, from->scheme->id);
		wr_vec(&msg, 2)
			ASSERT_OK(sig_sign(from->scheme, from->cred->key, NULL,
					   (struct slice){ text.buf,
							   text.len }, &msg));
	}
	ASSERT_TRUE(wr_ok(&msg));
	item_set(it, msg.buf, msg.len);
	wr_free(&text);
	wr_free(&msg);
}

static void fix_finished12(struct mitm *m, enum end to, struct item *it)
{
	struct ktls_hs *hs = m->hs[to];
	uint8_t msg[MSG_HEADER + VERIFY_DATA_LEN] = {
		HT_FINISHED, 0, 0, VERIFY_DATA_LEN };
	struct secret digest;

	ASSERT_OK(transcript_now(&hs->transcript, &digest));
	ASSERT_OK(verify_data12(hs->config->crypto, hs->suite->hash,
				&hs->tls12.master, to == SERVER_END, &digest,
				msg + MSG_HEADER));
	item_set(it, msg, sizeof(msg));
}

static void fix_finished(struct mitm *m, enum end to, struct item *it)
{
	struct ktls_hs *hs = m->hs[to];
	uint8_t msg[MSG_HEADER + HASH_MAX] = { HT_FINISHED };
	struct secret digest, mac;

	ASSERT_OK(transcript_now(&hs->transcript, &digest));
	ASSERT_OK(finished_mac(hs->config->crypto, hs->suite->hash,
			       to == CLIENT_END ? &hs->server_hs :
			       &hs->client_hs, &digest, &mac));
	msg[3] = mac.len;
	memcpy(msg + MSG_HEADER, mac.b, mac.len);
	item_set(it, msg, MSG_HEADER + (size_t)mac.len);
}

void item_fix(struct mitm *m, enum end to, struct item *it)
{
	/* there is nothing to make right for one that has no key yet */
	if (it->fix == FIX_NONE || !m->hs[to]->rx.suite)
		return;
	m->forged = true;
	if (it->fix == FIX_VERIFY)
		fix_verify(m, to, it);
	else if (m->hs[to]->suite->version == KTLS_TLS12)
		fix_finished12(m, to, it);
	else
		fix_finished(m, to, it);
}
