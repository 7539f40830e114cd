// SPDX-License-Identifier: GPL-2.0-only
/* libssl as the other end */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "harness.h"

struct ssl_end {
	SSL_CTX *ctx;
	SSL *ssl;
	bool failed;
	int alert_received, alert_sent;
	char error[256];
	unsigned char alpn[256];
	unsigned int alpn_len;
};

/* "h2,http/1.1" as it goes on the wire */
static void alpn_wire(struct ssl_end *end, const char *list)
{
	while (list && *list) {
		size_t len = strcspn(list, ",");

		ASSERT_LT(end->alpn_len + 1 + len, sizeof(end->alpn));
		end->alpn[end->alpn_len++] = (unsigned char)len;
		memcpy(end->alpn + end->alpn_len, list, len);
		end->alpn_len += (unsigned int)len;
		list += len + (list[len] == ',');
	}
}

static int alpn_select(SSL *ssl, const unsigned char **out,
		       unsigned char *out_len, const unsigned char *in,
		       unsigned int in_len, void *arg)
{
	struct ssl_end *end = arg;
	unsigned char *p;

	(void)ssl;
	if (SSL_select_next_proto(&p, out_len, end->alpn, end->alpn_len, in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = p;
	return SSL_TLSEXT_ERR_OK;
}

static void set_cert(SSL_CTX *ctx, const char *name)
{
	ASSERT_EQ(SSL_CTX_use_certificate_chain_file(ctx, pki(name)), 1);
	ASSERT_EQ(SSL_CTX_use_PrivateKey_file(ctx, pki_key(name),
					      SSL_FILETYPE_PEM), 1);
}

static void set_ctx(struct ssl_end *end, const struct ssl_opts *o)
{
	SSL_CTX *ctx = end->ctx;
	int mode = SSL_VERIFY_NONE;

	/* what is too weak is for the end under test to find out */
	SSL_CTX_set_security_level(ctx, 0);
	if (o->cert)
		set_cert(ctx, o->cert);
	if (o->verify || o->require)
		mode = SSL_VERIFY_PEER;
	if (o->require)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	ASSERT_EQ(SSL_CTX_load_verify_locations(ctx, pki("ca"), NULL), 1);
	if (o->ciphers)
		ASSERT_EQ(SSL_CTX_set_ciphersuites(ctx, o->ciphers), 1);
	if (o->groups)
		ASSERT_EQ(SSL_CTX_set1_groups_list(ctx, o->groups), 1);
	if (o->sigalgs)
		ASSERT_EQ(SSL_CTX_set1_sigalgs_list(ctx, o->sigalgs), 1);
	if (o->middlebox_off)
		SSL_CTX_clear_options(ctx, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	alpn_wire(end, o->alpn);
	if (o->server && o->alpn)
		SSL_CTX_set_alpn_select_cb(ctx, alpn_select, end);
	else if (o->alpn)	/* 0 is success */
		ASSERT_EQ(SSL_CTX_set_alpn_protos(ctx, end->alpn,
						  end->alpn_len), 0);
	if (o->server)
		ASSERT_EQ(SSL_CTX_set_num_tickets(ctx, o->tickets), 1);
}

static void set_name(SSL *ssl, const char *name)
{
	unsigned char ip[16];

	if (inet_pton(AF_INET, name, ip) == 1 ||
	    inet_pton(AF_INET6, name, ip) == 1) {
		ASSERT_EQ(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
							name), 1);
		return;
	}
	ASSERT_EQ(SSL_set_tlsext_host_name(ssl, name), 1);
	ASSERT_EQ(SSL_set1_host(ssl, name), 1);
}

static void note_alert(const SSL *ssl, int where, int value)
{
	struct ssl_end *end = SSL_get_app_data(ssl);

	if (where & SSL_CB_ALERT && where & SSL_CB_READ)
		end->alert_received = value & 0xff;
	else if (where & SSL_CB_ALERT)
		end->alert_sent = value & 0xff;
}

/* A connection of its context */
static void new_ssl(struct ssl_end *end, bool server, const char *name)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	ASSERT_TRUE(in && out);
	end->ssl = SSL_new(end->ctx);
	ASSERT_TRUE(end->ssl);
	SSL_set_bio(end->ssl, in, out);
	end->alert_received = end->alert_sent = KTLS_ALERT_NONE;
	ASSERT_EQ(SSL_set_app_data(end->ssl, end), 1);
	SSL_set_info_callback(end->ssl, note_alert);
	if (server)
		SSL_set_accept_state(end->ssl);
	else
		SSL_set_connect_state(end->ssl);
	if (name)
		set_name(end->ssl, name);
}

struct ssl_end *ssl_end_new(const struct ssl_opts *opts)
{
	struct ssl_end *end = calloc(1, sizeof(*end));

	ASSERT_TRUE(end);
	end->ctx = SSL_CTX_new(TLS_method());
	ASSERT_TRUE(end->ctx);
	set_ctx(end, opts);
	new_ssl(end, opts->server, opts->name);
	return end;
}

void ssl_end_again(struct ssl_end *end, const char *name)
{
	bool server = SSL_is_server(end->ssl);

	SSL_free(end->ssl);
	end->failed = false;
	end->error[0] = 0;
	new_ssl(end, server, name);
}

void ssl_end_free(struct ssl_end *end)
{
	if (!end)
		return;
	SSL_free(end->ssl);
	SSL_CTX_free(end->ctx);
	free(end);
}

/* The first error of the queue is the cause, what follows are its callers */
static void keep_error(struct ssl_end *end)
{
	long verify = SSL_get_verify_result(end->ssl);
	unsigned long code = ERR_peek_error();
	size_t n;

	end->failed = true;
	ERR_error_string_n(code, end->error, sizeof(end->error));
	n = strlen(end->error);
	if (verify != X509_V_OK)
		snprintf(end->error + n, sizeof(end->error) - n, " (%s)",
			 X509_verify_cert_error_string(verify));
	ERR_clear_error();
}

/* 1: finished, 0: wants bytes, -1: failed */
static int step(struct ssl_end *end)
{
	int ret, why;

	if (end->failed)
		return -1;
	if (SSL_is_init_finished(end->ssl))
		return 1;
	ERR_clear_error();
	ret = SSL_do_handshake(end->ssl);
	if (ret == 1)
		return 1;
	why = SSL_get_error(end->ssl, ret);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return 0;
	keep_error(end);
	return -1;
}

static size_t to_hs(struct ssl_end *end, struct ktls_hs *hs, size_t max)
{
	size_t moved = 0;

	while (moved < max) {
		BIO *bio = SSL_get_wbio(end->ssl);
		size_t room, ready = BIO_ctrl_pending(bio);
		void *in = ready ? ktls_hs_in(hs, &room) : NULL;
		int err;

		if (!in)
			break;
		if (ready > room)
			ready = room;
		if (ready > max - moved)
			ready = max - moved;
		ASSERT_EQ(BIO_read(bio, in, (int)ready), ready);
		moved += ready;
		/* kept in @hs */
		err = ktls_hs_received(hs, ready);
		ASSERT_EQ(err, ktls_hs_error(hs));
	}
	return moved;
}

static size_t from_hs(struct ssl_end *end, struct ktls_hs *hs, size_t max)
{
	size_t len;
	const void *p = ktls_hs_out(hs, &len);

	if (!p)
		return 0;
	if (len > max)
		len = max;
	ASSERT_EQ(BIO_write(SSL_get_rbio(end->ssl), p, (int)len), len);
	ktls_hs_sent(hs, len);
	return len;
}

/*
 * An alert for a client that has finished is read with its data only, which
 * is how libssl comes to know of it.
 */
static void look_for_alert(struct ssl_end *end)
{
	char byte;
	int ret;

	if (end->failed || !BIO_ctrl_pending(SSL_get_rbio(end->ssl)))
		return;
	ERR_clear_error();
	ret = SSL_peek(end->ssl, &byte, 1);
	if (ret <= 0 && SSL_get_error(end->ssl, ret) != SSL_ERROR_WANT_READ)
		keep_error(end);
}

int ssl_pump(struct ssl_end *end, struct ktls_hs *hs, size_t max)
{
	int first = 0, ssl;
	size_t moved;

	if (!max)
		max = SIZE_MAX;
	do {
		ssl = step(end);
		if (!first && ssl < 0)
			first = -EPROTO;
		moved = to_hs(end, hs, max);
		if (!first)
			first = ktls_hs_error(hs);
		moved += from_hs(end, hs, max);
	} while (moved);
	look_for_alert(end);
	if (!first && (ktls_hs_wants(hs) != KTLS_WANT_DONE || ssl != 1))
		return -EDEADLK;
	return first;
}

const char *ssl_end_error(struct ssl_end *end)
{
	return end->error;
}

int ssl_end_alert_received(const struct ssl_end *end)
{
	return end->alert_received;
}

int ssl_end_alert_sent(const struct ssl_end *end)
{
	return end->alert_sent;
}

void *ssl_end_ssl(struct ssl_end *end)
{
	return end->ssl;
}

int ssl_end_run(struct ssl_end *end, int fd)
{
	/* libssl writes with write(2) */
	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(SSL_set_fd(end->ssl, fd), 1);
	return step(end) == 1 ? 0 : -EPROTO;
}
