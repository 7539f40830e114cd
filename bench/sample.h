/* SPDX-License-Identifier: MIT */
/* Repeated measurements of one thing. */
#ifndef BENCH_SAMPLE_H
#define BENCH_SAMPLE_H

#include <stddef.h>

#define SAMPLES_MAX	101

struct sample {
	size_t len;
	double value[SAMPLES_MAX];
};

void sample_add(struct sample *s, double value);
/* The value below which @part (0 to 1) of them are; 0 if there are none */
double sample_part(struct sample *s, double part);

#endif
