/* SPDX-License-Identifier: MIT */
#ifndef KTLS_CONFIG_H
#define KTLS_CONFIG_H

#include <stdatomic.h>

#include "compress.h"
#include "crypto.h"
#include "include/ktls.h"
#include "supp.h"
#include "x509.h"

#define SESSION_CONTEXT_LEN	32
#define MAKER_LEN		16

/* Immutable once made; all that handshakes share */
struct ktls_config {
	atomic_uint refs;
	enum ktls_role role;
	unsigned int flags;
	uint16_t min_version, max_version;
	enum ktls_path tx, rx;
	enum ktls_verify verify;	/* never DEFAULT */
	struct ktls_hooks hooks;
	void *arg;
	size_t max_message;
	unsigned int max_chain;
	uint64_t max_records;		/* 0: the suite's own */
	uint8_t max_fragment;		/* MaxFragmentLength; 0: not asked for */
	uint16_t record_limit;		/* RecordSizeLimit; 0: none of ours */
	uint16_t padding;		/* of records we send; 0: none */

	struct crypto *crypto;
	struct trust *trust;		/* NULL: no certificate is verified */
	struct raw_trust *raw_trust;	/* NULL: no raw key is taken */
	struct known_chains *known;	/* NULL: each chain is verified anew */
	struct cache *sessions;		/* NULL: none are kept here */
	struct ktls_session_store store; /* server; or NULLs */
	struct tickets *tickets;	/* server; its flags may forbid them */
	unsigned int tickets_count;	/* 1.3: after a full handshake */
	uint32_t session_lifetime;	/* seconds */
	uint32_t early_data;		/* bytes; 0: none */
	uint8_t maker[MAKER_LEN];	/* server: names this config */
	struct psk_exts *psks;		/* NULL: none */
	struct replay *replay;		/* server: early data it has accepted */
	uint8_t session_context[SESSION_CONTEXT_LEN];
	struct supp *supp;		/* NULL: none */
	struct cred *creds;
	size_t creds_len;
	struct compress *compress;	/* NULL: none */
	struct ktls_caps caps;		/* of the kernel, where it matters */

	/* what is offered, best first: rows, and as they go on the wire */
	const struct suite *suites[SUITES_MAX];
	const struct group *groups[GROUPS_MAX];
	const struct sigscheme *sigalgs[SIGSCHEMES_MAX];
	size_t suites_len, groups_len, sigalgs_len;
	struct wr wire;			/* owns the lists below */
	struct slice suites_wire, groups_wire, sigalgs_wire, versions_wire;
	struct slice sigalgs_cert_wire;	/* empty: those above, unenforced */
	struct slice alpn_wire;		/* ProtocolNames; empty: no ALPN */
	/* whom we trust: server: DistinguishedNames; client: TrustedAuthoritys */
	struct wr authorities;
	struct wr oid_filters;		/* OIDFilters, a server's */
};

/* What is offered, in one allocation; once cfg->caps is there (config_list.c) */
int config_take_lists(struct ktls_config *cfg, const struct ktls_opts *o,
		      struct text why);
/* What is wrong with the options about extensions, or NULL (config_ext.c) */
const char *config_take_exts(struct ktls_config *cfg,
			     const struct ktls_opts *o);
/* Whom we trust, where it is to be said; once cfg->trust is there */
int config_take_authorities(struct ktls_config *cfg, struct text why);
/* Certificates in short, once cfg->creds are there (config_cert.c) */
int config_take_compression(struct ktls_config *cfg, const struct ktls_opts *o,
			    struct text why);
/* Raw public keys, first of all; it may raise the version (config_cert.c) */
int config_take_raw_keys(struct ktls_config *cfg, const struct ktls_opts *o,
			 struct text why);
/* With what of @peer, a set, @cred can sign in 1.3, or NULL (config_cert.c) */
const struct sigscheme *config_scheme(const struct ktls_config *cfg,
				      const struct cred *cred, uint32_t peer);
/* The body of a Certificate of 1.3; @cred NULL: an empty one (config_cert.c) */
void cred_write(struct wr *w, struct slice context, const struct cred *cred,
		struct slice status, struct slice sct);

/* Sessions; last, when trust and creds are there (config_session.c) */
int config_take_sessions(struct ktls_config *cfg, const struct ktls_opts *o,
			 struct text why);

bool config_has_group(const struct ktls_config *cfg, uint16_t group);
/* Records of data that may be sent under one key (9846 5.5) */
uint64_t config_key_limit(const struct ktls_config *cfg,
			  const struct suite *suite);

#endif /* KTLS_CONFIG_H */
