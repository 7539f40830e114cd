/* SPDX-License-Identifier: MIT */
/* The key derivation of TLS 1.2 (RFC 5246 5, 6.3, 8.1; RFC 7627) */
#ifndef KTLS_SCHED12_H
#define KTLS_SCHED12_H

#include "sched13.h"

#define MAIN_SECRET_LEN	48	/* 8.1 */

/* PRF(secret, label, seed), the seed in two parts */
int prf(const struct crypto *crypto, enum hash_id hash, struct slice secret,
	const char *label, struct slice seed1, struct slice seed2,
	uint8_t *out, size_t len);

/* What the client writes with, and the server */
struct key_block {
	struct traffic_keys client, server;
};

int key_block(const struct crypto *crypto, const struct suite *suite,
	      const struct secret *master, struct slice client_random,
	      struct slice server_random, struct key_block *out);

#define VERIFY_DATA_LEN	12

/* 7.4.9 */
int verify_data12(const struct crypto *crypto, enum hash_id hash,
		  const struct secret *master, bool client,
		  const struct secret *transcript,
		  uint8_t out[VERIFY_DATA_LEN]);

/* RFC 5705 4; @context may be empty, which is not the same as none (p NULL) */
int exporter12(const struct crypto *crypto, enum hash_id hash,
	       const struct secret *master, const uint8_t randoms[64],
	       const char *label, struct slice context, uint8_t *out,
	       size_t len);

#endif /* KTLS_SCHED12_H */
