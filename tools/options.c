// SPDX-License-Identifier: MIT
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keylog.h"
#include "log.h"

static int add_cert(struct tls_options *o, const char *file)
{
	if (o->creds_len == CREDS_MAX) {
		complain("more than %d certificates", CREDS_MAX);
		return -1;
	}
	o->creds[o->creds_len++].cert_file = file;
	return 1;
}

static int add_key(struct tls_options *o, const char *file)
{
	struct ktls_cred *last = o->creds_len ? &o->creds[o->creds_len - 1] :
						NULL;

	if (!last || last->key_file) {
		complain("-k %s: no -c CERT that it belongs to before it",
			 file);
		return -1;
	}
	last->key_file = file;
	return 1;
}

static int add_raw_key(struct tls_options *o, const char *file)
{
	if (add_cert(o, NULL) < 0)
		return -1;
	o->creds[o->creds_len - 1].key_file = file;
	return 1;
}

static int set_version(struct tls_options *o, const char *arg)
{
	static const struct {
		const char *name;
		unsigned int version;
	} names[] = {
		{ "1.2", KTLS_TLS12 },
		{ "1.3", KTLS_TLS13 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(arg, names[i].name))
			continue;
		o->version = names[i].version;
		return 1;
	}
	complain("--tls %s: not a TLS version; write it as 1.3", arg);
	return -1;
}

static int set_path(enum ktls_path *path, const char *arg)
{
	if (!strcmp(arg, "kernel"))
		*path = KTLS_PATH_KERNEL;
	else if (!strcmp(arg, "user"))
		*path = KTLS_PATH_USER;
	else if (!strcmp(arg, "prefer"))
		*path = KTLS_PATH_PREFER_KERNEL;
	else {
		complain("'%s' is neither kernel, user nor prefer", arg);
		return -1;
	}
	return 1;
}

int tls_option(struct tls_options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'c':
		return add_cert(o, arg);
	case 'k':
		return add_key(o, arg);
	case OPT_TLS:
		return set_version(o, arg);
	case OPT_TX:
		return set_path(&o->tx, arg);
	case OPT_RX:
		return set_path(&o->rx, arg);
	case OPT_CIPHERS:
		o->ciphers = arg;
		return 1;
	case OPT_GROUPS:
		o->groups = arg;
		return 1;
	case OPT_SIGALGS:
		o->sigalgs = arg;
		return 1;
	case OPT_SIGALGS_CERT:
		o->sigalgs_cert = arg;
		return 1;
	case OPT_ALPN:
		o->alpn = *arg ? arg : NULL;
		return 1;
	case OPT_NEED_REKEY:
		o->flags |= KTLS_F_NEED_REKEY;
		return 1;
	case OPT_NO_TICKETS:
		o->flags |= KTLS_F_NO_TICKETS;
		return 1;
	case OPT_SUPP_DATA:
		return suppdata_add(&o->supp, arg) ? 1 : -1;
	case OPT_RAW_KEY:
		return add_raw_key(o, arg);
	case OPT_PEER_KEYS:
		o->peer_keys = arg;
		return 1;
	case OPT_PEER_KEY_HASHES:
		o->peer_key_hashes = arg;
		return 1;
	case OPT_CERT_COMPRESSION:
		o->cert_compression = arg;
		return 1;
	case OPT_DOUBLE_HANDSHAKE:
		o->flags |= KTLS_F_DOUBLE_HANDSHAKE;
		return 1;
	case OPT_CAFILE:
		o->ca_file = arg;
		return 1;
	case OPT_CAPATH:
		o->ca_dir = arg;
		return 1;
	case OPT_INSECURE:
		o->verify = KTLS_VERIFY_NONE;
		return 1;
	case OPT_GREASE:
		o->flags |= KTLS_F_GREASE;
		return 1;
	case OPT_PADDING:
		return parse_number("--padding", arg, 1, 16384,
				    &o->padding) ? 1 : -1;
	default:
		return 0;
	}
}

int tls_config(struct ktls_config **config, enum ktls_role role,
	       const struct tls_options *o)
{
	bool keys = o->peer_keys || o->peer_key_hashes;
	/* who names keys, and no CA, means these */
	bool only = keys && !o->ca_file && !o->ca_dir;
	/* who has a certificate may be asked for it later */
	unsigned int late = role == KTLS_CLIENT && o->creds_len ?
			    KTLS_F_POST_HANDSHAKE_AUTH : 0;
	const struct ktls_hooks *log_hooks;
	struct ktls_hooks hooks = { 0 };
	char why[512] = "";
	int err = keylog_open(&log_hooks);
	/* the default is not enough for the largest of files */
	size_t max_message = o->supp.len ? suppdata_room(&o->supp) : 0;

	if (err)
		return err;
	if (log_hooks)
		hooks = *log_hooks;
	if (o->keeper)
		hooks.sign = keeper_sign;
	hooks.verify = o->peer;
	hooks.early_first = o->early_first;
	err = ktls_config_new(config, KTLS_OPTS(
		.role = role,
		/* both programs ignore that signal */
		.flags = o->flags | late | KTLS_F_SIGPIPE_IGNORED |
			 (only ? KTLS_F_RAW_KEYS_ONLY : 0),
		.min_version = (uint16_t)o->version,
		.max_version = (uint16_t)o->version,
		.ciphers = o->ciphers,
		.groups = o->groups,
		.sigalgs = o->sigalgs,
		.creds = o->creds,
		.creds_len = o->creds_len,
		.ca_file = o->ca_file,
		.ca_dir = o->ca_dir,
		.verify = keys && !o->verify ? KTLS_VERIFY_REQUIRE : o->verify,
		.alpn = o->alpn,
		.tx = o->tx,
		.rx = o->rx,
		.hooks = &hooks,
		.arg = o->keeper,
		.max_message = max_message,
		.supp = o->supp.types,
		.supp_len = o->supp.len,
		.user_principal = o->user_principal,
		.user_domain = o->user_domain,
		.cert_compression = o->cert_compression,
		.padding = o->padding,
		.sigalgs_cert = o->sigalgs_cert,
		.raw_keys_file = o->peer_keys,
		.raw_key_hashes = o->peer_key_hashes,
		.session_store = o->store,
		.tickets = o->tickets,
		.ticket_period = o->ticket_period,
		.early_data = o->early_data,
		.error = why,
		.error_size = sizeof(why)));
	if (err)
		complain("%s%s%s", ktls_strerror(err), *why ? ": " : "", why);
	return err;
}

bool parse_seconds(const char *what, const char *arg, int *ms)
{
	char *end;
	double s = strtod(arg, &end);

	if (end == arg || *end || !(s >= 0.001 && s <= 1e6)) {
		complain("%s %s: not a number of seconds from 0.001 to "
			 "1000000", what, arg);
		return false;
	}
	*ms = (int)(s * 1000);
	return true;
}

bool parse_number(const char *what, const char *arg, unsigned int min,
		  unsigned int max, unsigned int *number)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(arg, &end, 10);
	if (*arg < '0' || *arg > '9' || *end || errno || n < min || n > max) {
		complain("%s %s: not a number from %u to %u", what, arg, min,
			 max);
		return false;
	}
	*number = (unsigned int)n;
	return true;
}
