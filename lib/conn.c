// SPDX-License-Identifier: MIT
/* What an established connection says besides data */
#include "conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "keylog.h"
#include "msg.h"
#include "offload.h"
#include "session.h"

/* Control records in a row that bring no data */
#define CONTROL_MAX	64

/* ---- the record layers ------------------------------------------------- */

ssize_t conn_write(struct ktls_conn *conn, uint8_t type, const void *buf,
		   size_t len, int flags)
{
	if (conn->utx)
		return user_write(conn->utx, conn->fd, type, buf, len, flags);
	if (conn->own_io)
		flags |= MSG_DONTWAIT;
	return kernel_write(conn->fd, type, buf, len, flags);
}

int conn_read(struct ktls_conn *conn, void *buf, size_t len, int flags,
	      struct piece *piece)
{
	if (conn->urx)
		return user_read(conn->urx, conn->fd, buf, len, flags, piece);
	if (conn->own_io)
		flags |= MSG_DONTWAIT;
	return kernel_read(conn->fd, buf, len, flags, piece);
}

struct record *conn_user_record(const struct ktls_conn *conn,
				unsigned int direction)
{
	if (direction == KTLS_TX)
		return conn->utx ? user_tx_record(conn->utx) : NULL;
	return conn->urx ? user_rx_record(conn->urx) : NULL;
}

int conn_seq(const struct ktls_conn *conn, unsigned int direction,
	     uint64_t *seq)
{
	const struct record *rec = conn_user_record(conn, direction);

	if (!rec)
		return offload_seq(conn->fd, direction, conn->suite, seq);
	*seq = rec->seq;
	return 0;
}

static int install(struct ktls_conn *conn, unsigned int direction,
		   const struct secret *secret)
{
	struct record *rec = conn_user_record(conn, direction);
	struct traffic_keys keys;
	int err = traffic_keys(conn->config->crypto, conn->suite, secret,
			       &keys);

	if (!err && rec)
		err = record_set_key(rec, conn->config->crypto, conn->suite,
				     &keys, direction == KTLS_TX);
	else if (!err)
		err = offload_keys(conn->fd, direction, conn->suite, &keys, 0);
	wipe(&keys, sizeof(keys));
	return err == -EBUSY ? -KTLS_E_NO_REKEY : err;
}

int conn_update(struct ktls_conn *conn, unsigned int direction)
{
	const struct ktls_config *cfg = conn->config;
	bool tx = direction == KTLS_TX;
	enum conn_secret which = tx ? CONN_TX : CONN_RX;
	uint32_t n = tx ? ++conn->tx_updates : ++conn->rx_updates;
	struct secret secret;
	int err;

	conn_secret(conn, which, &secret);
	err = traffic_update(cfg->crypto, conn->suite, &secret);
	if (!err) {
		conn_set_secret(conn, which, &secret);
		keylog_write_traffic(cfg, tx == (cfg->role == KTLS_SERVER) ?
				     KTLS_SERVER : KTLS_CLIENT, n,
				     conn->client_random, &secret);
		err = install(conn, direction, &secret);
	}
	wipe(&secret, sizeof(secret));
	return err;
}

/* ---- failure ----------------------------------------------------------- */

void conn_warn(struct ktls_conn *conn, uint8_t alert)
{
	const uint8_t rec[2] = { 1, alert };

	if (conn_write(conn, CT_ALERT, rec, sizeof(rec), MSG_DONTWAIT) > 0)
		conn->alert_sent = alert;
}

/* An errno is the socket's: there is nobody to tell */
static enum ktls_alert alert_of(int err)
{
	return err <= -2048 ? ktls_error_alert(err) : KTLS_ALERT_NONE;
}

/* 5246 7.2.2, 9846 6: what a fatal alert ended is not resumed */
static void forget_session(struct ktls_conn *conn)
{
	const struct conn12 *c = conn_tls12(conn);
	const char *name = conn_peer_name(conn);

	if (conn->suite->version == KTLS_TLS12)
		session_drop(conn->config, (struct slice){ c->session_id,
			     c->session_id_len }, name);
	else
		session13_forget(conn->config, name);
}

int conn_fail(struct ktls_conn *conn, int err)
{
	enum ktls_alert alert = alert_of(err);

	if (conn->error)
		return conn->error;
	conn->error = err;
	if (alert != KTLS_ALERT_NONE && !conn->tx_closed) {
		conn->alert_due = (uint8_t)alert;
		(void)conn_send_last(conn, MSG_DONTWAIT);
	}
	if (alert != KTLS_ALERT_NONE || err == -KTLS_E_PEER_ALERT)
		forget_session(conn);
	conn_wipe(conn);
	return err;
}

/* ---- alerts (6) -------------------------------------------------------- */

static int take_alert(struct ktls_conn *conn, struct slice rec)
{
	if (!rec.len)
		return -KTLS_E_RECORD_EMPTY;	/* 5.4 */
	if (rec.len != 2)
		return -KTLS_E_DECODE;	/* 5.1: exactly one, whole */
	switch (rec.p[1]) {
	case KTLS_ALERT_CLOSE_NOTIFY:
		conn->alert_received = rec.p[1];
		conn->rx_closed = true;
		return 0;
	case KTLS_ALERT_USER_CANCELED:
		return 0;	/* a close_notify follows */
	default:
		/* 5246 7.2.2: a warning is the sender's to worry about */
		if (conn->suite->version == KTLS_TLS12 && rec.p[0] == 1)
			return 0;
		conn->alert_received = rec.p[1];
		return -KTLS_E_PEER_ALERT;
	}
}

/* ---- control records --------------------------------------------------- */

/* Records that bring no data cost us work: there must be some in between */
static int check_control_flood(struct ktls_conn *conn)
{
	uint64_t seq;
	int err;

	if (++conn->rx_control % CONTROL_MAX)
		return 0;
	err = conn_seq(conn, KTLS_RX, &seq);
	if (err)
		return err;
	if (seq - conn->rx_checked <= CONTROL_MAX)
		return -KTLS_E_RECORD_FLOOD;
	conn->rx_checked = seq;
	return 0;
}

static int take_control(struct ktls_conn *conn, uint8_t type,
			struct slice rec)
{
	int err = check_control_flood(conn);

	if (err)
		return err;
	/* of the kernel's own, where it does not look */
	if (rec.len > conn->rx_record)
		return -KTLS_E_RECORD_OVERFLOW;
	/* 5.1: nothing may stand between the pieces of a message */
	if (conn_hearing(conn) && type != CT_HANDSHAKE)
		return -KTLS_E_RECORD_TYPE;
	switch (type) {
	case CT_ALERT:
		return take_alert(conn, rec);
	case CT_HANDSHAKE:
		return conn_take_handshake(conn, rec);
	default:
		return -KTLS_E_RECORD_TYPE;
	}
}

int ktls_conn_record(struct ktls_conn *conn, uint8_t type, const void *rec,
		     size_t len)
{
	int err;

	if (conn->error)
		return conn->error;
	if (conn->rx_closed)
		return 0;	/* 6.1: what follows is ignored */
	err = take_control(conn, type, (struct slice){ rec, len });
	if (err)
		return conn_fail(conn, err);
	return !conn->rx_closed;
}

/* ---- KeyUpdate, ours --------------------------------------------------- */

bool conn_can_rekey(const struct ktls_conn *conn, unsigned int direction)
{
	const struct ktls_caps *caps = &conn->config->caps;

	return conn->suite->version == KTLS_TLS13 &&
	       (conn_user_record(conn, direction) ||
		!(direction == KTLS_TX ? caps->rekey_tx_error :
					 caps->rekey_rx_error));
}

int conn_rekey(struct ktls_conn *conn, bool ask, int flags)
{
	const uint8_t msg[] = { HT_KEY_UPDATE, 0, 0, 1, ask };
	ssize_t n;
	int err;

	if (conn->error)
		return conn->error;
	if (conn->tx_closed)
		return -EPIPE;
	if (!conn_can_rekey(conn, KTLS_TX))
		return -KTLS_E_NO_REKEY;
	err = conn_push(conn, flags);
	if (err)
		return err;
	n = conn_write(conn, CT_HANDSHAKE, msg, sizeof(msg), flags);
	/* an errno has changed nothing, and an alert may be to be read */
	if (n < 0)
		return n <= -2048 ? conn_fail(conn, (int)n) : (int)n;
	/* from here the old key must not be used again */
	err = conn_update(conn, KTLS_TX);
	if (err) {
		/* not even for an alert */
		conn->tx_closed = true;
		return conn_fail(conn, err);
	}
	conn->rekey_due = false;
	conn->rekey_asked |= ask;
	conn->tx_room = 0;
	return 0;
}

int ktls_conn_rekey(struct ktls_conn *conn, unsigned int flags)
{
	/* 4.7.3: an answer asks for nothing; who asked has changed his own */
	bool ask = flags & KTLS_REKEY_BOTH && !conn->rekey_asked &&
		   !conn->rekey_due;

	/* the answer would be the end */
	if (ask && !conn->error && !conn_can_rekey(conn, KTLS_RX))
		return -KTLS_E_NO_REKEY;
	return conn_rekey(conn, ask, 0);
}

/* ---- what there is to know --------------------------------------------- */

unsigned int ktls_conn_kernel(const struct ktls_conn *conn)
{
	if (conn->spent)
		return 0;
	return (conn->utx ? 0 : KTLS_TX) | (conn->urx ? 0 : KTLS_RX);
}

int ktls_conn_fd(const struct ktls_conn *conn)
{
	return conn->fd;
}

uint8_t ktls_conn_alert(const struct ktls_conn *conn)
{
	return conn->alert_received != KTLS_ALERT_NONE ?
	       conn->alert_received : conn->alert_sent;
}

static const char *take_string(const char *from, char *to, size_t size)
{
	size_t len = strlen(from) + 1;

	memcpy(to, from, len < size ? len : size);
	return from + len;
}

void ktls_conn_info_size(const struct ktls_conn *conn, struct ktls_info *out,
			 size_t size)
{
	const char *p = conn_names(conn);
	struct ktls_info info = {
		.version = conn->suite->version,
		.suite = conn->suite->id,
		.group = conn->group,
		.peer_sigalg = conn->peer_sigalg,
		.sigalg = conn->sigalg,
		.retried = conn->retried,
		.resumed = conn->resumed,
		.ems = conn->ems,
		.peer_verified = conn->peer_verified,
		.secure_renegotiation = conn->secure_renegotiation,
		.renegotiated = conn->renegotiated,
		.alert_sent = conn->alert_sent,
		.alert_received = conn->alert_received,
		.tx = conn->tx_why,
		.rx = conn->rx_why,
		.tx_record = conn->tx_record,
		.rx_record = conn->rx_record,
		.peer_status = conn->peer_status,
		.cert_compression = conn->cert_compression,
		.peer_cert_compression = conn->peer_cert_compression,
		.peer_raw_key = conn->peer_raw_key,
		.early_data = conn->early_data,
		.external_psk = conn->external_psk,
		.tx_updates = conn->tx_updates,
		.rx_updates = conn->rx_updates,
	};

	p = take_string(p, info.alpn, sizeof(info.alpn));
	p = take_string(p, info.server_name, sizeof(info.server_name));
	p = take_string(p, info.peer_subject, sizeof(info.peer_subject));
	p = take_string(p, info.user_principal, sizeof(info.user_principal));
	take_string(p, info.user_domain, sizeof(info.user_domain));
	copy_out(out, size, &info, sizeof(info));
}
