/* SPDX-License-Identifier: MIT */
/* SupplementalData of the command line: files that travel in a handshake */
#ifndef TOOLS_SUPPDATA_H
#define TOOLS_SUPPDATA_H

#include <stdbool.h>
#include <stddef.h>

#include <ktls.h>

#define SUPP_MAX	8

struct suppdata {
	struct ktls_supp types[SUPP_MAX];	/* data is ours */
	size_t len;
	/* "TYPE DATA", from a peer; NULL: nobody wants to know */
	void (*heard)(struct ktls_hs *hs, const char *what);
};

/* Take "TYPE[:EXTENSION]=FILE"; false after a complaint */
bool suppdata_add(struct suppdata *s, const char *arg);
/* Bytes that the message of a peer with the same types may have */
size_t suppdata_room(const struct suppdata *s);
void suppdata_free(struct suppdata *s);

#endif
