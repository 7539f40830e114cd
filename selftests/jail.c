// SPDX-License-Identifier: GPL-2.0-only
/* What the process that has the keys of 'ktls agent' can still do, and not */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "../tools/agent_jail.h"

/* How a process ends that does @fn in there: as waitpid(2) says it */
static int inside(int (*fn)(void))
{
	const struct agent agent = { .listen_fd = -1 };
	pid_t pid = fork();
	int status;

	ASSERT_OK(pid);
	if (!pid) {
		if (jail_hide() || jail_enter(&agent))
			_exit(99);
		_exit(fn());
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* Each: 0, or where it was not as it has to be */

#define MUST(x)	do { if (!(x)) return __LINE__ % 90 + 1; } while (0)

static int refused(void)
{
	MUST(open("/etc/passwd", O_RDONLY) < 0 && errno == EPERM);
	MUST(openat(AT_FDCWD, "/", O_PATH) < 0 && errno == EPERM);
	MUST(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
	MUST(fork() < 0);
	MUST(kill(getppid(), 0) < 0 && errno == EPERM);
	MUST(syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 &&
	     errno == EPERM);
	MUST(fcntl(STDIN_FILENO, F_SETOWN, getppid()) < 0 && errno == EPERM);
	MUST(fcntl(STDIN_FILENO, F_SETSIG, SIGKILL) < 0 && errno == EPERM);
	MUST(prctl(PR_SET_DUMPABLE, 1) < 0 && errno == EPERM);
	MUST(setuid(0) < 0 && errno == EPERM);
	MUST(mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
	     errno == EPERM);
	return 0;
}

static int no_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p != MAP_FAILED);
	MUST(!mprotect(p, 4096, PROT_READ));
	MUST(mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM);
	return 0;
}

static int execs(void)
{
	execl("/bin/true", "true", NULL);
	return 0;
}

static int traces(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return 0;
}

static int looks_into_another(void)
{
	char c;
	struct iovec here = { &c, 1 }, there = { &c, 1 };

	(void)!process_vm_readv(getppid(), &here, 1, &there, 1, 0);
	return 0;
}

TEST(what_is_refused)
{
	EXPECT_EQ(inside(refused), 0);
	EXPECT_EQ(inside(no_code), 0);
}

TEST(what_kills)
{
	EXPECT_EQ(WTERMSIG(inside(execs)), SIGSYS);
	EXPECT_EQ(WTERMSIG(inside(traces)), SIGSYS);
	EXPECT_EQ(WTERMSIG(inside(looks_into_another)), SIGSYS);
}

static int pair[2];

static void *answer(void *arg)
{
	return send(pair[1], "y", 1, MSG_NOSIGNAL) == 1 ? arg : NULL;
}

static int works(void)
{
	pthread_t thread;
	char c = 'x';

	MUST(send(pair[0], &c, 1, MSG_NOSIGNAL) == 1);
	MUST(recv(pair[1], &c, 1, 0) == 1);
	MUST(!pthread_create(&thread, NULL, answer, NULL));
	MUST(!pthread_kill(thread, SIGURG));	/* as fd_close() has it */
	MUST(!pthread_join(thread, NULL));
	MUST(recv(pair[0], &c, 1, 0) == 1 && c == 'y');
	MUST(!syscall(SYS_tgkill, getpid(), gettid(), 0));
	MUST(fcntl(pair[0], F_DUPFD_CLOEXEC, 0) >= 0);
	MUST(!fcntl(pair[0], F_SETFL, O_NONBLOCK));
	return 0;
}

TEST(what_works)
{
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	EXPECT_EQ(inside(works), 0);
}

static int state(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];
	struct rlimit lim;

	MUST(!prctl(PR_GET_DUMPABLE));
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	MUST(!syscall(SYS_capget, &header, caps));
	for (int i = 0; i < 2; i++)
		MUST(!caps[i].effective && !caps[i].permitted &&
		     !caps[i].inheritable);
	MUST(!getrlimit(RLIMIT_CORE, &lim) && !lim.rlim_cur && !lim.rlim_max);
	return 0;
}

/* Before the filter, which lets nobody ask */
TEST(what_is_set)
{
	const struct agent agent = { .no_seccomp = true };

	ASSERT_OK(jail_hide());
	ASSERT_OK(jail_enter(&agent));
	EXPECT_EQ(state(), 0);
}

HARNESS_MAIN
