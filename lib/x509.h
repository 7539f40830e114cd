/* SPDX-License-Identifier: MIT */
/*
 * Certificates: our own (a chain, its key, what it can sign) and the peer's
 * (parsed, verified, its public key).  As with crypto.h, libcrypto's error
 * queue is left as it was found.
 */
#ifndef KTLS_X509_H
#define KTLS_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "include/ktls.h"
#include "crypto.h"

struct evp_pkey_st;

/* Where a reason in words goes: bounded, always terminated */
struct text {
	char *buf;
	size_t size;
};

__attribute__((format(printf, 2, 3)))
void text_set(struct text t, const char *fmt, ...);

/* ---- our credentials --------------------------------------------------- */

struct cert {
	uint8_t *der;
	size_t len;
	/*
	 * By its issuer; NULL: none of ours.  Without the issuer in the chain
	 * its key is taken to be of the kind that fits.  In 1.2, where ECDSA's
	 * schemes name no curve, it may be another.
	 */
	const struct sigscheme *signed_with, *signed_with12;
	bool self_signed;
	uint8_t *issuer;		/* Name */
	size_t issuer_len;
	uint8_t sha1[20], key_sha1[20];	/* RFC 6066 6 */
};

#define COMPRESS_MAX	3	/* algorithms of RFC 8879 */

/* A chain with its key; immutable after loading */
struct cred {
	struct evp_pkey_st *key;	/* NULL: it is elsewhere */
	struct evp_md_ctx_st *ready[SIGSCHEMES_MAX];	/* to sign with it */
	struct x509_st *leaf;		/* NULL: @raw */
	bool raw;			/* @chain is a SubjectPublicKeyInfo */
	struct cert *chain;
	size_t chain_len;
	/* handshake signature schemes that the key can make, best first */
	const struct sigscheme *schemes[SIGSCHEMES_MAX];
	size_t schemes_len;
	/* ... of TLS 1.2, and the suites' word for them */
	const struct sigscheme *schemes12[SIGSCHEMES_MAX];
	size_t schemes12_len;
	const struct group *group;	/* the key's curve, if it has one */
	enum suite_auth ecdh;		/* for which of ECDH_*; ANY: none */
	struct wr ocsp;			/* OCSPResponse; empty: none */
	time_t ocsp_until;		/* 0: it does not say */
	struct wr cert_url;		/* CertificateURL; empty: none */
	/*
	 * Bodies of CompressedCertificates, without @ocsp and with it, for each
	 * of the config's codecs; empty: not worth it.
	 */
	struct wr packed[2][COMPRESS_MAX];
	struct wr sct;			/* SignedCertificateTimestampList */
};

/*
 * Load one from files or memory.  -KTLS_E_CERT_FILE, _KEY_FILE, _KEY_MISMATCH,
 * -ENOMEM, the detail in @why: file, position, what is wrong with it.
 * @agrees: it need not be able to sign, if static ECDH may be done with it.
 */
int cred_load(struct cred *cred, const struct ktls_cred *from, bool agrees,
	      struct text why);
void cred_free(struct cred *cred);
/* Append what it signs to @w: @scheme is one of its */
int cred_sign(const struct cred *cred, const struct sigscheme *scheme,
	      struct slice msg, struct wr *w);
/* The certificate's key, borrowed, and how long its signatures may be */
struct evp_pkey_st *cred_public(const struct cred *cred);
size_t cred_sig_max(const struct cred *cred);
/* Is it for this host name (wildcards as RFC 9525) or IP address? */
bool cred_is_for(const struct cred *cred, const char *name);
/* Is one of its chain issued by one of @names (DistinguishedNames)? */
bool cred_issued_by(const struct cred *cred, struct slice names);
/* ... or the same as, or issued by, one of TrustedAuthoritys (RFC 6066 6)? */
bool cred_trusted_by(const struct cred *cred, struct slice authorities);

/* ---- trust ------------------------------------------------------------- */

struct trust;
/*
 * All NULL: the system's store.  -KTLS_E_CA_FILE, -ENOMEM.
 *
 * Everything is read here, directories as well, so that handshakes open no
 * files; what is not a root is trusted as the end of a chain; revocation lists
 * found beside the certificates are heeded.
 */
int trust_new(struct trust **trust, const char *ca_file, const char *ca_dir,
	      const char *ca_pem, struct text why);
void trust_free(struct trust *trust);
/* The same for whatever holds the same certificates and CRLs, in any order */
#define TRUST_DIGEST_LEN	32
const uint8_t *trust_digest(const struct trust *trust);
/*
 * Append the CAs as DistinguishedNames, each once, or as TrustedAuthoritys.
 * -KTLS_E_OPTION: more than @max bytes; -ENOMEM, -KTLS_E_CRYPTO.
 */
int trust_names(const struct trust *trust, struct wr *w, size_t max);
int trust_authorities(const struct trust *trust, struct wr *w, size_t max);

/* ---- oid_filters (x509_filter.c) --------------------------------------- */

#define FILTERS_MAX	16384	/* bytes of a server's */

/* Append OIDFilters; -KTLS_E_OPTION, -ENOMEM */
int filters_make(const struct ktls_oid_filter *filters, size_t n,
		 struct wr *w, struct text why);
/* Does @x say what @filters (OIDFilters) want, as far as we know these? */
bool x509_matches(struct x509_st *x, struct slice filters);

/* ---- the peer's chain -------------------------------------------------- */

#define RAW_DIGEST_LEN	32		/* SHA-256 */
#define RAW_PREFIX	"sha256:"	/* no subject begins so: "CN = ..." */
#define RAW_NAME_SIZE	(sizeof(RAW_PREFIX) + 2 * RAW_DIGEST_LEN)

struct peer_chain {
	struct evp_pkey_st *raw;	/* without a chain; NULL: none */
	uint8_t raw_digest[RAW_DIGEST_LEN];
	struct x509_st *leaf;
	struct stack_st_X509 *chain;	/* with the leaf */
	struct x509_st *issuer;		/* the leaf's, once verified */
	struct stack_st_X509 *verified;	/* leaf to anchor; NULL: it is not */
};

/* Raw public keys (RFC 7250; x509_raw.c): those that are trusted */
struct raw_trust;
/*
 * Public keys in PEM, a file of one in DER, SHA-256 hashes of them; each may
 * be NULL.  -KTLS_E_CA_FILE, _OPTION, -ENOMEM.
 */
int raw_trust_new(struct raw_trust **trust, const char *file,
		  const char *pem, const char *hashes, struct text why);
void raw_trust_free(struct raw_trust *trust);
/* The same for the same keys */
struct slice raw_trust_digests(const struct raw_trust *trust);
/* The peer's SubjectPublicKeyInfo; -KTLS_E_CERT_PARSE (also trailing bytes) */
int peer_add_raw(struct peer_chain *peer, struct slice der);
/* -KTLS_E_RAW_KEY, _CERT_WEAK */
int peer_verify_raw(const struct peer_chain *peer,
		    const struct raw_trust *trust, struct text why);
/* What it is called: RAW_PREFIX, hex; cut to @size */
void raw_name(const uint8_t digest[RAW_DIGEST_LEN], char *buf, size_t size);

void peer_free(struct peer_chain *peer);
/* @from, which has certificates, once more, to @to, which is empty */
bool peer_copy(struct peer_chain *to, const struct peer_chain *from);
/* Append one DER certificate; -KTLS_E_CERT_PARSE (also trailing bytes) */
int peer_add(struct peer_chain *peer, struct slice der);
size_t peer_len(const struct peer_chain *peer);
/* Append number @i as DER to @w, as it came */
int peer_der(const struct peer_chain *peer, size_t i, struct wr *w);
/* ... that of the leaf's issuer, once verified */
int peer_issuer_der(const struct peer_chain *peer, struct wr *w);
/* What was added root first */
void peer_reverse(struct peer_chain *peer);
/*
 * Verify as @role's chain at the present time, against @name (host name or IP
 * address; NULL: any).  -KTLS_E_CERT_*; the detail ("certificate 1 of 2
 * (CN = ...): ...") in @why.
 */
int peer_verify(struct peer_chain *peer, const struct trust *trust,
		enum ktls_role role, const char *name, struct text why);
/*
 * Are the signatures of the verified chain, but for that of its anchor, made
 * with @schemes (9846 4.3.3)?  In 1.2 (@any_curve) a scheme of ECDSA does not
 * say on which curve.  -KTLS_E_CERT_SIGALG.
 */
int peer_signed_with(const struct peer_chain *peer, struct slice schemes,
		     bool any_curve, struct text why);
/*
 * May the leaf's key sign handshakes, or agree on their keys (key usage)?
 * -KTLS_E_CERT_USAGE.  Holds even where nothing is verified.
 */
enum cert_use { CERT_SIGNS, CERT_AGREES };
int peer_can(const struct peer_chain *peer, enum cert_use use,
	     struct text why);
/* Are both for the same leaf, or both empty? */
bool peer_same(const struct peer_chain *a, const struct peer_chain *b);
/* Borrowed from the leaf, or NULL */
struct evp_pkey_st *peer_key(const struct peer_chain *peer);
/* ... its bytes, an EC key's point; and of which kind the leaf's signature is */
struct slice peer_public(const struct peer_chain *peer);
enum suite_auth peer_signed_by(const struct peer_chain *peer);
/*
 * What an OCSP response says of the leaf of a verified chain, a KTLS_STATUS_*.
 * -KTLS_E_STATUS_BAD, -KTLS_E_CERT_REVOKED.
 */
int peer_status(const struct peer_chain *peer, const struct trust *trust,
		struct slice response, uint8_t *status, struct text why);
/* Does the leaf say that its status must come with it (RFC 7633)? */
bool peer_must_staple(const struct peer_chain *peer);
void peer_subject(const struct peer_chain *peer, char *buf, size_t size);
/*
 * Seconds since the epoch at which the first certificate expires of those that
 * it has been verified by, or, where that was done elsewhere, of all
 */
uint64_t peer_until(const struct peer_chain *peer);

#endif /* KTLS_X509_H */
