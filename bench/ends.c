// SPDX-License-Identifier: MIT
#include "ends.h"

#include <stdio.h>
#include <string.h>

static const char *cipher(const struct hs_case *c)
{
	if (c->version == KTLS_TLS13)
		return "TLS_AES_128_GCM_SHA256";
	return !strcmp(c->key, "rsa2048") ?
	       "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" :
	       "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
}

struct ktls_config *ends_ktls(const struct hs_case *c, bool server,
			      const struct hs_pki *pki)
{
	struct ktls_cred cred = {
		.cert_pem = server ? pki->cert : pki->client_cert,
		.key_pem = server ? pki->key : pki->client_key,
	};
	char why[256];
	struct ktls_opts o = {
		.size = sizeof(o),
		.role = server ? KTLS_SERVER : KTLS_CLIENT,
		.min_version = c->version, .max_version = c->version,
		.ciphers = cipher(c),
		.groups = c->group,
		.ca_pem = pki->ca,
		.verify = !server || c->mutual ? KTLS_VERIFY_REQUIRE :
						 KTLS_VERIFY_NONE,
		.tickets = 1,
		.flags = KTLS_F_SIGPIPE_IGNORED,
		.tx = c->user ? KTLS_PATH_USER : KTLS_PATH_PREFER_KERNEL,
		.rx = c->user ? KTLS_PATH_USER : KTLS_PATH_PREFER_KERNEL,
		.known_chains = c->known ? 0 : KTLS_NO_KNOWN_CHAINS,
		.error = why, .error_size = sizeof(why),
	};
	struct ktls_config *config;

	if (server || c->mutual) {
		o.creds = &cred;
		o.creds_len = 1;
	}
	if (c->resume != HS_TICKET)
		o.flags |= KTLS_F_NO_TICKETS;
	if (c->resume == HS_FULL)
		o.sessions = KTLS_NO_SESSIONS;
	if (!ktls_config_new(&config, &o))
		return config;
	fprintf(stderr, "libktls: %s: %s\n", c->name, why);
	return NULL;
}
