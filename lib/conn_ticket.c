// SPDX-License-Identifier: MIT
/* Tickets after the hand-off (RFC 9846 4.7.1) */
#include "conn.h"

#include <errno.h>

#include "msg.h"
#include "session.h"

#define COUNT_MAX	16	/* in one go */
#define TICKETS_MAX	65536	/* as many nonces there are */

/* The session that a ticket of this connection resumes */
static void fill(const struct ktls_conn *conn, struct session *s)
{
	bool client = conn->config->role == KTLS_CLIENT;
	struct ktls_info info;

	ktls_conn_info(conn, &info);
	*s = (struct session){
		.version = info.version,
		.suite = info.suite,
		.group = info.group,
		.ems = true,
		.peer_verified = info.peer_verified,
		.peer_raw_key = info.peer_raw_key,
		.external_psk = info.external_psk,
		.made = conn->session_made,
		.lifetime = conn->session_lifetime,
	};
	memcpy(s->context, conn->config->session_context, SESSION_CONTEXT_LEN);
	if (client)
		strcpy(s->server_name, conn_peer_name(conn));
	else
		memcpy(s->server_name, info.server_name,
		       sizeof(s->server_name));
	memcpy(s->peer_subject, info.peer_subject, sizeof(s->peer_subject));
	memcpy(s->alpn, info.alpn, sizeof(s->alpn));
}

int conn_take_ticket(struct ktls_conn *conn, struct slice body, bool last)
{
	struct secret resumption;
	struct session s;
	int err;

	(void)last;
	fill(conn, &s);
	conn_secret(conn, CONN_RESUMPTION, &resumption);
	err = session13_keep(conn->config, &s, &resumption, body);
	wipe(&resumption, sizeof(resumption));
	wipe(&s, sizeof(s));
	return err;
}

static int write_ticket(struct ktls_conn *conn, struct session *s,
			struct wr *w)
{
	struct secret resumption;
	int err;

	conn_secret(conn, CONN_RESUMPTION, &resumption);
	err = session13_write_ticket(conn->config, s, &resumption,
				     conn->tickets, w);
	wipe(&resumption, sizeof(resumption));
	return err || wr_ok(w) ? err : -ENOMEM;
}

static int send_ticket(struct ktls_conn *conn, struct session *s)
{
	struct wr w = { 0 };
	/* before there is a ticket that cannot go out */
	int err = conn_prepare(conn, 1, 0);

	if (!err)
		err = write_ticket(conn, s, &w);
	if (!err)
		err = conn_prepare(conn, conn_records(conn, w.len), 0);
	if (!err) {
		conn->tickets++;
		err = conn_send_msgs(conn, &w);
	}
	wr_free(&w);
	return err;
}

int ktls_conn_send_tickets(struct ktls_conn *conn, unsigned int count)
{
	struct session s;
	unsigned int n = 0;
	int err;

	if (!count || count > COUNT_MAX)
		return -EINVAL;
	if (conn->error)
		return conn->error;
	if (conn->config->role != KTLS_SERVER)
		return -KTLS_E_STATE;
	if (!conn->resumable || conn->tickets + count > TICKETS_MAX)
		return 0;
	fill(conn, &s);
	/* behind a ticket that waits there is no room */
	do {
		err = send_ticket(conn, &s);
		n += !err;
	} while (n < count && !err && !conn_saying(conn));
	wipe(&s, sizeof(s));
	return n || err == -ENOENT ? (int)n : err;
}
