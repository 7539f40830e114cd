// SPDX-License-Identifier: MIT
/* Suites, groups, signature schemes: from lists of names to what is offered */
#include "config.h"

#include <errno.h>

#include "ext.h"
#include "offload.h"

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
	const void *c[SIGSCHEMES_MAX];
	size_t c_len = 0;
	int err = take_list(cfg, &suite_table, o->ciphers, s, &cfg->suites_len,
			    why);

	if (!err)
		err = take_list(cfg, &group_table, o->groups, g,
				&cfg->groups_len, why);
	if (!err)
		err = take_list(cfg, &sigalg_table, o->sigalgs, a,
				&cfg->sigalgs_len, why);
	if (!err && o->sigalgs_cert)
		err = take_list(cfg, &sigalg_table, o->sigalgs_cert, c, &c_len,
				why);
	if (err)
		return err;
	drop_versions(cfg);
	if (!o->ciphers)
		prefer_carried(cfg);
	wire_ids(cfg, s, cfg->suites_len);
	wire_ids(cfg, g, cfg->groups_len);
	wire_ids(cfg, a, cfg->sigalgs_len);
	wire_ids(cfg, c, c_len);
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
int config_take_lists(struct ktls_config *cfg, const struct ktls_opts *o,
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
	p += cfg->sigalgs_wire.len;
	cfg->sigalgs_cert_wire = (struct slice){ p, ids - (size_t)(p -
						 cfg->wire.buf) };
	cfg->versions_wire = (struct slice){ cfg->wire.buf + ids, alpn - ids };
	cfg->alpn_wire = (struct slice){ cfg->wire.buf + alpn,
					 cfg->wire.len - alpn };
	return 0;
}

bool config_has_group(const struct ktls_config *cfg, uint16_t group)
{
	return u16s_have(cfg->groups_wire, group);
}

/* Kept back for what ends the key, and an alert */
#define ROOM_KEPT	2

uint64_t config_key_limit(const struct ktls_config *cfg,
			  const struct suite *suite)
{
	uint64_t own = cfg->max_records;
	uint64_t max = aead_rows[suite->aead].max_records;

	return (own && own < max ? own : max) - ROOM_KEPT;
}
