// SPDX-License-Identifier: MIT
/* From a finished handshake to a connection: who carries which direction */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth_post.h"
#include "conn.h"
#include "hs.h"
#include "offload.h"

/* ---- the reasons, in words --------------------------------------------- */

static const struct {
	const char *text, *hint;
	int hint_error;		/* the errno that the hint is about */
} step_rows[] = {
	[KTLS_STEP_NONE] = { "carried by the kernel", NULL, 0 },
	[KTLS_STEP_PENDING] = { "not handed off yet", NULL, 0 },
	[KTLS_STEP_OPTION] = { "user space was asked for", NULL, 0 },
	[KTLS_STEP_SOCKET] = { "not a connected TCP socket", NULL, 0 },
	[KTLS_STEP_ULP] = { "TCP_ULP refused",
			    "is the tls module loaded?", ENOENT },
	[KTLS_STEP_CIPHER] = { "cipher refused",
			       "this kernel does not have it", ENOENT },
	[KTLS_STEP_REKEY] = { "kernel cannot change keys, which is required",
			      NULL, 0 },
	[KTLS_STEP_KEYS] = { "keys refused", NULL, 0 },
	[KTLS_STEP_RECORD_SIZE] = { "kernel cannot limit the size of records",
				    NULL, 0 },
	[KTLS_STEP_PADDING] = { "kernel cannot pad records", NULL, 0 },
};

char *ktls_why_text(const struct ktls_why *why, char *buf, size_t size)
{
	const char *hint = step_rows[why->step].hint;
	int n = snprintf(buf, size, "%s", step_rows[why->step].text);

	if (why->error && n >= 0 && (size_t)n < size)
		n += snprintf(buf + n, size - (size_t)n, ": %s",
			      ktls_strerror(why->error));
	if (hint && why->error == step_rows[why->step].hint_error && n >= 0 &&
	    (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, " (%s)", hint);
	return buf;
}

/* ---- before the handshake ---------------------------------------------- */

int ktls_hs_attach(struct ktls_hs *hs, int fd)
{
	const struct ktls_config *cfg = hs->config;
	struct hs_attach *a = &hs->attach;
	int err;

	if (a->tried || (cfg->tx == KTLS_PATH_USER &&
			 cfg->rx == KTLS_PATH_USER))
		return -a->why.error;
	err = offload_attach(fd);
	a->tried = err != -ENOTCONN;	/* still connecting: once more, later */
	a->why = (struct ktls_why){ KTLS_STEP_NONE, 0 };
	hs->info.tx = hs->info.rx =
		(struct ktls_why){ KTLS_STEP_PENDING, 0 };
	if (err) {
		bool socket = err == -ENOTCONN || err == -EOPNOTSUPP ||
			      err == -ENOTSOCK || err == -EBADF;

		a->why.step = socket ? KTLS_STEP_SOCKET :
			      err == -EBUSY ? KTLS_STEP_KEYS : KTLS_STEP_ULP;
		a->why.error = -err;
		hs->info.tx = hs->info.rx = a->why;
	}
	return err;
}

/* ---- after it ---------------------------------------------------------- */

static enum ktls_path path_of(const struct ktls_config *cfg,
			      unsigned int direction)
{
	return direction == KTLS_TX ? cfg->tx : cfg->rx;
}

/* Try to give a direction to the kernel; the answer is the reason why not */
static struct ktls_why offer(const struct ktls_hs *hs, int fd,
			     unsigned int direction,
			     const struct traffic_keys *keys, uint64_t seq)
{
	const struct ktls_config *cfg = hs->config;
	int err, no_rekey = direction == KTLS_TX ? cfg->caps.rekey_tx_error :
					      cfg->caps.rekey_rx_error;

	if (path_of(cfg, direction) == KTLS_PATH_USER)
		return (struct ktls_why){ KTLS_STEP_OPTION, 0 };
	if (hs->attach.why.step != KTLS_STEP_NONE)
		return hs->attach.why;
	if (cfg->flags & KTLS_F_NEED_REKEY && no_rekey &&
	    hs->suite->version == KTLS_TLS13)
		return (struct ktls_why){ KTLS_STEP_REKEY, no_rekey };
	if (direction == KTLS_TX && hs->info.tx_record < RECORD_PLAIN_MAX &&
	    cfg->caps.max_payload_error)
		return (struct ktls_why){ KTLS_STEP_RECORD_SIZE,
					  cfg->caps.max_payload_error };
	if (direction == KTLS_TX && cfg->padding &&
	    hs->suite->version == KTLS_TLS13)
		return (struct ktls_why){ KTLS_STEP_PADDING, 0 };
	err = offload_keys(fd, direction, hs->suite, keys, seq);
	if (!err)
		return (struct ktls_why){ KTLS_STEP_NONE, 0 };
	return (struct ktls_why){ err == -ENOENT ? KTLS_STEP_CIPHER :
				  KTLS_STEP_KEYS, -err };
}

static void take_secrets(struct ktls_conn *conn, const struct ktls_hs *hs)
{
	bool client = hs->config->role == KTLS_CLIENT;
	const struct secret *client_app = &hs->client_app,
			    *server_app = &hs->server_app;

	conn_set_secret(conn, CONN_EXPORTER, &hs->exporter);
	conn_set_secret(conn, CONN_TX, client ? client_app : server_app);
	conn_set_secret(conn, CONN_RX, client ? server_app : client_app);
	/* a client that takes none gets none */
	if (client || hs->server.tickets_wanted)
		conn_set_secret(conn, CONN_RESUMPTION, &hs->resumption);
}

static void take_tls12(struct conn12 *c, const struct ktls_hs *hs)
{
	c->main = hs->tls12.master;
	memcpy(c->server_random, hs->tls12.server_random, RANDOM_LEN);
	memcpy(c->session_id, hs->session.id, hs->session.id_len);
	c->session_id_len = hs->session.id_len;
}

static struct ktls_conn *take(struct ktls_hs *hs, int fd)
{
	const struct ktls_info *info = &hs->info;
	struct ktls_conn *conn = conn_new(hs->config, hs->suite, fd);

	if (!conn)
		return NULL;
	if (conn_set_names(conn, info, hs->peer_name) ||
	    post_new(&conn->post, hs)) {
		ktls_conn_free(conn);
		return NULL;
	}
	conn->group = info->group;
	conn->sigalg = info->sigalg;
	conn->peer_sigalg = info->peer_sigalg;
	conn->tx_record = info->tx_record;
	conn->rx_record = info->rx_record;
	conn->peer_status = info->peer_status;
	conn->cert_compression = info->cert_compression;
	conn->peer_cert_compression = info->peer_cert_compression;
	conn->peer_raw_key = info->peer_raw_key;
	conn->early_data = info->early_data;
	conn->external_psk = info->external_psk;
	conn->retried = info->retried;
	conn->resumed = info->resumed;
	conn->ems = info->ems;
	conn->secure_renegotiation = info->secure_renegotiation;
	conn->renegotiated = info->renegotiated;
	conn->peer_verified = info->peer_verified;
	conn->alert_sent = conn->alert_received = KTLS_ALERT_NONE;
	conn->tickets = hs->tickets;
	conn->session_made = hs->session.made;
	conn->session_lifetime = hs->session.lifetime;
	memcpy(conn->client_random, hs->client_random, RANDOM_LEN);
	if (hs->suite->version == KTLS_TLS12)
		take_tls12(conn_tls12(conn), hs);
	else
		take_secrets(conn, hs);
	return conn;
}

/* RFC 6066 4, 8449 4: with the keys in place there is no way back */
static int limit_kernel(struct ktls_conn *conn, struct ktls_hs *hs)
{
	int err = conn->tx_record < RECORD_PLAIN_MAX ?
		  offload_max_payload(conn->fd, conn->tx_record) : 0;

	if (!err)
		return 0;
	hs->info.tx = (struct ktls_why){ KTLS_STEP_RECORD_SIZE, -err };
	/* what we sealed ourselves, the kernel would seal again as data */
	err = conn_fail(conn, -KTLS_E_NO_KERNEL);
	hs->info.alert_sent = conn->alert_sent;
	hs->tx_moved = true;
	return err;
}

/*
 * What the kernel did not take.  The receiving direction goes first: while
 * the sending one is not installed, an alert can still go the old way.
 */
static int split(struct ktls_conn *conn, struct ktls_hs *hs)
{
	const struct ktls_config *cfg = hs->config;
	int err;

	conn->rx_why = offer(hs, conn->fd, KTLS_RX, &hs->rx_keys,
			     hs->rx.seq);
	hs->info.rx = conn->rx_why;
	if (conn->rx_why.step != KTLS_STEP_NONE) {
		if (cfg->rx == KTLS_PATH_KERNEL)
			return -KTLS_E_NO_KERNEL;
		err = user_rx_new(&conn->urx, &hs->rx);
		if (err)
			return err;
		hs->rx = (struct record){ 0 };	/* moved */
	}
	if (hs->tx_moved) {
		conn->tx_why = hs->info.tx;
		return 0;
	}
	conn->tx_why = offer(hs, conn->fd, KTLS_TX, &hs->tx_keys,
			     hs->tx.seq);
	hs->info.tx = conn->tx_why;
	if (conn->tx_why.step == KTLS_STEP_NONE)
		return limit_kernel(conn, hs);
	if (cfg->tx == KTLS_PATH_KERNEL)
		return -KTLS_E_NO_KERNEL;
	err = user_tx_new(&conn->utx, &hs->tx);
	if (!err)
		hs->tx = (struct record){ 0 };
	return err;
}

int ktls_hs_offload_tx(struct ktls_hs *hs, int fd)
{
	int err = 0;

	if (hs->error)
		return hs->error;
	if (!early_may_answer(hs) || hs->out.len > hs->out_sent)
		return -KTLS_E_STATE;
	ktls_hs_attach(hs, fd);
	hs->info.tx = offer(hs, fd, KTLS_TX, &hs->tx_keys, hs->tx.seq);
	if (hs->info.tx.step != KTLS_STEP_NONE)
		return -KTLS_E_NO_KERNEL;
	hs->tx_moved = true;
	if (hs->info.tx_record < RECORD_PLAIN_MAX)
		err = offload_max_payload(fd, hs->info.tx_record);
	if (!err)
		return 0;
	hs->info.tx = (struct ktls_why){ KTLS_STEP_RECORD_SIZE, -err };
	return hs_fail(hs, -KTLS_E_NO_KERNEL);
}

/* Those of a handshake that could not send them itself; none, if it must wait */
static void send_tickets(struct ktls_conn *conn, const struct ktls_hs *hs)
{
	int n = hs->info.resumed ? 1 : (int)hs->config->tickets_count;

	if (!hs->tx_moved || !hs->server.tickets_wanted)
		return;
	conn->own_io = true;	/* for the one call */
	n = ktls_conn_send_tickets(conn, (unsigned int)n);
	conn->own_io = false;
	(void)n;
}

int ktls_offload(struct ktls_conn **out, struct ktls_hs *hs, int fd)
{
	struct ktls_conn *conn;
	int err;

	*out = NULL;
	if (ktls_hs_wants(hs) != KTLS_WANT_DONE)
		return hs->error ? hs->error : -KTLS_E_STATE;
	ktls_hs_attach(hs, fd);
	conn = take(hs, fd);
	if (!conn)
		return hs_fail(hs, -ENOMEM);
	err = conn_keep_early(conn, &hs->early.data, hs->early.at);
	if (!err)
		err = split(conn, hs);
	if (err) {
		ktls_conn_free(conn);
		return hs_fail(hs, err);
	}
	send_tickets(conn, hs);
	ktls_hs_free(hs);
	*out = conn;
	return 0;
}
