// SPDX-License-Identifier: MIT
#include "agent_conf.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <ktls_agent.h>

#include "agent_file.h"
#include "ini.h"

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))
#define CREDS_LIMIT	1024
#define IDS_LIMIT	1024

struct parser {
	struct ini_at at;
	struct agent_conf *conf;
	struct credential *cred;	/* the section that we are in */
};

/* Always -1 */
static int wrong(const struct parser *p, const char *what, const char *value)
{
	ini_wrong(&p->at, what, value);
	return -1;
}

/* ---- what is named there ----------------------------------------------- */

static int take_file(struct parser *p, char **text, char *value, bool secret)
{
	int err = file_text(value, secret, text);

	return err ? wrong(p, file_text_error(err), value) : 0;
}

static int set_trust(struct parser *p, char *value)
{
	return take_file(p, &p->cred->trust_pem, value, false);
}

/* ---- lists ------------------------------------------------------------- */

/* Each item of "a, b"; none may be empty */
static int each(struct parser *p, char *list,
		int (*take)(struct parser *p, char *item))
{
	char *next;

	do {
		next = strchr(list, ',');
		if (next)
			*next++ = '\0';
		list = ini_trim(list);
		if (!*list)
			return wrong(p, "a part of the list is empty", NULL);
		if (take(p, list))
			return -1;
		list = next;
	} while (list);
	return 0;
}

static int add_id(struct parser *p, struct ids *ids, unsigned int id)
{
	unsigned int *more;

	if (ids->len == IDS_LIMIT)
		return wrong(p, "too many", NULL);
	more = reallocarray(ids->id, ids->len + 1, sizeof(*ids->id));
	if (!more)
		return wrong(p, strerror(ENOMEM), NULL);
	ids->id = more;
	ids->id[ids->len++] = id;
	return 0;
}

/* "1000": a number is one even where there is a name of that kind */
static bool number(const char *s, unsigned int *id)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	*id = (unsigned int)n;
	/* the largest means "none" to the system */
	return *s >= '0' && *s <= '9' && !*end && !errno && n < UINT_MAX;
}

static int add_user(struct parser *p, char *item)
{
	struct ids *ids = &p->cred->users;
	const struct passwd *pw;
	unsigned int id;

	if (!strcmp(item, "*")) {
		ids->all = true;
		return 0;
	}
	if (number(item, &id))
		return add_id(p, ids, id);
	pw = getpwnam(item);
	return pw ? add_id(p, ids, pw->pw_uid) :
		    wrong(p, "no such user", item);
}

static int add_group(struct parser *p, char *item)
{
	const struct group *gr;
	unsigned int id;

	if (number(item, &id))
		return add_id(p, &p->cred->members, id);
	gr = getgrnam(item);
	return gr ? add_id(p, &p->cred->members, gr->gr_gid) :
		    wrong(p, "no such group", item);
}

static int set_users(struct parser *p, char *value)
{
	return each(p, value, add_user);
}

static int set_groups(struct parser *p, char *value)
{
	return each(p, value, add_group);
}

static int add_cert(struct parser *p, char *item)
{
	struct credential *c = p->cred;

	return c->certs_len == CERTS_MAX ? wrong(p, "too many", NULL) :
	       take_file(p, &c->cert_pem[c->certs_len++], item, false);
}

static int add_key(struct parser *p, char *item)
{
	struct credential *c = p->cred;

	return c->keys_len == CERTS_MAX ? wrong(p, "too many", NULL) :
	       take_file(p, &c->key_pem[c->keys_len++], item, true);
}

static int set_cert(struct parser *p, char *value)
{
	return each(p, value, add_cert);
}

static int set_key(struct parser *p, char *value)
{
	return each(p, value, add_key);
}

/* ---- words ------------------------------------------------------------- */

struct word {
	const char *text;
	unsigned int value;
};

static int find_word(const struct parser *p, const struct word *words,
		     size_t len, const char *text, unsigned int *value)
{
	for (size_t i = 0; i < len; i++) {
		if (strcmp(words[i].text, text))
			continue;
		*value = words[i].value;
		return 0;
	}
	return wrong(p, "not a value for this key", text);
}

static int add_role(struct parser *p, char *item)
{
	static const struct word words[] = {
		{ "server", KTLS_SERVER },
		{ "client", KTLS_CLIENT },
	};
	unsigned int role;

	if (find_word(p, words, COUNT(words), item, &role))
		return -1;
	p->cred->roles |= 1u << role;
	return 0;
}

static int set_roles(struct parser *p, char *value)
{
	return each(p, value, add_role);
}

static int set_verify(struct parser *p, char *value)
{
	static const struct word words[] = {
		{ "none", KTLS_VERIFY_NONE },
		{ "optional", KTLS_VERIFY_OPTIONAL },
		{ "require", KTLS_VERIFY_REQUIRE },
	};
	unsigned int verify;

	if (find_word(p, words, COUNT(words), value, &verify))
		return -1;
	p->cred->verify = (enum ktls_verify)verify;
	return 0;
}

static int add_version(struct parser *p, char *item)
{
	static const struct word words[] = {
		{ "1.2", KTLS_TLS12 },
		{ "1.3", KTLS_TLS13 },
	};
	struct credential *c = p->cred;
	unsigned int v;

	if (find_word(p, words, COUNT(words), item, &v))
		return -1;
	if (!c->min_version || v < c->min_version)
		c->min_version = (uint16_t)v;
	if (v > c->max_version)
		c->max_version = (uint16_t)v;
	return 0;
}

static int set_tls(struct parser *p, char *value)
{
	return each(p, value, add_version);
}

static int copy(struct parser *p, char **to, const char *value)
{
	*to = strdup(value);
	return *to ? 0 : wrong(p, strerror(ENOMEM), NULL);
}

static int set_alpn(struct parser *p, char *value)
{
	return strlen(value) > 255 ? wrong(p, "too long", NULL) :
				     copy(p, &p->cred->alpn, value);
}

static int set_ciphers(struct parser *p, char *value)
{
	return copy(p, &p->cred->ciphers, value);
}

static int set_kex(struct parser *p, char *value)
{
	return copy(p, &p->cred->groups, value);
}

/* ---- sections ---------------------------------------------------------- */

enum key { CERT, KEY, TRUST, USERS, GROUPS, ROLES, VERIFY, TLS, ALPN, CIPHERS,
	   KEX, KEYS };

static const struct {
	const char *name;
	int (*set)(struct parser *p, char *value);
} keys[KEYS] = {
	[CERT] = { "cert", set_cert },
	[KEY] = { "key", set_key },
	[TRUST] = { "trust", set_trust },
	[USERS] = { "users", set_users },
	[GROUPS] = { "groups", set_groups },
	[ROLES] = { "roles", set_roles },
	[VERIFY] = { "verify", set_verify },
	[TLS] = { "tls", set_tls },
	[ALPN] = { "alpn", set_alpn },
	[CIPHERS] = { "ciphers", set_ciphers },
	[KEX] = { "key-exchange", set_kex },
};

static bool has(const struct credential *c, enum key key)
{
	return c->set & 1u << key;
}

/* Does the section make sense as a whole? */
static int end_section(struct parser *p)
{
	struct credential *c = p->cred;
	bool server, client;

	if (!c)
		return 0;
	server = c->roles & 1u << KTLS_SERVER;
	client = c->roles & 1u << KTLS_CLIENT;
	p->at.line = c->line;
	if (!c->roles)
		return wrong(p, "has no 'roles'", c->name);
	if (!has(c, USERS) && !has(c, GROUPS))
		return wrong(p, "has neither 'users' nor 'groups', so nobody "
			     "may use it", c->name);
	if (c->certs_len != c->keys_len)
		return wrong(p, "has not a 'key' for each 'cert'", c->name);
	if (server && !has(c, CERT))
		return wrong(p, "is for servers and has no 'cert'", c->name);
	if (!has(c, VERIFY))
		return client && !has(c, TRUST) ?
		       wrong(p, "is for clients and has no 'trust'", c->name) :
		       0;
	if (client && c->verify == KTLS_VERIFY_OPTIONAL)
		return wrong(p, "is for clients, whose 'verify' is never "
			     "optional", c->name);
	if (c->verify != KTLS_VERIFY_NONE && !has(c, TRUST))
		return wrong(p, "is to verify and has no 'trust'", c->name);
	return 0;
}

static bool name_is_good(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	return len && len <= KTLS_AGENT_NAME_MAX && strspn(name, good) == len;
}

static int begin_section(struct parser *p, const char *name)
{
	struct agent_conf *conf = p->conf;
	struct credential *more;

	if (!name_is_good(name))
		return wrong(p, "not a name: 1 to 64 letters, digits and ._-",
			     name);
	for (size_t i = 0; i < conf->len; i++)
		if (!strcmp(conf->creds[i].name, name))
			return wrong(p, "there is a section of this name",
				     name);
	if (conf->len == CREDS_LIMIT)
		return wrong(p, "too many sections", NULL);
	more = reallocarray(conf->creds, conf->len + 1, sizeof(*more));
	if (!more)
		return wrong(p, strerror(ENOMEM), NULL);
	conf->creds = more;
	p->cred = &more[conf->len++];
	*p->cred = (struct credential){ .line = p->at.line };
	return copy(p, &p->cred->name, name);
}

static int set_value(struct parser *p, const char *key, char *value)
{
	if (!p->cred)
		return wrong(p, "before the first section", key);
	for (unsigned int i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].name, key))
			continue;
		if (p->cred->set & 1u << i)
			return wrong(p, "a second time in this section", key);
		if (!*value)
			return wrong(p, "has no value", key);
		p->cred->set |= 1u << i;
		return keys[i].set(p, value);
	}
	return wrong(p, "not a key", key);
}

static bool take(void *arg, const struct ini_at *at)
{
	struct parser *p = arg;

	if (!at->key && end_section(p))
		return false;
	p->at = *at;
	return !(at->key ? set_value(p, at->key, at->value) :
			   begin_section(p, at->section));
}

int agent_conf_read(struct agent_conf *conf, const char *file)
{
	struct parser p = { .at.path = file, .at.line = 1, .conf = conf };
	int err;

	*conf = (struct agent_conf){ 0 };
	err = ini_read(file, take, &p) ? end_section(&p) : -1;
	if (!err && !conf->len)
		err = wrong(&p, "has no section", NULL);
	if (err)
		agent_conf_free(conf);
	return err;
}

void agent_conf_free(struct agent_conf *conf)
{
	for (size_t i = 0; i < conf->len; i++)
		credential_free(&conf->creds[i]);
	free(conf->creds);
	*conf = (struct agent_conf){ 0 };
}
