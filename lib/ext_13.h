/* SPDX-License-Identifier: MIT */
/*
 * The syntax of the extensions that RFC 9846 brings: for the table in ext.c.
 */
#ifndef KTLS_EXT_13_H
#define KTLS_EXT_13_H

#include "ext.h"

#define EXT_PARSE(name)							\
	void parse_##name(struct rd *r, enum ext_where where,		\
			  struct exts *e)
#define EXT_WRITE(name)							\
	void write_##name(struct wr *w, enum ext_where where,		\
			  const struct exts *e)

EXT_PARSE(versions);
EXT_WRITE(versions);
EXT_PARSE(cookie);
EXT_WRITE(cookie);
EXT_PARSE(key_share);
EXT_WRITE(key_share);
EXT_PARSE(psk_modes);
EXT_WRITE(psk_modes);
EXT_PARSE(psk);
EXT_WRITE(psk);
EXT_PARSE(early_data);
EXT_WRITE(early_data);
EXT_PARSE(oid_filters);
EXT_WRITE(oid_filters);
EXT_PARSE(authorities);
EXT_WRITE(authorities);

#undef EXT_PARSE
#undef EXT_WRITE

#endif /* KTLS_EXT_13_H */
