// SPDX-License-Identifier: MIT
#include "pem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINE	64		/* RFC 7468 2 */

static const char begin[] = "-----BEGIN ";

static bool is_pem(const void *data, size_t len)
{
	return len >= sizeof(begin) &&
	       !memcmp(data, begin, sizeof(begin) - 1);
}

/* Up to three bytes as four characters */
static char *put_group(char *to, const uint8_t *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t v = (uint32_t)p[0] << 16;

	if (n > 1)
		v |= (uint32_t)p[1] << 8;
	if (n > 2)
		v |= p[2];
	for (int i = 0; i < 4; i++)
		*to++ = (size_t)i <= n ? digits[v >> (18 - 6 * i) & 63] : '=';
	return to;
}

static char *put_edge(char *to, const char *edge, const char *label)
{
	to = stpcpy(to, "-----");
	to = stpcpy(to, edge);
	to = stpcpy(to, label);
	return stpcpy(to, "-----\n");
}

static char *encode(const char *label, const uint8_t *p, size_t len)
{
	size_t text = (len + 2) / 3 * 4;
	char *pem = malloc(text + text / LINE + 2 * strlen(label) + 64);
	char *to = pem;

	if (!pem)
		return NULL;
	to = put_edge(to, "BEGIN ", label);
	for (size_t i = 0; i < len; i += 3) {
		to = put_group(to, p + i, len - i < 3 ? len - i : 3);
		if ((i + 3) % (LINE / 4 * 3) == 0 || i + 3 >= len)
			*to++ = '\n';
	}
	put_edge(to, "END ", label);
	return pem;
}

char *pem_certificate(const void *data, size_t len)
{
	return is_pem(data, len) ? strndup(data, len) :
	       encode("CERTIFICATE", data, len);
}

/* Which it is, by the element behind the version (RFC 5208, 8017, 5915) */
static const char *key_label(const uint8_t *p, size_t len)
{
	static const struct {
		uint8_t version, tag;
		const char *label;
	} rows[] = {
		{ 0, 0x30, "PRIVATE KEY" },
		{ 1, 0x30, "PRIVATE KEY" },
		{ 0, 0x02, "RSA PRIVATE KEY" },
		{ 1, 0x04, "EC PRIVATE KEY" },
	};
	size_t at = 2;

	if (len > 1 && p[1] & 0x80)
		at += p[1] & 0x7f;
	if (len < 6 || at > len - 4 || p[0] != 0x30 || p[at] != 0x02 ||
	    p[at + 1] != 1)
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].version == p[at + 2] && rows[i].tag == p[at + 3])
			return rows[i].label;
	return NULL;
}

char *pem_private_key(const void *data, size_t len)
{
	const char *label;

	if (is_pem(data, len))
		return strndup(data, len);
	label = key_label(data, len);
	return label ? encode(label, data, len) : NULL;
}

void pem_free(char *pem)
{
	if (pem)
		explicit_bzero(pem, strlen(pem));
	free(pem);
}
