// SPDX-License-Identifier: MIT
/* libssl, for comparison */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"

static int step(SSL *ssl, double *t, bool *done)
{
	int n;

	HS_TIMED(*t, n = SSL_do_handshake(ssl));
	*done = n == 1;
	return n == 1 || SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ ?
	       0 : -1;
}

static int handshake(struct ssl_ends *s, struct hs_time *t, bool take)
{
	SSL *ssl[2];
	BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());
	SSL_SESSION *session = NULL;
	bool done[2] = { false, false };
	int err = 0;
	char c;

	HS_TIMED(t->client, ssl[0] = SSL_new(s->ctx[0]));
	HS_TIMED(t->server, ssl[1] = SSL_new(s->ctx[1]));
	BIO_up_ref(a);
	BIO_up_ref(b);
	/* once used, one of 1.3 is not good for another */
	if (s->resumes && s->session)
		session = SSL_SESSION_dup(s->session);
	SSL_set_bio(ssl[0], a, b);
	SSL_set_bio(ssl[1], b, a);
	HS_TIMED(t->client, {
		SSL_set_connect_state(ssl[0]);
		SSL_set_tlsext_host_name(ssl[0], "localhost");
		SSL_set1_host(ssl[0], "localhost");
		if (session)
			SSL_set_session(ssl[0], session);
	});
	HS_TIMED(t->server, SSL_set_accept_state(ssl[1]));
	while (!err && !(done[0] && done[1])) {
		err = done[0] ? 0 : step(ssl[0], &t->client, &done[0]);
		if (!err && !done[1])
			err = step(ssl[1], &t->server, &done[1]);
	}
	if (!err && take)	/* its tickets */
		SSL_read(ssl[0], &c, 1);
	if (!err && s->session && !take && !SSL_session_reused(ssl[1]))
		err = -1;
	if (err)
		fprintf(stderr, "libssl: handshake failed or not resumed: %s\n",
			ERR_reason_error_string(ERR_peek_error()));
	if (take) {
		SSL_set_shutdown(ssl[0], SSL_SENT_SHUTDOWN |
				 SSL_RECEIVED_SHUTDOWN);
		SSL_set_shutdown(ssl[1], SSL_SENT_SHUTDOWN |
				 SSL_RECEIVED_SHUTDOWN);
	}
	SSL_set_quiet_shutdown(ssl[0], 1);
	SSL_set_quiet_shutdown(ssl[1], 1);
	SSL_shutdown(ssl[0]);
	SSL_shutdown(ssl[1]);
	HS_TIMED(t->client, SSL_free(ssl[0]));
	HS_TIMED(t->server, SSL_free(ssl[1]));
	SSL_SESSION_free(session);
	return err;
}

static void ssl_end(void *state)
{
	ssl_ends_free(state);
}

static void *ssl_begin(const struct hs_case *c, const struct hs_pki *pki)
{
	struct ssl_ends *s = ssl_ends_new(c, pki);
	struct hs_time t = { 0 };

	if (!s)
		return NULL;
	if (c->resume == HS_FULL || !handshake(s, &t, true)) {
		s->resumes = c->resume != HS_FULL;
		return s;
	}
	ssl_ends_free(s);
	return NULL;
}

static int ssl_run(void *state, struct hs_time *t)
{
	return handshake(state, t, false);
}

const struct hs_impl hs_ssl = {
	.name = "libssl",
	.open = ssl_begin,
	.run = ssl_run,
	.close = ssl_end,
};
