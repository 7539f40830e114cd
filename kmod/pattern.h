/* SPDX-License-Identifier: GPL-2.0-only */
/* The text of RFC 864, endless, of which every offset is at hand */
#ifndef KC_PATTERN_H
#define KC_PATTERN_H

#include <linux/types.h>

struct bio_vec;

/* As much as one bio_vec of it can hold */
#define KC_CHUNK	65536U

int kc_pattern_init(void);
void kc_pattern_exit(void);
/* The @len bytes, KC_CHUNK at most, from offset @at: pages for reading only */
void kc_pattern_bvec(u64 at, size_t len, struct bio_vec *bv);
bool kc_pattern_is(u64 at, const void *data, size_t len);

#endif
