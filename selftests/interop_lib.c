// SPDX-License-Identifier: GPL-2.0-only
#include "interop_lib.h"

#include <string.h>
#include <strings.h>

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
	static const struct ktls_hooks hooks = { .keylog = keylog_add };

	*w = (struct with){ 0 };
	theirs.server = ours.role == KTLS_CLIENT;
	if (theirs.server && !theirs.cert)
		theirs.cert = "p256";
	if (!theirs.server)
		theirs.name = name;
	ours.size = sizeof(ours);
	ours.hooks = &hooks;
	ours.arg = &w->ours;
	w->config = config(&ours);
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

	if (info->peer_sigalg && theirs)
		X509_NAME_get_text_by_NID(X509_get_subject_name(theirs),
					  NID_commonName, cn,
					  (int)(sizeof(name) - strlen(name)));
	EXPECT_STREQ(info->peer_subject, *cn ? name : "");
}

static void check_info(const struct with *w)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(w->ssl);
	int nid = (int)SSL_get_negotiated_group(w->ssl);
	const char *group = SSL_group_to_name(w->ssl, nid);
	const char *name = SSL_get_servername(w->ssl,
					      TLSEXT_NAMETYPE_host_name);
	const unsigned char *alpn;
	unsigned int alpn_len;
	struct ktls_info info;

	ktls_hs_info(w->hs, &info);
	EXPECT_EQ(SSL_version(w->ssl), KTLS_TLS13);
	EXPECT_EQ(info.version, KTLS_TLS13);
	EXPECT_STREQ(SSL_CIPHER_standard_name(cipher),
		     ktls_suite_name(info.suite));
	ASSERT_TRUE(group);
	EXPECT_FALSE(strcasecmp(group, ktls_group_name(info.group)))
		TH_LOG("%s, %s", group, ktls_group_name(info.group));
	SSL_get0_alpn_selected(w->ssl, &alpn, &alpn_len);
	ASSERT_EQ(alpn_len, strlen(info.alpn));
	if (alpn_len)
		EXPECT_MEMEQ(alpn, info.alpn, alpn_len);
	EXPECT_STREQ(info.server_name, name ? name : "");
	EXPECT_EQ(info.alert_sent, KTLS_ALERT_NONE);
	EXPECT_EQ(info.alert_received, KTLS_ALERT_NONE);
	check_subject(w, &info);
}

/* A record of ours is data to libssl */
static void check_tx(struct with *w)
{
	struct wr rec = { 0 };
	char buf[8];

	EXPECT_EQ(w->hs->tx.seq, 0);
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

	EXPECT_EQ(w->hs->rx.seq, 0);
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
	EXPECT_EQ(w->ours.len, 5);
	keylog_same(&w->ours, &w->theirs);
	check_rx(w);
	check_tx(w);
}
