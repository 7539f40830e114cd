// SPDX-License-Identifier: MIT
/* Data on an established connection */
#include <errno.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "conn.h"

/* Records kept back for a KeyUpdate and an alert */
#define ROOM_KEPT	2
/* Data records without data, in a row */
#define EMPTY_MAX	64
/* Records after which the count is looked at again, at the latest */
#define ROOM_LOOK	65536

/* ---- sending ----------------------------------------------------------- */

static uint64_t key_limit(const struct ktls_conn *conn)
{
	uint64_t own = conn->config->max_records;
	uint64_t max = aead_rows[conn->suite->aead].max_records;

	return (own && own < max ? own : max) - ROOM_KEPT;
}

/* How many records may still be sent under this key? Asked now and then. */
static int look_for_room(struct ktls_conn *conn)
{
	uint64_t seq, limit = key_limit(conn);
	int err;

	if (conn->tx_room)
		return 0;
	err = conn_seq(conn, KTLS_TX, &seq);
	if (err)
		return err;
	conn->tx_room = seq < limit ? limit - seq : 0;
	if (conn->tx_room > ROOM_LOOK)
		conn->tx_room = ROOM_LOOK;
	return 0;
}

/* 5.5: at the end of a key that cannot be changed, close in good order */
static int out_of_keys(struct ktls_conn *conn)
{
	int err = ktls_conn_shutdown(conn);

	return err == -EAGAIN ? err : conn_fail(conn, -KTLS_E_KEY_LIMIT);
}

/* Before data: what must come first, and how much may follow it */
static int prepare(struct ktls_conn *conn, size_t *len)
{
	int err;

	if (conn->error)
		return conn->error;
	if (conn->tx_closed)
		return -EPIPE;
	err = conn->rekey_due ? ktls_conn_rekey(conn, 0) : 0;
	if (!err)
		err = look_for_room(conn);
	if (!err && !conn->tx_room) {
		err = ktls_conn_rekey(conn, 0);
		if (err == -KTLS_E_NO_REKEY)
			return out_of_keys(conn);
		if (!err)
			err = look_for_room(conn);
	}
	if (!err && *len / RECORD_PLAIN_MAX >= conn->tx_room)
		*len = (size_t)conn->tx_room * RECORD_PLAIN_MAX;
	return err;
}

/* Count what was sent; short records there may be, so round up */
static ssize_t sent(struct ktls_conn *conn, ssize_t n)
{
	uint64_t records;

	/* an errno is of this direction: an alert may still be to be read */
	if (n < 0)
		return n <= -2048 ? conn_fail(conn, (int)n) : n;
	records = (uint64_t)n / RECORD_PLAIN_MAX + 1;
	conn->tx_room -= records < conn->tx_room ? records : conn->tx_room;
	return n;
}

ssize_t ktls_send(struct ktls_conn *conn, const void *buf, size_t len,
		  int flags)
{
	int err;

	if (flags & ~(MSG_DONTWAIT | MSG_MORE | MSG_NOSIGNAL))
		return -EINVAL;
	err = prepare(conn, &len);
	if (err || !len)
		return err;
	return sent(conn, conn_write(conn, CT_DATA, buf, len, flags));
}

ssize_t ktls_sendfile(struct ktls_conn *conn, int in_fd, off_t *offset,
		      size_t count)
{
	ssize_t n;
	int err = prepare(conn, &count);

	if (err || !count)
		return err;
	if (conn->utx)
		return sent(conn, user_sendfile(conn->utx, conn->fd, in_fd,
						offset, count));
	n = sendfile(conn->fd, in_fd, offset, count);
	return sent(conn, n < 0 ? -errno : n);
}

int ktls_flush(struct ktls_conn *conn)
{
	int err = conn->utx ? user_flush(conn->utx, conn->fd, 0) : 0;

	return err <= -2048 ? conn_fail(conn, err) : err;
}

int ktls_conn_shutdown(struct ktls_conn *conn)
{
	static const uint8_t close_notify[] = { 1, KTLS_ALERT_CLOSE_NOTIFY };
	int err = ktls_flush(conn);

	if (!err && !conn->tx_closed && !conn->error) {
		ssize_t n = conn_write(conn, CT_ALERT, close_notify,
				       sizeof(close_notify), 0);

		if (n < 0)
			return (int)n;
		conn->tx_closed = true;
		conn->alert_sent = KTLS_ALERT_CLOSE_NOTIFY;
		err = ktls_flush(conn);
	}
	if (err)
		return err;
	return shutdown(conn->fd, SHUT_WR) && errno != ENOTCONN ? -errno : 0;
}

unsigned int ktls_conn_events(struct ktls_conn *conn)
{
	unsigned int events = 0;

	if (conn->rx_closed)
		events |= KTLS_EV_CLOSED;
	if (conn->utx && user_tx_pending(conn->utx))
		events |= KTLS_EV_FLUSH;
	if (conn->error || conn->tx_closed)
		return events;
	/* the caller may have written past us: look anew */
	conn->tx_room = 0;
	if (conn->rekey_due || look_for_room(conn) || !conn->tx_room)
		events |= KTLS_EV_REKEY;
	return events;
}

/* ---- receiving --------------------------------------------------------- */

/*
 * A control record whose first piece is in @buf.  The rest of it is decrypted
 * already, so fetching it does not touch the next record, whose key may be
 * another.
 */
static int take_control(struct ktls_conn *conn, void *buf, struct piece *p)
{
	uint8_t *rec = buf;
	size_t len = p->len;
	int err = 0;

	if (!p->last) {
		rec = malloc(RECORD_PLAIN_MAX);
		if (!rec)
			return conn_fail(conn, -ENOMEM);
		memcpy(rec, buf, len);
	}
	while (!p->last && !err) {
		uint8_t type = p->type;

		err = conn_read(conn, rec + len, RECORD_PLAIN_MAX - len, 0, p);
		if (!err && (p->type != type || !p->len))
			err = -KTLS_E_RECORD_TYPE;
		len += err ? 0 : p->len;
	}
	err = err ? conn_fail(conn, err) :
		    ktls_conn_record(conn, p->type, rec, len);
	if (rec != buf)
		wipe_free(rec, RECORD_PLAIN_MAX);
	else
		wipe(rec, len);
	return err;
}

static bool passing(int err)
{
	return err == -EAGAIN || err == -EINTR;
}

ssize_t ktls_recv(struct ktls_conn *conn, void *buf, size_t len, int flags)
{
	struct piece p;
	int err;

	if (!len || flags & ~MSG_DONTWAIT)
		return -EINVAL;
	for (;;) {
		if (conn->rx_closed || conn->error)
			return conn->rx_closed ? 0 : conn->error;
		err = conn_read(conn, buf, len, flags, &p);
		if (err)
			return passing(err) ? err : conn_fail(conn, err);
		if (p.type != CT_DATA) {
			err = take_control(conn, buf, &p);
			if (err < 0)
				return err;
		} else if (frag_pending(&conn->frag)) {
			return conn_fail(conn, -KTLS_E_RECORD_TYPE);
		} else if (p.len) {
			conn->rx_empty = 0;
			return (ssize_t)p.len;
		} else if (++conn->rx_empty > EMPTY_MAX) {
			return conn_fail(conn, -KTLS_E_RECORD_FLOOD);
		}
	}
}

/* Is a control record what stands first? -EIO is how a read says so. */
int ktls_conn_control(struct ktls_conn *conn)
{
	uint8_t buf[256];
	struct piece p;
	int err;

	if (conn->urx)
		return -KTLS_E_STATE;
	for (;;) {
		if (conn->rx_closed || conn->error)
			return conn->rx_closed ? 0 : conn->error;
		/* a look first: data is not ours to take */
		err = kernel_read(conn->fd, buf, 1, MSG_PEEK | MSG_DONTWAIT,
				  &p);
		if (!err && p.type == CT_DATA)
			return 1;
		if (!err)
			err = kernel_read(conn->fd, buf, sizeof(buf),
					  MSG_DONTWAIT, &p);
		if (err)
			return passing(err) ? err : conn_fail(conn, err);
		err = take_control(conn, buf, &p);
		if (err <= 0)
			return err;
	}
}
