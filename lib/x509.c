// SPDX-License-Identifier: MIT
#include "x509.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "name.h"
#include "ossl.h"

void text_set(struct text t, const char *fmt, ...)
{
	va_list ap;

	if (!t.buf || !t.size)
		return;
	va_start(ap, fmt);
	vsnprintf(t.buf, t.size, fmt, ap);
	va_end(ap);
}

X509 *x509_parse(struct slice der, bool aux)
{
	const uint8_t *p = der.p;
	X509 *x;

	if (!der.len || der.len > LONG_MAX)
		return NULL;
	x = aux ? d2i_X509_AUX(NULL, &p, (long)der.len) :
	    d2i_X509(NULL, &p, (long)der.len);
	if (x && p != der.p + der.len) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

enum suite_auth x509_signed_by(X509 *x)
{
	int type;

	if (!X509_get_signature_info(x, NULL, &type, NULL, NULL))
		return AUTH_ANY;
	switch (type) {
	case NID_X9_62_id_ecPublicKey:
		return AUTH_ECDSA;
	case NID_rsaEncryption:
	case NID_rsassaPss:
		return AUTH_RSA;
	default:
		return AUTH_ANY;
	}
}

struct slice x509_public(X509 *x)
{
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);

	return (struct slice){ ASN1_STRING_get0_data(bits),
			       (size_t)ASN1_STRING_length(bits) };
}

/* ---- names ------------------------------------------------------------- */

/* RFC 9525: names are in subjectAltName, a wildcard is a whole label */
#define HOST_FLAGS	(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |		\
			 X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)

/*
 * Asked for, not certified: libcrypto would take a leading dot for "any name
 * under it", and a wildcard for itself.
 */
static bool is_host(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '*');
}

bool cred_is_for(const struct cred *cred, const char *name)
{
	OSSL_SCOPE;
	uint8_t ip[16];
	size_t ip_len = name_address(name, ip);

	if (cred->raw)
		return false;
	if (ip_len)
		return X509_check_ip(cred->leaf, ip, ip_len, 0) == 1;
	return is_host(name) &&
	       X509_check_host(cred->leaf, name, 0, HOST_FLAGS, NULL) == 1;
}

/* "CN = x, O = y", whatever is not printable ASCII escaped, cut to @size */
static void subject_text(const X509 *x, char *buf, size_t size)
{
	AUTO(BIO) bio = BIO_new(BIO_s_mem());
	int n = -1;

	if (!size)
		return;
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0,
				      XN_FLAG_ONELINE) >= 0)
		n = BIO_read(bio, buf, (int)(size < INT_MAX ? size : INT_MAX) -
			     1);
	buf[n > 0 ? n : 0] = '\0';
}

/* ---- the peer's chain -------------------------------------------------- */

void peer_free(struct peer_chain *peer)
{
	sk_X509_pop_free(peer->chain, X509_free);
	sk_X509_pop_free(peer->verified, X509_free);
	X509_free(peer->issuer);
	EVP_PKEY_free(peer->raw);
	*peer = (struct peer_chain){ .raw = NULL };
}

bool peer_copy(struct peer_chain *to, const struct peer_chain *from)
{
	OSSL_SCOPE;

	to->chain = X509_chain_up_ref(from->chain);
	to->verified = from->verified ? X509_chain_up_ref(from->verified) :
					NULL;
	if (!to->chain || !to->verified != !from->verified) {
		peer_free(to);
		return false;
	}
	to->leaf = sk_X509_value(to->chain, 0);
	to->issuer = from->issuer;
	if (to->issuer)
		X509_up_ref(to->issuer);
	return true;
}

int peer_add(struct peer_chain *peer, struct slice der)
{
	OSSL_SCOPE;
	X509 *x = x509_parse(der, false);

	if (!x)
		return ossl_blame(-KTLS_E_CERT_PARSE);
	if (!peer->chain)
		peer->chain = sk_X509_new_null();
	if (!peer->chain || !sk_X509_push(peer->chain, x)) {
		X509_free(x);
		return -ENOMEM;
	}
	if (!peer->leaf)
		peer->leaf = x;
	return 0;
}

bool peer_same(const struct peer_chain *a, const struct peer_chain *b)
{
	if (a->raw || b->raw)
		return a->raw && b->raw &&
		       !memcmp(a->raw_digest, b->raw_digest, RAW_DIGEST_LEN);
	if (!a->leaf || !b->leaf)
		return a->leaf == b->leaf;
	return !X509_cmp(a->leaf, b->leaf);
}

size_t peer_len(const struct peer_chain *peer)
{
	return peer->chain ? (size_t)sk_X509_num(peer->chain) : !!peer->raw;
}

int peer_der(const struct peer_chain *peer, size_t i, struct wr *w)
{
	OSSL_SCOPE;
	X509 *x = sk_X509_value(peer->chain, (int)i);
	EVP_PKEY *raw = peer->raw;
	int len = raw ? i2d_PUBKEY(raw, NULL) : i2d_X509(x, NULL);
	uint8_t *to = len > 0 ? wr_reserve(w, (size_t)len) : NULL;

	if (!to || (raw ? i2d_PUBKEY(raw, &to) : i2d_X509(x, &to)) != len)
		return -ENOMEM;
	w->len += (size_t)len;
	return 0;
}

void peer_reverse(struct peer_chain *peer)
{
	int n = sk_X509_num(peer->chain);

	for (int i = 0; i < n / 2; i++) {
		X509 *x = sk_X509_value(peer->chain, i);

		sk_X509_set(peer->chain, i,
			    sk_X509_value(peer->chain, n - 1 - i));
		sk_X509_set(peer->chain, n - 1 - i, x);
	}
	peer->leaf = sk_X509_value(peer->chain, 0);
}

/* 9846 4.5.2.2, RFC 4492 5.9: the bit must be set if the extension is there */
int peer_can(const struct peer_chain *peer, enum cert_use use,
	     struct text why)
{
	bool agree = use == CERT_AGREES;
	uint32_t bit = agree ? KU_KEY_AGREEMENT : KU_DIGITAL_SIGNATURE;
	OSSL_SCOPE;
	char subject[256];

	if (X509_get_key_usage(peer->leaf) & bit)
		return 0;
	subject_text(peer->leaf, subject, sizeof(subject));
	text_set(why, "certificate 1 of %zu (%s): key usage does not allow %s",
		 peer_len(peer), subject, agree ? "key agreement" :
						  "digital signatures");
	return -KTLS_E_CERT_USAGE;
}

static uint64_t chain_until(const STACK_OF(X509) *chain)
{
	uint64_t until = UINT64_MAX;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		const X509 *x = sk_X509_value(chain, i);
		struct tm tm;
		time_t t;

		if (!ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm))
			return 0;
		t = timegm(&tm);
		if (t < 0 || (uint64_t)t < until)
			until = t < 0 ? 0 : (uint64_t)t;
	}
	return until;
}

uint64_t peer_until(const struct peer_chain *peer)
{
	OSSL_SCOPE;

	return chain_until(peer->verified ? peer->verified : peer->chain);
}

struct evp_pkey_st *peer_key(const struct peer_chain *peer)
{
	OSSL_SCOPE;

	return peer->raw ? peer->raw : X509_get0_pubkey(peer->leaf);
}

enum suite_auth peer_signed_by(const struct peer_chain *peer)
{
	OSSL_SCOPE;

	return x509_signed_by(peer->leaf);
}

struct slice peer_public(const struct peer_chain *peer)
{
	return x509_public(peer->leaf);
}

void peer_subject(const struct peer_chain *peer, char *buf, size_t size)
{
	OSSL_SCOPE;

	if (peer->raw)
		raw_name(peer->raw_digest, buf, size);
	else if (peer->leaf)
		subject_text(peer->leaf, buf, size);
	else if (size)
		buf[0] = '\0';
}

/* ---- verification ------------------------------------------------------ */

static const struct {
	int x509;
	int err;
} verify_errors[] = {
	{ X509_V_ERR_OUT_OF_MEM,			ENOMEM },
	{ X509_V_ERR_CERT_NOT_YET_VALID,		KTLS_E_CERT_EXPIRED },
	{ X509_V_ERR_CERT_HAS_EXPIRED,			KTLS_E_CERT_EXPIRED },
	{ X509_V_ERR_CERT_REVOKED,			KTLS_E_CERT_REVOKED },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,		KTLS_E_CERT_ISSUER },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,	KTLS_E_CERT_ISSUER },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,	KTLS_E_CERT_ISSUER },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,	KTLS_E_CERT_ISSUER },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,		KTLS_E_CERT_ISSUER },
	{ X509_V_ERR_CERT_UNTRUSTED,			KTLS_E_CERT_ISSUER },
	{ X509_V_ERR_INVALID_CA,			KTLS_E_CERT_ISSUER },
	{ X509_V_ERR_KEYUSAGE_NO_CERTSIGN,		KTLS_E_CERT_ISSUER },
	{ X509_V_ERR_HOSTNAME_MISMATCH,			KTLS_E_CERT_NAME },
	{ X509_V_ERR_IP_ADDRESS_MISMATCH,		KTLS_E_CERT_NAME },
	{ X509_V_ERR_INVALID_PURPOSE,			KTLS_E_CERT_USAGE },
	{ X509_V_ERR_EE_KEY_TOO_SMALL,			KTLS_E_CERT_WEAK },
	{ X509_V_ERR_CA_KEY_TOO_SMALL,			KTLS_E_CERT_WEAK },
	{ X509_V_ERR_CA_MD_TOO_WEAK,			KTLS_E_CERT_WEAK },
	{ X509_V_ERR_CERT_CHAIN_TOO_LONG,		KTLS_E_CERT_CHAIN },
	{ X509_V_ERR_PATH_LENGTH_EXCEEDED,		KTLS_E_CERT_BAD },
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE,		KTLS_E_CERT_BAD },
	{ X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH,	KTLS_E_CERT_BAD },
	{ X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, KTLS_E_CERT_BAD },
	{ X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE,	KTLS_E_CERT_BAD },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD,	KTLS_E_CERT_BAD },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD,	KTLS_E_CERT_BAD },
	{ X509_V_ERR_INVALID_EXTENSION,			KTLS_E_CERT_BAD },
	{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION,	KTLS_E_CERT_BAD },
	{ X509_V_ERR_PERMITTED_VIOLATION,		KTLS_E_CERT_BAD },
	{ X509_V_ERR_EXCLUDED_VIOLATION,		KTLS_E_CERT_BAD },
};

static int verify_error(int x509)
{
	for (size_t i = 0; i < sizeof(verify_errors) / sizeof(*verify_errors);
	     i++)
		if (verify_errors[i].x509 == x509)
			return -verify_errors[i].err;
	return -KTLS_E_CERT_OTHER;
}

/* Which one it is, and what is wrong with it */
static void verify_text(const struct peer_chain *peer, X509_STORE_CTX *ctx,
			const char *name, struct text why)
{
	X509 *x = X509_STORE_CTX_get_current_cert(ctx);
	const char *what =
		X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	char subject[256] = "", which[64] = "trusted certificate";
	int i;

	if (!x) {
		text_set(why, "%s", what);
		return;
	}
	subject_text(x, subject, sizeof(subject));
	/* libcrypto's order is not the peer's, and has our own in it */
	for (i = 0; i < sk_X509_num(peer->chain); i++)
		if (!X509_cmp(x, sk_X509_value(peer->chain, i))) {
			snprintf(which, sizeof(which), "certificate %d of %zu",
				 i + 1, peer_len(peer));
			break;
		}
	if (verify_error(X509_STORE_CTX_get_error(ctx)) == -KTLS_E_CERT_NAME)
		text_set(why, "%s (%s): is not for \"%s\"", which, subject,
			 name);
	else
		text_set(why, "%s (%s): %s", which, subject, what);
}

static bool set_name(X509_VERIFY_PARAM *param, const char *name)
{
	uint8_t ip[16];
	size_t ip_len = name_address(name, ip);

	if (ip_len)
		return X509_VERIFY_PARAM_set1_ip(param, ip, ip_len);
	X509_VERIFY_PARAM_set_hostflags(param, HOST_FLAGS);
	return X509_VERIFY_PARAM_set1_host(param, name, 0);
}

#define DEPTH_MIN	10

static X509_STORE_CTX *verify_ctx(const struct peer_chain *peer,
				  const struct trust *trust,
				  enum ktls_role role, const char *name)
{
	const char *purpose = role == KTLS_SERVER ? "ssl_server" : "ssl_client";
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int depth = sk_X509_num(peer->chain);

	if (!ctx || !X509_STORE_CTX_init(ctx, trust->store, peer->leaf,
					 peer->chain) ||
	    !X509_STORE_CTX_set_default(ctx, purpose)) {
		X509_STORE_CTX_free(ctx);
		return NULL;
	}
	param = X509_STORE_CTX_get0_param(ctx);
	/* The caller bounds what a peer may send, this what is added to it */
	X509_VERIFY_PARAM_set_depth(param,
				    depth > DEPTH_MIN ? depth : DEPTH_MIN);
	/*
	 * 112 bits: no RSA under 2048, no SHA-1, no MD5 (9846 4.5.2.4), but
	 * for the signature on the anchor itself.
	 */
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	if (name && !set_name(param, name)) {
		X509_STORE_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* The root is its own */
static void keep_issuer(struct peer_chain *peer, STACK_OF(X509) *chain)
{
	X509 *issuer = sk_X509_value(chain, sk_X509_num(chain) > 1);

	X509_up_ref(issuer);
	X509_free(peer->issuer);
	peer->issuer = issuer;
}

int peer_verify(struct peer_chain *peer, const struct trust *trust,
		enum ktls_role role, const char *name, struct text why)
{
	OSSL_SCOPE;
	AUTO(X509_STORE_CTX) ctx = NULL;
	int err;

	if (name && !is_host(name)) {
		text_set(why, "\"%s\" is not a host name", name);
		return -KTLS_E_CERT_NAME;
	}
	ctx = verify_ctx(peer, trust, role, name);
	if (!ctx) {
		text_set(why, "libcrypto cannot begin to verify");
		return -KTLS_E_CRYPTO;
	}
	if (X509_verify_cert(ctx) > 0) {
		keep_issuer(peer, X509_STORE_CTX_get0_chain(ctx));
		sk_X509_pop_free(peer->verified, X509_free);
		peer->verified = X509_STORE_CTX_get1_chain(ctx);
		return peer->verified ? 0 : -ENOMEM;
	}
	err = X509_STORE_CTX_get_error(ctx);
	verify_text(peer, ctx, name, why);
	return err == X509_V_OK ? -KTLS_E_CRYPTO : verify_error(err);
}
