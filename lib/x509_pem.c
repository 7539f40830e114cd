// SPDX-License-Identifier: MIT
#include "x509_pem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

/* ---- where text comes from --------------------------------------------- */

#define SOURCE_MAX	(64 << 20)	/* no list of certificates is as long */

static int read_all(int fd, struct wr *w)
{
	ssize_t n;

	do {
		uint8_t *to = wr_reserve(w, 16384);

		if (!to)
			return ENOMEM;
		n = read(fd, to, 16384);
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0)
			w->len += (size_t)n;
		if (w->len > SOURCE_MAX)
			return EFBIG;
	} while (n);
	return 0;
}

/* Returns an errno */
static int source_read(struct source *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	s->name = path;
	if (fd < 0)
		return errno;
	err = read_all(fd, &s->file);
	close(fd);
	s->text = (const char *)s->file.buf;
	s->len = s->file.len;
	return err;
}

int source_open(struct source *s, const char *path, const char *pem,
		const char *pem_name, int err, struct text why)
{
	int error;

	*s = (struct source){ .name = pem_name };
	if (!path) {
		s->text = pem;
		s->len = strlen(pem);
		return 0;
	}
	error = source_read(s, path);
	if (!error)
		return 0;
	text_set(why, "%s: %s", path, ktls_strerror(error));
	return error == ENOMEM ? -ENOMEM : err;
}

void source_close(struct source *s)
{
	wr_free(&s->file);
}

static BIO *source_bio(const struct source *s)
{
	return BIO_new_mem_buf(s->text, (int)s->len);
}

/* ---- PEM --------------------------------------------------------------- */

void found_free(struct found *f)
{
	sk_X509_pop_free(f->certs, X509_free);
	sk_X509_CRL_pop_free(f->crls, X509_CRL_free);
}

int found_init(struct found *f)
{
	f->certs = sk_X509_new_null();
	f->crls = sk_X509_CRL_new_null();
	return f->certs && f->crls ? 0 : -ENOMEM;
}

/* One block: 0, -ENOMEM, or -EINVAL when it does not parse */
static int take_block(struct found *f, const char *type, struct slice der)
{
	const uint8_t *p = der.p;
	X509_CRL *crl;
	X509 *x;

	if (!strcmp(type, PEM_STRING_X509_CRL)) {
		crl = d2i_X509_CRL(NULL, &p, (long)der.len);
		if (!crl)
			return -EINVAL;
		if (sk_X509_CRL_push(f->crls, crl))
			return 0;
		X509_CRL_free(crl);
		return -ENOMEM;
	}
	if (strcmp(type, PEM_STRING_X509) &&
	    strcmp(type, PEM_STRING_X509_OLD) &&
	    strcmp(type, PEM_STRING_X509_TRUSTED))
		return 0;
	x = x509_parse(der, !strcmp(type, PEM_STRING_X509_TRUSTED));
	if (!x)
		return -EINVAL;
	if (sk_X509_push(f->certs, x))
		return 0;
	X509_free(x);
	return -ENOMEM;
}

/* The next block: 1, 0 at the end, -ENOMEM, -EINVAL with the reason in @what */
static int next_block(struct found *f, BIO *bio, const char **what)
{
	char *type, *header;
	unsigned char *data;
	long len;
	int err;

	*what = "does not parse";
	if (!PEM_read_bio(bio, &type, &header, &data, &len)) {
		unsigned long e = ERR_peek_last_error();

		if (ERR_GET_REASON(e) == PEM_R_NO_START_LINE)
			return 0;
		*what = ERR_reason_error_string(e);
		return -EINVAL;
	}
	err = take_block(f, type, (struct slice){ data, (size_t)len });
	OPENSSL_free(type);
	OPENSSL_free(header);
	OPENSSL_clear_free(data, (size_t)len);	/* it may be the key */
	return err ? err : 1;
}

int found_parse(struct found *f, const struct source *s, int err,
		struct text why)
{
	AUTO(BIO) bio = source_bio(s);
	const char *what;
	int more;

	if (!bio)
		return -ENOMEM;
	do {
		more = next_block(f, bio, &what);
	} while (more > 0);
	if (more != -EINVAL)
		return more;
	text_set(why, "%s: certificate %d: %s", s->name,
		 sk_X509_num(f->certs) + 1, what ? what : "malformed");
	return err;
}
