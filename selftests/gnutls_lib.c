// SPDX-License-Identifier: GPL-2.0-only
#include "gnutls_lib.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "mode_lib.h"

#define OK(call)	ASSERT_EQ(call, GNUTLS_E_SUCCESS)

static void set_cred(struct gnutls_end *g, const struct gnutls_opts *o)
{
	OK(gnutls_certificate_allocate_credentials(&g->cred));
	ASSERT_GT(gnutls_certificate_set_x509_trust_file(g->cred, pki("ca"),
		  GNUTLS_X509_FMT_PEM), 0);
	if (o->cert)
		OK(gnutls_certificate_set_x509_key_file(g->cred, pki(o->cert),
			pki_key(o->cert), GNUTLS_X509_FMT_PEM));
	OK(gnutls_credentials_set(g->session, GNUTLS_CRD_CERTIFICATE,
				  g->cred));
}

void gnutls_end_new(struct gnutls_end *g, const struct gnutls_opts *o)
{
	char priority[512];
	const char *at;

	*g = (struct gnutls_end){ .session = NULL };
	snprintf(priority, sizeof(priority),
		 "NONE:+COMP-NULL:+AEAD:+SIGN-ALL:+CTYPE-ALL:%s", o->priority);
	OK(gnutls_init(&g->session, (o->server ? GNUTLS_SERVER :
				     GNUTLS_CLIENT) | GNUTLS_NONBLOCK |
		       GNUTLS_NO_SIGNAL | o->flags));
	OK(gnutls_priority_set_direct(g->session, priority, &at))
		TH_LOG("%s", at);
	set_cred(g, o);
	if (o->server) {
		gnutls_certificate_server_set_request(g->session, o->require ?
			GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
		if (o->require)
			gnutls_session_set_verify_cert(g->session, NULL, 0);
		if (o->ticket_key)
			OK(gnutls_session_ticket_enable_server(g->session,
							o->ticket_key));
	} else {
		OK(gnutls_server_name_set(g->session, GNUTLS_NAME_DNS,
					  "localhost", 9));
		gnutls_session_set_verify_cert(g->session, "localhost", 0);
		if (o->resume)
			OK(gnutls_session_set_data(g->session, o->resume->data,
						   o->resume->size));
	}
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
			     SOCK_NONBLOCK, 0, g->fd));
	gnutls_transport_set_int(g->session, g->fd[0]);
}

void gnutls_end_free(struct gnutls_end *g)
{
	gnutls_deinit(g->session);
	gnutls_certificate_free_credentials(g->cred);
	gnutls_free(g->data.data);
	close(g->fd[0]);
	close(g->fd[1]);
}

/* One step of GnuTLS: 1 done, 0 waits, else its error */
static int step(struct gnutls_end *g)
{
	int ret = gnutls_handshake(g->session);

	if (ret == GNUTLS_E_SUCCESS)
		return 1;
	return gnutls_error_is_fatal(ret) ? ret : 0;
}

int gnutls_end_run(struct gnutls_end *g, struct ktls_hs *hs, int *gerr)
{
	int ours = KTLS_WANT_RECV, theirs = 0;

	*gerr = 0;
	/* neither needs more than a few turns */
	for (int i = 0; i < 100 && (ours > 0 || !theirs); i++) {
		if (!theirs)
			theirs = step(g);
		if (ours > 0)
			ours = ktls_hs_run(hs, g->fd[1]);
		if (theirs < 0) {
			gnutls_alert_send_appropriate(g->session, theirs);
			shutdown(g->fd[0], SHUT_WR);
		}
	}
	if (theirs < 0) {
		*gerr = theirs;
		TH_LOG("GnuTLS: %s", gnutls_strerror(theirs));
	}
	if (ours < 0)
		return ours;
	if (theirs < 0)
		return -EPROTO;
	return ours || !theirs ? -EDEADLK : 0;
}

void gnutls_end_talk(struct gnutls_end *g, struct ktls_hs *hs)
{
	struct ktls_conn *conn;
	char buf[4096] = "there", back[4096];
	ssize_t n;

	ASSERT_OK(ktls_offload(&conn, hs, g->fd[1]));
	ASSERT_EQ(ktls_send(conn, buf, sizeof(buf), 0), sizeof(buf));
	/* what comes before it, of 1.3, is between them */
	while ((n = gnutls_record_recv(g->session, back, sizeof(back))) ==
	       GNUTLS_E_AGAIN)
		;
	ASSERT_EQ(n, sizeof(buf));
	EXPECT_MEMEQ(buf, back, sizeof(buf));
	ASSERT_EQ(gnutls_record_send(g->session, "back", 4), 4);
	ASSERT_EQ(ktls_recv(conn, back, sizeof(back), 0), 4);
	EXPECT_MEMEQ(back, "back", 4);
	ASSERT_OK(gnutls_bye(g->session, GNUTLS_SHUT_WR));
	EXPECT_EQ(ktls_recv(conn, back, sizeof(back), 0), 0);
	EXPECT_OK(ktls_conn_shutdown(conn));
	EXPECT_EQ(gnutls_record_recv(g->session, back, sizeof(back)), 0);
	ktls_conn_free(conn);
}

/* ---- sessions by id ---------------------------------------------------- */

static struct {
	gnutls_datum_t key, data;
} kept;

static gnutls_datum_t copy(gnutls_datum_t from)
{
	gnutls_datum_t d = { gnutls_malloc(from.size), from.size };

	ASSERT_TRUE(d.data);
	memcpy(d.data, from.data, from.size);
	return d;
}

static int keep(void *arg, gnutls_datum_t key, gnutls_datum_t data)
{
	(void)arg;
	gnutls_free(kept.key.data);
	gnutls_free(kept.data.data);
	kept.key = copy(key);
	kept.data = copy(data);
	return 0;
}

static gnutls_datum_t find(void *arg, gnutls_datum_t key)
{
	(void)arg;
	if (!kept.key.data || kept.key.size != key.size ||
	    memcmp(kept.key.data, key.data, key.size))
		return (gnutls_datum_t){ NULL, 0 };
	return copy(kept.data);
}

static int drop(void *arg, gnutls_datum_t key)
{
	(void)arg;
	(void)key;
	return 0;
}

void gnutls_end_db(struct gnutls_end *g)
{
	gnutls_db_set_store_function(g->session, keep);
	gnutls_db_set_retrieve_function(g->session, find);
	gnutls_db_set_remove_function(g->session, drop);
	gnutls_db_set_cache_expiration(g->session, 600);
}
