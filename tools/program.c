// SPDX-License-Identifier: MIT
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "net.h"
#include "text.h"

#define STATUS_NO_PROGRAM	127	/* as shells have it */

/* ---- in the new process ------------------------------------------------ */

/* Out of the way of the numbers that are to be theirs */
static int move_up(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 16);
}

static bool place(int files[][2], size_t len)
{
	for (size_t i = 0; i < len; i++) {
		files[i][0] = move_up(files[i][0]);
		if (files[i][0] < 0)
			return false;
	}
	for (size_t i = 0; i < len; i++)
		if (dup2(files[i][0], files[i][1]) < 0)
			return false;
	return true;
}

void program_become(char *const *argv, int files[][2], size_t len,
		    unsigned int last)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	/* of a group of its own, SIGHUP is ours to send, nohup or not */
	if (last)
		signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (place(files, len) &&
	    (!last || (!setpgid(0, 0) &&
		       !close_range(last + 1, ~0u, CLOSE_RANGE_CLOEXEC))))
		execvp(argv[0], argv);
	complain("%s: %s", argv[0], strerror(errno));
	_exit(STATUS_NO_PROGRAM);
}

/* ---- of its parent ----------------------------------------------------- */

static struct program *of(struct inside *in)
{
	return (struct program *)(void *)((char *)in -
					  offsetof(struct program, inside));
}

/* Not reaped, so that its number, and that of its group, stays its own */
static void look(struct program *p)
{
	siginfo_t info = { .si_pid = 0 };

	if (p->over || waitid(P_PID, (id_t)p->pid, &info,
			      WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		return;
	p->over = true;
	p->killed = info.si_code != CLD_EXITED;
	p->status = info.si_status;
}

/* Who crashes has not said all that it had to say */
static enum inside_end program_end(struct inside *in)
{
	struct program *p = of(in);

	look(p);
	if (!p->over)
		return INSIDE_RUNS;
	return p->killed ? INSIDE_BROKEN : INSIDE_WHOLE;
}

static void program_signal(struct inside *in, int sig)
{
	const struct program *p = of(in);

	kill(p->grouped ? -p->pid : p->pid, sig);
}

static int start(struct program *p, char *const *argv, int files[2][2],
		 bool grouped)
{
	p->inside.end = program_end;
	p->inside.signal = program_signal;
	p->grouped = grouped;
	p->pid = fork();
	if (!p->pid)
		program_become(argv, files, 2, grouped ? STDERR_FILENO : 0);
	if (p->pid < 0) {
		complain("fork: %s", strerror(errno));
		return -1;
	}
	/* whoever comes first: a signal must find the group */
	if (grouped)
		setpgid(p->pid, p->pid);
	return 0;
}

int program_start(struct program *p, char *const *argv, int in, int out,
		  bool grouped)
{
	int theirs[2], err;

	*p = (struct program){ 0 };
	err = inside_open(&p->inside, theirs);
	if (err) {
		complain("pipe: %s", strerror(-err));
		return -1;
	}
	err = start(p, argv, (int[2][2]){ { theirs[0], in }, { theirs[1], out } },
		    grouped);
	close(theirs[0]);
	close(theirs[1]);
	if (err)
		inside_close(&p->inside);
	return err;
}

int program_start_on(struct program *p, char *const *argv, int fd)
{
	*p = (struct program){ .inside = { .to = -1, .from = -1 } };
	return start(p, argv, (int[2][2]){ { fd, STDIN_FILENO },
					   { fd, STDOUT_FILENO } }, true);
}

static void take_signals(struct program *p, int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGTERM)
			continue;
		program_signal(&p->inside, p->kill_at ? SIGKILL : SIGTERM);
		if (!p->kill_at)
			p->kill_at = net_clock() + INSIDE_KILL_MS;
	}
}

bool program_step(struct program *p, int signal_fd, int ms)
{
	int64_t left = p->kill_at ? p->kill_at - net_clock() : ms;

	look(p);
	if (p->over)
		return true;
	if (p->kill_at && left <= 0)
		program_signal(&p->inside, SIGKILL);
	else if (ms < 0 || left < ms)
		ms = (int)left;
	net_wait(signal_fd, POLLIN, ms);
	take_signals(p, signal_fd);
	return false;
}

void program_wait(struct program *p, int signal_fd)
{
	while (!program_step(p, signal_fd, -1))
		;
}

void text_exit(struct text *t, const struct program *p)
{
	const char *name;

	if (!p->killed) {
		text_printf(t, " exit=%d", p->status);
		return;
	}
	name = sigabbrev_np(p->status);
	text_printf(t, " signal=%s", name ? name : "?");
}
