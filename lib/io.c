// SPDX-License-Identifier: MIT
/* Data on an established connection */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>

#include "auth_post.h"
#include "conn.h"

/* Data records without data, in a row */
#define EMPTY_MAX	64
/* Records after which the count is looked at again, at the latest */
#define ROOM_LOOK	65536

/* ---- sending ----------------------------------------------------------- */

/* How many records may still be sent under this key? Asked now and then. */
static int look_for_room(struct ktls_conn *conn)
{
	uint64_t seq, room;
	uint64_t limit = config_key_limit(conn->config, conn->suite);
	int err;

	if (conn->tx_room)
		return 0;
	err = conn_seq(conn, KTLS_TX, &seq);
	if (err)
		return err;
	room = seq < limit ? limit - seq : 0;
	conn->tx_room = room < ROOM_LOOK ? (uint32_t)room : ROOM_LOOK;
	return 0;
}

bool conn_take_room(struct ktls_conn *conn)
{
	if (look_for_room(conn) || !conn->tx_room)
		return false;
	conn->tx_room--;
	return true;
}

static int flush(struct ktls_conn *conn, int flags)
{
	int err = conn_push(conn, flags);

	if (!err && conn->utx && user_tx_pending(conn->utx))
		err = user_flush(conn->utx, conn->fd, flags);
	return err;
}

int conn_send_last(struct ktls_conn *conn, int flags)
{
	/* 6.1: unless an error alert has gone out, or is to */
	const uint8_t alert[] = {
		conn->error ? 2 : 1,
		conn->error ? conn->alert_due : KTLS_ALERT_CLOSE_NOTIFY,
	};
	int rc;

	if (conn->tx_closed || (conn->error && !conn->alert_due))
		return !conn->tx_held;
	if (conn->utx)
		rc = (int)conn_write(conn, CT_ALERT, alert, sizeof(alert),
				     flags);
	else
		rc = kernel_write_last(conn->fd, alert, conn->own_io ?
				       flags | MSG_DONTWAIT : flags);
	if (rc < 0)
		return rc;
	conn->tx_closed = true;
	conn->tx_held = !rc;
	conn->alert_sent = alert[1];
	return rc;
}

/* Flush, the last record, and no more; what has failed makes nobody wait */
static int close_tx(struct ktls_conn *conn, int flags)
{
	int rc;

	if (conn->error)
		flags |= MSG_DONTWAIT;
	rc = flush(conn, flags);
	if (!rc)
		rc = conn_send_last(conn, flags);
	if (rc <= 0)
		return rc;
	rc = flush(conn, flags);
	if (rc)
		return rc;
	return shutdown(conn->fd, SHUT_WR) && errno != ENOTCONN ? -errno : 0;
}

/*
 * 5.5: at the end of a key that cannot be changed, close in good order, which
 * may take more than one call
 */
static int out_of_keys(struct ktls_conn *conn, int flags)
{
	int err;

	conn->tx_error = -KTLS_E_KEY_LIMIT;
	err = close_tx(conn, flags);
	return err == -EAGAIN || err == -EINTR ? err : conn->tx_error;
}

/* @records under one key, or as many as a new one has room for */
static int make_room(struct ktls_conn *conn, uint64_t records, int flags)
{
	int err = look_for_room(conn);

	if (err || conn->tx_room >= records)
		return err;
	conn->tx_room = 0;	/* what was left of the last look */
	err = look_for_room(conn);
	if (err || conn->tx_room >= records)
		return err;
	err = conn_rekey(conn, false, flags);
	if (err == -KTLS_E_NO_REKEY)
		return out_of_keys(conn, flags);
	return err ? err : look_for_room(conn);
}

int conn_prepare(struct ktls_conn *conn, uint64_t records, int flags)
{
	int err;

	if (conn->error)
		return conn->error;
	if (conn->tx_error)
		return out_of_keys(conn, flags);
	if (conn->tx_closed)
		return -EPIPE;
	err = conn_push(conn, flags);
	if (!err && conn->rekey_due)
		err = conn_rekey(conn, false, flags);
	return err ? err : make_room(conn, records, flags);
}

int conn_begin_send(struct ktls_conn *conn, size_t *len, int flags)
{
	int err = conn_prepare(conn, 1, flags);

	if (!err && *len / conn->tx_record >= conn->tx_room)
		*len = (size_t)conn->tx_room * conn->tx_record;
	return err;
}

ssize_t conn_end_send(struct ktls_conn *conn, ssize_t n)
{
	uint64_t records;

	/* an errno is of this direction: an alert may still be to be read */
	if (n < 0)
		return n <= -2048 ? conn_fail(conn, (int)n) : n;
	records = (uint64_t)n / conn->tx_record + 1;
	conn->tx_room -= records < conn->tx_room ? (uint32_t)records :
						   conn->tx_room;
	return n;
}

ssize_t ktls_send(struct ktls_conn *conn, const void *buf, size_t len,
		  int flags)
{
	int err;

	if (flags & ~(MSG_DONTWAIT | MSG_MORE | MSG_NOSIGNAL))
		return -EINVAL;
	err = conn_begin_send(conn, &len, flags & MSG_DONTWAIT);
	if (err || !len)
		return err;
	return conn_end_send(conn, conn_write(conn, CT_DATA, buf, len, flags));
}

/* As much as the send queue of a peer that is there may hold: tcp_wmem's */
#define UNSEEN_MAX	(4u << 20)

/*
 * Where SIGPIPE is ignored not at each sendfile(2), for a call more costs more
 * than it says; elsewhere even close(2) raises it, of what the kernel has taken.
 */
static bool peer_gone(struct ktls_conn *conn, size_t count)
{
	if (conn->config->flags & KTLS_F_SIGPIPE_IGNORED &&
	    count <= UNSEEN_MAX && conn->tx_unseen <= UNSEEN_MAX - count)
		return false;
	if (kernel_gone(conn->fd))
		return true;
	conn->tx_unseen = 0;
	return false;
}

/*
 * sendfile(2) has no MSG_NOSIGNAL: what it raises when the peer is gone is
 * taken back, unless a SIGPIPE of somebody else's was pending already.
 */
static ssize_t sendfile_nosignal(const struct ktls_conn *conn, int in_fd,
				 off_t *offset, size_t count)
{
	static const struct timespec now;
	sigset_t pipe, old, pending;
	ssize_t n;

	if (conn->config->flags & KTLS_F_SIGPIPE_IGNORED) {
		n = sendfile(conn->fd, in_fd, offset, count);
		return n < 0 ? -errno : n;
	}
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	n = sendfile(conn->fd, in_fd, offset, count);
	if (n < 0)
		n = -errno;
	/* the kernel's TLS raises it also where it says that all is well */
	if (!sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return n;
}

static ssize_t kernel_sendfile(struct ktls_conn *conn, int in_fd,
			       off_t *offset, size_t count)
{
	ssize_t n;

	if (peer_gone(conn, count))
		return -EPIPE;
	n = sendfile_nosignal(conn, in_fd, offset, count);
	if (n > 0)
		conn->tx_unseen += n < UNSEEN_MAX ? (uint32_t)n : UNSEEN_MAX;
	return n;
}

ssize_t ktls_sendfile(struct ktls_conn *conn, int in_fd, off_t *offset,
		      size_t count)
{
	int err = conn_begin_send(conn, &count, 0);

	if (err || !count)
		return err;
	return conn_end_send(conn, conn->utx ?
		user_sendfile(conn->utx, conn->fd, in_fd, offset, count) :
		kernel_sendfile(conn, in_fd, offset, count));
}

int ktls_flush(struct ktls_conn *conn)
{
	if (conn->spent)
		return conn->error;
	return flush(conn, 0);
}

int ktls_conn_shutdown(struct ktls_conn *conn)
{
	return conn->spent ? conn->error : close_tx(conn, 0);
}

unsigned int ktls_conn_events(struct ktls_conn *conn)
{
	unsigned int events = post_events(conn);

	if (conn->rx_closed)
		events |= KTLS_EV_CLOSED;
	if (conn_saying(conn) || (conn->utx && user_tx_pending(conn->utx)))
		events |= KTLS_EV_FLUSH;
	if (conn->error || conn->tx_closed)
		return events;
	/* the caller may have written past us: look anew */
	conn->tx_room = 0;
	if (look_for_room(conn) || !conn->tx_room)
		events |= conn_can_rekey(conn, KTLS_TX) ? KTLS_EV_REKEY :
						 KTLS_EV_KEY_LIMIT;
	return conn->rekey_due ? events | KTLS_EV_REKEY : events;
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

	post_told(conn);	/* by a record that the caller handed in */
	if (len > RECORD_PLAIN_MAX) {
		wipe(buf, len);
		return conn_fail(conn, -KTLS_E_RECORD_OVERFLOW);
	}
	if (!p->last) {
		rec = malloc(RECORD_PLAIN_MAX);
		if (rec)
			memcpy(rec, buf, len);
		wipe(buf, len);
		if (!rec)
			return conn_fail(conn, -ENOMEM);
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
	/* it is for the caller to see, who may be waiting for nothing else */
	return err > 0 && post_told(conn) ? -EINTR : err;
}

/* Data now would stand between messages, or the pieces of one (5.1, 4.7.2) */
static bool data_allowed(const struct ktls_conn *conn)
{
	return !conn_hearing(conn) && !post_taking(conn);
}

int conn_take_data(struct ktls_conn *conn, size_t len)
{
	if (!data_allowed(conn))
		return conn_fail(conn, -KTLS_E_RECORD_TYPE);
	if (!len && ++conn->rx_empty > EMPTY_MAX)
		return conn_fail(conn, -KTLS_E_RECORD_FLOOD);
	if (len)
		conn->rx_empty = 0;
	return 0;
}

int conn_rx_state(const struct ktls_conn *conn)
{
	if (conn->rx_closed)
		return 0;
	if (conn->error)
		return conn->error;
	return conn->rx_error ? conn->rx_error : 1;
}

/*
 * An errno or the end of the stream is of this direction: the other may still
 * be closed in good order.
 */
static int rx_fail(struct ktls_conn *conn, int err)
{
	/* the last: a KeyUpdate that the caller has, and has yet to hand in */
	if (err == -EAGAIN || err == -EINTR || err == -EKEYEXPIRED)
		return err;
	if (err <= -2048 && err != -KTLS_E_TRUNCATED)
		return conn_fail(conn, err);
	conn->rx_error = err;
	return err;
}

ssize_t ktls_recv(struct ktls_conn *conn, void *buf, size_t len, int flags)
{
	struct piece p;
	int err;

	if (!len || flags & ~MSG_DONTWAIT)
		return -EINVAL;
	/* an answer is waited for: what it answers must be on its way */
	(void)flush(conn, MSG_DONTWAIT);
	while ((err = conn_rx_state(conn)) > 0) {
		err = conn_read(conn, buf, len, flags, &p);
		if (err)
			return rx_fail(conn, err);
		err = p.type == CT_DATA ? conn_take_data(conn, p.len) :
					  take_control(conn, buf, &p);
		if (err < 0)
			return err;
		if (p.type == CT_DATA && p.len)
			return (ssize_t)p.len;
	}
	return err;
}

/* Is a control record what stands first? -EIO is how a read says so. */
int ktls_conn_control(struct ktls_conn *conn)
{
	uint8_t buf[256];
	struct piece p;
	int err;

	if (conn->urx)
		return -KTLS_E_STATE;
	while ((err = conn_rx_state(conn)) > 0) {
		/* a look first: data is not ours to take */
		err = kernel_read(conn->fd, buf, 1, MSG_PEEK | MSG_DONTWAIT,
				  &p);
		if (!err && p.type == CT_DATA)
			return data_allowed(conn) ? 1 :
			       conn_fail(conn, -KTLS_E_RECORD_TYPE);
		if (!err)
			err = kernel_read(conn->fd, buf, sizeof(buf),
					  MSG_DONTWAIT, &p);
		if (err)
			return rx_fail(conn, err);
		err = take_control(conn, buf, &p);
		if (err <= 0)
			return err;
	}
	return err;
}
