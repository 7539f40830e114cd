// SPDX-License-Identifier: MIT
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cert_url.h"
#include "ext.h"
#include "offload.h"
#include "session.h"
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
			 KTLS_F_CA_NAMES | KTLS_F_TRUSTED_CA_KEYS)

/* ---- lists of names ---------------------------------------------------- */

static struct slice next_name(const char **list, char separator)
{
	const char *p = *list, *end = strchr(p, separator);
	size_t len = end ? (size_t)(end - p) : strlen(p);

	*list = end ? end + 1 : p + len;
	return (struct slice){ (const uint8_t *)p, len };
}

/* How every row of suites[], groups[] and sigschemes[] begins */
struct row {
	uint16_t id;
	const char *name;
};

_Static_assert(offsetof(struct suite, name) == offsetof(struct row, name) &&
	       offsetof(struct group, name) == offsetof(struct row, name) &&
	       offsetof(struct sigscheme, name) == offsetof(struct row, name),
	       "rows begin with id and name");

/* A table of the library, as a list of names is matched against it */
struct table {
	const char *what;
	const void *rows;
	size_t row_size, len, max;
	int error;		/* if nothing is left of it */
	bool (*usable)(const struct ktls_config *cfg, const void *row);
	bool (*named_only)(const void *row);	/* NULL: none is */
};

static bool suite_usable(const struct ktls_config *cfg, const void *row)
{
	const struct suite *s = row;

	return s->version >= cfg->min_version &&
	       s->version <= cfg->max_version &&
	       crypto_has_aead(cfg->crypto, s->aead) &&
	       (cfg->tx != KTLS_PATH_KERNEL ||
		!caps_error(&cfg->caps, s, KTLS_TX)) &&
	       (cfg->rx != KTLS_PATH_KERNEL ||
		!caps_error(&cfg->caps, s, KTLS_RX));
}

static bool suite_named_only(const void *row)
{
	return ((const struct suite *)row)->named_only;
}

static bool group_usable(const struct ktls_config *cfg, const void *row)
{
	return crypto_has_group(cfg->crypto, row);
}

static bool sigalg_usable(const struct ktls_config *cfg, const void *row)
{
	return crypto_has_sigscheme(cfg->crypto, row);
}

static const struct row *row_at(const struct table *t, size_t i)
{
	return (const void *)((const char *)t->rows + i * t->row_size);
}

static const struct row *find_name(const struct table *t, struct slice name)
{
	for (size_t i = 0; i < t->len; i++) {
		const struct row *row = row_at(t, i);

		if (strlen(row->name) == name.len &&
		    !memcmp(row->name, name.p, name.len))
			return row;
	}
	return NULL;
}

static void add_row(const struct ktls_config *cfg, const struct table *t,
		    const void *row, const void **out, size_t *len)
{
	for (size_t i = 0; i < *len; i++)
		if (out[i] == row)
			return;
	if (*len < t->max && t->usable(cfg, row))
		out[(*len)++] = row;
}

/*
 * The rows that @list names, or all that need not be named; those that cannot
 * be had are left out.
 */
static int take_list(const struct ktls_config *cfg, const struct table *t,
		     const char *list, const void **out, size_t *len,
		     struct text why)
{
	for (size_t i = 0; !list && i < t->len; i++)
		if (!t->named_only || !t->named_only(row_at(t, i)))
			add_row(cfg, t, row_at(t, i), out, len);
	while (list && *list) {
		struct slice name = next_name(&list, ':');
		const void *row = find_name(t, name);

		if (!row) {
			text_set(why, "unknown %s \"%.*s\"", t->what,
				 (int)name.len, (const char *)name.p);
			return -KTLS_E_OPTION;
		}
		add_row(cfg, t, row, out, len);
	}
	if (*len)
		return 0;
	text_set(why, "no %s is left to offer", t->what);
	return t->error;
}

static void wire_ids(struct ktls_config *cfg, const void **rows, size_t len)
{
	for (size_t i = 0; i < len; i++)
		wr_u16(&cfg->wire, ((const struct row *)rows[i])->id);
}

/* ---- preferences ------------------------------------------------------- */

static bool carried(const struct ktls_config *cfg, const struct suite *s)
{
	return (cfg->tx == KTLS_PATH_USER ||
		!caps_error(&cfg->caps, s, KTLS_TX)) &&
	       (cfg->rx == KTLS_PATH_USER ||
		!caps_error(&cfg->caps, s, KTLS_RX));
}

/* What the kernel carries first, otherwise as it was */
static void prefer_carried(struct ktls_config *cfg)
{
	const struct suite *sorted[SUITES_MAX];
	size_t n = 0;

	for (int want = 1; want >= 0; want--)
		for (size_t i = 0; i < cfg->suites_len; i++)
			if (carried(cfg, cfg->suites[i]) == want)
				sorted[n++] = cfg->suites[i];
	memcpy(cfg->suites, sorted, n * sizeof(*sorted));
}

/* A version without suites is not offered */
static void drop_versions(struct ktls_config *cfg)
{
	bool has12 = false, has13 = false;

	for (size_t i = 0; i < cfg->suites_len; i++) {
		has12 |= cfg->suites[i]->version == KTLS_TLS12;
		has13 |= cfg->suites[i]->version == KTLS_TLS13;
	}
	if (!has13)
		cfg->max_version = KTLS_TLS12;
	if (!has12)
		cfg->min_version = KTLS_TLS13;
}

static int take_lists(struct ktls_config *cfg, const struct ktls_opts *o,
		      struct text why)
{
	bool kernel = cfg->tx == KTLS_PATH_KERNEL ||
		      cfg->rx == KTLS_PATH_KERNEL;
	const struct table suite_table = {
		"cipher suite", suites, sizeof(*suites), suites_len,
		SUITES_MAX, kernel ? -KTLS_E_NO_KERNEL : -KTLS_E_OPTION,
		suite_usable, suite_named_only
	}, group_table = {
		"group", groups, sizeof(*groups), groups_len,
		GROUPS_MAX, -KTLS_E_OPTION, group_usable, NULL
	}, sigalg_table = {
		"signature algorithm", sigschemes, sizeof(*sigschemes),
		sigschemes_len, SIGSCHEMES_MAX, -KTLS_E_OPTION, sigalg_usable,
		NULL
	};
	const void **s = (const void **)cfg->suites;
	const void **g = (const void **)cfg->groups;
	const void **a = (const void **)cfg->sigalgs;
	int err = take_list(cfg, &suite_table, o->ciphers, s, &cfg->suites_len,
			    why);

	if (!err)
		err = take_list(cfg, &group_table, o->groups, g,
				&cfg->groups_len, why);
	if (!err)
		err = take_list(cfg, &sigalg_table, o->sigalgs, a,
				&cfg->sigalgs_len, why);
	if (err)
		return err;
	drop_versions(cfg);
	if (!o->ciphers)
		prefer_carried(cfg);
	wire_ids(cfg, s, cfg->suites_len);
	wire_ids(cfg, g, cfg->groups_len);
	wire_ids(cfg, a, cfg->sigalgs_len);
	return 0;
}

static int take_alpn(struct ktls_config *cfg, const char *list,
		     struct text why)
{
	while (list && *list) {
		struct slice name = next_name(&list, ',');

		if (!name.len || name.len > 255) {
			text_set(why, "ALPN name of %zu bytes", name.len);
			return -KTLS_E_OPTION;
		}
		wr_opaque(&cfg->wire, 1, name);
	}
	return 0;
}

/* Everything that goes on the wire as it is, in one allocation */
static int make_wire(struct ktls_config *cfg, const struct ktls_opts *o,
		     struct text why)
{
	size_t ids, alpn;
	const uint8_t *p;
	int err = take_lists(cfg, o, why);

	if (err)
		return err;
	ids = cfg->wire.len;
	for (int v = cfg->max_version; v >= cfg->min_version; v--)
		wr_u16(&cfg->wire, (uint16_t)v);
	alpn = cfg->wire.len;
	err = take_alpn(cfg, o->alpn, why);
	if (err)
		return err;
	if (!wr_ok(&cfg->wire))
		return -ENOMEM;
	p = cfg->wire.buf;
	cfg->suites_wire = (struct slice){ p, 2 * cfg->suites_len };
	p += cfg->suites_wire.len;
	cfg->groups_wire = (struct slice){ p, 2 * cfg->groups_len };
	p += cfg->groups_wire.len;
	cfg->sigalgs_wire = (struct slice){ p, 2 * cfg->sigalgs_len };
	cfg->versions_wire = (struct slice){ cfg->wire.buf + ids, alpn - ids };
	cfg->alpn_wire = (struct slice){ cfg->wire.buf + alpn,
					 cfg->wire.len - alpn };
	return 0;
}

bool config_has_group(const struct ktls_config *cfg, uint16_t group)
{
	return u16s_have(cfg->groups_wire, group);
}

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

static int take_scalars(struct ktls_config *cfg, const struct ktls_opts *o,
			struct text why)
{
	bool server = o->role == KTLS_SERVER;
	const char *bad = NULL;

	if (!server && o->role != KTLS_CLIENT)
		bad = "role is neither KTLS_SERVER nor KTLS_CLIENT";
	else if (o->flags & ~KTLS_F_ALL)
		bad = "flags has a bit that is no KTLS_F_*";
	else if (o->tx > KTLS_PATH_USER || o->rx > KTLS_PATH_USER)
		bad = "tx or rx is not a KTLS_PATH_*";
	else if (o->verify > KTLS_VERIFY_REQUIRE ||
		 (!server && o->verify == KTLS_VERIFY_OPTIONAL))
		bad = "verify does not fit the role";
	else if (server && !o->creds_len)
		bad = "a server needs a certificate";
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
	cfg->verify = o->verify;
	if (cfg->verify == KTLS_VERIFY_DEFAULT)
		cfg->verify = server ? KTLS_VERIFY_NONE : KTLS_VERIFY_REQUIRE;
	cfg->max_message = o->max_message ? o->max_message : MAX_MESSAGE;
	cfg->max_chain = o->max_chain ? o->max_chain : MAX_CHAIN;
	cfg->max_records = o->max_records;
	cfg->arg = o->arg;
	if (o->hooks)
		cfg->hooks = *o->hooks;
	return take_versions(cfg, o, why);
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
		err = crypto_new(&cfg->crypto);
	if (!err)
		err = take_caps(cfg, why);
	if (!err)
		err = make_wire(cfg, o, why);
	if (!err)
		err = supp_new(&cfg->supp, o, why);
	if (!err)
		err = take_creds(cfg, o, why);
	if (!err && cfg->verify != KTLS_VERIFY_NONE)
		err = trust_new(&cfg->trust, o->ca_file, o->ca_dir, o->ca_pem,
				why);
	if (!err)
		err = config_take_authorities(cfg, why);
	if (!err)
		err = session_setup(cfg, o, why);
	return err;
}

int ktls_config_new(struct ktls_config **out, const struct ktls_opts *opts)
{
	struct ktls_opts o = { 0 };
	struct ktls_config *cfg;
	struct text why;
	int err;

	*out = NULL;
	if (!opts || opts->size < offsetof(struct ktls_opts, flags) ||
	    opts->size > 4096)
		return -EINVAL;
	/* a larger one is fine as long as nothing beyond ours is asked for */
	for (size_t i = sizeof(o); i < opts->size; i++)
		if (((const uint8_t *)opts)[i])
			return -E2BIG;
	/* a caller built with a smaller struct has the defaults for the rest */
	memcpy(&o, opts, opts->size < sizeof(o) ? opts->size : sizeof(o));
	why = (struct text){ o.error, o.error_size };
	text_set(why, "%s", "");
	cfg = calloc(1, sizeof(*cfg));
	if (!cfg)
		return -ENOMEM;
	atomic_init(&cfg->refs, 1);
	err = build(cfg, &o, why);
	if (!err) {
		*out = cfg;
		return 0;
	}
	if (o.error && o.error_size && !o.error[0])
		text_set(why, "%s", ktls_strerror(err));
	ktls_config_put(cfg);
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
	tickets_free(cfg->tickets);
	supp_free(cfg->supp);
	trust_free(cfg->trust);
	wr_free(&cfg->wire);
	wr_free(&cfg->authorities);
	crypto_free(cfg->crypto);
	wipe_free(cfg, sizeof(*cfg));
}
