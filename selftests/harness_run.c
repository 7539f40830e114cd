// SPDX-License-Identifier: GPL-2.0-only
/* A process for each test: started, watched, judged, its result printed. */
#define _GNU_SOURCE 1
#include "harness_run.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUT_HEAD	((size_t)16 << 10)	/* kept from the beginning */
#define OUT_MAX		((size_t)64 << 10)	/* kept of a test's output */
#define KILL_GRACE_MS	10000	/* for a process to die of SIGKILL */

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static bool start(struct slot *s, struct tcase *c)
{
	const struct harness_test *t = c->test;
	unsigned int secs = t->timeout ? t->timeout :
			    t->fixture && t->fixture->timeout ?
			    t->fixture->timeout : HARNESS_TIMEOUT;
	pid_t parent = getpid();
	int fd[2];

	s->report = mmap(NULL, sizeof(*s->report), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->report == MAP_FAILED)
		return false;
	if (pipe2(fd, O_CLOEXEC) < 0)
		goto err_unmap;
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	s->pid = fork();
	if (s->pid < 0)
		goto err_close;
	if (!s->pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(HARNESS_FAIL);
		harness_process(t, c->variant, fd[1], s->report);
	}
	setpgid(s->pid, s->pid);
	close(fd[1]);
	s->fd = fd[0];
	s->tcase = c;
	s->killed = false;
	s->limit = secs * harness_slowness();
	s->deadline = now() + (long long)(s->limit * 1000);
	return true;

err_close:
	close(fd[0]);
	close(fd[1]);
err_unmap:
	munmap(s->report, sizeof(*s->report));
	return false;
}

/*
 * Keeps the beginning and the end of what a test prints.  The number of reads
 * is bounded as a test may print faster than this; a full pipe takes fewer.
 */
static void take_output(struct tcase *c, int fd)
{
	const size_t cut = (OUT_MAX - OUT_HEAD) / 2;
	int reads;
	ssize_t n;

	if (!c->out)
		c->out = malloc(OUT_MAX);
	if (!c->out)
		harness_bail("out of memory");
	for (reads = 0; reads < 32; reads++) {
		if (c->len == OUT_MAX) {
			memmove(c->out + OUT_HEAD, c->out + OUT_HEAD + cut,
				OUT_MAX - OUT_HEAD - cut);
			c->len -= cut;
			c->lost += cut;
		}
		n = read(fd, c->out + c->len, OUT_MAX - c->len);
		if (n <= 0)
			break;
		c->len += (size_t)n;
	}
}

static bool has_text(const struct tcase *c, const char *text)
{
	return c->out && memmem(c->out, c->len, text, strlen(text));
}

static void judge_exit(struct tcase *c, const struct harness_report *r,
		       int status)
{
	int want = r->failures ? HARNESS_FAIL :
		   r->skipped ? HARNESS_SKIP : HARNESS_PASS;
	int code = WEXITSTATUS(status);

	c->result = FAILED;
	if (WIFSIGNALED(status))
		snprintf(c->why, sizeof(c->why), "killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (r->done && code == want)
		c->result = r->failures ? FAILED :
			    r->skipped ? SKIPPED : PASSED;
	else if (has_text(c, "Sanitizer") || has_text(c, "runtime error:"))
		snprintf(c->why, sizeof(c->why),
			 "exited with %d, sanitizer's report", code);
	else
		snprintf(c->why, sizeof(c->why), "exited with %d%s", code,
			 r->done ? "" : " before the test's end");
	if (!c->why[0])
		snprintf(c->why, sizeof(c->why), "%s%.*s",
			 c->result == SKIPPED ? "SKIP " : "",
			 (int)sizeof(r->why) - 1, r->why);
}

static void release(struct slot *s)
{
	struct tcase *c = s->tcase;

	if (!c->len) {
		free(c->out);
		c->out = NULL;
	} else {
		c->out = realloc(c->out, c->len);
	}
	if (s->fd >= 0)
		close(s->fd);
	munmap(s->report, sizeof(*s->report));
	s->tcase = NULL;
}

static void kill_group(const struct slot *s)
{
	kill(-s->pid, SIGKILL);
	kill(s->pid, SIGKILL);	/* it may have left its group */
}

/* A process stuck in the kernel does not die; the others must go on. */
static void expire(struct slot *s)
{
	struct tcase *c = s->tcase;

	if (now() < s->deadline)
		return;
	if (!s->killed) {
		s->killed = true;
		s->deadline = now() + KILL_GRACE_MS;
		snprintf(c->why, sizeof(c->why), "TIMEOUT %g s", s->limit);
		kill_group(s);
		return;
	}
	snprintf(c->why, sizeof(c->why),
		 "TIMEOUT %g s, SIGKILL does not end it", s->limit);
	c->result = FAILED;
	take_output(c, s->fd);
	release(s);
}

static void reap(struct run *run)
{
	struct slot *s;
	siginfo_t si;
	int status;

	/* while the leader is a zombie nobody else has its group's number */
	for (;;) {
		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    !si.si_pid)
			return;
		for (s = run->slots; s < run->slots + run->jobs; s++)
			if (s->tcase && s->pid == si.si_pid)
				break;
		if (s == run->slots + run->jobs) {
			waitpid(si.si_pid, NULL, 0);
			continue;
		}
		kill_group(s);
		waitpid(si.si_pid, &status, 0);
		if (s->fd >= 0)
			take_output(s->tcase, s->fd);
		if (s->killed)
			s->tcase->result = FAILED;
		else
			judge_exit(s->tcase, s->report, status);
		release(s);
	}
}

static void print_output(const struct tcase *c)
{
	bool bol = true;
	size_t i;

	for (i = 0; i < c->len; i++) {
		unsigned char ch = (unsigned char)c->out[i];

		if (i == OUT_HEAD && c->lost) {
			printf("%s# [%zu bytes left out]\n", bol ? "" : "\n",
			       c->lost);
			bol = true;
		}
		if (bol)
			fputs("# ", stdout);
		bol = ch == '\n';
		putchar(ch == '\n' || ch == '\t' || (ch >= ' ' && ch != 127) ?
			ch : '?');
	}
	if (!bol)
		putchar('\n');
}

/* In order: what is done and has nothing before it that is not. */
static void print_ready(struct run *run)
{
	struct tcase *c;
	char *p;

	for (; run->printed < run->n; run->printed++) {
		c = &run->cases[run->printed];
		if (c->result == WAITING)
			break;
		run->count[c->result]++;
		if (c->result != PASSED || run->verbose)
			print_output(c);
		for (p = c->why; *p; p++)
			if (iscntrl((unsigned char)*p))
				*p = ' ';
		printf("%sok %zu %s%s%s\n", c->result == FAILED ? "not " : "",
		       run->printed + 1, c->name, c->why[0] ? " # " : "",
		       c->why);
		fflush(stdout);
		free(c->out);
		c->out = NULL;
	}
}

static _Noreturn void interrupted(struct run *run, int sig)
{
	struct slot *s;
	sigset_t set;

	for (s = run->slots; s < run->slots + run->jobs; s++)
		if (s->tcase)
			kill_group(s);
	printf("Bail out! interrupted by signal %d\n", sig);
	fflush(stdout);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(sig, SIG_DFL);
	raise(sig);
	_exit(HARNESS_FAIL);
}

static void wait_for_any(struct run *run)
{
	struct pollfd pfd[JOBS_MAX + 1] = { { .fd = run->sigfd,
					      .events = POLLIN } };
	long long wait, first = now() + 60000;
	struct signalfd_siginfo si;
	size_t i;

	for (i = 0; i < run->jobs; i++) {
		struct slot *s = &run->slots[i];

		pfd[i + 1].fd = s->tcase ? s->fd : -1;
		pfd[i + 1].events = POLLIN;
		if (s->tcase && s->deadline < first)
			first = s->deadline;
	}
	wait = first - now();
	if (poll(pfd, run->jobs + 1, wait > 0 ? (int)wait : 0) < 0)
		return;
	for (i = 0; i < run->jobs; i++) {
		struct slot *s = &run->slots[i];

		if (pfd[i + 1].fd < 0 || !pfd[i + 1].revents)
			continue;
		take_output(s->tcase, s->fd);
		if (!(pfd[i + 1].revents & POLLIN)) {	/* closed by the test */
			close(s->fd);
			s->fd = -1;
		}
	}
	while (read(run->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			interrupted(run, (int)si.ssi_signo);
}

static void open_signals(struct run *run)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGTERM };
	struct sigaction sa;
	sigset_t set;
	size_t i;

	signal(SIGCHLD, SIG_DFL);	/* ignored, it would reap by itself */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		/* a signalfd gets ignored signals, too: those of nohup, & */
		if (!sigaction(ends[i], NULL, &sa) && sa.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	run->sigfd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (run->sigfd < 0)
		harness_bail("signalfd: %s", strerror(errno));
}

void harness_run(struct run *run)
{
	size_t next = 0, running, i;

	open_signals(run);
	while (run->printed < run->n) {
		for (running = i = 0; i < run->jobs; i++) {
			struct slot *s = &run->slots[i];

			if (!s->tcase && next < run->n) {
				struct tcase *c = &run->cases[next++];

				if (!start(s, c)) {
					snprintf(c->why, sizeof(c->why),
						 "not started: %s",
						 strerror(errno));
					c->result = FAILED;
				}
			}
			running += !!s->tcase;
		}
		if (running)
			wait_for_any(run);
		reap(run);
		for (i = 0; i < run->jobs; i++)
			if (run->slots[i].tcase)
				expire(&run->slots[i]);
		print_ready(run);
	}
	close(run->sigfd);
}
