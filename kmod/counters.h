/* SPDX-License-Identifier: GPL-2.0-only */
/* What is counted: an array by the numbers of the attributes that report it */
#ifndef KC_COUNTERS_H
#define KC_COUNTERS_H

#include <linux/atomic.h>
#include <linux/ktls_consumer.h>

struct kc_counters {
	atomic64_t v[KTLS_CONSUMER_A_COUNTERS_MAX + 1];
};

#define kc_count(counters, name, n) \
	atomic64_add(n, &(counters)->v[KTLS_CONSUMER_A_COUNTERS_##name])
#define kc_count_set(counters, name, n) \
	atomic64_set(&(counters)->v[KTLS_CONSUMER_A_COUNTERS_##name], n)

static inline void kc_counters_add(struct kc_counters *to,
				   const struct kc_counters *from)
{
	int i;

	for (i = 1; i <= KTLS_CONSUMER_A_COUNTERS_MAX; i++)
		atomic64_add(atomic64_read(&from->v[i]), &to->v[i]);
}

#endif
