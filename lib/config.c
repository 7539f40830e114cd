// SPDX-License-Identifier: MIT
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cert_url.h"
#include "ext.h"
#include "known_chains.h"
#include "offload.h"
#include "opts.h"
#include "psk_ext.h"
#include "replay.h"
#include "ticket.h"

#define MAX_MESSAGE	65536
#define MAX_CHAIN	10
/* KeyUpdate and alert need some of them, and data the rest */
#define MIN_RECORDS	8

#define KTLS_F_ALL	(KTLS_F_STRICT_NAME | KTLS_F_NO_COMPAT | \
			 KTLS_F_NEED_REKEY | KTLS_F_COOKIE | \
			 KTLS_F_CLIENT_ORDER | KTLS_F_NEED_EMS | \
			 KTLS_F_NO_TICKETS | KTLS_F_DOUBLE_HANDSHAKE | \
			 KTLS_F_USER_MAPPING | KTLS_F_NEED_RENEGOTIATION_INFO | \
			 KTLS_F_STATUS | KTLS_F_NEED_STATUS | \
			 KTLS_F_CA_NAMES | KTLS_F_TRUSTED_CA_KEYS | \
			 KTLS_F_POST_HANDSHAKE_AUTH | KTLS_F_AUTH_LATER | \
			 KTLS_F_VERIFY_ELSEWHERE | KTLS_F_ESTABLISHED | \
			 KTLS_F_GREASE | KTLS_F_RAW_KEYS_ONLY | \
			 KTLS_F_PSK_KE | KTLS_F_SINGLE_USE | \
			 KTLS_F_EARLY_ANSWER | KTLS_F_SIGPIPE_IGNORED)

/* ---- options ----------------------------------------------------------- */

static int take_versions(struct ktls_config *cfg, const struct ktls_opts *o,
			 struct text why)
{
	uint16_t min = o->min_version, max = o->max_version;

	if (!min)
		min = KTLS_TLS12;
	if (!max)
		max = o->flags & KTLS_F_DOUBLE_HANDSHAKE ? KTLS_TLS12 :
							   KTLS_TLS13;
	if (min > max || min < KTLS_TLS12 || max > KTLS_TLS13) {
		text_set(why, "versions from %#x to %#x; supported: "
			 "TLS 1.2 (0x303) and TLS 1.3 (0x304)", min, max);
		return -KTLS_E_OPTION;
	}
	cfg->min_version = min;
	cfg->max_version = max;
	return 0;
}

/* Who has a connection already has nobody to verify in a handshake */
static enum ktls_verify verify_of(const struct ktls_opts *o)
{
	if (o->verify != KTLS_VERIFY_DEFAULT)
		return o->verify;
	return o->role == KTLS_SERVER || o->flags & KTLS_F_ESTABLISHED ?
	       KTLS_VERIFY_NONE : KTLS_VERIFY_REQUIRE;
}

static int take_scalars(struct ktls_config *cfg, const struct ktls_opts *o,
			struct text why)
{
	bool server = o->role == KTLS_SERVER;
	const char *bad = NULL;

	cfg->verify = verify_of(o);
	if (!server && o->role != KTLS_CLIENT)
		bad = "role is neither KTLS_SERVER nor KTLS_CLIENT";
	else if (o->flags & ~KTLS_F_ALL)
		bad = "flags has a bit that is no KTLS_F_*";
	else if (o->tx > KTLS_PATH_USER || o->rx > KTLS_PATH_USER)
		bad = "tx or rx is not a KTLS_PATH_*";
	else if (o->verify > KTLS_VERIFY_REQUIRE ||
		 (!server && o->verify == KTLS_VERIFY_OPTIONAL))
		bad = "verify does not fit the role";
	else if (server && !o->creds_len && !o->psks_len &&
		 !(o->flags & KTLS_F_ESTABLISHED))
		bad = "a server needs a certificate, a raw key or a PSK";
	else if (o->max_records && o->max_records < MIN_RECORDS)
		bad = "max_records is below 8";
	else if (o->flags & KTLS_F_DOUBLE_HANDSHAKE &&
		 o->max_version > KTLS_TLS12)
		bad = "TLS 1.3 has no double handshake";
	else if (o->max_message > 1u << 23)
		bad = "max_message is above 8 MiB";
	else
		bad = config_take_exts(cfg, o);
	if (bad) {
		text_set(why, "%s", bad);
		return -KTLS_E_OPTION;
	}
	cfg->role = o->role;
	cfg->flags = o->flags;
	cfg->tx = o->tx;
	cfg->rx = o->rx;
	cfg->max_message = o->max_message ? o->max_message : MAX_MESSAGE;
	cfg->max_chain = o->max_chain ? o->max_chain : MAX_CHAIN;
	cfg->max_records = o->max_records;
	cfg->arg = o->arg;
	if (o->hooks)
		cfg->hooks = *o->hooks;
	return take_versions(cfg, o, why);
}

#define KNOWN_SECONDS		60
#define KNOWN_SECONDS_MAX	86400

/* Of verified chains */
static int take_known(struct ktls_config *cfg, const struct ktls_opts *o,
		      struct text why)
{
	if (o->known_chains == KTLS_NO_KNOWN_CHAINS)
		return 0;
	if (o->known_chains > KNOWN_SECONDS_MAX) {
		text_set(why, "known_chains is above %d", KNOWN_SECONDS_MAX);
		return -KTLS_E_OPTION;
	}
	cfg->known = known_new(o->known_chains ? o->known_chains :
						 KNOWN_SECONDS);
	return cfg->known ? 0 : -ENOMEM;
}

/* May a certificate of ours be for key agreement alone? */
static bool agrees_statically(const struct ktls_config *cfg)
{
	for (size_t i = 0; i < cfg->suites_len; i++)
		if (cfg->suites[i]->kex == KEX_ECDH)
			return cfg->role == KTLS_SERVER;
	return false;
}

static int take_creds(struct ktls_config *cfg, const struct ktls_opts *o,
		      struct text why)
{
	cfg->creds = calloc(o->creds_len + !o->creds_len, sizeof(struct cred));
	if (!cfg->creds)
		return -ENOMEM;
	for (size_t i = 0; i < o->creds_len; i++) {
		int err = cred_load(&cfg->creds[i], &o->creds[i],
				    agrees_statically(cfg), why);

		if (err)
			return err;
		cfg->creds_len++;
		err = cert_url_make(&cfg->creds[i], cfg->crypto, &o->creds[i],
				    why);
		if (err)
			return err;
	}
	return 0;
}

/*
 * A server that could authenticate in TLS 1.2 alone (by its kind of key, or as
 * sigalgs names no scheme of TLS 1.3 for it) has no use for TLS 1.3: with that
 * chosen, the handshake would fail.
 */
static int narrow_versions(struct ktls_config *cfg, struct text why)
{
	if (cfg->role == KTLS_CLIENT || cfg->max_version < KTLS_TLS13 ||
	    cfg->psks || cfg->flags & KTLS_F_ESTABLISHED)
		return 0;
	for (size_t i = 0; i < cfg->creds_len; i++)
		if (config_scheme(cfg, &cfg->creds[i], UINT32_MAX))
			return 0;
	if (cfg->min_version == KTLS_TLS13) {
		text_set(why, "no certificate or key can sign in TLS 1.3 by "
			 "any of sigalgs");
		return -KTLS_E_OPTION;
	}
	cfg->max_version = KTLS_TLS12;
	return 0;
}

/* Asked only where the answer matters: it costs a few sockets, once */
static int take_caps(struct ktls_config *cfg, struct text why)
{
	int err;

	if (cfg->tx == KTLS_PATH_USER && cfg->rx == KTLS_PATH_USER)
		return 0;
	err = ktls_probe(&cfg->caps);
	/* nothing is known: user space will do, where it may */
	if (err)
		cfg->caps.ulp_error = cfg->caps.rekey_tx_error =
			cfg->caps.rekey_rx_error =
			cfg->caps.max_payload_error = -err;
	if (cfg->tx != KTLS_PATH_KERNEL && cfg->rx != KTLS_PATH_KERNEL)
		return 0;
	if (cfg->caps.ulp_error) {
		text_set(why, "the kernel has no TLS: %s",
			 ktls_strerror(cfg->caps.ulp_error));
		return -KTLS_E_NO_KERNEL;
	}
	if (cfg->tx == KTLS_PATH_KERNEL && cfg->caps.max_payload_error &&
	    (cfg->max_fragment || cfg->record_limit)) {
		text_set(why, "the kernel cannot limit the size of records");
		return -KTLS_E_NO_KERNEL;
	}
	if (cfg->flags & KTLS_F_NEED_REKEY &&
	    ((cfg->tx == KTLS_PATH_KERNEL && cfg->caps.rekey_tx_error) ||
	     (cfg->rx == KTLS_PATH_KERNEL && cfg->caps.rekey_rx_error))) {
		text_set(why, "the kernel cannot change keys");
		return -KTLS_E_NO_KERNEL;
	}
	return 0;
}

static int build(struct ktls_config *cfg, const struct ktls_opts *o,
		 struct text why)
{
	int err = take_scalars(cfg, o, why);

	if (!err)
		err = config_take_raw_keys(cfg, o, why);
	if (!err)
		err = crypto_new(&cfg->crypto);
	if (!err)
		err = take_caps(cfg, why);
	if (!err)
		err = config_take_lists(cfg, o, why);
	if (!err)
		err = supp_new(&cfg->supp, o, why);
	if (!err)
		err = psk_ext_new(&cfg->psks, cfg->crypto, o, why);
	if (!err)
		err = take_creds(cfg, o, why);
	if (!err)
		err = narrow_versions(cfg, why);
	if (!err && o->cert_compression)
		err = config_take_compression(cfg, o, why);
	if (!err && cfg->verify != KTLS_VERIFY_NONE &&
	    !(cfg->flags & (KTLS_F_VERIFY_ELSEWHERE | KTLS_F_RAW_KEYS_ONLY)))
		err = trust_new(&cfg->trust, o->ca_file, o->ca_dir, o->ca_pem,
				why);
	if (!err && cfg->trust)
		err = take_known(cfg, o, why);
	if (!err)
		err = config_take_authorities(cfg, why);
	if (!err)
		err = filters_make(o->oid_filters, o->oid_filters_len,
				   &cfg->oid_filters, why);
	if (!err)
		err = config_take_sessions(cfg, o, why);
	return err;
}

static int make(struct ktls_config **out, const struct ktls_opts *o,
		struct text why)
{
	struct ktls_config *cfg = calloc(1, sizeof(*cfg));
	int err;

	if (!cfg)
		return -ENOMEM;
	atomic_init(&cfg->refs, 1);
	err = build(cfg, o, why);
	if (err)
		ktls_config_put(cfg);
	else
		*out = cfg;
	return err;
}

int ktls_config_new_size(struct ktls_config **out, const struct ktls_opts *opts,
			 const struct ktls_sizes *sizes)
{
	struct opts_parts parts = { 0 };
	struct ktls_opts o = { 0 };
	struct text why;
	int err = opts_take(&o, sizeof(o), opts,
			    offsetof(struct ktls_opts, flags));

	*out = NULL;
	if (err)
		return err;
	why = (struct text){ o.error, o.error_size };
	text_set(why, "%s", "");
	err = opts_take_parts(&parts, &o, sizes);
	if (!err)
		err = make(out, &o, why);
	if (err && o.error && o.error_size && !o.error[0])
		text_set(why, "%s", ktls_strerror(err));
	opts_free_parts(&parts);
	return err;
}

struct ktls_config *ktls_config_get(struct ktls_config *cfg)
{
	atomic_fetch_add_explicit(&cfg->refs, 1, memory_order_relaxed);
	return cfg;
}

void ktls_config_put(struct ktls_config *cfg)
{
	if (!cfg || atomic_fetch_sub_explicit(&cfg->refs, 1,
					      memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < cfg->creds_len; i++)
		cred_free(&cfg->creds[i]);
	free(cfg->creds);
	cache_free(cfg->sessions);
	replay_free(cfg->replay);
	psk_ext_free(cfg->psks);
	tickets_free(cfg->tickets);
	supp_free(cfg->supp);
	compress_free(cfg->compress);
	trust_free(cfg->trust);
	raw_trust_free(cfg->raw_trust);
	known_free(cfg->known);
	wr_free(&cfg->wire);
	wr_free(&cfg->authorities);
	wr_free(&cfg->oid_filters);
	crypto_free(cfg->crypto);
	wipe_free(cfg, sizeof(*cfg));
}
