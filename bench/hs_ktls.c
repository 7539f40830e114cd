// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ends.h"

struct ktls {
	struct ktls_config *config[2];	/* client, server */
	uint8_t session[16384];
	size_t session_len;
};

/* ---- a session to resume ------------------------------------------------- */

struct accepting {
	struct ktls_config *config;
	int fd, err;
};

static void *accept_one(void *arg)
{
	struct accepting *a = arg;
	struct ktls_conn *conn;
	char c;

	a->err = ktls_accept(&conn, a->fd, a->config, 10000, NULL, 0);
	if (!a->err && ktls_send(conn, "x", 1, 0) == 1)
		a->err = ktls_recv(conn, &c, 1, 0) != 0;
	ktls_conn_free(conn);
	return NULL;
}

/* The byte comes behind the ticket */
static int get_session(struct ktls *k)
{
	struct accepting a = { .config = k->config[1] };
	struct ktls_conn *conn = NULL;
	ssize_t len = 0;
	pthread_t thread;
	int fd[2], err;
	char c;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return -1;
	a.fd = fd[1];
	pthread_create(&thread, NULL, accept_one, &a);
	err = ktls_connect(&conn, fd[0], k->config[0], "localhost", 10000,
			   NULL, 0);
	if (!err)
		err = ktls_recv(conn, &c, 1, 0) != 1;
	if (!err)
		err = ktls_conn_shutdown(conn);
	pthread_join(thread, NULL);
	ktls_conn_free(conn);
	close(fd[0]);
	close(fd[1]);
	if (!err)
		len = ktls_session_export(k->config[0], "localhost",
					  k->session, sizeof(k->session));
	k->session_len = len > 0 ? (size_t)len : 0;
	return err || a.err || len <= 0 ? -1 : 0;
}

/* ---- handshakes ---------------------------------------------------------- */

static void ktls_end(void *state)
{
	struct ktls *k = state;

	ktls_config_put(k->config[0]);
	ktls_config_put(k->config[1]);
	free(k);
}

/* The first of its groups is the one that matters */
static bool has_group(const struct hs_case *c)
{
	const size_t len = strcspn(c->group, ":");
	const char *name;

	for (size_t i = 0; (name = ktls_group_list(i)); i++)
		if (strlen(name) == len && !strncasecmp(name, c->group, len))
			return true;
	return false;
}

static void *ktls_begin(const struct hs_case *c, const struct hs_pki *pki)
{
	struct hs_case memory = *c;
	struct ktls *k;

	memory.user = true;
	if (!has_group(c))
		return NULL;
	k = calloc(1, sizeof(*k));
	k->config[0] = ends_ktls(&memory, false, pki);
	k->config[1] = ends_ktls(&memory, true, pki);
	if (k->config[0] && k->config[1] &&
	    (c->resume == HS_FULL || !get_session(k)))
		return k;
	ktls_end(k);
	return NULL;
}

static double *side(struct hs_time *t, bool server)
{
	return server ? &t->server : &t->client;
}

/* All that one has to send, to the other; false: nothing */
static bool move(struct ktls_hs *hs[2], bool from, struct hs_time *t)
{
	double *sender = side(t, from), *taker = side(t, !from);
	const uint8_t *p;
	size_t len, room;
	int err = 0;
	void *in;

	HS_TIMED(*sender, p = ktls_hs_out(hs[from], &len));
	if (!p)
		return false;
	for (size_t at = 0; at < len && !err; at += room) {
		HS_TIMED(*taker, in = ktls_hs_in(hs[!from], &room));
		if (!in)
			break;	/* tickets, of a done handshake */
		if (room > len - at)
			room = len - at;
		memcpy(in, p + at, room);
		HS_TIMED(*taker, err = ktls_hs_received(hs[!from], room));
	}
	HS_TIMED(*sender, ktls_hs_sent(hs[from], len));
	return true;
}

static int ktls_run(void *state, struct hs_time *t)
{
	struct ktls *k = state;
	struct ktls_hs *hs[2] = { NULL, NULL };
	int err = 0;
	bool done, more = true;

	if (k->session_len)
		err = ktls_session_import(k->config[0],
					  k->session, k->session_len);
	if (!err)
		HS_TIMED(t->client, err = ktls_hs_new(&hs[0], k->config[0],
						      "localhost"));
	if (!err)
		HS_TIMED(t->server, err = ktls_hs_new(&hs[1], k->config[1],
						      NULL));
	while (!err && more) {
		more = move(hs, false, t);
		more |= move(hs, true, t);
	}
	done = !err && ktls_hs_wants(hs[0]) == KTLS_WANT_DONE &&
	       ktls_hs_wants(hs[1]) == KTLS_WANT_DONE;
	if (!done)
		fprintf(stderr, "libktls: client %s; server %s\n",
			hs[0] ? ktls_hs_error_text(hs[0]) : "-",
			hs[1] ? ktls_hs_error_text(hs[1]) : "-");
	if (done && k->session_len) {
		struct ktls_info info;

		ktls_hs_info(hs[1], &info);
		if (!info.resumed) {
			fprintf(stderr, "libktls: not resumed\n");
			done = false;
		}
	}
	HS_TIMED(t->client, ktls_hs_free(hs[0]));
	HS_TIMED(t->server, ktls_hs_free(hs[1]));
	return done ? 0 : -1;
}

const struct hs_impl hs_ktls = {
	.name = "libktls",
	.open = ktls_begin,
	.run = ktls_run,
	.close = ktls_end,
};
