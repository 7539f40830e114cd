// SPDX-License-Identifier: MIT
/* Handshake messages after the handshake (RFC 9846 4.7) */
#include "conn.h"

#include <errno.h>

#include "auth_post.h"
#include "msg.h"
#include "offload.h"

/* Keys in a row that bring no data */
#define EMPTY_KEYS_MAX	32
/* In one record */
#define MESSAGES_MAX	128

/*
 * Keys that carry no data in between are an attack on our CPU.  The record
 * number tells, also where the data went past us.
 */
static int check_key_flood(struct ktls_conn *conn)
{
	uint64_t seq;
	int err = conn_seq(conn, KTLS_RX, &seq);

	if (err)
		return err;
	conn->rx_empty_keys = seq > conn->rx_control ? 0 :
			      conn->rx_empty_keys + 1;
	return conn->rx_empty_keys > EMPTY_KEYS_MAX ?
	       -KTLS_E_KEYUPDATE_FLOOD : 0;
}

static int rekey_rx(struct ktls_conn *conn)
{
	int err = conn_update(conn, KTLS_RX);

	conn->rx_control = 0;
	conn->rx_checked = 0;
	return err;
}

/* 4.7.3 */
static int take_key_update(struct ktls_conn *conn, struct slice body,
			   bool last)
{
	uint8_t request;
	int err = parse_key_update(body, &request);

	if (err)
		return err;
	if (request > UPDATE_REQUESTED)
		return -KTLS_E_KEYUPDATE;
	if (!last)
		return -KTLS_E_UNALIGNED;
	/* one that we have asked for is no flood of theirs */
	err = conn->rekey_asked ? 0 : check_key_flood(conn);
	if (!err)
		err = rekey_rx(conn);
	if (err)
		return err;
	conn->rekey_asked = false;
	/* it is due before our next data, and there may be none */
	if (request == UPDATE_REQUESTED && !conn->tx_closed) {
		if (!conn_can_rekey(conn, KTLS_TX))
			return -KTLS_E_NO_REKEY;
		conn->rekey_due = true;
	}
	return 0;
}

/*
 * RFC 5246 7.4.1: whoever asks for another handshake is told no, no more; once
 * for a record full of it, and not at the cost of our key
 */
static int refuse_renegotiation(struct ktls_conn *conn, struct slice body,
				bool last)
{
	(void)body;
	if (last && !conn->tx_closed && conn_take_room(conn))
		conn_warn(conn, KTLS_ALERT_NO_RENEGOTIATION);
	return 0;
}

static const struct conn_rule {
	uint16_t version;
	enum ktls_role role;	/* who may receive it; 0: both */
	uint8_t msg;
	int (*fn)(struct ktls_conn *conn, struct slice body, bool last);
} conn_rules[] = {
	{ KTLS_TLS13, KTLS_CLIENT, HT_NEW_SESSION_TICKET, conn_take_ticket },
	{ KTLS_TLS13, 0, HT_KEY_UPDATE, take_key_update },
	{ KTLS_TLS13, KTLS_CLIENT, HT_CERTIFICATE_REQUEST,
	  post_take_request },
	{ KTLS_TLS13, KTLS_SERVER, HT_CERTIFICATE, post_take_certificate },
	{ KTLS_TLS13, KTLS_SERVER, HT_CERTIFICATE_VERIFY,
	  post_take_certificate_verify },
	{ KTLS_TLS13, KTLS_SERVER, HT_FINISHED, post_take_finished },
	{ KTLS_TLS12, KTLS_CLIENT, HT_HELLO_REQUEST, refuse_renegotiation },
	{ KTLS_TLS12, KTLS_SERVER, HT_CLIENT_HELLO, refuse_renegotiation },
};

static const struct conn_rule *find_rule(const struct ktls_conn *conn,
					 uint8_t msg)
{
	for (size_t i = 0; i < sizeof(conn_rules) / sizeof(*conn_rules); i++)
		if (conn_rules[i].msg == msg &&
		    conn_rules[i].version == conn->suite->version &&
		    (!conn_rules[i].role ||
		     conn_rules[i].role == conn->config->role))
			return &conn_rules[i];
	return NULL;
}

/* A record, as it is taken apart */
struct taking {
	struct ktls_conn *conn;
	unsigned int messages;
};

static int begin_message(void *arg, uint8_t type)
{
	const struct taking *t = arg;

	return find_rule(t->conn, type) && post_allows(t->conn, type) ?
	       0 : -KTLS_E_UNEXPECTED;
}

static int take_message(void *arg, struct slice whole, bool last)
{
	struct slice body = { whole.p + MSG_HEADER, whole.len - MSG_HEADER };
	struct taking *t = arg;

	if (t->messages++ == MESSAGES_MAX)
		return -KTLS_E_RECORD_FLOOD;
	return find_rule(t->conn, whole.p[0])->fn(t->conn, body, last);
}

/*
 * The kernel has taken a record for a KeyUpdate, and it was none.  In TLS 1.2
 * it looks as well, has no other key, and stands still for good.
 */
static int resume(struct ktls_conn *conn)
{
	int err = offload_resume(conn->fd, conn->suite);

	if (err != -EBUSY)
		return err;
	/* cannot rekey, hence never pauses */
	return conn->config->caps.rekey_rx_error ? 0 : -KTLS_E_NO_REKEY;
}

/* What has come of a message stays until the rest does: moved */
static int keep_half(struct ktls_conn *conn, struct frag *frag)
{
	struct conn_talk *talk;

	if (!frag_pending(frag))
		return 0;
	talk = conn_talk(conn);
	if (!talk)
		return -ENOMEM;
	talk->frag = *frag;
	*frag = (struct frag){ 0 };
	return 0;
}

int conn_take_handshake(struct ktls_conn *conn, struct slice rec)
{
	static const struct frag_ops ops = { begin_message, take_message };
	uint32_t before = conn->rx_control;	/* a KeyUpdate zeroes it */
	struct taking t = { conn, 0 };
	struct frag frag = { 0 };
	int err;

	if (conn->talk) {
		frag = conn->talk->frag;
		conn->talk->frag = (struct frag){ 0 };
	}
	err = frag_feed(&frag, rec, conn->config->max_message, &ops, &t);
	if (!err)
		err = keep_half(conn, &frag);
	frag_free(&frag);
	conn_talked(conn);
	if (!err && !conn->urx && rec.p[0] == HT_KEY_UPDATE &&
	    conn->rx_control == before)
		err = resume(conn);
	return err;
}

/* ---- ours -------------------------------------------------------------- */

int conn_push(struct ktls_conn *conn, int flags)
{
	struct conn_talk *talk = conn->talk;

	if (!conn_saying(conn))
		return 0;
	while (talk->msgs_sent < talk->msgs.len) {
		size_t left = talk->msgs.len - talk->msgs_sent;
		ssize_t n = conn_write(conn, CT_HANDSHAKE,
				       talk->msgs.buf + talk->msgs_sent,
				       left < conn->tx_record ? left :
				       conn->tx_record, flags);

		if (n < 0)
			return n <= -2048 ? conn_fail(conn, (int)n) : (int)n;
		talk->msgs_sent += (size_t)n;
	}
	wr_free(&talk->msgs);
	talk->msgs_sent = 0;
	conn_talked(conn);
	conn->tx_room = 0;	/* to be counted anew */
	return 0;
}

int conn_send_msgs(struct ktls_conn *conn, struct wr *msgs)
{
	struct conn_talk *talk = conn_talk(conn);
	int err;

	/* the caller has counted on it: there is no way back */
	if (!talk)
		return conn_fail(conn, -ENOMEM);
	talk->msgs = *msgs;
	*msgs = (struct wr){ 0 };
	err = conn_push(conn, 0);
	return err == -EAGAIN || err == -EINTR ? 0 : err;
}
