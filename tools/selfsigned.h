/* SPDX-License-Identifier: MIT */
/* A certificate for trying things out: the only user of libcrypto in tools. */
#ifndef TOOLS_SELFSIGNED_H
#define TOOLS_SELFSIGNED_H

#include <stddef.h>

struct selfsigned {
	char *cert_pem;
	char *key_pem;
	char fingerprint[3 * 32];	/* SHA-256, "AB:CD:..." */
};

/*
 * A P-256 key and a certificate for localhost, 127.0.0.1, ::1 and the @hosts
 * (names and addresses, no ports), valid for 30 days.  0, or -1.
 */
int selfsigned_new(struct selfsigned *s, const char *const *hosts,
		   size_t hosts_len);
/* Wipes the key */
void selfsigned_free(struct selfsigned *s);

#endif
