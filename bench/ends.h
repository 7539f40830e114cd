/* SPDX-License-Identifier: MIT */
/* What both ends of a case are made from, in memory or on sockets */
#ifndef BENCH_ENDS_H
#define BENCH_ENDS_H

#include <ktls.h>

#include "hs.h"

/* One end's; NULL after words */
struct ktls_config *ends_ktls(const struct hs_case *c, bool server,
			      const struct hs_pki *pki);

struct ssl_ends {
	struct ssl_ctx_st *ctx[2];	/* client, server */
	struct ssl_session_st *session;	/* the client's newest */
	bool resumes;		/* the caller's */
};

/* NULL: libssl cannot do the case (cn_ssl.c) */
struct ssl_ends *ssl_ends_new(const struct hs_case *c,
			      const struct hs_pki *pki);
void ssl_ends_free(struct ssl_ends *s);

#endif
