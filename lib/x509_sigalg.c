// SPDX-License-Identifier: MIT
/* With what certificates are signed, in the terms of TLS */
#include <openssl/x509v3.h>

#include "ext.h"
#include "x509_pem.h"

/* Hash and algorithm are in it; curve, and which kind of RSA key, in @issuer */
const struct sigscheme *x509_signed_with(X509 *x, X509 *issuer, bool any_curve)
{
	bool (*fits)(const struct sigscheme *scheme, EVP_PKEY *key) =
		any_curve ? sig_fits12 : sig_fits;
	EVP_PKEY *key = issuer ? X509_get0_pubkey(issuer) : NULL;
	int md, type;
	uint32_t flags;

	if (!X509_get_signature_info(x, &md, &type, NULL, &flags))
		return NULL;
	for (size_t i = 0; i < sigschemes_len; i++) {
		const struct sigscheme *s = &sigschemes[i];
		static const int types[] = {
			[SIG_ECDSA] = NID_X9_62_id_ecPublicKey,
			[SIG_RSA_PKCS1] = NID_rsaEncryption,
			[SIG_RSA_PSS] = NID_rsassaPss,
		};
		bool same = s->kind == SIG_EDDSA ?
			    type == OBJ_sn2nid(s->key_type) :
			    type == types[s->kind] &&
			    md == OBJ_sn2nid(s->digest);

		/* other salts than TLS's have no scheme */
		if (s->kind == SIG_RSA_PSS && !(flags & X509_SIG_INFO_TLS))
			same = false;
		if (same && (!key || fits(s, key)))
			return s;
	}
	return NULL;
}

int peer_signed_with(const struct peer_chain *peer, struct slice schemes,
		     bool any_curve, struct text why)
{
	int n = sk_X509_num(peer->verified);
	OSSL_SCOPE;

	/* the anchor is trusted, whatever it is signed with */
	for (int i = 0; i + 1 < n; i++) {
		X509 *x = sk_X509_value(peer->verified, i);
		const struct sigscheme *s = x509_signed_with(x,
			sk_X509_value(peer->verified, i + 1), any_curve);

		if (s && u16s_have(schemes, s->id))
			continue;
		text_set(why, "certificate %d of the verified %d is signed "
			 "with %s", i + 1, n, s ? s->name :
			 OBJ_nid2ln(X509_get_signature_nid(x)));
		return -KTLS_E_CERT_SIGALG;
	}
	return 0;
}
