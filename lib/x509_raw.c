// SPDX-License-Identifier: MIT
/* Raw public keys (RFC 7250): ours, the peer's, and those that are trusted */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "x509_pem.h"

/* Bits of security, as for certificates: see x509.c */
#define SECURITY_MIN	112

/* ---- ours -------------------------------------------------------------- */

static int spki_of(struct cred *cred)
{
	struct cert *c;
	int len;

	cred->chain = calloc(1, sizeof(*cred->chain));
	if (!cred->chain)
		return -ENOMEM;
	c = &cred->chain[cred->chain_len++];
	c->self_signed = true;
	len = i2d_PUBKEY(cred->key, &c->der);
	if (len <= 0)
		return -ENOMEM;
	c->len = (size_t)len;
	return 0;
}

int cred_load_raw(struct cred *cred, const struct ktls_cred *from,
		  struct text why)
{
	struct source s;
	int err;

	cred->raw = true;
	if (from->ocsp_file || from->sct_file || from->url ||
	    from->cert_urls) {
		text_set(why, "a raw public key has no OCSP response, no SCTs "
			 "and no URL");
		return -KTLS_E_OPTION;
	}
	err = source_open(&s, from->key_file, from->key_pem, "key_pem",
			  -KTLS_E_KEY_FILE, why);
	if (!err)
		err = cred_load_key(cred, &s, why);
	for (size_t i = 0; !err && i < sigschemes_len; i++)
		if (sigschemes[i].tls13 && sig_fits(&sigschemes[i], cred->key))
			cred->schemes[cred->schemes_len++] = &sigschemes[i];
	if (!err && !cred->schemes_len) {
		text_set(why, "%s: no TLS signature scheme for a key of its "
			 "kind", s.name);
		err = -KTLS_E_KEY_FILE;
	}
	source_close(&s);
	return err ? err : spki_of(cred);
}

/* ---- whom we trust ----------------------------------------------------- */

#define DIGEST_LEN	RAW_DIGEST_LEN

/* SHA-256 of SubjectPublicKeyInfos, in ascending order */
struct raw_trust {
	struct wr digests;
};

static EVP_PKEY *spki_parse(struct slice der)
{
	const uint8_t *p = der.p;
	EVP_PKEY *key;

	if (!der.len || der.len > LONG_MAX)
		return NULL;
	key = d2i_PUBKEY(NULL, &p, (long)der.len);
	if (key && p != der.p + der.len) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

static int add_spki(struct raw_trust *t, struct slice der)
{
	AUTO(EVP_PKEY) key = spki_parse(der);
	uint8_t digest[DIGEST_LEN];

	if (!key)
		return -EINVAL;
	if (!EVP_Digest(der.p, der.len, digest, NULL, EVP_sha256(), NULL))
		return -KTLS_E_CRYPTO;
	wr_bytes(&t->digests, digest, sizeof(digest));
	return 0;
}

/* The next block: 1, 0 at the end, -EINVAL: something else, or malformed */
static int next_key(struct raw_trust *t, BIO *bio)
{
	char *type, *header;
	unsigned char *data;
	long len;
	int err = -EINVAL;

	if (!PEM_read_bio(bio, &type, &header, &data, &len))
		return ERR_GET_REASON(ERR_peek_last_error()) ==
		       PEM_R_NO_START_LINE ? 0 : -EINVAL;
	if (!strcmp(type, PEM_STRING_PUBLIC))
		err = add_spki(t, (struct slice){ data, (size_t)len });
	OPENSSL_free(type);
	OPENSSL_free(header);
	OPENSSL_clear_free(data, (size_t)len);
	return err ? err : 1;
}

/* PEM, or one key in DER */
static int add_source(struct raw_trust *t, const struct source *s,
		      struct text why)
{
	AUTO(BIO) bio = BIO_new_mem_buf(s->text, (int)s->len);
	size_t before = t->digests.len;
	int more;

	if (!bio)
		return -ENOMEM;
	if (s->len && s->text[0] == 0x30)
		more = add_spki(t, (struct slice){ (const uint8_t *)s->text,
						   s->len });
	else
		do {
			more = next_key(t, bio);
		} while (more > 0);
	if (!more && t->digests.len == before)
		text_set(why, "%s: no public key found", s->name);
	else if (more == -EINVAL)
		text_set(why, "%s: public key %zu: does not parse", s->name,
			 (t->digests.len - before) / DIGEST_LEN + 1);
	else
		return more;
	return -KTLS_E_CA_FILE;
}

static int add_text(struct raw_trust *t, const char *path, const char *pem,
		    struct text why)
{
	struct source s;
	int err = source_open(&s, path, pem, "raw_keys_pem", -KTLS_E_CA_FILE,
			      why);

	if (!err)
		err = add_source(t, &s, why);
	source_close(&s);
	return err;
}

static int hex_value(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* Hex digits, separated by colons */
static int add_hashes(struct raw_trust *t, const char *list, struct text why)
{
	do {
		size_t len = strcspn(list, ":");

		if (len != 2 * DIGEST_LEN ||
		    strspn(list, "0123456789abcdefABCDEF") < len) {
			text_set(why, "\"%.*s\" is not a SHA-256 hash in %d "
				 "hex digits", (int)(len < 80 ? len : 80),
				 list, 2 * DIGEST_LEN);
			return -KTLS_E_OPTION;
		}
		for (size_t i = 0; i < len; i += 2)
			wr_u8(&t->digests, (uint8_t)(hex_value(list[i]) << 4 |
						     hex_value(list[i + 1])));
		list += len;
	} while (*list++);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_LEN);
}

int raw_trust_new(struct raw_trust **trust, const char *file,
		  const char *pem, const char *hashes, struct text why)
{
	OSSL_SCOPE;
	struct raw_trust *t = calloc(1, sizeof(*t));
	int err = 0;

	if (!t)
		return -ENOMEM;
	if (file)
		err = add_text(t, file, NULL, why);
	if (!err && pem)
		err = add_text(t, NULL, pem, why);
	if (!err && hashes)
		err = add_hashes(t, hashes, why);
	if (!err && !wr_ok(&t->digests))
		err = -ENOMEM;
	if (err) {
		raw_trust_free(t);
		return err;
	}
	qsort(t->digests.buf, t->digests.len / DIGEST_LEN, DIGEST_LEN,
	      compare);
	*trust = t;
	return 0;
}

void raw_trust_free(struct raw_trust *trust)
{
	if (!trust)
		return;
	wr_free(&trust->digests);
	free(trust);
}

struct slice raw_trust_digests(const struct raw_trust *trust)
{
	return wr_content(&trust->digests);
}

/* ---- the peer's -------------------------------------------------------- */

/* The one form that its hash is of */
static bool is_der(EVP_PKEY *key, struct slice der)
{
	uint8_t *again = NULL;
	int len = i2d_PUBKEY(key, &again);
	bool same = len > 0 && slice_eq(der, (struct slice){ again,
							     (size_t)len });

	OPENSSL_free(again);
	return same;
}

int peer_add_raw(struct peer_chain *peer, struct slice der)
{
	OSSL_SCOPE;
	EVP_PKEY *key = spki_parse(der);

	if (!key)
		return ossl_blame(-KTLS_E_CERT_PARSE);
	if (!is_der(key, der)) {
		EVP_PKEY_free(key);
		return -KTLS_E_CERT_PARSE;
	}
	EVP_PKEY_free(peer->raw);
	peer->raw = key;
	return EVP_Digest(der.p, der.len, peer->raw_digest, NULL, EVP_sha256(),
			  NULL) ? 0 : -KTLS_E_CRYPTO;
}

int peer_verify_raw(const struct peer_chain *peer,
		    const struct raw_trust *trust, struct text why)
{
	OSSL_SCOPE;
	char name[RAW_NAME_SIZE];

	raw_name(peer->raw_digest, name, sizeof(name));
	if (!bsearch(peer->raw_digest, trust->digests.buf,
		     trust->digests.len / DIGEST_LEN, DIGEST_LEN, compare)) {
		text_set(why, "raw public key %s is not one of those that "
			 "are trusted", name);
		return -KTLS_E_RAW_KEY;
	}
	if (EVP_PKEY_get_security_bits(peer->raw) < SECURITY_MIN) {
		text_set(why, "raw public key %s is too weak", name);
		return -KTLS_E_CERT_WEAK;
	}
	return 0;
}

void raw_name(const uint8_t digest[RAW_DIGEST_LEN], char *buf, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	char name[RAW_NAME_SIZE] = RAW_PREFIX;
	char *p = name + strlen(name);

	for (size_t i = 0; i < DIGEST_LEN; i++) {
		*p++ = hex[digest[i] >> 4];
		*p++ = hex[digest[i] & 15];
	}
	*p = 0;
	if (size) {
		strncpy(buf, name, size - 1);
		buf[size - 1] = 0;
	}
}
