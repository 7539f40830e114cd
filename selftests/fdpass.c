// SPDX-License-Identifier: GPL-2.0-only
/*
 * After the hand-off the socket is the connection: processes that know nothing
 * of TLS get it, by inheritance or over a Unix socket, and move plaintext.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mode_lib.h"

FIXTURE(pass) {
	struct pair p;
};
MODES(pass, mode_kernel);

FIXTURE_SETUP(pass)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(pass)
{
	pair_close(&self->p);
}

/* A program with these as its standard input and output */
static pid_t start(int in, int out, char *const argv[])
{
	pid_t pid = fork();

	ASSERT_OK(pid);
	if (pid)
		return pid;
	/* without O_CLOEXEC, which all other descriptors have */
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(126);
	execvp(argv[0], argv);
	_exit(127);
}

static void want_exit(pid_t pid, int code)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_EQ(WEXITSTATUS(status), code);
}

/* The connection is ours again, where the other process has left it */
static void goes_on(struct pair *p)
{
	ping(p->client, p->server);
	ping(p->server, p->client);
	close_both(p->client, p->server);
}

TEST_F(pass, cat_echoes)
{
	struct pair *p = &self->p;
	pid_t pid = start(p->fd[1], p->fd[1], (char *[]){ "cat", NULL });
	char c;

	for (uint64_t i = 0; i < 20; i++) {
		send_stream(p->client, 1, i * 20000, 20000);
		recv_stream(p->client, 1, i * 20000, 20000);
	}
	ASSERT_OK(ktls_conn_shutdown(p->client));
	/* it takes our close_notify for an error; we know better */
	want_exit(pid, 1);
	ASSERT_EQ(ktls_conn_control(p->server), 0);
	EXPECT_EQ(ktls_conn_alert(p->server), KTLS_ALERT_CLOSE_NOTIFY);
	ASSERT_EQ(ktls_send(p->server, "!", 1, 0), 1);
	ASSERT_OK(ktls_conn_shutdown(p->server));
	ASSERT_EQ(ktls_recv(p->client, &c, 1, 0), 1);
	ASSERT_EQ(ktls_recv(p->client, &c, 1, 0), 0);
}

/* Reads so much and ends: what follows is ours */
TEST_F(pass, head_reads)
{
	struct pair *p = &self->p;
	int fd = memfd_create("out", MFD_CLOEXEC);
	uint8_t buf[50000];
	pid_t pid;

	ASSERT_OK(fd);
	pid = start(p->fd[1], fd, (char *[]){ "head", "-c", "50000", NULL });
	send_stream(p->client, 1, 0, 50000);
	want_exit(pid, 0);
	ASSERT_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	stream_check(1, 0, buf, sizeof(buf));
	close(fd);
	goes_on(p);
}

TEST_F(pass, cat_writes_a_file)
{
	struct pair *p = &self->p;
	int fd = memfd_create("in", MFD_CLOEXEC);
	uint8_t buf[60000];
	pid_t pid;

	ASSERT_OK(fd);
	stream_fill(1, 0, buf, sizeof(buf));
	ASSERT_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
	ASSERT_EQ(lseek(fd, 0, SEEK_SET), 0);
	ASSERT_EQ(ktls_send(p->server, "head", 4, MSG_MORE), 4);
	pid = start(fd, p->fd[1], (char *[]){ "cat", NULL });
	want_exit(pid, 0);
	ASSERT_EQ(ktls_recv(p->client, buf, 4, 0), 4);
	ASSERT_MEMEQ(buf, "head", 4);
	recv_stream(p->client, 1, 0, sizeof(buf));
	close(fd);
	goes_on(p);
}

/* ---- over a Unix socket ------------------------------------------------ */

union rights {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

static void give(int to, int fd)
{
	union rights r = { .head = {
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)),
	} };
	struct iovec iov = { "f", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &r, .msg_controllen = sizeof(r) };

	memcpy(CMSG_DATA(&r.head), &fd, sizeof(fd));
	ASSERT_EQ(sendmsg(to, &msg, 0), 1);
}

static int take(int from)
{
	union rights r;
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &r, .msg_controllen = sizeof(r) };
	int fd;

	if (recvmsg(from, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		_exit(3);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* Turns over every bit of @len bytes; it has the descriptor, and no more */
static void invert(int from, size_t len)
{
	int fd = take(from);
	uint8_t buf[4000];

	while (len) {
		ssize_t n = read(fd, buf, len < sizeof(buf) ? len :
				 sizeof(buf));

		if (n <= 0)
			_exit(4);
		for (ssize_t i = 0; i < n; i++)
			buf[i] = (uint8_t)~buf[i];
		if (write(fd, buf, (size_t)n) != n)
			_exit(5);
		len -= (size_t)n;
	}
	_exit(0);
}

TEST_F(pass, over_a_unix_socket)
{
	struct pair *p = &self->p;
	uint8_t want[30000], got[30000];
	int fd[2];
	pid_t pid;

	/* somebody who is there before the connection is */
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	ASSERT_OK(pid = fork());
	if (!pid) {
		close(p->fd[0]);
		close(p->fd[1]);
		invert(fd[1], sizeof(want));
	}
	ping(p->client, p->server);
	give(fd[0], p->fd[1]);
	send_stream(p->client, 1, 0, sizeof(want));
	stream_fill(1, 0, want, sizeof(want));
	for (size_t at = 0; at < sizeof(got); ) {
		ssize_t n = ktls_recv(p->client, got + at, sizeof(got) - at, 0);

		ASSERT_GT(n, 0);
		at += (size_t)n;
	}
	for (size_t i = 0; i < sizeof(got); i++)
		want[i] = (uint8_t)~want[i];
	ASSERT_MEMEQ(got, want, sizeof(got));
	want_exit(pid, 0);
	close(fd[0]);
	close(fd[1]);
	goes_on(p);
}

/* A new key in the middle, which the other process does not notice */
TEST_F(pass, with_a_new_key)
{
	struct pair *p = &self->p;
	pid_t pid;

	if (!mode_rekeys_tx(&variant->mode))
		return;
	pid = start(p->fd[1], p->fd[1],
		    (char *[]){ "head", "-c", "40000", NULL });
	ASSERT_OK(ktls_conn_rekey(p->server, 0));
	send_stream(p->client, 1, 0, 40000);
	recv_stream(p->client, 1, 0, 40000);
	want_exit(pid, 0);
	ASSERT_OK(ktls_conn_rekey(p->client, 0));
	ASSERT_OK(ktls_conn_rekey(p->server, 0));
	goes_on(p);
}

HARNESS_MAIN
