/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the parts of the harness: harness.c plans a run, harness_run.c
 * executes it, harness_check.c is what happens in the process of a test.
 */
#ifndef SELFTESTS_HARNESS_RUN_H
#define SELFTESTS_HARNESS_RUN_H

#include <stdatomic.h>
#include <sys/types.h>

#include "harness.h"

#define JOBS_MAX	256

/* What the processes of a test tell the runner; in memory they share. */
struct harness_report {
	atomic_uint	failures;
	atomic_bool	skipped;
	atomic_bool	done;		/* the test ran to its end */
	char		why[240];	/* the first failure's place, or skip */
};

/* Goes on as the process of @test, @out being its output. */
_Noreturn void harness_process(const struct harness_test *test,
			       const void *variant, int out,
			       struct harness_report *report);

/* A test with a variant. */
struct tcase {
	const struct harness_test *test;
	const void	*variant;
	char		*name;
	char		*out;
	size_t		len;
	size_t		lost;		/* bytes left out in the middle */
	enum { WAITING, PASSED, FAILED, SKIPPED } result;
	char		why[256];
};

/* A process that runs one. */
struct slot {
	struct tcase	*tcase;		/* NULL: unused */
	struct harness_report	*report;
	pid_t		pid;
	int		fd;
	bool		killed;
	double		limit;		/* seconds */
	long long	deadline;	/* ms */
};

struct run {
	struct tcase	*cases;
	size_t		n;
	void		**data;		/* of the generated variants */
	size_t		ndata;
	struct slot	slots[JOBS_MAX];
	size_t		jobs;
	int		sigfd;
	bool		verbose;
	size_t		printed;
	size_t		count[SKIPPED + 1];
};

/* Runs the cases and prints their results. */
void harness_run(struct run *run);

/* What $KTLS_TEST_SLOW multiplies the timeouts by. */
double harness_slowness(void);

/* Ends the run with no further result. */
_Noreturn void harness_bail(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

#endif /* SELFTESTS_HARNESS_RUN_H */
