// SPDX-License-Identifier: GPL-2.0-only
#include "hs_lib.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

/* ---- two ends ---------------------------------------------------------- */

void two_again(struct two *t, const char *name)
{
	ktls_hs_free(t->client);
	ktls_hs_free(t->server);
	ASSERT_OK(ktls_hs_new(&t->client, t->client_config, name));
	ASSERT_OK(ktls_hs_new(&t->server, t->server_config, NULL));
}

void two_begin(struct two *t, const struct ktls_opts *client,
	       const struct ktls_opts *server, const char *name)
{
	*t = (struct two){
		.client_config = client ? config(client) : client_config(),
		.server_config = server ? config(server) : server_config(),
	};
	two_again(t, name);
}

void two_end(struct two *t)
{
	ktls_hs_free(t->client);
	ktls_hs_free(t->server);
	ktls_config_put(t->client_config);
	ktls_config_put(t->server_config);
	*t = (struct two){ 0 };
}

void two_run(struct two *t, const struct ktls_opts *client,
	     const struct ktls_opts *server, const char *name, size_t max)
{
	two_begin(t, client, server, name);
	ASSERT_OK(pump(t->client, t->server, max))
		TH_LOG("client: %s; server: %s",
		       ktls_hs_error_text(t->client),
		       ktls_hs_error_text(t->server));
	two_agree(t);
}

/* ---- agreement --------------------------------------------------------- */

static void same_secret(const char *what, const struct secret *a,
			const struct secret *b, size_t len)
{
	static const struct secret none;

	EXPECT_EQ(a->len, len) TH_LOG("%s", what);
	EXPECT_EQ(b->len, len) TH_LOG("%s", what);
	EXPECT_MEMEQ(a->b, b->b, len) TH_LOG("%s", what);
	EXPECT_TRUE(memcmp(a->b, none.b, len)) TH_LOG("%s", what);
}

static void check_secrets(const struct ktls_hs *c, const struct ktls_hs *s)
{
	size_t len;

	ASSERT_TRUE(c->suite && c->suite == s->suite);
	len = hash_rows[c->suite->hash].len;
	same_secret("c hs", &c->client_hs, &s->client_hs, len);
	same_secret("s hs", &c->server_hs, &s->server_hs, len);
	same_secret("c ap", &c->client_app, &s->client_app, len);
	same_secret("s ap", &c->server_app, &s->server_app, len);
	same_secret("exporter", &c->exporter, &s->exporter, len);
	EXPECT_TRUE(memcmp(c->client_app.b, c->server_app.b, len));
	EXPECT_TRUE(memcmp(c->client_app.b, c->client_hs.b, len));
	EXPECT_MEMEQ(c->client_random, s->client_random, RANDOM_LEN);
}

/* A record from @a to @b, whose keys are those of the application now */
static void check_record(struct ktls_hs *a, struct ktls_hs *b)
{
	struct wr w = { 0 };
	struct slice content;
	uint8_t type;

	/* a server has sent its tickets, in as many records as it takes */
	EXPECT_EQ(a->tx.seq > 0, a->tickets > 0);
	EXPECT_EQ(b->rx.seq, 0);
	b->rx.seq = a->tx.seq;
	ASSERT_OK(record_seal(&a->tx, KTLS_TLS12, CT_DATA, "data", 4, &w));
	ASSERT_OK(record_open(&b->rx, w.buf, w.len, &type, &content));
	EXPECT_EQ(type, CT_DATA);
	ASSERT_EQ(content.len, 4);
	EXPECT_MEMEQ(content.p, "data", 4);
	wr_free(&w);
	a->tx.seq = b->rx.seq = 0;
}

static void check_done(struct ktls_hs *hs)
{
	size_t len;

	EXPECT_EQ(ktls_hs_wants(hs), KTLS_WANT_DONE);
	EXPECT_EQ(ktls_hs_error(hs), 0);
	EXPECT_FALSE(ktls_hs_in(hs, &len));
	EXPECT_EQ(len, 0);
	EXPECT_FALSE(ktls_hs_out(hs, &len));
	EXPECT_EQ(len, 0);
	EXPECT_NE(ktls_hs_received(hs, 1), 0);
	EXPECT_EQ(ktls_hs_wants(hs), KTLS_WANT_DONE);
	/* nothing that the kernel would not see */
	EXPECT_EQ(hs->in.len, 0);
	EXPECT_EQ(hs->flight.len, 0);
	EXPECT_FALSE(frag_pending(&hs->frag));
}

void two_agree(const struct two *t)
{
	struct ktls_info c, s;

	check_done(t->client);
	check_done(t->server);
	ktls_hs_info(t->client, &c);
	ktls_hs_info(t->server, &s);
	EXPECT_EQ(c.version, KTLS_TLS13);
	EXPECT_EQ(s.version, KTLS_TLS13);
	EXPECT_EQ(c.suite, s.suite);
	EXPECT_STRNE(ktls_suite_name(c.suite), "unknown");
	EXPECT_EQ(c.group, s.group);
	EXPECT_STRNE(ktls_group_name(c.group), "unknown");
	EXPECT_EQ(c.peer_sigalg, s.sigalg);
	EXPECT_EQ(c.resumed, s.resumed);
	/* who resumes does not sign */
	if (c.resumed)
		EXPECT_EQ(c.peer_sigalg, 0);
	else
		EXPECT_STRNE(ktls_sigalg_name(c.peer_sigalg), "unknown");
	EXPECT_EQ(s.peer_sigalg, c.sigalg);
	EXPECT_EQ(c.retried, s.retried);
	EXPECT_STREQ(c.alpn, s.alpn);
	EXPECT_STREQ(c.server_name, s.server_name);
	EXPECT_EQ(c.alert_sent, KTLS_ALERT_NONE);
	EXPECT_EQ(s.alert_sent, KTLS_ALERT_NONE);
	EXPECT_EQ(c.alert_received, KTLS_ALERT_NONE);
	EXPECT_EQ(s.alert_received, KTLS_ALERT_NONE);
	EXPECT_EQ(c.tx.step, KTLS_STEP_PENDING);
	EXPECT_EQ(s.rx.step, KTLS_STEP_PENDING);
	check_secrets(t->client, t->server);
	check_record(t->client, t->server);
	check_record(t->server, t->client);
}

/* ---- failure ----------------------------------------------------------- */

void check_dead(struct ktls_hs *hs)
{
	static const struct secret none;
	size_t len;
	int err = ktls_hs_error(hs);

	EXPECT_LT(err, 0);
	EXPECT_TRUE(ktls_hs_wants(hs) & KTLS_WANT_FAIL);
	EXPECT_FALSE(ktls_hs_wants(hs) & (KTLS_WANT_RECV | KTLS_WANT_DONE));
	EXPECT_FALSE(ktls_hs_in(hs, &len));
	EXPECT_EQ(len, 0);
	EXPECT_EQ(ktls_hs_received(hs, 0), err);
	EXPECT_MEMEQ(&hs->client_hs, &none, sizeof(none));
	EXPECT_MEMEQ(&hs->server_hs, &none, sizeof(none));
	EXPECT_MEMEQ(&hs->client_app, &none, sizeof(none));
	EXPECT_MEMEQ(&hs->server_app, &none, sizeof(none));
	EXPECT_MEMEQ(&hs->exporter, &none, sizeof(none));
	EXPECT_TRUE(ktls_hs_error_text(hs)[0]);
}

void check_failure(struct ktls_hs *failed, struct ktls_hs *other, int err,
		   uint8_t alert)
{
	struct ktls_info f, o;

	ktls_hs_info(failed, &f);
	ktls_hs_info(other, &o);
	EXPECT_EQ(ktls_hs_error(failed), err)
		TH_LOG("%s", ktls_hs_error_text(failed));
	EXPECT_EQ(ktls_error_alert(err), alert);
	EXPECT_EQ(f.alert_sent, alert)
		TH_LOG("%s", ktls_alert_name(f.alert_sent));
	EXPECT_EQ(f.alert_received, KTLS_ALERT_NONE);
	check_dead(failed);
	EXPECT_EQ(o.alert_sent, KTLS_ALERT_NONE);
	if (ktls_hs_wants(other) == KTLS_WANT_DONE)
		return;
	EXPECT_EQ(ktls_hs_error(other), -KTLS_E_PEER_ALERT);
	EXPECT_EQ(o.alert_received, alert)
		TH_LOG("%s", ktls_alert_name(o.alert_received));
	EXPECT_TRUE(strstr(ktls_hs_error_text(other), ktls_alert_name(alert)))
		TH_LOG("%s", ktls_hs_error_text(other));
	check_dead(other);
}

void two_fail(struct two *t, bool server, int err, uint8_t alert,
	      const char *text)
{
	struct ktls_hs *failed = server ? t->server : t->client;
	struct ktls_hs *other = server ? t->client : t->server;

	EXPECT_EQ(pump(t->client, t->server, 0), err);
	check_failure(failed, other, err, alert);
	EXPECT_TRUE(strstr(ktls_hs_error_text(failed), text))
		TH_LOG("\"%s\" is not in \"%s\"", text,
		       ktls_hs_error_text(failed));
}

/* ---- records ----------------------------------------------------------- */

void bytes_add(struct bytes *to, const void *p, size_t len)
{
	ASSERT_LE(len, sizeof(to->b) - to->len);
	if (len)
		memcpy(to->b + to->len, p, len);
	to->len += len;
}

void bytes_take(struct bytes *to, struct ktls_hs *hs)
{
	size_t len;
	const void *p = ktls_hs_out(hs, &len);

	bytes_add(to, p, len);
	ktls_hs_sent(hs, len);
}

/* How far @hs may look: the rest of the header, or of its record's body */
static size_t feed_room(const struct feed *f)
{
	return f->need ? f->need - f->have : sizeof(f->head) - f->have;
}

static void feed_note(struct feed *f, const uint8_t *p, size_t len)
{
	if (!f->need)
		memcpy(f->head + f->have, p, len);
	f->have += len;
	if (!f->need && f->have == sizeof(f->head))
		f->need = f->have + (size_t)(f->head[3] << 8 | f->head[4]);
	if (f->need && f->have == f->need)
		f->have = f->need = 0;
}

size_t feed(struct feed *f, const uint8_t *p, size_t len, size_t max)
{
	size_t at = 0;

	while (at < len) {
		size_t room, n = len - at;
		void *in = ktls_hs_in(f->hs, &room);
		int err;

		if (!in)
			break;
		ASSERT_GE(room, 1);
		ASSERT_LE(room, feed_room(f));
		if (n > room)
			n = room;
		if (max && n > max)
			n = max;
		memcpy(in, p + at, n);
		feed_note(f, p + at, n);
		at += n;
		err = ktls_hs_received(f->hs, n);
		ASSERT_EQ(err, ktls_hs_error(f->hs));
	}
	return at;
}

/* ---- key logs ---------------------------------------------------------- */

void keylog_add(void *arg, const char *line)
{
	struct keylog *log = arg;

	ASSERT_LT(log->len, 16);
	ASSERT_LT(strlen(line), sizeof(log->line[0]));
	strcpy(log->line[log->len++], line);
}

static bool has_line(const struct keylog *log, const char *line)
{
	for (size_t i = 0; i < log->len; i++)
		if (!strcmp(log->line[i], line))
			return true;
	return false;
}

void keylog_same(const struct keylog *a, const struct keylog *b)
{
	EXPECT_EQ(a->len, b->len);
	for (size_t i = 0; i < a->len; i++)
		EXPECT_TRUE(has_line(b, a->line[i]))
			TH_LOG("only one has: %s", a->line[i]);
}
