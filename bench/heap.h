/* SPDX-License-Identifier: MIT */
/*
 * What is allocated, and by whom: the program with its library by malloc(3) and
 * its kin, and in the library's vault (linked with --wrap), libcrypto and libssl
 * by libcrypto's hook.
 */
#ifndef BENCH_HEAP_H
#define BENCH_HEAP_H

#include <stdint.h>

enum heap_owner { HEAP_OURS, HEAP_CRYPTO, HEAP_OWNERS };

struct heap_sum {
	uint64_t calls;		/* that gave memory */
	uint64_t bytes;		/* asked for in them */
	int64_t live, peak;	/* bytes, as glibc rounds them, with its header */
	int64_t blocks;		/* that live is in */
};

struct heap {
	struct heap_sum of[HEAP_OWNERS];
};

/* What this thread allocates and frees counts there; NULL: nowhere */
void heap_account(struct heap *h);

#endif
