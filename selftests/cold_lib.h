/* SPDX-License-Identifier: GPL-2.0-only */
/* Files on a disk, of which nothing is in memory */
#ifndef SELFTESTS_COLD_LIB_H
#define SELFTESTS_COLD_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Once in a test, before descriptors are counted: finds a file system that
 * reads without waiting (RWF_NOWAIT), where the program is, or makes one, or
 * skips.
 */
void cold_begin(void);
/* A new file, of @len bytes of the stream @seed from @pos, and cold */
int cold_file(uint64_t seed, uint64_t pos, size_t len);
/* Pages of @len bytes from @from leave memory, and nothing else of it */
void cold_evict(int fd, off_t from, size_t len);
/* As this kernel counts pages; -1: it does not, or not for us */
long cold_pages(int fd, off_t from, size_t len);
/* A byte, without waiting */
bool cold_at(int fd, off_t at);

#endif /* SELFTESTS_COLD_LIB_H */
