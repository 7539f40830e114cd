/* SPDX-License-Identifier: MIT */
/*
 * client_certificate_url (RFC 6066 5, 10.1): the URLs of a chain, and the
 * PkiPath that may stand at one.
 */
#ifndef KTLS_CERT_URL_H
#define KTLS_CERT_URL_H

#include "x509.h"

#define CERT_URL_MAX	1024

/* CertChainType */
enum { CERT_INDIVIDUAL, CERT_PKIPATH };

/* An absolute URI (RFC 3986 4.3) by its scheme, characters and length */
bool cert_url_valid(struct slice url);

/* What is in a PkiPath, and its next certificate: as parsers in msg12.h */
int parse_pkipath(struct slice path, struct slice *list);
int parse_pkipath_entry(struct slice *list, struct slice *der);

/*
 * The CertificateURL that @from asks for into @cred->cert_url; none: empty.
 * -KTLS_E_OPTION, -ENOMEM, -KTLS_E_CRYPTO.
 */
int cert_url_make(struct cred *cred, const struct crypto *crypto,
		  const struct ktls_cred *from, struct text why);

#endif /* KTLS_CERT_URL_H */
