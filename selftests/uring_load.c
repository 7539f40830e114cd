// SPDX-License-Identifier: GPL-2.0-only
/* Many connections on a ring that is short of everything, and full sockets */
#include "uring_lib.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS	100

FIXTURE(uring_load) {
	struct uring_pair p;
	struct uring_end ends[PAIRS][2];
};

MODES(uring_load, mode_ends);
FIXTURE_TIMEOUT(uring_load, 60);

FIXTURE_SETUP(uring_load)
{
	mode_need(&variant->mode);
}

/* ---- submissions that fail ---------------------------------------------- */

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

static unsigned int submissions, fail_of_4;

/* What the library submits by itself, @fail_of_4 times of four in vain */
int __wrap_io_uring_submit(struct io_uring *ring)
{
	if (submissions++ % 4 < fail_of_4)
		return submissions % 2 ? -EBUSY : -EAGAIN;
	return __real_io_uring_submit(ring);
}

/* ---- a crowd ------------------------------------------------------------ */

static void open_ring(struct uring_pair *p, unsigned int entries,
		      unsigned int flags, unsigned int buffers)
{
	uring_open(p, entries, flags, &(struct ktls_uring_opts){
		.size = sizeof(struct ktls_uring_opts), .buffers = buffers,
		.turn_bytes = 20000 });
}

static void crowd_begin(FIXTURE_DATA(uring_load) *self, const struct mode *m,
			size_t pairs)
{
	for (size_t i = 0; i < pairs; i++) {
		struct uring_end *e = self->ends[i];
		int fd[2];

		tcp_pair(fd);
		e[0].fd = fd[0];
		e[1].fd = fd[1];
		uring_shake(&self->p, &e[0], mode_config(m, KTLS_CLIENT, NULL),
			    "localhost");
		uring_shake(&self->p, &e[1], mode_config(m, KTLS_SERVER, NULL),
			    NULL);
	}
}

/* Both ways, in memory and files, with new keys, and the end behind it */
static void crowd_sends(struct uring_end *e, const struct mode *m, size_t len)
{
	uring_send(e, 0, 0, len, true);
	uring_send_file(e, 0, len, len, len);
	if (mode_rekeys_tx(m) && mode_rekeys_rx(m))
		ktls_stream_rekey(e->s, KTLS_REKEY_BOTH);
	uring_send(e, 0, 2 * len, 100, false);
	ktls_stream_close(e->s);
}

static bool all_over(FIXTURE_DATA(uring_load) *self, size_t pairs)
{
	for (size_t i = 0; i < 2 * pairs; i++)
		if (!self->ends[i / 2][i % 2].ended ||
		    !self->ends[i / 2][i % 2].closed)
			return false;
	return true;
}

static bool all_freed(FIXTURE_DATA(uring_load) *self, size_t pairs)
{
	for (size_t i = 0; i < 2 * pairs; i++)
		if (!self->ends[i / 2][i % 2].freed)
			return false;
	return true;
}

static void crowd(FIXTURE_DATA(uring_load) *self, const struct mode *m,
		  size_t pairs, size_t len)
{
	crowd_begin(self, m, pairs);
	for (size_t i = 0; i < 2 * pairs; i++)
		crowd_sends(&self->ends[i / 2][i % 2], m, len);
	UNTIL(&self->p, all_over(self, pairs));
	for (size_t i = 0; i < 2 * pairs; i++) {
		struct uring_end *e = &self->ends[i / 2][i % 2];

		EXPECT_OK(e->ready_err);
		EXPECT_OK(e->end_err);
		EXPECT_OK(e->close_err);
		EXPECT_OK(e->first_err);
		EXPECT_EQ(e->done, 3);
		EXPECT_EQ(e->got, 2 * len + 100);
		ktls_stream_free(e->s);
	}
	UNTIL(&self->p, all_freed(self, pairs));
	for (size_t i = 0; i < 2 * pairs; i++)
		close(self->ends[i / 2][i % 2].fd);
	uring_close(&self->p);
}

TEST_F(uring_load, many)
{
	open_ring(&self->p, 256, 0, 64);
	crowd(self, &variant->mode, PAIRS, 20000);
}

TEST_F(uring_load, two_buffers)
{
	open_ring(&self->p, 64, 0, 2);
	crowd(self, &variant->mode, 25, 50000);
}

/* Eight requests at a time, and room for as many to be told of */
TEST_F(uring_load, small_queues)
{
	open_ring(&self->p, 8, 0, 16);
	crowd(self, &variant->mode, 50, 20000);
}

TEST_F(uring_load, submissions_fail)
{
	for (fail_of_4 = 1; fail_of_4 <= 4; fail_of_4++) {
		submissions = 0;
		open_ring(&self->p, 4, 0, 16);
		crowd(self, &variant->mode, 10, 20000);
		/* the ring was full, so that the library had to submit */
		EXPECT_GT(submissions, 0);
		for (size_t i = 0; i < PAIRS; i++)
			self->ends[i][0] = self->ends[i][1] =
				(struct uring_end){ 0 };
	}
}

TEST_F(uring_load, deferred)
{
#if defined(IORING_SETUP_DEFER_TASKRUN)
	open_ring(&self->p, 64, IORING_SETUP_SINGLE_ISSUER |
		  IORING_SETUP_DEFER_TASKRUN, 16);
	crowd(self, &variant->mode, 25, 50000);
#else
	SKIP("not in these headers");
#endif
}

/* ---- full sockets ------------------------------------------------------- */

/* Keys, ours and the peer's, behind what does not go out */
TEST_F(uring_load, keys_behind_full_sockets)
{
	struct uring_pair *p = &self->p;
	size_t len = 8 << 20;

	open_ring(p, 64, 0, 16);
	uring_pair_new(p, &variant->mode, NULL);
	ktls_stream_pause(p->client.s);
	ktls_stream_pause(p->server.s);
	for (unsigned int i = 0; i < 4; i++) {
		uring_send(&p->client, 0, i * len, len, false);
		uring_send(&p->server, 0, i * len, len, false);
		uring_idle(p, 3);
		if (mode_rekeys_tx(&variant->mode) &&
		    mode_rekeys_rx(&variant->mode)) {
			ktls_stream_rekey(p->client.s, KTLS_REKEY_BOTH);
			ktls_stream_rekey(p->server.s, 0);
		}
	}
	EXPECT_LT(p->client.done, 4);
	EXPECT_EQ(p->client.got, 0);
	ktls_stream_resume(p->client.s);
	UNTIL(p, p->client.got == 4 * len);
	EXPECT_EQ(p->server.got, 0);
	ktls_stream_resume(p->server.s);
	UNTIL(p, p->server.got == 4 * len);
	EXPECT_OK(p->client.first_err);
	EXPECT_OK(p->server.first_err);
	uring_close(p);
}

/* Files of any size, to a reader who stops now and then */
TEST_F(uring_load, slow_reader)
{
	static const size_t sizes[] = { 0, 1, 16384, 10 << 20 };
	struct uring_pair *p = &self->p;
	uint64_t at = 0;

	open_ring(p, 64, 0, 16);
	uring_pair_new(p, &variant->mode, NULL);
	for (size_t i = 0; i < 4; i++) {
		uring_send_file(&p->server, 0, at, sizes[i], sizes[i]);
		at += sizes[i];
	}
	uring_begin(p);
	while (p->client.got < at && uring_in_time(p)) {
		p->client.pause_at = p->client.got + (1 << 20);
		ktls_stream_resume(p->client.s);
		uring_idle(p, 2);
	}
	UNTIL(p, p->client.got == at && p->server.done == 4);
	EXPECT_OK(p->server.first_err);
	uring_close(p);
}

HARNESS_MAIN
