// SPDX-License-Identifier: MIT
/*
 * Keying material for the application: RFC 9846 7.5, 5705, and as channel
 * binding RFC 9266.
 */
#include <errno.h>
#include <string.h>

#include "conn.h"
#include "hs.h"

/* What it is made of, on a connection or at the end of a handshake */
struct source {
	const struct crypto *crypto;
	const struct suite *suite;
	struct secret secret;
	uint8_t randoms[2 * RANDOM_LEN];	/* 1.2: client's, server's */
	bool unique;			/* no other connection has it */
};

static struct source of_conn(const struct ktls_conn *conn)
{
	struct source s = {
		.crypto = conn->config->crypto,
		.suite = conn->suite,
		.unique = conn->suite->version >= KTLS_TLS13 ||
			  (conn->ems && !conn->renegotiated),
	};

	conn_secret(conn, CONN_EXPORTER, &s.secret);
	conn_randoms(conn, s.randoms);
	return s;
}

static struct source of_hs(const struct ktls_hs *hs)
{
	bool old = hs->suite->version == KTLS_TLS12;
	struct source s = {
		.crypto = hs->config->crypto,
		.suite = hs->suite,
		.secret = old ? hs->tls12.master : hs->exporter,
		.unique = !old || (hs->info.ems && !hs->info.renegotiated),
	};

	memcpy(s.randoms, hs->client_random, RANDOM_LEN);
	memcpy(s.randoms + RANDOM_LEN, hs->tls12.server_random, RANDOM_LEN);
	return s;
}

#define LABEL_MAX	249	/* with "tls13 " before it, 9846 7.1 */
#define CONTEXT_MAX	65535	/* RFC 5705 4 */

static int export(const struct source *s, const char *label,
		  const void *context, size_t context_len, void *out,
		  size_t len)
{
	struct slice c = { context, context_len };

	if (len > 255u * hash_rows[s->suite->hash].len ||
	    strlen(label) > LABEL_MAX)
		return -EINVAL;
	if (s->suite->version >= KTLS_TLS13)
		return exporter(s->crypto, s->suite->hash, &s->secret, label, c,
				out, len);
	if (context_len > CONTEXT_MAX)
		return -EINVAL;
	return exporter12(s->crypto, s->suite->hash, &s->secret, s->randoms,
			  label, c, out, len);
}

/* RFC 9266 2; 3 and 4.2: not where another connection may have the same */
static int binding(const struct source *s, uint8_t out[KTLS_BINDING_SIZE])
{
	if (!s->unique)
		return -KTLS_E_NO_BINDING;
	return export(s, "EXPORTER-Channel-Binding", "", 0, out,
		      KTLS_BINDING_SIZE);
}

int ktls_conn_export(const struct ktls_conn *conn, const char *label,
		     const void *context, size_t context_len,
		     void *out, size_t len)
{
	struct source s;
	int err;

	if (conn->error)
		return conn->error;
	s = of_conn(conn);
	err = export(&s, label, context, context_len, out, len);
	wipe(&s, sizeof(s));
	return err;
}

int ktls_conn_binding(const struct ktls_conn *conn,
		      uint8_t out[KTLS_BINDING_SIZE])
{
	struct source s;
	int err;

	if (conn->error)
		return conn->error;
	s = of_conn(conn);
	err = binding(&s, out);
	wipe(&s, sizeof(s));
	return err;
}

/* Done, and the peer's Finished seen: before it nobody is at the other end */
static int check_done(const struct ktls_hs *hs)
{
	if (hs->error)
		return hs->error;
	return hs->state == HS_DONE ? 0 : -KTLS_E_STATE;
}

int ktls_hs_export(const struct ktls_hs *hs, const char *label,
		   const void *context, size_t context_len, void *out,
		   size_t len)
{
	int err = check_done(hs);
	struct source s;

	if (err)
		return err;
	s = of_hs(hs);
	err = export(&s, label, context, context_len, out, len);
	wipe(&s, sizeof(s));
	return err;
}

int ktls_hs_binding(const struct ktls_hs *hs, uint8_t out[KTLS_BINDING_SIZE])
{
	int err = check_done(hs);
	struct source s;

	if (err)
		return err;
	s = of_hs(hs);
	err = binding(&s, out);
	wipe(&s, sizeof(s));
	return err;
}
