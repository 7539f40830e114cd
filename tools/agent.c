// SPDX-License-Identifier: MIT
/*
 * The process that stays: it has the right to read the keys and never does so,
 * and starts another that reads them, and gives the right up.  To read them
 * again is to start the next.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ktls_agent.h>

#include "agent_listen.h"
#include "cmd.h"
#include "log.h"
#include "options.h"
#include "upcall_main.h"

#define WORKERS_MAX	16	/* one, and those that are on their way out */

static const char help[] =
	"Usage: ktls agent --config FILE [OPTION]...\n"
	"       ktls agent --kernel [--tlshd-config FILE] [OPTION]...\n"
	"\n"
	"Do TLS handshakes for other processes, on sockets that they send,\n"
	"with certificates and keys that they never see.  The kernel gets the\n"
	"keys of the connection, and the process that asked gets all the rest\n"
	"of it.  ktls_agent.h has the protocol, and calls in C.\n"
	"\n"
	"  -f, --config FILE      the credentials, and who may use them\n"
	"  -s, --socket PATH      where to listen (" KTLS_AGENT_PATH ");\n"
	"                         not if systemd has passed the socket\n"
	"  -u, --user NAME        whom to become once the keys are read; as\n"
	"                         root this is required\n"
	"  --timeout SECONDS      of a handshake (30)\n"
	"  --max-clients N        connections at once (1024) ...\n"
	"  --max-user-clients N   ... of one user (64)\n"
	"  --max-handshakes N     handshakes at once (256) ...\n"
	"  --max-user-handshakes N ... of one user (32)\n"
	"  --no-seccomp           without a filter of system calls, on kernels\n"
	"                         that have none\n"
	"  -q, --quiet            no log of handshakes\n"
	"  --kernel               do the handshakes that the kernel asks for, of\n"
	"                         NFS and NVMe, in place of tlshd; as root\n"
	"  --tlshd-config FILE    ... with this configuration (/etc/tlshd/config\n"
	"                         or /etc/tlshd.conf, if there is one)\n"
	"  -h, --help             this text\n"
	"\n"
	"SIGHUP reads the file, certificates and keys again; if something is\n"
	"wrong with them, those of before stay.  SIGTERM ends it when the\n"
	"handshakes that have begun are done, a second one at once.\n"
	"\n"
	"The file has a section for each credential:\n"
	"\n"
	"  [web]\n"
	"  cert = /etc/ktls/web.pem       or several, separated by commas\n"
	"  key = /etc/ktls/web.key        and the key of each\n"
	"  roles = server                 server, client\n"
	"  users = www-data, 1000         '*' is everybody\n"
	"  groups = web                   either of the two is enough\n"
	"\n"
	"and may have:\n"
	"\n"
	"  trust = /etc/ssl/certs/ca-certificates.crt\n"
	"  verify = require               or optional, none\n"
	"  tls = 1.2, 1.3\n"
	"  alpn = h2,http/1.1             unless the request says another\n"
	"  ciphers = ...                  as of the other commands\n"
	"  key-exchange = ...             likewise\n";

enum {
	OPT_AGENT_TIMEOUT = OPT_OWN,
	OPT_MAX_CLIENTS,
	OPT_MAX_USER_CLIENTS,
	OPT_MAX_JOBS,
	OPT_MAX_USER_JOBS,
	OPT_NO_SECCOMP,
	OPT_KERNEL,
	OPT_TLSHD_CONFIG,
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'f' },
	{ "socket", required_argument, NULL, 's' },
	{ "user", required_argument, NULL, 'u' },
	{ "timeout", required_argument, NULL, OPT_AGENT_TIMEOUT },
	{ "max-clients", required_argument, NULL, OPT_MAX_CLIENTS },
	{ "max-user-clients", required_argument, NULL, OPT_MAX_USER_CLIENTS },
	{ "max-handshakes", required_argument, NULL, OPT_MAX_JOBS },
	{ "max-user-handshakes", required_argument, NULL, OPT_MAX_USER_JOBS },
	{ "no-seccomp", no_argument, NULL, OPT_NO_SECCOMP },
	{ "quiet", no_argument, NULL, 'q' },
	{ "kernel", no_argument, NULL, OPT_KERNEL },
	{ "tlshd-config", required_argument, NULL, OPT_TLSHD_CONFIG },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* ---- the command line -------------------------------------------------- */

static int set_user(struct agent *a, const char *name)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw) {
		complain("--user %s: no such user", name);
		return -1;
	}
	a->become = true;
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	return 0;
}

static int set_limit(struct agent *a, int opt, const char *arg)
{
	const struct {
		int opt;
		const char *name;
		unsigned int *to;
	} rows[] = {
		{ OPT_MAX_CLIENTS, "--max-clients", &a->max_clients },
		{ OPT_MAX_USER_CLIENTS, "--max-user-clients",
		  &a->max_user_clients },
		{ OPT_MAX_JOBS, "--max-handshakes", &a->max_jobs },
		{ OPT_MAX_USER_JOBS, "--max-user-handshakes",
		  &a->max_user_jobs },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].opt == opt)
			return parse_number(rows[i].name, arg, 1, 100000,
					    rows[i].to) ? 0 : -1;
	return -1;	/* getopt_long() has complained */
}

static int take_option(struct agent *a, int opt, const char *arg)
{
	switch (opt) {
	case 'f':
		a->config = arg;
		return 0;
	case 's':
		a->path = arg;
		return 0;
	case 'u':
		return set_user(a, arg);
	case 'q':
		a->quiet = true;
		return 0;
	case OPT_NO_SECCOMP:
		a->no_seccomp = true;
		return 0;
	case OPT_KERNEL:
		a->kernel = true;
		return 0;
	case OPT_TLSHD_CONFIG:
		a->tlshd_config = arg;
		return 0;
	case OPT_AGENT_TIMEOUT:
		return parse_seconds("--timeout", arg, &a->timeout) ? 0 : -1;
	default:
		return set_limit(a, opt, arg);
	}
}

/* Is what was said enough, and not too much? */
static int check(const struct agent *a)
{
	if (a->kernel && (a->config || a->become)) {
		complain("--kernel needs root's keys, and serves nobody else: "
			 "--config and --user are for another process");
		return -1;
	}
	if (a->kernel)
		return 0;
	if (a->tlshd_config) {
		complain("--tlshd-config is of --kernel");
		return -1;
	}
	if (!a->config) {
		complain("--config is required");
		return -1;
	}
	if (!geteuid() && (!a->become || !a->uid)) {
		complain("as root, --user has to say whom to become");
		return -1;
	}
	return 0;
}

/* 0, 1: help was asked for, or -1 after a complaint */
static int parse(struct agent *a, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "f:s:u:qh", options,
				  NULL)) != -1) {
		if (opt == 'h')
			return 1;
		if (take_option(a, opt, optarg))
			return -1;
	}
	if (optind != argc) {
		complain("no argument is expected: '%s'", argv[optind]);
		return -1;
	}
	return check(a);
}

/* ---- workers ----------------------------------------------------------- */

struct master {
	struct agent *agent;
	int alive_fd;		/* which only this process has */
	/* the first is the one that serves */
	pid_t worker[WORKERS_MAX];
	size_t len;
	sigset_t signals;
	int stops;		/* SIGTERMs and SIGINTs */
	int status;
};

/* Waits until it is ready, or is not going to be: its process, or -1 */
static pid_t start_worker(const struct master *m)
{
	int fd[2];
	pid_t pid;
	char c;

	if (pipe2(fd, O_CLOEXEC)) {
		complain("pipe: %s", strerror(errno));
		return -1;
	}
	pid = fork();
	if (!pid) {
		close(fd[0]);
		close(m->alive_fd);
		exit(agent_worker(m->agent, fd[1]));
	}
	close(fd[1]);
	if (pid < 0)
		complain("fork: %s", strerror(errno));
	else if (read(fd[0], &c, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(fd[0]);
	return pid;
}

static void tell_workers(const struct master *m, int sig)
{
	for (size_t i = 0; i < m->len; i++)
		kill(m->worker[i], sig);
}

/* The next in place of the one that serves, which stays for those it has */
static void reload(struct master *m)
{
	pid_t pid = -1;

	if (m->stops)
		return;
	if (m->len == WORKERS_MAX)
		complain("too many processes are still busy");
	else
		pid = start_worker(m);
	if (pid < 0) {
		log_line("nothing is read again: what was read before stays");
		return;
	}
	kill(m->worker[0], SIGHUP);
	m->worker[m->len++] = m->worker[0];
	m->worker[0] = pid;
	log_line("credentials are read again");
}

static void stop(struct master *m)
{
	tell_workers(m, m->stops++ ? SIGKILL : SIGTERM);
}

static void bury(struct master *m, pid_t pid, int status)
{
	bool serves = m->worker[0] == pid;

	for (size_t i = 0; i < m->len; i++) {
		if (m->worker[i] != pid)
			continue;
		m->worker[i] = m->worker[--m->len];
		break;
	}
	if (status)
		log_line("process %d ended with status %#x", pid, status);
	if (status && serves)
		m->status = STATUS_USAGE;
	/* whoever watches over us starts us again, and knows how often */
	if (serves && !m->stops)
		stop(m);
}

static void reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		bury(m, pid, status);
}

static int watch_over(struct master *m)
{
	/* told twice, it does not wait for what may not be killed at once */
	while (m->len && m->stops < 2) {
		int sig = sigwaitinfo(&m->signals, NULL);

		if (sig == SIGHUP)
			reload(m);
		else if (sig == SIGTERM || sig == SIGINT)
			stop(m);
		reap(m);
	}
	return m->status;
}

static int serve(struct agent *agent)
{
	struct master m = { .agent = agent };
	int alive[2];
	pid_t pid;

	if (pipe2(alive, O_CLOEXEC)) {
		complain("pipe: %s", strerror(errno));
		return STATUS_USAGE;
	}
	agent->alive_fd = alive[0];
	m.alive_fd = alive[1];
	sigemptyset(&m.signals);
	sigaddset(&m.signals, SIGHUP);
	sigaddset(&m.signals, SIGTERM);
	sigaddset(&m.signals, SIGINT);
	sigaddset(&m.signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &m.signals, NULL);
	/* of whoever reads the log */
	signal(SIGPIPE, SIG_IGN);
	pid = start_worker(&m);
	if (pid < 0)
		return STATUS_USAGE;
	m.worker[m.len++] = pid;
	printf("listening on %s\n", agent->path);
	fflush(stdout);
	return watch_over(&m);
}

static int run(int argc, char **argv)
{
	struct agent a = {
		.path = KTLS_AGENT_PATH,
		.max_clients = 1024,
		.max_user_clients = 64,
		.max_jobs = 256,
		.max_user_jobs = 32,
		.timeout = 30000,
	};
	bool ours;
	int status = parse(&a, argc, argv);

	if (status > 0)
		return cmd_help(&cmd_agent);
	if (status < 0)
		return cmd_hint(&cmd_agent);
	if (a.kernel)
		return upcall_main(&a);
	a.listen_fd = agent_listen(&a.path, &ours);
	if (a.listen_fd < 0)
		return STATUS_USAGE;
	status = serve(&a);
	if (ours)
		unlink(a.path);
	return status;
}

const struct cmd cmd_agent = {
	.name = "agent",
	.summary = "do handshakes for other processes, and keep the keys",
	.help = help,
	.run = run,
};
