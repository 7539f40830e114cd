// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection that moves to another process, which goes on with it: rekeys
 * it, and closes it in good order
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "move_lib.h"

/* ---- the other process ------------------------------------------------- */

#define MUST(x)	do { if (!(x)) return __LINE__ % 200 + 10; } while (0)

/* Both ends are carried alike: can they change keys? */
static bool rekeys(struct ktls_conn *conn)
{
	struct ktls_caps caps;
	struct ktls_info info;

	ktls_conn_info(conn, &info);
	return info.version == KTLS_TLS13 && (!ktls_conn_kernel(conn) ||
		(!ktls_probe(&caps) && !caps.rekey_rx_error));
}

/*
 * Echoes, with a new key for each echo, until the peer has closed.  Its status
 * is the line in which something went wrong.
 */
static int serve(struct ktls_conn *conn)
{
	bool rekey = rekeys(conn);
	uint8_t buf[5000];
	ssize_t n;

	while ((n = ktls_recv(conn, buf, sizeof(buf), 0)) > 0) {
		MUST(!rekey || !ktls_conn_rekey(conn, KTLS_REKEY_BOTH));
		for (ssize_t at = 0; at < n; ) {
			ssize_t m = ktls_send(conn, buf + at, (size_t)(n - at),
					      0);

			MUST(m > 0);
			at += m;
		}
	}
	MUST(!n);
	MUST(!ktls_conn_shutdown(conn));
	return 0;
}

/* It knows the Unix socket, and nothing else */
static int worker(int unix_fd)
{
	struct ktls_config *config;
	struct ktls_conn *conn;
	int fd, status;

	MUST(!ktls_config_new(&config, KTLS_OPTS(.role = KTLS_SERVER,
			.flags = KTLS_F_ESTABLISHED)));
	MUST(!ktls_conn_receive(&conn, config, unix_fd, &fd));
	MUST(ktls_conn_fd(conn) == fd);
	MUST(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(unix_fd);
	status = serve(conn);
	ktls_conn_free(conn);
	ktls_config_put(config);
	close(fd);
	return status;
}

static pid_t start(int unix_fd, bool exec)
{
	pid_t pid = fork();
	char nr[16];

	ASSERT_OK(pid);
	if (pid)
		return pid;
	for (int fd = 3; fd < 100; fd++)
		if (fd != unix_fd)
			close(fd);
	if (!exec)
		_exit(worker(unix_fd));
	fcntl(unix_fd, F_SETFD, 0);
	snprintf(nr, sizeof(nr), "%d", unix_fd);
	execl("/proc/self/exe", "conn_pass", "worker", nr, NULL);
	_exit(127);
}

static void want_exit(pid_t pid)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_EQ(WEXITSTATUS(status), 0);
}

/* ---- passed ------------------------------------------------------------ */

FIXTURE(pass) {
	struct pair p;
};
MODES(pass, moved_paths);

FIXTURE_SETUP(pass)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(pass)
{
	pair_close(&self->p);
}

static void to_process(struct pair *p, const struct mode *m, int type,
		       bool exec)
{
	bool rekeys = mode_rekeys_tx(m) && mode_rekeys_rx(m);
	int fd[2];
	pid_t pid;
	char c;

	ASSERT_OK(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd));
	pid = start(fd[1], exec);
	ping(p->client, p->server);
	if (rekeys)
		ASSERT_OK(ktls_conn_rekey(p->server, KTLS_REKEY_BOTH));
	/* some of it is read there, some here */
	send_stream(p->client, 1, 0, 6000);
	recv_stream(p->server, 1, 0, 1000);
	ASSERT_OK(ktls_conn_pass(p->server, fd[0]));
	ASSERT_EQ(ktls_send(p->server, "x", 1, 0), -KTLS_E_STATE);
	close(p->fd[1]);
	close(fd[0]);
	close(fd[1]);
	recv_stream(p->client, 1, 1000, 5000);
	for (uint64_t i = 0; i < 10; i++) {
		if (rekeys)
			ASSERT_OK(ktls_conn_rekey(p->client,
						  i % 2 ? KTLS_REKEY_BOTH :
						  0));
		send_stream(p->client, 1, i * 20000, 20000);
		recv_stream(p->client, 1, i * 20000, 20000);
	}
	ASSERT_OK(ktls_conn_shutdown(p->client));
	ASSERT_EQ(ktls_recv(p->client, &c, 1, 0), 0);
	want_exit(pid);
	/* pair_close() closes it again */
	p->fd[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

TEST_F(pass, to_a_child)
{
	to_process(&self->p, &variant->mode, SOCK_SEQPACKET, false);
}

TEST_F(pass, to_a_program)
{
	to_process(&self->p, &variant->mode, SOCK_STREAM, true);
}

TEST_F(pass, in_a_datagram)
{
	to_process(&self->p, &variant->mode, SOCK_DGRAM, false);
}

/* ---- on the Unix socket ------------------------------------------------ */

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD	76
#endif

FIXTURE(unix_socket) {
	struct pair p;
	struct ktls_conn *conn;
	int fd[2], got;
};

FIXTURE_VARIANT(unix_socket) {
	int type;
};

FIXTURE_VARIANT_ADD(unix_socket, stream) { .type = SOCK_STREAM };
FIXTURE_VARIANT_ADD(unix_socket, seqpacket) { .type = SOCK_SEQPACKET };
FIXTURE_VARIANT_ADD(unix_socket, dgram) { .type = SOCK_DGRAM };

FIXTURE_SETUP(unix_socket)
{
	static const struct mode m = {
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER,
	};
	struct mode mode = m;

	mode.suite = suite_find(0x1301);
	mode_pair(&self->p, &mode, NULL);
	ASSERT_OK(socketpair(AF_UNIX, variant->type | SOCK_NONBLOCK |
			     SOCK_CLOEXEC, 0, self->fd));
}

FIXTURE_TEARDOWN(unix_socket)
{
	pair_close(&self->p);
	close(self->fd[0]);
	close(self->fd[1]);
}

/* In this process, on another descriptor of the same socket */
static void receives(FIXTURE_DATA(unix_socket) *self, int err)
{
	self->conn = (struct ktls_conn *)self;
	self->got = 12345;
	ASSERT_EQ(ktls_conn_receive(&self->conn, established(KTLS_SERVER),
				    self->fd[1], &self->got), err);
	ASSERT_EQ(!self->conn, !!err);
	if (err)
		ASSERT_EQ(self->got, -1);
}

static void takes_over(FIXTURE_DATA(unix_socket) *self)
{
	struct pair *p = &self->p;

	receives(self, 0);
	ktls_conn_free(p->server);
	close(p->fd[1]);
	p->server = self->conn;
	p->fd[1] = self->got;
	ping(p->client, p->server);
}

/* Bytes as they come, and descriptors with the first of them */
static void say(int to, const void *buf, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} r = { .head = {
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(n * sizeof(int)),
	} };
	struct iovec iov = { (void *)buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = n ? &r : NULL,
			      .msg_controllen = n ? CMSG_SPACE(n *
							sizeof(int)) : 0 };

	if (n)
		memcpy(CMSG_DATA(&r.head), fds, n * sizeof(int));
	ASSERT_EQ(sendmsg(to, &msg, MSG_NOSIGNAL), len);
}

static size_t descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST_F(unix_socket, nothing_yet)
{
	receives(self, -EAGAIN);
	ASSERT_OK(ktls_conn_pass(self->p.server, self->fd[0]));
	takes_over(self);
	receives(self, -EAGAIN);
	/* and back, as often as one likes */
	for (int i = 0; i < 5; i++) {
		ASSERT_OK(ktls_conn_pass(self->p.server, self->fd[0]));
		takes_over(self);
	}
}

/* One who asks the kernel who sends is told that, too */
TEST_F(unix_socket, with_credentials)
{
	size_t n = descriptors();
	const int on = 1;

	ASSERT_OK(setsockopt(self->fd[1], SOL_SOCKET, SO_PASSCRED, &on,
			     sizeof(on)));
	/* which is a descriptor; not before Linux 6.5 */
	(void)setsockopt(self->fd[1], SOL_SOCKET, SO_PASSPIDFD, &on,
			 sizeof(on));
	ASSERT_OK(ktls_conn_pass(self->p.server, self->fd[0]));
	takes_over(self);
	EXPECT_EQ(descriptors(), n);
}

TEST_F(unix_socket, other_end_is_gone)
{
	close(self->fd[1]);
	ASSERT_LT(ktls_conn_pass(self->p.server, self->fd[0]), 0);
	/* still ours */
	ping(self->p.client, self->p.server);
	self->fd[1] = self->fd[0];
	if (variant->type != SOCK_DGRAM)
		receives(self, -ENOTCONN);
	self->fd[0] = open("/dev/null", O_RDONLY);
}

/* No room: nothing has happened, and later there is some */
TEST_F(unix_socket, full)
{
	char junk[1024] = "";
	int n = 0;

	while (send(self->fd[0], junk, sizeof(junk), 0) > 0)
		n++;
	while (send(self->fd[0], junk, 1, 0) > 0)
		;
	ASSERT_EQ(ktls_conn_pass(self->p.server, self->fd[0]), -EAGAIN);
	ping(self->p.client, self->p.server);
	while (recv(self->fd[1], junk, sizeof(junk), 0) > 0)
		;
	ASSERT_OK(ktls_conn_pass(self->p.server, self->fd[0]));
	takes_over(self);
	ASSERT_GT(n, 1);
}

TEST_F(unix_socket, no_unix_socket)
{
	int fd[2];

	tcp_pair(fd);
	ASSERT_LT(ktls_conn_pass(self->p.server, -1), 0);
	close(fd[0]);
	close(fd[1]);
	ping(self->p.client, self->p.server);
}

TEST_F(unix_socket, garbage)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "k", 1 }, { "kTLS", 4 }, { "kTLS\0\0\0", 7 },
		{ "kTLS\0\0\0\0", 8 }, { "XTLS\0\0\0\1x", 9 },
		{ "kTLS\0\0\0\1x", 9 }, { "kTLS\377\377\377\377", 8 },
	};
	size_t n = descriptors();

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd[2];

		for (size_t fds = 0; fds <= 16; fds += 1 + fds / 2 * 5) {
			int many[16];

			for (size_t j = 0; j < 16; j++)
				many[j] = self->p.fd[0];
			ASSERT_OK(socketpair(AF_UNIX, variant->type, 0, fd));
			say(fd[0], rows[i].bytes, rows[i].len, many, fds);
			close(fd[0]);
			close(self->fd[1]);
			self->fd[1] = fd[1];
			receives(self, -KTLS_E_CONN_SAVED);
		}
		ASSERT_EQ(descriptors(), n);
	}
}

/* Somebody else's message is not in the way of the next one */
TEST_F(unix_socket, behind_garbage)
{
	size_t n = descriptors();

	if (variant->type == SOCK_STREAM)
		return;
	say(self->fd[0], "XTLS\0\0\0\1x", 9, self->p.fd, 2);
	say(self->fd[0], "", 0, NULL, 0);
	say(self->fd[0], "kTLS\377\377\377\377", 8, NULL, 0);
	ASSERT_OK(ktls_conn_pass(self->p.server, self->fd[0]));
	receives(self, -KTLS_E_CONN_SAVED);
	/* of those that have an end, it could be that */
	receives(self, variant->type == SOCK_DGRAM ? -KTLS_E_CONN_SAVED :
						     -ENOTCONN);
	receives(self, -KTLS_E_CONN_SAVED);
	EXPECT_EQ(descriptors(), n);
	takes_over(self);
}

/* A connection, cut, or with other descriptors than the one */
TEST_F(unix_socket, incomplete)
{
	struct saved s;
	uint8_t msg[4096];
	size_t len, n;
	int fds[2] = { self->p.fd[1], self->p.fd[0] };

	save(&s, self->p.server, 0);
	len = 8 + s.len;
	memcpy(msg, "kTLS", 4);
	msg[4] = msg[5] = 0;
	msg[6] = (uint8_t)(s.len >> 8);
	msg[7] = (uint8_t)s.len;
	ASSERT_LE(len, sizeof(msg));
	memcpy(msg + 8, s.b, s.len);
	n = descriptors();
	for (size_t i = 1; i < len; i += 1 + i / 20) {
		int fd[2];

		ASSERT_OK(socketpair(AF_UNIX, variant->type, 0, fd));
		say(fd[0], msg, i, fds, 1);
		close(fd[0]);
		close(self->fd[1]);
		self->fd[1] = fd[1];
		receives(self, -KTLS_E_CONN_SAVED);
	}
	ASSERT_EQ(descriptors(), n);
	close(self->fd[0]);
	close(self->fd[1]);
	ASSERT_OK(socketpair(AF_UNIX, variant->type, 0, self->fd));
	say(self->fd[0], msg, len, NULL, 0);
	receives(self, -KTLS_E_CONN_SAVED);
	/* the first is the one; the other is not left open */
	say(self->fd[0], msg, len, fds, 2);
	takes_over(self);
	ASSERT_EQ(descriptors(), n);
}

/* A stream in small pieces, from somebody slow */
TEST_F(unix_socket, slow)
{
	uint8_t msg[4096];
	struct saved s;
	size_t len;
	pid_t pid;

	if (variant->type != SOCK_STREAM)
		return;
	save(&s, self->p.server, 0);
	len = 8 + s.len;
	memcpy(msg, "kTLS\0\0", 6);
	msg[6] = (uint8_t)(s.len >> 8);
	msg[7] = (uint8_t)s.len;
	memcpy(msg + 8, s.b, s.len);
	say(self->fd[0], msg, 20, &self->p.fd[1], 1);
	ASSERT_OK(pid = fork());
	if (!pid) {
		for (size_t i = 20; i < len; i += 50) {
			usleep(2000);
			say(self->fd[0], msg + i, len - i < 50 ? len - i : 50,
			    NULL, 0);
		}
		_exit(0);
	}
	takes_over(self);
	want_exit(pid);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "worker"))
		return worker(atoi(argv[2]));
	return harness_main(argc, argv);
}
