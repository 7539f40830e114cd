// SPDX-License-Identifier: MIT
#include "msg12.h"

#include "include/ktls.h"

#define NAMED_CURVE	3	/* ECCurveType; the others are gone */

/* A public value's length: a point's in one byte, a number's in two */
static unsigned int share_bytes(enum suite_kex kex)
{
	return kex == KEX_DHE ? 2 : 1;
}

int parse_server_key_exchange(struct slice body, enum suite_kex kex,
			      struct server_key_exchange *m)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	*m = (struct server_key_exchange){ 0 };
	if (kex == KEX_DHE) {
		m->p = rd_nonempty(&r, 2);
		m->g = rd_nonempty(&r, 2);
	} else {
		if (rd_u8(&r) != NAMED_CURVE)
			return bad ? -KTLS_E_DECODE : -KTLS_E_GROUP_CHOICE;
		m->group = rd_u16(&r);
	}
	m->share = rd_nonempty(&r, share_bytes(kex));
	if (!bad)
		m->params = (struct slice){ body.p, (size_t)(r.p - body.p) };
	m->scheme = rd_u16(&r);
	m->signature = rd_opaque(&r, 2);
	return msg_end(&r);
}

void write_server_params(struct wr *w, enum suite_kex kex,
			 const struct server_key_exchange *m)
{
	if (kex == KEX_DHE) {
		wr_opaque(w, 2, m->p);
		wr_opaque(w, 2, m->g);
	} else {
		wr_u8(w, NAMED_CURVE);
		wr_u16(w, m->group);
	}
	wr_opaque(w, share_bytes(kex), m->share);
}

int parse_certificate_request12(struct slice body,
				struct certificate_request12 *m)
{
	bool bad = false;
	struct rd names, r = rd_init(body.p, body.len, &bad);

	m->types = rd_nonempty(&r, 1);
	m->sigalgs = rd_nonempty(&r, 2);
	if (m->sigalgs.len % 2)
		rd_fail(&r);
	m->authorities = rd_opaque(&r, 2);
	names = rd_init(m->authorities.p, m->authorities.len, &bad);
	while (rd_more(&names))
		rd_nonempty(&names, 2);
	return msg_end(&r);
}

void write_certificate_request12(struct wr *w,
				 const struct certificate_request12 *m)
{
	wr_opaque(w, 1, m->types);
	wr_opaque(w, 2, m->sigalgs);
	wr_opaque(w, 2, m->authorities);
}

int parse_client_key_exchange(struct slice body, enum suite_kex kex,
			      struct slice *share)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	*share = rd_nonempty(&r, share_bytes(kex));
	return msg_end(&r);
}

void write_client_key_exchange(struct wr *w, enum suite_kex kex,
			       struct slice share)
{
	wr_opaque(w, share_bytes(kex), share);
}

int parse_certificate12(struct slice body, struct slice *list)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	*list = rd_opaque(&r, 3);
	return msg_end(&r);
}

int parse_certificate12_entry(struct slice *list, struct slice *der)
{
	bool bad = false;
	struct rd r = rd_init(list->p, list->len, &bad);

	if (!rd_more(&r))
		return 0;
	*der = rd_nonempty(&r, 3);
	*list = rd_rest(&r);
	return bad ? -KTLS_E_DECODE : 1;
}

int parse_certificate_status(struct slice body, struct slice *response)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);
	uint8_t type;

	rd_status(&r, &type, response);
	return msg_end(&r);
}

int parse_certificate_url(struct slice body, struct certificate_url *m)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	m->type = rd_u8(&r);
	m->list = rd_nonempty(&r, 2);
	return msg_end(&r);
}

int parse_url_and_hash(struct slice *list, struct url_and_hash *e)
{
	bool bad = false;
	struct rd r = rd_init(list->p, list->len, &bad);

	if (!rd_more(&r))
		return 0;
	e->url = rd_nonempty(&r, 2);
	e->padding = rd_u8(&r);
	e->sha1 = rd_take(&r, SHA1_LEN);
	*list = rd_rest(&r);
	return bad ? -KTLS_E_DECODE : 1;
}

int parse_new_session_ticket12(struct slice body,
			       struct new_session_ticket12 *m)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	m->lifetime = rd_u32(&r);
	m->ticket = rd_opaque(&r, 2);
	return msg_end(&r);
}

int parse_supplemental_data(struct slice body, struct slice *list)
{
	bool bad = false;
	struct rd r = rd_init(body.p, body.len, &bad);

	*list = rd_nonempty(&r, 3);
	return msg_end(&r);
}

int parse_supp_entry(struct slice *list, struct supp_entry *e)
{
	bool bad = false;
	struct rd r = rd_init(list->p, list->len, &bad);

	if (!rd_more(&r))
		return 0;
	e->type = rd_u16(&r);
	e->data = rd_opaque(&r, 2);
	*list = rd_rest(&r);
	return bad ? -KTLS_E_DECODE : 1;
}
