/* SPDX-License-Identifier: MIT */
/* A credential of 'ktls agent': what it is, and who may use it for what. */
#ifndef TOOLS_AGENT_CRED_H
#define TOOLS_AGENT_CRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ktls.h>

struct ids {
	unsigned int *id;	/* users or groups */
	size_t len;
	bool all;
};

#define CERTS_MAX	4

/* All that the files said is in memory: they are not read again */
struct credential {
	char *name;
	unsigned int line;		/* where it begins */
	/* of each certificate its key, in the same order */
	char *cert_pem[CERTS_MAX], *key_pem[CERTS_MAX];
	size_t certs_len, keys_len;
	char *trust_pem;
	char *alpn, *ciphers, *groups;
	struct ids users, members;
	unsigned int roles;		/* 1 << KTLS_SERVER | 1 << KTLS_CLIENT */
	enum ktls_verify verify;	/* of those in @roles; not weaker */
	uint16_t min_version, max_version;
	uint32_t set;			/* the keys that it has */
};

struct agent_conf {
	struct credential *creds;
	size_t len;
};

/* Who asks: a process at the other end of a Unix socket */
#define USER_GIDS_MAX	1024	/* who has more has his first alone */

struct user {
	uid_t uid;
	gid_t gids[USER_GIDS_MAX];
	size_t gids_len;
};

/* The one of that name, if @user may use it; or NULL */
const struct credential *credential_find(const struct agent_conf *conf,
				   const char *name, const struct user *user);

void credential_free(struct credential *c);	/* wipes, too */

#endif
