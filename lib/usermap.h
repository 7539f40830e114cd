/* SPDX-License-Identifier: MIT */
/* Hints as to who the user is: UserMappingDataList (RFC 4681 3, 6) */
#ifndef KTLS_USERMAP_H
#define KTLS_USERMAP_H

#include "wire.h"

/* UserMappingType: the one that is defined */
#define UPN_DOMAIN_HINT	64

/* As in struct ktls_info, with a zero */
#define UPN_MAX		512
#define UPN_DOMAIN_MAX	256

/* One of them may be empty: then it is not part of the hint */
struct user_mapping {
	char principal[UPN_MAX];	/* user@domain, UTF-8 */
	char domain[UPN_DOMAIN_MAX];
};

/*
 * A list with one UpnDomainHint; either may be NULL.  -KTLS_E_USER_MAPPING if
 * they are not what section 6 wants, -ENOMEM.
 */
int usermap_write(struct wr *w, const char *principal, const char *domain);
/*
 * The first UpnDomainHint of a list; other types are skipped.  Empty strings:
 * it has none.  -KTLS_E_DECODE, -KTLS_E_USER_MAPPING.
 */
int usermap_parse(struct slice list, struct user_mapping *m);

#endif /* KTLS_USERMAP_H */
