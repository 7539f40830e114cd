// SPDX-License-Identifier: MIT
/* What goes with signed_certificate_timestamp, on either side */
#include <errno.h>

#include "ext.h"
#include "x509_pem.h"

int cred_load_sct(struct cred *cred, const char *path, struct text why)
{
	struct source s;
	int err = source_open(&s, path, NULL, "", -KTLS_E_CERT_FILE, why);

	if (!err && !scts_valid(wr_content(&s.file))) {
		text_set(why, "%s: is not a SignedCertificateTimestampList",
			 path);
		err = -KTLS_E_CERT_FILE;
	}
	if (!err) {
		wr_bytes(&cred->sct, s.file.buf, s.file.len);
		err = wr_ok(&cred->sct) ? 0 : -ENOMEM;
	}
	source_close(&s);
	return err;
}

int peer_issuer_der(const struct peer_chain *peer, struct wr *w)
{
	OSSL_SCOPE;
	unsigned char *der = NULL;
	int len = i2d_X509(peer->issuer, &der);

	if (len <= 0)
		return -ENOMEM;
	wr_bytes(w, der, (size_t)len);
	OPENSSL_free(der);
	return wr_ok(w) ? 0 : -ENOMEM;
}
