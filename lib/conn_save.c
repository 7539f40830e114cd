// SPDX-License-Identifier: MIT
/*
 * A connection as bytes, from which another process goes on with it.  A field
 * that struct ktls_conn gains and that is not made anew has its line in one of
 * the walks below, and FORMAT goes up.
 */
#include "auth_post.h"
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "offload.h"
#include "pack.h"
#include "sched12.h"
#include "ticket.h"

#define FORMAT		4
#define DIGEST_LEN	32
#define ERROR_MAX	4095	/* an errno or KTLS_E_* */
#define RECORD_MIN	63	/* RFC 8449 4, and one for the type in 1.3 */

/* ---- the walk ---------------------------------------------------------- */

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

static void walk_secret(struct pack *p, struct ktls_conn *conn,
			enum conn_secret which)
{
	bool tls13 = conn->suite->version == KTLS_TLS13;
	uint8_t len = tls13 ? hash_rows[conn->suite->hash].len :
		      which == CONN_EXPORTER ? HASH_MAX : 0;
	struct secret s = { 0 };

	if (p->w)
		conn_secret(conn, which, &s);
	pack_secret(p, &s);
	pack_check(p, s.len == len || (which == CONN_RESUMPTION && !s.len));
	if (!p->w && !p->bad)
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

static void walk_secrets(struct pack *p, struct ktls_conn *conn)
{
	walk_secret(p, conn, CONN_TX);
	walk_secret(p, conn, CONN_RX);
	walk_secret(p, conn, CONN_EXPORTER);
	walk_secret(p, conn, CONN_RESUMPTION);
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

/* Whose connection it is, and where its records are made */
struct base {
	uint8_t role;
	uint16_t suite;
	bool utx, urx;
};

static void walk_base(struct pack *p, struct base *b)
{
	uint8_t format = FORMAT;

	pack_u8(p, &format);
	pack_check(p, format == FORMAT);
	pack_u8(p, &b->role);
	pack_u16(p, &b->suite);
	pack_bool(p, &b->utx);
	pack_bool(p, &b->urx);
}

static void walk(struct pack *p, struct ktls_conn *conn)
{
	walk_info(p, conn);
	walk_secrets(p, conn);
	walk_state(p, conn);
	if (conn->utx)
		user_tx_walk(p, conn->utx);
	if (conn->urx)
		user_rx_walk(p, conn->urx);
}

/* ---- saving ------------------------------------------------------------ */

static const char what[] = "ktls connection";

/* Against accidents; against others there is the seal */
static int make_digest(const struct ktls_config *cfg, struct slice bytes,
		       uint8_t out[HASH_MAX])
{
	return hmac(cfg->crypto, HASH_SHA256, slice_str(what), &bytes, 1,
		    out);
}

static int finish(const struct ktls_config *cfg, const struct wr *state,
		  unsigned int flags, struct wr *out)
{
	uint8_t digest[HASH_MAX];
	uint64_t until;
	int err;

	if (flags & KTLS_SAVE_SEALED)
		return ticket_seal(cfg->tickets, slice_str(what),
				   wr_content(state), out, &until);
	err = make_digest(cfg, wr_content(state), digest);
	wr_slice(out, wr_content(state));
	wr_bytes(out, digest, DIGEST_LEN);
	return err;
}

int conn_save(struct ktls_conn *conn, unsigned int flags, struct wr *out)
{
	struct wr state = { 0 };
	struct pack p = { .w = &state };
	struct base base = {
		.role = (uint8_t)conn->config->role,
		.suite = conn->suite->id,
		.utx = conn->utx,
		.urx = conn->urx,
	};
	int err;

	if (conn->error)
		return conn->error;
	if (conn->utx && user_tx_error(conn->utx))
		return user_tx_error(conn->utx);
	if (flags & ~KTLS_SAVE_SEALED)
		return -EINVAL;
	if (flags & KTLS_SAVE_SEALED && !conn->config->tickets)
		return -KTLS_E_STATE;
	if (conn->early || conn_saying(conn) || post_busy(conn) ||
	    (conn->utx && user_tx_busy(conn->utx)) ||
	    (conn->urx && user_rx_busy(conn->urx)))
		return -EBUSY;
	walk_base(&p, &base);
	walk(&p, conn);
	err = wr_ok(&state) ? finish(conn->config, &state, flags, out) :
			      -ENOMEM;
	wr_free(&state);
	return err || wr_ok(out) ? err : -ENOMEM;
}

void conn_spend(struct ktls_conn *conn)
{
	conn->spent = true;
	conn->error = -KTLS_E_STATE;
	conn->rx_closed = false;
	conn_wipe(conn);
	user_tx_free(conn->utx);
	user_rx_free(conn->urx);
	conn->utx = NULL;
	conn->urx = NULL;
}

ssize_t ktls_conn_save(struct ktls_conn *conn, void *buf, size_t size,
		       unsigned int flags)
{
	struct wr w = { 0 };
	int err = conn_save(conn, flags, &w);
	size_t len = w.len;

	if (!err && len <= size) {
		memcpy(buf, w.buf, len);
		conn_spend(conn);
	}
	wr_free(&w);
	return err ? err : (ssize_t)len;
}

/* ---- loading ----------------------------------------------------------- */

static int keys13(const struct ktls_conn *conn, unsigned int direction,
		  struct traffic_keys *keys)
{
	struct secret secret;
	int err;

	conn_secret(conn, direction == KTLS_TX ? CONN_TX : CONN_RX, &secret);
	err = traffic_keys(conn->config->crypto, conn->suite, &secret, keys);
	wipe(&secret, sizeof(secret));
	return err;
}

static int keys12(const struct ktls_conn *conn, unsigned int direction,
		  struct traffic_keys *keys)
{
	bool client = (direction == KTLS_TX) ==
		      (conn->config->role == KTLS_CLIENT);
	struct key_block block;
	struct secret main;
	uint8_t randoms[64];
	int err;

	conn_secret(conn, CONN_EXPORTER, &main);
	conn_randoms(conn, randoms);
	err = key_block(conn->config->crypto, conn->suite, &main,
			(struct slice){ randoms, RANDOM_LEN },
			(struct slice){ randoms + RANDOM_LEN, RANDOM_LEN },
			&block);
	*keys = client ? block.client : block.server;
	wipe(&block, sizeof(block));
	wipe(&main, sizeof(main));
	return err;
}

/* What a direction encrypts with, out of what was saved */
static int keys_of(const struct ktls_conn *conn, unsigned int direction,
		   struct traffic_keys *keys)
{
	return conn->suite->version == KTLS_TLS13 ?
	       keys13(conn, direction, keys) : keys12(conn, direction, keys);
}

/* Does the config let the one who has the direction carry it? */
static bool path_fits(enum ktls_path path, bool kernel)
{
	return path == KTLS_PATH_PREFER_KERNEL ||
	       (path == KTLS_PATH_KERNEL) == kernel;
}

/* The kernel has said whether it is so: it is to be @wanted */
static int expect(int said, int wanted)
{
	if (said < 0)
		return said;
	return said == wanted ? 0 : -KTLS_E_CONN_SOCKET;
}

/* The keys that were saved must be those of the socket, or become ours */
static int take_direction(struct ktls_conn *conn, unsigned int direction)
{
	struct record *rec = conn_user_record(conn, direction);
	struct traffic_keys keys;
	int err = 0;

	if (!path_fits(direction == KTLS_TX ? conn->config->tx :
		       conn->config->rx, !rec))
		return -KTLS_E_CONN_SAVED;
	if (rec)
		err = expect(offload_has_keys(conn->fd, direction), 0);
	if (err)
		return err;
	err = keys_of(conn, direction, &keys);
	if (!err && rec) {
		uint64_t seq = rec->seq;

		err = record_set_key(rec, conn->config->crypto, conn->suite,
				     &keys, direction == KTLS_TX);
		rec->seq = seq;
	} else if (!err) {
		err = expect(offload_is(conn->fd, direction, conn->suite,
					&keys), 1);
	}
	wipe(&keys, sizeof(keys));
	return err;
}

/* One like @base, if it is of @config's role and this libcrypto can do it */
static void take_base(struct pack *p, const struct base *base,
		      struct ktls_config *config, int fd,
		      struct ktls_conn **out)
{
	const struct suite *suite = suite_find(base->suite);
	struct record rec = { .pad = config->padding };
	struct ktls_conn *conn;

	pack_check(p, base->role == config->role && suite &&
		   crypto_has_aead(config->crypto, suite->aead));
	if (p->bad)
		return;
	conn = conn_new(config, suite, fd);
	if (!conn || (base->utx && user_tx_new(&conn->utx, &rec)) ||
	    (base->urx && user_rx_new(&conn->urx, &(struct record){ 0 })))
		p->no_memory = true;
	*out = conn;
}

static int take_state(struct ktls_conn **out, struct ktls_config *config,
		      int fd, struct slice state)
{
	struct base base = { 0 };
	struct pack p;
	int err;

	pack_read(&p, state);
	walk_base(&p, &base);
	take_base(&p, &base, config, fd, out);
	if (!p.bad && !p.no_memory)
		walk(&p, *out);
	rd_end(&p.r);
	if (p.no_memory)
		return -ENOMEM;
	if (p.bad)
		return -KTLS_E_CONN_SAVED;
	err = take_direction(*out, KTLS_RX);
	return err ? err : take_direction(*out, KTLS_TX);
}

/* Out of its seal, or off its digest; @opened holds it in the former case */
static int unwrap(const struct ktls_config *cfg, struct slice *s,
		  unsigned int flags, struct wr *opened)
{
	uint8_t digest[HASH_MAX];
	bool old;
	int err;

	if (flags & KTLS_SAVE_SEALED) {
		if (!cfg->tickets)
			return -KTLS_E_STATE;
		if (!ticket_open(cfg->tickets, slice_str(what), *s, opened,
				 &old))
			return -KTLS_E_CONN_SAVED;
		*s = wr_content(opened);
		return 0;
	}
	if (s->len < DIGEST_LEN)
		return -KTLS_E_CONN_SAVED;
	s->len -= DIGEST_LEN;
	err = make_digest(cfg, *s, digest);
	if (err)
		return err;
	return secret_eq(digest, s->p + s->len, DIGEST_LEN) ? 0 :
	       -KTLS_E_CONN_SAVED;
}

int ktls_conn_load(struct ktls_conn **out, struct ktls_config *config, int fd,
		   const void *buf, size_t len, unsigned int flags)
{
	struct slice s = { buf, len };
	struct wr opened = { 0 };
	int err;

	*out = NULL;
	if (flags & ~KTLS_SAVE_SEALED)
		return -EINVAL;
	err = unwrap(config, &s, flags, &opened);
	if (!err)
		err = take_state(out, config, fd, s);
	wr_free(&opened);
	if (err) {
		ktls_conn_free(*out);
		*out = NULL;
	}
	return err;
}
