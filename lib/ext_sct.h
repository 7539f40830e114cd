/* SPDX-License-Identifier: MIT */
/* signed_certificate_timestamp (RFC 6962 3.3), for the table in ext.c */
#ifndef KTLS_EXT_SCT_H
#define KTLS_EXT_SCT_H

#include "ext.h"

void parse_sct(struct rd *r, enum ext_where where, struct exts *e);
void write_sct(struct wr *w, enum ext_where where, const struct exts *e);

#endif /* KTLS_EXT_SCT_H */
