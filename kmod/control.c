// SPDX-License-Identifier: GPL-2.0-only
/*
 * Alerts, and the handshake messages that come after the handshake. Of those
 * a consumer of the kernel's upcall can only let pass what needs no answer:
 * it has no secrets, and cannot ask its agent for new keys.
 */
#include <linux/array_size.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/unaligned.h>
#include <linux/uio.h>
#include <net/tls.h>

#include "conn.h"
#include "record.h"
#include "upcall.h"

enum {
	HELLO_REQUEST		= 0,
	NEW_SESSION_TICKET	= 4,
	KEY_UPDATE		= 24,
};

/* A ticket's two vectors of 2^16 - 1 bytes at most, and what is around them */
#define KC_TICKET_MAX	(2 * 65536 + 512)

int kc_fatal(struct kc_conn *conn, u8 description, int err)
{
	u8 alert[2] = { TLS_ALERT_LEVEL_FATAL, description };

	conn->alerted = true;
	kc_send_record(conn, TLS_RECORD_TYPE_ALERT, alert, sizeof(alert));
	return err;
}

/*
 * RFC 9846 5.1, 5.2. Such a record is an error of the socket, too, which whoever
 * sends would meet: our other thread has, or this alert will.
 */
int kc_tell_bad_record(struct kc_conn *conn, int err)
{
	static const struct {
		int err;
		u8 description;
	} rows[] = {
		{ -EBADMSG, TLS_ALERT_DESC_BAD_RECORD_MAC },
		{ -EMSGSIZE, TLS_ALERT_DESC_RECORD_OVERFLOW },
		{ -EINVAL, TLS_ALERT_DESC_UNEXPECTED_MESSAGE },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].err != err)
			continue;
		sock_error(conn->sock->sk);
		return kc_fatal(conn, rows[i].description, err);
	}
	return err;
}

/*
 * tls_handshake_close() does not wait: with TCP's buffer full, kTLS would keep
 * close_notify for later, and shutting down throws away what it has kept.  Who
 * is slow to make room is not gone, as long as the connection may be idle; after
 * that there is nothing to wait for any more.
 */
void kc_half_close(struct kc_conn *conn)
{
	u8 alert[2] = { TLS_ALERT_LEVEL_WARNING, TLS_ALERT_DESC_CLOSE_NOTIFY };
	int err = KC_MORE;

	if (conn->half_closed)
		return;
	conn->half_closed = true;
	while (!conn->alerted && err == KC_MORE &&
	       kc_send_record(conn, TLS_RECORD_TYPE_ALERT, alert,
			      sizeof(alert)) == -EAGAIN)
		err = kc_tick(conn);
	if (err == -ETIMEDOUT)
		WRITE_ONCE(conn->hurry, true);
	kernel_sock_shutdown(conn->sock, SHUT_WR);
}

/*
 * All but two of them end the connection at once, whatever level they claim:
 * RFC 9846 6.2, and nothing that TLS 1.2's warnings ask for can be had here.
 */
static int kc_alert(struct kc_conn *conn, size_t len)
{
	struct kvec kvec = {
		.iov_base = page_address(conn->bv[0].bv_page),
		.iov_len = len,
	};
	struct msghdr msg = {};
	u8 level, description;

	if (len != 2)
		return kc_fatal(conn, TLS_ALERT_DESC_DECODE_ERROR, -EPROTO);
	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &kvec, 1, len);
	tls_alert_recv(conn->sock->sk, &msg, &level, &description);
	kc_count(&conn->counters, RX_ALERTS, 1);
	switch (description) {
	case TLS_ALERT_DESC_CLOSE_NOTIFY:
		return KC_END;
	case TLS_ALERT_DESC_USER_CANCELED:
		return KC_MORE;		/* close_notify follows */
	default:
		conn->alert = description;
		return -ECONNRESET;
	}
}

/* A message begins: may it? */
static int kc_message(struct kc_conn *conn, u8 type, u32 len)
{
	bool tls13 = conn->version == TLS_1_3_VERSION;

	kc_count(&conn->counters, RX_HANDSHAKE, 1);
	switch (type) {
	case NEW_SESSION_TICKET:
		if (tls13 && kc_conn_is_client(conn) && len <= KC_TICKET_MAX)
			return KC_MORE;
		break;
	case HELLO_REQUEST:		/* may be ignored, RFC 5246 7.4.1.1 */
		if (!tls13 && kc_conn_is_client(conn) && !len)
			return KC_MORE;
		break;
	case KEY_UPDATE:
		if (tls13)
			return kc_fatal(conn, TLS_ALERT_DESC_INTERNAL_ERROR,
					-EKEYEXPIRED);
		break;
	}
	return kc_fatal(conn, TLS_ALERT_DESC_UNEXPECTED_MESSAGE, -EPROTO);
}

/* Messages may share a record, and may be split between records */
static int kc_messages(struct kc_conn *conn, const u8 *data, size_t len)
{
	struct kc_handshake_msgs *msgs = &conn->msgs;
	size_t n;
	int err;

	while (len) {
		if (msgs->have < sizeof(msgs->head)) {
			msgs->head[msgs->have++] = *data++;
			len--;
			if (msgs->have < sizeof(msgs->head))
				continue;
			msgs->left = get_unaligned_be24(msgs->head + 1);
			err = kc_message(conn, msgs->head[0], msgs->left);
			if (err)
				return err;
		}
		n = min_t(size_t, len, msgs->left);
		data += n;
		len -= n;
		msgs->left -= n;
		if (!msgs->left)
			msgs->have = 0;
	}
	return KC_MORE;
}

static int kc_handshake_record(struct kc_conn *conn, size_t len)
{
	const struct bio_vec *bv = conn->bv;
	int err = KC_MORE;
	size_t n;

	for (; len && !err; len -= n, bv++) {
		n = min_t(size_t, len, bv->bv_len);
		err = kc_messages(conn, page_address(bv->bv_page), n);
	}
	return err;
}

int kc_control(struct kc_conn *conn, u8 type, size_t len)
{
	switch (len ? type : 0) {
	case TLS_RECORD_TYPE_ALERT:
		return kc_alert(conn, len);
	case TLS_RECORD_TYPE_HANDSHAKE:
		return kc_handshake_record(conn, len);
	default:	/* none is allowed, nor may these be empty */
		return kc_fatal(conn, TLS_ALERT_DESC_UNEXPECTED_MESSAGE,
				-EPROTO);
	}
}
