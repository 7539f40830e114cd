// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ktls agent' and sockets that linger, which nobody reads from: whoever
 * closes one last waits for it, and that must not be who serves others
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent_lib.h"
#include "harness.h"
#include "mode_lib.h"

#define MESSAGES	80	/* with more than one user may have closed */
#define STRANGERS	40

FIXTURE(linger) {
	struct agent a;
	pid_t worker;
	int agent, tcp[2], slow[2];
	uint8_t msg[256];
	size_t len;
	struct agent_answer answer;
};
FIXTURE_TIMEOUT(linger, 120);

static void lingering_pair(int tcp[2])
{
	const struct linger long_time = { 1, 3600 };
	const int small = 4096;
	const uint8_t junk[65536] = { 0 };

	tcp_pair(tcp);
	ASSERT_OK(setsockopt(tcp[0], SOL_SOCKET, SO_SNDBUF, &small,
			     sizeof(small)));
	ASSERT_OK(setsockopt(tcp[1], SOL_SOCKET, SO_RCVBUF, &small,
			     sizeof(small)));
	while (send(tcp[0], junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	ASSERT_OK(setsockopt(tcp[0], SOL_SOCKET, SO_LINGER, &long_time,
			     sizeof(long_time)));
}

FIXTURE_SETUP(linger)
{
	static const char *const args[] = {
		"--no-seccomp", "--quiet", "--max-user-clients", "6", NULL
	};

	agent_start(&self->a, args);
	self->worker = agent_worker_pid(&self->a);
	self->agent = agent_dial(&self->a);
	tcp_pair(self->tcp);
	lingering_pair(self->slow);
	self->len = agent_request(self->msg, sizeof(self->msg), KTLS_CLIENT,
				  "cli");
}

FIXTURE_TEARDOWN(linger)
{
	struct pair p;

	close(self->agent);
	close(self->tcp[0]);
	close(self->tcp[1]);
	close(self->slow[1]);
	agent_pair(&self->a, &p, NULL, NULL);
	ping(p.client, p.server);
	pair_close(&p);
	agent_stop(&self->a);
	agent_kill(&self->a);
}

/* It may take a few turns until all that was sent before is dealt with */
static void must_answer(FIXTURE_DATA(linger) *self)
{
	for (int i = 0; i < 20; i++) {
		agent_say(self->agent, self->msg, 1, NULL, 0);
		ASSERT_EQ(agent_hear(self->agent, &self->answer),
			  KTLS_E_AGENT_REQUEST);
	}
}

/* All that there was to close is closed */
static void await_alone(FIXTURE_DATA(linger) *self)
{
	for (int i = 0; i < 1000 && agent_threads(self->worker) > 1; i++)
		poll(NULL, 0, harness_ms(10));
	EXPECT_EQ(agent_threads(self->worker), 1);
}

TEST_F(linger, sent)
{
	int agent = agent_dial(&self->a), slow = self->slow[0];

	/* as one of two, and as the one on which there is to be a handshake */
	agent_say(agent, self->msg, self->len, (int[]){ slow, slow }, 2);
	ASSERT_EQ(agent_hear(agent, &self->answer), KTLS_E_AGENT_SOCKET);
	agent_say(agent, self->msg, self->len, &slow, 1);
	close(slow);
	must_answer(self);
	close(agent);
	must_answer(self);
}

/* Who closes what it was sent through closes it, too */
TEST_F(linger, sent_and_not_read)
{
	int agent = agent_dial(&self->a);
	char c;

	agent_say(agent, self->msg, self->len, self->tcp, 1);
	/* the handshake has begun: nothing more is read until it ends */
	ASSERT_EQ(recv(self->tcp[1], &c, 1, MSG_PEEK), 1);
	agent_say(agent, self->msg, 1, self->slow, 1);
	close(self->slow[0]);
	close(agent);
	must_answer(self);
}

TEST_F(linger, sent_by_one_too_many)
{
	int agent[6];

	for (int i = 0; i < 5; i++)
		agent[i] = agent_dial(&self->a);
	/* it finds all of this at once */
	ASSERT_OK(kill(self->worker, SIGSTOP));
	agent[5] = agent_dial(&self->a);
	agent_say(agent[5], self->msg, 1, self->slow, 1);
	close(self->slow[0]);
	close(agent[5]);
	ASSERT_OK(kill(self->worker, SIGCONT));
	must_answer(self);
	for (int i = 0; i < 5; i++)
		close(agent[i]);
}

/* None of those who come to be turned away keeps a thread for himself */
TEST_F(linger, sent_by_many_too_many)
{
	int agent[5], ends[STRANGERS];

	for (int i = 0; i < 5; i++)
		agent[i] = agent_dial(&self->a);
	ASSERT_OK(kill(self->worker, SIGSTOP));
	for (int i = 0; i < STRANGERS; i++) {
		int stranger = agent_dial(&self->a), tcp[2];

		lingering_pair(tcp);
		agent_say(stranger, self->msg, 1, tcp, 1);
		close(tcp[0]);
		close(stranger);
		ends[i] = tcp[1];
	}
	ASSERT_OK(kill(self->worker, SIGCONT));
	must_answer(self);
	await_alone(self);
	for (int i = 0; i < STRANGERS; i++)
		close(ends[i]);
	for (int i = 0; i < 5; i++)
		close(agent[i]);
}

/* ... as does who closes the socket that listens, when nobody else has it */
TEST_F(linger, sent_to_an_orphan)
{
	int agent;

	ASSERT_OK(kill(self->worker, SIGSTOP));
	/* which it finds out first */
	ASSERT_OK(kill(self->a.pid, SIGKILL));
	ASSERT_EQ(waitpid(self->a.pid, NULL, 0), self->a.pid);
	self->a.pid = 0;
	agent = agent_dial(&self->a);
	agent_say(agent, self->msg, 1, self->slow, 1);
	close(self->slow[0]);
	close(agent);
	ASSERT_OK(kill(self->worker, SIGCONT));
	for (int i = 0; i < 1000 && !kill(self->worker, 0); i++)
		poll(NULL, 0, harness_ms(10));
	EXPECT_EQ(kill(self->worker, 0), -1);
	/* for the teardown */
	kill(self->worker, SIGKILL);
	agent_start(&self->a, NULL);
}

/* What a request without a peer comes to: -ETIMEDOUT if it is served */
static int try_one(FIXTURE_DATA(linger) *self)
{
	struct ktls_conn *conn;

	return ktls_agent_connect(&conn, self->tcp[0], NULL, KTLS_AGENT_OPTS(
			.path = self->a.path, .credential = "cli",
			.server_name = "localhost", .timeout_ms = 1));
}

/* Until that is @err, if it ever is */
static int await(FIXTURE_DATA(linger) *self, int err)
{
	int now = try_one(self);

	for (int i = 0; i < 1000 && now != err; i++) {
		poll(NULL, 0, harness_ms(10));
		now = try_one(self);
	}
	return now;
}

/* How many processes its user may have, which his threads are: as that user */
static int limit_processes(pid_t worker, bool none)
{
	const struct passwd *nobody = getpwnam("nobody");
	struct rlimit lim;

	if (!nobody || (!geteuid() &&
			(setresgid(nobody->pw_gid, nobody->pw_gid,
				   nobody->pw_gid) ||
			 setresuid(nobody->pw_uid, nobody->pw_uid,
				   nobody->pw_uid))) ||
	    prlimit(worker, RLIMIT_NPROC, NULL, &lim))
		return 1;
	lim.rlim_cur = none ? 0 : lim.rlim_max;
	return prlimit(worker, RLIMIT_NPROC, &lim, NULL) ? 2 : 0;
}

static void limit_threads(FIXTURE_DATA(linger) *self, bool none)
{
	pid_t pid = fork();
	int status;

	ASSERT_OK(pid);
	if (!pid)
		_exit(limit_processes(self->worker, none));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
}

/*
 * Without threads who sends ever more of them has to wait until some are
 * closed.  They are as soon as there are threads, who wait for no peer.
 */
TEST_F(linger, ever_more)
{
	int ends[4 * MESSAGES], tcp[4];

	/* else we might be the last who closes one */
	ASSERT_OK(kill(self->worker, SIGSTOP));
	for (int i = 0; i < 4 * MESSAGES; i += 4) {
		for (int j = 0; j < 4; j++) {
			int pair[2];

			lingering_pair(pair);
			tcp[j] = pair[0];
			ends[i + j] = pair[1];
		}
		agent_say(self->agent, self->msg, 1, tcp, 4);
		for (int j = 0; j < 4; j++)
			close(tcp[j]);
	}
	limit_threads(self, true);
	ASSERT_OK(kill(self->worker, SIGCONT));
	EXPECT_EQ(await(self, -KTLS_E_AGENT_BUSY), -KTLS_E_AGENT_BUSY);
	limit_threads(self, false);
	EXPECT_EQ(await(self, -ETIMEDOUT), -ETIMEDOUT);
	/* all are answered */
	for (int i = 0; i < MESSAGES; i++)
		ASSERT_EQ(agent_hear(self->agent, &self->answer),
			  KTLS_E_AGENT_REQUEST);
	await_alone(self);
	for (int i = 0; i < 4 * MESSAGES; i++)
		close(ends[i]);
}

HARNESS_MAIN
