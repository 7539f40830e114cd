// SPDX-License-Identifier: MIT
#include "meter.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Coarser than this is a tick */
#define COARSE_NS	200000

static uint64_t *others;	/* shared */
static double ticks_per_us;	/* 0: the kernel's CPU time is good */

static uint64_t ticks(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
#endif
}

static uint64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* How far it moves when it does */
static bool coarse(void)
{
	uint64_t t, last, step = UINT64_MAX;

	last = read_clock(CLOCK_PROCESS_CPUTIME_ID);
	for (int n = 0; n < 3;) {
		t = read_clock(CLOCK_PROCESS_CPUTIME_ID);
		if (t == last)
			continue;
		if (t - last < step)
			step = t - last;
		last = t;
		n++;
	}
	return step > COARSE_NS;
}

static void calibrate(void)
{
	uint64_t ns = read_clock(CLOCK_MONOTONIC), from = ticks();

	usleep(100000);
	ns = read_clock(CLOCK_MONOTONIC) - ns;
	ticks_per_us = (double)(ticks() - from) * 1e3 / (double)ns;
}

int meter_init(void)
{
	others = mmap(NULL, sizeof(*others), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (others == MAP_FAILED) {
		perror("mmap");
		return -1;
	}
	if (!coarse())
		return 0;
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		fprintf(stderr, "CPU time comes in ticks, and there are other "
			"CPUs: times are too long\n");
	calibrate();
	return 0;
}

const char *meter_name(void)
{
	return ticks_per_us > 0 ? "time less the receiver's" : "CPU time";
}

double meter_us(void)
{
	if (ticks_per_us > 0)
		return (double)(ticks() -
				__atomic_load_n(others, __ATOMIC_RELAXED)) /
		       ticks_per_us;
	return (double)read_clock(CLOCK_PROCESS_CPUTIME_ID) / 1e3;
}

void meter_first(void)
{
	const struct sched_param p = { .sched_priority = 1 };

	if (ticks_per_us > 0 && sched_setscheduler(0, SCHED_FIFO, &p))
		perror("SCHED_FIFO");
}

uint64_t meter_begin(void)
{
	return ticks();
}

void meter_end(uint64_t since)
{
	__atomic_add_fetch(others, ticks() - since, __ATOMIC_RELAXED);
}
