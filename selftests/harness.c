// SPDX-License-Identifier: GPL-2.0-only
/* The registry of tests, the plan of a run, and its options. */
#define _GNU_SOURCE 1
#include "harness_run.h"

#include <ctype.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIANTS_MAX	1000000

static struct harness_test *registry;

/*
 * Compilers may emit constructors in any order; the counter has the source's.
 */
void harness_add_test(struct harness_test *test)
{
	struct harness_test **p = &registry;

	while (*p && strcmp((*p)->file, test->file))
		p = &(*p)->next;
	while (*p && !strcmp((*p)->file, test->file) &&
	       (*p)->order < test->order)
		p = &(*p)->next;
	test->next = *p;
	*p = test;
}

void harness_add_variant(struct harness_fixture *fixture,
			 struct harness_variant *variant)
{
	struct harness_variant **p = &fixture->variants;

	while (*p && (*p)->order < variant->order)
		p = &(*p)->next;
	variant->next = *p;
	*p = variant;
}

double harness_slowness(void)
{
	const char *s = getenv("KTLS_TEST_SLOW");
	char *end = NULL;
	double slow = s ? strtod(s, &end) : 1;

	if (s && (*end || !(slow > 0 && slow <= 10000)))
		harness_bail("KTLS_TEST_SLOW='%s' is no factor", s);
	return slow;
}

int harness_ms(int ms)
{
	return (int)(ms * harness_slowness());
}

_Noreturn void harness_bail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("Bail out! ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	fflush(stdout);
	_exit(HARNESS_FAIL);
}

static void *grow(void *p, size_t n, size_t size)
{
	if (n & (n - 1))	/* full at each power of two */
		return p;
	p = reallocarray(p, n ? 2 * n : 1, size);
	if (!p)
		harness_bail("out of memory");
	return p;
}

static void add_case(struct run *run, const struct harness_test *t,
		     const char *variant, const void *data)
{
	struct tcase *c;
	const char *p;

	run->cases = grow(run->cases, run->n, sizeof(*run->cases));
	c = &run->cases[run->n++];
	*c = (struct tcase){ .test = t, .variant = data };
	if (asprintf(&c->name, "%s.%s%s%s",
		     t->fixture ? t->fixture->name : "global", variant,
		     variant[0] ? "." : "", t->name) < 0)
		harness_bail("out of memory");
	for (p = c->name; *p; p++)
		if (!isgraph((unsigned char)*p) || *p == '#')
			harness_bail("'%s' is no name for a test", c->name);
}

/* All tests of @first's fixture with one variant. */
static void add_tests(struct run *run, const struct harness_test *first,
		      const char *variant, const void *data)
{
	const struct harness_test *t;

	for (t = first; t; t = t->next)
		if (t->fixture == first->fixture)
			add_case(run, t, variant, data);
}

static void add_generated(struct run *run, const struct harness_test *first,
			  const struct harness_variant *v)
{
	char name[HARNESS_NAME_MAX];
	void *data;
	size_t i;

	for (i = 0; i < VARIANTS_MAX; i++) {
		data = calloc(1, v->size ? v->size : 1);
		if (!data)
			harness_bail("out of memory");
		name[0] = '\0';
		if (!v->gen(i, data, name, sizeof(name))) {
			free(data);
			return;
		}
		if (!name[0]) {
			free(data);
			continue;
		}
		run->data = grow(run->data, run->ndata, sizeof(*run->data));
		run->data[run->ndata++] = data;
		add_tests(run, first, name, data);
	}
	harness_bail("%s: the generator of variants does not end",
	     first->fixture->name);
}

static bool first_of_fixture(const struct harness_test *test)
{
	const struct harness_test *t = registry;

	while (t->fixture != test->fixture)
		t = t->next;
	return t == test;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void refuse_duplicates(const struct run *run)
{
	char **names = calloc(run->n + 1, sizeof(*names));
	size_t i;

	if (!names)
		harness_bail("out of memory");
	for (i = 0; i < run->n; i++)
		names[i] = run->cases[i].name;
	qsort(names, run->n, sizeof(*names), by_name);
	for (i = 1; i < run->n; i++)
		if (!strcmp(names[i - 1], names[i]))
			harness_bail("two tests are called %s", names[i]);
	free(names);
}

/* Every test in the source's order, a fixture's grouped by variant. */
static void plan(struct run *run)
{
	const struct harness_variant *v;
	const struct harness_test *t;
	size_t before;

	for (t = registry; t; t = t->next) {
		if (!t->fixture) {
			add_case(run, t, "", NULL);
			continue;
		}
		if (!first_of_fixture(t))
			continue;
		before = run->n;
		for (v = t->fixture->variants; v; v = v->next) {
			if (v->gen)
				add_generated(run, t, v);
			else
				add_tests(run, t, v->name, v->data);
		}
		if (!t->fixture->variants)
			add_tests(run, t, "", NULL);
		if (run->n == before)
			harness_bail("%s: the generator made no variant",
				     t->fixture->name);
	}
	refuse_duplicates(run);
}

/* Options */

static bool matches(const char *name, const char *pattern)
{
	return strpbrk(pattern, "*?[") ? !fnmatch(pattern, name, 0) :
	       !!strstr(name, pattern);
}

static void select_cases(struct run *run, char *const *patterns, size_t n)
{
	size_t i, j, kept = 0;

	for (i = 0; n && i < run->n; i++) {
		for (j = 0; j < n; j++)
			if (matches(run->cases[i].name, patterns[j]))
				break;
		if (j < n)
			run->cases[kept++] = run->cases[i];
		else
			free(run->cases[i].name);
	}
	if (n)
		run->n = kept;
}

static size_t parse_jobs(const char *s)
{
	char *end;
	long n = s ? strtol(s, &end, 10) : 1;

	if (s && (end == s || *end || n < 1))
		harness_bail("'%s' is no number of jobs", s);
	return n < JOBS_MAX ? (size_t)n : JOBS_MAX;
}

static void usage(FILE *f, const char *prog)
{
	fprintf(f,
		"usage: %s [-lvh] [-j N] [-t PATTERN]...\n"
		"  -l  list the tests\n"
		"  -t  run those whose name matches a glob or has the text\n"
		"  -v  print the output of tests that pass, too\n"
		"  -j  run N tests at a time ($KTLS_TEST_JOBS, else 1)\n"
		"  -h  this text\n"
		"$KTLS_TEST_SLOW multiplies the timeouts.\n"
		"Exit status: 0 passed, 1 failed, 4 all skipped\n", prog);
}

/* Standard streams that are closed would become a test's pipe. */
static void open_std_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			fd = open("/", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int run_and_sum_up(struct run *run)
{
	const size_t *n = run->count;

	printf("KTAP version 1\n1..%zu\n", run->n);
	fflush(stdout);
	harness_run(run);
	printf("# Totals: pass:%zu fail:%zu", n[PASSED], n[FAILED]);
	printf(" xfail:0 xpass:0 skip:%zu error:0\n", n[SKIPPED]);
	if (fflush(stdout) || ferror(stdout) || n[FAILED])
		return HARNESS_FAIL;
	return n[PASSED] ? HARNESS_PASS : HARNESS_SKIP;
}

static int list(const struct run *run)
{
	size_t i;

	for (i = 0; i < run->n; i++)
		puts(run->cases[i].name);
	return fflush(stdout) ? HARNESS_FAIL : HARNESS_PASS;
}

int harness_main(int argc, char **argv)
{
	struct run run = { .jobs = parse_jobs(getenv("KTLS_TEST_JOBS")) };
	char **patterns = calloc((size_t)argc + 1, sizeof(*patterns));
	bool only_list = false;
	size_t i, n = 0;
	int opt, ret = HARNESS_FAIL;

	if (!patterns)
		harness_bail("out of memory");
	open_std_fds();
	while ((opt = getopt(argc, argv, "lt:vj:h")) >= 0) {
		switch (opt) {
		case 'l':
			only_list = true;
			break;
		case 't':
			patterns[n++] = optarg;
			break;
		case 'v':
			run.verbose = true;
			break;
		case 'j':
			run.jobs = parse_jobs(optarg);
			break;
		case 'h':
			ret = HARNESS_PASS;
			/* fallthrough */
		default:
			usage(ret ? stderr : stdout, argv[0]);
			goto out;
		}
	}
	harness_slowness();	/* complains of it before the first test */
	plan(&run);
	select_cases(&run, patterns, n);
	if (!run.n || optind < argc)
		harness_bail(optind < argc ? "%s: not an option" : "no test%s",
		     optind < argc ? argv[optind] : n ? " matches" : "");
	ret = only_list ? list(&run) : run_and_sum_up(&run);
	for (i = 0; i < run.n; i++)
		free(run.cases[i].name);
	for (i = 0; i < run.ndata; i++)
		free(run.data[i]);
	free(run.cases);
	free(run.data);
out:
	free(patterns);
	return ret;
}
