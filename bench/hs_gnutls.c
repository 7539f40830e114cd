// SPDX-License-Identifier: MIT
/* GnuTLS, for comparison, where the machine has it */
#include "hs.h"

#ifdef HAVE_GNUTLS
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one end has sent, and the other not yet read */
struct way {
	size_t at, len;
	uint8_t b[32768];
};

struct gnutls {
	const struct hs_case *c;
	gnutls_certificate_credentials_t cred[2];	/* client, server */
	gnutls_priority_t priority;
	gnutls_datum_t ticket_key;
	gnutls_datum_t session;		/* the client's */
	gnutls_datum_t kept;		/* the server's one session by id */
	struct way way[2];		/* to client, to server */
};

/* ---- wire and session store -------------------------------------------- */

struct port {
	struct way *in, *out;
};

static ssize_t push(gnutls_transport_ptr_t ptr, const void *p, size_t len)
{
	struct way *w = ((struct port *)ptr)->out;

	if (len > sizeof(w->b) - w->len)
		return -1;
	memcpy(w->b + w->len, p, len);
	w->len += len;
	return (ssize_t)len;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *p, size_t len)
{
	struct way *w = ((struct port *)ptr)->in;

	if (w->at == w->len) {
		w->at = w->len = 0;
		errno = EAGAIN;
		return -1;
	}
	if (len > w->len - w->at)
		len = w->len - w->at;
	memcpy(p, w->b + w->at, len);
	w->at += len;
	return (ssize_t)len;
}

static int keep(void *ptr, gnutls_datum_t key, gnutls_datum_t data)
{
	struct gnutls *g = ptr;

	(void)key;
	gnutls_free(g->kept.data);
	g->kept.data = gnutls_malloc(data.size);
	g->kept.size = data.size;
	memcpy(g->kept.data, data.data, data.size);
	return 0;
}

static gnutls_datum_t find(void *ptr, gnutls_datum_t key)
{
	const struct gnutls *g = ptr;
	gnutls_datum_t copy = { NULL, 0 };

	(void)key;
	if (!g->kept.size)
		return copy;
	copy.data = gnutls_malloc(g->kept.size);
	copy.size = g->kept.size;
	memcpy(copy.data, g->kept.data, copy.size);
	return copy;
}

static int forget(void *ptr, gnutls_datum_t key)
{
	(void)ptr;
	(void)key;
	return 0;
}

/* ---- handshakes -------------------------------------------------------- */

static gnutls_session_t begin(struct gnutls *g, bool server, struct port *port)
{
	gnutls_session_t s;

	gnutls_init(&s, (server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
		    GNUTLS_NONBLOCK);
	gnutls_priority_set(s, g->priority);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, g->cred[server]);
	gnutls_transport_set_ptr(s, port);
	gnutls_transport_set_push_function(s, push);
	gnutls_transport_set_pull_function(s, pull);
	if (!server) {
		gnutls_server_name_set(s, GNUTLS_NAME_DNS, "localhost", 9);
		gnutls_session_set_verify_cert(s, "localhost", 0);
		if (g->session.size)
			gnutls_session_set_data(s, g->session.data,
						g->session.size);
		return s;
	}
	gnutls_certificate_server_set_request(s, g->c->mutual ?
		GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
	if (g->c->mutual)
		gnutls_session_set_verify_cert(s, NULL, 0);
	if (g->c->resume == HS_TICKET)
		gnutls_session_ticket_enable_server(s, &g->ticket_key);
	if (g->c->resume == HS_ID) {
		gnutls_db_set_ptr(s, g);
		gnutls_db_set_store_function(s, keep);
		gnutls_db_set_retrieve_function(s, find);
		gnutls_db_set_remove_function(s, forget);
	}
	return s;
}

static int step(gnutls_session_t s, double *t, bool *done)
{
	int err;

	HS_TIMED(*t, err = gnutls_handshake(s));
	*done = !err;
	return err && gnutls_error_is_fatal(err) ? err : 0;
}

static int handshake(struct gnutls *g, struct hs_time *t, bool take)
{
	struct port port[2] = { { &g->way[0], &g->way[1] },
				{ &g->way[1], &g->way[0] } };
	gnutls_session_t s[2];
	bool done[2] = { false, false };
	int err = 0;
	char c;

	memset(&g->way[0], 0, 2 * sizeof(size_t));
	memset(&g->way[1], 0, 2 * sizeof(size_t));
	HS_TIMED(t->client, s[0] = begin(g, false, &port[0]));
	HS_TIMED(t->server, s[1] = begin(g, true, &port[1]));
	while (!err && !(done[0] && done[1])) {
		err = done[0] ? 0 : step(s[0], &t->client, &done[0]);
		if (!err && !done[1])
			err = step(s[1], &t->server, &done[1]);
	}
	if (!err && take) {
		gnutls_record_recv(s[0], &c, 1);	/* its tickets */
		err = gnutls_session_get_data2(s[0], &g->session);
	} else if (!err && g->session.size &&
		   !gnutls_session_is_resumed(s[1])) {
		err = GNUTLS_E_INVALID_SESSION;
	}
	if (err)
		fprintf(stderr, "GnuTLS: %s\n", gnutls_strerror(err));
	HS_TIMED(t->client, gnutls_deinit(s[0]));
	HS_TIMED(t->server, gnutls_deinit(s[1]));
	return err;
}

/* ---- setting up -------------------------------------------------------- */

static int load(struct gnutls *g, const struct hs_pki *pki, bool server)
{
	const char *pem = server ? pki->cert : pki->client_cert;
	const char *key = server ? pki->key : pki->client_key;
	gnutls_datum_t c = { (uint8_t *)(uintptr_t)pem,
			     (unsigned int)strlen(pem) };
	gnutls_datum_t k = { (uint8_t *)(uintptr_t)key,
			     (unsigned int)strlen(key) };
	gnutls_datum_t ca = { (uint8_t *)(uintptr_t)pki->ca,
			      (unsigned int)strlen(pki->ca) };
	int err = gnutls_certificate_allocate_credentials(&g->cred[server]);

	if (!err && gnutls_certificate_set_x509_trust_mem(g->cred[server],
			&ca, GNUTLS_X509_FMT_PEM) < 1)
		err = GNUTLS_E_CERTIFICATE_ERROR;
	if (!err && (server || g->c->mutual))
		err = gnutls_certificate_set_x509_key_mem(g->cred[server],
				&c, &k, GNUTLS_X509_FMT_PEM);
	return err;
}

static void gnutls_close(void *state)
{
	struct gnutls *g = state;

	for (int i = 0; i < 2; i++)
		if (g->cred[i])
			gnutls_certificate_free_credentials(g->cred[i]);
	if (g->priority)
		gnutls_priority_deinit(g->priority);
	gnutls_free(g->ticket_key.data);
	gnutls_free(g->session.data);
	gnutls_free(g->kept.data);
	free(g);
}

static void *gnutls_open(const struct hs_case *c, const struct hs_pki *pki)
{
	const char *priority = c->version == 0x0304 ?
		"NONE:+VERS-TLS1.3:+AES-128-GCM:+AEAD:+SHA256:+GROUP-X25519:"
		"+SIGN-ALL:+CTYPE-X509:+COMP-NULL" :
		"NONE:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+AEAD:"
		"+SHA256:+GROUP-X25519:+GROUP-SECP256R1:+SIGN-ALL:+CTYPE-X509:"
		"+COMP-NULL";
	struct hs_time t = { 0 };
	struct gnutls *g;
	int err;

	if (strncmp(c->group, "x25519", 6))
		return NULL;
	g = calloc(1, sizeof(*g));
	g->c = c;
	err = gnutls_priority_init(&g->priority, priority, NULL);
	if (!err)
		err = gnutls_session_ticket_key_generate(&g->ticket_key);
	if (!err)
		err = load(g, pki, false);
	if (!err)
		err = load(g, pki, true);
	if (!err && c->resume != HS_FULL)
		err = handshake(g, &t, true);
	if (!err)
		return g;
	fprintf(stderr, "GnuTLS: %s: %s\n", c->name, gnutls_strerror(err));
	gnutls_close(g);
	return NULL;
}

static int gnutls_run(void *state, struct hs_time *t)
{
	return handshake(state, t, false);
}

#else

static void *gnutls_open(const struct hs_case *c, const struct hs_pki *pki)
{
	(void)c;
	(void)pki;
	return NULL;
}

static int gnutls_run(void *state, struct hs_time *t)
{
	(void)state;
	(void)t;
	return -1;
}

static void gnutls_close(void *state)
{
	(void)state;
}
#endif

const struct hs_impl hs_gnutls = {
	.name = "GnuTLS",
	.open = gnutls_open,
	.run = gnutls_run,
	.close = gnutls_close,
};
