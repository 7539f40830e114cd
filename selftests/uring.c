// SPDX-License-Identifier: GPL-2.0-only
/* Connections on an io_uring: handshake, data, files, keys, close */
#include "uring_lib.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

FIXTURE(uring) {
	struct uring_pair p;
};

MODES(uring, mode_ends);

FIXTURE_SETUP(uring)
{
	uring_open(&self->p, 64, 0, NULL);
	mode_need(&variant->mode);
	uring_pair_new(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(uring)
{
	uring_close(&self->p);
}

TEST_F(uring, handshake_and_close)
{
	struct uring_pair *p = &self->p;

	ktls_stream_close(p->client.s);
	UNTIL(p, p->server.ended && p->client.closed);
	EXPECT_EQ(p->server.end_err, 0);
	EXPECT_EQ(p->client.close_err, 0);
	EXPECT_FALSE(p->client.ended);
	ktls_stream_close(p->server.s);
	UNTIL(p, p->client.ended && p->server.closed);
	EXPECT_EQ(p->client.end_err, 0);
	EXPECT_EQ(p->server.close_err, 0);
}

TEST_F(uring, data)
{
	static const size_t len[] = { 1, 100, 16384, 16385, 100000, 1 << 20 };
	struct uring_pair *p = &self->p;
	uint64_t at = 0;
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(len) / sizeof(*len); i++) {
		uring_send(&p->client, 0, at, len[i], false);
		uring_send(&p->server, 0, at, len[i], false);
		at += len[i];
		n++;
		UNTIL(p, p->client.got == at && p->server.got == at);
		UNTIL(p, p->client.done == n && p->server.done == n);
	}
}

/* Many jobs in the queue, and the end behind them */
TEST_F(uring, queue)
{
	struct uring_pair *p = &self->p;
	uint64_t at = 0;

	for (size_t i = 0; i < 100; i++) {
		uring_send(&p->server, 0, at, i * 100, i % 3 == 1);
		at += i * 100;
	}
	uring_send_file(&p->server, 0, at, 100000, 100000);
	at += 100000;
	uring_send(&p->server, 0, at, 10, false);
	at += 10;
	ktls_stream_close(p->server.s);
	UNTIL(p, p->client.ended && p->server.closed);
	EXPECT_EQ(p->client.end_err, 0);
	EXPECT_EQ(p->client.got, at);
	EXPECT_EQ(p->server.done, 102);
	EXPECT_OK(p->server.job_err);
}

TEST_F(uring, file)
{
	size_t len = modest(16 << 20);
	struct uring_pair *p = &self->p;

	uring_send(&p->server, 0, 0, 100, true);
	uring_send_file(&p->server, 0, 100, len, len);
	uring_send(&p->server, 0, 100 + len, 1, false);
	UNTIL(p, p->server.done == 3);
	UNTIL(p, p->client.got == 101 + len);
	/* it is not left in another state */
	uring_send(&p->client, 0, 0, 70000, false);
	UNTIL(p, p->server.got == 70000);
}

/* Nor is the descriptor, where nothing follows */
TEST_F(uring, file_at_the_end)
{
	struct uring_pair *p = &self->p;

	uring_send_file(&p->server, 0, 0, 40000, 40000);
	UNTIL(p, p->client.got == 40000 && p->server.done == 1);
	ktls_stream_free(p->server.s);
	UNTIL(p, p->server.freed);
	p->server.s = NULL;
	EXPECT_FALSE(fcntl(p->server.fd, F_GETFL) & O_NONBLOCK);
}

TEST_F(uring, file_shorter_than_promised)
{
	struct uring_pair *p = &self->p;

	uring_send_file(&p->server, 0, 0, 40000, 40001);
	UNTIL(p, p->server.done == 1);
	EXPECT_EQ(p->server.job_err, -ENODATA);
	UNTIL(p, p->client.got == 40000);
	uring_send(&p->server, 0, 40000, 10, false);
	UNTIL(p, p->client.got == 40010);
}

TEST_F(uring, rekey)
{
	struct uring_pair *p = &self->p;
	bool can = mode_rekeys_tx(&variant->mode) &&
		   mode_rekeys_rx(&variant->mode);
	uint64_t at = 0;

	for (int i = 0; i < 50; i++) {
		uring_send(&p->client, 0, at, 20000, false);
		uring_send(&p->server, 0, at, 20000, false);
		at += 20000;
		if (can)
			ktls_stream_rekey(i % 2 ? p->client.s : p->server.s,
					  i % 3 ? KTLS_REKEY_BOTH : 0);
	}
	UNTIL(p, p->client.got == at && p->server.got == at);
	uring_send(&p->client, 0, at, 20000, false);
	uring_send(&p->server, 0, at, 20000, false);
	at += 20000;
	UNTIL(p, p->client.got == at && p->server.got == at);
}

TEST_F(uring, paused)
{
	struct uring_pair *p = &self->p;
	uint64_t before;

	p->client.pause_at = 1;
	uring_send(&p->server, 0, 0, 3000000, false);
	UNTIL(p, p->client.got);
	uring_idle(p, 20);
	before = p->client.got;
	EXPECT_LT(before, 2 * 16384);
	uring_idle(p, 5);
	EXPECT_EQ(p->client.got, before);
	ktls_stream_resume(p->client.s);
	UNTIL(p, p->client.got == 3000000);
}

TEST_F(uring, cut)
{
	struct uring_pair *p = &self->p;

	ASSERT_EQ(shutdown(p->server.fd, SHUT_WR), 0);
	UNTIL(p, p->client.ended);
	EXPECT_EQ(p->client.end_err, -KTLS_E_TRUNCATED);
	/* the other direction is whole */
	uring_send(&p->client, 0, 0, 100, false);
	UNTIL(p, p->server.got == 100);
}

TEST_F(uring, freed_in_flight)
{
	struct uring_pair *p = &self->p;

	uring_send(&p->server, 0, 0, 32 << 20, false);
	uring_send(&p->server, 0, 0, 100, false);
	ktls_stream_pause(p->client.s);
	uring_idle(p, 5);
	ktls_stream_free(p->server.s);
	UNTIL(p, p->server.freed);
	EXPECT_EQ(p->server.done, 2);
	EXPECT_EQ(p->server.job_err, -ECANCELED);
}

HARNESS_MAIN
