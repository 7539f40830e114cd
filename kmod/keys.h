/* SPDX-License-Identifier: GPL-2.0-only */
/* The keys of an endpoint, held so that their serials stay theirs */
#ifndef KC_KEYS_H
#define KC_KEYS_H

#include <linux/key.h>
#include <linux/ktls_consumer.h>

struct kc_keys {
	struct key *cert;
	struct key *privkey;
	struct key *keyring;
	struct key *psk[KTLS_CONSUMER_PSKS_MAX];
	unsigned int num_psks;
};

/* Hold the key of @serial, which must be valid. 0 or an error */
int kc_key_get(struct key **key, key_serial_t serial);
void kc_keys_put(struct kc_keys *keys);

#endif
