// SPDX-License-Identifier: MIT
/*
 * CertificateURL in place of the client's Certificate (RFC 6066 5).  The
 * server never fetches by itself: the application's hook does.
 */
#include "hs.h"

#include <errno.h>

#include "cert_url.h"
#include "msg12.h"

/* ---- the client -------------------------------------------------------- */

void cert_url_offer(const struct ktls_hs *hs, struct exts *e)
{
	const struct ktls_config *cfg = hs->config;

	if (cfg->min_version > KTLS_TLS12)
		return;
	for (size_t i = 0; i < cfg->creds_len; i++)
		if (cfg->creds[i].cert_url.len)
			e->set |= EXT_BIT(EXT_CLIENT_CERTIFICATE_URL);
}

bool cert_url_due(const struct ktls_hs *hs)
{
	return hs->client.cert_urls && hs->cred && hs->cred->cert_url.len;
}

int cert_url_send(struct ktls_hs *hs)
{
	const struct wr *url = &hs->cred->cert_url;
	struct wr_mark m = hs_open(hs, HT_CERTIFICATE_URL);

	wr_bytes(&hs->flight, url->buf, url->len);
	return hs_close(hs, &m);
}

/* ---- the server -------------------------------------------------------- */

void cert_url_agree(struct ktls_hs *hs, const struct exts *asked)
{
	hs->server.cert_urls = hs->config->hooks.cert_url &&
			       server_asks(hs) &&
			       ext_has(asked, EXT_CLIENT_CERTIFICATE_URL);
}

/* All of them, before anything is done about the first */
static int check_urls(struct ktls_hs *hs, const struct certificate_url *m)
{
	struct slice list = m->list;
	struct url_and_hash e;
	unsigned int n = 0;
	int more;

	if (m->type > CERT_PKIPATH)
		return -KTLS_E_CERT_URL;
	while ((more = parse_url_and_hash(&list, &e)) > 0) {
		if (++n > hs->config->max_chain)
			return -KTLS_E_CERT_CHAIN;
		if (e.padding != CERT_URL_PADDING || !cert_url_valid(e.url))
			return -KTLS_E_CERT_URL;
	}
	if (!more && m->type == CERT_PKIPATH && n != 1)
		return -KTLS_E_CERT_URL;
	return more;
}

/* What is at a URL, appended to @w */
static int fetch(struct ktls_hs *hs, const struct ktls_cert_url *at,
		 struct wr *w, struct slice *got)
{
	const struct ktls_config *cfg = hs->config;
	size_t left = cfg->max_message - w->len;
	uint8_t digest[SHA1_LEN], *to = wr_reserve(w, left);
	ssize_t n;
	int err;

	if (!to)
		return -ENOMEM;
	n = left ? cfg->hooks.cert_url(cfg->arg, hs, at, to, left) : 0;
	if (n <= 0 || (size_t)n > left) {
		text_set(hs_text(hs), "certificate cannot be obtained from %s",
			 at->url);
		return -KTLS_E_CERT_UNOBTAINABLE;
	}
	w->len += (size_t)n;
	*got = (struct slice){ to, (size_t)n };
	err = sha1(cfg->crypto, *got, digest);
	if (!err && memcmp(digest, at->sha1, SHA1_LEN)) {
		text_set(hs_text(hs), "what is at %s is not what the client "
			 "says", at->url);
		err = -KTLS_E_CERT_HASH;
	}
	return err;
}

static int take_pkipath(struct ktls_hs *hs, struct slice path)
{
	struct slice list, der;
	int more, err = parse_pkipath(path, &list);

	if (err)
		return err;
	while ((more = parse_pkipath_entry(&list, &der)) > 0) {
		err = hs12_add_certificate(hs, der);
		if (err)
			return err;
	}
	peer_reverse(&hs->peer);
	return more;
}

static int take_entry(struct ktls_hs *hs, uint8_t type,
		      const struct url_and_hash *e, struct wr *w)
{
	char url[CERT_URL_MAX + 1];
	struct ktls_cert_url at = { .url = url,
				    .pkipath = type == CERT_PKIPATH };
	struct slice got;
	int err;

	memcpy(url, e->url.p, e->url.len);
	url[e->url.len] = '\0';
	memcpy(at.sha1, e->sha1.p, SHA1_LEN);
	err = fetch(hs, &at, w, &got);
	if (err)
		return err;
	return type == CERT_PKIPATH ? take_pkipath(hs, got) :
				      hs12_add_certificate(hs, got);
}

static int take_all(struct ktls_hs *hs, const struct certificate_url *m)
{
	struct slice list = m->list;
	struct url_and_hash e;
	struct wr w = { 0 };
	int err = 0;

	while (!err && parse_url_and_hash(&list, &e) > 0)
		err = take_entry(hs, m->type, &e, &w);
	wr_free(&w);
	return err;
}

int s12_certificate_url(struct ktls_hs *hs, struct slice body)
{
	struct certificate_url m;
	int err = parse_certificate_url(body, &m);

	hs->state = S12_CKE;
	if (!err)
		err = check_urls(hs, &m);
	if (!err)
		err = take_all(hs, &m);
	/* who does not require it goes on, and has nobody's certificate */
	if (err == -KTLS_E_CERT_UNOBTAINABLE &&
	    hs->config->verify == KTLS_VERIFY_OPTIONAL) {
		peer_free(&hs->peer);
		hs->error_text[0] = '\0';
		hs->server.unobtained = true;
		err = 0;
	}
	return err ? err : hs12_verify_peer(hs);
}
