// SPDX-License-Identifier: MIT
#include "cert_url.h"

#include <errno.h>

#include "ext.h"
#include "msg12.h"

#define DER_SEQUENCE	0x30

/* ---- URLs -------------------------------------------------------------- */

static bool is_alpha(uint8_t c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_one_of(uint8_t c, const char *set)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || (c && strchr(set, c));
}

/* RFC 3986 3.1, and 2 without the fragment's '#' */
bool cert_url_valid(struct slice url)
{
	size_t i = 0;

	if (!url.len || url.len > CERT_URL_MAX || !is_alpha(url.p[0]))
		return false;
	while (i < url.len && is_one_of(url.p[i], "+-."))
		i++;
	if (i + 1 >= url.len || url.p[i] != ':')
		return false;
	while (i < url.len && is_one_of(url.p[i], "-._~:/?[]@!$&'()*+,;=%"))
		i++;
	return i == url.len;
}

/* ---- PkiPath (10.1) ---------------------------------------------------- */

/* DER's shortest form of a length, below 2^24 */
static uint32_t rd_der_length(struct rd *r)
{
	uint8_t first = rd_u8(r);
	unsigned int bytes = first & 0x7f;
	uint32_t len;

	if (first < 0x80)
		return first;
	if (!bytes || bytes > 3) {
		rd_fail(r);
		return 0;
	}
	len = rd_uint(r, bytes);
	if (len < 0x80 || !(len >> 8 * (bytes - 1)))
		rd_fail(r);
	return len;
}

static struct slice rd_sequence(struct rd *r)
{
	if (rd_u8(r) != DER_SEQUENCE)
		rd_fail(r);
	return rd_take(r, rd_der_length(r));
}

int parse_pkipath(struct slice path, struct slice *list)
{
	bool bad = false;
	struct rd r = rd_init(path.p, path.len, &bad);

	*list = rd_sequence(&r);
	rd_end(&r);
	return bad || !list->len ? -KTLS_E_CERT_PARSE : 0;
}

int parse_pkipath_entry(struct slice *list, struct slice *der)
{
	bool bad = false;
	struct rd r = rd_init(list->p, list->len, &bad);

	if (!rd_more(&r))
		return 0;
	rd_sequence(&r);
	if (bad)
		return -KTLS_E_CERT_PARSE;
	*der = (struct slice){ list->p, (size_t)(r.p - list->p) };
	*list = rd_rest(&r);
	return 1;
}

static void wr_der_length(struct wr *w, size_t len)
{
	unsigned int bytes = len > 0xffff ? 3 : len > 0xff ? 2 : 1;

	if (len >= 0x80)
		wr_u8(w, (uint8_t)(0x80 | bytes));
	wr_uint(w, (uint32_t)len, bytes);
}

/* The root first: each certifies the next */
static int write_pkipath(struct wr *w, const struct cred *cred)
{
	size_t len = 0;

	for (size_t i = 0; i < cred->chain_len; i++)
		len += cred->chain[i].len;
	if (len >= 1u << 24)
		return -KTLS_E_OPTION;
	wr_u8(w, DER_SEQUENCE);
	wr_der_length(w, len);
	for (size_t i = cred->chain_len; i--; )
		wr_bytes(w, cred->chain[i].der, cred->chain[i].len);
	return wr_ok(w) ? 0 : -ENOMEM;
}

/* ---- our CertificateURL ------------------------------------------------ */

/* URLAndHash */
static int write_entry(struct wr *w, const struct crypto *crypto,
		       struct slice url, struct slice at)
{
	uint8_t digest[SHA1_LEN];

	if (!cert_url_valid(url))
		return -KTLS_E_OPTION;
	wr_opaque(w, 2, url);
	wr_u8(w, CERT_URL_PADDING);
	if (sha1(crypto, at, digest))
		return -KTLS_E_CRYPTO;
	wr_bytes(w, digest, sizeof(digest));
	return 0;
}

static struct slice next_url(const char **list)
{
	struct slice url;

	*list += strspn(*list, " ");
	url = (struct slice){ (const uint8_t *)*list, strcspn(*list, " ") };
	*list += url.len;
	*list += strspn(*list, " ");
	return url;
}

/* One for each certificate, in the chain's order */
static int write_individual(struct wr *w, const struct cred *cred,
			    const struct crypto *crypto, const char *urls)
{
	int err = 0;

	for (size_t i = 0; i < cred->chain_len && !err; i++)
		err = write_entry(w, crypto, next_url(&urls), (struct slice){
				  cred->chain[i].der, cred->chain[i].len });
	return !err && *urls ? -KTLS_E_OPTION : err;
}

static int write_path(struct wr *w, const struct cred *cred,
		      const struct crypto *crypto, const char *url)
{
	struct wr path = { 0 };
	int err = write_pkipath(&path, cred);

	if (!err)
		err = write_entry(w, crypto, (struct slice){
				  (const uint8_t *)url, strlen(url) },
				  wr_content(&path));
	wr_free(&path);
	return err;
}

int cert_url_make(struct cred *cred, const struct crypto *crypto,
		  const struct ktls_cred *from, struct text why)
{
	struct wr *w = &cred->cert_url;
	int err = 0;

	if (!from->url && !from->cert_urls)
		return 0;
	if (from->url && from->cert_urls) {
		text_set(why, "credential with both url and cert_urls");
		return -KTLS_E_OPTION;
	}
	wr_u8(w, from->url ? CERT_PKIPATH : CERT_INDIVIDUAL);
	wr_vec(w, 2)
		err = from->url ?
		      write_path(w, cred, crypto, from->url) :
		      write_individual(w, cred, crypto, from->cert_urls);
	if (!err && !wr_ok(w))
		err = -ENOMEM;
	if (err == -KTLS_E_OPTION && from->url)
		text_set(why, "url is not one URL of at most %d characters",
			 CERT_URL_MAX);
	else if (err == -KTLS_E_OPTION)
		text_set(why, "cert_urls is not one URL of at most %d "
			 "characters for each of %zu certificates",
			 CERT_URL_MAX, cred->chain_len);
	return err;
}
