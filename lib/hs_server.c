// SPDX-License-Identifier: MIT
/* The server, in either version: which, and what both choose alike */
#include "hs.h"

/* ---- choosing ---------------------------------------------------------- */

/* What both can do, the newest first; 0: nothing */
static uint16_t choose_version(const struct ktls_hs *hs,
			       const struct client_hello *m)
{
	const struct ktls_config *cfg = hs->config;
	bool listed = ext_has(&m->exts, EXT_SUPPORTED_VERSIONS);

	for (uint16_t v = hs_max_version(hs); v >= cfg->min_version; v--)
		if (listed ? u16s_have(m->exts.versions, v) :
		    v < KTLS_TLS13 && m->version >= v)
			return v;
	return 0;
}

/* Of @version, what both have, in the order that counts; returns how many */
size_t server_suites(const struct ktls_config *cfg, struct slice theirs,
		     uint16_t version, const struct suite *common[SUITES_MAX])
{
	struct slice first = cfg->suites_wire, second = theirs;
	uint32_t tried = 0;	/* a list may name a suite many times */
	size_t n = 0;

	if (cfg->flags & KTLS_F_CLIENT_ORDER) {
		first = theirs;
		second = cfg->suites_wire;
	}
	for (size_t i = 0; i + 1 < first.len; i += 2) {
		uint16_t id = (uint16_t)(first.p[i] << 8 | first.p[i + 1]);
		const struct suite *suite = suite_find(id);

		if (!suite || suite->version != version ||
		    tried & 1u << (suite - suites))
			continue;
		tried |= 1u << (suite - suites);
		if (u16s_have(second, id))
			common[n++] = suite;
	}
	return n;
}

/*
 * The first common group for which there is a share; a round trip is spent
 * only where it buys something: the hybrid, or any common group at all.
 * Without shares just the first.
 */
const struct group *server_choose_group(const struct ktls_hs *hs,
					const struct exts *e,
					struct slice shares,
					bool (*usable)(const struct group *))
{
	const struct ktls_config *cfg = hs->config;
	struct slice first = cfg->flags & KTLS_F_CLIENT_ORDER ? e->groups :
			     cfg->groups_wire;
	const struct group *common = NULL;
	uint32_t tried = 0;	/* a list may name a group many times */

	for (size_t i = 0; i + 1 < first.len && e->groups_known & ~tried;
	     i += 2) {
		uint16_t id = (uint16_t)(first.p[i] << 8 | first.p[i + 1]);
		const struct group *group = group_find(id);

		if (!group || tried & group_bit(group))
			continue;
		tried |= group_bit(group);
		if (!usable(group) || !config_has_group(cfg, id) ||
		    !(e->groups_known & group_bit(group)))
			continue;
		if (!common)
			common = group;
		if ((group == common && group->kind == KEX_KEM) ||
		    shares_find(shares, id).len)
			return group;
	}
	return common;
}

/* RFC 7301 3.2: the server's order */
int server_choose_alpn(struct ktls_hs *hs, const struct exts *e)
{
	bool bad = false;
	struct slice all = hs->config->alpn_wire;
	struct rd ours = rd_init(all.p, all.len, &bad);

	if (!all.len || !ext_has(e, EXT_ALPN))
		return 0;
	while (rd_more(&ours)) {
		struct slice name = rd_opaque(&ours, 1);
		struct rd theirs = rd_init(e->alpn.p, e->alpn.len, &bad);

		while (rd_more(&theirs)) {
			if (!slice_eq(rd_opaque(&theirs, 1), name))
				continue;
			memcpy(hs->info.alpn, name.p, name.len);
			return 0;
		}
	}
	return -KTLS_E_NO_ALPN;
}

bool server_asks(const struct ktls_hs *hs)
{
	return hs->config->verify != KTLS_VERIFY_NONE &&
	       !(hs->config->flags & KTLS_F_AUTH_LATER);
}

/* ---- the hello --------------------------------------------------------- */

static int s_client_hello(struct ktls_hs *hs, struct slice body)
{
	struct client_hello m;
	uint16_t version;
	int err = parse_client_hello(body, &m);

	if (err)
		return err;
	hs->server.early_skip = 0;	/* it was all before this message */
	/* 5.1: the answer changes keys */
	if (!hs->msg.last)
		return -KTLS_E_UNALIGNED;
	version = choose_version(hs, &m);
	if (!version)
		return -KTLS_E_VERSION;
	/* RFC 7507 3 */
	if (version < hs_max_version(hs) &&
	    u16s_have(m.suites, SCSV_FALLBACK))
		return -KTLS_E_FALLBACK;
	if (version == KTLS_TLS13)
		return server13_client_hello(hs, body, &m);
	/* 9846 4.2.4: what was retried stays 1.3 */
	return hs->state == S_CH2 ? -KTLS_E_RETRY_CHANGED :
				    server12_client_hello(hs, &m);
}

/* ---- states (RFC 9846 appendix A.2, RFC 5246 7.3) ---------------------- */

const struct hs_rule server_rules[] = {
	{ S_CH, HT_CLIENT_HELLO, HASH_SELF, s_client_hello,
	  ST(S_CH2) | ST(S_CERT) | ST(S_EARLY) | ST(S_FIN) |
	  ST(S12_SUPP_CERT_URL) | ST(S12_SUPP_CERT) | ST(S12_SUPP_CKE) |
	  ST(S12_CERT_URL) | ST(S12_CERT) | ST(S12_CKE) | ST(S12_CCS) },
	{ S_CH2, HT_CLIENT_HELLO, HASH_SELF, s_client_hello,
	  ST(S_CERT) | ST(S_FIN) },
	{ S_CERT, HT_CERTIFICATE, HASH_AFTER, s13_certificate,
	  ST(S_CV) | ST(S_FIN) },
	{ S_CERT, HT_COMPRESSED_CERTIFICATE, HASH_AFTER,
	  s13_compressed_certificate, ST(S_CV) | ST(S_FIN) },
	{ S_CV, HT_CERTIFICATE_VERIFY, HASH_AFTER, s13_certificate_verify,
	  ST(S_FIN) },
	{ S_EARLY, HT_END_OF_EARLY_DATA, HASH_AFTER, s13_end_of_early_data,
	  ST(S_FIN) },
	{ S_FIN, HT_FINISHED, HASH_SELF, s13_finished, ST(HS_DONE) },

	{ S12_SUPP_CERT_URL, HT_SUPPLEMENTAL_DATA, HASH_AFTER,
	  s12_supplemental_data, ST(S12_CERT_URL) },
	{ S12_SUPP_CERT_URL, HT_CERTIFICATE_URL, HASH_AFTER,
	  s12_certificate_url, ST(S12_CKE) },
	{ S12_SUPP_CERT_URL, HT_CERTIFICATE, HASH_AFTER, s12_certificate,
	  ST(S12_CKE) },
	{ S12_SUPP_CERT, HT_SUPPLEMENTAL_DATA, HASH_AFTER,
	  s12_supplemental_data, ST(S12_CERT) },
	{ S12_SUPP_CERT, HT_CERTIFICATE, HASH_AFTER, s12_certificate,
	  ST(S12_CKE) },
	{ S12_SUPP_CKE, HT_SUPPLEMENTAL_DATA, HASH_AFTER,
	  s12_supplemental_data, ST(S12_CKE) },
	{ S12_SUPP_CKE, HT_CLIENT_KEY_EXCHANGE, HASH_BEFORE,
	  s12_client_key_exchange, ST(S12_CCS) },
	{ S12_CERT_URL, HT_CERTIFICATE_URL, HASH_AFTER, s12_certificate_url,
	  ST(S12_CKE) },
	{ S12_CERT_URL, HT_CERTIFICATE, HASH_AFTER, s12_certificate,
	  ST(S12_CKE) },
	{ S12_CERT, HT_CERTIFICATE, HASH_AFTER, s12_certificate,
	  ST(S12_CKE) },
	{ S12_CKE, HT_CLIENT_KEY_EXCHANGE, HASH_BEFORE,
	  s12_client_key_exchange, ST(S12_CV) | ST(S12_CCS) },
	{ S12_CV, HT_CERTIFICATE_VERIFY, HASH_AFTER, s12_certificate_verify,
	  ST(S12_CCS) },
	{ S12_CCS, HT_CCS, HASH_SELF, s12_change_cipher_spec, ST(S12_FIN) },
	{ S12_FIN, HT_FINISHED, HASH_SELF, s12_finished, ST(HS_DONE) },
};

const size_t server_rules_len = sizeof(server_rules) / sizeof(*server_rules);
