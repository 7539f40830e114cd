// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the harness.  The program runs itself, with $HARNESS_TEST_SET
 * naming a set of tests that are not there otherwise, which fail, crash, hang
 * and skip, and looks at what the harness makes of them.
 */
#define _GNU_SOURCE 1
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SET	"HARNESS_TEST_SET"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN	1
#endif
#if __has_feature(undefined_behavior_sanitizer)
#define WITH_UBSAN	true
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN	0
#endif
#ifdef __clang__
#ifndef WITH_UBSAN
#define WITH_UBSAN	false
#endif
#else
/* gcc has no macro for it, but the run-time library is there or is not */
void __ubsan_on_report(void) __attribute__((weak));
#define WITH_UBSAN	(!!__ubsan_on_report)
#endif

#include "harness_test_inner.h"

struct result {
	char	out[1 << 18];	/* standard output and error, whole */
	int	status;		/* as of wait() */
};

struct how {
	const char *set;		/* NULL: "main" */
	const char *slow;		/* $KTLS_TEST_SLOW, NULL: unset */
	bool closed;			/* the standard streams closed */
};

static _Noreturn void be_harness(const struct how *how, char **argv, int out)
{
	int in[2];

	/* what a careless parent may leave; with input, not for the tests */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	if (pipe(in) < 0 || write(in[1], "x", 1) != 1)
		_exit(127);
	dup2(in[0], STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (how->closed) {
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
	}
	setenv(SET, how->set ? how->set : "main", 1);
	unsetenv("KTLS_TEST_JOBS");
	unsetenv("KTLS_TEST_SLOW");
	if (how->slow)
		setenv("KTLS_TEST_SLOW", how->slow, 1);
	execv("/proc/self/exe", argv);
	_exit(127);
}

/* Runs this program with @args, split at spaces.  False: it could not. */
static bool try_run(struct result *r, const struct how *how, char *args)
{
	char *argv[16] = { "harness_test" };
	size_t len = 0, n = 1;
	ssize_t got;
	pid_t pid;
	int fd[2];

	for (args = strtok(args, " "); args && n < 15; args = strtok(NULL, " "))
		argv[n++] = args;
	if (pipe(fd) < 0)
		return false;
	pid = fork();
	if (!pid)
		be_harness(how, argv, fd[1]);
	close(fd[1]);
	do {
		got = read(fd[0], r->out + len, sizeof(r->out) - 1 - len);
		len += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	r->out[len] = '\0';
	close(fd[0]);
	return pid > 0 && waitpid(pid, &r->status, 0) == pid &&
	       len < sizeof(r->out) - 1;
}

static void run_how(struct result *r, const struct how *how, char *args)
{
	ASSERT_TRUE(try_run(r, how, args));
	printf("%s", r->out);
}

static const struct how plain;

#define RUN(r, how, args)						\
	do {								\
		char args_[] = args;					\
									\
		run_how(r, how, args_);					\
	} while (0)

#define EXPECT_EXIT(r, code)						\
	EXPECT_TRUE(WIFEXITED((r)->status) &&				\
		    WEXITSTATUS((r)->status) == (code))			\
		TH_LOG("status is %#x", (r)->status)

static struct result result;

static bool has(const char *text)
{
	return strstr(result.out, text);
}

static size_t count(const char *text)
{
	const char *p = result.out;
	size_t n = 0;

	while ((p = strstr(p, text))) {
		p += strlen(text);
		n++;
	}
	return n;
}

/* The test of that line alone, and what its output has and has not. */
FIXTURE(verdict) { };

FIXTURE_VARIANT(verdict)
{
	const char *line;		/* after "ok 1 " or "not ok 1 " */
	int status;
	bool verbose;
	const char *has[6];
	const char *lacks[3];
	const char *slow;
};

#define VERDICT(name, ...)						\
	FIXTURE_VARIANT_ADD(verdict, name) { __VA_ARGS__ }

#define CHECKS	"harness_test_inner.h:"

VERDICT(passes, .line = "global.passes\n", .lacks = { "quiet" });
VERDICT(passes_verbose, .verbose = true, .line = "global.passes\n",
	.has = { "\n# quiet\nok 1 " });
VERDICT(checks_pass, .line = "global.checks_pass\n");
VERDICT(assert_stops, .line = "global.assert_stops # ", .status = 1,
	.has = { "expected n (4) == 5\n", ": in the helper\n" },
	.lacks = { "went on" });
VERDICT(exits_early, .status = 1, .line = "global.exits_early # "
	"exited with 0 before the test's end\n");
VERDICT(exits_as_skip, .status = 1, .line = "global.exits_as_skip # "
	"exited with 4 before the test's end\n");
VERDICT(exits_badly, .status = 1,
	.line = "global.exits_badly # exited with 23\n");
VERDICT(crashes, .status = 1, .has = { "# no newline\nnot ok" },
	.line = "global.crashes # killed by signal 11 (");
VERDICT(aborts, .status = 1,
	.line = "global.aborts # killed by signal 6 (");
VERDICT(skips, .status = 4, .has = { "# looking\nok 1" },
	.line = "global.skips # SKIP no kTLS here\n");
VERDICT(fails_and_skips, .status = 1, .lacks = { "SKIP" },
	.line = "global.fails_and_skips # ");
VERDICT(thread_fails, .status = 1, .line = "global.thread_fails # ",
	.has = { "expected arg to be true", "# joined" },
	.lacks = { "went on" });
VERDICT(clean_process, .line = "global.clean_process\n");
VERDICT(prints_much, .status = 1, .line = "global.prints_much # ",
	.has = { "\n# first\n# ok 1 global.forged\n# ??[1m\n# line 0 of",
		 " bytes left out]\n# ", "\n# line 39999 of much\n# last" });
VERDICT(setup, .verbose = true, .line = "fix.1_plain.good\n",
	.has = { "# teardown 8\n" });
VERDICT(stop_and_teardown, .status = 1, .line = "fix.1_plain.stops # ",
	.has = { "# teardown 7\n" }, .lacks = { "went on" });
VERDICT(forks, .status = 1, .line = "fix.1_plain.forks # ",
	.has = { "expected self->n", "\n# waited\n# teardown 7\nnot ok" },
	.lacks = { "teardown 7\n# waited" });
VERDICT(setup_fails, .status = 1, .line = "fix.setup_fails.stops # ",
	.has = { "expected variant->what" }, .lacks = { "teardown", "->n" });
VERDICT(setup_skips, .status = 4,
	.line = "fix.gen_2.good # SKIP set up\n", .lacks = { "teardown" });
VERDICT(teardown_fails, .status = 1, .line = "fix.gen_1.good # ",
	.has = { "# teardown 8\n" });
VERDICT(timeout, .status = 1, .slow = ".25",
	.line = "fix.1_plain.hangs # TIMEOUT 0.25 s\n");
VERDICT(floods, .status = 1, .slow = ".3",
	.line = "global.floods # TIMEOUT 0.3 s\n");
VERDICT(fixture_timeout, .status = 1, .slow = ".1", .lacks = { "teardown" },
	.line = "fix.1_plain.hangs_longer # TIMEOUT 0.3 s\n");

TEST_F(verdict, test)
{
	const struct how how = { .slow = variant->slow };
	int len = (int)strcspn(variant->line, " \n");
	char args[64], line[128];
	const char *const *p;

	snprintf(args, sizeof(args), "%s -t *%.*s",
		 variant->verbose ? "-v" : "", len, variant->line);
	run_how(&result, &how, args);
	EXPECT_EXIT(&result, variant->status);
	EXPECT_EQ(strncmp(result.out, "KTAP version 1\n1..1\n", 20), 0);
	snprintf(line, sizeof(line), "\n%sok 1 %s",
		 variant->status == HARNESS_FAIL ? "not " : "", variant->line);
	EXPECT_TRUE(has(line)) TH_LOG("no %s", line);
	EXPECT_EQ(count("\nok ") + count("\nnot ok "), 1);
	snprintf(line, sizeof(line),
		 "\n# Totals: pass:%d fail:%d xfail:0 xpass:0 skip:%d "
		 "error:0\n",
		 !variant->status, variant->status == HARNESS_FAIL,
		 variant->status == HARNESS_SKIP);
	EXPECT_TRUE(has(line)) TH_LOG("no %s", line);
	for (p = variant->has; *p; p++)
		EXPECT_TRUE(has(*p)) TH_LOG("no '%s'", *p);
	for (p = variant->lacks; *p; p++)
		EXPECT_FALSE(has(*p)) TH_LOG("'%s'", *p);
}

TEST(checks)
{
	static const char *const lines[] = {
		"expected 1 == 2\n",
		"expected -1 == ~0ULL (18446744073709551615, 0xf",
		"expected i (0) != 0\n", "expected 1U (1) < -1\n",
		"expected 2 <= 1\n", "expected 1 > 1\n",
		"expected -1 >= 0UL (0)\n", "expected &i (0x",
		"expected i to be true\n", "expected !i to be false\n",
		"-EPROTO failed: -71: Protocol error\n",
		"close(-1) failed: -1, errno 9: Bad file descriptor\n",
		"differing at 2:\n#   \"ab\\x0a\"\n#   \"ab\\x09\"\n",
		"expected null == \"\", differing", "expected \"x\" != \"x\"",
		"differing at 40 (0x28) of 64: 0, 0x1\n"
		"#     0010: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
		"#   < 0020: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
		"#   > 0020: 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00\n"
		"#     0030: 00",
		"expected null == zeros: null is NULL\n",
		"expected null == null: null is NULL\n",
		"expected 0x1301 (4865, 0x1301) == i (0)\n", ": handler 1\n",
		"# went on 1\n"
	};
	size_t i;

	RUN(&result, &plain, "-t checks_fail");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		EXPECT_TRUE(has(lines[i])) TH_LOG("no %s", lines[i]);
	EXPECT_EQ(count(CHECKS), sizeof(lines) / sizeof(lines[0]));
	EXPECT_FALSE(has("not to be seen"));
}

TEST(statuses)
{
	RUN(&result, &plain, "-t global.skips");
	EXPECT_EXIT(&result, HARNESS_SKIP);
	EXPECT_TRUE(has("pass:0 fail:0 xfail:0 xpass:0 skip:2 error:0\n"));
	RUN(&result, &plain, "-t global.skips -t global.passes");
	EXPECT_EXIT(&result, HARNESS_PASS);
	RUN(&result, &plain, "-t global.skips -t global.passes -t aborts");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	RUN(&result, &plain, "-t nothing");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	RUN(&result, &plain, "-x");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	RUN(&result, &plain, "-j 0");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	RUN(&result, &plain, "word");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	RUN(&result, &(struct how){ .slow = "x" }, "-t passes");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	RUN(&result, &plain, "-h");
	EXPECT_EXIT(&result, HARNESS_PASS);
}

TEST(closed_streams)
{
	const struct how closed = { .closed = true };

	RUN(&result, &closed, "-t passes -t clean");
	EXPECT_EXIT(&result, HARNESS_PASS);
	RUN(&result, &closed, "-t aborts");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	RUN(&result, &closed, "-t global.skips");
	EXPECT_EXIT(&result, HARNESS_SKIP);
	EXPECT_STREQ(result.out, "");
}

TEST(list_in_order)
{
	RUN(&result, &plain, "-l -t global.*s -t fix");
	EXPECT_EXIT(&result, HARNESS_PASS);
	EXPECT_STREQ(result.out,
		     "global.passes\nglobal.checks_pass\n"
		     "global.assert_stops\nglobal.crashes\nglobal.aborts\n"
		     "global.skips\nglobal.fails_and_skips\n"
		     "global.thread_fails\nglobal.floods\n"
		     "global.ends_harness\nglobal.kills_harness\n"
		     "global.clean_process\nglobal.leaves_a_process\n"
		     "global.hangs\nglobal.overflows\n"
		     "global.overruns\nglobal.leaks\n"
		     "fix.1_plain.good\nfix.1_plain.stops\n"
		     "fix.1_plain.forks\nfix.1_plain.hangs\n"
		     "fix.1_plain.hangs_longer\n"
		     "fix.setup_fails.good\nfix.setup_fails.stops\n"
		     "fix.setup_fails.forks\nfix.setup_fails.hangs\n"
		     "fix.setup_fails.hangs_longer\n"
		     "fix.gen_1.good\nfix.gen_1.stops\n"
		     "fix.gen_1.forks\nfix.gen_1.hangs\n"
		     "fix.gen_1.hangs_longer\n"
		     "fix.gen_2.good\nfix.gen_2.stops\n"
		     "fix.gen_2.forks\nfix.gen_2.hangs\n"
		     "fix.gen_2.hangs_longer\n");
}

/* Some 15 ms for each with the address sanitizer, more if emulated. */
TEST_TIMEOUT(many_in_parallel, 120)
{
	const char *p = result.out;
	char line[64];
	int i;

	RUN(&result, &(struct how){ .set = "many" }, "-j 8");
	EXPECT_EXIT(&result, HARNESS_PASS);
	for (i = 0; i < 400; i++) {
		snprintf(line, sizeof(line), "\nok %d many.v%d.quick\n",
			 i + 1, i);
		p = strstr(p, line);
		ASSERT_NE(p, NULL);
	}
	EXPECT_TRUE(has("\n1..400\n"));
	EXPECT_TRUE(has("pass:400 fail:0"));
}

TEST(parallel)
{
	RUN(&result, &(struct how){ .set = "pair" }, "-j 2");
	EXPECT_EXIT(&result, HARNESS_PASS);
}

TEST(bad_variants)
{
	RUN(&result, &(struct how){ .set = "double" }, "");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	EXPECT_STREQ(result.out, "Bail out! two tests are called "
		     "twice.same.test\n");
	RUN(&result, &(struct how){ .set = "none" }, "");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	EXPECT_TRUE(has("Bail out! none: "));
}

/* Whether the process that @result tells of has been killed. */
static bool orphan_killed(void)
{
	const char *p = strstr(result.out, ": pid ");
	int status = 0;
	pid_t pid;

	ASSERT_NE(p, NULL);
	pid = (pid_t)strtol(p + 6, NULL, 10);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST(group_is_killed)
{
	ASSERT_OK(prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L));
	RUN(&result, &plain, "-t leaves");
	EXPECT_EXIT(&result, HARNESS_SKIP);
	EXPECT_TRUE(orphan_killed());
	RUN(&result, &(struct how){ .slow = "0.2" }, "-t global.hangs");
	EXPECT_EXIT(&result, HARNESS_FAIL);
	EXPECT_TRUE(orphan_killed());
	EXPECT_TRUE(has("TIMEOUT 0.4 s"));
}

TEST(interrupted)
{
	ASSERT_OK(prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L));
	RUN(&result, &plain, "-t ends_harness");
	EXPECT_TRUE(WIFSIGNALED(result.status));
	EXPECT_EQ(WTERMSIG(result.status), SIGTERM);
	EXPECT_TRUE(has("Bail out! interrupted by signal 15\n"));
	EXPECT_FALSE(has("Totals"));
	while (wait(NULL) > 0)
		;
	EXPECT_EQ(errno, ECHILD);
}

/* The test of a harness that is killed dies with it. */
TEST(killed)
{
	ASSERT_OK(prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L));
	RUN(&result, &plain, "-t kills_harness");
	EXPECT_TRUE(WIFSIGNALED(result.status));
	while (wait(NULL) > 0)
		;
	EXPECT_EQ(errno, ECHILD);
}

TEST(ms_follows_slowness)
{
	ASSERT_EQ(setenv("KTLS_TEST_SLOW", "2.5", 1), 0);
	EXPECT_EQ(harness_ms(100), 250);
	ASSERT_EQ(unsetenv("KTLS_TEST_SLOW"), 0);
	EXPECT_EQ(harness_ms(100), 100);
}

static void sanitized(const char *name)
{
	char args[64];

	snprintf(args, sizeof(args), "-t %s", name);
	run_how(&result, &plain, args);
	EXPECT_EXIT(&result, HARNESS_FAIL);
	EXPECT_TRUE(has("sanitizer's report\n"));
}

/* In a build without sanitizers there is nothing to see here. */
TEST(sanitizers)
{
	if (WITH_ASAN) {
		sanitized("overruns");
		sanitized("leaks");
	}
	if (WITH_UBSAN)
		sanitized("overflows");
}

/*
 * The tests above are worth as much as the harness that runs them.  Hence this
 * goes without: what must fail does, in its own and in the run's result.
 */
static bool harness_fails(const char *name)
{
	char args[64];

	snprintf(args, sizeof(args), "-t *global.%s", name);
	if (try_run(&result, &plain, args) && WIFEXITED(result.status) &&
	    WEXITSTATUS(result.status) == HARNESS_FAIL && has("\nnot ok 1 ") &&
	    has(" pass:0 fail:1 "))
		return true;
	printf("Bail out! the harness lets %s pass\n%s", name, result.out);
	return false;
}

int main(int argc, char **argv)
{
	if (!getenv(SET) &&
	    (!harness_fails("checks_fail") || !harness_fails("assert_stops") ||
	     !harness_fails("crashes") || !harness_fails("exits_early")))
		return HARNESS_FAIL;
	return harness_main(argc, argv);
}
