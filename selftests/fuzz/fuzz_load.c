// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was in a file, a store or another process: an input is a byte, which of
 * these, and its bytes.  Where a digest or a seal would stop all others, they
 * are made right.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/config.h"
#include "../../lib/conn.h"
#include "../../lib/session.h"
#include "../../lib/ticket.h"
#include "../harness.h"
#include "../peer.h"
#include "fuzz_way.h"

#define DIGEST_LEN	32

static struct ktls_config *established(enum ktls_role role)
{
	static struct ktls_config *cfg[3];

	if (!cfg[role])
		ASSERT_OK(ktls_config_new(&cfg[role], KTLS_OPTS(.role = role,
					  .flags = KTLS_F_ESTABLISHED)));
	return cfg[role];
}

static struct ktls_config *client(void)
{
	static struct ktls_config *cfg;

	if (!cfg)
		cfg = client_config();
	return cfg;
}

static void session(struct slice s)
{
	(void)!ktls_session_import(client(), s.p, s.len);
}

static void written_session(struct slice s)
{
	struct session is, again;
	struct slice ticket;
	struct wr w = { 0 };

	if (!session_read(s, &is, &ticket))
		return;
	session_write(&w, &is, ticket);
	ASSERT_TRUE(wr_ok(&w));
	ASSERT_TRUE(session_read((struct slice){ w.buf, w.len }, &again,
				 &ticket));
	wr_free(&w);
}

static void ticket_keys(struct slice s)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE] = { 0 };

	memcpy(keys, s.p, s.len < sizeof(keys) ? s.len : sizeof(keys));
	(void)!ktls_ticket_keys_import(established(KTLS_SERVER), keys);
}

static void ticket(struct slice s)
{
	struct wr w = { 0 };
	struct session is;
	bool old;

	(void)ticket_open(established(KTLS_SERVER)->tickets, slice_str("x"),
			  s, &w, &old);
	(void)session13_open(established(KTLS_SERVER), s, &is);
	wr_free(&w);
}

static void use(struct ktls_conn *conn)
{
	struct ktls_info info;
	uint8_t buf[64];

	ktls_conn_info(conn, &info);
	(void)ktls_conn_events(conn);
	(void)ktls_conn_alert(conn);
	ASSERT_OK(ktls_conn_export(conn, "l", NULL, 0, buf, 32));
	(void)!ktls_send(conn, "x", 1, MSG_DONTWAIT);
	for (int i = 0; i < 4; i++)
		(void)!ktls_recv(conn, buf, sizeof(buf), MSG_DONTWAIT);
	(void)!ktls_conn_rekey(conn, 0);
	(void)!ktls_conn_save(conn, buf, 0, 0);
}

static void connection(struct slice s, enum ktls_role role)
{
	struct ktls_config *cfg = established(role);
	uint8_t digest[HASH_MAX];
	struct ktls_conn *conn;
	struct wr w = { 0 };
	int fd[2], err;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	ASSERT_OK(hmac(cfg->crypto, HASH_SHA256, slice_str("ktls connection"),
		       &s, 1, digest));
	wr_slice(&w, s);
	wr_bytes(&w, digest, DIGEST_LEN);
	err = ktls_conn_load(&conn, cfg, fd[0], w.buf, w.len, 0);
	if (!err)
		use(conn);
	else
		ASSERT_TRUE(err == -KTLS_E_CONN_SAVED ||
			    err == -KTLS_E_CONN_SOCKET ||
			    err == -KTLS_E_CRYPTO) TH_LOG("%d", err);
	ktls_conn_free(conn);
	wr_free(&w);
	close(fd[0]);
	close(fd[1]);
}

static void server_connection(struct slice s)
{
	connection(s, KTLS_SERVER);
}

static void client_connection(struct slice s)
{
	connection(s, KTLS_CLIENT);
}

enum { SESSION, WRITTEN, TICKET_KEYS, TICKET, CONN_CLIENT, CONN_SERVER };

static void (*const loads[])(struct slice s) = {
	[SESSION] = session, [WRITTEN] = written_session,
	[TICKET_KEYS] = ticket_keys, [TICKET] = ticket,
	[CONN_CLIENT] = client_connection, [CONN_SERVER] = server_connection,
};

#define LOADS	(sizeof(loads) / sizeof(*loads))

void fuzz_load(const uint8_t *p, size_t len)
{
	if (len)
		loads[p[0] % LOADS]((struct slice){ p + 1, len - 1 });
}

/* ---- seeds ------------------------------------------------------------- */

static void seed_connections(size_t way)
{
	struct mitm *m = way_begin(way);
	uint8_t buf[8192], keys[KTLS_TICKET_KEYS_SIZE];
	struct joined j;
	ssize_t n;

	mitm_run(m, NULL, NULL);
	/* what has come early would have to be read before it is saved */
	ASSERT_OK(ktls_hs_early_read(m->hs[SERVER_END], buf, sizeof(buf)));
	mitm_join(m, &j);
	n = ktls_session_export(m->config[CLIENT_END], "localhost", buf,
				sizeof(buf));
	if (n > 0)
		seed_with(SESSION, (struct slice){ buf, (size_t)n });
	if (n > DIGEST_LEN)
		seed_with(WRITTEN, (struct slice){ buf, (size_t)n -
						   DIGEST_LEN });
	ASSERT_OK(ktls_ticket_keys_export(m->config[SERVER_END], keys));
	seed_with(TICKET_KEYS, (struct slice){ keys, sizeof(keys) });
	for (int i = 0; i < 2; i++) {
		n = ktls_conn_save(j.conn[i], buf, sizeof(buf), 0);
		ASSERT_GT(n, DIGEST_LEN);
		ASSERT_LE(n, sizeof(buf));
		seed_with(i ? CONN_SERVER : CONN_CLIENT,
			  (struct slice){ buf, (size_t)n - DIGEST_LEN });
	}
	joined_end(&j);
}

void seed_load(void)
{
	for (size_t way = 0; way < ways_count(); way++)
		seed_connections(way);
	seed_with(TICKET, slice_str("0123456789012345678901234567890123456789"
				    "0123456789012345678901234567890123456"));
}
