// SPDX-License-Identifier: GPL-2.0-only
/* An end of libssl, as a side wants it */
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "../harness.h"
#include "../peer.h"
#include "fuzz_party.h"

#define TICKETS		2	/* as many as ours gives */

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

/* ---- options ----------------------------------------------------------- */

/* What KTLS_F_STRICT_NAME is */
static int take_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)arg;
	if (!name ||
	    X509_check_host(SSL_get_certificate(ssl), name, 0, 0, NULL) == 1)
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void set_ctx(struct party *p, SSL_CTX *ctx)
{
	if (!p->server)
		return;
	if (p->side->strict_name)
		SSL_CTX_set_tlsext_servername_callback(ctx, take_name);
	if (!p->side->early)
		return;
	ASSERT_EQ(SSL_CTX_set_max_early_data(ctx, EARLY_TAKEN), 1);
	ASSERT_EQ(SSL_CTX_set_recv_max_early_data(ctx, EARLY_TAKEN), 1);
}

static uint8_t fragment_mode(unsigned int max)
{
	uint8_t mode = TLSEXT_max_fragment_length_DISABLED;

	while (max && 256u << mode < max)
		mode++;
	return mode;
}

/*
 * What its context does not have.  To libssl, tickets of 1.3 that it is not to
 * have are those that it keeps itself: it is told to give none.
 */
static void set_ssl(const struct party *p, SSL *ssl)
{
	const struct side *s = p->side;

	ASSERT_EQ(SSL_set_fd(ssl, p->fd), 1);
	ASSERT_EQ(SSL_set_min_proto_version(ssl, s->min), 1);
	ASSERT_EQ(SSL_set_max_proto_version(ssl, s->max), 1);
	ASSERT_EQ(SSL_set_cipher_list(ssl, s->suites12[SSLS]), 1);
	ASSERT_EQ(SSL_set_session_id_context(ssl, (const uint8_t *)"d", 1), 1);
	if (!s->client_order)
		SSL_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (s->no_ems)
		SSL_set_options(ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (s->no_tickets) {
		SSL_set_options(ssl, SSL_OP_NO_TICKET);
		ASSERT_EQ(SSL_set_num_tickets(ssl, 0), 1);
	}
	if (s->max_fragment)
		ASSERT_EQ(SSL_set_tlsext_max_fragment_length(ssl,
				fragment_mode(s->max_fragment)), 1);
}

static bool begin(struct party *p)
{
	const struct side *s = p->side;

	p->end = ssl_end_new(&(struct ssl_opts){
		.server = p->server, .cert = s->cert,
		.verify = s->verify != KTLS_VERIFY_NONE,
		.require = p->server && s->verify == KTLS_VERIFY_REQUIRE,
		.ciphers = s->suites13[SSLS], .groups = s->groups[SSLS],
		.sigalgs = or_null(s->sigalgs[SSLS]),
		.alpn = or_null(s->alpn[SSLS]), .tickets = TICKETS,
	});
	set_ctx(p, SSL_get_SSL_CTX(ssl_end_ssl(p->end)));
	return true;
}

static void end(struct party *p)
{
	ssl_end_free(p->end);
}

/* ---- connections ------------------------------------------------------- */

/* That of the last connection, which a client offers again; NULL: none */
static SSL_SESSION *session_of(const struct party *p, SSL *ssl)
{
	if (p->server || (p->side->no_tickets &&
			  SSL_version(ssl) == KTLS_TLS13))
		return NULL;
	return SSL_get1_session(ssl);
}

static void send_early(SSL *ssl, const SSL_SESSION *session)
{
	size_t n;

	if (!session || !SSL_SESSION_get_max_early_data(session))
		return;
	ASSERT_EQ(SSL_write_early_data(ssl, early_bytes, EARLY_SENT, &n), 1);
	ASSERT_EQ(n, EARLY_SENT);
}

static void next(struct party *p)
{
	SSL *ssl = ssl_end_ssl(p->end);
	SSL_SESSION *session = session_of(p, ssl);

	/* else it forgets the session of a connection that was cut */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	ssl_end_again(p->end, p->side->name);
	ssl = ssl_end_ssl(p->end);
	set_ssl(p, ssl);
	if (session)
		ASSERT_EQ(SSL_set_session(ssl, session), 1);
	p->early_over = !p->server || !p->side->early;
	if (!p->server && p->side->early)
		send_early(ssl, session);
	SSL_SESSION_free(session);
}

/* 1: there is no more of it */
static int take_early(struct party *p, SSL *ssl)
{
	int how;

	do {
		size_t n = 0;

		how = SSL_read_early_data(ssl, p->early + p->early_len,
					  EARLY_TAKEN - p->early_len, &n);
		p->early_len += n;
	} while (how == SSL_READ_EARLY_DATA_SUCCESS);
	p->early_over = how == SSL_READ_EARLY_DATA_FINISH;
	return p->early_over ? 1 : -1;
}

/* The first error of the queue is the cause, what follows are its callers */
static void keep_error(struct party *p, SSL *ssl)
{
	long verify = SSL_get_verify_result(ssl);
	char text[160];

	ERR_error_string_n(ERR_peek_error(), text, sizeof(text));
	snprintf(p->why, sizeof(p->why), "%s (%s)", text,
		 X509_verify_cert_error_string(verify));
	ERR_clear_error();
}

static int step(struct party *p)
{
	SSL *ssl = ssl_end_ssl(p->end);
	int ret = 1;

	ERR_clear_error();
	if (!p->early_over)
		ret = take_early(p, ssl);
	if (ret == 1)
		ret = SSL_do_handshake(ssl);
	p->state = ret == 1;
	if (ret != 1 && SSL_get_error(ssl, ret) != SSL_ERROR_WANT_READ) {
		p->state = -1;
		keep_error(p, ssl);
	}
	return p->state;
}

/* ---- what came of it --------------------------------------------------- */

static void outcome(const struct party *p, struct outcome *o)
{
	static const enum ktls_early early[] = {
		[SSL_EARLY_DATA_NOT_SENT] = KTLS_EARLY_NONE,
		[SSL_EARLY_DATA_REJECTED] = KTLS_EARLY_REJECTED,
		[SSL_EARLY_DATA_ACCEPTED] = KTLS_EARLY_ACCEPTED,
	};
	SSL *ssl = ssl_end_ssl(p->end);
	unsigned int alpn_len, mode = SSL_SESSION_get_max_fragment_length(
						SSL_get_session(ssl));
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const unsigned char *alpn;

	o->version = (uint16_t)SSL_version(ssl);
	o->resumed = SSL_session_reused(ssl);
	o->ems = SSL_get_extms_support(ssl) == 1;
	o->tx_record = o->rx_record = (uint16_t)(mode ? 256u << mode : 16384);
	o->early = early[SSL_get_early_data_status(ssl)];
	o->early_len = p->early_len;
	snprintf(o->suite, sizeof(o->suite), "%s",
		 SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl)));
	snprintf(o->group, sizeof(o->group), "%s",
		 SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl)));
	SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
	snprintf(o->alpn, sizeof(o->alpn), "%.*s", (int)alpn_len, alpn);
	snprintf(o->name, sizeof(o->name), "%s", name ? name : "");
}

/* ---- data -------------------------------------------------------------- */

static bool send_all(struct party *p, const void *buf, size_t len)
{
	SSL *ssl = ssl_end_ssl(p->end);

	ERR_clear_error();
	if (SSL_write(ssl, buf, (int)len) == (int)len)
		return true;
	keep_error(p, ssl);
	return false;
}

static bool recv_all(struct party *p, void *buf, size_t len)
{
	SSL *ssl = ssl_end_ssl(p->end);
	size_t at = 0;
	int n = 1;

	ERR_clear_error();
	while (at < len && n > 0) {
		n = SSL_read(ssl, (uint8_t *)buf + at, (int)(len - at));
		if (n > 0)
			at += (size_t)n;
	}
	if (at < len)
		keep_error(p, ssl);
	return at == len;
}

const struct party_ops party_libssl = {
	.begin = begin, .end = end, .next = next, .step = step,
	.outcome = outcome, .send = send_all, .recv = recv_all,
};
