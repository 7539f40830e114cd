// SPDX-License-Identifier: MIT
/*
 * libssl, for comparison: with buffers released while there is nothing in them,
 * and kernel TLS where the kernel has it.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cn.h"
#include "ends.h"

/* ---- both ends, here and in memory --------------------------------------- */

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
	struct ssl_ends *s = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(s->session);
	s->session = session;
	return 1;
}

static void set_sessions(struct ssl_ends *s, SSL_CTX *ctx,
			 const struct hs_case *c, bool server)
{
	SSL_CTX_set_app_data(ctx, s);
	SSL_CTX_set_num_tickets(ctx, c->resume == HS_TICKET);
	SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"b", 1);
	if (c->resume != HS_TICKET)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, c->resume == HS_FULL ?
		SSL_SESS_CACHE_OFF : server ? SSL_SESS_CACHE_SERVER :
		SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	if (!server && c->resume != HS_FULL)
		SSL_CTX_sess_set_new_cb(ctx, take_session);
}

static SSL_CTX *make(struct ssl_ends *s, const struct hs_case *c, bool server,
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

	set_sessions(s, ctx, c, server);
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

struct ssl_ends *ssl_ends_new(const struct hs_case *c,
			      const struct hs_pki *pki)
{
	struct ssl_ends *s = calloc(1, sizeof(*s));

	s->ctx[0] = make(s, c, false, pki);
	s->ctx[1] = make(s, c, true, pki);
	if (s->ctx[0] && s->ctx[1])
		return s;
	ssl_ends_free(s);
	return NULL;
}

void ssl_ends_free(struct ssl_ends *s)
{
	SSL_SESSION_free(s->session);
	SSL_CTX_free(s->ctx[0]);
	SSL_CTX_free(s->ctx[1]);
	free(s);
}

/* ---- connections --------------------------------------------------------- */

static void *ssl_open(const struct hs_case *c, const struct hs_pki *pki)
{
	struct ssl_ends *s = ssl_ends_new(c, pki);

	if (!s) {
		fprintf(stderr, "libssl: %s: not with this one\n", c->name);
		return NULL;
	}
	s->resumes = c->resume != HS_FULL;
	for (int i = 0; i < 2; i++) {
		SSL_CTX_set_mode(s->ctx[i], SSL_MODE_RELEASE_BUFFERS |
				 SSL_MODE_ENABLE_PARTIAL_WRITE |
				 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		if (!c->user)
			SSL_CTX_set_options(s->ctx[i], SSL_OP_ENABLE_KTLS);
	}
	return s;
}

static void ssl_close(void *shared)
{
	ssl_ends_free(shared);
}

static int fail(void)
{
	const char *why = ERR_reason_error_string(ERR_peek_error());

	fprintf(stderr, "libssl: %s\n", why ? why : "failed");
	ERR_clear_error();
	return -1;
}

static int ssl_begin(void *shared, struct cn_end *end)
{
	struct ssl_ends *s = shared;
	SSL *ssl = SSL_new(s->ctx[end->server]);

	end->hs = ssl;
	end->conn = NULL;
	if (!ssl || !SSL_set_fd(ssl, end->fd))
		return fail();
	if (end->server) {
		SSL_set_accept_state(ssl);
		return 0;
	}
	SSL_set_connect_state(ssl);
	SSL_set_tlsext_host_name(ssl, "localhost");
	SSL_set1_host(ssl, "localhost");
	if (s->resumes && s->session)
		SSL_set_session(ssl, s->session);
	return 0;
}

static int ssl_step(struct cn_end *end)
{
	int n = SSL_do_handshake(end->hs);
	int why = SSL_get_error(end->hs, n);

	if (n == 1)
		return 1;
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ?
	       0 : fail();
}

static int ssl_establish(struct cn_end *end)
{
	(void)end;
	return 0;
}

static bool ssl_resumed(const struct cn_end *end)
{
	return SSL_session_reused(end->hs);
}

static unsigned int ssl_kernel(const struct cn_end *end)
{
	bool tx = BIO_get_ktls_send(SSL_get_wbio(end->hs)) > 0;
	bool rx = BIO_get_ktls_recv(SSL_get_rbio(end->hs)) > 0;

	return (tx ? CN_TX : 0) | (rx ? CN_RX : 0);
}

static int ssl_put(struct cn_end *end)
{
	return SSL_write(end->hs, "x", 1) == 1 ? 0 : fail();
}

static int ssl_get(struct cn_end *end)
{
	char c;

	return SSL_read(end->hs, &c, 1) == 1 ? 0 : fail();
}

static ssize_t result(struct cn_end *end, int ok, ssize_t n)
{
	int why = ok > 0 ? SSL_ERROR_NONE : SSL_get_error(end->hs, ok);

	if (ok > 0)
		return n;
	if (why == SSL_ERROR_ZERO_RETURN)
		return 0;
	errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ?
		EAGAIN : EPROTO;
	return -1;
}

static ssize_t ssl_send(struct cn_end *end, const void *buf, size_t len)
{
	size_t n = 0;
	int ok = SSL_write_ex(end->hs, buf, len, &n);

	return result(end, ok, (ssize_t)n);
}

static ssize_t ssl_recv(struct cn_end *end, void *buf, size_t len)
{
	size_t n = 0;
	int ok = SSL_read_ex(end->hs, buf, len, &n);

	return result(end, ok, (ssize_t)n);
}

/* As who uses it would: by the kernel, or through a buffer */
static ssize_t ssl_sendfile(struct cn_end *end, int file, off_t at, size_t len)
{
	static char buf[65536];
	ssize_t n;

	if (ssl_kernel(end) & CN_TX) {
		n = SSL_sendfile(end->hs, file, at, len, 0);
		return result(end, n > 0, n);
	}
	n = pread(file, buf, len < sizeof(buf) ? len : sizeof(buf), at);
	return n > 0 ? ssl_send(end, buf, (size_t)n) : n;
}

/* As after close_notify, without which no session is to be resumed */
static void ssl_end(struct cn_end *end)
{
	if (end->hs)
		SSL_set_shutdown(end->hs, SSL_SENT_SHUTDOWN |
				 SSL_RECEIVED_SHUTDOWN);
	SSL_free(end->hs);
	end->hs = NULL;
}

const struct cn_impl cn_ssl = {
	.name = "libssl",
	.open = ssl_open,
	.close = ssl_close,
	.begin = ssl_begin,
	.step = ssl_step,
	.establish = ssl_establish,
	.resumed = ssl_resumed,
	.kernel = ssl_kernel,
	.put = ssl_put,
	.get = ssl_get,
	.send = ssl_send,
	.recv = ssl_recv,
	.sendfile = ssl_sendfile,
	.end = ssl_end,
};
