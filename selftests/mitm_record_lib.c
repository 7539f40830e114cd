// SPDX-License-Identifier: GPL-2.0-only
/* What the ends send each other: records, which he opens and seals again */
#include "mitm_lib.h"

#include <string.h>

#include "../lib/conn.h"
#include "harness.h"
#include "hs_lib.h"
#include "record_lib.h"

/* ---- taking apart ------------------------------------------------------ */

static void set_key(struct mitm *m, struct record *rec, enum end end,
		    const struct secret *traffic, bool seal)
{
	const struct suite *suite = m->hs[end]->suite;

	ASSERT_TRUE(suite && traffic->len);
	ASSERT_OK(record_set_secret(rec, m->config[end]->crypto, suite, traffic,
				 seal));
}

/* 0-RTT is under the suite of its ticket, whatever is chosen later */
static void set_early_keys(struct mitm *m)
{
	const struct session *of = m->hs[CLIENT_END]->client.psks[0].session;
	const struct suite *suite = suite_find(of->suite);
	const struct crypto *crypto = m->config[CLIENT_END]->crypto;
	const struct secret *early = &m->known[CLIENT_END].early;

	ASSERT_OK(record_set_secret(&m->open[CLIENT_END], crypto, suite,
				    early, false));
	ASSERT_OK(record_set_secret(&m->early, crypto, suite, early, true));
	m->in_early = true;
}

/* Is this record still one of 0-RTT, by its key? */
static bool is_early(struct mitm *m, const uint8_t *p, size_t len)
{
	struct slice content;
	struct wr copy = { 0 };
	uint8_t type;
	uint64_t seq = m->open[CLIENT_END].seq;

	wr_bytes(&copy, p, len);
	m->in_early = !record_open(&m->open[CLIENT_END], copy.buf, len, &type,
				   &content);
	m->open[CLIENT_END].seq = seq;
	wr_free(&copy);
	return m->in_early;
}

/* For a sealed record of 1.3 */
static void find_key(struct mitm *m, enum end from, const uint8_t *p,
		     size_t len)
{
	struct record *open = &m->open[from];
	const struct known *k = &m->known[from];

	if (from == CLIENT_END && k->early.len && !open->suite)
		set_early_keys(m);
	else if (!open->suite || (from == CLIENT_END && m->in_early &&
				  !is_early(m, p, len)))
		set_key(m, open, from, from == CLIENT_END ? &k->client_hs :
			&k->server_hs, false);
}

struct reading {
	struct mitm *m;
	enum end from;
	struct flight *f;
	bool sealed;
};

static int any_type(void *arg, uint8_t type)
{
	(void)arg;
	(void)type;
	return 0;
}

static int add_message(void *arg, struct slice whole, bool last)
{
	struct reading *r = arg;
	struct known *k = &r->m->known[r->from];
	struct item *it = flight_insert(r->f, r->f->n, CT_HANDSHAKE,
					r->sealed, whole.p, whole.len);

	it->join = !last;
	if (item_is(it, HT_FINISHED) && !mitm_tls12(r->m, r->from))
		set_key(r->m, &r->m->open[r->from], r->from,
			r->from == CLIENT_END ? &k->client_app :
			&k->server_app, false);
	return 0;
}

static const struct frag_ops ops = { any_type, add_message };

static void add_record(struct mitm *m, enum end from, struct flight *f,
		       uint8_t *p, size_t len)
{
	bool tls12 = mitm_tls12(m, from);
	bool sealed = tls12 ? !!m->open[from].suite : p[0] == CT_DATA;
	struct slice content;
	uint8_t type;

	if (m->blind[from]) {
		flight_insert(f, f->n, 0, true, p, len)->raw = true;
		m->alert[from] = m->hs[from]->info.alert_sent;
		return;
	}
	if (!tls12 && sealed)
		find_key(m, from, p, len);
	if (sealed) {
		ASSERT_OK(record_open(&m->open[from], p, len, &type,
				      &content));
	} else {
		type = p[0];
		content = (struct slice){ p + RECORD_HEADER,
					  len - RECORD_HEADER };
	}
	if (type == CT_HANDSHAKE) {
		struct reading r = { m, from, f, sealed };

		ASSERT_OK(frag_feed(&m->frag[from], content, 1 << 24, &ops,
				    &r));
		return;
	}
	if (type == CT_ALERT) {
		ASSERT_EQ(content.len, 2);
		EXPECT_EQ(m->alert[from], -1);
		EXPECT_EQ(content.p[0], 2);
		m->alert[from] = content.p[1];
	}
	flight_insert(f, f->n, type, sealed, content.p, content.len)->early =
		type == CT_DATA && from == CLIENT_END && m->in_early;
	if (type != CT_CHANGE_CIPHER_SPEC || !tls12)
		return;
	/* it had them, and has failed, in one step */
	m->blind[from] = !m->hs[from]->tx.suite &&
			 (!m->keyed[from] || !memcmp(&m->opening[from],
						     &m->tx_keys[from],
						     sizeof(*m->opening)));
	m->opening[from] = m->tx_keys[from];
	if (!m->blind[from])
		ASSERT_OK(record_set_key(&m->open[from],
					 m->config[from]->crypto,
					 m->tx_suite[from], &m->tx_keys[from],
					 false));
}

/* A failure wipes them, and its alert is under them */
static void note_keys(struct mitm *m, enum end end)
{
	if (!m->hs[end]->tx.suite)
		return;
	m->tx_keys[end] = m->hs[end]->tx_keys;
	m->tx_suite[end] = m->hs[end]->tx.suite;
	m->keyed[end] = true;
}

void mitm_read(struct mitm *m, enum end from, struct flight *f)
{
	struct wr all = { 0 };
	size_t len;
	const void *p = ktls_hs_out(m->hs[from], &len);

	f->n = 0;
	note_keys(m, from);
	wr_bytes(&all, p, len);
	ktls_hs_sent(m->hs[from], len);
	for (size_t at = 0, n; at < all.len; at += n) {
		uint8_t *rec = all.buf + at;

		n = RECORD_HEADER + (size_t)(rec[3] << 8 | rec[4]);
		ASSERT_LE(n, all.len - at);
		add_record(m, from, f, rec, n);
	}
	wr_free(&all);
}

/* ---- putting together -------------------------------------------------- */

/* It takes no more: its connection will */
static bool is_done(const struct mitm *m, enum end to)
{
	return ktls_hs_wants(m->hs[to]) == KTLS_WANT_DONE;
}

int mitm_bytes(struct mitm *m, enum end to, const void *p, size_t len)
{
	struct feed f = { .hs = m->hs[to] };

	if (is_done(m, to)) {
		wr_bytes(&m->late[to], p, len);
		return 0;
	}
	note_keys(m, to);
	feed(&f, p, len, 0);
	note_keys(m, to);
	return ktls_hs_error(m->hs[to]);
}

/* The key by which @to wants to be spoken to; its record number as well */
static struct record *sealing(struct mitm *m, enum end to)
{
	struct ktls_hs *hs = m->hs[to];
	struct traffic_keys *now = &m->sealing[to];

	if (!hs->rx.suite)
		return NULL;
	if (memcmp(now, &hs->rx_keys, sizeof(*now))) {
		*now = hs->rx_keys;
		ASSERT_OK(record_set_key(&m->seal[to], m->config[to]->crypto,
					 hs->rx.suite, now, true));
	}
	if (!m->late[to].len)
		m->seal[to].seq = hs->rx.seq;
	return &m->seal[to];
}

/* Where there is nothing, there is no buffer either */
static const uint8_t empty[1];

static int send_padded(struct mitm *m, enum end to, uint8_t type,
		       const void *p, size_t len, size_t pad)
{
	struct record *rec = sealing(m, to);
	struct wr inner = { 0 }, out = { 0 };
	int err;

	if (!rec) {
		wr_u8(&out, mitm_tls12(m, to) ? type : CT_DATA);
		wr_u16(&out, KTLS_TLS12);
		wr_opaque(&out, 2, (struct slice){ p, len });
	} else {
		/* content and type, and then the last of the zeros as type */
		wr_bytes(&inner, p, len);
		if (pad)
			wr_u8(&inner, type);
		for (size_t i = 1; i < pad; i++)
			wr_u8(&inner, 0);
		ASSERT_OK(record_seal(rec, 0, pad ? 0 : type,
				      inner.len ? inner.buf : empty,
				      inner.len, &out));
	}
	ASSERT_TRUE(wr_ok(&out));
	err = mitm_bytes(m, to, out.buf, out.len);
	wr_free(&inner);
	wr_free(&out);
	return err;
}

int mitm_record(struct mitm *m, enum end to, uint8_t type, const void *p,
		size_t len)
{
	struct wr out = { 0 };
	int err;

	if (sealing(m, to) && (type != CT_CHANGE_CIPHER_SPEC ||
			       mitm_tls12(m, to)))
		return send_padded(m, to, type, p, len, 0);
	wr_u8(&out, type);
	wr_u16(&out, KTLS_TLS12);
	wr_opaque(&out, 2, (struct slice){ p, len });
	err = mitm_bytes(m, to, out.buf, out.len);
	wr_free(&out);
	return err;
}

/* To a server that does not accept it: as it came, under no key of its own */
static bool send_refused(struct mitm *m, enum end to, const struct item *it,
			 const struct wr *all)
{
	struct wr out = { 0 };

	if (!it->early || early_accepted(m->hs[to]))
		return false;
	ASSERT_OK(record_seal(&m->early, 0, it->type, all->buf, all->len,
			      &out));
	mitm_bytes(m, to, out.buf, out.len);
	wr_free(&out);
	return true;
}

static void send_content(struct mitm *m, enum end to, const struct item *it,
			 const struct wr *all)
{
	size_t max = it->piece ? it->piece : RECORD_PLAIN_MAX;
	size_t at = 0, n;

	do {
		const uint8_t *p = all->len ? all->buf + at : empty;

		n = all->len - at < max ? all->len - at : max;
		if (it->sealed) {
			send_padded(m, to, it->type, p, n, it->pad);
		} else {
			struct wr out = { 0 };

			wr_u8(&out, it->type);
			wr_u16(&out, KTLS_TLS12);
			wr_opaque(&out, 2, (struct slice){ p, n });
			mitm_bytes(m, to, out.buf, out.len);
			wr_free(&out);
		}
		at += n;
	} while (at < all->len && (is_done(m, to) ||
		 ktls_hs_wants(m->hs[to]) & KTLS_WANT_RECV));
}

static bool joins(const struct item *a, const struct item *b)
{
	return a->join && a->type == b->type && a->sealed == b->sealed &&
	       !b->raw && b->fix == FIX_NONE;
}

void mitm_send(struct mitm *m, enum end from, struct flight *f)
{
	enum end to = OTHER(from);
	struct wr all = { 0 };

	for (size_t i = 0; i < f->n; i++) {
		struct item *it = &f->item[i];

		if (!is_done(m, to) &&
		    !(ktls_hs_wants(m->hs[to]) & KTLS_WANT_RECV))
			break;
		if (it->raw) {
			mitm_bytes(m, to, it->data.buf, it->data.len);
			continue;
		}
		if (!all.len && !is_done(m, to))
			item_fix(m, to, it);
		wr_bytes(&all, it->data.buf, it->data.len);
		if (i + 1 < f->n && joins(it, it + 1))
			continue;
		if (!send_refused(m, to, it, &all))
			send_content(m, to, it, &all);
		wr_reset(&all);
	}
	wr_free(&all);
}
