// SPDX-License-Identifier: GPL-2.0-only
/* Files that are not in memory, on an io_uring: the ring fetches them first */
#include "uring_lib.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cold_lib.h"
#include "../lib/uring.h"

#define MIB	(1 << 20)

FIXTURE(uring_cold) {
	struct uring_pair p;
	unsigned int fds;
};

MODES(uring_cold, mode_ends);
FIXTURE_TIMEOUT(uring_cold, 60);

static const struct ktls_uring_opts small_turns = {
	.size = sizeof(small_turns), .turn_bytes = 100000,
};

FIXTURE_SETUP(uring_cold)
{
	struct ktls_caps caps;

	mode_need(&variant->mode);
	cold_begin();
	/* what is opened once */
	ASSERT_OK(ktls_probe(&caps));
	self->fds = count_fds();
	uring_open(&self->p, 64, 0, &small_turns);
}

FIXTURE_TEARDOWN(uring_cold)
{
	uring_close(&self->p);
	EXPECT_EQ(count_fds(), self->fds);
}

/* ---- submissions that fail ---------------------------------------------- */

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);

static bool submit_fails;

int __wrap_io_uring_submit(struct io_uring *ring)
{
	return submit_fails ? -EBUSY : __real_io_uring_submit(ring);
}

/* ---- what they have in common ------------------------------------------- */

/* It goes on with what is queued: does it fetch now? */
static bool fetches(struct uring_pair *p, const struct uring_end *e)
{
	ktls_uring_turn(p->u);
	return stream_busy(e->s, OP_FETCH);
}

/* The next that it does is a fetch, sooner or later */
#define UNTIL_FETCH(p, e) UNTIL(p, fetches(p, e))

static void arrives(struct uring_pair *p, uint64_t len, unsigned int jobs)
{
	UNTIL(p, p->client.got == len && p->server.done == jobs);
	EXPECT_OK(p->server.first_err);
	/* and works still, both ways */
	uring_send(&p->server, 0, len, 1000, false);
	uring_send(&p->client, 0, p->server.got, 1000, false);
	UNTIL(p, p->client.got == len + 1000 && p->server.got >= 1000);
}

/* Of which nothing is read ahead */
static int random_file(uint64_t pos, size_t len)
{
	int fd = cold_file(0, pos, len);

	ASSERT_OK(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	return fd;
}

/* Behind a header that is in one record with it, and before a trailer */
static void one_file(struct uring_pair *p, const struct mode *m)
{
	uring_pair_new(p, m, NULL);
	uring_send(&p->server, 0, 0, 300, true);
	uring_send_fd(&p->server, cold_file(0, 300, 3 * MIB), 0, 3 * MIB);
	uring_send(&p->server, 0, 3 * MIB + 300, 300, false);
	UNTIL_FETCH(p, &p->server);
	arrives(p, 3 * MIB + 600, 3);
}

/* ---- it arrives --------------------------------------------------------- */

TEST_F(uring_cold, file)
{
	one_file(&self->p, &variant->mode);
}

/* Where cachestat(2) is not */
TEST_F(uring_cold, no_cachestat)
{
	self->p.u->no_cachestat = true;
	one_file(&self->p, &variant->mode);
}

/* ... or not for those who may not write */
TEST_F(uring_cold, of_another_user)
{
	struct uring_pair *p = &self->p;
	int fd = cold_file(0, 0, MIB), ro;
	char path[64];

	if (geteuid())
		SKIP("not root");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_GE(ro, 0);
	close(fd);
	uring_pair_new(p, &variant->mode, NULL);
	ASSERT_OK(seteuid(65534));
	uring_send_fd(&p->server, ro, 0, MIB);
	EXPECT_TRUE(fetches(p, &p->server));
	arrives(p, MIB, 1);
	ASSERT_OK(seteuid(0));
}

TEST_F(uring_cold, direct_descriptors)
{
	self->p.direct = DIRECT_TOO;
	one_file(&self->p, &variant->mode);
}

/* Parts of a file, of which some are in memory */
static void ranges(struct uring_pair *p, const struct mode *m)
{
	static const struct { off_t from; size_t len; } part[] = {
		{ 0, 1 }, { 4095, 2 }, { 5000, 100000 }, { 200000, 1 },
		{ MIB - 1, 1 }, { MIB - 70000, 70000 }, { 0, MIB },
	};
	uint64_t at;
	int fd = cold_file(0, 0, MIB);

	uring_pair_new(p, m, NULL);
	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++) {
		cold_evict(fd, 0, MIB);
		uring_send_fd(&p->server, dup(fd), part[i].from, part[i].len);
		EXPECT_TRUE(fetches(p, &p->server));
		/* it is compared with its place */
		p->client.got = (uint64_t)part[i].from;
		at = p->client.got + part[i].len;
		UNTIL(p, p->client.got == at && p->server.done == i + 1);
	}
	EXPECT_OK(p->server.first_err);
	close(fd);
}

TEST_F(uring_cold, ranges)
{
	ranges(&self->p, &variant->mode);
}

TEST_F(uring_cold, ranges_probed)
{
	self->p.u->no_cachestat = true;
	ranges(&self->p, &variant->mode);
}

/* One page of a turn, which only who counts them sees */
TEST_F(uring_cold, gap)
{
	struct uring_pair *p = &self->p;
	int fd = random_file(0, 65536);
	char byte;

	if (cold_pages(fd, 0, 65536) < 0)
		SKIP("no cachestat(2)");
	for (off_t at = 0; at < 65536; at += 4096)
		if (at != 32768)
			ASSERT_EQ(pread(fd, &byte, 1, at), 1);
	ASSERT_EQ(cold_pages(fd, 0, 65536), 15);
	uring_pair_new(p, &variant->mode, NULL);
	uring_send_fd(&p->server, fd, 0, 65536);
	EXPECT_TRUE(fetches(p, &p->server));
	arrives(p, 65536, 1);
}

/* In memory, or where it is not said: at once */
TEST_F(uring_cold, warm)
{
	struct uring_pair *p = &self->p;
	int fd = cold_file(0, 0, 65536);
	char buf[65536];

	ASSERT_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	uring_pair_new(p, &variant->mode, NULL);
	uring_send_fd(&p->server, fd, 0, 65536);
	uring_send_file(&p->server, 0, 65536, 20000, 20000);
	uring_begin(p);
	while (p->client.got < 85536 && uring_in_time(p)) {
		EXPECT_FALSE(fetches(p, &p->server));
		uring_turn(p, 10);
	}
	arrives(p, 85536, 2);
}

/* A reader who stops, and memory that is wanted for something else meanwhile */
TEST_F(uring_cold, slow_reader)
{
	struct uring_pair *p = &self->p;
	size_t len = 12 * MIB;
	int fd = cold_file(0, 0, len);

	uring_pair_new(p, &variant->mode, NULL);
	uring_send_fd(&p->server, dup(fd), 0, len);
	uring_begin(p);
	while (p->client.got < len && uring_in_time(p)) {
		p->client.pause_at = p->client.got + 2 * MIB;
		ktls_stream_resume(p->client.s);
		uring_idle(p, 2);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	ktls_stream_resume(p->client.s);
	arrives(p, len, 1);
	close(fd);
}

/* ---- a fetch among others ----------------------------------------------- */

/* Messages do not wait for the disk, and data keeps its order */
TEST_F(uring_cold, rekeyed_meanwhile)
{
	struct uring_pair *p = &self->p;
	struct ktls_info info;
	unsigned int keys = 0;

	if (!mode_rekeys_tx(&variant->mode) || !mode_rekeys_rx(&variant->mode))
		return;
	uring_pair_new(p, &variant->mode, NULL);
	uring_send(&p->server, 0, 0, 300, true);
	uring_send_fd(&p->server, random_file(300, 2 * MIB), 0, 2 * MIB);
	uring_begin(p);
	while (p->client.got < 2 * MIB + 300 && uring_in_time(p)) {
		if (fetches(p, &p->server) && keys < 10) {
			ktls_stream_rekey(p->server.s, KTLS_REKEY_BOTH);
			ktls_uring_turn(p->u);
			EXPECT_TRUE(stream_busy(p->server.s, OP_FETCH));
			keys++;
		}
		uring_turn(p, 10);
	}
	EXPECT_GT(keys, 1);
	arrives(p, 2 * MIB + 300, 2);
	ktls_conn_info(ktls_stream_conn(p->server.s), &info);
	EXPECT_GT(info.tx_updates, 1);
}

/* Sealed bytes and the end come behind it, in order */
TEST_F(uring_cold, closed_behind_it)
{
	struct uring_pair *p = &self->p;

	uring_pair_new(p, &variant->mode, NULL);
	uring_send(&p->server, 0, 0, 30000, false);
	uring_send_fd(&p->server, cold_file(0, 30000, MIB), 0, MIB);
	ktls_stream_close(p->server.s);
	UNTIL(p, p->client.ended && p->server.closed);
	EXPECT_OK(p->client.end_err);
	EXPECT_OK(p->server.close_err);
	EXPECT_EQ(p->client.got, MIB + 30000);
}

/* More of them than requests, and those do not get in at first */
TEST_F(uring_cold, many_in_a_small_ring)
{
	struct uring_pair *p = &self->p;
	int fd = cold_file(0, 0, MIB);

	uring_close(p);
	uring_open(p, 4, 0, &small_turns);
	uring_pair_new(p, &variant->mode, NULL);
	for (int i = 0; i < 20; i++) {
		uring_send_fd(&p->server, dup(fd), 0, 50000);
		uring_send_fd(&p->client, dup(fd), 0, 50000);
	}
	p->client.ignore = p->server.ignore = true;
	/* the ring is full: of what is nobody's */
	submit_fails = true;
	while (io_uring_sq_space_left(&p->ring)) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);

		io_uring_prep_nop(sqe);
		sqe->user_data = 0;
	}
	EXPECT_FALSE(fetches(p, &p->server));
	EXPECT_TRUE(ktls_uring_turn(p->u));
	io_uring_submit(&p->ring);
	EXPECT_EQ(p->server.done, 0);
	submit_fails = false;
	UNTIL(p, p->client.got == 20 * 50000 && p->server.got == 20 * 50000);
	UNTIL(p, p->client.done == 20 && p->server.done == 20);
	EXPECT_OK(p->client.first_err);
	EXPECT_OK(p->server.first_err);
	close(fd);
}

/* ---- what goes wrong ---------------------------------------------------- */

/* Whoever is called has it once, and then it is closed; whenever that is */
TEST_F(uring_cold, freed_at_each_point)
{
	struct uring_pair *p = &self->p;
	int fd = cold_file(0, 0, MIB);

	for (int turns = 0; turns < 24; turns++) {
		uring_pair_new(p, &variant->mode, NULL);
		cold_evict(fd, 0, MIB);
		uring_send_fd(&p->server, dup(fd), 0, MIB);
		uring_send_fd(&p->server, dup(fd), 0, 1000);
		p->client.ignore = true;
		if (turns)
			EXPECT_TRUE(fetches(p, &p->server));
		for (int i = 1; i < turns; i++)
			uring_turn(p, i % 3);
		ktls_stream_free(p->server.s);
		UNTIL(p, p->server.freed);
		EXPECT_EQ(p->server.done, 2);
		uring_pair_free(p);
	}
	close(fd);
}

/* The ring has it still: it is not given back, nor is its turn waited for */
TEST_F(uring_cold, freed_while_fetching)
{
	struct uring_pair *p = &self->p;
	unsigned int tail;

	uring_pair_new(p, &variant->mode, NULL);
	uring_send_fd(&p->server, cold_file(0, 0, MIB), 0, MIB);
	ASSERT_TRUE(fetches(p, &p->server));
	ktls_stream_free(p->server.s);
	tail = p->ring.sq.sqe_tail;
	EXPECT_FALSE(ktls_uring_turn(p->u));
	EXPECT_FALSE(ktls_uring_turn(p->u));
	EXPECT_EQ(p->server.done, 0);
	EXPECT_FALSE(p->server.freed);
	UNTIL(p, p->server.freed);
	/* a cancellation for each request, and not again and again */
	EXPECT_LE(p->ring.sq.sqe_tail - tail, 4);
	EXPECT_EQ(p->server.done, 1);
	EXPECT_EQ(p->server.job_err, -ECANCELED);
}

static void peer_goes(struct uring_pair *p, const struct mode *m, bool reset)
{
	const struct linger now = { .l_onoff = 1 };

	uring_pair_new(p, m, NULL);
	uring_send_fd(&p->server, random_file(0, 12 * MIB), 0, 12 * MIB);
	uring_send_fd(&p->server, cold_file(0, 12 * MIB, 1000), 0, 1000);
	UNTIL(p, p->client.got > 200000);
	UNTIL_FETCH(p, &p->server);
	ktls_stream_free(p->client.s);
	UNTIL(p, p->client.freed);
	if (reset)
		ASSERT_OK(setsockopt(p->client.fd, SOL_SOCKET, SO_LINGER, &now,
				     sizeof(now)));
	close(p->client.fd);
	p->client.fd = -1;
	UNTIL(p, p->server.done == 2 && p->server.ended);
	EXPECT_LT(p->server.first_err, 0);
	EXPECT_LT(p->server.end_err, 0);
}

TEST_F(uring_cold, peer_closes)
{
	peer_goes(&self->p, &variant->mode, false);
}

TEST_F(uring_cold, peer_resets)
{
	peer_goes(&self->p, &variant->mode, true);
}

/* While it is fetched, and what was promised is no longer there */
TEST_F(uring_cold, truncated)
{
	static const off_t left[] = { 0, 1, 150000, 2 * MIB - 1 };

	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
		struct uring_pair *p = &self->p;
		int fd = cold_file(0, 0, 2 * MIB);

		uring_pair_new(p, &variant->mode, NULL);
		uring_send_fd(&p->server, fd, 0, 2 * MIB);
		ASSERT_TRUE(fetches(p, &p->server));
		ASSERT_OK(ftruncate(fd, left[i]));
		UNTIL(p, p->server.done);
		EXPECT_EQ(p->server.first_err, -ENODATA);
		ktls_stream_close(p->server.s);
		UNTIL(p, p->client.ended);
		EXPECT_EQ(p->client.got, left[i]);
		uring_pair_free(p);
	}
}

/* Shorter than promised from the start, and by how much is not said */
TEST_F(uring_cold, short_file)
{
	struct uring_pair *p = &self->p;

	uring_pair_new(p, &variant->mode, NULL);
	uring_send_fd(&p->server, cold_file(0, 0, 50000), 0, MIB);
	UNTIL(p, p->server.done);
	EXPECT_EQ(p->server.first_err, -ENODATA);
	UNTIL(p, p->client.got == 50000);
}

static void refused(struct uring_pair *p, int fd, off_t from, uint64_t len,
		    int err)
{
	unsigned int done = p->server.done;

	uring_send_fd(&p->server, fd, from, len);
	EXPECT_FALSE(fetches(p, &p->server));
	UNTIL(p, p->server.done == done + 1);
	EXPECT_EQ(p->server.job_err, err);
}

/* What cannot be read says so in sendfile(2)'s words, or pread(2)'s */
TEST_F(uring_cold, unreadable)
{
	struct uring_pair *p = &self->p;
	int fd[2];

	uring_pair_new(p, &variant->mode, NULL);
	refused(p, open("/dev/null", O_WRONLY | O_CLOEXEC), 0, 10, -EBADF);
	refused(p, cold_file(0, 0, 10), -10, 10, -EINVAL);
	refused(p, cold_file(0, 0, 10), INT64_MAX - 5, 10, -EINVAL);
	ASSERT_OK(pipe2(fd, O_CLOEXEC));
	refused(p, fd[0], 0, 10, -ESPIPE);
	close(fd[1]);
	UNTIL(p, !ktls_stream_sending(p->server.s));
}

/* A ring that may not read files: as if it could not be said */
TEST_F(uring_cold, fetch_refused)
{
	static const uint8_t ops[] = {
		IORING_OP_SEND, IORING_OP_RECV, IORING_OP_SENDMSG,
		IORING_OP_RECVMSG, IORING_OP_POLL_ADD, IORING_OP_SHUTDOWN,
		IORING_OP_ASYNC_CANCEL, IORING_OP_NOP,
	};
	struct io_uring_restriction r[sizeof(ops) + 2] = { 0 };
	struct uring_pair *p = &self->p;
	size_t n = 0;

	for (; n < sizeof(ops); n++) {
		r[n].opcode = IORING_RESTRICTION_SQE_OP;
		r[n].sqe_op = ops[n];
	}
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[n++].sqe_flags = IOSQE_ASYNC | IOSQE_IO_LINK | IOSQE_BUFFER_SELECT;
	r[n].opcode = IORING_RESTRICTION_REGISTER_OP;
	r[n++].register_op = IORING_UNREGISTER_PBUF_RING;
	uring_close(p);
	uring_open(p, 64, IORING_SETUP_R_DISABLED, &small_turns);
	/* liburing 2.3 does not export its calls for them */
	ASSERT_OK(syscall(SYS_io_uring_register, p->ring.ring_fd,
			  IORING_REGISTER_RESTRICTIONS, r, n));
	ASSERT_OK(syscall(SYS_io_uring_register, p->ring.ring_fd,
			  IORING_REGISTER_ENABLE_RINGS, NULL, 0));
	one_file(p, &variant->mode);
}

HARNESS_MAIN
