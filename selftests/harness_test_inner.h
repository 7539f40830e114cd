/* SPDX-License-Identifier: GPL-2.0-only */
/* The tests that harness_test.c runs the harness on.  Included there only. */

static void add_to_set(const char *set, struct harness_test *test)
{
	const char *wanted = getenv(SET);

	if (wanted && set ? !strcmp(wanted, set) : wanted == set)
		harness_add_test(test);
}

/* The set that the tests below belong to; NULL is what everybody sees. */
#define harness_add_test(t)	add_to_set(CURRENT_SET, t)
#define CURRENT_SET		"main"

TEST(passes)
{
	printf("quiet\n");
}

TEST(checks_pass)
{
	struct { unsigned int u : 3; int s : 3; } bits = { 5, -3 };
	const unsigned char byte = 200;
	unsigned long long big = ~0ULL;
	const char *null = NULL;
	int n = 0, fd;

	EXPECT_EQ(++n, 1);
	EXPECT_EQ(bits.u, 5U);
	EXPECT_EQ(bits.s, -3);
	EXPECT_EQ(byte, 200);
	EXPECT_NE(big, -1);
	EXPECT_LT(-1, big);
	EXPECT_LE(-1, 0U);
	EXPECT_GT(sizeof(n), -1);
	EXPECT_GE(big, big);
	EXPECT_EQ(null, NULL);
	EXPECT_NE(&n, NULL);
	EXPECT_TRUE(big);
	EXPECT_FALSE(null);
	EXPECT_OK(fd = dup(0));
	EXPECT_STREQ(null, null);
	EXPECT_STRNE(null, "");
	EXPECT_STREQ("x", "x");
	EXPECT_MEMEQ("xy", "xz", 1);
	EXPECT_MEMEQ(null, null, 0);
	EXPECT_EQ(({ EXPECT_EQ(close(fd), 0); 3; }), 3);
	if (n == 2)
		EXPECT_EQ(0, 1);
	else
		EXPECT_EQ(n, 1);
}

TEST(checks_fail)
{
	static const char zeros[64];
	const char *null = NULL;
	char other[64] = { [40] = 1 };
	int i = 0;

	EXPECT_EQ(1, 2);
	EXPECT_EQ(-1, ~0ULL);
	EXPECT_NE(i, 0);
	EXPECT_LT(1U, -1);
	EXPECT_LE(2, 1);
	EXPECT_GT(1, 1);
	EXPECT_GE(-1, 0UL);
	EXPECT_EQ(&i, NULL);
	EXPECT_TRUE(i);
	EXPECT_FALSE(!i);
	EXPECT_OK(-EPROTO);
	EXPECT_OK(close(-1));
	EXPECT_STREQ("ab\n", "ab\t");
	EXPECT_STREQ(null, "");
	EXPECT_STRNE("x", "x");
	EXPECT_MEMEQ(zeros, other, sizeof(zeros));
	EXPECT_MEMEQ(null, zeros, 1);
	EXPECT_MEMEQ(null, null, 1);
	EXPECT_EQ(1, 1) TH_LOG("not to be seen");
	EXPECT_EQ(0x1301, i) {
		i++;
		TH_LOG("handler %d", i);
	}
	printf("went on %d\n", i);
}

static void helper(int n)
{
	ASSERT_EQ(n, 5) TH_LOG("in the helper");
	printf("went on\n");
}

TEST(assert_stops)
{
	helper(4);
	printf("went on\n");
}

TEST(exits_early)
{
	exit(0);
}

TEST(exits_as_skip)
{
	_exit(HARNESS_SKIP);
}

static void exit_with_23(void)
{
	_exit(23);
}

TEST(exits_badly)
{
	atexit(exit_with_23);
}

TEST(crashes)
{
	static const struct rlimit none;

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGSEGV, SIG_DFL);
	printf("no newline");
	raise(SIGSEGV);
}

TEST(aborts)
{
	static const struct rlimit none;

	setrlimit(RLIMIT_CORE, &none);
	abort();
}

TEST(skips)
{
	printf("looking\n");
	SKIP("no %s\nhere", "kTLS");
}

TEST(skips_too)
{
	SKIP("no reason");
}

TEST(fails_and_skips)
{
	EXPECT_TRUE(false);
	SKIP("too late");
}

static void *thread(void *arg)
{
	ASSERT_TRUE(arg);
	printf("went on\n");
	return NULL;
}

TEST(thread_fails)
{
	pthread_t t;

	ASSERT_EQ(pthread_create(&t, NULL, thread, NULL), 0);
	ASSERT_EQ(pthread_join(t, NULL), 0);
	printf("joined\n");
}

TEST(prints_much)
{
	int i;

	printf("first\nok 1 global.forged\n\001\033[1m\n");
	for (i = 0; i < 40000; i++)
		printf("line %d of much\n", i);
	printf("last");
	EXPECT_TRUE(false);
}

TEST_TIMEOUT(floods, 1)
{
	for (;;)
		printf("much\n");
}

TEST(ends_harness)
{
	kill(getppid(), SIGTERM);
	for (;;)
		pause();
}

TEST(kills_harness)
{
	kill(getppid(), SIGKILL);
	for (;;)
		pause();
}

TEST(clean_process)
{
	char c;

	EXPECT_EQ(dup(0), 3);
	EXPECT_EQ(read(0, &c, 1), 0);
	EXPECT_EQ(getpgrp(), getpid());
	EXPECT_EQ(signal(SIGPIPE, SIG_DFL), SIG_DFL);
	EXPECT_EQ(signal(SIGTERM, SIG_DFL), SIG_DFL);
}

TEST(leaves_a_process)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	TH_LOG("pid %d", pid);
	SKIP("so that the line above is shown");
}

TEST_TIMEOUT(hangs, 2)
{
	pid_t pid = fork();

	if (pid)
		TH_LOG("pid %d", pid);
	for (;;)
		pause();
}

TEST(overflows)
{
	volatile int n = 0x7fffffff;

	n = n + 1;
}

TEST(overruns)
{
	volatile char *volatile p = malloc(8);

	p[8] = 1;
	free((void *)p);
}

TEST(leaks)
{
	void *volatile p = malloc(100);

	p = NULL;
	(void)p;
}

FIXTURE(fix)
{
	int n;
};

FIXTURE_VARIANT(fix)
{
	enum { NOTHING, FAIL_SETUP, SKIP_SETUP, FAIL_TEARDOWN } what;
};

FIXTURE_VARIANT_ADD(fix, 1_plain)
{
	.what = NOTHING,
};

FIXTURE_VARIANT_ADD(fix, setup_fails)
{
	.what = FAIL_SETUP,
};

static bool gen_fix(size_t i, FIXTURE_VARIANT(fix) *v, char *name, size_t size)
{
	v->what = i == 2 ? SKIP_SETUP : FAIL_TEARDOWN;
	if (i)		/* there is no variant 0 */
		snprintf(name, size, "gen_%zu", i);
	return i < 3;
}
FIXTURE_VARIANT_GEN(fix, gen_fix);
FIXTURE_TIMEOUT(fix, 3);

FIXTURE_SETUP(fix)
{
	EXPECT_EQ(self->n, 0);
	self->n = 7;
	ASSERT_NE(variant->what, FAIL_SETUP);
	if (variant->what == SKIP_SETUP)
		SKIP("set up");
}

FIXTURE_TEARDOWN(fix)
{
	printf("teardown %d\n", self->n);
	ASSERT_NE(variant->what, FAIL_TEARDOWN);
}

TEST_F(fix, good)
{
	EXPECT_EQ(self->n, 7);
	self->n++;
}

TEST_F(fix, stops)
{
	ASSERT_EQ(self->n, 0);
	printf("went on\n");
}

TEST_F(fix, forks)
{
	if (!fork())
		ASSERT_EQ(self->n, 0);
	wait(NULL);
	if (!fork())
		return;
	wait(NULL);
	printf("waited\n");
}

TEST_F_TIMEOUT(fix, hangs, 1)
{
	pause();
}

TEST_F(fix, hangs_longer)
{
	pause();
}

#undef CURRENT_SET
#define CURRENT_SET	"many"

FIXTURE(many) { };
FIXTURE_VARIANT(many) { size_t i; };

static bool gen_many(size_t i, FIXTURE_VARIANT(many) *v, char *name,
		     size_t size)
{
	v->i = i;
	snprintf(name, size, "v%zu", i);
	return i < 400;
}
FIXTURE_VARIANT_GEN(many, gen_many);

TEST_F(many, quick)
{
	ASSERT_LT(variant->i, 400);
	/* so that a parallel run ends in another order than it began in */
	usleep((useconds_t)(variant->i % 3 * 1000));
}

#undef CURRENT_SET
#define CURRENT_SET	"pair"

/* Each of the two passes only while the other runs. */
static void meet(bool first)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int i, fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "harness-%d",
		 getppid());
	if (first) {
		ASSERT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
		ASSERT_OK(listen(fd, 1));
		ASSERT_OK(accept(fd, NULL, NULL));
		return;
	}
	for (i = 0; connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0; i++) {
		ASSERT_LT(i, 500);
		usleep(10000);
	}
}

TEST_TIMEOUT(first, 5)
{
	meet(true);
}

TEST_TIMEOUT(second, 5)
{
	meet(false);
}

#undef CURRENT_SET
#define CURRENT_SET	"double"

FIXTURE(twice) { };
FIXTURE_VARIANT(twice) { int i; };

static bool gen_twice(size_t i, FIXTURE_VARIANT(twice) *v, char *name,
		      size_t size)
{
	v->i = 0;
	snprintf(name, size, "same");
	return i < 2;
}
FIXTURE_VARIANT_GEN(twice, gen_twice);

TEST_F(twice, test)
{
}

#undef CURRENT_SET
#define CURRENT_SET	"none"

FIXTURE(none) { };
FIXTURE_VARIANT(none) { int i; };

static bool gen_none(size_t i, FIXTURE_VARIANT(none) *v, char *name,
		     size_t size)
{
	(void)i;
	(void)v;
	(void)name;
	(void)size;
	return false;
}
FIXTURE_VARIANT_GEN(none, gen_none);

TEST_F(none, test)
{
}

/* What follows is what everybody sees. */
#undef CURRENT_SET
#define CURRENT_SET		NULL
