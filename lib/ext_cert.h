/* SPDX-License-Identifier: MIT */
/* Extensions about the form of certificates, for the table in ext.c */
#ifndef KTLS_EXT_CERT_H
#define KTLS_EXT_CERT_H

#include "ext.h"

/* RFC 7250 3 */
void parse_client_types(struct rd *r, enum ext_where where, struct exts *e);
void parse_server_types(struct rd *r, enum ext_where where, struct exts *e);
void write_client_types(struct wr *w, enum ext_where where,
			const struct exts *e);
void write_server_types(struct wr *w, enum ext_where where,
			const struct exts *e);

/* RFC 8879 3 */
void parse_compress_certificate(struct rd *r, enum ext_where where,
				struct exts *e);
void write_compress_certificate(struct wr *w, enum ext_where where,
				const struct exts *e);

#endif /* KTLS_EXT_CERT_H */
