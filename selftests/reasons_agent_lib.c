// SPDX-License-Identifier: GPL-2.0-only
/* Reasons of ktls_agent.h, as an agent says them, or fails to */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "peer.h"
#include "reasons_lib.h"
#include "../lib/include/ktls_agent.h"
#include "../lib/wire.h"

/* One answer to one request; none, and one that is cut, are answers, too */
static void answer(int listener, const struct reason *r)
{
	int fd = accept(listener, NULL, NULL);
	struct wr w = { 0 };
	char in[KTLS_AGENT_ASK_MAX];

	if (fd < 0 || recv(fd, in, sizeof(in), 0) <= 0)
		_exit(1);
	wr_u32(&w, KTLS_AGENT_MAGIC);
	wr_u16(&w, KTLS_AGENT_VERSION);
	wr_u16(&w, KTLS_AGENT_TELL);
	wr_u32(&w, KTLS_AGENT_ERROR);
	wr_u32(&w, 4);
	wr_u32(&w, (uint32_t)r->err);
	if (r->err == KTLS_E_AGENT_ANSWER)
		w.len--;
	if (r->err != KTLS_E_AGENT_GONE &&
	    send(fd, w.buf, w.len, 0) != (ssize_t)w.len)
		_exit(1);
	_exit(0);
}

void reason_agent(const struct reason *r)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX,
				  .sun_path = "/tmp/ktls-reason-XXXXXX" };
	int listener, fd[2], status;
	struct ktls_conn *conn;
	char why[256] = "";
	pid_t pid;

	ASSERT_TRUE(mkdtemp(at.sun_path));
	strcat(at.sun_path, "/s");
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ASSERT_OK(bind(listener, (struct sockaddr *)&at, sizeof(at)));
	ASSERT_OK(listen(listener, 1));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid)
		answer(listener, r);
	tcp_pair(fd);
	EXPECT_EQ(ktls_agent_connect(&conn, fd[0], NULL,
			KTLS_AGENT_OPTS(.path = at.sun_path, .credential = "x",
					.error = why,
					.error_size = sizeof(why))), -r->err);
	EXPECT_TRUE(!conn);
	EXPECT_STREQ(why, ktls_strerror(r->err));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	unlink(at.sun_path);
	*strrchr(at.sun_path, '/') = '\0';
	rmdir(at.sun_path);
	close(fd[0]);
	close(fd[1]);
	close(listener);
}
