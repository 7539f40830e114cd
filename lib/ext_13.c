// SPDX-License-Identifier: MIT
#include "ext_13.h"

/* ---- versions (4.3.1) and cookie (4.3.2) ------------------------------- */

void parse_versions(struct rd *r, enum ext_where where, struct exts *e)
{
	if (where == IN_CH)
		e->versions = rd_u16s(r, 1);
	else
		e->version = rd_u16(r);
}

void write_versions(struct wr *w, enum ext_where where, const struct exts *e)
{
	if (where == IN_CH)
		wr_opaque(w, 1, e->versions);
	else
		wr_u16(w, e->version);
}

void parse_cookie(struct rd *r, enum ext_where where, struct exts *e)
{
	(void)where;
	e->cookie = rd_nonempty(r, 2);
}

void write_cookie(struct wr *w, enum ext_where where, const struct exts *e)
{
	(void)where;
	wr_opaque(w, 2, e->cookie);
}

/* ---- key_share (4.3.8) ------------------------------------------------- */

void parse_key_share(struct rd *r, enum ext_where where, struct exts *e)
{
	struct rd list;

	if (where != IN_CH) {
		e->share_group = rd_u16(r);
		if (where == IN_SH)
			e->share = rd_nonempty(r, 2);
		return;
	}
	e->shares = rd_opaque(r, 2);
	list = rd_init(e->shares.p, e->shares.len, r->bad);
	while (rd_more(&list)) {
		rd_u16(&list);
		if (!rd_opaque(&list, 2).len)
			rd_fail(&list);
	}
}

void write_key_share(struct wr *w, enum ext_where where, const struct exts *e)
{
	if (where == IN_CH) {
		wr_opaque(w, 2, e->shares);
		return;
	}
	wr_u16(w, e->share_group);
	if (where == IN_SH)
		wr_opaque(w, 2, e->share);
}

/* ---- pre_shared_key and its modes (4.3.9, 4.3.11), early_data (4.3.10) - */

void parse_psk_modes(struct rd *r, enum ext_where where, struct exts *e)
{
	(void)where;
	e->psk_modes = rd_nonempty(r, 1);
}

/* OfferedPsks: identities with their ages, then as many binders */
static void parse_offered_psks(struct rd *r, struct exts *e)
{
	size_t identities = 0, binders = 0;
	struct rd list;

	e->psk_identities = rd_opaque(r, 2);
	list = rd_init(e->psk_identities.p, e->psk_identities.len, r->bad);
	for (; rd_more(&list); identities++) {
		if (!rd_opaque(&list, 2).len)
			rd_fail(&list);
		rd_u32(&list);
	}
	e->psk_binders = rd_opaque(r, 2);
	list = rd_init(e->psk_binders.p, e->psk_binders.len, r->bad);
	for (; rd_more(&list); binders++)
		if (rd_opaque(&list, 1).len < 32)
			rd_fail(&list);
	if (!identities || binders != identities)
		rd_fail(r);
}

void write_psk_modes(struct wr *w, enum ext_where where, const struct exts *e)
{
	(void)where;
	wr_opaque(w, 1, e->psk_modes);
}

void parse_psk(struct rd *r, enum ext_where where, struct exts *e)
{
	if (where == IN_CH)
		parse_offered_psks(r, e);
	else
		e->psk_choice = rd_u16(r);
}

void write_psk(struct wr *w, enum ext_where where, const struct exts *e)
{
	if (where == IN_CH) {
		wr_opaque(w, 2, e->psk_identities);
		wr_opaque(w, 2, e->psk_binders);
	} else {
		wr_u16(w, e->psk_choice);
	}
}

void parse_early_data(struct rd *r, enum ext_where where, struct exts *e)
{
	if (where == IN_NST)
		e->max_early_data = rd_u32(r);
}

void write_early_data(struct wr *w, enum ext_where where, const struct exts *e)
{
	if (where == IN_NST)
		wr_u32(w, e->max_early_data);
}

/* ---- certificate_authorities (4.3.4) ----------------------------------- */

void parse_authorities(struct rd *r, enum ext_where where, struct exts *e)
{
	(void)where;
	e->authorities = rd_list(r, 2, 2);
}

void write_authorities(struct wr *w, enum ext_where where, const struct exts *e)
{
	(void)where;
	wr_opaque(w, 2, e->authorities);
}

/* ---- oid_filters (4.3.5) ----------------------------------------------- */

void parse_oid_filters(struct rd *r, enum ext_where where, struct exts *e)
{
	struct rd list;

	(void)where;
	e->oid_filters = rd_opaque(r, 2);
	list = rd_init(e->oid_filters.p, e->oid_filters.len, r->bad);
	while (rd_more(&list)) {
		rd_nonempty(&list, 1);
		rd_opaque(&list, 2);
	}
}

void write_oid_filters(struct wr *w, enum ext_where where, const struct exts *e)
{
	(void)where;
	wr_opaque(w, 2, e->oid_filters);
}
