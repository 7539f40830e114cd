// SPDX-License-Identifier: GPL-2.0-only
/*
 * A handshake with a peer that knows all the keys and changes what it sends
 * inside of the protection.  An input is a byte, the way and what is made
 * right behind the changes, and then the changes (struct edit).
 */
#include "../harness.h"
#include "../peer.h"
#include "fuzz_way.h"

/* Proofs (CertificateVerify, Finished) are of what the peer did send */
#define REPAIR		0x80

struct plan {
	struct edit edit[EDITS_MAX];
	size_t edits;
	bool repair;
	bool answered;
	bool changed;		/* a message is another, or not there */
};

/* The message at @at, with its header; 0: it is not whole */
static size_t message_len(const struct wr *w, size_t at)
{
	bool bad = false;
	struct rd r = rd_init(w->buf + at, w->len - at, &bad);

	rd_u8(&r);
	rd_opaque(&r, 3);
	return bad ? 0 : (size_t)(r.p - (w->buf + at));
}

/*
 * A server may send HelloRequest at any time, and it is no part of the
 * transcript (5246 7.4.1.1): out with it, wherever a message may begin, until
 * the client knows that this is TLS 1.3.
 */
static void drop_hello_requests(struct wr *w, const struct mitm *m)
{
	static const uint8_t hello_request[MSG_HEADER];
	const struct ktls_hs *client = m->hs[CLIENT_END];
	bool tls13 = m->hs[SERVER_END]->info.version == KTLS_TLS13;
	size_t at = 0, len;

	if (client->config->min_version == KTLS_TLS13 ||
	    client->info.version == KTLS_TLS13)
		return;
	while (at < w->len && (len = message_len(w, at))) {
		uint8_t *p = w->buf + at;

		if (tls13 && *p == HT_SERVER_HELLO)
			break;
		at += len;
		if (memcmp(p, hello_request, MSG_HEADER))
			continue;
		memmove(p, p + MSG_HEADER, w->len - at);
		w->len -= MSG_HEADER;
		at -= MSG_HEADER;
	}
}

/* As early data, or what passes for it, a server may skip (9846 4.3.10) */
static bool skipped(const struct mitm *m, enum end from, const struct item *it)
{
	const struct ktls_hs *server = m->hs[SERVER_END];

	return from == CLIENT_END && it->sealed && !server->binding.round &&
	       (server->state == S_CH || server->state == S_CH2);
}

/* All messages as one */
static void stream(struct wr *w, const struct mitm *m, enum end from,
		   const struct flight *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct item *it = &f->item[i];

		if (it->type == CT_HANDSHAKE && !it->raw &&
		    !skipped(m, from, it))
			wr_slice(w, wr_content(&it->data));
	}
	if (from == SERVER_END)
		drop_hello_requests(w, m);
}

/* Who it reaches shall believe it: where it makes sense */
static void repair(struct mitm *m, enum end from, struct flight *f)
{
	bool tls12 = m->hs[from]->info.version == KTLS_TLS12;

	for (size_t i = 0; i < f->n; i++) {
		struct item *it = &f->item[i];

		if (item_is(it, HT_FINISHED) && it->sealed)
			it->fix = FIX_FINISHED;
		else if (item_is(it, HT_CERTIFICATE_VERIFY) && !tls12)
			it->fix = FIX_VERIFY;
	}
}

/* As mitm.messages does */
static bool counts(const struct mitm *m, enum end from, const struct item *it)
{
	return it->type == CT_HANDSHAKE ||
	       (it->type == CT_CHANGE_CIPHER_SPEC &&
		m->hs[from]->info.version == KTLS_TLS12);
}

/* The item that is message @nr of its flight, or @f->n */
static size_t find(const struct mitm *m, enum end from,
		   const struct flight *f, size_t nr)
{
	size_t i = 0;

	for (; i < f->n; i++)
		if (counts(m, from, &f->item[i]) && !nr--)
			break;
	return i;
}

/* Who has got a Finished may be done, and does not look at what is behind it */
static bool differs(const struct wr *before, const struct wr *after, bool done)
{
	size_t len = before->len;

	return (done ? after->len < len : after->len != len) ||
	       (len && memcmp(before->buf, after->buf, len));
}

static void alter(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	struct plan *p = arg;
	struct wr before = { 0 }, after = { 0 };
	bool done = item_is(&f->item[f->n - 1], HT_FINISHED);

	stream(&before, m, from, f);
	if (p->repair)
		repair(m, from, f);
	for (size_t e = 0; e < p->edits; e++) {
		const struct edit *edit = &p->edit[e];
		size_t nr = edit->where & 0x7f, i;

		if (edit->where >> 7 != from || nr < m->messages[from])
			continue;
		i = find(m, from, f, nr - m->messages[from]);
		if (i < f->n)
			edit_apply(f, i, edit);
	}
	/* 0.5-RTT, once, as soon as it may be sent */
	p->answered = p->answered ||
		      ktls_hs_answer(m->hs[SERVER_END], "answer", 6) > 0;
	stream(&after, m, from, f);
	if (ktls_hs_wants(m->hs[OTHER(from)]) & KTLS_WANT_RECV)
		p->changed |= differs(&before, &after, done);
	wr_free(&before);
	wr_free(&after);
}

/* Never more than may come (fuzz_way.c) */
static void take_early(struct ktls_hs *hs)
{
	uint8_t buf[64];
	ssize_t n, all = 0;

	while ((n = ktls_hs_early_read(hs, buf, sizeof(buf))) > 0)
		all += n;
	ASSERT_LE(all, EARLY_MAX);
}

void fuzz_handshake(const uint8_t *p, size_t len)
{
	struct input in = { p, p + len };
	unsigned int first = in_uint(&in, 1);
	struct mitm *m = way_begin(first % WAYS_MAX % ways_count());
	struct plan plan = { .repair = first & REPAIR };

	while (in_more(&in) && plan.edits < EDITS_MAX)
		edit_read(&in, &plan.edit[plan.edits++]);
	mitm_run(m, alter, &plan);
	take_early(m->hs[SERVER_END]);
	/* what was changed is noticed, and is nobody's fault here */
	ASSERT_FALSE(plan.changed && !m->forged && mitm_done(m));
	ASSERT_NE(m->alert[CLIENT_END], KTLS_ALERT_INTERNAL_ERROR)
		TH_LOG("%s", ktls_hs_error_text(m->hs[CLIENT_END]));
	ASSERT_NE(m->alert[SERVER_END], KTLS_ALERT_INTERNAL_ERROR)
		TH_LOG("%s", ktls_hs_error_text(m->hs[SERVER_END]));
	if (!plan.edits && !plan.repair)
		ASSERT_TRUE(mitm_done(m));
}

/* ---- seeds: each change to each message, and none ---------------------- */

void seed_handshake(void)
{
	for (uint8_t way = 0; way < ways_count(); way++) {
		struct mitm *m = way_begin(way);
		size_t n[2];

		mitm_run(m, NULL, NULL);
		ASSERT_TRUE(mitm_done(m));
		n[0] = m->messages[0];
		n[1] = m->messages[1];
		seed(&way, 1);
		for (int i = 0; i < 2; i++) {
			for (size_t at = 0; at < n[i]; at++) {
				uint8_t op = (uint8_t)((at * 5 + way) %
						       edit_ops);
				const struct edit e = {
					.where = (uint8_t)(i << 7 | (int)at),
					.op = op, .at = (uint16_t)(at * 7),
					.data = slice_str("\1\2"),
				};
				struct wr w = { 0 };

				wr_u8(&w, way | (op & 1 ? REPAIR : 0));
				edit_write(&w, &e);
				seed(w.buf, w.len);
				wr_free(&w);
			}
		}
	}
}
