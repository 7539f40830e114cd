// SPDX-License-Identifier: MIT
#include "ext_cert.h"

/* ---- compress_certificate (RFC 8879 3) --------------------------------- */

void parse_compress_certificate(struct rd *r, enum ext_where where,
				struct exts *e)
{
	(void)where;
	e->compress = rd_u16s(r, 1);
}

void write_compress_certificate(struct wr *w, enum ext_where where,
				const struct exts *e)
{
	(void)where;
	wr_opaque(w, 1, e->compress);
}
