// SPDX-License-Identifier: MIT
#include "tlshd_conf.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ini.h"
#include "log.h"

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))

static const char *const places[] = { "/etc/tlshd/config", "/etc/tlshd.conf" };

#define END(end, key, member)						\
	{ "authenticate." #end, key,					\
	  offsetof(struct tlshd_conf, end.member) }

static const struct row {
	const char *section, *key;
	size_t at;
} rows[] = {
	{ "authenticate", "keyrings", offsetof(struct tlshd_conf, keyrings) },
	END(client, "x509.truststore", truststore),
	END(client, "x509.crl", crl),
	END(client, "x509.certificate", certificate),
	END(client, "x509.private_key", private_key),
	END(server, "x509.truststore", truststore),
	END(server, "x509.crl", crl),
	END(server, "x509.certificate", certificate),
	END(server, "x509.private_key", private_key),
};

/* A second certificate, for peers with ML-DSA, is left to who can do that */
static const char post_quantum[] = "x509.pq.";

static char **find(struct tlshd_conf *conf, const struct ini_at *at)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!strcmp(rows[i].section, at->section) &&
		    !strcmp(rows[i].key, at->key))
			return (char **)((char *)conf + rows[i].at);
	return NULL;
}

/*
 * What is unknown may be a restriction of who is let in, so that it cannot be
 * passed over; but debugging is tlshd's own matter.
 */
static bool take(void *arg, const struct ini_at *at)
{
	char **to;

	if (!at->key || !strcmp(at->section, "debug"))
		return true;
	to = find(arg, at);
	if (!to && !strncmp(at->section, "authenticate.", 13) &&
	    !strncmp(at->key, post_quantum, sizeof(post_quantum) - 1)) {
		ini_wrong(at, "left out, as there is no ML-DSA here", at->key);
		return true;
	}
	if (!to)
		return ini_wrong(at, "not known in this section", at->key);
	if (*to)
		return ini_wrong(at, "a second time in this section", at->key);
	*to = strdup(at->value);
	return *to || ini_wrong(at, strerror(ENOMEM), NULL);
}

/* A path that is there, "" where it need not be, or NULL after a complaint */
static const char *choose(const char *path)
{
	for (size_t i = 0; i < COUNT(places) && !path; i++) {
		if (!access(places[i], F_OK))
			return places[i];
		if (errno != ENOENT && errno != ENOTDIR) {
			complain("%s: %s", places[i], strerror(errno));
			return NULL;
		}
	}
	return path ? path : "";
}

bool tlshd_conf_read(struct tlshd_conf *conf, const char *path)
{
	*conf = (struct tlshd_conf){ 0 };
	path = choose(path);
	if (!path)
		return false;
	if (!*path || ini_read(path, take, conf))
		return true;
	tlshd_conf_free(conf);
	return false;
}

void tlshd_conf_free(struct tlshd_conf *conf)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		free(*(char **)((char *)conf + rows[i].at));
	*conf = (struct tlshd_conf){ 0 };
}
