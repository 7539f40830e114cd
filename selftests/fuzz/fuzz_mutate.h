/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inputs that have a structure are mutated in it: all of these change the @len
 * bytes at @p, which has room for @max, and return the new length; or make one
 * of two.  Chance is @seed's, and of LLVMFuzzerMutate() below.
 */
#ifndef SELFTESTS_FUZZ_MUTATE_H
#define SELFTESTS_FUZZ_MUTATE_H

#include "fuzz_lib.h"

struct mutator {
	size_t (*mutate)(uint8_t *p, size_t len, size_t max, uint32_t *seed);
	/* NULL: the beginning of one, the end of the other */
	size_t (*cross)(struct slice a, struct slice b, uint8_t *out,
			size_t max, uint32_t *seed);
};

/*
 * A byte, then changes or deeds (struct edit); certificates (fuzz_cert.c); two
 * sides (fuzz_side.c)
 */
extern const struct mutator mutator_edits, mutator_chain, mutator_sides;
extern const struct mutator mutator_bytes;

/* Less than @n, which is not 0 */
uint32_t chance(uint32_t *seed, uint32_t n);
/* Of bytes that have none: libFuzzer's own, where it is */
size_t mutate_bytes(uint8_t *p, size_t len, size_t max, uint32_t *seed);
/* @w, if it has room, else what is there already; @w is freed */
size_t mutated(struct wr *w, uint8_t *p, size_t len, size_t max);

#endif /* SELFTESTS_FUZZ_MUTATE_H */
