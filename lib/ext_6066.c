// SPDX-License-Identifier: MIT
#include "ext_6066.h"

/* ---- server_name (RFC 6066 3) ------------------------------------------ */

/* Of the list only the host name has ever been defined */
void parse_server_name(struct rd *r, enum ext_where where,
		       struct exts *e)
{
	struct rd list;

	if (where != IN_CH)
		return;
	list = rd_vec(r, 2);
	if (!rd_more(&list))
		rd_fail(r);
	while (rd_more(&list)) {
		uint8_t type = rd_u8(&list);
		struct slice name = rd_opaque(&list, 2);

		/* a name of no length, two of a type, or a NUL inside */
		if (!name.len || name.len > 255 || e->server_name.len ||
		    memchr(name.p, 0, name.len))
			rd_fail(&list);
		else if (type == 0)
			e->server_name = name;
	}
}

void write_server_name(struct wr *w, enum ext_where where,
		       const struct exts *e)
{
	if (where != IN_CH)
		return;
	wr_vec(w, 2) {
		wr_u8(w, 0);
		wr_opaque(w, 2, e->server_name);
	}
}

/* ---- record sizes (RFC 6066 4, RFC 8449 4) ----------------------------- */

void parse_max_fragment(struct rd *r, enum ext_where where, struct exts *e)
{
	(void)where;
	e->max_fragment = rd_u8(r);
}

void write_max_fragment(struct wr *w, enum ext_where where,
			const struct exts *e)
{
	(void)where;
	wr_u8(w, e->max_fragment);
}

void parse_record_limit(struct rd *r, enum ext_where where, struct exts *e)
{
	(void)where;
	e->record_limit = rd_u16(r);
}

void write_record_limit(struct wr *w, enum ext_where where,
			const struct exts *e)
{
	(void)where;
	wr_u16(w, e->record_limit);
}

/* ---- trusted_ca_keys (RFC 6066 6) -------------------------------------- */

static void rd_authority(struct rd *list)
{
	switch (rd_u8(list)) {
	case CA_PRE_AGREED:
		break;
	case CA_KEY_SHA1:
	case CA_CERT_SHA1:
		rd_take(list, SHA1_LEN);
		break;
	case CA_NAME:
		if (!rd_opaque(list, 2).len)
			rd_fail(list);
		break;
	default:
		/* of a form unknown, and hence of a length unknown */
		rd_fail(list);
	}
}

void parse_trusted_cas(struct rd *r, enum ext_where where, struct exts *e)
{
	struct rd list;

	if (where != IN_CH)
		return;
	e->trusted_cas = rd_opaque(r, 2);
	list = rd_init(e->trusted_cas.p, e->trusted_cas.len, r->bad);
	while (rd_more(&list))
		rd_authority(&list);
}

void write_trusted_cas(struct wr *w, enum ext_where where,
		       const struct exts *e)
{
	if (where == IN_CH)
		wr_opaque(w, 2, e->trusted_cas);
}

/* ---- status_request (RFC 6066 8, RFC 9846 4.5.1.1) --------------------- */

void rd_status(struct rd *r, uint8_t *type, struct slice *response)
{
	*type = rd_u8(r);
	*response = rd_opaque(r, 3);
	if (*type != STATUS_OCSP || !response->len)
		rd_fail(r);
}

void wr_status(struct wr *w, struct slice response)
{
	wr_u8(w, STATUS_OCSP);
	wr_opaque(w, 3, response);
}

static void parse_ocsp_request(struct rd *r)
{
	struct rd responders = rd_vec(r, 2);

	while (rd_more(&responders))
		if (!rd_opaque(&responders, 2).len)
			rd_fail(&responders);
	rd_opaque(r, 2);	/* Extensions */
}

void parse_status_request(struct rd *r, enum ext_where where, struct exts *e)
{
	if (where == IN_CT) {
		rd_status(r, &e->status_type, &e->status);
	} else if (where == IN_CH) {
		e->status_type = rd_u8(r);
		if (e->status_type == STATUS_OCSP)
			parse_ocsp_request(r);
		else
			rd_rest(r);
	}
}

/* Of any responder, without extensions */
void write_status_request(struct wr *w, enum ext_where where,
			  const struct exts *e)
{
	if (where == IN_CT) {
		wr_status(w, e->status);
	} else if (where == IN_CH) {
		wr_u8(w, STATUS_OCSP);
		wr_u16(w, 0);
		wr_u16(w, 0);
	}
}

/* ---- user_mapping (RFC 4681 2) ----------------------------------------- */

void parse_user_mapping(struct rd *r, enum ext_where where, struct exts *e)
{
	(void)where;
	e->user_mapping = rd_nonempty(r, 1);
}

void write_user_mapping(struct wr *w, enum ext_where where,
			const struct exts *e)
{
	(void)where;
	wr_opaque(w, 1, e->user_mapping);
}
