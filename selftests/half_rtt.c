// SPDX-License-Identifier: GPL-2.0-only
/*
 * Early data, and answers before the client's Finished (RFC 9846 2.3), with
 * the kernel and without: each direction goes over when its keys are there.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/conn.h"
#include "harness.h"
#include "mode_lib.h"
#include "session_lib.h"

FIXTURE(half) {
	struct ktls_config *client, *server;
	struct ktls_hs *c, *s;
	struct pair p;
};

MODES(half, mode_paths13);

static struct ktls_config *make(const struct mode *m, enum ktls_role role,
				bool verify)
{
	struct ktls_cred cred = pki_cred(role == KTLS_CLIENT ? "client" :
					 "p256");
	bool asks = verify && role == KTLS_SERVER;

	return config(KTLS_OPTS(.role = role, .tx = m->tx, .rx = m->rx,
		.early_data = 1000, .creds = &cred, .creds_len = 1,
		.ca_file = pki("ca"), .verify = asks ? KTLS_VERIFY_REQUIRE :
					       KTLS_VERIFY_DEFAULT,
		.flags = role == KTLS_SERVER ? KTLS_F_EARLY_ANSWER : 0));
}

static void set_up(FIXTURE_DATA(half) *self, const struct mode *m,
		   bool verify)
{
	mode_need(m);
	self->client = make(m, KTLS_CLIENT, verify);
	self->server = make(m, KTLS_SERVER, verify);
}

static void begin_over(FIXTURE_DATA(half) *self, int client, int server)
{
	self->p = (struct pair){ .fd = { client, server } };
	for (int i = 0; i < 2; i++) {
		set_socket(self->p.fd[i]);
		set_nonblock(self->p.fd[i]);
	}
	ASSERT_OK(ktls_hs_new(&self->c, self->client, "localhost"));
	ASSERT_OK(ktls_hs_new(&self->s, self->server, NULL));
}

static void begin(FIXTURE_DATA(half) *self)
{
	int fd[2];

	tcp_pair(fd);
	begin_over(self, fd[0], fd[1]);
}

FIXTURE_SETUP(half)
{
	(void)self;
	(void)variant;
}

FIXTURE_TEARDOWN(half)
{
	ktls_hs_free(self->c);
	ktls_hs_free(self->s);
	pair_close(&self->p);
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

/* Until it has nothing to do, or is done: 0 */
static int run_to(struct ktls_hs *hs, int fd, enum hs_state state)
{
	int want;

	while ((want = ktls_hs_run(hs, fd)) > 0 && hs->state != state)
		wait_fd(fd, want & KTLS_WANT_SEND ? POLLOUT : POLLIN);
	return want > 0 ? 0 : want;
}

/* The server's flight is out, and "half" behind it, however it goes */
static void answer(FIXTURE_DATA(half) *self, const struct mode *m)
{
	int err;

	/* too early */
	EXPECT_EQ(ktls_hs_answer(self->c, "x", 1), -KTLS_E_STATE);
	err = ktls_hs_offload_tx(self->s, self->p.fd[1]);
	if (m->tx == KTLS_PATH_KERNEL) {
		ASSERT_OK(err);
		EXPECT_EQ(ktls_hs_offload_tx(self->s, self->p.fd[1]),
			  -KTLS_E_STATE);
		EXPECT_EQ(ktls_hs_answer(self->s, "half", 4), -KTLS_E_STATE);
		ASSERT_EQ(send(self->p.fd[1], "half", 4, 0), 4);
	} else {
		ASSERT_EQ(err, -KTLS_E_NO_KERNEL);
		ASSERT_EQ(ktls_hs_answer(self->s, "half", 4), 4);
		ASSERT_GE(ktls_hs_run(self->s, self->p.fd[1]), 0);
	}
}

/* The client is done, and has it, while the server waits for its Finished */
static void check_half(FIXTURE_DATA(half) *self)
{
	char buf[16];

	ASSERT_OK(run_to(self->c, self->p.fd[0], HS_DONE));
	ASSERT_EQ(self->c->state, HS_DONE);
	ASSERT_OK(ktls_offload(&self->p.client, self->c, self->p.fd[0]));
	self->c = NULL;
	set_block(self->p.fd[0]);
	ASSERT_EQ(ktls_recv(self->p.client, buf, sizeof(buf), 0), 4);
	EXPECT_MEMEQ(buf, "half", 4);
	EXPECT_NE(self->s->state, HS_DONE);
}

static void works(FIXTURE_DATA(half) *self, const struct mode *m)
{
	EXPECT_EQ(ktls_conn_kernel(self->p.server), mode_kernel_bits(m));
	exchange(self->p.client, self->p.server, 1000);
	exchange(self->p.server, self->p.client, 1000);
	if (mode_rekeys_tx(m) && mode_rekeys_rx(m)) {
		ASSERT_OK(ktls_conn_rekey(self->p.server, KTLS_REKEY_BOTH));
		exchange(self->p.server, self->p.client, 1000);
		exchange(self->p.client, self->p.server, 1000);
		exchange(self->p.server, self->p.client, 1000);
	}
}

static void finish(FIXTURE_DATA(half) *self, const struct mode *m)
{
	ASSERT_OK(run_to(self->s, self->p.fd[1], HS_DONE));
	ASSERT_OK(ktls_offload(&self->p.server, self->s, self->p.fd[1]));
	self->s = NULL;
	set_block(self->p.fd[1]);
	works(self, m);
}

/* Tickets come whichever way the handshake ended, and are good */
TEST_F(half, early_data_and_its_answer)
{
	set_up(self, &variant->mode, false);
	ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
	for (int i = 0; i < 3; i++) {
		char buf[16];

		begin(self);
		ASSERT_EQ(ktls_hs_early_write(self->c, "early", 5), 5);
		ASSERT_GE(ktls_hs_run(self->c, self->p.fd[0]), 0);
		ASSERT_OK(run_to(self->s, self->p.fd[1], S_EARLY));
		ASSERT_GE(ktls_hs_run(self->s, self->p.fd[1]), 0);
		ASSERT_EQ(ktls_hs_early_read(self->s, buf, sizeof(buf)), 5);
		EXPECT_MEMEQ(buf, "early", 5);
		answer(self, &variant->mode);
		check_half(self);
		finish(self, &variant->mode);
		pair_close(&self->p);
	}
}

/* No ticket, and a client that has yet to show its certificate */
TEST_F(half, answer_to_a_stranger)
{
	set_up(self, &variant->mode, true);
	begin(self);
	ASSERT_GE(ktls_hs_run(self->c, self->p.fd[0]), 0);
	ASSERT_OK(run_to(self->s, self->p.fd[1], S_CERT));
	answer(self, &variant->mode);
	check_half(self);
	finish(self, &variant->mode);
}

/* What fails then is said through whoever sends */
TEST_F(half, failure_behind_it)
{
	char buf[16];

	set_up(self, &variant->mode, true);
	ktls_config_put(self->client);
	self->client = config(KTLS_OPTS(.role = KTLS_CLIENT));
	begin(self);
	ASSERT_GE(ktls_hs_run(self->c, self->p.fd[0]), 0);
	ASSERT_OK(run_to(self->s, self->p.fd[1], S_CERT));
	answer(self, &variant->mode);
	check_half(self);
	EXPECT_EQ(run_to(self->s, self->p.fd[1], HS_DONE),
		  -KTLS_E_CERT_REQUIRED);
	EXPECT_EQ(self->s->info.alert_sent, KTLS_ALERT_CERTIFICATE_REQUIRED);
	EXPECT_EQ(ktls_recv(self->p.client, buf, sizeof(buf), 0),
		  -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(self->p.client),
		  KTLS_ALERT_CERTIFICATE_REQUIRED);
}

/* Who does not read makes nobody wait for it, not even on a blocking socket */
TEST_F(half, hand_off_behind_a_full_socket)
{
	static char buf[65536];
	ssize_t n = 0, left = 0;
	int fd[2];

	if (variant->mode.tx != KTLS_PATH_KERNEL)
		return;
	set_up(self, &variant->mode, false);
	tcp_pair_small(fd);
	begin_over(self, fd[1], fd[0]);
	ASSERT_GE(ktls_hs_run(self->c, self->p.fd[0]), 0);
	ASSERT_OK(run_to(self->s, self->p.fd[1], S_FIN));
	answer(self, &variant->mode);
	check_half(self);
	for (; n >= 0; left += n > 0 ? n : 0)
		n = send(self->p.fd[1], buf, sizeof(buf), MSG_DONTWAIT);
	set_nonblock(self->p.fd[0]);
	ASSERT_OK(run_to(self->s, self->p.fd[1], HS_DONE));
	set_block(self->p.fd[1]);
	ASSERT_OK(ktls_offload(&self->p.server, self->s, self->p.fd[1]));
	self->s = NULL;
	/* the first of them waits, and the client has more to read before it */
	EXPECT_TRUE(ktls_conn_events(self->p.server) & KTLS_EV_FLUSH);
	set_nonblock(self->p.fd[1]);
	do {
		n = ktls_recv(self->p.client, buf, sizeof(buf), 0);
		ASSERT_TRUE(n > 0 || n == -EAGAIN);
		left -= n > 0 ? n : 0;
		n = ktls_flush(self->p.server);
		ASSERT_TRUE(!n || n == -EAGAIN);
	} while (left || n);
	set_block(self->p.fd[0]);
	set_block(self->p.fd[1]);
	works(self, &variant->mode);
}

/* 5.5: nor is the key of the answer changed in a handshake */
TEST(no_more_than_the_key_allows)
{
	struct ktls_config *client = client_config();
	struct ktls_config *server = config(KTLS_OPTS(.role = KTLS_SERVER,
			.flags = KTLS_F_EARLY_ANSWER, .max_records = 8));
	struct ktls_hs *c, *s;

	ASSERT_OK(ktls_hs_new(&c, client, "localhost"));
	ASSERT_OK(ktls_hs_new(&s, server, NULL));
	while (pump_one(c, s, SIZE_MAX))
		;
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(ktls_hs_answer(s, "x", 1), 1);
	EXPECT_EQ(ktls_hs_answer(s, "x", 1), -KTLS_E_STATE);
	ktls_hs_free(c);
	ktls_hs_free(s);
	ktls_config_put(client);
	ktls_config_put(server);
}

TEST(not_without_the_flag)
{
	struct ktls_config *client = client_config();
	struct ktls_config *server = server_config();
	struct ktls_hs *c, *s;

	ASSERT_OK(ktls_hs_new(&c, client, "localhost"));
	ASSERT_OK(ktls_hs_new(&s, server, NULL));
	EXPECT_EQ(ktls_hs_answer(s, "x", 1), -KTLS_E_STATE);
	while (pump_one(c, s, SIZE_MAX))
		;
	ASSERT_EQ(s->state, S_FIN);
	EXPECT_EQ(ktls_hs_answer(s, "x", 1), -KTLS_E_STATE);
	EXPECT_EQ(ktls_hs_offload_tx(s, -1), -KTLS_E_STATE);
	ktls_hs_free(c);
	ktls_hs_free(s);
	ktls_config_put(client);
	ktls_config_put(server);
}

HARNESS_MAIN
