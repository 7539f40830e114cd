/* SPDX-License-Identifier: MIT */
/*
 * SupplementalData (RFC 4680): the types that a config knows, and the
 * extensions by which their use is agreed.
 */
#ifndef KTLS_SUPP_H
#define KTLS_SUPP_H

#include "include/ktls.h"
#include "wire.h"
#include "x509.h"

#define SUPP_TYPES_MAX	32	/* a mask of them is a uint32_t */

/* SupplementalDataType (RFC 4681 3) */
#define SUPP_USER_MAPPING	0

struct supp {
	struct ktls_supp types[SUPP_TYPES_MAX];	/* their data is in @wire */
	size_t len;
	struct wr wire;
	struct wr hint;		/* client: UserMappingDataList; empty: none */
};

/* *@out stays NULL if @opts has none */
int supp_new(struct supp **out, const struct ktls_opts *opts,
	     struct text why);
void supp_free(struct supp *supp);	/* wipes; NULL is fine */

#endif /* KTLS_SUPP_H */
