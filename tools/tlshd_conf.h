/* SPDX-License-Identifier: MIT */
/* The configuration file of tlshd(8), in whose place 'ktls agent' can serve. */
#ifndef TOOLS_TLSHD_CONF_H
#define TOOLS_TLSHD_CONF_H

#include <stdbool.h>

/* Names of PEM files; NULL: not said */
struct tlshd_end {
	char *truststore, *crl, *certificate, *private_key;
};

struct tlshd_conf {
	struct tlshd_end client, server;
	char *keyrings;			/* separated by semicolons; NULL */
};

/*
 * Read @path; NULL: /etc/tlshd/config or, failing that, /etc/tlshd.conf, and
 * where neither exists, nothing is set.  False after a complaint.
 */
bool tlshd_conf_read(struct tlshd_conf *conf, const char *path);
void tlshd_conf_free(struct tlshd_conf *conf);

#endif
