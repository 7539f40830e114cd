// SPDX-License-Identifier: MIT
/*
 * SupplementalData in a handshake (RFC 4680), and with it user mapping (RFC
 * 4681): agreed in the hellos, sent first in a flight, and handed to the
 * application once the peer's Finished has vouched for it.
 */
#include "hs.h"

#include <errno.h>

#include "msg12.h"
#include "usermap.h"

bool hs_supp_protected(const struct ktls_hs *hs)
{
	return hs->config->flags & KTLS_F_DOUBLE_HANDSHAKE;
}

/* Does this handshake have any?  The first of two has not: RFC 4680 4. */
static bool is_due(const struct ktls_hs *hs)
{
	return !hs_supp_protected(hs) || hs->binding.round;
}

static size_t types_len(const struct ktls_hs *hs)
{
	return hs->config->supp ? hs->config->supp->len : 0;
}

/* ---- agreeing ---------------------------------------------------------- */

/* Those of @mask with an extension each, which is written once */
static void write_extensions(const struct ktls_hs *hs, uint32_t mask,
			     struct wr *w)
{
	const struct supp *s = hs->config->supp;

	for (size_t i = 0; i < types_len(hs); i++) {
		const struct ktls_supp *t = &s->types[i];
		bool before = false;

		for (size_t j = 0; j < i; j++)
			before |= mask & 1u << j &&
				  s->types[j].extension == t->extension;
		if (!(mask & 1u << i) || before)
			continue;
		wr_u16(w, t->extension);
		wr_opaque(w, 2, (struct slice){ t->extension_data,
						t->extension_len });
	}
}

static const uint8_t hint_types[] = { UPN_DOMAIN_HINT };

static void add_exts(struct ktls_hs *hs, uint32_t types, bool mapping,
		     struct exts *e)
{
	struct wr *w = &hs->supp.extensions;

	wr_reset(w);
	write_extensions(hs, types, w);
	if (w->len) {
		e->custom = wr_content(w);
		e->set |= EXT_BIT(EXT_CUSTOM);
	}
	if (mapping) {
		e->user_mapping = (struct slice){ hint_types, 1 };
		e->set |= EXT_BIT(EXT_USER_MAPPING);
	}
}

int hs_supp_offer(struct ktls_hs *hs, struct exts *e)
{
	const struct supp *s = hs->config->supp;

	if (!s || !is_due(hs) || hs->config->min_version > KTLS_TLS12)
		return 0;
	add_exts(hs, UINT32_MAX, s->hint.len, e);
	return wr_ok(&hs->supp.extensions) ? 0 : -ENOMEM;
}

/* The types for which the peer's hello has the extension */
static uint32_t types_of(const struct ktls_hs *hs, uint16_t extension)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < types_len(hs); i++)
		if (hs->config->supp->types[i].extension == extension)
			mask |= 1u << i;
	return mask;
}

/* @strict: an answer, in which nothing else may stand */
static int match_extensions(struct ktls_hs *hs, struct slice block,
			    bool strict)
{
	bool bad = false;
	struct rd r = rd_init(block.p, block.len, &bad);

	while (rd_more(&r)) {
		uint16_t type = rd_u16(&r);
		uint32_t mask = types_of(hs, type);

		rd_opaque(&r, 2);
		if (strict && !mask && !ext_known(type))
			return -KTLS_E_EXT_UNSOLICITED;
		hs->supp.agreed |= mask;
	}
	return bad ? -KTLS_E_DECODE : 0;
}

int hs_supp_answer(struct ktls_hs *hs, const struct client_hello *m,
		   struct exts *e)
{
	struct hs_supp *s = &hs->supp;
	struct slice hints = m->exts.user_mapping;
	int err;

	if (!is_due(hs))
		return 0;
	err = match_extensions(hs, m->ext_block, false);
	s->mapping = hs->config->flags & KTLS_F_USER_MAPPING && hints.len &&
		     memchr(hints.p, UPN_DOMAIN_HINT, hints.len);
	add_exts(hs, s->agreed, s->mapping, e);
	return err || wr_ok(&s->extensions) ? err : -ENOMEM;
}

int hs_supp_take_answer(struct ktls_hs *hs, const struct server_hello *m)
{
	const struct exts *e = &m->exts;
	int err = 0;

	if (hs->client.asked & EXT_BIT(EXT_CUSTOM))
		err = match_extensions(hs, m->ext_block, true);
	if (err || !ext_has(e, EXT_USER_MAPPING))
		return err;
	/* 4681 2: a part of what we listed, which is one */
	if (e->user_mapping.len != 1 ||
	    e->user_mapping.p[0] != UPN_DOMAIN_HINT)
		return -KTLS_E_USER_MAPPING;
	hs->supp.mapping = true;
	return 0;
}

bool hs_supp_agreed(const struct ktls_hs *hs)
{
	return hs->supp.agreed || hs->supp.mapping;
}

/* ---- sending ----------------------------------------------------------- */

static int write_entry(struct ktls_hs *hs, const struct ktls_supp *t,
		       struct wr *w)
{
	const void *data = t->data;
	size_t len = t->data_len;
	int n = data != NULL;

	if (t->send)
		n = t->send(t->arg, hs, t->type, &data, &len);
	if (n < 0 || (n && (len > UINT16_MAX || (len && !data))))
		return -KTLS_E_SUPP_REFUSED;
	if (!n)
		return 0;
	wr_u16(w, t->type);
	wr_opaque(w, 2, (struct slice){ data, len });
	return 0;
}

static int write_entries(struct ktls_hs *hs, struct wr *w)
{
	const struct supp *s = hs->config->supp;
	int err = 0;

	for (size_t i = 0; i < types_len(hs) && !err; i++)
		if (hs->supp.agreed & 1u << i)
			err = write_entry(hs, &s->types[i], w);
	if (!err && hs->supp.mapping && hs->config->role == KTLS_CLIENT) {
		wr_u16(w, SUPP_USER_MAPPING);
		wr_opaque(w, 2, wr_content(&s->hint));
	}
	if (!err && !wr_ok(w))
		err = -ENOMEM;
	return err;
}

int hs_supp_send(struct ktls_hs *hs)
{
	struct wr entries = { 0 };
	struct wr_mark m;
	int err = write_entries(hs, &entries);

	if (!err && entries.len) {
		m = hs_open(hs, HT_SUPPLEMENTAL_DATA);
		wr_opaque(&hs->flight, 3, wr_content(&entries));
		err = hs_close(hs, &m);
	}
	wr_free(&entries);
	return err;
}

/* ---- receiving --------------------------------------------------------- */

static const struct ktls_supp *agreed_type(const struct ktls_hs *hs,
					   uint16_t type)
{
	for (size_t i = 0; i < types_len(hs); i++)
		if (hs->supp.agreed & 1u << i &&
		    hs->config->supp->types[i].type == type)
			return &hs->config->supp->types[i];
	return NULL;
}

/* Each type once: @seen has a bit for each, and one for user mapping */
static int check_entry(const struct ktls_hs *hs, const struct supp_entry *e,
		       uint64_t *seen)
{
	const struct ktls_supp *t = agreed_type(hs, e->type);
	uint64_t bit = 1ull << (t ? t - hs->config->supp->types :
				    SUPP_TYPES_MAX);
	/* 4681 3: the hint is the client's */
	bool mapping = e->type == SUPP_USER_MAPPING && hs->supp.mapping &&
		       hs->config->role == KTLS_SERVER;
	struct user_mapping m;

	if ((!t && !mapping) || *seen & bit)
		return -KTLS_E_SUPP_TYPE;
	*seen |= bit;
	return mapping ? usermap_parse(e->data, &m) : 0;
}

int hs_supp_take(struct ktls_hs *hs, struct slice body)
{
	struct slice list, all;
	struct supp_entry e;
	uint64_t seen = 0;
	int more, err = parse_supplemental_data(body, &list);

	if (err)
		return err;
	all = list;
	while ((more = parse_supp_entry(&list, &e)) > 0) {
		err = check_entry(hs, &e, &seen);
		if (err)
			return err;
	}
	if (more)
		return more;
	wr_slice(&hs->supp.taken, all);
	return wr_ok(&hs->supp.taken) ? 0 : -ENOMEM;
}

static int deliver(struct ktls_hs *hs, const struct supp_entry *e)
{
	const struct ktls_supp *t = agreed_type(hs, e->type);
	struct user_mapping m;
	int err;

	if (t)
		return t->recv && t->recv(t->arg, hs, t->type, e->data.p,
					  e->data.len) ?
		       -KTLS_E_SUPP_REFUSED : 0;
	err = usermap_parse(e->data, &m);
	memcpy(hs->info.user_principal, m.principal, sizeof(m.principal));
	memcpy(hs->info.user_domain, m.domain, sizeof(m.domain));
	return err;
}

int hs_supp_deliver(struct ktls_hs *hs)
{
	struct slice list = wr_content(&hs->supp.taken);
	struct supp_entry e;
	int more, err = 0;

	while (!err && (more = parse_supp_entry(&list, &e)) > 0)
		err = deliver(hs, &e);
	wr_free(&hs->supp.taken);
	return err;
}

void hs_supp_forget(struct ktls_hs *hs)
{
	wr_free(&hs->supp.extensions);
	wr_free(&hs->supp.taken);
	hs->supp = (struct hs_supp){ 0 };
}
