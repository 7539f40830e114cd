/* SPDX-License-Identifier: MIT */
/*
 * The library's configs for what 'ktls agent' is asked for.  Each is for one
 * user alone, so that nobody resumes the session of another: who has a
 * connection has what its session's keys are made of.
 */
#ifndef TOOLS_AGENT_TLS_H
#define TOOLS_AGENT_TLS_H

#include "agent_cred.h"
#include "agent_user.h"
#include "agent_wire.h"
#include "list.h"

struct tls_cache {
	struct list entries;	/* the one used last in front */
	size_t len;
};

void tls_cache_init(struct tls_cache *cache);
void tls_cache_free(struct tls_cache *cache);

/*
 * The config for what @ask is and @cred allows, which is the caller's to put.
 * 0; -KTLS_E_AGENT_RULES: it is not allowed; -KTLS_E_AGENT_BUSY: @owner wants
 * another one too often; or as ktls_config_new(), and why in words.
 */
int tls_cache_get(struct tls_cache *cache, const struct credential *cred,
		  struct owner *owner, int64_t now, const struct ask *ask,
		  struct ktls_config **config, char *why, size_t size);

/* Could @cred be used at all?  As ktls_config_new(), and why in words. */
int tls_check(const struct credential *cred, char *why, size_t size);

#endif
