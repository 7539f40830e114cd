// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509_vfy.h>

#include "x509_pem.h"

/*
 * Whoever lists an intermediate or an end entity's certificate as trusted means
 * it: then a chain may end there.  The system's store holds roots alone.
 */
static int add_found(X509_STORE *store, const struct found *f, bool system)
{
	unsigned long flags = 0;

	for (int i = 0; i < sk_X509_num(f->certs); i++) {
		X509 *x = sk_X509_value(f->certs, i);

		if (!X509_STORE_add_cert(store, x))
			return -ENOMEM;
		if (!system && !X509_self_signed(x, 0))
			flags |= X509_V_FLAG_PARTIAL_CHAIN;
	}
	for (int i = 0; i < sk_X509_CRL_num(f->crls); i++) {
		if (!X509_STORE_add_crl(store, sk_X509_CRL_value(f->crls, i)))
			return -ENOMEM;
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	}
	X509_STORE_set_flags(store, flags);
	return 0;
}

static int add_source(X509_STORE *store, const struct source *s, bool system,
		      struct text why)
{
	struct found f = { 0 };
	int err = found_init(&f);

	if (!err)
		err = found_parse(&f, s, -KTLS_E_CA_FILE, why);
	/* What the system has is not this operator's to repair */
	if (system && err == -KTLS_E_CA_FILE && sk_X509_num(f.certs))
		err = 0;
	if (!err && !sk_X509_num(f.certs) && !sk_X509_CRL_num(f.crls)) {
		text_set(why, "%s: no certificate found", s->name);
		err = -KTLS_E_CA_FILE;
	}
	if (!err)
		err = add_found(store, &f, system);
	found_free(&f);
	return err;
}

static int add_text(X509_STORE *store, const char *path, const char *pem,
		    bool system, struct text why)
{
	struct source s;
	int err = source_open(&s, path, pem, "ca_pem", -KTLS_E_CA_FILE, why);

	if (!err)
		err = add_source(store, &s, system, why);
	source_close(&s);
	return err;
}

/* As openssl rehash names them: 8 hex digits, ".", for a CRL "r", a number */
static int is_hashed(const struct dirent *e)
{
	const char *p = e->d_name;

	for (int i = 0; i < 8; i++, p++)
		if (!isxdigit((unsigned char)*p))
			return 0;
	if (*p++ != '.')
		return 0;
	p += *p == 'r';
	return isdigit((unsigned char)*p) && !p[strspn(p, "0123456789")];
}

/*
 * All of it now: libcrypto's own look-up would open files in the middle of
 * handshakes.
 */
static int add_dir(X509_STORE *store, const char *dir, bool system,
		   struct text why)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_hashed, alphasort), err = 0;

	if (n < 0) {
		text_set(why, "%s: %s", dir, ktls_strerror(errno));
		return -KTLS_E_CA_FILE;
	}
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];

		if (!err && snprintf(path, sizeof(path), "%s/%s", dir,
				     names[i]->d_name) < (int)sizeof(path))
			err = add_text(store, path, NULL, system, why);
		if (system && err == -KTLS_E_CA_FILE)
			err = 0;
		free(names[i]);
	}
	free(names);
	if (!n) {
		text_set(why, "%s: no certificate with a hashed name (see "
			 "openssl-rehash(1))", dir);
		err = -KTLS_E_CA_FILE;
	}
	return err;
}

static const char *env(const char *name)
{
	const char *found = secure_getenv(name);

	return found && found[0] ? found : NULL;
}

/* One or several, with colons in between; any may be missing, but not all */
static int add_dirs(X509_STORE *store, const char *dirs, struct text why)
{
	bool found = false;
	const char *end;

	do {
		char *dir;
		int err;

		end = strchrnul(dirs, ':');
		dir = strndup(dirs, (size_t)(end - dirs));
		err = dir ? add_dir(store, dir, true, why) : -ENOMEM;
		free(dir);
		if (err && err != -KTLS_E_CA_FILE)
			return err;
		found |= !err;
		dirs = end + 1;
	} while (*end);
	return found ? 0 : -KTLS_E_CA_FILE;
}

/*
 * libcrypto's file, which may be missing; its directory then, or if the
 * environment names one: a system that has both says the same in either.  As
 * for libcrypto, beside a file that directory may be missing, too.
 */
static int add_system(X509_STORE *store, struct text why)
{
	const char *file = env(X509_get_default_cert_file_env());
	const char *dirs = env(X509_get_default_cert_dir_env());
	bool has_file;
	int err;

	if (!file)
		file = X509_get_default_cert_file();
	has_file = !access(file, R_OK);
	err = has_file ? add_text(store, file, NULL, true, why) : 0;
	if (err || (has_file && !dirs))
		return err;
	err = add_dirs(store, dirs ? dirs : X509_get_default_cert_dir(), why);
	if (has_file && err == -KTLS_E_CA_FILE)
		err = 0;
	if (!err)
		text_set(why, "%s", "");
	return err;
}

/* ---- what it is, in short ---------------------------------------------- */

static bool object_digest(const X509_OBJECT *o, uint8_t *out)
{
	const X509 *x = X509_OBJECT_get0_X509(o);
	const X509_CRL *crl = X509_OBJECT_get0_X509_CRL((X509_OBJECT *)o);

	return x ? X509_digest(x, EVP_sha256(), out, NULL) :
	       crl && X509_CRL_digest(crl, EVP_sha256(), out, NULL);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, TRUST_DIGEST_LEN);
}

static int make_digest(struct trust *t)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(t->store);
	size_t n = (size_t)sk_X509_OBJECT_num(objects);
	uint8_t *all = calloc(n + 1, TRUST_DIGEST_LEN);
	int err = all ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !err; i++)
		if (!object_digest(sk_X509_OBJECT_value(objects, (int)i),
				   all + i * TRUST_DIGEST_LEN))
			err = -KTLS_E_CRYPTO;
	if (!err)
		qsort(all, n, TRUST_DIGEST_LEN, compare);
	if (!err && !EVP_Digest(all, n * TRUST_DIGEST_LEN, t->digest, NULL,
				EVP_sha256(), NULL))
		err = -KTLS_E_CRYPTO;
	free(all);
	return err;
}

const uint8_t *trust_digest(const struct trust *trust)
{
	return trust->digest;
}

/*
 * Operators give the revocation lists that they have; an issuer without one is
 * not an error, one with an outdated one is.
 */
static int verify_callback(int ok, X509_STORE_CTX *ctx)
{
	if (!ok && X509_STORE_CTX_get_error(ctx) ==
	    X509_V_ERR_UNABLE_TO_GET_CRL) {
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
		return 1;
	}
	return ok;
}

/* What holds for every chain, those of OCSP responders as well */
static X509_STORE *new_store(void)
{
	X509_STORE *store = X509_STORE_new();

	if (!store)
		return NULL;
	X509_STORE_set_verify_cb(store, verify_callback);
	/* 112 bits, see x509.c */
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), 2);
	return store;
}

int trust_new(struct trust **trust, const char *ca_file, const char *ca_dir,
	      const char *ca_pem, struct text why)
{
	OSSL_SCOPE;
	struct trust *t = calloc(1, sizeof(*t));
	int err = 0;

	if (!t)
		return -ENOMEM;
	t->store = new_store();
	if (!t->store)
		err = -ENOMEM;
	else if (!ca_file && !ca_dir && !ca_pem)
		err = add_system(t->store, why);
	if (!err && ca_file)
		err = add_text(t->store, ca_file, NULL, false, why);
	if (!err && ca_dir)
		err = add_dir(t->store, ca_dir, false, why);
	if (!err && ca_pem)
		err = add_text(t->store, NULL, ca_pem, false, why);
	if (!err)
		err = make_digest(t);
	if (err) {
		trust_free(t);
		return err;
	}
	*trust = t;
	return 0;
}

void trust_free(struct trust *trust)
{
	if (!trust)
		return;
	X509_STORE_free(trust->store);
	free(trust);
}
