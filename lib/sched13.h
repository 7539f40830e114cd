/* SPDX-License-Identifier: MIT */
/* The key schedule of TLS 1.3 (RFC 9846 7) */
#ifndef KTLS_SCHED13_H
#define KTLS_SCHED13_H

#include "crypto.h"

struct sched {
	const struct crypto *crypto;
	enum hash_id hash;
	struct secret now;	/* Early, Handshake, then Main Secret */
};

/*
 *             0
 *             |
 *   PSK -> HKDF-Extract = Early Secret			sched_begin
 *             |
 *          "derived"
 *             |
 *   kex -> HKDF-Extract = Handshake Secret			sched_mix(kex)
 *             |
 *          "derived"
 *             |
 *     0 -> HKDF-Extract = Main Secret				sched_mix(0)
 *
 * and at each stage the labelled secrets				sched_derive
 */
int sched_begin(struct sched *s, const struct crypto *crypto,
		enum hash_id hash, struct slice psk);
/* An empty @ikm stands for as many zeros as the hash is long */
int sched_mix(struct sched *s, struct slice ikm);
/* Derive-Secret with the hash of the messages so far */
int sched_derive(const struct sched *s, const char *label,
		 const struct secret *transcript, struct secret *out);

/* HKDF-Expand-Label; @label without "tls13 " */
int expand_label(const struct crypto *crypto, enum hash_id hash,
		 const struct secret *secret, const char *label,
		 struct slice context, uint8_t *out, size_t len);

/* 7.3: what a direction encrypts with */
struct traffic_keys {
	uint8_t key[AEAD_KEY_MAX];
	uint8_t iv[AEAD_IV_LEN];
};
int traffic_keys(const struct crypto *crypto, const struct suite *suite,
		 const struct secret *traffic, struct traffic_keys *out);
/* 7.2: application_traffic_secret_N+1, in place */
int traffic_update(const struct crypto *crypto, const struct suite *suite,
		   struct secret *traffic);
/* 4.5.3 */
int finished_mac(const struct crypto *crypto, enum hash_id hash,
		 const struct secret *base, const struct secret *transcript,
		 struct secret *out);
/* 7.5 */
int exporter(const struct crypto *crypto, enum hash_id hash,
	     const struct secret *exporter_secret, const char *label,
	     struct slice context, uint8_t *out, size_t len);

#endif /* KTLS_SCHED13_H */
