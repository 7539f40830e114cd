// SPDX-License-Identifier: MIT
#include "name.h"

#include <arpa/inet.h>

static bool host_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

bool host_name(struct slice name, char out[NAME_MAX_LEN + 1])
{
	bool label = false;

	out[0] = 0;
	if (name.len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.p[i];

		if (c >= 'A' && c <= 'Z')
			c |= 32;
		if (!host_char(c) && !(c == '.' && label)) {
			out[0] = 0;
			return false;
		}
		label = c != '.';
		out[i] = (char)c;
		out[i + 1] = 0;
	}
	if (!label)
		out[0] = 0;
	return label;
}

size_t name_address(const char *name, uint8_t ip[16])
{
	if (inet_pton(AF_INET, name, ip) == 1)
		return 4;
	return inet_pton(AF_INET6, name, ip) == 1 ? 16 : 0;
}

enum name_kind name_take(const char *name, char out[NAME_MAX_LEN + 1])
{
	struct slice s = { (const uint8_t *)name, strlen(name) };
	uint8_t ip[16];

	if (s.len > NAME_MAX_LEN)
		return NAME_BAD;
	if (name_address(name, ip)) {
		memcpy(out, name, s.len + 1);
		return NAME_ADDRESS;
	}
	if (s.len && s.p[s.len - 1] == '.')
		s.len--;
	return host_name(s, out) ? NAME_HOST : NAME_BAD;
}
