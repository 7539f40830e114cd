// SPDX-License-Identifier: MIT
#include "selfsigned.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define DAY	(24 * 60 * 60)

static bool is_address(const char *host)
{
	unsigned char buf[16];

	return inet_pton(AF_INET, host, buf) == 1 ||
	       inet_pton(AF_INET6, host, buf) == 1;
}

/* "DNS:localhost,IP:127.0.0.1,..."; names that would need quoting are left */
static char *alt_names(const char *const *hosts, size_t len)
{
	struct text t = { 0 };

	text_puts(&t, "DNS:localhost,IP:127.0.0.1,IP:::1");
	for (size_t i = 0; i < len; i++) {
		const char *host = hosts[i];

		if (!*host || strpbrk(host, ", \\") ||
		    (strchr(host, ':') && !is_address(host)))
			continue;
		text_printf(&t, ",%s:%s", is_address(host) ? "IP" : "DNS",
			    host);
	}
	if (t.failed)
		text_free(&t);
	return t.buf;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = ext && X509_add_ext(x, ext, -1);

	X509_EXTENSION_free(ext);
	return ok;
}

static bool add_extensions(X509 *x, const char *const *hosts, size_t len)
{
	char *names = alt_names(hosts, len);
	bool ok = names && add_extension(x, NID_subject_alt_name, names);

	free(names);
	return ok &&
	       add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(x, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(x, NID_ext_key_usage, "serverAuth");
}

static bool set_serial(X509 *x)
{
	unsigned char bytes[16];
	BIGNUM *bn = NULL;
	bool ok = RAND_bytes(bytes, sizeof(bytes)) == 1;

	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
	if (ok)
		bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
	BN_free(bn);
	return ok;
}

static X509 *make_cert(EVP_PKEY *key, const char *const *hosts, size_t len)
{
	X509 *x = X509_new();
	X509_NAME *name = x ? X509_get_subject_name(x) : NULL;

	if (x && X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -DAY) &&
	    X509_gmtime_adj(X509_getm_notAfter(x), 30 * DAY) &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)"ktls throw-away", -1, -1, 0) &&
	    X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) &&
	    add_extensions(x, hosts, len) && X509_sign(x, key, EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

/* What @bio holds, as a string of malloc's */
static char *take_string(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return len > 0 ? strndup(data, (size_t)len) : NULL;
}

static bool write_pem(struct selfsigned *s, X509 *x, EVP_PKEY *key)
{
	BIO *cert = BIO_new(BIO_s_mem());
	BIO *priv = BIO_new(BIO_s_secmem());

	if (cert && PEM_write_bio_X509(cert, x))
		s->cert_pem = take_string(cert);
	if (priv && PEM_write_bio_PKCS8PrivateKey(priv, key, NULL, NULL, 0,
						  NULL, NULL))
		s->key_pem = take_string(priv);
	BIO_free(cert);
	BIO_free(priv);
	return s->cert_pem && s->key_pem;
}

static bool write_fingerprint(struct selfsigned *s, const X509 *x)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!X509_digest(x, EVP_sha256(), md, &len) || len != 32)
		return false;
	for (unsigned int i = 0; i < len; i++)
		sprintf(s->fingerprint + 3 * i, "%02X%s", md[i],
			i + 1 < len ? ":" : "");
	return true;
}

int selfsigned_new(struct selfsigned *s, const char *const *hosts,
		   size_t hosts_len)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key ? make_cert(key, hosts, hosts_len) : NULL;
	bool ok;

	*s = (struct selfsigned){ 0 };
	ok = x && write_pem(s, x, key) && write_fingerprint(s, x);
	X509_free(x);
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (!ok)
		selfsigned_free(s);
	return ok ? 0 : -1;
}

void selfsigned_free(struct selfsigned *s)
{
	if (s->key_pem)
		explicit_bzero(s->key_pem, strlen(s->key_pem));
	free(s->key_pem);
	free(s->cert_pem);
	*s = (struct selfsigned){ 0 };
}
