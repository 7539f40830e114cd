/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_URL_H
#define TOOLS_URL_H

#include <stdbool.h>

#include "net.h"

#define URL_MAX	8192

/* An https URL, taken apart */
struct url {
	char text[URL_MAX];		/* whole, without a fragment */
	struct net_host to;		/* no brackets around IPv6 */
	char authority[NET_HOST_MAX + NET_PORT_MAX];	/* for Host: */
	const char *target;		/* in @text: path and query, or "" */
};

/* NULL, or what is wrong with @s */
const char *url_parse(struct url *url, const char *s);

/* Where @reference leads from @base (RFC 3986 5.2); as url_parse() */
const char *url_resolve(struct url *to, const struct url *base,
			const char *reference);

#endif
