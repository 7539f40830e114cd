// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ktls agent' as a service: who may use what, what it keeps from whom, and
 * how it ends, or goes on with other files
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent_lib.h"
#include "harness.h"
#include "mode_lib.h"

FIXTURE(life) {
	struct agent a;
	int tcp[2];
};

FIXTURE_SETUP(life)
{
	agent_start(&self->a, NULL);
	tcp_pair(self->tcp);
}

FIXTURE_TEARDOWN(life)
{
	close(self->tcp[0]);
	close(self->tcp[1]);
	agent_kill(&self->a);
}

/* What somebody who needs nobody at the other end gets */
static int asks(FIXTURE_DATA(life) *self, const char *credential,
		enum ktls_verify verify, uint16_t min, uint16_t max)
{
	struct ktls_conn *conn;

	return ktls_agent_connect(&conn, self->tcp[0], NULL, KTLS_AGENT_OPTS(
		.path = self->a.path, .credential = credential,
		.server_name = "localhost", .verify = verify,
		.min_version = min, .max_version = max, .timeout_ms = 20));
}

static void serves(FIXTURE_DATA(life) *self, const char *server)
{
	struct pair p;

	agent_pair(&self->a, &p, NULL, KTLS_AGENT_OPTS(.credential = server));
	ping(p.client, p.server);
	pair_close(&p);
}

static void hang_up(FIXTURE_DATA(life) *self)
{
	pid_t old = agent_worker_pid(&self->a);

	ASSERT_OK(kill(self->a.pid, SIGHUP));
	/* it is gone as soon as nobody is left who has connected to it */
	for (int i = 0; i < 1000 && !kill(old, 0); i++)
		poll(NULL, 0, harness_ms(10));
	ASSERT_EQ(kill(old, 0), -1);
}

/* ---- rules -------------------------------------------------------------- */

TEST_F(life, rules)
{
	agent_write_conf(&self->a, "[loose]\nroles = client\nusers = *\n"
			 "verify = none\ntls = 1.3\n");
	hang_up(self);
	/* as far as a handshake, in which nobody answers */
	EXPECT_EQ(asks(self, "cli", 0, 0, 0), -ETIMEDOUT);
	EXPECT_EQ(asks(self, "cli", KTLS_VERIFY_REQUIRE, 0, 0), -ETIMEDOUT);
	EXPECT_EQ(asks(self, "cli", KTLS_VERIFY_NONE, 0, 0),
		  -KTLS_E_AGENT_RULES);
	EXPECT_EQ(asks(self, "cli", KTLS_VERIFY_OPTIONAL, 0, 0),
		  -KTLS_E_AGENT_RULES);
	EXPECT_EQ(asks(self, "loose", 0, 0, 0), -ETIMEDOUT);
	EXPECT_EQ(asks(self, "loose", KTLS_VERIFY_NONE, KTLS_TLS13, 0),
		  -ETIMEDOUT);
	/* it has no trust */
	EXPECT_EQ(asks(self, "loose", KTLS_VERIFY_REQUIRE, 0, 0),
		  -KTLS_E_AGENT_RULES);
	EXPECT_EQ(asks(self, "loose", 0, KTLS_TLS12, 0), -KTLS_E_AGENT_RULES);
	EXPECT_EQ(asks(self, "loose", 0, 0, KTLS_TLS12), -KTLS_E_AGENT_RULES);
	EXPECT_EQ(asks(self, "cli", 0, KTLS_TLS13, KTLS_TLS12),
		  -KTLS_E_AGENT_RULES);
	EXPECT_EQ(asks(self, "other", 0, 0, 0), -KTLS_E_AGENT_CREDENTIAL);
	EXPECT_EQ(asks(self, "nothing", 0, 0, 0), -KTLS_E_AGENT_CREDENTIAL);
	agent_stop(&self->a);
}

/* As another user, with one group more, among many: what does @fn return? */
static int as(uid_t uid, gid_t gid, gid_t more,
	      int (*fn)(FIXTURE_DATA(life) *self), FIXTURE_DATA(life) *self)
{
	gid_t gids[300];
	int status;
	pid_t pid = fork();

	ASSERT_OK(pid);
	if (!pid) {
		for (gid_t i = 0; i < 300; i++)
			gids[i] = i ? 60000 + i : more;
		if (syscall(SYS_setgroups, 300, gids) || setgid(gid) ||
		    setuid(uid))
			_exit(255);
		_exit(fn(self));
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int sees_web(FIXTURE_DATA(life) *self)
{
	return asks(self, "cli", 0, 0, 0) == -KTLS_E_AGENT_CREDENTIAL ? 1 : 0;
}

static int sees_other(FIXTURE_DATA(life) *self)
{
	return asks(self, "other", 0, 0, 0) == -ETIMEDOUT ? 1 : 0;
}

static int sees_grouped(FIXTURE_DATA(life) *self)
{
	return asks(self, "grouped", 0, 0, 0) == -ETIMEDOUT ? 1 : 0;
}

/* By what the kernel says of them, not by what they say */
TEST_F(life, users)
{
	/* without root there is one user, whom "other" is not for: see rules */
	if (geteuid())
		return;
	agent_write_conf(&self->a, "[grouped]\nroles = client\n"
			 "groups = 65500\nverify = none\n");
	hang_up(self);
	EXPECT_EQ(as(AGENT_STRANGER, AGENT_STRANGER, 65501, sees_web, self), 1);
	EXPECT_EQ(as(AGENT_STRANGER, AGENT_STRANGER, 65501, sees_other, self),
		  1);
	EXPECT_EQ(as(AGENT_STRANGER, AGENT_STRANGER, 65501, sees_grouped,
		     self), 0);
	EXPECT_EQ(as(AGENT_STRANGER, 65500, 65501, sees_grouped, self), 1);
	EXPECT_EQ(as(AGENT_STRANGER, 65499, 65500, sees_grouped, self), 1);
	EXPECT_EQ(as(65532, 65532, 65532, sees_other, self), 0);
	agent_stop(&self->a);
}

/* As much as one may: places, handshakes that hang, and requests without end */
static int hoards(FIXTURE_DATA(life) *self)
{
	uint8_t msg[256];
	size_t len = agent_request(msg, sizeof(msg), KTLS_CLIENT, "other");
	int agent[64];

	for (int i = 0; i < 64; i++) {
		agent[i] = agent_dial(&self->a);
		if (i < 32)
			agent_say(agent[i], msg, len, self->tcp, 1);
	}
	/* the first of them hangs: who waits for its hello may go on */
	for (;;)
		for (int i = 32; i < 64; i++)
			send(agent[i], msg, 5, MSG_DONTWAIT | MSG_NOSIGNAL);
	return 0;
}

/* ... which is no more than his share */
TEST_F(life, nobody_starves)
{
	pid_t pid;
	char c;

	if (geteuid())
		return;
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		if (setgid(AGENT_STRANGER) || setuid(AGENT_STRANGER))
			_exit(255);
		_exit(hoards(self));
	}
	ASSERT_EQ(recv(self->tcp[1], &c, 1, MSG_PEEK), 1);
	for (int i = 0; i < 20; i++)
		serves(self, "web");
	ASSERT_OK(kill(pid, SIGKILL));
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
	agent_stop(&self->a);
}

static void speak(int agent)
{
	struct agent_answer *answer = malloc(sizeof(*answer));

	agent_say(agent, "x", 1, NULL, 0);
	EXPECT_EQ(agent_hear(agent, answer), KTLS_E_AGENT_REQUEST);
	free(answer);
}

/* All places are taken: who has said nothing for longest loses his */
TEST_F(life, nobody_sits_for_ever)
{
	static const char *const args[] = { "--max-clients", "3", NULL };
	int idle[3];
	char c;

	agent_stop(&self->a);
	agent_start(&self->a, args);
	for (int i = 0; i < 3; i++) {
		idle[i] = agent_dial(&self->a);
		speak(idle[i]);
	}
	speak(idle[0]);
	serves(self, "web");
	ASSERT_EQ(recv(idle[1], &c, 1, 0), 0);
	ASSERT_EQ(recv(idle[2], &c, 1, 0), 0);
	speak(idle[0]);
	for (int i = 0; i < 3; i++)
		close(idle[i]);
	agent_stop(&self->a);
}

/* ---- what it keeps ------------------------------------------------------ */

/* The line's number, in /proc/PID/status */
static long status_of(pid_t pid, const char *name)
{
	char path[64], line[256];
	long v = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	ASSERT_TRUE(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) &&
		    line[strlen(name)] == ':')
			v = strtol(line + strlen(name) + 1, NULL, 16);
	fclose(f);
	return v;
}

TEST_F(life, gives_up_what_it_does_not_need)
{
	pid_t worker = agent_worker_pid(&self->a);
	long caps = status_of(worker, "CapEff") | status_of(worker, "CapPrm");

	EXPECT_EQ(status_of(worker, "Seccomp"), 2);
	EXPECT_EQ(status_of(worker, "NoNewPrivs"), 1);
	if (!geteuid()) {
		EXPECT_EQ(status_of(worker, "Uid"),
			  strtol("65534", NULL, 16));
		EXPECT_EQ(caps, 0);
	}
	serves(self, "web");
	agent_stop(&self->a);
}

static pid_t snooped;

/* A bit for each that works, of what leads to the keys */
static int snoop(FIXTURE_DATA(life) *self)
{
	char path[128];
	int got = 0;

	snprintf(path, sizeof(path), "%s/p256.key", self->a.dir);
	got |= open(path, O_RDONLY) >= 0 ? 1 : 0;
	snprintf(path, sizeof(path), "/proc/%d/mem", snooped);
	got |= open(path, O_RDONLY) >= 0 ? 2 : 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", snooped);
	got |= open(path, O_RDONLY) >= 0 ? 4 : 0;
	got |= !ptrace(PTRACE_ATTACH, snooped, NULL, NULL) ? 8 : 0;
	return got;
}

TEST_F(life, keys_are_out_of_reach)
{
	snooped = agent_worker_pid(&self->a);
	if (geteuid()) {
		/* the file is ours, the process's memory is not */
		EXPECT_EQ(snoop(self) & ~1, 0);
	} else {
		const struct passwd *pw = getpwnam("nobody");

		ASSERT_TRUE(pw);
		EXPECT_EQ(as(AGENT_STRANGER, AGENT_STRANGER, AGENT_STRANGER,
			     snoop, self), 0);
		/* not even for one that is the same user */
		EXPECT_EQ(as(pw->pw_uid, pw->pw_gid, pw->pw_gid, snoop, self),
			  0);
	}
	agent_stop(&self->a);
}

/* ---- the end ------------------------------------------------------------ */

struct waiting {
	int agent;
	uint8_t msg[256];
};

/* A handshake with nobody, which has begun: its hello is here */
static void begin_one(FIXTURE_DATA(life) *self, struct waiting *w)
{
	size_t len = agent_request(w->msg, sizeof(w->msg), KTLS_CLIENT, "cli");
	char c;

	w->agent = agent_dial(&self->a);
	agent_say(w->agent, w->msg, len, self->tcp, 1);
	ASSERT_EQ(recv(self->tcp[1], &c, 1, MSG_PEEK), 1);
}

TEST_F(life, killed)
{
	pid_t pid = fork();
	int status;

	ASSERT_OK(pid);
	if (!pid) {
		struct ktls_conn *conn;
		int err = ktls_agent_connect(&conn, self->tcp[0], NULL,
				KTLS_AGENT_OPTS(.path = self->a.path,
						.credential = "cli",
						.server_name = "localhost"));

		_exit(err == -KTLS_E_AGENT_GONE ? 7 : 1);
	}
	recv(self->tcp[1], (char[1]){ 0 }, 1, MSG_PEEK);
	ASSERT_OK(kill(agent_worker_pid(&self->a), SIGKILL));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WEXITSTATUS(status), 7);
	/* the one that stays says so by its own end */
	ASSERT_EQ(waitpid(self->a.pid, &status, 0), self->a.pid);
	self->a.pid = 0;
	EXPECT_EQ(WEXITSTATUS(status), 1);
	EXPECT_EQ(asks(self, "cli", 0, 0, 0), -ENOENT);
}

/* Without the one that stays, the other one ends, too */
TEST_F(life, orphaned)
{
	pid_t worker = agent_worker_pid(&self->a);
	struct pollfd p;
	int agent = agent_dial(&self->a);

	ASSERT_OK(kill(self->a.pid, SIGKILL));
	ASSERT_EQ(waitpid(self->a.pid, NULL, 0), self->a.pid);
	self->a.pid = 0;
	p = (struct pollfd){ .fd = agent, .events = POLLIN };
	ASSERT_EQ(poll(&p, 1, harness_ms(10000)), 1);
	ASSERT_EQ(recv(agent, &p, 1, 0), 0);
	close(agent);
	for (int i = 0; i < 1000 && !kill(worker, 0); i++)
		poll(NULL, 0, harness_ms(10));
	EXPECT_EQ(kill(worker, 0), -1);
	/* what it has left behind is in nobody's way */
	EXPECT_EQ(asks(self, "cli", 0, 0, 0), -ECONNREFUSED);
	agent_start(&self->a, NULL);
	serves(self, "web");
	agent_stop(&self->a);
}

TEST_F(life, ends_after_what_has_begun)
{
	struct agent_answer *answer = malloc(sizeof(*answer));
	struct waiting w;
	int idle = agent_dial(&self->a);
	char c;

	begin_one(self, &w);
	ASSERT_OK(kill(self->a.pid, SIGTERM));
	ASSERT_EQ(recv(idle, &c, 1, 0), 0);
	ASSERT_EQ(write(self->tcp[1], "no TLS, but an answer", 21), 21);
	EXPECT_EQ(agent_hear(w.agent, answer), KTLS_E_RECORD_TYPE);
	ASSERT_EQ(recv(w.agent, &c, 1, 0), 0);
	close(idle);
	close(w.agent);
	free(answer);
	agent_ends(&self->a);
}

/* ---- other files -------------------------------------------------------- */

TEST_F(life, reads_again)
{
	struct agent_answer *answer = malloc(sizeof(*answer));
	struct waiting w;
	char more[256];

	/* one that has begun is not cut off */
	begin_one(self, &w);
	snprintf(more, sizeof(more), "[fresh]\ncert = %s\nkey = %s/p256.key\n"
		 "roles = server\nusers = *\n", pki("p256"), self->a.dir);
	agent_write_conf(&self->a, more);
	ASSERT_OK(kill(self->a.pid, SIGHUP));
	/* the next come to the next */
	for (int i = 0; i < 1000; i++) {
		if (asks(self, "fresh", 0, 0, 0) == -KTLS_E_AGENT_RULES)
			break;
		poll(NULL, 0, harness_ms(10));
	}
	serves(self, "fresh");
	ASSERT_EQ(write(self->tcp[1], "no TLS, but an answer", 21), 21);
	EXPECT_EQ(agent_hear(w.agent, answer), KTLS_E_RECORD_TYPE);
	close(w.agent);
	free(answer);
	agent_stop(&self->a);
}

/* Is everything as it was, after the file has become this? */
TEST_F(life, keeps_what_it_has)
{
	static const char *const wrong[] = {
		"[web]\nroles = client\n",
		"[x]\nroles = server\nusers = *\n",
		"[x]\nroles = server\nusers = *\ncert = /none\nkey = /none\n",
	};
	pid_t worker = agent_worker_pid(&self->a);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		agent_write_conf(&self->a, wrong[i]);
		ASSERT_OK(kill(self->a.pid, SIGHUP));
		serves(self, "web");
		EXPECT_EQ(kill(worker, 0), 0);
	}
	agent_stop(&self->a);
}

HARNESS_MAIN
