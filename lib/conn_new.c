// SPDX-License-Identifier: MIT
/* What an established connection has: its memory, secrets and names */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth_post.h"
#include "vault.h"

/* ---- birth and death --------------------------------------------------- */

static size_t secret_len(const struct suite *suite)
{
	return hash_rows[suite->hash].len;
}

/* What only the version has */
static size_t own_size(const struct suite *suite)
{
	return suite->version == KTLS_TLS12 ? sizeof(struct conn12) :
	       CONN_SECRETS * secret_len(suite);
}

size_t conn_size(const struct suite *suite)
{
	return sizeof(struct ktls_conn) + own_size(suite);
}

struct ktls_conn *conn_new(struct ktls_config *config,
			   const struct suite *suite, int fd)
{
	struct ktls_conn *conn = vault_alloc(conn_size(suite));

	if (!conn)
		return NULL;
	conn->config = ktls_config_get(config);
	conn->suite = suite;
	conn->fd = fd;
	return conn;
}

static void free_talk(struct ktls_conn *conn)
{
	if (!conn->talk)
		return;
	frag_free(&conn->talk->frag);
	wr_free(&conn->talk->msgs);
	free(conn->talk);
	conn->talk = NULL;
}

void conn_wipe(struct ktls_conn *conn)
{
	free_talk(conn);
	post_free(conn->post);
	conn->post = NULL;
	conn->resumable = false;
	wipe(conn->own, own_size(conn->suite));
}

void ktls_conn_free(struct ktls_conn *conn)
{
	if (!conn)
		return;
	user_tx_free(conn->utx);
	user_rx_free(conn->urx);
	conn_free_early(conn);
	free_talk(conn);
	post_free(conn->post);
	free(conn->names);
	ktls_config_put(conn->config);
	vault_free(conn, conn_size(conn->suite));
}

/* ---- secrets ----------------------------------------------------------- */

struct conn12 *conn_tls12(struct ktls_conn *conn)
{
	return (struct conn12 *)conn->own;
}

void conn_secret(const struct ktls_conn *conn, enum conn_secret which,
		 struct secret *out)
{
	size_t len = secret_len(conn->suite);

	*out = (struct secret){ 0 };
	if (conn->suite->version == KTLS_TLS12) {
		if (which == CONN_EXPORTER)
			*out = ((const struct conn12 *)conn->own)->main;
		return;
	}
	if (which == CONN_RESUMPTION && !conn->resumable)
		return;
	memcpy(out->b, conn->own + which * len, len);
	out->len = (uint8_t)len;
}

void conn_set_secret(struct ktls_conn *conn, enum conn_secret which,
		     const struct secret *secret)
{
	if (conn->suite->version == KTLS_TLS12) {
		if (which == CONN_EXPORTER)
			conn_tls12(conn)->main = *secret;
		return;
	}
	if (which == CONN_RESUMPTION)
		conn->resumable = secret->len;
	memcpy(conn->own + which * secret_len(conn->suite), secret->b,
	       secret->len);
}

void conn_randoms(const struct ktls_conn *conn, uint8_t out[64])
{
	const struct conn12 *c = (const struct conn12 *)conn->own;

	memset(out, 0, 64);
	memcpy(out, conn->client_random, 32);
	if (conn->suite->version == KTLS_TLS12)
		memcpy(out + 32, c->server_random, 32);
}

/* ---- names ------------------------------------------------------------- */

const char *conn_names(const struct ktls_conn *conn)
{
	static const char none[CONN_NAMES];

	return conn->names ? conn->names : none;
}

const char *conn_peer_name(const struct ktls_conn *conn)
{
	const char *p = conn_names(conn);

	for (size_t i = 0; i < CONN_NAMES - 1; i++)
		p += strlen(p) + 1;
	return p;
}

int conn_set_names(struct ktls_conn *conn, const struct ktls_info *info,
		   const char *peer_name)
{
	const char *from[CONN_NAMES] = {
		info->alpn, info->server_name, info->peer_subject,
		info->user_principal, info->user_domain, peer_name,
	};
	size_t len = 0;
	char *p = NULL;

	for (size_t i = 0; i < CONN_NAMES; i++)
		len += strlen(from[i]) + 1;
	if (len > CONN_NAMES) {
		p = malloc(len);
		if (!p)
			return -ENOMEM;
	}
	free(conn->names);
	conn->names = p;
	for (size_t i = 0; i < CONN_NAMES && p; i++)
		p = stpcpy(p, from[i]) + 1;
	return 0;
}

/* ---- what is being said ------------------------------------------------ */

struct conn_talk *conn_talk(struct ktls_conn *conn)
{
	if (!conn->talk)
		conn->talk = calloc(1, sizeof(*conn->talk));
	return conn->talk;
}

void conn_talked(struct ktls_conn *conn)
{
	if (!conn_hearing(conn) && !conn_saying(conn))
		free_talk(conn);
}
