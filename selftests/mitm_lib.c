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
			     mitm_tls12(m, from));
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
	if (mitm_tls12(m, end) && (alert == KTLS_ALERT_CERTIFICATE_REQUIRED ||
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
	if (mitm_tls12(m, CLIENT_END))
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
