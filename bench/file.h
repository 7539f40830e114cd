/* SPDX-License-Identifier: MIT */
/* What is sent */
#ifndef BENCH_FILE_H
#define BENCH_FILE_H

#include <sys/types.h>

/* @size random bytes, on the disk: a descriptor, or -1 after words */
int bench_file(const char *dir, off_t size);

#endif
