// SPDX-License-Identifier: GPL-2.0-only
/* The calls of ktls_agent.h, where no agent of ours answers */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "peer.h"
#include "../lib/include/ktls_agent.h"

/* One that accepts nobody, and before whom nobody more can wait */
static int full_listener(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), more;

	ASSERT_OK(fd);
	ASSERT_OK(bind(fd, (const struct sockaddr *)at, sizeof(*at)));
	ASSERT_OK(listen(fd, 0));
	do {
		more = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
			      SOCK_NONBLOCK, 0);
		ASSERT_OK(more);
	} while (!connect(more, (const struct sockaddr *)at, sizeof(*at)));
	ASSERT_EQ(errno, EAGAIN);
	close(more);
	return fd;
}

TEST_TIMEOUT(no_place_in_time, 60)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/ktls-agent-XXXXXX";
	struct ktls_conn *conn;
	int agent, tcp[2];

	ASSERT_TRUE(mkdtemp(dir));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/sock", dir);
	agent = full_listener(&at);
	tcp_pair(tcp);
	EXPECT_EQ(ktls_agent_connect(&conn, tcp[0], NULL, KTLS_AGENT_OPTS(
			.path = at.sun_path, .credential = "cli",
			.server_name = "localhost", .timeout_ms = 1)),
		  -ETIMEDOUT);
	EXPECT_EQ(conn, NULL);
	close(agent);
	close(tcp[0]);
	close(tcp[1]);
	unlink(at.sun_path);
	rmdir(dir);
}

/* What a newer program asks for is not passed over */
TEST(newer_options)
{
	struct {
		struct ktls_agent_opts opts;
		uint8_t newer[8];
	} o = { .opts = {
		.size = sizeof(o), .path = "/nowhere", .credential = "cli",
	} };
	struct ktls_conn *conn;

	EXPECT_EQ(ktls_agent_accept(&conn, -1, NULL, &o.opts), -ENOENT);
	o.newer[7] = 1;
	EXPECT_EQ(ktls_agent_accept(&conn, -1, NULL, &o.opts), -E2BIG);
}

HARNESS_MAIN
