/* SPDX-License-Identifier: GPL-2.0-only */
/* A server of TLS 1.2 that signs whatever ServerKeyExchange it likes */
#ifndef SELFTESTS_SKE_LIB_H
#define SELFTESTS_SKE_LIB_H

#include "../lib/msg12.h"
#include "mitm_lib.h"

#define RSA_ECDHE	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
#define RSA_DHE		"TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"

static inline struct slice wr_all(const struct wr *w)
{
	return (struct slice){ w->buf, w->len };
}

/* The client's @suite and @sigalgs, and both ends' groups; NULL: the default */
void ske_begin(struct mitm *m, const char *suite, const char *cert,
	       const char *offered, const char *sigalgs, bool auth);
void ske_parse(const struct mitm *m, const struct item *it,
	       struct server_key_exchange *ske);
/* @params, signed with the server's key in @scheme, which claims to be @id */
void ske_set(struct mitm *m, struct item *it, struct slice params,
	     const struct sigscheme *scheme, uint16_t id);

#endif /* SELFTESTS_SKE_LIB_H */
