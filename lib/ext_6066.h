/* SPDX-License-Identifier: MIT */
/*
 * The syntax of the extensions of RFC 6066 (3546 and 4366 before it), and of
 * two that stand beside them, RFC 8449 and RFC 4681: for the table in ext.c.
 */
#ifndef KTLS_EXT_6066_H
#define KTLS_EXT_6066_H

#include "ext.h"

#define EXT_SYNTAX(name)						\
	void parse_##name(struct rd *r, enum ext_where where,		\
			  struct exts *e);				\
	void write_##name(struct wr *w, enum ext_where where,		\
			  const struct exts *e)

EXT_SYNTAX(server_name);
EXT_SYNTAX(max_fragment);
EXT_SYNTAX(trusted_cas);
EXT_SYNTAX(status_request);
EXT_SYNTAX(record_limit);
EXT_SYNTAX(user_mapping);

#undef EXT_SYNTAX

#endif /* KTLS_EXT_6066_H */
