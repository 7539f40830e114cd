// SPDX-License-Identifier: MIT
#include "agent_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))

static int failed(const char *what)
{
	complain("%s: %s", what, strerror(errno));
	return -1;
}

int jail_hide(void)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none))
		return failed("no core dumps");
	return prctl(PR_SET_DUMPABLE, 0) ? failed("PR_SET_DUMPABLE") : 0;
}

/*
 * None but those in @rights, 1 << CAP_*, even where there is no change of user
 * that takes them: who is not root may have some, too.
 */
static int keep_rights(uint32_t rights)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct data[2] = {
		{ .effective = rights, .permitted = rights },
	};

	if (!syscall(SYS_capset, &header, data))
		return 0;
	return failed("capset");
}

static int become(const struct agent *agent)
{
	/*
	 * Each call to the kernel's handshakes needs it; files and keys are
	 * root's by their owner.
	 */
	if (agent->kernel)
		return keep_rights(1u << CAP_NET_ADMIN);
	if (agent->become &&
	    (setgroups(0, NULL) ||
	     setresgid(agent->gid, agent->gid, agent->gid) ||
	     setresuid(agent->uid, agent->uid, agent->uid)))
		return failed("--user");
	if (keep_rights(0))
		return -1;
	/* which a change of user may have undone */
	return jail_hide();
}

/* ---- system calls ------------------------------------------------------ */

#if defined(__x86_64__)
#define ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH	AUDIT_ARCH_AARCH64
#endif

#ifdef ARCH

/*
 * What may be called.  Everything else fails with EPERM, and does not kill: a
 * newer C library that tries a newer call, and has another way, must not end
 * the service.
 */
static const unsigned int allowed[] = {
	/* sockets that are there, or that are sent to us */
	__NR_recvmsg, __NR_sendmsg, __NR_recvfrom, __NR_sendto, __NR_accept4,
	__NR_getsockopt, __NR_setsockopt, __NR_getsockname, __NR_getpeername,
	__NR_shutdown, __NR_read, __NR_write, __NR_writev, __NR_close,
	__NR_fstat,
	/* waiting */
	__NR_epoll_ctl, __NR_epoll_pwait, __NR_ppoll, __NR_futex,
	__NR_clock_gettime, __NR_gettimeofday, __NR_restart_syscall,
	__NR_sched_yield, __NR_clock_nanosleep,
#ifdef __x86_64__
	__NR_epoll_wait, __NR_poll, __NR_time,
#endif
	/* memory */
	__NR_brk, __NR_munmap, __NR_mremap, __NR_madvise,
	/* randomness, which asks who we are, as does a log */
	__NR_getrandom, __NR_getpid, __NR_gettid, __NR_getuid, __NR_geteuid,
	/* signals, and the end */
	__NR_rt_sigreturn, __NR_rt_sigprocmask, __NR_rt_sigaction,
	__NR_sigaltstack, __NR_exit, __NR_exit_group,
	/* a thread's beginning */
	__NR_set_robust_list, __NR_rseq, __NR_sched_getaffinity,
};

/* ... by who serves the kernel: to read files anew, and keys (keyctl(2)) */
static const unsigned int allowed_kernel[] = {
	__NR_keyctl, __NR_add_key, __NR_newfstatat, __NR_lseek,
	__NR_getdents64, __NR_faccessat,
#ifdef __x86_64__
	__NR_stat, __NR_access,
#endif
};

/* ... or may where an argument has one of these bits, or has none of them */
struct bits {
	unsigned int nr, arg, bits;
	bool set;
};
static const struct bits by_bits[] = {
	{ __NR_mmap, 2, PROT_EXEC, false },
	{ __NR_mprotect, 2, PROT_EXEC, false },
	/* not F_SETOWN and F_SETSIG, which have others get signals */
	{ __NR_fcntl, 1, 8, false },
	/* what closes a file that takes its time is a thread: see fd_close() */
	{ __NR_clone, 0, CLONE_THREAD, true },
};
static const struct bits by_bits_kernel[] = {
	{ __NR_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, false },
};

/* Nobody but an attacker calls these */
static const unsigned int killed[] = {
	__NR_execve, __NR_execveat, __NR_ptrace, __NR_process_vm_readv,
	__NR_process_vm_writev,
};

#define PROGRAM_MAX	(8 + 2 * (COUNT(allowed) + COUNT(killed) +	\
				  COUNT(allowed_kernel)) +		\
			 5 * (1 + COUNT(by_bits) + COUNT(by_bits_kernel)))
/* Low half of an argument */
#define ARG(n)	((__u32)offsetof(struct seccomp_data, args[n]))

static size_t put(struct sock_filter *p, size_t n, struct sock_filter insn)
{
	p[n] = insn;
	return n + 1;
}

/* If it is @nr: @action */
static size_t on(struct sock_filter *p, size_t n, unsigned int nr,
		 unsigned int action)
{
	n = put(p, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						   nr, 0, 1));
	return put(p, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						      action));
}

static size_t on_bits(struct sock_filter *p, size_t n, const struct bits *b)
{
	n = put(p, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						   b->nr, 0, 4));
	n = put(p, n, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   ARG(b->arg)));
	n = put(p, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
						   b->bits, !b->set, b->set));
	n = put(p, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						   SECCOMP_RET_ALLOW));
	return put(p, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
				SECCOMP_RET_ERRNO | EPERM));
}

/* Only on this process, as abort(3) does, and not on others of its user */
static size_t on_self(struct sock_filter *p, size_t n, unsigned int nr)
{
	n = put(p, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						   nr, 0, 4));
	n = put(p, n, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   ARG(0)));
	n = put(p, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						   (__u32)getpid(), 0, 1));
	n = put(p, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						   SECCOMP_RET_ALLOW));
	return put(p, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
				SECCOMP_RET_ERRNO | EPERM));
}

static size_t build(struct sock_filter *p, bool kernel)
{
	size_t n = 0;

	/* numbers of 32-bit calls mean something else; x32's are none of ours */
	n = put(p, n, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, arch)));
	n = put(p, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						   ARCH, 1, 0));
	n = put(p, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						   SECCOMP_RET_KILL_PROCESS));
	n = put(p, n, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)));
	for (size_t i = 0; i < COUNT(allowed); i++)
		n = on(p, n, allowed[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < COUNT(killed); i++)
		n = on(p, n, killed[i], SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < COUNT(allowed_kernel) && kernel; i++)
		n = on(p, n, allowed_kernel[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < COUNT(by_bits); i++)
		n = on_bits(p, n, &by_bits[i]);
	for (size_t i = 0; i < COUNT(by_bits_kernel) && kernel; i++)
		n = on_bits(p, n, &by_bits_kernel[i]);
	n = on_self(p, n, __NR_tgkill);
	/* whose flags are in memory: the C library has the other */
	n = on(p, n, __NR_clone3, SECCOMP_RET_ERRNO | ENOSYS);
	return put(p, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
				SECCOMP_RET_ERRNO | EPERM));
}

static int filter_calls(bool kernel)
{
	struct sock_filter insns[PROGRAM_MAX];
	struct sock_fprog program = {
		.len = (unsigned short)build(insns, kernel),
		.filter = insns,
	};

	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 0;
	complain("seccomp: %s; --no-seccomp does without", strerror(errno));
	return -1;
}

#else

static int filter_calls(bool kernel)
{
	(void)kernel;
	complain("no filter of system calls is known for this architecture; "
		 "--no-seccomp does without");
	return -1;
}

#endif

int jail_enter(const struct agent *agent)
{
	if (become(agent))
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failed("PR_SET_NO_NEW_PRIVS");
	return agent->no_seccomp ? 0 : filter_calls(agent->kernel);
}
