// SPDX-License-Identifier: MIT
/* libssl, for comparison */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hs.h"

struct ssl {
	SSL_CTX *ctx[2];		/* client, server */
	SSL_SESSION *session;
	bool resumes;
};

static int load(SSL_CTX *ctx, const char *cert, const char *key)
{
	BIO *b = BIO_new_mem_buf(cert, -1), *k = BIO_new_mem_buf(key, -1);
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(k, NULL, NULL, NULL);
	int ok = SSL_CTX_use_certificate(ctx, x) == 1 &&
		 SSL_CTX_use_PrivateKey(ctx, pkey) == 1;

	X509_free(x);
	EVP_PKEY_free(pkey);
	BIO_free(b);
	BIO_free(k);
	return ok;
}

static void trust(SSL_CTX *ctx, const char *ca)
{
	BIO *b = BIO_new_mem_buf(ca, -1);
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x);
	X509_free(x);
	BIO_free(b);
}

static int take_session(SSL *ssl, SSL_SESSION *session)
{
	struct ssl *s = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(s->session);
	s->session = session;
	return 1;
}

static SSL_CTX *make(struct ssl *s, const struct hs_case *c, bool server,
		     const struct hs_pki *pki)
{
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() :
					    TLS_client_method());
	bool ok = SSL_CTX_set_min_proto_version(ctx, c->version) &&
		  SSL_CTX_set_max_proto_version(ctx, c->version) &&
		  SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") &&
		  SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:"
					  "ECDHE-RSA-AES128-GCM-SHA256") &&
		  SSL_CTX_set1_groups_list(ctx, c->group);

	SSL_CTX_set_app_data(ctx, s);
	SSL_CTX_set_num_tickets(ctx, c->resume == HS_TICKET);
	SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"b", 1);
	if (c->resume != HS_TICKET)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, c->resume == HS_FULL ?
		SSL_SESS_CACHE_OFF : server ? SSL_SESS_CACHE_SERVER :
		SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	if (!server)
		SSL_CTX_sess_set_new_cb(ctx, take_session);
	if (server || c->mutual)
		ok = ok && load(ctx, server ? pki->cert : pki->client_cert,
				server ? pki->key : pki->client_key);
	trust(ctx, pki->ca);
	if (!server || c->mutual)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
				   SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (ok)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static int step(SSL *ssl, double *t, bool *done)
{
	int n;

	HS_TIMED(*t, n = SSL_do_handshake(ssl));
	*done = n == 1;
	return n == 1 || SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ ?
	       0 : -1;
}

static int handshake(struct ssl *s, struct hs_time *t, bool take)
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
	struct ssl *s = state;

	SSL_SESSION_free(s->session);
	SSL_CTX_free(s->ctx[0]);
	SSL_CTX_free(s->ctx[1]);
	free(s);
}

static void *ssl_begin(const struct hs_case *c, const struct hs_pki *pki)
{
	struct ssl *s = calloc(1, sizeof(*s));
	struct hs_time t = { 0 };

	s->ctx[0] = make(s, c, false, pki);
	s->ctx[1] = make(s, c, true, pki);
	if (s->ctx[0] && s->ctx[1] &&
	    (c->resume == HS_FULL || !handshake(s, &t, true))) {
		s->resumes = c->resume != HS_FULL;
		return s;
	}
	ssl_end(s);
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
