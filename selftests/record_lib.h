/* SPDX-License-Identifier: GPL-2.0-only */
/* Keys of TLS 1.3 from their traffic secret, for tests that seal by hand */
#ifndef SELFTESTS_RECORD_LIB_H
#define SELFTESTS_RECORD_LIB_H

#include "../lib/record.h"

static inline int record_set_secret(struct record *rec,
				    const struct crypto *crypto,
				    const struct suite *suite,
				    const struct secret *traffic, bool seal)
{
	struct traffic_keys keys;
	int err = traffic_keys(crypto, suite, traffic, &keys);

	return err ? err : record_set_key(rec, crypto, suite, &keys, seal);
}

#endif /* SELFTESTS_RECORD_LIB_H */
