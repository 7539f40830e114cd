// SPDX-License-Identifier: GPL-2.0-only
#include "agent_lib.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "../lib/wire.h"

/* ---- its files --------------------------------------------------------- */

/* As an administrator would have it: for its owner alone */
static void copy_key(const struct agent *a, const char *name)
{
	char path[128], buf[8192];
	int from = open(pki_key(name), O_RDONLY | O_CLOEXEC), to;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s.key", a->dir, name);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT_OK(from);
	ASSERT_OK(to);
	n = read(from, buf, sizeof(buf));
	ASSERT_GT(n, 0);
	ASSERT_EQ(write(to, buf, (size_t)n), n);
	close(from);
	close(to);
}

void agent_write_conf(const struct agent *a, const char *more)
{
	FILE *f = fopen(a->conf, "we");

	ASSERT_TRUE(f);
	fprintf(f, "# of a test\n"
		"[web]\ncert = %s\nkey = %s/p256.key\nroles = server\n"
		"users = %u\nalpn = h2,http/1.1\n"
		"[cli]\nroles = client\ntrust = %s\nusers = %u\n"
		"[both]\ncert = %s\nkey = %s/p256.key\ntrust = %s\n"
		"roles = server, client\nusers = %u\n"
		"[two]\ncert = %s, %s\nkey = %s/p256.key, %s/rsa2048.key\n"
		"roles = server\nusers = %u\n"
		"[other]\nroles = client\ntrust = %s\nusers = %u\n%s",
		pki("p256"), a->dir, getuid(), pki("ca"), getuid(),
		pki("p256"), a->dir, pki("ca"), getuid(),
		pki("p256"), pki("rsa2048"), a->dir, a->dir, getuid(), pki("ca"),
		AGENT_STRANGER, more ? more : "");
	ASSERT_OK(fclose(f));
}

/* ---- its processes ----------------------------------------------------- */

/* Beside this program's folder */
static void find_program(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 16);

	ASSERT_GT(n, 0);
	path[n] = '\0';
	dirname(dirname(path));
	strcat(path, "/ktls");
}

static _Noreturn void run(const struct agent *a, const char *const *args,
			  int out)
{
	const char *argv[32] = { "ktls", "agent", "--config", a->conf,
				 "--socket", a->path };
	char program[PATH_MAX];
	size_t n = 6;

	find_program(program);
	if (!geteuid()) {
		argv[n++] = "--user";
		argv[n++] = "nobody";
	}
	for (; args && *args && n < 31; args++)
		argv[n++] = *args;
	/* what looks for leaks calls what is not allowed */
	if (a->jailed)
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	dup2(out, STDOUT_FILENO);
	execv(program, (char *const *)argv);
	_exit(127);
}

static bool among(const char *const *args, const char *arg)
{
	for (; args && *args; args++)
		if (!strcmp(*args, arg))
			return true;
	return false;
}

void agent_start(struct agent *a, const char *const *args)
{
	char line[256] = "";
	int fd[2];

	if (!*a->dir) {
		strcpy(a->dir, "/tmp/ktls-agent-XXXXXX");
		ASSERT_TRUE(mkdtemp(a->dir));
		ASSERT_OK(chmod(a->dir, 0755));
		snprintf(a->path, sizeof(a->path), "%s/sock", a->dir);
		snprintf(a->conf, sizeof(a->conf), "%s/conf", a->dir);
		copy_key(a, "p256");
		copy_key(a, "rsa2048");
		agent_write_conf(a, NULL);
	}
	a->jailed = !among(args, "--no-seccomp");
	ASSERT_OK(pipe2(fd, O_CLOEXEC));
	a->pid = fork();
	ASSERT_OK(a->pid);
	if (!a->pid)
		run(a, args, fd[1]);
	close(fd[1]);
	ASSERT_GT(read(fd[0], line, sizeof(line) - 1), 0);
	ASSERT_TRUE(!strncmp(line, "listening on ", 13)) TH_LOG("%s", line);
	close(fd[0]);
}

void agent_stop(struct agent *a)
{
	ASSERT_OK(kill(a->pid, SIGTERM));
	agent_ends(a);
}

void agent_ends(struct agent *a)
{
	int status;

	ASSERT_EQ(waitpid(a->pid, &status, 0), a->pid);
	a->pid = 0;
	EXPECT_EQ(status, 0);
	EXPECT_EQ(access(a->path, F_OK), -1);
}

void agent_kill(struct agent *a)
{
	char cmd[128];

	if (a->pid > 0) {
		kill(a->pid, SIGKILL);
		waitpid(a->pid, NULL, 0);
	}
	snprintf(cmd, sizeof(cmd), "rm -rf %s", a->dir);
	if (*a->dir)
		ASSERT_OK(system(cmd));
}

static pid_t parent_of(const char *pid)
{
	char path[300], line[128];
	int parent = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "PPid: %d", &parent) == 1)
			break;
	if (f)
		fclose(f);
	return parent;
}

pid_t agent_worker_pid(const struct agent *a)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	pid_t pid = 0;

	ASSERT_TRUE(proc);
	while (!pid && (e = readdir(proc)))
		if (*e->d_name >= '1' && *e->d_name <= '9' &&
		    parent_of(e->d_name) == a->pid)
			pid = atoi(e->d_name);
	closedir(proc);
	ASSERT_GT(pid, 0);
	return pid;
}

size_t agent_fds(pid_t worker)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	/* nobody else may look */
	if (geteuid())
		return 1;
	snprintf(path, sizeof(path), "/proc/%d/fd", worker);
	dir = opendir(path);
	ASSERT_TRUE(dir) TH_LOG("%s: %s", path, strerror(errno));
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* A number in its status */
static size_t status_of(pid_t worker, const char *format)
{
	char path[64], line[128];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", worker);
	f = fopen(path, "re");
	ASSERT_TRUE(f);
	while (!n && fgets(line, sizeof(line), f))
		if (sscanf(line, format, &n) == 1)
			break;
	fclose(f);
	ASSERT_GT(n, 0);
	return n;
}

size_t agent_memory(pid_t worker)
{
	return status_of(worker, "VmRSS: %zu");
}

size_t agent_threads(pid_t worker)
{
	return status_of(worker, "Threads: %zu");
}

/* ---- talking to it ----------------------------------------------------- */

int agent_dial(const struct agent *a)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ASSERT_OK(fd);
	strcpy(at.sun_path, a->path);
	ASSERT_OK(connect(fd, (struct sockaddr *)&at, sizeof(at)));
	return fd;
}

void agent_say(int agent, const void *buf, size_t len, const int *fds,
	       size_t n)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} r = { .head = {
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(n * sizeof(int)),
	} };
	struct iovec iov = { (void *)buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n) {
		memcpy(CMSG_DATA(&r.head), fds, n * sizeof(int));
		msg.msg_control = &r;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	ASSERT_EQ(sendmsg(agent, &msg, MSG_NOSIGNAL), len);
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

size_t agent_field(uint8_t *buf, size_t len, uint32_t field, const void *p,
		   size_t n)
{
	put_u32(buf + len, field);
	put_u32(buf + len + 4, (uint32_t)n);
	if (n)
		memcpy(buf + len + 8, p, n);
	return len + 8 + n;
}

size_t agent_request(uint8_t *buf, size_t size, enum ktls_role role,
		     const char *credential)
{
	uint8_t r = (uint8_t)role;
	size_t n = 8;

	ASSERT_GE(size, 128);
	memcpy(buf, "kTLA\0\1\0\1", 8);
	n = agent_field(buf, n, KTLS_AGENT_ROLE, &r, 1);
	n = agent_field(buf, n, KTLS_AGENT_CREDENTIAL, credential,
			strlen(credential));
	if (role == KTLS_CLIENT)
		n = agent_field(buf, n, KTLS_AGENT_SERVER_NAME, "localhost",
				9);
	return n;
}

const uint8_t *agent_find(const struct agent_answer *a, uint32_t field,
			  size_t *len)
{
	bool bad = false;
	struct rd r = rd_init(a->b, a->len, &bad);
	struct slice found = { NULL, 0 };

	ASSERT_MEMEQ(a->b, "kTLA\0\1\0\2", 8);
	rd_take(&r, 8);
	while (rd_more(&r)) {
		uint32_t f = rd_u32(&r);
		struct slice v = rd_opaque(&r, 4);

		if (f != field)
			continue;
		ASSERT_TRUE(!found.p);
		found = v;
	}
	ASSERT_TRUE(!bad);
	*len = found.len;
	return found.p;
}

int agent_hear(int agent, struct agent_answer *a)
{
	ssize_t n = recv(agent, a->b, sizeof(a->b), 0);
	const uint8_t *p;
	size_t len;

	ASSERT_GE(n, 8) TH_LOG("%s", strerror(errno));
	a->len = (size_t)n;
	p = agent_find(a, KTLS_AGENT_ERROR, &len);
	ASSERT_TRUE(p);
	ASSERT_EQ(len, 4);
	return p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* ---- both ends ---------------------------------------------------------- */

struct accepting {
	struct pair *p;
	struct ktls_agent_opts opts;
	int err;
	char why[256];
};

static void *accept_there(void *arg)
{
	struct accepting *s = arg;

	s->err = ktls_agent_accept(&s->p->server, s->p->fd[1], NULL, &s->opts);
	return NULL;
}

void agent_pair(const struct agent *a, struct pair *p,
		const struct ktls_agent_opts *client,
		const struct ktls_agent_opts *server)
{
	struct ktls_agent_opts o = client ? *client : *KTLS_AGENT_OPTS();
	struct accepting s = { .p = p };
	char why[256];
	pthread_t thread;
	int err;

	s.opts = server ? *server : *KTLS_AGENT_OPTS();
	s.opts.path = o.path = a->path;
	s.opts.error = s.why;
	o.error = why;
	s.opts.error_size = o.error_size = sizeof(why);
	if (!o.credential)
		o.credential = "cli";
	if (!o.server_name)
		o.server_name = "localhost";
	if (!s.opts.credential)
		s.opts.credential = "web";
	tcp_pair(p->fd);
	ASSERT_OK(pthread_create(&thread, NULL, accept_there, &s));
	err = ktls_agent_connect(&p->client, p->fd[0], NULL, &o);
	pthread_join(thread, NULL);
	ASSERT_OK(err) TH_LOG("client: %s", why);
	ASSERT_OK(s.err) TH_LOG("server: %s", s.why);
}
