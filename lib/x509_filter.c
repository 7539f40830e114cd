// SPDX-License-Identifier: MIT
/* oid_filters (RFC 9846 4.3.5): what extensions of a certificate must say */
#include <errno.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "x509_pem.h"

AUTO_DEFINE(ASN1_BIT_STRING)
AUTO_DEFINE(ASN1_OBJECT)
AUTO_DEFINE(EXTENDED_KEY_USAGE)

/* All of @s, or NULL */
#define PARSE_ALL(type, s)						\
	({								\
		const unsigned char *parse_p = (s).p;			\
		type *parse_o = d2i_##type(NULL, &parse_p,		\
					   (long)(s).len);		\
									\
		if (parse_o && parse_p != (s).p + (s).len) {		\
			type##_free(parse_o);				\
			parse_o = NULL;					\
		}							\
		parse_o;						\
	})

/* ---- matching, by extension -------------------------------------------- */

/* What is asked for, as X509_get_key_usage() has it; false: malformed */
static bool key_usage(struct slice value, uint32_t *usage)
{
	AUTO(ASN1_BIT_STRING) bits = PARSE_ALL(ASN1_BIT_STRING, value);

	*usage = 0;
	if (!bits || bits->length > 2)
		return false;
	for (int i = 0; i < bits->length; i++)
		*usage |= (uint32_t)bits->data[i] << 8 * i;
	return true;
}

static bool key_usage_is_value(struct slice value)
{
	uint32_t usage;

	return key_usage(value, &usage) && usage;
}

/* "all key usage bits asserted in the request are also asserted" */
static bool key_usage_matches(X509 *x, struct slice value)
{
	uint32_t usage;

	return X509_get_extension_flags(x) & EXFLAG_KUSAGE &&
	       key_usage(value, &usage) &&
	       (X509_get_key_usage(x) & usage) == usage;
}

static bool has_purpose(const EXTENDED_KEY_USAGE *all, const ASN1_OBJECT *o)
{
	for (int i = 0; i < sk_ASN1_OBJECT_num(all); i++)
		if (!OBJ_cmp(sk_ASN1_OBJECT_value(all, i), o))
			return true;
	return false;
}

/* "The special anyExtendedKeyUsage OID MUST NOT be used in the request" */
static bool purposes_is_value(struct slice value)
{
	AUTO(EXTENDED_KEY_USAGE) all = PARSE_ALL(EXTENDED_KEY_USAGE, value);

	return all && sk_ASN1_OBJECT_num(all) > 0 &&
	       !has_purpose(all, OBJ_nid2obj(NID_anyExtendedKeyUsage));
}

/* "all key purpose OIDs present in the request are also found" */
static bool purposes_match(X509 *x, struct slice value)
{
	AUTO(EXTENDED_KEY_USAGE) want = PARSE_ALL(EXTENDED_KEY_USAGE, value);
	AUTO(EXTENDED_KEY_USAGE) have = X509_get_ext_d2i(x, NID_ext_key_usage,
							 NULL, NULL);

	if (!want || !have)
		return false;
	for (int i = 0; i < sk_ASN1_OBJECT_num(want); i++)
		if (!has_purpose(have, sk_ASN1_OBJECT_value(want, i)))
			return false;
	return true;
}

static const struct rule {
	int nid;
	bool (*is_value)(struct slice value);
	bool (*matches)(X509 *x, struct slice value);
} rules[] = {
	{ NID_key_usage, key_usage_is_value, key_usage_matches },
	{ NID_ext_key_usage, purposes_is_value, purposes_match },
};

/* Those of other extensions have rules that nobody has written down */
static const struct rule *find_rule(const ASN1_OBJECT *oid)
{
	int nid = oid ? OBJ_obj2nid(oid) : NID_undef;

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (rules[i].nid == nid)
			return &rules[i];
	return NULL;
}

bool x509_matches(struct x509_st *x, struct slice filters)
{
	OSSL_SCOPE;
	bool bad = false;
	struct rd r = rd_init(filters.p, filters.len, &bad);

	while (rd_more(&r)) {
		struct slice oid = rd_opaque(&r, 1);
		struct slice value = rd_opaque(&r, 2);
		AUTO(ASN1_OBJECT) o = PARSE_ALL(ASN1_OBJECT, oid);
		const struct rule *rule = find_rule(o);

		if (rule && !rule->matches(x, value))
			return false;
	}
	return !bad;
}

/* ---- the server's ------------------------------------------------------ */

static const char *add_filter(struct wr *w, const struct ktls_oid_filter *f)
{
	struct slice value = { f->value, f->value_len };
	AUTO(ASN1_OBJECT) o = f->oid ? OBJ_txt2obj(f->oid, 1) : NULL;
	const struct rule *rule = find_rule(o);
	unsigned char *der = NULL;
	int len = o ? i2d_ASN1_OBJECT(o, &der) : -1;

	if (len <= 0 || len > 255 || f->value_len > 65535) {
		OPENSSL_free(der);
		return "is not an object identifier, or its value is too long";
	}
	wr_opaque(w, 1, (struct slice){ der, (size_t)len });
	wr_opaque(w, 2, value);
	OPENSSL_free(der);
	return rule && !rule->is_value(value) ?
	       "has a value that is not one of its extension" : NULL;
}

int filters_make(const struct ktls_oid_filter *f, size_t n, struct wr *w,
		 struct text why)
{
	OSSL_SCOPE;
	const char *bad = NULL;

	for (size_t i = 0; i < n && !bad; i++) {
		for (size_t j = 0; j < i && !bad && f[i].oid; j++)
			if (!strcmp(f[i].oid, f[j].oid))
				bad = "is there twice";
		if (!bad)
			bad = add_filter(w, &f[i]);
		if (!bad && w->len > FILTERS_MAX)
			bad = "is one too many";
		if (bad)
			text_set(why, "oid_filters: %s %s", f[i].oid ?
				 f[i].oid : "(NULL)", bad);
	}
	if (bad)
		return -KTLS_E_OPTION;
	return wr_ok(w) ? 0 : -ENOMEM;
}
