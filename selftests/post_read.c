// SPDX-License-Identifier: GPL-2.0-only
/* Authentication after the handshake, for a caller who reads by himself */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "post_lib.h"

FIXTURE(post_read) {
	struct post t;
};
MODES(post_read, mode_kernel13);

FIXTURE_SETUP(post_read)
{
	mode_need(&variant->mode);
	post_both(&self->t, &variant->mode, &(struct post_opts){
		  .cert = "client", .flags = KTLS_F_AUTH_LATER });
}

FIXTURE_TEARDOWN(post_read)
{
	post_close(&self->t);
}

TEST_F(post_read, control)
{
	struct post *t = &self->t;
	char buf[16];

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(write(t->p.fd[1], "before", 6), 6);
		ASSERT_OK(ktls_conn_request_auth(t->server));
		ASSERT_EQ(write(t->p.fd[1], "data", 4), 4);
		ASSERT_EQ(read(t->p.fd[0], buf, sizeof(buf)), 6);
		ASSERT_EQ(read(t->p.fd[0], buf, sizeof(buf)), -1);
		ASSERT_EQ(ktls_conn_control(t->client), -EINTR);
		EXPECT_TRUE(ktls_conn_events(t->client) & KTLS_EV_AUTH);
		ASSERT_EQ(ktls_conn_control(t->client), 1);
		ASSERT_OK(ktls_conn_authenticate(t->client));
		ASSERT_EQ(read(t->p.fd[0], buf, sizeof(buf)), 4);
		ASSERT_EQ(write(t->p.fd[0], "answer", 6), 6);
		wait_fd(t->p.fd[1], POLLIN);
		ASSERT_EQ(ktls_conn_control(t->server), -EINTR);
		EXPECT_FALSE(ktls_conn_events(t->server) & KTLS_EV_UNANSWERED);
		post_knows(t, "client");
		ASSERT_EQ(ktls_conn_control(t->server), 1);
		ASSERT_EQ(read(t->p.fd[1], buf, sizeof(buf)), 6);
	}
}

HARNESS_MAIN
