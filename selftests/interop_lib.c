// SPDX-License-Identifier: GPL-2.0-only
#include "interop_lib.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

bool ssl_has(enum ssl_kind kind, const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	long ret = 0;

	if (ctx && kind == SSL_SUITE)
		ret = SSL_CTX_set_ciphersuites(ctx, name);
	else if (ctx && kind == SSL_GROUP)
		ret = SSL_CTX_set1_groups_list(ctx, name);
	else if (ctx)
		ret = SSL_CTX_set1_sigalgs_list(ctx, name);
	SSL_CTX_free(ctx);
	return ret == 1;
}

/* ---- begin, run, end --------------------------------------------------- */

static struct keylog *their_log;

static void their_keylog(const SSL *ssl, const char *line)
{
	(void)ssl;
	keylog_add(their_log, line);
}

void with_begin(struct with *w, struct ktls_opts ours, struct ssl_opts theirs,
		const char *name)
{
	struct ktls_hooks hooks = { 0 };

	*w = (struct with){ 0 };
	ours.size = sizeof(ours);
	if (ours.hooks)
		hooks = *ours.hooks;
	hooks.keylog = keylog_add;
	ours.hooks = &hooks;
	ours.arg = &w->ours;
	w->config = config(&ours);
	with_again(w, theirs, name);
}

void with_again(struct with *w, struct ssl_opts theirs, const char *name)
{
	ktls_hs_free(w->hs);
	ssl_end_free(w->end);
	w->ours.len = w->theirs.len = 0;
	w->tickets = 0;
	theirs.server = w->config->role == KTLS_CLIENT;
	if (theirs.server && !theirs.cert)
		theirs.cert = "p256";
	if (!theirs.server)
		theirs.name = name;
	ASSERT_OK(ktls_hs_new(&w->hs, w->config,
			      theirs.server ? name : NULL));
	w->end = ssl_end_new(&theirs);
	w->ssl = ssl_end_ssl(w->end);
	their_log = &w->theirs;
	SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(w->ssl), their_keylog);
}

void with_end(struct with *w)
{
	ktls_hs_free(w->hs);
	ktls_config_put(w->config);
	ssl_end_free(w->end);
	*w = (struct with){ 0 };
}

void with_run(struct with *w, size_t max)
{
	ASSERT_OK(ssl_pump(w->end, w->hs, max))
		TH_LOG("ours: %s; libssl: %s", ktls_hs_error_text(w->hs),
		       ssl_end_error(w->end));
}

/* ---- agreement --------------------------------------------------------- */

/* The same of either, where libssl has it: "CN = x", or "" */
static void check_subject(const struct with *w, const struct ktls_info *info)
{
	const X509 *theirs = SSL_get_certificate(w->ssl);
	char name[64] = "CN = ", *cn = name + strlen(name);

	if ((info->peer_sigalg || info->resumed) && theirs)
		X509_NAME_get_text_by_NID(X509_get_subject_name(theirs),
					  NID_commonName, cn,
					  (int)(sizeof(name) - strlen(name)));
	if (!info->peer_raw_key)
		EXPECT_STREQ(info->peer_subject, *cn ? name : "");
}

static void check_info(const struct with *w)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(w->ssl);
	int nid = (int)SSL_get_negotiated_group(w->ssl);
	const char *group = nid ? SSL_group_to_name(w->ssl, nid) : NULL;
	const char *name = SSL_get_servername(w->ssl,
					      TLSEXT_NAMETYPE_host_name);
	const unsigned char *alpn;
	unsigned int alpn_len;
	struct ktls_info info;

	ktls_hs_info(w->hs, &info);
	EXPECT_EQ(SSL_version(w->ssl), info.version);
	EXPECT_EQ(SSL_session_reused(w->ssl), info.resumed);
	EXPECT_STREQ(SSL_CIPHER_standard_name(cipher),
		     ktls_suite_name(info.suite));
	/* of 1.2 it knows its curve as server, and that of a full handshake */
	ASSERT_TRUE(group || info.version == KTLS_TLS12);
	if (group)
		EXPECT_FALSE(strcasecmp(group, ktls_group_name(info.group)))
			TH_LOG("%s, %s", group, ktls_group_name(info.group));
	SSL_get0_alpn_selected(w->ssl, &alpn, &alpn_len);
	ASSERT_EQ(alpn_len, strlen(info.alpn));
	if (alpn_len)
		EXPECT_MEMEQ(alpn, info.alpn, alpn_len);
	/* as server it tells the name of a resumed session, if it kept one */
	if (!info.resumed || !SSL_is_server(w->ssl))
		EXPECT_STREQ(info.server_name, name ? name : "");
	EXPECT_EQ(info.alert_sent, KTLS_ALERT_NONE);
	EXPECT_EQ(info.alert_received, KTLS_ALERT_NONE);
	check_subject(w, &info);
}

/*
 * Records under the keys of the application: in 1.2, Finished was one; in 1.3,
 * the server's tickets were
 */
static uint64_t first_seq(const struct with *w)
{
	return w->hs->info.version == KTLS_TLS12 || w->hs->tickets;
}

/* A record of ours is data to libssl */
static void check_tx(struct with *w)
{
	struct wr rec = { 0 };
	char buf[8];

	EXPECT_EQ(w->hs->tx.seq, first_seq(w));
	ASSERT_OK(record_seal(&w->hs->tx, KTLS_TLS12, CT_DATA, "ours", 4,
			      &rec));
	ASSERT_EQ(BIO_write(SSL_get_rbio(w->ssl), rec.buf, (int)rec.len),
		  rec.len);
	wr_free(&rec);
	ASSERT_EQ(SSL_read(w->ssl, buf, sizeof(buf)), 4);
	EXPECT_MEMEQ(buf, "ours", 4);
}

/* The next record of libssl; messages in it other than tickets are wrong */
static struct slice next_record(struct with *w, uint8_t *type, uint8_t *buf)
{
	BIO *out = SSL_get_wbio(w->ssl);
	struct slice content;
	int len;

	ASSERT_EQ(BIO_read(out, buf, RECORD_HEADER), RECORD_HEADER);
	len = buf[3] << 8 | buf[4];
	ASSERT_EQ(BIO_read(out, buf + RECORD_HEADER, len), len);
	ASSERT_OK(record_open(&w->hs->rx, buf, RECORD_HEADER + (size_t)len,
			      type, &content));
	return content;
}

/* A record of libssl, behind its tickets: we have not touched any of it */
static void check_rx(struct with *w)
{
	uint8_t buf[RECORD_MAX], type;
	struct slice content;

	EXPECT_EQ(w->hs->rx.seq, w->hs->info.version == KTLS_TLS12);
	ASSERT_EQ(SSL_write(w->ssl, "theirs", 6), 6);
	while (content = next_record(w, &type, buf), type == CT_HANDSHAKE) {
		ASSERT_GT(content.len, 0);
		EXPECT_EQ(content.p[0], HT_NEW_SESSION_TICKET);
		w->tickets++;
	}
	ASSERT_EQ(type, CT_DATA);
	ASSERT_EQ(content.len, 6);
	EXPECT_MEMEQ(content.p, "theirs", 6);
	EXPECT_EQ(BIO_ctrl_pending(SSL_get_wbio(w->ssl)), 0);
}

void with_agree(struct with *w)
{
	check_info(w);
	EXPECT_EQ(w->ours.len, w->hs->info.version == KTLS_TLS12 ? 1 : 5);
	keylog_same(&w->ours, &w->theirs);
	check_rx(w);
	check_tx(w);
}

/* ---- failure ----------------------------------------------------------- */

void with_fail(struct with *w, int err, uint8_t alert)
{
	struct ktls_info info;

	EXPECT_EQ(ssl_pump(w->end, w->hs, 0), err)
		TH_LOG("ours: %s; libssl: %s", ktls_hs_error_text(w->hs),
		       ssl_end_error(w->end));
	ktls_hs_info(w->hs, &info);
	EXPECT_EQ(ktls_hs_error(w->hs), err);
	EXPECT_EQ(info.alert_sent, alert);
	EXPECT_EQ(info.alert_received, KTLS_ALERT_NONE);
	EXPECT_EQ(ssl_end_alert_received(w->end), alert)
		TH_LOG("libssl: %s", ssl_end_error(w->end));
	EXPECT_EQ(ssl_end_alert_sent(w->end), KTLS_ALERT_NONE);
	check_dead(w->hs);
}

void with_refused(struct with *w, uint8_t alert, bool late)
{
	struct ktls_info info;

	EXPECT_EQ(ssl_pump(w->end, w->hs, 0), -EPROTO)
		TH_LOG("%s", ktls_hs_error_text(w->hs));
	ktls_hs_info(w->hs, &info);
	EXPECT_EQ(ssl_end_alert_sent(w->end), alert)
		TH_LOG("libssl: %s", ssl_end_error(w->end));
	EXPECT_EQ(info.alert_sent, KTLS_ALERT_NONE);
	if (late) {
		EXPECT_EQ(ktls_hs_wants(w->hs), KTLS_WANT_DONE);
		return;
	}
	EXPECT_EQ(ktls_hs_error(w->hs), -KTLS_E_PEER_ALERT);
	EXPECT_EQ(info.alert_received, alert);
	EXPECT_TRUE(strstr(ktls_hs_error_text(w->hs), ktls_alert_name(alert)))
		TH_LOG("%s", ktls_hs_error_text(w->hs));
	check_dead(w->hs);
}

/* ---- the connection ---------------------------------------------------- */

static void same_export(const struct with *w, const struct ktls_conn *conn)
{
	static const char label[] = "EXPORTER-libktls-test";
	uint8_t ours[40], theirs[40];

	ASSERT_OK(ktls_conn_export(conn, label, "ctx", 3, ours, sizeof(ours)));
	ASSERT_EQ(SSL_export_keying_material(w->ssl, theirs, sizeof(theirs),
					     label, strlen(label),
					     (const uint8_t *)"ctx", 3, 1), 1);
	EXPECT_MEMEQ(ours, theirs, sizeof(ours));
}

static void send_both(struct with *w, struct ktls_conn *conn, size_t len)
{
	static uint8_t sent[40000], got[40000];

	for (size_t i = 0; i < len; i++)
		sent[i] = (uint8_t)(i * 167 + i / 256 + len);
	ASSERT_EQ(ktls_send(conn, sent, len, 0), len);
	for (size_t at = 0; at < len; ) {
		int n = SSL_read(w->ssl, got + at, (int)(len - at));

		ASSERT_GT(n, 0);
		at += (size_t)n;
	}
	ASSERT_MEMEQ(got, sent, len);
	ASSERT_EQ(SSL_write(w->ssl, sent, (int)len), len);
	memset(got, 0, len);
	for (size_t at = 0; at < len; ) {
		ssize_t n = ktls_recv(conn, got + at, len - at, 0);

		ASSERT_OK(n);
		ASSERT_GT(n, 0);
		at += (size_t)n;
	}
	ASSERT_MEMEQ(got, sent, len);
}

struct ktls_conn *with_connect(struct with *w, int fd[2])
{
	struct ktls_conn *conn;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	ASSERT_EQ(SSL_set_fd(w->ssl, fd[1]), 1);
	ASSERT_OK(ktls_offload(&conn, w->hs, fd[0]));
	w->hs = NULL;
	EXPECT_EQ(ktls_conn_kernel(conn), 0);
	return conn;
}

void with_disconnect(struct ktls_conn *conn, const int fd[2])
{
	ktls_conn_free(conn);
	close(fd[0]);
	close(fd[1]);
}

void with_data(struct with *w)
{
	static const size_t sizes[] = { 1, 100, 16384, 16385, 40000 };
	struct ktls_conn *conn;
	char byte;
	int fd[2];

	conn = with_connect(w, fd);
	same_export(w, conn);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		send_both(w, conn, sizes[i]);
	ASSERT_OK(ktls_conn_shutdown(conn));
	EXPECT_EQ(SSL_read(w->ssl, &byte, 1), 0);
	EXPECT_EQ(SSL_get_shutdown(w->ssl), SSL_RECEIVED_SHUTDOWN);
	EXPECT_EQ(SSL_shutdown(w->ssl), 1);
	EXPECT_EQ(ktls_recv(conn, &byte, 1, 0), 0);
	with_disconnect(conn, fd);
}
