// SPDX-License-Identifier: GPL-2.0-only
/* What happens in the process of a test: its stages and the checks. */
#define _GNU_SOURCE 1
#include "harness_run.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KTLS_ERR_FIRST	2048

/* The test that this process runs. */
static struct {
	struct harness_report	*report;
	jmp_buf			stop;
	pid_t			pid;
	pid_t			tid;
} child;

const char *ktls_strerror(int err) __attribute__((weak));
const char *__ubsan_default_options(void);

/* UBSan goes on after a report, and the test would pass. */
__attribute__((visibility("default")))
const char *__ubsan_default_options(void)
{
	return "halt_on_error=1:print_stacktrace=1";
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One write, so that the lines of several threads do not mix. */
static void vsay(const char *file, int line, const char *fmt, va_list ap)
{
	char *text = NULL;
	ssize_t n;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	n = file ? dprintf(STDERR_FILENO, "%s:%d: %s\n", file, line, text) :
		   dprintf(STDERR_FILENO, "%s\n", text);
	(void)n;
	free(text);
}

static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(NULL, 0, fmt, ap);
	va_end(ap);
}

void harness_log(const char *file, int line, const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	vsay(file, line, fmt, ap);
	va_end(ap);
	errno = err;
}

static void failed(const char *file, int line)
{
	struct harness_report *r = child.report;

	if (!r) {
		say("%s:%d: a check outside a test failed", file, line);
		abort();
	}
	if (!atomic_fetch_add(&r->failures, 1))
		snprintf(r->why, sizeof(r->why), "%s:%d", file, line);
}

#ifdef KTLS_COVERAGE
void __gcov_dump(void);

/* In place of the C library's, which loses the counts of a process */
__attribute__((visibility("default")))
void _exit(int status)
{
	__gcov_dump();
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}
#endif

/* Ends whatever runs the test's code: the test, or its thread or process. */
_Noreturn void harness_stop(void)
{
	if (getpid() != child.pid)
		_exit(HARNESS_FAIL);
	if (gettid() != child.tid)
		pthread_exit(NULL);
	longjmp(child.stop, 1);
}

_Noreturn void harness_skip(const char *fmt, ...)
{
	struct harness_report *r = child.report;
	va_list ap;

	if (!r)
		abort();
	if (!r->failures && !atomic_exchange(&r->skipped, true)) {
		va_start(ap, fmt);
		vsnprintf(r->why, sizeof(r->why), fmt, ap);
		va_end(ap);
	}
	harness_stop();
}

static const char *error_text(long long err)
{
	if (err >= 0 || err < -1000000)
		return NULL;
	if (err <= -KTLS_ERR_FIRST)
		return ktls_strerror ? ktls_strerror((int)err) : NULL;
	return strerror((int)-err);
}

static const char *show(char *buf, size_t size, struct harness_val v)
{
	long long s = (long long)v.bits;
	const char *err;

	if (v.kind == HARNESS_P) {
		snprintf(buf, size, v.bits ? "%#llx" : "NULL", v.bits);
	} else if (v.kind == HARNESS_S && s < 0) {
		/* -1 is seldom -EPERM */
		err = s < -1 ? error_text(s) : NULL;
		snprintf(buf, size, err ? "%lld: %s" : "%lld", s, err);
	} else {
		snprintf(buf, size, v.bits > 9 ? "%llu, %#llx" : "%llu",
			 v.bits, v.bits);
	}
	return buf;
}

/* "expression (value)", or one if the other says no more */
static const char *side(char *buf, size_t size, const char *expr,
			struct harness_val v)
{
	size_t len = strlen(expr);
	char val[128];

	show(val, sizeof(val), v);
	if (!strncmp(val, expr, len) && strchr(",:", val[len]))
		snprintf(buf, size, "%s", val);
	else
		snprintf(buf, size, "%s (%s)", expr, val);
	return buf;
}

static int compare(struct harness_val a, struct harness_val b)
{
	bool an = a.kind == HARNESS_S && (long long)a.bits < 0;
	bool bn = b.kind == HARNESS_S && (long long)b.bits < 0;

	if (an != bn)
		return an ? -1 : 1;
	return (a.bits > b.bits) - (a.bits < b.bits);
}

bool harness_cmp(HARNESS_SITE_ARGS, enum harness_op op, struct harness_val a,
		 struct harness_val b)
{
	static const char *const ops[] = { "==", "!=", "<", "<=", ">", ">=" };
	int c = compare(a, b), err = errno;
	char abuf[512], bbuf[512];

	if (op == HARNESS_EQ ? !c : op == HARNESS_NE ? !!c :
	    op == HARNESS_LT ? c < 0 : op == HARNESS_LE ? c <= 0 :
	    op == HARNESS_GT ? c > 0 : c >= 0)
		return true;
	failed(file, line);
	harness_log(file, line, "expected %s %s %s",
		    side(abuf, sizeof(abuf), as, a), ops[op],
		    side(bbuf, sizeof(bbuf), bs, b));
	errno = err;
	return false;
}

bool harness_bool(HARNESS_SITE_ARGS, bool want, bool seen)
{
	(void)bs;
	if (want == seen)
		return true;
	failed(file, line);
	harness_log(file, line, "expected %s to be %s", as,
		    want ? "true" : "false");
	return false;
}

bool harness_ok(HARNESS_SITE_ARGS, long long v)
{
	const char *text = error_text(v);
	int err = errno;

	(void)bs;
	if (v >= 0)
		return true;
	failed(file, line);
	if (v == -1)
		harness_log(file, line, "%s failed: -1, errno %d: %s", as, err,
			    strerror(err));
	else
		harness_log(file, line, "%s failed: %lld: %s", as, v,
			    text ? text : "?");
	errno = err;
	return false;
}

/* @s from about @from on, quoted and escaped. */
static const char *quote(char *buf, size_t size, const char *s, size_t from)
{
	size_t len = 0, start = from > 40 ? from - 40 : 0;

	if (!s)
		return "NULL";
	len = (size_t)snprintf(buf, size, start ? "...\"" : "\"");
	for (s += start; *s && len + 12 < size; s++)
		len += (size_t)snprintf(buf + len, size - len,
					isprint((unsigned char)*s) &&
					!strchr("\"\\", *s) ? "%c" : "\\x%02x",
					(unsigned char)*s);
	snprintf(buf + len, size - len, *s ? "\"..." : "\"");
	return buf;
}

bool harness_str(HARNESS_SITE_ARGS, bool equal, const char *a, const char *b)
{
	char abuf[256], bbuf[256];
	int err = errno;
	size_t i = 0;

	if ((a && b ? !strcmp(a, b) : a == b) == equal)
		return true;
	failed(file, line);
	while (a && b && equal && a[i] == b[i])
		i++;
	harness_log(file, line, "expected %s %s %s, differing at %zu:\n"
		    "  %s\n  %s", as, equal ? "==" : "!=", bs, i,
		    quote(abuf, sizeof(abuf), a, i),
		    quote(bbuf, sizeof(bbuf), b, i));
	errno = err;
	return false;
}

static void hex_row(char sign, const unsigned char *p, size_t off, size_t len)
{
	char row[64] = "";
	size_t i;

	for (i = 0; i < len; i++)
		snprintf(row + 3 * i, 4, " %02x", p[off + i]);
	say("  %c %04zx:%s", sign, off, row);
}

bool harness_mem(HARNESS_SITE_ARGS, const void *a, const void *b, size_t len)
{
	const unsigned char *x = a, *y = b;
	size_t i = 0, off, end;
	int err = errno;

	if (!len || (a && b && !memcmp(a, b, len)))
		return true;
	failed(file, line);
	if (!a || !b) {
		harness_log(file, line, "expected %s == %s: %s is NULL", as,
			    bs, a ? bs : as);
		return false;
	}
	while (x[i] == y[i])
		i++;
	harness_log(file, line, "expected %s == %s, differing at %zu (%#zx) of "
		    "%zu: %#x, %#x", as, bs, i, i, len, x[i], y[i]);
	off = i / 16 * 16;
	end = len - off < 48 ? len : off + 48;
	for (off = off ? off - 16 : 0; off < end; off += 16) {
		size_t n = len - off < 16 ? len - off : 16;
		bool same = !memcmp(x + off, y + off, n);

		hex_row(same ? ' ' : '<', x, off, n);
		if (!same)
			hex_row('>', y, off, n);
	}
	errno = err;
	return false;
}

static bool guarded(harness_fn *fn, void *self, const void *variant)
{
	if (setjmp(child.stop))
		return false;
	fn(self, variant);
	if (getpid() != child.pid)
		_exit(HARNESS_PASS);
	return true;
}

static void reset_signals(void)
{
	struct sigaction sa;
	sigset_t none;
	int i;

	/* those with a handler are a sanitizer's */
	for (i = 1; i < NSIG; i++)
		if (!sigaction(i, NULL, &sa) && sa.sa_handler == SIG_IGN)
			signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void reset_fds(int out)
{
	int i, null = open("/dev/null", O_RDONLY);

	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
#ifdef SYS_close_range
	if (!syscall(SYS_close_range, 3, ~0U, 0))
		goto closed;
#endif
	for (i = 3; i < 1024; i++)
		close(i);
closed:
	/* nothing is lost in a crash or printed twice after a fork */
	setvbuf(stdout, NULL, _IONBF, 0);
}

_Noreturn void harness_process(const struct harness_test *test,
			       const void *variant, int out,
			       struct harness_report *report)
{
	const struct harness_fixture *f = test->fixture;
	void *self = calloc(1, test->self_size ? test->self_size : 1);

	reset_signals();
	reset_fds(out);
	child.report = report;
	child.pid = getpid();
	child.tid = gettid();
	if (!self)
		_exit(HARNESS_FAIL);
	if (!f || !f->setup || guarded(f->setup, self, variant)) {
		guarded(test->run, self, variant);
		if (f && f->teardown)
			guarded(f->teardown, self, variant);
	}
	atomic_store(&report->done, true);
	/* leaks matter only if the test came to its proper end */
	if (report->failures || report->skipped)
		_exit(report->failures ? HARNESS_FAIL : HARNESS_SKIP);
	free(self);
	exit(HARNESS_PASS);
}
