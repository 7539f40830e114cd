// SPDX-License-Identifier: GPL-2.0-only
/*
 * 'ktls agent' and those who mean no good: what they send, and what they take.
 * It answers each, serves the next, and keeps no descriptor of theirs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent_lib.h"
#include "harness.h"
#include "mode_lib.h"

FIXTURE(abuse) {
	struct agent a;
	pid_t worker;
	size_t fds;
	int agent, tcp[2];
	uint8_t msg[4096];
	size_t len;
	struct agent_answer answer;
};
FIXTURE_TIMEOUT(abuse, 120);

/* What @len bytes of the message, with @n of @fds, are answered with */
static int ask(FIXTURE_DATA(abuse) *self, size_t len, const int *fds, size_t n)
{
	agent_say(self->agent, self->msg, len, fds, n);
	return agent_hear(self->agent, &self->answer);
}

FIXTURE_SETUP(abuse)
{
	/* so that what looks for leaks may look */
	static const char *const args[] = {
		"--no-seccomp", "--quiet", "--max-user-handshakes", "2",
		"--max-user-clients", "6", NULL
	};

	agent_start(&self->a, args);
	self->worker = agent_worker_pid(&self->a);
	self->agent = agent_dial(&self->a);
	/* its answer says that it has begun, and we are one of them */
	ASSERT_EQ(ask(self, 1, NULL, 0), KTLS_E_AGENT_REQUEST);
	self->fds = agent_fds(self->worker) - !geteuid();
	tcp_pair(self->tcp);
	self->len = agent_request(self->msg, sizeof(self->msg), KTLS_CLIENT,
				  "cli");
}

/* All that came is gone, and it serves as if nothing had been */
FIXTURE_TEARDOWN(abuse)
{
	struct pair p;

	close(self->agent);
	close(self->tcp[0]);
	close(self->tcp[1]);
	agent_pair(&self->a, &p, NULL, NULL);
	ping(p.client, p.server);
	pair_close(&p);
	for (int i = 0; i < 500 && agent_fds(self->worker) != self->fds; i++)
		poll(NULL, 0, harness_ms(10));
	EXPECT_EQ(agent_fds(self->worker), self->fds);
	agent_stop(&self->a);
	agent_kill(&self->a);
}

static int ask_tcp(FIXTURE_DATA(abuse) *self, size_t len)
{
	return ask(self, len, &self->tcp[0], 1);
}

/* ---- messages ----------------------------------------------------------- */

TEST_F(abuse, cut_anywhere)
{
	/* where it is whole after all, it is one without a name or a role */
	for (size_t len = 1; len < self->len - 17; len++)
		ASSERT_EQ(ask_tcp(self, len), KTLS_E_AGENT_REQUEST)
			TH_LOG("%zu bytes", len);
}

TEST_F(abuse, longer_than_any)
{
	memset(self->msg + self->len, 0, sizeof(self->msg) - self->len);
	ASSERT_EQ(ask_tcp(self, KTLS_AGENT_ASK_MAX + 1), KTLS_E_AGENT_REQUEST);
	ASSERT_EQ(ask_tcp(self, sizeof(self->msg)), KTLS_E_AGENT_REQUEST);
}

TEST_F(abuse, another_head)
{
	for (size_t i = 0; i < KTLS_AGENT_HEAD; i++) {
		self->msg[i] ^= 1;
		ASSERT_EQ(ask_tcp(self, self->len), KTLS_E_AGENT_REQUEST);
		self->msg[i] ^= 1;
	}
}

/* Fields that are too short, too long, out of range, unknown, or there twice */
TEST_F(abuse, bad_fields)
{
	static const struct {
		uint32_t field;
		size_t len;
		const char *value;
	} rows[] = {
		{ 0, 0, "" }, { 11, 1, "\0" }, { 31, 1, "\0" },
		{ 32, 4, "\0\0\0\0" }, { 33, 0, "" }, { 0x80000001, 1, "\1" },
		{ UINT32_MAX, 1, "\1" },
		{ KTLS_AGENT_ROLE, 1, "\1" },
		{ KTLS_AGENT_CREDENTIAL, 3, "cli" },
		{ KTLS_AGENT_SERVER_NAME, 9, "localhost" },
		{ KTLS_AGENT_ALPN, 2, "h\0" }, { KTLS_AGENT_ALPN, 256, NULL },
		{ KTLS_AGENT_TIMEOUT, 4, "\0\0\0\0" },
		{ KTLS_AGENT_TIMEOUT, 4, "\x80\0\0\0" },
		{ KTLS_AGENT_TIMEOUT, 3, "\0\0\1" },
		{ KTLS_AGENT_TIMEOUT, 5, "\0\0\0\0\1" },
		{ KTLS_AGENT_VERIFY, 1, "\4" }, { KTLS_AGENT_VERIFY, 0, "" },
		{ KTLS_AGENT_MIN_VERSION, 2, "\3\2" },
		{ KTLS_AGENT_MIN_VERSION, 1, "\3" },
		{ KTLS_AGENT_MAX_VERSION, 2, "\3\5" },
		{ KTLS_AGENT_TX, 1, "\3" }, { KTLS_AGENT_RX, 2, "\0\0" },
	};
	char big[256];

	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const void *v = rows[i].value ? rows[i].value : big;
		size_t len = agent_field(self->msg, self->len, rows[i].field,
					 v, rows[i].len);

		ASSERT_EQ(ask_tcp(self, len), KTLS_E_AGENT_REQUEST)
			TH_LOG("row %zu", i);
	}
}

TEST_F(abuse, roles_and_names)
{
	size_t len = agent_request(self->msg, sizeof(self->msg),
				   (enum ktls_role)3, "cli");
	char name[66];

	ASSERT_EQ(ask_tcp(self, len), KTLS_E_AGENT_REQUEST);
	memset(name, 'n', sizeof(name));
	name[65] = '\0';
	len = agent_request(self->msg, sizeof(self->msg), KTLS_SERVER, name);
	ASSERT_EQ(ask_tcp(self, len), KTLS_E_AGENT_REQUEST);
	name[64] = '\0';
	len = agent_request(self->msg, sizeof(self->msg), KTLS_SERVER, name);
	ASSERT_EQ(ask_tcp(self, len), KTLS_E_AGENT_CREDENTIAL);
	len = agent_request(self->msg, sizeof(self->msg), KTLS_SERVER, "");
	ASSERT_EQ(ask_tcp(self, len), KTLS_E_AGENT_REQUEST);
	/* what is there for somebody else is as if it were not there */
	len = agent_request(self->msg, sizeof(self->msg), KTLS_CLIENT,
			    "other");
	ASSERT_EQ(ask_tcp(self, len), KTLS_E_AGENT_CREDENTIAL);
	len = agent_request(self->msg, sizeof(self->msg), KTLS_SERVER, "cli");
	ASSERT_EQ(ask_tcp(self, len), KTLS_E_AGENT_RULES);
}

/* A name that no client may ask for is the library's to refuse */
TEST_F(abuse, no_server_name)
{
	size_t len = agent_request(self->msg, sizeof(self->msg), KTLS_CLIENT,
				   "cli") - 17;

	ASSERT_EQ(ask_tcp(self, len), EINVAL);
	len = agent_field(self->msg, len, KTLS_AGENT_SERVER_NAME, "a b", 3);
	ASSERT_EQ(ask_tcp(self, len), EINVAL);
}

/* Thousands, none of which makes sense to more than a half */
TEST_F(abuse, at_random)
{
	struct rnd r = { .state = 20261130 };
	uint8_t good[256];
	size_t len = agent_request(good, sizeof(good), KTLS_CLIENT, "other");
	size_t n = 20000, refused = 0;

	len = agent_field(good, len, KTLS_AGENT_TIMEOUT, "\0\0\0\1", 4);
	for (size_t i = 0; i < n; i++) {
		size_t changes = rnd_below(&r, 4), l = len;
		int err;

		memcpy(self->msg, good, len);
		for (size_t j = 0; j < changes; j++)
			self->msg[rnd_below(&r, len)] = (uint8_t)rnd_next(&r);
		if (!rnd_below(&r, 3))
			l = 1 + rnd_below(&r, len + 64);
		err = ask(self, l, self->tcp, rnd_below(&r, 3));
		ASSERT_TRUE(err == KTLS_E_AGENT_REQUEST ||
			    err == KTLS_E_AGENT_SOCKET ||
			    err == KTLS_E_AGENT_CREDENTIAL)
			TH_LOG("%d of message %zu", err, i);
		refused += err == KTLS_E_AGENT_REQUEST;
	}
	/* there were both kinds */
	ASSERT_GT(refused, n / 4);
	ASSERT_LT(refused, n);
}

/* ---- descriptors -------------------------------------------------------- */

TEST_F(abuse, other_than_one)
{
	int many[5] = { self->tcp[0], self->tcp[1], self->tcp[0],
			self->tcp[1], self->tcp[0] };

	ASSERT_EQ(ask(self, self->len, NULL, 0), KTLS_E_AGENT_SOCKET);
	/* as many as it has room for, and one that the kernel takes back */
	for (size_t n = 2; n <= 5; n++)
		ASSERT_EQ(ask(self, self->len, many, n), KTLS_E_AGENT_SOCKET);
	/* in a message that makes no sense, too */
	ASSERT_EQ(ask(self, 5, many, 4), KTLS_E_AGENT_REQUEST);
}

TEST_F(abuse, without_a_message)
{
	struct pollfd p = { .fd = self->agent, .events = POLLIN };
	char c;

	/* an empty one cannot be told from the end */
	agent_say(self->agent, "", 0, self->tcp, 2);
	ASSERT_EQ(poll(&p, 1, harness_ms(10000)), 1);
	ASSERT_EQ(recv(self->agent, &c, 1, 0), 0);
}

TEST_F(abuse, not_a_connected_tcp_socket)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fds[8], pipe_fd[2], n = 0;

	ASSERT_OK(pipe2(pipe_fd, O_CLOEXEC));
	fds[n++] = pipe_fd[0];
	fds[n++] = pipe_fd[1];
	fds[n++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[n++] = open("/tmp", O_PATH | O_CLOEXEC);
	fds[n++] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[n++] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fds[n++] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[n++] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_OK(bind(fds[n - 1], (struct sockaddr *)&any, sizeof(any)));
	ASSERT_OK(listen(fds[n - 1], 1));
	for (int i = 0; i < n; i++) {
		ASSERT_OK(fds[i]);
		ASSERT_EQ(ask(self, self->len, &fds[i], 1),
			  KTLS_E_AGENT_SOCKET) TH_LOG("descriptor %d", i);
		close(fds[i]);
	}
}

/* Itself: a connection to the agent, in the agent's own hands */
TEST_F(abuse, itself)
{
	ASSERT_EQ(ask(self, self->len, &self->agent, 1), KTLS_E_AGENT_SOCKET);
}

/* It comes to a handshake, and whoever asked has not waited for it */
TEST_F(abuse, gone_before_the_answer)
{
	for (int i = 0; i < 200; i++) {
		int agent = agent_dial(&self->a);

		agent_say(agent, self->msg, self->len, self->tcp, 1);
		close(agent);
		/* one at a time, as there are not many places */
		ASSERT_EQ(ask(self, 1, NULL, 0), KTLS_E_AGENT_REQUEST);
	}
}

/* The peer talks nonsense, or nothing, or goes */
TEST_F(abuse, peers)
{
	size_t n;
	const uint8_t *alert;

	ASSERT_EQ(write(self->tcp[1], "HTTP/1.0 400 Bad\r\n\r\n", 20), 20);
	ASSERT_EQ(ask_tcp(self, self->len), KTLS_E_RECORD_TYPE);
	alert = agent_find(&self->answer, KTLS_AGENT_ALERT_SENT, &n);
	ASSERT_TRUE(alert && n == 1);
	ASSERT_EQ(*alert, KTLS_ALERT_UNEXPECTED_MESSAGE);
	ASSERT_TRUE(agent_find(&self->answer, KTLS_AGENT_ERROR_TEXT, &n));
	ASSERT_FALSE(agent_find(&self->answer, KTLS_AGENT_STATE, &n));
	close(self->tcp[0]);
	close(self->tcp[1]);
	tcp_pair(self->tcp);
	ASSERT_OK(shutdown(self->tcp[1], SHUT_WR));
	ASSERT_EQ(ask_tcp(self, self->len), KTLS_E_TRUNCATED);
	close(self->tcp[0]);
	close(self->tcp[1]);
	tcp_pair(self->tcp);
	n = agent_field(self->msg, self->len, KTLS_AGENT_TIMEOUT, "\0\0\0\62",
			4);
	ASSERT_EQ(ask_tcp(self, n), ETIMEDOUT);
}

/* ... such that nobody can be told why: no alert is claimed to be sent */
TEST_F(abuse, reset_by_peer)
{
	const struct linger reset = { .l_onoff = 1 };
	size_t n;

	agent_say(self->agent, self->msg, self->len, self->tcp, 1);
	/* when the hello is here, the agent waits for an answer */
	ASSERT_EQ(recv(self->tcp[1], &n, 1, 0), 1);
	ASSERT_OK(setsockopt(self->tcp[1], SOL_SOCKET, SO_LINGER, &reset,
			     sizeof(reset)));
	close(self->tcp[1]);
	ASSERT_EQ(agent_hear(self->agent, &self->answer), ECONNRESET);
	ASSERT_FALSE(agent_find(&self->answer, KTLS_AGENT_ALERT_SENT, &n));
	close(self->tcp[0]);
	tcp_pair(self->tcp);
}

/* ---- places ------------------------------------------------------------- */

/* One user's handshakes that hang are no more than he may have */
TEST_F(abuse, handshakes_at_once)
{
	int agent[2];

	for (int i = 0; i < 2; i++) {
		agent[i] = agent_dial(&self->a);
		agent_say(agent[i], self->msg, self->len, self->tcp, 1);
	}
	/* both have begun: their hellos are here */
	for (size_t got = 0; got < 2; ) {
		uint8_t head[5], body[16384];

		ASSERT_EQ(recv(self->tcp[1], head, 5, MSG_WAITALL), 5);
		ASSERT_EQ(head[0], 22);
		ASSERT_EQ(recv(self->tcp[1], body,
			       (size_t)(head[3] << 8 | head[4]), MSG_WAITALL),
			  head[3] << 8 | head[4]);
		got++;
	}
	ASSERT_EQ(ask_tcp(self, self->len), KTLS_E_AGENT_BUSY);
	/* who leaves makes room */
	close(agent[0]);
	close(agent[1]);
}

static int ask_alpn(FIXTURE_DATA(abuse) *self, int n)
{
	char alpn[16];

	snprintf(alpn, sizeof(alpn), "p%d", n);
	return ask_tcp(self, agent_field(self->msg, self->len, KTLS_AGENT_ALPN,
					 alpn, strlen(alpn)));
}

/* What has to be made anew for each takes longer than a handshake */
TEST_F(abuse, always_something_else)
{
	int err = ETIMEDOUT, n = 0;

	self->len = agent_field(self->msg, self->len, KTLS_AGENT_TIMEOUT,
				"\0\0\0\1", 4);
	while (err == ETIMEDOUT && n < 200)
		err = ask_alpn(self, n++);
	ASSERT_EQ(err, KTLS_E_AGENT_BUSY);
	ASSERT_GT(n, 8);
	/* the one before is there */
	for (int i = 0; i < 20; i++)
		ASSERT_EQ(ask_alpn(self, n - 2), ETIMEDOUT);
	/* and in the next second there may be another */
	for (int i = 0; i < 500 && err == KTLS_E_AGENT_BUSY; i++) {
		poll(NULL, 0, 10);
		err = ask_alpn(self, n);
	}
	ASSERT_EQ(err, ETIMEDOUT);
}

TEST_F(abuse, connections_at_once)
{
	struct ktls_conn *conn;
	int agent[6], more;

	for (int i = 0; i < 5; i++)
		agent[i] = agent_dial(&self->a);
	more = agent_dial(&self->a);
	ASSERT_EQ(agent_hear(more, &self->answer), KTLS_E_AGENT_BUSY);
	ASSERT_EQ(recv(more, self->msg, 1, 0), 0);
	close(more);
	/* who has asked by then is told as well, before that nobody read it */
	ASSERT_EQ(ktls_agent_connect(&conn, self->tcp[0], NULL,
			KTLS_AGENT_OPTS(.path = self->a.path,
					.credential = "cli",
					.server_name = "localhost")),
		  -KTLS_E_AGENT_BUSY);
	/* the others have theirs */
	ASSERT_EQ(ask(self, 1, NULL, 0), KTLS_E_AGENT_REQUEST);
	for (int i = 0; i < 5; i++)
		close(agent[i]);
}

/* ---- many --------------------------------------------------------------- */

TEST_F(abuse, a_thousand_handshakes)
{
	size_t before = 0, after;

	for (int i = 0; i < 500; i++) {
		struct pair p;

		agent_pair(&self->a, &p, NULL, NULL);
		if (!(i % 100))
			ping(p.client, p.server);
		pair_close(&p);
		if (i == 99)
			before = agent_memory(self->worker);
	}
	after = agent_memory(self->worker);
	TH_LOG("%zu KiB after 200 handshakes, %zu after 1000", before, after);
#if defined(__SANITIZE_ADDRESS__)
	/* which keeps what is freed, up to 256 MiB: leaks are counted at the
	   end instead */
#else
	EXPECT_LT(after, before + 1024);
#endif
}

/* Connections come and go, without a word */
TEST_F(abuse, a_thousand_connections)
{
	for (int i = 0; i < 1000; i++) {
		int agent = agent_dial(&self->a);

		close(agent);
		if (!(i % 4))
			ASSERT_EQ(ask(self, 1, NULL, 0), KTLS_E_AGENT_REQUEST);
	}
}

HARNESS_MAIN
