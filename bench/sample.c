// SPDX-License-Identifier: MIT
#include "sample.h"

#include <stdlib.h>

void sample_add(struct sample *s, double value)
{
	if (s->len < SAMPLES_MAX)
		s->value[s->len++] = value;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double sample_part(struct sample *s, double part)
{
	double at = part * (double)(s->len ? s->len - 1 : 0);
	size_t i = (size_t)at;

	if (!s->len)
		return 0;
	qsort(s->value, s->len, sizeof(*s->value), compare);
	if (i + 1 == s->len)
		return s->value[i];
	return s->value[i] + (at - (double)i) *
	       (s->value[i + 1] - s->value[i]);
}
