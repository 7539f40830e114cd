// SPDX-License-Identifier: MIT
/* Options about extensions of the hello */
#include "config.h"
#include "record.h"

/* RFC 6066 4, 8449 4 */
static const char *take_sizes(struct ktls_config *cfg,
			      const struct ktls_opts *o)
{
	uint8_t code = 1;

	while (code < 4 && 256u << code != o->max_fragment)
		code++;
	if (o->max_fragment && o->role == KTLS_SERVER)
		return "max_fragment is the client's to ask for";
	if (o->max_fragment && 256u << code != o->max_fragment)
		return "max_fragment is not 512, 1024, 2048 or 4096";
	if (o->record_size_limit &&
	    (o->record_size_limit < 64 || o->record_size_limit > 16385))
		return "record_size_limit is not from 64 to 16385";
	if (o->padding > RECORD_PLAIN_MAX)
		return "padding is above 16384";
	if (o->padding && o->tx == KTLS_PATH_KERNEL)
		return "the kernel cannot pad: padding with tx KTLS_PATH_KERNEL";
	if (o->padding && o->max_version && o->max_version < KTLS_TLS13)
		return "padding is TLS 1.3's";
	cfg->padding = (uint16_t)o->padding;
	cfg->max_fragment = o->max_fragment ? code : 0;
	cfg->record_limit = (uint16_t)o->record_size_limit;
	return NULL;
}

/* What a CertificateRequest, and what a hello may have of it */
#define NAMES_MAX		32768
#define AUTHORITIES_MAX		4096

/* RFC 6066 6; what the system trusts is not worth saying, and too long */
static const char *check_authorities(const struct ktls_opts *o, bool server,
				     bool verified)
{
	if (o->flags & KTLS_F_CA_NAMES && !server)
		return "KTLS_F_CA_NAMES is a server's";
	if (o->flags & KTLS_F_TRUSTED_CA_KEYS && server)
		return "KTLS_F_TRUSTED_CA_KEYS is a client's";
	if (!verified && o->flags & (KTLS_F_CA_NAMES | KTLS_F_TRUSTED_CA_KEYS))
		return "names of CAs without verification";
	if (o->flags & KTLS_F_TRUSTED_CA_KEYS && !o->ca_file && !o->ca_dir &&
	    !o->ca_pem)
		return "KTLS_F_TRUSTED_CA_KEYS without ca_file, _dir or _pem";
	return NULL;
}

int config_take_authorities(struct ktls_config *cfg, struct text why)
{
	size_t max = 0;
	int err = 0;

	if (cfg->flags & KTLS_F_CA_NAMES) {
		max = NAMES_MAX;
		err = trust_names(cfg->trust, &cfg->authorities, max);
	} else if (cfg->flags & KTLS_F_TRUSTED_CA_KEYS) {
		max = AUTHORITIES_MAX;
		err = trust_authorities(cfg->trust, &cfg->authorities, max);
	}
	if (err == -KTLS_E_OPTION)
		text_set(why, "names of the CAs have more than %zu bytes",
			 max);
	return err;
}

/* Without trust nothing can be said of it, nor of a status */
static const char *check_elsewhere(const struct ktls_opts *o, bool verified)
{
	const unsigned int needs_trust = KTLS_F_STATUS | KTLS_F_NEED_STATUS |
					 KTLS_F_CA_NAMES |
					 KTLS_F_TRUSTED_CA_KEYS;

	if (!(o->flags & KTLS_F_VERIFY_ELSEWHERE))
		return NULL;
	if (!o->hooks || !o->hooks->verify)
		return "KTLS_F_VERIFY_ELSEWHERE without hooks.verify";
	if (!verified)
		return "KTLS_F_VERIFY_ELSEWHERE without verification";
	if (o->flags & needs_trust)
		return "KTLS_F_VERIFY_ELSEWHERE with a flag that needs trust";
	return NULL;
}

const char *config_take_exts(struct ktls_config *cfg,
			     const struct ktls_opts *o)
{
	const bool server = o->role == KTLS_SERVER;
	const bool verified = cfg->verify != KTLS_VERIFY_NONE;
	const char *bad = check_authorities(o, server, verified);

	if (!bad)
		bad = check_elsewhere(o, verified);

	if (server && o->flags & KTLS_F_NEED_STATUS)
		return "KTLS_F_NEED_STATUS is a client's";
	if (!verified && o->flags & (KTLS_F_STATUS | KTLS_F_NEED_STATUS))
		return "KTLS_F_STATUS without verification";
	if (o->oid_filters_len && !(server && verified))
		return "oid_filters are of a server that verifies";
	if (!verified && o->sigalgs_cert)
		return "sigalgs_cert without verification";
	if (server && !verified && o->flags & KTLS_F_POST_HANDSHAKE_AUTH)
		return "KTLS_F_POST_HANDSHAKE_AUTH without verification";
	if (o->flags & KTLS_F_AUTH_LATER &&
	    !(o->flags & KTLS_F_POST_HANDSHAKE_AUTH))
		return "KTLS_F_AUTH_LATER without KTLS_F_POST_HANDSHAKE_AUTH";
	for (size_t i = 0; server && i < o->creds_len; i++)
		if (o->creds[i].url || o->creds[i].cert_urls)
			return "a credential's url is a client's";
	return bad ? bad : take_sizes(cfg, o);
}
