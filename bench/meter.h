/* SPDX-License-Identifier: MIT */
/*
 * CPU time of this process, its io_uring workers' included.
 *
 * Where the kernel counts it in ticks (User Mode Linux), and has only one CPU,
 * it is what passes on the CPU's counter less what the others report to have
 * used: right as long as nobody idles.
 */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stdint.h>

/* 0, or -1 after words. Before any fork. */
int meter_init(void);
const char *meter_name(void);
double meter_us(void);

/*
 * For another process: what is between them does not count.  Where that is
 * taken off it must not be interrupted by who is measured.
 */
void meter_first(void);
uint64_t meter_begin(void);
void meter_end(uint64_t since);

#endif
