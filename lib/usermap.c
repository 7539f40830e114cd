// SPDX-License-Identifier: MIT
#include "usermap.h"

#include <errno.h>
#include <stdbool.h>

#include "include/ktls.h"

/* ---- what a hint may hold (6) ------------------------------------------ */

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Labels of letters, digits and hyphens, which begin and end with the former */
static bool is_domain(struct slice s)
{
	bool alnum = false;	/* the character before */

	if (!s.len || s.len >= UPN_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool inner = s.p[i] == '-' || s.p[i] == '.';

		if (!is_alnum(s.p[i]) && !inner)
			return false;
		/* neither begins a label, and a dot does not follow a hyphen */
		if (inner && !alnum && !(s.p[i] == '-' && i &&
					 s.p[i - 1] == '-'))
			return false;
		alnum = !inner;
	}
	return alnum;
}

/* How many bytes the character at @s has; 0: none that we take (RFC 3629 4) */
static size_t utf8_len(struct slice s)
{
	static const struct {
		uint8_t first, last, low, high, len;	/* of the second */
	} rows[] = {
		{ 0x20, 0x7e, 0, 0, 1 },	/* no control characters */
		{ 0xc2, 0xc2, 0xa0, 0xbf, 2 },	/* nor those of C1 */
		{ 0xc3, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = rows[i].len;

		if (s.p[0] < rows[i].first || s.p[0] > rows[i].last)
			continue;
		if (s.len < len || (len > 1 && (s.p[1] < rows[i].low ||
						s.p[1] > rows[i].high)))
			return 0;
		for (size_t j = 2; j < len; j++)
			if (s.p[j] >> 6 != 2)
				return 0;
		return len;
	}
	return 0;
}

/* user@domain, where the user has no "@" */
static bool is_principal(struct slice s)
{
	const uint8_t *at = s.len && s.len < UPN_MAX ?
			    memchr(s.p, '@', s.len) : NULL;
	struct slice user;

	if (!at || at == s.p)
		return false;
	user = (struct slice){ s.p, (size_t)(at - s.p) };
	while (user.len) {
		size_t len = utf8_len(user);

		if (!len)
			return false;
		user.p += len;
		user.len -= len;
	}
	return is_domain((struct slice){ at + 1,
			 (size_t)(s.p + s.len - at - 1) });
}

static bool is_hint(struct slice principal, struct slice domain)
{
	return (principal.len || domain.len) &&
	       (!principal.len || is_principal(principal)) &&
	       (!domain.len || is_domain(domain));
}

/* ---- the wire ---------------------------------------------------------- */

int usermap_write(struct wr *w, const char *principal, const char *domain)
{
	if (!is_hint(slice_str(principal), slice_str(domain)))
		return -KTLS_E_USER_MAPPING;
	wr_vec(w, 2) {
		wr_u8(w, UPN_DOMAIN_HINT);
		wr_vec(w, 2) {
			wr_opaque(w, 2, slice_str(principal));
			wr_opaque(w, 2, slice_str(domain));
		}
	}
	return wr_ok(w) ? 0 : -ENOMEM;
}

static int parse_hint(struct rd *r, struct user_mapping *m)
{
	struct slice principal = rd_opaque(r, 2), domain = rd_opaque(r, 2);

	rd_end(r);
	if (*r->bad)
		return -KTLS_E_DECODE;
	if (!is_hint(principal, domain))
		return -KTLS_E_USER_MAPPING;
	/* shorter than the fields, and without a zero, as is_hint() says */
	if (principal.len)
		memcpy(m->principal, principal.p, principal.len);
	if (domain.len)
		memcpy(m->domain, domain.p, domain.len);
	return 0;
}

int usermap_parse(struct slice data, struct user_mapping *m)
{
	bool bad = false, found = false;
	struct rd r = rd_init(data.p, data.len, &bad);
	struct rd list = rd_vec(&r, 2);

	*m = (struct user_mapping){ { 0 }, { 0 } };
	rd_end(&r);
	if (!rd_more(&list))
		rd_fail(&list);
	while (rd_more(&list)) {
		uint8_t type = rd_u8(&list);
		struct rd hint = rd_vec(&list, 2);
		int err = 0;

		if (!bad && type == UPN_DOMAIN_HINT && !found) {
			err = parse_hint(&hint, m);
			found = true;
		}
		if (err)
			return err;
	}
	return bad ? -KTLS_E_DECODE : 0;
}
