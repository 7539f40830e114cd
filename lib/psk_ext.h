/* SPDX-License-Identifier: MIT */
/*
 * External pre-shared keys (RFC 9846 4.3.11), also imported ones (RFC 9258):
 * those of the options, each for one hash.
 */
#ifndef KTLS_PSK_EXT_H
#define KTLS_PSK_EXT_H

#include "crypto.h"

struct ktls_config;
struct ktls_info;
struct ktls_opts;
struct text;

struct psk_ext {
	struct wr identity;	/* as on the wire */
	struct slice name;	/* the caller's, in it */
	struct secret key;
	enum hash_id hash;
	bool imported;
};

struct psk_exts {
	size_t len;
	size_t size;			/* bytes of it all */
	struct psk_ext psk[];
};

/* What the options name; NULL if nothing */
int psk_ext_new(struct psk_exts **psks, const struct crypto *crypto,
		const struct ktls_opts *o, struct text why);
void psk_ext_free(struct psk_exts *psks);	/* wipes; NULL is fine */
const struct psk_ext *psk_ext_find(const struct psk_exts *psks,
				   struct slice identity);
/* The peer is who has the key */
void psk_ext_tell(const struct psk_ext *psk, struct ktls_info *info);

#endif /* KTLS_PSK_EXT_H */
