// SPDX-License-Identifier: MIT
/* What an OCSP response (RFC 6960) says of a certificate */
#include <errno.h>
#include <limits.h>
#include <time.h>

#include <openssl/ocsp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "x509_pem.h"

#define SKEW		300	/* seconds that clocks may differ */
#define AGE_MAX		604800	/* of one that does not say until when */
#define TLS_FEATURE_STATUS_REQUEST	5

AUTO_DEFINE(OCSP_RESPONSE)
AUTO_DEFINE(OCSP_BASICRESP)
AUTO_DEFINE(OCSP_CERTID)
AUTO_DEFINE(RSA_PSS_PARAMS)

static OCSP_BASICRESP *parse(struct slice der, const char **what)
{
	const uint8_t *p = der.p;
	AUTO(OCSP_RESPONSE) r = der.len > LONG_MAX ? NULL :
				d2i_OCSP_RESPONSE(NULL, &p, (long)der.len);
	OCSP_BASICRESP *basic = NULL;
	int status;

	*what = "does not parse";
	if (!r || p != der.p + der.len)
		return NULL;
	status = OCSP_response_status(r);
	if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		*what = OCSP_response_status_str(status);
	else
		basic = OCSP_response_get1_basic(r);
	return basic;
}

/* Its identifier of the certificate is made with a hash of its own choice */
static bool is_about(OCSP_SINGLERESP *single, X509 *x, X509 *issuer)
{
	const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
	AUTO(OCSP_CERTID) ours = NULL;
	ASN1_OBJECT *hash;
	const EVP_MD *md;

	if (!OCSP_id_get0_info(NULL, &hash, NULL, NULL, (OCSP_CERTID *)id))
		return false;
	md = EVP_get_digestbyobj(hash);
	ours = md ? OCSP_cert_to_id(md, x, issuer) : NULL;
	return ours && !OCSP_id_cmp(ours, id);
}

static OCSP_SINGLERESP *find(OCSP_BASICRESP *basic, X509 *x, X509 *issuer)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++)
		if (is_about(OCSP_resp_get0(basic, i), x, issuer))
			return OCSP_resp_get0(basic, i);
	return NULL;
}

/* The hash that is signed; NID_undef: the algorithm has its own */
static int signed_hash(const X509_ALGOR *alg)
{
	int nid = OBJ_obj2nid(alg->algorithm), md = NID_undef;
	AUTO(RSA_PSS_PARAMS) pss = NULL;

	if (nid != NID_rsassaPss) {
		OBJ_find_sigid_algs(nid, &md, NULL);
		return md;
	}
	pss = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS),
					alg->parameter);
	/* RFC 8017 A.2.3: the default */
	return pss && pss->hashAlgorithm ?
	       OBJ_obj2nid(pss->hashAlgorithm->algorithm) : NID_sha1;
}

#define HASH_MIN	28	/* bytes, for 112 bits: see x509.c */

/* As with certificates: no MD5, no SHA-1 (9846 4.5.2.4) */
static bool is_weak(OCSP_BASICRESP *basic)
{
	int nid = signed_hash(OCSP_resp_get0_tbs_sigalg(basic));
	const EVP_MD *md = EVP_get_digestbynid(nid);

	return nid != NID_undef && (!md || EVP_MD_get_size(md) < HASH_MIN);
}

/* By the issuer, or by one whom it lets (RFC 6960 4.2.2.2) */
static bool is_signed(OCSP_BASICRESP *basic, const struct peer_chain *peer,
		      const struct trust *trust)
{
	STACK_OF(X509) *certs = sk_X509_dup(peer->chain);
	bool ok = certs && sk_X509_push(certs, peer->issuer) &&
		  !is_weak(basic) &&
		  OCSP_basic_verify(basic, certs, trust->store, 0) > 0;

	sk_X509_free(certs);
	return ok;
}

/* Revocation has an alert of its own */
static int judge(OCSP_SINGLERESP *single, uint8_t *status, const char **what)
{
	ASN1_GENERALIZEDTIME *from, *until;
	int found = OCSP_single_get0_status(single, NULL, NULL, &from, &until);

	*what = "is not of this time";
	if (!OCSP_check_validity(from, until, SKEW, until ? -1 : AGE_MAX))
		return -KTLS_E_STATUS_BAD;
	*what = "certificate is revoked";
	if (found == V_OCSP_CERTSTATUS_REVOKED)
		return -KTLS_E_CERT_REVOKED;
	*status = found == V_OCSP_CERTSTATUS_GOOD ? KTLS_STATUS_GOOD :
						    KTLS_STATUS_UNKNOWN;
	return 0;
}

int peer_status(const struct peer_chain *peer, const struct trust *trust,
		struct slice response, uint8_t *status, struct text why)
{
	OSSL_SCOPE;
	const char *what;
	AUTO(OCSP_BASICRESP) basic = parse(response, &what);
	OCSP_SINGLERESP *single = NULL;
	int err = -KTLS_E_STATUS_BAD;

	if (basic && !peer->issuer)
		what = "is of a certificate that was not verified";
	else if (basic && !(single = find(basic, peer->leaf, peer->issuer)))
		what = "is not about the certificate";
	else if (basic && !is_signed(basic, peer, trust))
		what = "is not signed by whom it should be";
	else if (basic)
		err = judge(single, status, &what);
	if (err)
		text_set(why, "OCSP response: %s", what);
	return err;
}

bool peer_must_staple(const struct peer_chain *peer)
{
	OSSL_SCOPE;
	TLS_FEATURE *features = peer->leaf ?
		X509_get_ext_d2i(peer->leaf, NID_tlsfeature, NULL, NULL) :
		NULL;
	bool found = false;

	for (int i = 0; features && i < sk_ASN1_INTEGER_num(features); i++)
		found |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i))
			 == TLS_FEATURE_STATUS_REQUEST;
	TLS_FEATURE_free(features);
	return found;
}

/* ---- our own ----------------------------------------------------------- */

/* That of this certificate: without its issuer, the serial must do */
static OCSP_SINGLERESP *find_serial(OCSP_BASICRESP *basic, X509 *x)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *s = OCSP_resp_get0(basic, i);
		const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(s);
		ASN1_INTEGER *serial;

		if (OCSP_id_get0_info(NULL, NULL, NULL, &serial,
				      (OCSP_CERTID *)id) &&
		    !ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(x)))
			return s;
	}
	return NULL;
}

static time_t end_of(OCSP_SINGLERESP *single)
{
	ASN1_GENERALIZEDTIME *until = NULL;
	struct tm tm;

	OCSP_single_get0_status(single, NULL, NULL, NULL, &until);
	return until && ASN1_TIME_to_tm(until, &tm) ? timegm(&tm) : 0;
}

int cred_load_status(struct cred *cred, const char *path, struct text why)
{
	struct source s;
	int err = source_open(&s, path, NULL, "", -KTLS_E_CERT_FILE, why);
	AUTO(OCSP_BASICRESP) basic = NULL;
	OCSP_SINGLERESP *single = NULL;
	const char *what;

	if (!err) {
		basic = parse(wr_content(&s.file), &what);
		single = basic ? find_serial(basic, cred->leaf) : NULL;
	}
	if (!err && !single) {
		text_set(why, "%s: OCSP response: %s", path, basic ?
			 "is not about the certificate" : what);
		err = -KTLS_E_CERT_FILE;
	}
	if (!err) {
		cred->ocsp_until = end_of(single);
		wr_bytes(&cred->ocsp, s.file.buf, s.file.len);
		err = wr_ok(&cred->ocsp) ? 0 : -ENOMEM;
	}
	source_close(&s);
	return err;
}
