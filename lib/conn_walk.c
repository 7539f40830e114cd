// SPDX-License-Identifier: MIT
/*
 * A connection as bytes, written and read by one walk.  A field that struct
 * ktls_conn gains and that is not made anew has its line in one of these, and
 * FORMAT goes up.
 */
#include "conn_walk.h"

#include <stdlib.h>
#include <string.h>

#include "msg.h"

#define FORMAT		5
#define ERROR_MAX	4095	/* an errno or KTLS_E_* */
#define RECORD_MIN	63	/* RFC 8449 4, and one for the type in 1.3 */

/* struct ktls_info's, and peer_name: with their NULs */
static const uint16_t names_max[CONN_NAMES] = { 256, 256, 256, 512, 256, 256 };

#define NAMES_MAX	(5 * 256 + 512)

static void take_names(struct pack *p, struct ktls_conn *conn,
		       struct slice s)
{
	size_t at = 0;

	for (size_t i = 0; i < CONN_NAMES && !p->bad; i++) {
		size_t n = strnlen((const char *)s.p + at, s.len - at) + 1;

		pack_check(p, n <= names_max[i] && at + n <= s.len);
		at += n;
	}
	pack_check(p, at == s.len);
	if (p->bad || s.len == CONN_NAMES)
		return;
	conn->names = malloc(s.len);
	p->no_memory |= !conn->names;
	if (conn->names)
		memcpy(conn->names, s.p, s.len);
}

static void walk_names(struct pack *p, struct ktls_conn *conn)
{
	struct slice s = { NULL, 0 };

	if (p->w) {
		const char *names = conn_names(conn);
		const char *last = conn_peer_name(conn);

		s = (struct slice){ (const uint8_t *)names,
			(size_t)(last - names) + strlen(last) + 1 };
	}
	pack_slice(p, &s, NAMES_MAX);
	pack_check(p, s.len >= CONN_NAMES);
	if (!p->w)
		take_names(p, conn, s);
}

static void walk_why(struct pack *p, struct ktls_why *why, bool kernel)
{
	uint8_t step = (uint8_t)why->step;
	uint16_t error = (uint16_t)why->error;

	pack_u8(p, &step);
	pack_u16(p, &error);
	pack_check(p, step <= KTLS_STEP_PADDING && error <= ERROR_MAX &&
		   (step == KTLS_STEP_NONE) == kernel);
	why->step = (enum ktls_step)step;
	why->error = error;
}

/* What ktls_conn_info() tells; who carries what is there already */
static void walk_info(struct pack *p, struct ktls_conn *conn)
{
	walk_names(p, conn);
	pack_u16(p, &conn->group);
	pack_u16(p, &conn->sigalg);
	pack_u16(p, &conn->peer_sigalg);
	pack_u16(p, &conn->cert_compression);
	pack_u16(p, &conn->peer_cert_compression);
	pack_bool(p, &conn->peer_raw_key);
	pack_u8(p, &conn->external_psk);
	pack_check(p, conn->external_psk <= 1);
	pack_u8(p, &conn->early_data);
	pack_check(p, conn->early_data <= KTLS_EARLY_ACCEPTED);
	pack_u8(p, &conn->alert_sent);
	pack_u8(p, &conn->alert_received);
	pack_u8(p, &conn->peer_status);
	pack_check(p, conn->peer_status <= KTLS_STATUS_UNKNOWN);
	pack_u8(p, &conn->renegotiated);
	pack_bool(p, &conn->retried);
	pack_bool(p, &conn->peer_verified);
	pack_bool(p, &conn->resumed);
	pack_bool(p, &conn->ems);
	pack_bool(p, &conn->secure_renegotiation);
	walk_why(p, &conn->tx_why, !conn->utx);
	walk_why(p, &conn->rx_why, !conn->urx);
	pack_u16(p, &conn->tx_record);
	pack_u16(p, &conn->rx_record);
	pack_check(p, conn->tx_record >= RECORD_MIN &&
		   conn->tx_record <= RECORD_PLAIN_MAX);
	pack_check(p, conn->rx_record >= RECORD_MIN &&
		   conn->rx_record <= RECORD_PLAIN_MAX);
}

/* ... one that is not to be kept is read all the same */
static void walk_secret(struct pack *p, struct ktls_conn *conn,
			enum conn_secret which, bool keep)
{
	bool tls13 = conn->suite->version == KTLS_TLS13;
	uint8_t len = tls13 ? hash_rows[conn->suite->hash].len :
		      which == CONN_EXPORTER ? HASH_MAX : 0;
	struct secret s = { 0 };

	if (p->w)
		conn_secret(conn, which, &s);
	pack_secret(p, &s);
	pack_check(p, s.len == len || (which == CONN_RESUMPTION && !s.len));
	if (!p->w && !p->bad && keep)
		conn_set_secret(conn, which, &s);
	wipe(&s, sizeof(s));
}

/* Where the other version has nothing, nothing is kept */
static void walk_tls12(struct pack *p, struct ktls_conn *conn)
{
	struct conn12 none = { 0 };
	struct conn12 *c = conn->suite->version == KTLS_TLS12 ?
			   conn_tls12(conn) : &none;

	pack_bytes(p, c->server_random, sizeof(c->server_random));
	pack_short(p, c->session_id, sizeof(c->session_id),
		   &c->session_id_len);
}

/*
 * Who the peer is was said under the config of the handshake.  Tickets under
 * one of other trust would be sessions with somebody whom that has not verified.
 */
static bool walk_context(struct pack *p, struct ktls_conn *conn)
{
	const uint8_t *ours = conn->config->session_context;
	uint8_t context[SESSION_CONTEXT_LEN] = { 0 };

	if (p->w)
		memcpy(context, ours, sizeof(context));
	pack_bytes(p, context, sizeof(context));
	return !memcmp(context, ours, sizeof(context));
}

static void walk_secrets(struct pack *p, struct ktls_conn *conn)
{
	bool same = walk_context(p, conn);

	walk_secret(p, conn, CONN_TX, true);
	walk_secret(p, conn, CONN_RX, true);
	walk_secret(p, conn, CONN_EXPORTER, true);
	walk_secret(p, conn, CONN_RESUMPTION, same);
	pack_u32(p, &conn->tickets);
	pack_u32(p, &conn->session_lifetime);
	pack_u64(p, &conn->session_made);
	pack_bytes(p, conn->client_random, sizeof(conn->client_random));
	walk_tls12(p, conn);
}

static void walk_error(struct pack *p, int *error)
{
	uint16_t v = (uint16_t)-*error;

	pack_u16(p, &v);
	pack_check(p, v <= ERROR_MAX);
	*error = -(int)v;
}

/* What has come of a message */
static void walk_half(struct pack *p, struct ktls_conn *conn)
{
	struct conn_talk none = { 0 };
	struct conn_talk *talk = conn->talk ? conn->talk : &none;
	struct wr *half = &talk->frag.buf;

	pack_wr(p, half, 0, MSG_HEADER + conn->config->max_message);
	if (talk != &none || !half->len)
		return;
	talk = conn_talk(conn);
	p->no_memory |= !talk;
	if (talk)
		*talk = none;
	else
		wr_free(half);
}

/* How far it has come; @tx_room is looked for anew */
static void walk_state(struct pack *p, struct ktls_conn *conn)
{
	walk_error(p, &conn->rx_error);
	walk_error(p, &conn->tx_error);
	pack_bool(p, &conn->rx_closed);
	pack_bool(p, &conn->tx_closed);
	/* for all that is known there */
	if (!p->w)
		conn->tx_held = conn->tx_closed && !conn->utx;
	pack_bool(p, &conn->rekey_due);
	pack_bool(p, &conn->rekey_asked);
	pack_u32(p, &conn->rx_empty);
	pack_u32(p, &conn->rx_control);
	pack_u32(p, &conn->rx_empty_keys);
	pack_u64(p, &conn->rx_checked);
	pack_u32(p, &conn->tx_updates);
	pack_u32(p, &conn->rx_updates);
	walk_half(p, conn);
}

void conn_walk_base(struct pack *p, struct conn_base *b)
{
	uint8_t format = FORMAT;

	pack_u8(p, &format);
	pack_check(p, format == FORMAT);
	pack_u8(p, &b->role);
	pack_u16(p, &b->suite);
	pack_bool(p, &b->utx);
	pack_bool(p, &b->urx);
}

void conn_walk(struct pack *p, struct ktls_conn *conn)
{
	walk_info(p, conn);
	walk_secrets(p, conn);
	walk_state(p, conn);
	if (conn->utx)
		user_tx_walk(p, conn->utx);
	if (conn->urx)
		user_rx_walk(p, conn->urx);
}
