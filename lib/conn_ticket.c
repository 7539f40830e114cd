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
		.made = conn->session_made,
		.lifetime = conn->session_lifetime,
	};
	memcpy(s->context, conn->config->session_context, SESSION_CONTEXT_LEN);
	memcpy(s->server_name, client ? conn->peer_name : info.server_name,
	       client ? strlen(conn->peer_name) + 1 : sizeof(s->server_name));
	memcpy(s->peer_subject, info.peer_subject, sizeof(s->peer_subject));
	memcpy(s->alpn, info.alpn, sizeof(s->alpn));
}

int conn_take_ticket(struct ktls_conn *conn, struct slice body, bool last)
{
	struct session s;
	int err;

	(void)last;
	fill(conn, &s);
	err = session13_keep(conn->config, &s, &conn->resumption, body);
	wipe(&s, sizeof(s));
	return err;
}

static int send_ticket(struct ktls_conn *conn, struct session *s)
{
	struct wr w = { 0 };
	ssize_t n;
	int err = conn_prepare(conn, 1, 0);

	if (!err)
		err = session13_write_ticket(conn->config, s,
					     &conn->resumption,
					     conn->tickets, &w);
	if (!err && !wr_ok(&w))
		err = -ENOMEM;
	n = err ? err : conn_write(conn, CT_HANDSHAKE, w.buf, w.len, 0);
	wr_free(&w);
	if (n < 0)
		return n <= -2048 ? conn_fail(conn, (int)n) : (int)n;
	conn->tickets++;
	conn->tx_room -= conn->tx_room > 0;
	return 0;
}

int ktls_conn_send_tickets(struct ktls_conn *conn, unsigned int count)
{
	struct session s;
	unsigned int n = 0;
	int err = 0;

	if (!count || count > COUNT_MAX)
		return -EINVAL;
	if (conn->config->role != KTLS_SERVER)
		return -KTLS_E_STATE;
	if (!conn->resumption.len || conn->tickets + count > TICKETS_MAX)
		return 0;
	fill(conn, &s);
	while (n < count && !err) {
		err = send_ticket(conn, &s);
		n += !err;
	}
	wipe(&s, sizeof(s));
	return n ? (int)n : err;
}
