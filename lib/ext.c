// SPDX-License-Identifier: MIT
#include "ext.h"

#include "ext_13.h"
#include "ext_6066.h"
#include "ext_cert.h"
#include "ext_sct.h"
#include "include/ktls.h"
#include "suite.h"

/* ---- syntax, an extension each ----------------------------------------- */

static void parse_groups(struct rd *r, enum ext_where where, struct exts *e)
{
	(void)where;
	e->groups = rd_u16s(r, 2);
	e->groups_known = groups_in(e->groups);
}

static void write_groups(struct wr *w, enum ext_where where,
			 const struct exts *e)
{
	(void)where;
	wr_opaque(w, 2, e->groups);
}

/* RFC 8422 5.1.2: of the formats only the uncompressed one is left */
static void parse_point_formats(struct rd *r, enum ext_where where,
				struct exts *e)
{
	(void)where;
	e->point_formats = rd_nonempty(r, 1);
}

static void write_point_formats(struct wr *w, enum ext_where where,
				const struct exts *e)
{
	(void)where;
	wr_opaque(w, 1, e->point_formats);
}

/* RFC 5077 3.2: the whole body is the ticket */
static void parse_session_ticket(struct rd *r, enum ext_where where,
				 struct exts *e)
{
	if (where == IN_CH)
		e->session_ticket = rd_rest(r);
}

static void write_session_ticket(struct wr *w, enum ext_where where,
				 const struct exts *e)
{
	if (where == IN_CH)
		wr_slice(w, e->session_ticket);
}

/* RFC 5746 3.2 */
static void parse_renegotiation_info(struct rd *r, enum ext_where where,
				     struct exts *e)
{
	(void)where;
	e->renegotiated = rd_opaque(r, 1);
}

static void write_renegotiation_info(struct wr *w, enum ext_where where,
				     const struct exts *e)
{
	(void)where;
	wr_opaque(w, 1, e->renegotiated);
}

static void parse_sigalgs(struct rd *r, enum ext_where where, struct exts *e)
{
	(void)where;
	e->sigalgs = rd_u16s(r, 2);
	e->sigalgs_known = sigalgs_in(e->sigalgs);
}

static void write_sigalgs(struct wr *w, enum ext_where where,
			  const struct exts *e)
{
	(void)where;
	wr_opaque(w, 2, e->sigalgs);
}

static void parse_sigalgs_cert(struct rd *r, enum ext_where where,
			       struct exts *e)
{
	(void)where;
	e->sigalgs_cert = rd_u16s(r, 2);
	e->sigalgs_cert_known = sigalgs_in(e->sigalgs_cert);
}

static void write_sigalgs_cert(struct wr *w, enum ext_where where,
			       const struct exts *e)
{
	(void)where;
	wr_opaque(w, 2, e->sigalgs_cert);
}

/* RFC 7301 3.1: the answer is a list of exactly one */
static void parse_alpn(struct rd *r, enum ext_where where, struct exts *e)
{
	e->alpn = rd_list(r, 2, 1);
	if (where != IN_CH && e->alpn.len &&
	    e->alpn.len != 1u + e->alpn.p[0])
		rd_fail(r);
}

static void write_alpn(struct wr *w, enum ext_where where,
		       const struct exts *e)
{
	(void)where;
	wr_opaque(w, 2, e->alpn);
}

static void parse_padding(struct rd *r, enum ext_where where, struct exts *e)
{
	(void)where;
	(void)e;
	rd_rest(r);
}

static void parse_nothing(struct rd *r, enum ext_where where,
			  struct exts *e)
{
	(void)r;
	(void)where;
	(void)e;
}

static void write_nothing(struct wr *w, enum ext_where where,
			  const struct exts *e)
{
	(void)w;
	(void)where;
	(void)e;
}

/* ---- the table --------------------------------------------------------- */

#define MAY_CHANGE	true	/* in a second ClientHello, 4.2.2 */

static const struct ext_row {
	uint16_t type;
	uint8_t where;		/* RFC 9846 4.3's table, and 1.2's */
	bool may_change;
	void (*parse)(struct rd *r, enum ext_where where, struct exts *e);
	/* NULL: this library never sends it */
	void (*write)(struct wr *w, enum ext_where where,
		      const struct exts *e);
} ext_rows[EXT_COUNT] = {
	[EXT_SERVER_NAME] = { 0, IN_CH | IN_EE | IN_CR | IN_SH12, false,
		parse_server_name, write_server_name },
	[EXT_MAX_FRAGMENT_LENGTH] = { 1, IN_CH | IN_EE | IN_SH12, false,
		parse_max_fragment, write_max_fragment },
	[EXT_CLIENT_CERTIFICATE_URL] = { 2, IN_CH | IN_SH12, false,
		parse_nothing, write_nothing },
	[EXT_TRUSTED_CA_KEYS] = { 3, IN_CH | IN_SH12, false,
		parse_trusted_cas, write_trusted_cas },
	/* read and never agreed to: an AEAD has no HMAC to cut */
	[EXT_TRUNCATED_HMAC] = { 4, IN_CH | IN_SH12, false,
		parse_nothing, NULL },
	[EXT_STATUS_REQUEST] = { 5, IN_CH | IN_CR | IN_CT | IN_SH12, false,
		parse_status_request, write_status_request },
	[EXT_USER_MAPPING] = { 6, IN_CH | IN_SH12, false,
		parse_user_mapping, write_user_mapping },
	/* a list of no meaning in answers, which some servers of 1.2 give */
	[EXT_SUPPORTED_GROUPS] = { 10, IN_CH | IN_EE | IN_SH12, false,
		parse_groups, write_groups },
	[EXT_EC_POINT_FORMATS] = { 11, IN_CH | IN_SH12, false,
		parse_point_formats, write_point_formats },
	[EXT_SIGNATURE_ALGORITHMS] = { 13, IN_CH | IN_CR, false,
		parse_sigalgs, write_sigalgs },
	[EXT_ALPN] = { 16, IN_CH | IN_EE | IN_SH12, false,
		parse_alpn, write_alpn },
	[EXT_CLIENT_CERTIFICATE_TYPE] = { 19, IN_CH | IN_EE | IN_SH12, false,
		parse_client_types, write_client_types },
	[EXT_SERVER_CERTIFICATE_TYPE] = { 20, IN_CH | IN_EE | IN_SH12, false,
		parse_server_types, write_server_types },
	[EXT_PADDING] = { 21, IN_CH, MAY_CHANGE,
		parse_padding, NULL },
	[EXT_EXTENDED_MAIN_SECRET] = { 23, IN_CH | IN_SH12, false,
		parse_nothing, write_nothing },
	[EXT_COMPRESS_CERTIFICATE] = { 27, IN_CH | IN_CR, false,
		parse_compress_certificate, write_compress_certificate },
	[EXT_RECORD_SIZE_LIMIT] = { 28, IN_CH | IN_EE | IN_SH12, false,
		parse_record_limit, write_record_limit },
	[EXT_EARLY_DATA] = { 42, IN_CH | IN_EE | IN_NST, MAY_CHANGE,
		parse_early_data, write_early_data },
	[EXT_SUPPORTED_VERSIONS] = { 43, IN_CH | IN_SH | IN_HRR, false,
		parse_versions, write_versions },
	[EXT_SESSION_TICKET] = { 35, IN_CH | IN_SH12, false,
		parse_session_ticket, write_session_ticket },
	[EXT_COOKIE] = { 44, IN_CH | IN_HRR, MAY_CHANGE,
		parse_cookie, write_cookie },
	[EXT_PSK_MODES] = { 45, IN_CH, false,
		parse_psk_modes, write_psk_modes },
	[EXT_CERTIFICATE_AUTHORITIES] = { 47, IN_CH | IN_CR, false,
		parse_authorities, write_authorities },
	[EXT_POST_HANDSHAKE_AUTH] = { 49, IN_CH, false,
		parse_nothing, write_nothing },
	[EXT_SIGNATURE_ALGORITHMS_CERT] = { 50, IN_CH | IN_CR, false,
		parse_sigalgs_cert, write_sigalgs_cert },
	[EXT_KEY_SHARE] = { EXT_TYPE_KEY_SHARE, IN_CH | IN_SH | IN_HRR, MAY_CHANGE,
		parse_key_share, write_key_share },
	[EXT_RENEGOTIATION_INFO] = { 0xff01, IN_CH | IN_SH12, false,
		parse_renegotiation_info, write_renegotiation_info },
	[EXT_SCT] = { 18, IN_CH | IN_CR | IN_CT | IN_SH12, false,
		parse_sct, write_sct },
	[EXT_OID_FILTERS] = { 48, IN_CR, false,
		parse_oid_filters, write_oid_filters },
	[EXT_PRE_SHARED_KEY] = { 41, IN_CH | IN_SH, MAY_CHANGE,
		parse_psk, write_psk },
};

static int find(uint16_t type)
{
	for (int i = 0; i < EXT_COUNT; i++)
		if (ext_rows[i].type == type)
			return i;
	return -1;
}

bool ext_known(uint16_t type)
{
	return find(type) >= 0;
}

bool ext_may_change(uint16_t type)
{
	int id = find(type);

	return id >= 0 && ext_rows[id].may_change;
}

static int parse_one(int id, struct rd *body, enum ext_where where,
		     uint64_t asked, struct exts *e)
{
	if (ext_has(e, EXT_PRE_SHARED_KEY) && where == IN_CH)
		return -KTLS_E_EXT_ORDER;
	if (id < 0) {
		rd_rest(body);
		if (where == IN_SH12 && asked & EXT_BIT(EXT_CUSTOM))
			return 0;
		return where & IN_RESPONSE ? -KTLS_E_EXT_UNSOLICITED : 0;
	}
	if (!(ext_rows[id].where & where))
		return -KTLS_E_EXT_FORBIDDEN;
	/* the one answer to nothing: 4.3.2 */
	if (where & IN_RESPONSE && !(asked & EXT_BIT(id)) &&
	    !(where == IN_HRR && id == EXT_COOKIE))
		return -KTLS_E_EXT_UNSOLICITED;
	e->set |= EXT_BIT(id);
	ext_rows[id].parse(body, where, e);
	rd_end(body);
	return *body->bad ? -KTLS_E_DECODE : 0;
}

int exts_parse(struct rd *r, enum ext_where where, uint64_t asked,
	       struct exts *e)
{
	uint64_t seen[65536 / 64] = { 0 };

	*e = (struct exts){ 0 };
	while (rd_more(r)) {
		uint16_t type = rd_u16(r);
		struct rd body = rd_vec(r, 2);
		uint64_t bit = 1ull << type % 64;
		int err;

		if (*r->bad)
			return -KTLS_E_DECODE;
		if (seen[type / 64] & bit)
			return -KTLS_E_EXT_DUPLICATE;
		seen[type / 64] |= bit;
		err = parse_one(find(type), &body, where, asked, e);
		if (err)
			return err;
	}
	return *r->bad ? -KTLS_E_DECODE : 0;
}

void exts_write(struct wr *w, enum ext_where where, const struct exts *e)
{
	wr_vec(w, 2) {
		for (int id = 0; id < EXT_COUNT; id++) {
			if (id == EXT_PRE_SHARED_KEY)	/* the last */
				wr_slice(w, e->custom);
			if (!(e->set & EXT_BIT(id)))
				continue;
			wr_u16(w, ext_rows[id].type);
			wr_vec(w, 2)
				ext_rows[id].write(w, where, e);
		}
	}
}

int ext_selected_version(struct slice block, uint16_t *version)
{
	bool bad = false;
	struct rd r = rd_init(block.p, block.len, &bad);
	int found = 0;

	while (rd_more(&r) && !found) {
		uint16_t type = rd_u16(&r);
		struct rd body = rd_vec(&r, 2);

		if (type != ext_rows[EXT_SUPPORTED_VERSIONS].type)
			continue;
		*version = rd_u16(&body);
		rd_end(&body);
		found = 1;
	}
	return bad ? -KTLS_E_DECODE : found;
}

/* ---- lists ------------------------------------------------------------- */

bool u16s_have(struct slice list, uint16_t value)
{
	for (size_t i = 0; i + 1 < list.len; i += 2)
		if ((list.p[i] << 8 | list.p[i + 1]) == value)
			return true;
	return false;
}

/* Which of the @n rows of a table, @row bytes long and with an @id each */
static uint32_t rows_in(struct slice list, const uint16_t *id, size_t row,
			size_t n)
{
	uint32_t set = 0;

	for (size_t i = 0; i < n; i++)
		if (u16s_have(list, id[i * row / sizeof(*id)]))
			set |= 1u << i;
	return set;
}

uint32_t groups_in(struct slice list)
{
	return rows_in(list, &groups->id, sizeof(*groups), groups_len);
}

uint32_t sigalgs_in(struct slice list)
{
	return rows_in(list, &sigschemes->id, sizeof(*sigschemes),
		       sigschemes_len);
}

struct slice shares_find(struct slice shares, uint16_t group)
{
	bool bad = false;
	struct rd list = rd_init(shares.p, shares.len, &bad);

	while (rd_more(&list)) {
		uint16_t id = rd_u16(&list);
		struct slice share = rd_opaque(&list, 2);

		if (id == group)
			return share;
	}
	return (struct slice){ NULL, 0 };
}
