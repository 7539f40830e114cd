// SPDX-License-Identifier: GPL-2.0-only
#include "mitm_lib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/conn.h"
#include "harness.h"
#include "hs_lib.h"
#include "peer.h"
#include "record_lib.h"

/* ---- beginning and end ------------------------------------------------- */

static void know(void *arg, const char *line)
{
	struct known *k = arg;
	const struct {
		const char *label;
		struct secret *to;
	} rows[] = {
		{ "CLIENT_HANDSHAKE_TRAFFIC_SECRET ", &k->client_hs },
		{ "SERVER_HANDSHAKE_TRAFFIC_SECRET ", &k->server_hs },
		{ "CLIENT_TRAFFIC_SECRET_0 ", &k->client_app },
		{ "SERVER_TRAFFIC_SECRET_0 ", &k->server_app },
		{ "CLIENT_EARLY_TRAFFIC_SECRET ", &k->early },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *p = strrchr(line, ' ') + 1;

		if (strncmp(line, rows[i].label, strlen(rows[i].label)))
			continue;
		rows[i].to->len = 0;
		for (; p[0] && p[1]; p += 2) {
			char byte[3] = { p[0], p[1] };

			rows[i].to->b[rows[i].to->len++] =
				(uint8_t)strtoul(byte, NULL, 16);
		}
	}
}

static struct ktls_config *end_config(struct mitm *m, enum end end,
				      const struct ktls_opts *opts)
{
	struct ktls_opts o = opts ? *opts : *KTLS_OPTS(.role = 0);
	struct ktls_hooks hooks = { 0 };

	o.role = end == CLIENT_END ? KTLS_CLIENT : KTLS_SERVER;
	o.tx = o.rx = KTLS_PATH_USER;
	if (o.hooks)
		hooks = *o.hooks;
	hooks.keylog = know;
	o.hooks = &hooks;
	o.arg = &m->known[end];
	return config(&o);
}

static void forget(struct mitm *m)
{
	for (int i = 0; i < 2; i++) {
		ktls_hs_free(m->hs[i]);
		m->hs[i] = NULL;
		m->known[i] = (struct known){ 0 };
		frag_free(&m->frag[i]);
		record_free(&m->open[i]);
		record_free(&m->seal[i]);
		wr_reset(&m->late[i]);
		m->sealing[i] = m->opening[i] = m->tx_keys[i] =
			(struct traffic_keys){ 0 };
		m->flights[i] = m->messages[i] = 0;
		m->alert[i] = -1;
		m->keyed[i] = m->blind[i] = false;
	}
	m->in_early = false;
	record_free(&m->early);
	m->forged = false;
}

void mitm_again(struct mitm *m)
{
	forget(m);
	ASSERT_OK(ktls_hs_new(&m->hs[CLIENT_END], m->config[CLIENT_END],
			      m->name));
	ASSERT_OK(ktls_hs_new(&m->hs[SERVER_END], m->config[SERVER_END],
			      NULL));
}

void mitm_begin(struct mitm *m, const struct ktls_opts *client,
		const struct ktls_opts *server, const char *name)
{
	*m = (struct mitm){ 0 };
	snprintf(m->name, sizeof(m->name), "%s", name ? name : "localhost");
	m->config[CLIENT_END] = end_config(m, CLIENT_END, client);
	m->config[SERVER_END] = end_config(m, SERVER_END, server);
	mitm_again(m);
}

void mitm_end(struct mitm *m)
{
	forget(m);
	for (int i = 0; i < 2; i++) {
		ktls_config_put(m->config[i]);
		wr_free(&m->late[i]);
	}
}

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

static bool is_tls12(const struct mitm *m, enum end end)
{
	return m->hs[end]->info.version == KTLS_TLS12;
}

static int add_message(void *arg, struct slice whole, bool last)
{
	struct reading *r = arg;
	struct known *k = &r->m->known[r->from];
	struct item *it = flight_insert(r->f, r->f->n, CT_HANDSHAKE,
					r->sealed, whole.p, whole.len);

	it->join = !last;
	if (item_is(it, HT_FINISHED) && !is_tls12(r->m, r->from))
		set_key(r->m, &r->m->open[r->from], r->from,
			r->from == CLIENT_END ? &k->client_app :
			&k->server_app, false);
	return 0;
}

static const struct frag_ops ops = { any_type, add_message };

static void add_record(struct mitm *m, enum end from, struct flight *f,
		       uint8_t *p, size_t len)
{
	bool tls12 = is_tls12(m, from);
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
		wr_u8(&out, is_tls12(m, to) ? type : CT_DATA);
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
			       is_tls12(m, to)))
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

/* ---- from beginning to end --------------------------------------------- */

static bool step(struct mitm *m, enum end from, mitm_edit *edit, void *arg)
{
	struct flight f = { 0 };
	size_t messages = 0, n;

	mitm_read(m, from, &f);
	n = f.n;
	for (size_t i = 0; i < n; i++)
		messages += f.item[i].type == CT_HANDSHAKE ||
			    (f.item[i].type == CT_CHANGE_CIPHER_SPEC &&
			     is_tls12(m, from));
	if (n && edit)
		edit(m, from, &f, arg);
	m->messages[from] += messages;
	m->flights[from] += !!n;
	mitm_send(m, from, &f);
	flight_free(&f);
	return n;
}

static void check_end(struct mitm *m, enum end end)
{
	struct ktls_hs *hs = m->hs[end];
	int err = ktls_hs_error(hs);
	enum ktls_alert alert = ktls_error_alert(err);

	/* 1.2 does not know of these */
	if (is_tls12(m, end) && (alert == KTLS_ALERT_CERTIFICATE_REQUIRED ||
				 alert == KTLS_ALERT_MISSING_EXTENSION))
		alert = KTLS_ALERT_HANDSHAKE_FAILURE;
	if (!err) {
		EXPECT_EQ(m->alert[end], -1);
		return;
	}
	check_dead(hs);
	EXPECT_EQ(m->alert[end], alert == KTLS_ALERT_NONE ? -1 : (int)alert)
		TH_LOG("%s: %s", end ? "server" : "client",
		       ktls_hs_error_text(hs));
	EXPECT_EQ(hs->info.alert_sent, alert);
}

/* Only as much of a key as the cipher has */
static bool same_keys(const struct suite *suite, const struct traffic_keys *a,
		      const struct traffic_keys *b)
{
	return !memcmp(a->key, b->key, aead_rows[suite->aead].key_len) &&
	       !memcmp(a->iv, b->iv, sizeof(a->iv));
}

static bool same_secrets(const struct mitm *m)
{
	const struct ktls_hs *c = m->hs[CLIENT_END], *s = m->hs[SERVER_END];

	return !memcmp(&m->known[0], &m->known[1],
		       offsetof(struct known, early)) &&
	       c->suite == s->suite &&
	       same_keys(c->suite, &c->tx_keys, &s->rx_keys) &&
	       same_keys(c->suite, &c->rx_keys, &s->tx_keys) &&
	       !memcmp(&c->exporter, &s->exporter, sizeof(c->exporter)) &&
	       !memcmp(&c->tls12.master, &s->tls12.master,
		       sizeof(c->tls12.master));
}

void mitm_run(struct mitm *m, mitm_edit *edit, void *arg)
{
	bool moved;

	do {
		moved = step(m, CLIENT_END, edit, arg);
		moved |= step(m, SERVER_END, edit, arg);
	} while (moved);
	check_end(m, CLIENT_END);
	check_end(m, SERVER_END);
	if (mitm_done(m) && !m->forged)
		EXPECT_TRUE(same_secrets(m));
}

void mitm_run_to(struct mitm *m, enum end end, enum hs_state state)
{
	bool moved = true;
	enum end from = CLIENT_END;

	while (moved || from == SERVER_END) {
		struct flight f;

		if (m->hs[end]->state == state)
			return;
		mitm_read(m, from, &f);
		moved = f.n;
		flight_part(&f);
		/* one by one, for it may be in the middle of a flight */
		for (size_t i = 0; i < f.n; i++) {
			struct flight one = { .n = 1, .item = { f.item[i] } };

			if (m->hs[end]->state != state)
				mitm_send(m, from, &one);
		}
		flight_free(&f);
		from = OTHER(from);
	}
	ASSERT_EQ(m->hs[end]->state, state);
}

void mitm_agree(struct mitm *m)
{
	const struct two two = {
		.client = m->hs[CLIENT_END], .server = m->hs[SERVER_END],
	};

	ASSERT_TRUE(mitm_done(m))
		TH_LOG("client: %s; server: %s",
		       ktls_hs_error_text(two.client),
		       ktls_hs_error_text(two.server));
	if (is_tls12(m, CLIENT_END))
		ASSERT_TRUE(same_secrets(m));
	else
		two_agree(&two);
	/* which, in 1.3, has passed over the tickets */
	wr_reset(&m->late[CLIENT_END]);
}

void mitm_failed(struct mitm *m, enum end end, int err)
{
	enum ktls_alert alert = ktls_error_alert(err);

	EXPECT_EQ(ktls_hs_error(m->hs[end]), err)
		TH_LOG("%s: %s", end ? "server" : "client",
		       ktls_hs_error_text(m->hs[end]));
	EXPECT_EQ(m->alert[end], alert == KTLS_ALERT_NONE ? -1 : (int)alert);
}

void mitm_join(struct mitm *m, struct joined *j)
{
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, j->fd));
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(ktls_offload(&j->conn[i], m->hs[i], j->fd[i]));
		m->hs[i] = NULL;
	}
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(send(j->fd[1 - i], m->late[i].buf, m->late[i].len,
			       MSG_NOSIGNAL | MSG_DONTWAIT), m->late[i].len);
}

void joined_end(struct joined *j)
{
	for (int i = 0; i < 2; i++) {
		ktls_conn_free(j->conn[i]);
		close(j->fd[i]);
	}
}
