// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "x509_pem.h"

/* ---- the private key --------------------------------------------------- */

/* A prompt on the terminal is the last thing that a server wants */
static int no_passphrase(char *buf, int size, int rwflag, void *asked)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)asked = true;
	return -1;
}

/*
 * From the first "BEGIN ... PRIVATE KEY" on.  Looked for here, because
 * libcrypto's own search goes by what else is in its queue of errors.
 */
static struct slice find_key(const struct source *s)
{
	static const char begin[] = "-----BEGIN ", end[] = "PRIVATE KEY-----";
	const char *stop = s->text + s->len, *p = s->text;

	while ((p = memmem(p, (size_t)(stop - p), begin, strlen(begin)))) {
		size_t left = (size_t)(stop - p);
		const char *nl = memchr(p, '\n', left);

		if (memmem(p, nl ? (size_t)(nl - p) : left, end, strlen(end)))
			return (struct slice){ (const uint8_t *)p, left };
		p += strlen(begin);
	}
	return (struct slice){ NULL, 0 };
}

int cred_load_key(struct cred *cred, const struct source *s, struct text why)
{
	struct slice at = find_key(s);
	AUTO(BIO) bio = NULL;
	bool encrypted = false;

	if (!at.p) {
		text_set(why, "%s: no private key found", s->name);
		return -KTLS_E_KEY_FILE;
	}
	bio = BIO_new_mem_buf(at.p, (int)at.len);
	if (!bio)
		return -ENOMEM;
	cred->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase,
					    &encrypted);
	if (cred->key)
		return 0;
	text_set(why, "%s: private key %s", s->name, encrypted ?
		 "is encrypted" : "does not parse");
	return -KTLS_E_KEY_FILE;
}

/* ---- our chain --------------------------------------------------------- */

static int add_cert(struct cred *cred, X509 *x, X509 *issuer)
{
	struct cert *c = &cred->chain[cred->chain_len];
	int len = i2d_X509(x, &c->der);

	if (len <= 0)
		return -ENOMEM;
	c->len = (size_t)len;
	c->self_signed = X509_self_signed(x, 1) == 1;
	if (c->self_signed)
		issuer = x;
	c->signed_with = x509_signed_with(x, issuer, false);
	c->signed_with12 = x509_signed_with(x, issuer, true);
	cred->chain_len++;
	return cert_identify(c, x);
}

static int fill_chain(struct cred *cred, STACK_OF(X509) *certs)
{
	int n = sk_X509_num(certs), err = 0;

	cred->chain = calloc((size_t)n, sizeof(*cred->chain));
	if (!cred->chain)
		return -ENOMEM;
	for (int i = 0; i < n && !err; i++)
		err = add_cert(cred, sk_X509_value(certs, i),
			       i + 1 < n ? sk_X509_value(certs, i + 1) : NULL);
	cred->leaf = sk_X509_value(certs, 0);
	X509_up_ref(cred->leaf);
	return err;
}

/*
 * For which suites of RFC 4492 5.3, Table 3.  5246 7.4.2 would let either kind
 * of signature pass, but old peers do not.
 */
static enum suite_auth ecdh_suites(X509 *x)
{
	struct slice point = x509_public(x);
	EVP_PKEY *key = X509_get0_pubkey(x);

	if (!key || !key_group(key) || !point.len || point.p[0] != 4 ||
	    !(X509_get_key_usage(x) & KU_KEY_AGREEMENT))
		return AUTH_ANY;
	return x509_signed_by(x);
}

static bool can_sign(const struct cred *cred)
{
	return X509_get_key_usage(cred->leaf) & KU_DIGITAL_SIGNATURE;
}

static int load_chain(struct cred *cred, const struct source *s, bool agrees,
		      struct text why)
{
	struct found f = { 0 };
	int err = found_init(&f);

	if (!err)
		err = found_parse(&f, s, -KTLS_E_CERT_FILE, why);
	if (!err && !sk_X509_num(f.certs)) {
		text_set(why, "%s: no certificate found", s->name);
		err = -KTLS_E_CERT_FILE;
	}
	if (!err)
		err = fill_chain(cred, f.certs);
	found_free(&f);
	if (err)
		return err;
	cred->ecdh = agrees ? ecdh_suites(cred->leaf) : AUTH_ANY;
	/* 9846 4.5.2.2 */
	if (!can_sign(cred) && !cred->ecdh) {
		text_set(why, "%s: certificate 1: key usage does not allow "
			 "digital signatures", s->name);
		return -KTLS_E_CERT_FILE;
	}
	return 0;
}

/* The certificate may restrict what the key alone could do (RSASSA-PSS) */
static void find_schemes(struct cred *cred, EVP_PKEY *pub)
{
	EVP_PKEY *key = cred->key ? cred->key : pub;

	for (size_t i = 0; i < sigschemes_len; i++)
		if (sigschemes[i].tls13 && sig_fits(&sigschemes[i], pub) &&
		    sig_fits(&sigschemes[i], key))
			cred->schemes[cred->schemes_len++] = &sigschemes[i];
	for (size_t i = 0; i < sigschemes_len; i++)
		if (sig_fits12(&sigschemes[i], pub) &&
		    sig_fits12(&sigschemes[i], key))
			cred->schemes12[cred->schemes12_len++] =
				&sigschemes[i];
}

static int match_key(struct cred *cred, const char *cert_name,
		     const char *key_name, struct text why)
{
	EVP_PKEY *pub = X509_get0_pubkey(cred->leaf);

	if (!pub || (cred->key && EVP_PKEY_eq(pub, cred->key) != 1)) {
		text_set(why, "%s: private key does not belong to the "
			 "certificate in %s", key_name, cert_name);
		return -KTLS_E_KEY_MISMATCH;
	}
	if (can_sign(cred))
		find_schemes(cred, pub);
	cred->group = key_group(pub);
	if (can_sign(cred) && !cred->schemes_len) {
		text_set(why, "%s: no TLS signature scheme for a key of its "
			 "kind", key_name);
		return -KTLS_E_KEY_FILE;
	}
	return 0;
}

static void ready(struct cred *cred, const struct sigscheme *const *schemes,
		  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		EVP_MD_CTX **ctx = &cred->ready[schemes[i] - sigschemes];

		if (cred->key && !*ctx)
			*ctx = sig_ready(schemes[i], cred->key);
	}
}

int cred_sign(const struct cred *cred, const struct sigscheme *scheme,
	      struct slice msg, struct wr *w)
{
	return sig_sign(scheme, cred->key, cred->ready[scheme - sigschemes],
			msg, w);
}

static int load_x509(struct cred *cred, const struct ktls_cred *from,
		     bool agrees, struct text why)
{
	bool own_key = from->key_file || from->key_pem;
	struct source cert = { 0 }, key = { 0 };
	const struct source *k = own_key ? &key : &cert;
	int err = source_open(&cert, from->cert_file, from->cert_pem,
			      "cert_pem", -KTLS_E_CERT_FILE, why);

	if (!err)
		err = load_chain(cred, &cert, agrees && !from->key_elsewhere,
				 why);
	if (!err && own_key)
		err = source_open(&key, from->key_file, from->key_pem,
				  "key_pem", -KTLS_E_KEY_FILE, why);
	if (!err && !from->key_elsewhere)
		err = cred_load_key(cred, k, why);
	if (!err)
		err = match_key(cred, cert.name, k->name, why);
	if (!err && from->ocsp_file)
		err = cred_load_status(cred, from->ocsp_file, why);
	if (!err && from->sct_file)
		err = cred_load_sct(cred, from->sct_file, why);
	source_close(&cert);
	source_close(&key);
	return err;
}

int cred_load(struct cred *cred, const struct ktls_cred *from, bool agrees,
	      struct text why)
{
	OSSL_SCOPE;
	bool own_key = from->key_file || from->key_pem;
	bool own_cert = from->cert_file || from->cert_pem;
	int err;

	*cred = (struct cred){ 0 };
	if (from->key_elsewhere && own_key) {
		text_set(why, "credential with a key that is elsewhere");
		return -KTLS_E_OPTION;
	}
	if (!own_cert && !own_key) {
		text_set(why, "credential without a certificate or a key");
		return -KTLS_E_CERT_FILE;
	}
	err = own_cert ? load_x509(cred, from, agrees, why) :
			 cred_load_raw(cred, from, why);
	if (err) {
		cred_free(cred);
		return err;
	}
	ready(cred, cred->schemes, cred->schemes_len);
	ready(cred, cred->schemes12, cred->schemes12_len);
	return 0;
}

struct evp_pkey_st *cred_public(const struct cred *cred)
{
	OSSL_SCOPE;

	return cred->raw ? cred->key : X509_get0_pubkey(cred->leaf);
}

size_t cred_sig_max(const struct cred *cred)
{
	OSSL_SCOPE;
	int size = EVP_PKEY_get_size(cred_public(cred));

	return size > 0 ? (size_t)size : 0;
}

void cred_free(struct cred *cred)
{
	for (size_t i = 0; i < cred->chain_len; i++) {
		OPENSSL_free(cred->chain[i].der);
		OPENSSL_free(cred->chain[i].issuer);
	}
	free(cred->chain);
	wr_free(&cred->ocsp);
	wr_free(&cred->sct);
	wr_free(&cred->cert_url);
	for (size_t i = 0; i < COMPRESS_MAX; i++) {
		wr_free(&cred->packed[0][i]);
		wr_free(&cred->packed[1][i]);
	}
	for (size_t i = 0; i < SIGSCHEMES_MAX; i++)
		sig_ready_free(cred->ready[i]);
	X509_free(cred->leaf);
	EVP_PKEY_free(cred->key);
	*cred = (struct cred){ 0 };
}
