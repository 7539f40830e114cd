// SPDX-License-Identifier: MIT
/* A connection as bytes, from which another process goes on with it */
#include "auth_post.h"
#include "conn_walk.h"

#include <errno.h>
#include <string.h>

#include "offload.h"
#include "sched12.h"
#include "ticket.h"

#define DIGEST_LEN	32

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
	struct conn_base base = {
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
	conn_walk_base(&p, &base);
	conn_walk(&p, conn);
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
static void take_base(struct pack *p, const struct conn_base *base,
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
	struct conn_base base = { 0 };
	struct pack p;
	int err;

	pack_read(&p, state);
	conn_walk_base(&p, &base);
	take_base(&p, &base, config, fd, out);
	if (!p.bad && !p.no_memory)
		conn_walk(&p, *out);
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
