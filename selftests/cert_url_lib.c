// SPDX-License-Identifier: GPL-2.0-only
#include "cert_url_lib.h"

#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "harness.h"
#include "peer.h"

struct web web;

static ssize_t browse(void *arg, struct ktls_hs *hs,
		      const struct ktls_cert_url *at, void *buf, size_t size)
{
	const struct page *p = &web.page[web.asked % 4];

	(void)arg;
	snprintf(web.url[web.asked++ % 4], sizeof(*web.url), "%s", at->url);
	web.pkipath = at->pkipath;
	memcpy(web.sha1, at->sha1, sizeof(web.sha1));
	web.size = size;
	web.hs = hs;
	if (web.answer)
		return web.answer < 0 ? web.answer : (ssize_t)size + 1;
	memcpy(buf, p->b, p->len < size ? p->len : size);
	return (ssize_t)p->len;
}

const struct ktls_hooks web_hooks = { .cert_url = browse };

/* The certificates of a file, as libcrypto reads them */
static size_t load(const char *name, X509 *x[4])
{
	BIO *bio = BIO_new_file(pki(name), "r");
	size_t n = 0;

	while (n < 4 && (x[n] = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		n++;
	ASSERT_GT(n, 0);
	BIO_free(bio);
	return n;
}

void publish(const char *name, bool path)
{
	STACK_OF(ASN1_TYPE) *all = sk_ASN1_TYPE_new_null();
	X509 *x[4];
	size_t n = load(name, x);

	web = (struct web){ 0 };
	for (size_t i = 0; i < n; i++) {
		uint8_t *p = web.page[i].b;
		const uint8_t *at = p;

		web.page[i].len = (size_t)i2d_X509(x[i], &p);
		sk_ASN1_TYPE_unshift(all, d2i_ASN1_TYPE(NULL, &at,
						(long)web.page[i].len));
		X509_free(x[i]);
	}
	if (path) {
		uint8_t *p = web.page[0].b;

		web.page[0].len = (size_t)i2d_ASN1_SEQUENCE_ANY(all, &p);
	}
	sk_ASN1_TYPE_pop_free(all, ASN1_TYPE_free);
}

void check_taken(struct mitm *m, const char *cert)
{
	struct ktls_info info;
	char subject[64];

	mitm_agree(m);
	ktls_hs_info(m->hs[SERVER_END], &info);
	snprintf(subject, sizeof(subject), "CN = %s", cert);
	EXPECT_STREQ(info.peer_subject, subject);
	EXPECT_EQ(info.peer_verified, 1);
	EXPECT_NE(info.peer_sigalg, 0);
}

void again(struct mitm *m, struct ktls_config *client)
{
	ASSERT_OK(ktls_hs_renegotiate(m->hs[CLIENT_END], client));
	ASSERT_OK(ktls_hs_renegotiate(m->hs[SERVER_END], NULL));
	mitm_run(m, NULL, NULL);
}
