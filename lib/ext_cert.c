// SPDX-License-Identifier: MIT
#include "ext_cert.h"

/* ---- client_, server_certificate_type (RFC 7250 3) --------------------- */

/* A list, best first; the answer is one of it */
static struct slice parse_types(struct rd *r, enum ext_where where)
{
	return where == IN_CH ? rd_nonempty(r, 1) : rd_take(r, 1);
}

static void write_types(struct wr *w, enum ext_where where,
			struct slice types)
{
	if (where == IN_CH)
		wr_opaque(w, 1, types);
	else
		wr_slice(w, types);
}

void parse_client_types(struct rd *r, enum ext_where where, struct exts *e)
{
	e->client_types = parse_types(r, where);
}

void parse_server_types(struct rd *r, enum ext_where where, struct exts *e)
{
	e->server_types = parse_types(r, where);
}

void write_client_types(struct wr *w, enum ext_where where,
			const struct exts *e)
{
	write_types(w, where, e->client_types);
}

void write_server_types(struct wr *w, enum ext_where where,
			const struct exts *e)
{
	write_types(w, where, e->server_types);
}

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
