// SPDX-License-Identifier: GPL-2.0-only
/* A handshake of 'ktls agent' that the kernel does not take; setsockopt() is
 * the test's own. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "../lib/offload.h"
#include "mode_lib.h"
#include "peer.h"
#include "../tools/agent_job.h"

static struct refusal {
	int option;
	int fd;			/* of whom */
} refusal = { .fd = -1 };

int setsockopt(int fd, int level, int option, const void *val, socklen_t len)
{
	if (fd == refusal.fd && level == SOL_TLS && option == refusal.option) {
		errno = EBUSY;
		return -1;
	}
	return (int)syscall(SYS_setsockopt, fd, level, option, val, len);
}

static int ended;		/* with this */

static void take_end(struct job *job, int err, struct ktls_conn *conn)
{
	(void)job;
	EXPECT_EQ(conn, NULL);
	ended = err;
}

FIXTURE(refused) {
	struct ktls_config *config[2];
	struct ktls_hs *server;
	int fd[2];
};

FIXTURE_VARIANT(refused) { uint16_t version; int option; };
FIXTURE_VARIANT_ADD(refused, tls12_tx) { KTLS_TLS12, 1 };
FIXTURE_VARIANT_ADD(refused, tls12_rx) { KTLS_TLS12, 2 };
FIXTURE_VARIANT_ADD(refused, tls13_tx) { KTLS_TLS13, 1 };
FIXTURE_VARIANT_ADD(refused, tls13_rx) { KTLS_TLS13, 2 };

FIXTURE_SETUP(refused)
{
	for (int i = 0; i < 2; i++)
		self->config[i] = config(KTLS_OPTS(
			.role = i ? KTLS_SERVER : KTLS_CLIENT,
			.min_version = variant->version,
			.max_version = variant->version,
			.tx = i ? KTLS_PATH_USER : KTLS_PATH_KERNEL,
			.rx = i ? KTLS_PATH_USER : KTLS_PATH_KERNEL));
	ASSERT_OK(ktls_hs_new(&self->server, self->config[1], NULL));
	tcp_pair(self->fd);
	set_nonblock(self->fd[1]);
	refusal = (struct refusal){ variant->option, self->fd[0] };
}

FIXTURE_TEARDOWN(refused)
{
	ktls_config_put(self->config[0]);
	ktls_config_put(self->config[1]);
	close(self->fd[0]);
	close(self->fd[1]);
}

/* Whoever asked is told when the peer has been */
TEST_F(refused, alert_is_sent)
{
	struct ktls_conn *conn;
	struct loop loop;
	struct job job;
	int want = 1;
	char c;

	ASSERT_OK(loop_open(&loop));
	ASSERT_OK(job_start(&job, &loop, self->fd[0], self->config[0],
			    "localhost", harness_ms(10000), take_end));
	while (!ended) {
		want = want ? ktls_hs_run(self->server, self->fd[1]) : 0;
		ASSERT_GE(want, 0);
		ASSERT_OK(loop_turn(&loop));
	}
	EXPECT_EQ(ended, -KTLS_E_NO_KERNEL);
	ASSERT_OK(want ? ktls_hs_run(self->server, self->fd[1]) : 0);
	ASSERT_OK(ktls_offload(&conn, self->server, self->fd[1]));
	wait_fd(self->fd[1], POLLIN);
	EXPECT_EQ(ktls_recv(conn, &c, 1, 0), -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(conn), KTLS_ALERT_INTERNAL_ERROR);
	ktls_conn_free(conn);
	loop_close(&loop);
}

HARNESS_MAIN
