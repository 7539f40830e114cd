/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test harness with the vocabulary of the kernel's kselftest_harness.h.
 *
 *	TEST(name) { ... }
 *
 *	FIXTURE(f) { int fd; };
 *	FIXTURE_VARIANT(f) { int version; };		optional
 *	FIXTURE_VARIANT_ADD(f, v12) { .version = 12 };	any number
 *	FIXTURE_VARIANT_GEN(f, fn);			computed at run time
 *	FIXTURE_TIMEOUT(f, seconds);			optional
 *	FIXTURE_SETUP(f) { self->fd = variant->version; }	optional
 *	FIXTURE_TEARDOWN(f) { close(self->fd); }		optional
 *	TEST_F(f, name) { EXPECT_OK(self->fd); }
 *
 *	HARNESS_MAIN
 *
 * Every test of every variant is a process of its own, the leader of its own
 * group, with its standard output and error captured, nothing on standard
 * input, no other descriptor open, no signal blocked or ignored.  Whatever is
 * left of the group when the test ends, or when its time is over, is killed.
 * A test passes only if it runs to its end and its process then exits with 0,
 * past the checks that a sanitizer makes at exit.
 *
 * A setup that stops (ASSERT or SKIP) is not followed by the teardown; a test
 * that stops is.  Neither runs after a crash or a timeout.
 *
 * Checks may stand in any function, without a parameter for the harness.  In
 * a thread, an ASSERT that fails ends the thread, and in a process that the
 * test forked, the process; the test has failed in both cases.  A forked
 * process that returns from the test's body ends there.
 *
 * Each check may be followed by a statement, executed if it fails and before
 * the test stops:
 *
 *	ASSERT_EQ(len, n) TH_LOG("record %zu", i);
 *
 * The output is KTAP version 1, names are "fixture.variant.test",
 * "fixture.test" or "global.test".  The exit status is 0, 1 if a test failed,
 * 4 if all were skipped.  The program's options: see harness_main().
 */
#ifndef SELFTESTS_HARNESS_H
#define SELFTESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

/* Seconds that a test may take, if neither it nor its fixture says. */
#define HARNESS_TIMEOUT		30
/* Size of the buffer that a generator of variants writes a name to. */
#define HARNESS_NAME_MAX	128

/* Exit statuses, as everywhere in kselftest. */
#define HARNESS_PASS		0
#define HARNESS_FAIL		1
#define HARNESS_SKIP		4

typedef void harness_fn(void *self, const void *variant);
typedef bool harness_gen_fn(size_t i, void *variant, char *name, size_t size);

struct harness_variant {
	struct harness_variant	*next;
	const char		*name;
	const void		*data;
	harness_gen_fn		*gen;	/* then no name, no data */
	size_t			size;
	unsigned int		order;
};

struct harness_fixture {
	const char		*name;
	harness_fn		*setup;
	harness_fn		*teardown;
	struct harness_variant	*variants;
	unsigned int		timeout;
};

struct harness_test {
	struct harness_test	*next;
	const char		*file;
	const char		*name;
	struct harness_fixture	*fixture;	/* NULL: a plain TEST */
	harness_fn		*run;
	size_t			self_size;
	unsigned int		order;
	unsigned int		timeout;
};

/* A checked value: an integer that keeps its sign, or a pointer. */
struct harness_val {
	unsigned long long	bits;
	enum { HARNESS_S, HARNESS_U, HARNESS_P } kind;
};

enum harness_op {
	HARNESS_EQ, HARNESS_NE, HARNESS_LT, HARNESS_LE, HARNESS_GT, HARNESS_GE
};

/* Where a check stands and what it says. */
#define HARNESS_SITE_ARGS	const char *file, int line,		\
				const char *as, const char *bs
#define HARNESS_SITE(a, b)	__FILE__, __LINE__, a, b

/*
 * -l list the tests; -t PATTERN run those whose full name matches the glob or
 * contains the string (repeatable); -v print the output of tests that pass;
 * -j N run N at a time ($KTLS_TEST_JOBS, 1); -h help.  $KTLS_TEST_SLOW
 * multiplies the timeouts.
 */
int harness_main(int argc, char **argv);

/* @ms of a fast machine in those of this one: $KTLS_TEST_SLOW times as many. */
int harness_ms(int ms);

void harness_add_test(struct harness_test *test);
void harness_add_variant(struct harness_fixture *fixture,
			 struct harness_variant *variant);

bool harness_cmp(HARNESS_SITE_ARGS, enum harness_op op, struct harness_val a,
		 struct harness_val b);
bool harness_bool(HARNESS_SITE_ARGS, bool want, bool seen);
bool harness_ok(HARNESS_SITE_ARGS, long long v);
bool harness_str(HARNESS_SITE_ARGS, bool equal, const char *a, const char *b);
bool harness_mem(HARNESS_SITE_ARGS, const void *a, const void *b, size_t len);
_Noreturn void harness_stop(void);
_Noreturn void harness_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
void harness_log(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static inline struct harness_val harness_sval(long long v)
{
	return (struct harness_val){ (unsigned long long)v, HARNESS_S };
}

static inline struct harness_val harness_uval(unsigned long long v)
{
	return (struct harness_val){ v, HARNESS_U };
}

static inline struct harness_val harness_pval(const volatile void *v)
{
	return (struct harness_val){ (unsigned long)v, HARNESS_P };
}

/*
 * The conditional promotes, so that bit-fields and small types become int or
 * unsigned int.  Its second branch is not evaluated.
 */
#define HARNESS_PROMOTE(x)	(1 ? (x) : (x))
#define HARNESS_VAL(v) _Generic((v),					\
		int: harness_sval,					\
		long: harness_sval,					\
		long long: harness_sval,				\
		unsigned int: harness_uval,				\
		unsigned long: harness_uval,				\
		unsigned long long: harness_uval,			\
		default: harness_pval)(v)

/*
 * One statement, so that a check may be the body of an if or an else, and a
 * loop, so that a handler may follow; it ends after a round at most.  The
 * switch is for compilers that warn of a loop without a body.  Names are
 * numbered, as a handler or an argument may contain another check.
 */
#define HARNESS_CHECK(n, end, passed)					\
	for (bool harness_f##n = !(passed); harness_f##n;		\
	     harness_f##n = (end))					\
		switch (0)						\
		default:
#define HARNESS_CMP_N(n, end, op, a, as, b, bs)				\
	HARNESS_CHECK(n, end, ({					\
		__auto_type harness_a##n = HARNESS_PROMOTE(a);		\
		__auto_type harness_b##n = HARNESS_PROMOTE(b);		\
		harness_cmp(HARNESS_SITE(as, bs), op,			\
			    HARNESS_VAL(harness_a##n),			\
			    HARNESS_VAL(harness_b##n));			\
	}))
#define HARNESS_OK_N(n, end, x, xs)					\
	HARNESS_CHECK(n, end, ({					\
		__auto_type harness_a##n = (x);				\
		_Static_assert(_Generic((__typeof__(x))0, int: 1,	\
					long: 1, long long: 1,		\
					default: 0),			\
			       "no int or long: " xs);			\
		harness_ok(HARNESS_SITE(xs, NULL), (long long)harness_a##n); \
	}))
#define HARNESS_CALL_N(n, end, call)	HARNESS_CHECK(n, end, call)

/* __COUNTER__ must be expanded before ## sees it. */
#define HARNESS_CMP_X(...)	HARNESS_CMP_N(__VA_ARGS__)
#define HARNESS_OK_X(...)	HARNESS_OK_N(__VA_ARGS__)
#define HARNESS_CALL_X(...)	HARNESS_CALL_N(__VA_ARGS__)
#define HARNESS_CMP(end, op, a, as, b, bs)				\
	HARNESS_CMP_X(__COUNTER__, end, op, a, as, b, bs)
#define HARNESS_OK(end, x, xs)	HARNESS_OK_X(__COUNTER__, end, x, xs)
#define HARNESS_CALL(end, call)	HARNESS_CALL_X(__COUNTER__, end, call)

#define HARNESS_STOP		(harness_stop(), false)
#define HARNESS_GO_ON		false

/* Integers are compared by value, whatever their types: -1 < 0U. */
#define ASSERT_EQ(a, b)	HARNESS_CMP(HARNESS_STOP, HARNESS_EQ, a, #a, b, #b)
#define ASSERT_NE(a, b)	HARNESS_CMP(HARNESS_STOP, HARNESS_NE, a, #a, b, #b)
#define ASSERT_LT(a, b)	HARNESS_CMP(HARNESS_STOP, HARNESS_LT, a, #a, b, #b)
#define ASSERT_LE(a, b)	HARNESS_CMP(HARNESS_STOP, HARNESS_LE, a, #a, b, #b)
#define ASSERT_GT(a, b)	HARNESS_CMP(HARNESS_STOP, HARNESS_GT, a, #a, b, #b)
#define ASSERT_GE(a, b)	HARNESS_CMP(HARNESS_STOP, HARNESS_GE, a, #a, b, #b)

#define EXPECT_EQ(a, b)	HARNESS_CMP(HARNESS_GO_ON, HARNESS_EQ, a, #a, b, #b)
#define EXPECT_NE(a, b)	HARNESS_CMP(HARNESS_GO_ON, HARNESS_NE, a, #a, b, #b)
#define EXPECT_LT(a, b)	HARNESS_CMP(HARNESS_GO_ON, HARNESS_LT, a, #a, b, #b)
#define EXPECT_LE(a, b)	HARNESS_CMP(HARNESS_GO_ON, HARNESS_LE, a, #a, b, #b)
#define EXPECT_GT(a, b)	HARNESS_CMP(HARNESS_GO_ON, HARNESS_GT, a, #a, b, #b)
#define EXPECT_GE(a, b)	HARNESS_CMP(HARNESS_GO_ON, HARNESS_GE, a, #a, b, #b)

#define HARNESS_BOOL(end, x, xs, want)					\
	HARNESS_CALL(end, harness_bool(HARNESS_SITE(xs, NULL), want,	\
				       (x) ? true : false))
#define ASSERT_TRUE(x)	HARNESS_BOOL(HARNESS_STOP, x, #x, true)
#define ASSERT_FALSE(x)	HARNESS_BOOL(HARNESS_STOP, x, #x, false)
#define EXPECT_TRUE(x)	HARNESS_BOOL(HARNESS_GO_ON, x, #x, true)
#define EXPECT_FALSE(x)	HARNESS_BOOL(HARNESS_GO_ON, x, #x, false)

/*
 * 0 or more; else the failure tells the errno or libktls error in words.
 * Takes int, long and long long only: a bool or a size_t would always pass.
 */
#define ASSERT_OK(x)	HARNESS_OK(HARNESS_STOP, x, #x)
#define EXPECT_OK(x)	HARNESS_OK(HARNESS_GO_ON, x, #x)

/* Two NULLs are equal, NULL and "" are not. */
#define HARNESS_STR(end, equal, a, as, b, bs)				\
	HARNESS_CALL(end, harness_str(HARNESS_SITE(as, bs), equal, a, b))
#define ASSERT_STREQ(a, b)	HARNESS_STR(HARNESS_STOP, true, a, #a, b, #b)
#define ASSERT_STRNE(a, b)	HARNESS_STR(HARNESS_STOP, false, a, #a, b, #b)
#define EXPECT_STREQ(a, b)	HARNESS_STR(HARNESS_GO_ON, true, a, #a, b, #b)
#define EXPECT_STRNE(a, b)	HARNESS_STR(HARNESS_GO_ON, false, a, #a, b, #b)

#define HARNESS_MEM(end, a, as, b, bs, len)				\
	HARNESS_CALL(end, harness_mem(HARNESS_SITE(as, bs), a, b, len))
#define ASSERT_MEMEQ(a, b, len)	HARNESS_MEM(HARNESS_STOP, a, #a, b, #b, len)
#define EXPECT_MEMEQ(a, b, len)	HARNESS_MEM(HARNESS_GO_ON, a, #a, b, #b, len)

/* Stops the test as skipped, unless a check failed before. */
#define SKIP(...)	harness_skip(__VA_ARGS__)
/* A line of diagnosis, shown if the test fails or is skipped, or with -v. */
#define TH_LOG(...)	harness_log(__FILE__, __LINE__, __VA_ARGS__)

#define HARNESS_CTOR	static void __attribute__((constructor))
#define HARNESS_UNUSED	__attribute__((unused))

/* The types of self and of variant, for helpers. */
#define FIXTURE_DATA(f)		struct harness_data_of_##f
#define FIXTURE_VARIANT(f)	struct harness_variant_of_##f

#define FIXTURE(f)							\
	FIXTURE_DATA(f);						\
	FIXTURE_VARIANT(f);						\
	static struct harness_fixture harness_fixture_##f = { .name = #f }; \
	FIXTURE_DATA(f)

#define HARNESS_HOOK(f, hook)						\
	static void harness_##hook##_##f(FIXTURE_DATA(f) *self,		\
					 const FIXTURE_VARIANT(f) *variant); \
	static void harness_##hook##_raw_##f(void *self, const void *variant) \
	{								\
		harness_##hook##_##f(self, variant);			\
	}								\
	HARNESS_CTOR harness_##hook##_add_##f(void)			\
	{								\
		harness_fixture_##f.hook = harness_##hook##_raw_##f;	\
	}								\
	static void harness_##hook##_##f(				\
		FIXTURE_DATA(f) *self HARNESS_UNUSED,			\
		const FIXTURE_VARIANT(f) *variant HARNESS_UNUSED)

/* self is zeroed before the setup. */
#define FIXTURE_SETUP(f)	HARNESS_HOOK(f, setup)
#define FIXTURE_TEARDOWN(f)	HARNESS_HOOK(f, teardown)

/* Seconds for each test of the fixture that has no timeout of its own. */
#define FIXTURE_TIMEOUT(f, seconds)					\
	HARNESS_CTOR harness_timeout_##f(void)				\
	{								\
		harness_fixture_##f.timeout = (seconds);		\
	}								\
	FIXTURE_DATA(f)

#define FIXTURE_VARIANT_ADD(f, v)					\
	static FIXTURE_VARIANT(f) harness_vdata_##f##__##v;		\
	HARNESS_CTOR harness_vadd_##f##__##v(void)			\
	{								\
		static struct harness_variant entry = {			\
			.name = #v,					\
			.data = &harness_vdata_##f##__##v,		\
			.order = __COUNTER__,				\
		};							\
									\
		harness_add_variant(&harness_fixture_##f, &entry);	\
	}								\
	static FIXTURE_VARIANT(f) harness_vdata_##f##__##v =

/*
 * bool fn(size_t i, FIXTURE_VARIANT(f) *variant, char *name, size_t size)
 * fills in variant (zeroed before) and name for i = 0, 1, ..., and returns
 * false past the end.  Where it leaves name empty, it leaves the variant out.
 * It runs in the harness's own process, before the first test.
 */
#define FIXTURE_VARIANT_GEN(f, fn)					\
	static bool harness_gen_##f##__##fn(size_t i, void *variant,	\
					    char *name, size_t size)	\
	{								\
		return fn(i, variant, name, size);			\
	}								\
	HARNESS_CTOR harness_gadd_##f##__##fn(void)			\
	{								\
		static struct harness_variant entry = {			\
			.gen = harness_gen_##f##__##fn,			\
			.size = sizeof(FIXTURE_VARIANT(f)),		\
			.order = __COUNTER__,				\
		};							\
									\
		harness_add_variant(&harness_fixture_##f, &entry);	\
	}								\
	FIXTURE_DATA(f)

#define HARNESS_ADD_TEST(id, ...)					\
	HARNESS_CTOR harness_ctor_##id(void)				\
	{								\
		static struct harness_test entry = {			\
			.file = __BASE_FILE__,				\
			.order = __COUNTER__,				\
			.run = harness_raw_##id,			\
			__VA_ARGS__					\
		};							\
									\
		harness_add_test(&entry);				\
	}

#define TEST_TIMEOUT(t, seconds)					\
	static void harness_test_##t(void);				\
	static void harness_raw_##t(void *self HARNESS_UNUSED,		\
				    const void *variant HARNESS_UNUSED)	\
	{								\
		harness_test_##t();					\
	}								\
	HARNESS_ADD_TEST(t, .name = #t, .timeout = (seconds))		\
	static void harness_test_##t(void)
#define TEST(t)	TEST_TIMEOUT(t, 0)

#define TEST_F_TIMEOUT(f, t, seconds)					\
	static void harness_test_##f##__##t(				\
		FIXTURE_DATA(f) *self, const FIXTURE_VARIANT(f) *variant); \
	static void harness_raw_##f##__##t(void *self, const void *variant) \
	{								\
		harness_test_##f##__##t(self, variant);			\
	}								\
	HARNESS_ADD_TEST(f##__##t, .name = #t, .timeout = (seconds),	\
			 .fixture = &harness_fixture_##f,		\
			 .self_size = sizeof(FIXTURE_DATA(f)))		\
	static void harness_test_##f##__##t(				\
		FIXTURE_DATA(f) *self HARNESS_UNUSED,			\
		const FIXTURE_VARIANT(f) *variant HARNESS_UNUSED)
#define TEST_F(f, t)	TEST_F_TIMEOUT(f, t, 0)

#define HARNESS_MAIN							\
	int main(int argc, char **argv)					\
	{								\
		return harness_main(argc, argv);			\
	}

#endif /* SELFTESTS_HARNESS_H */
