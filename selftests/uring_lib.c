// SPDX-License-Identifier: GPL-2.0-only
#include "uring_lib.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- what is called back ------------------------------------------------ */

static struct uring_end *end_of(struct ktls_stream *s)
{
	return ktls_stream_arg(s);
}

/* The last thing in each: the stream may be gone after it */
static void call_hook(struct uring_end *e, enum uring_call call)
{
	EXPECT_FALSE(e->freed);
	if (e->hook)
		e->hook(e, call);
}

static void on_ready(struct ktls_stream *s, int err)
{
	EXPECT_FALSE(end_of(s)->ready);
	end_of(s)->ready = true;
	end_of(s)->ready_err = err;
	call_hook(end_of(s), CALL_READY);
}

static void on_wants(struct ktls_stream *s, unsigned int wants)
{
	EXPECT_FALSE(end_of(s)->ready);
	end_of(s)->wants = wants;
	call_hook(end_of(s), CALL_WANTS);
}

static void on_data(struct ktls_stream *s, const void *buf, size_t len)
{
	struct uring_end *e = end_of(s);

	EXPECT_FALSE(e->ended);
	EXPECT_GT(len, 0);
	if (!e->ignore)
		stream_check(e->seed, e->got, buf, len);
	e->got += len;
	if (e->pause_at && e->got >= e->pause_at) {
		e->pause_at = 0;
		ktls_stream_pause(s);
	}
	call_hook(e, CALL_DATA);
}

static void on_event(struct ktls_stream *s, unsigned int events)
{
	end_of(s)->events = events;
	end_of(s)->event_calls++;
	call_hook(end_of(s), CALL_EVENT);
}

static void on_end(struct ktls_stream *s, int err)
{
	EXPECT_FALSE(end_of(s)->ended);
	end_of(s)->ended = true;
	end_of(s)->end_err = err;
	call_hook(end_of(s), CALL_END);
}

static void on_closed(struct ktls_stream *s, int err)
{
	EXPECT_FALSE(end_of(s)->closed);
	end_of(s)->closed = true;
	end_of(s)->close_err = err;
	call_hook(end_of(s), CALL_CLOSED);
}

static void on_freed(void *arg)
{
	struct uring_end *e = arg;

	EXPECT_FALSE(e->freed);
	e->freed = true;
}

const struct ktls_stream_ops uring_end_ops = {
	.ready = on_ready,
	.wants = on_wants,
	.data = on_data,
	.event = on_event,
	.end = on_end,
	.closed = on_closed,
	.freed = on_freed,
};

/* ---- jobs ---------------------------------------------------------------- */

struct job {
	struct ktls_job job;
	uint8_t buf[];
};

static void on_done(struct ktls_stream *s, struct ktls_job *job, int err)
{
	struct uring_end *e = end_of(s);

	e->done++;
	e->job_err = err;
	if (!e->first_err)
		e->first_err = err;
	if (!err)
		EXPECT_EQ(job->sent, job->len);
	if (job->file >= 0)
		close(job->file);
	free(job);
	call_hook(e, CALL_DONE);
}

static struct job *job_new(size_t len)
{
	struct job *j = malloc(sizeof(*j) + len);

	ASSERT_TRUE(j);
	j->job = (struct ktls_job){
		.file = -1, .len = len, .done = on_done, .buf = j->buf,
	};
	return j;
}

void uring_send(struct uring_end *end, uint64_t seed, uint64_t pos,
		size_t len, bool more)
{
	struct job *j = job_new(len);

	stream_fill(seed, pos, j->buf, len);
	j->job.more = more;
	ktls_stream_send(end->s, &j->job);
}

static int file_of(uint64_t seed, uint64_t pos, size_t len)
{
	static uint8_t buf[65536];
	int fd = memfd_create("file", MFD_CLOEXEC);

	ASSERT_GE(fd, 0);
	for (size_t at = 0; at < len; ) {
		size_t n = len - at < sizeof(buf) ? len - at : sizeof(buf);

		stream_fill(seed, pos + at, buf, n);
		ASSERT_EQ(pwrite(fd, buf, n, (off_t)at), n);
		at += n;
	}
	return fd;
}

void uring_send_fd(struct uring_end *end, int fd, off_t offset, uint64_t len)
{
	struct job *j = job_new(0);

	j->job.file = fd;
	j->job.offset = offset;
	j->job.len = len;
	ktls_stream_send(end->s, &j->job);
}

void uring_send_file(struct uring_end *end, uint64_t seed, uint64_t pos,
		     size_t len, size_t promised)
{
	uring_send_fd(end, file_of(seed, pos, len), 0, promised);
}

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	ASSERT_TRUE(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* ---- the loop ------------------------------------------------------------ */

void uring_open(struct uring_pair *p, unsigned int entries,
		unsigned int flags, const struct ktls_uring_opts *opts)
{
	int err;

	*p = (struct uring_pair){ .client.fd = -1, .server.fd = -1 };
	err = io_uring_queue_init(entries, &p->ring, flags);
	if (err == -ENOSYS || err == -EPERM || err == -EINVAL)
		SKIP("no io_uring with these flags: %s", strerror(-err));
	ASSERT_OK(err);
	err = ktls_uring_new(&p->u, &p->ring, opts);
	if (err == -ENOTSUP)
		SKIP("no multishot recvmsg");
	ASSERT_OK(err);
}

static unsigned int take_all(struct uring_pair *p)
{
	struct io_uring_cqe *cqe;
	unsigned int n = 0;

	while (!io_uring_peek_cqe(&p->ring, &cqe)) {
		struct io_uring_cqe copy = *cqe;

		io_uring_cqe_seen(&p->ring, cqe);
		if (ktls_uring_is_ours(&copy))
			ktls_uring_complete(p->u, &copy);
		n++;
	}
	return n;
}

unsigned int uring_turn(struct uring_pair *p, int ms)
{
	struct __kernel_timespec ts = { .tv_nsec = ms * 1000000ll };
	bool more = ktls_uring_turn(p->u);
	struct io_uring_cqe *cqe;
	int err;

	p->turns++;
	err = more ? io_uring_submit_and_get_events(&p->ring) :
		     io_uring_submit_and_wait_timeout(&p->ring, &cqe, 1, &ts,
						      NULL);
	ASSERT_TRUE(err >= 0 || err == -ETIME || err == -EINTR ||
		    err == -EBUSY || err == -EAGAIN);
	return take_all(p);
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

void uring_begin(struct uring_pair *p)
{
	p->begun = now();
}

bool uring_in_time(const struct uring_pair *p)
{
	return now() - p->begun <= harness_ms(10000) / 1000;
}

void uring_idle(struct uring_pair *p, int turns)
{
	while (turns--)
		uring_turn(p, 10);
}

/* ---- the ends ------------------------------------------------------------ */

/* Its place in the table, or -1 */
static int slot_of(struct uring_pair *p, struct uring_end *e)
{
	unsigned int slot = e == &p->server;
	int err;

	if (p->direct == DIRECT_NOT)
		return -1;
	err = io_uring_register_files_sparse(&p->ring, 2);
	ASSERT_TRUE(!err || err == -EBUSY);
	ASSERT_EQ(io_uring_register_files_update(&p->ring, slot, &e->fd, 1),
		  1);
	return (int)slot;
}

void uring_shake(struct uring_pair *p, struct uring_end *e,
		 struct ktls_config *config, const char *name)
{
	int slot = slot_of(p, e);
	struct ktls_hs *hs;

	ASSERT_OK(ktls_hs_new(&hs, config, name));
	ktls_config_put(config);
	ASSERT_OK(ktls_stream_new(&e->s, p->u, hs,
				  p->direct == DIRECT_ALONE ? -1 : e->fd,
				  slot, &uring_end_ops, e));
}

void uring_start(struct uring_pair *p, struct ktls_config *client,
		 struct ktls_config *server)
{
	int fd[2];

	tcp_pair(fd);
	p->client.fd = fd[0];
	p->server.fd = fd[1];
	uring_shake(p, &p->client, client, "localhost");
	uring_shake(p, &p->server, server, NULL);
}

void uring_pair_new(struct uring_pair *p, const struct mode *m,
		    const struct ktls_opts *more)
{
	uring_start(p, mode_config(m, KTLS_CLIENT, more),
		    mode_config(m, KTLS_SERVER, more));
	UNTIL(p, p->client.ready && p->server.ready);
	ASSERT_OK(p->client.ready_err);
	ASSERT_OK(p->server.ready_err);
	ASSERT_EQ(ktls_conn_kernel(ktls_stream_conn(p->client.s)),
		  mode_kernel_bits(m));
	ASSERT_EQ(ktls_conn_kernel(ktls_stream_conn(p->server.s)),
		  mode_kernel_bits(m));
}

void uring_end_over(struct uring_pair *p, struct uring_end *end,
		    struct ktls_conn *conn)
{
	ASSERT_OK(ktls_stream_adopt(&end->s, p->u, conn, slot_of(p, end),
				    &uring_end_ops, end));
}

static void end_free(struct uring_pair *p, struct uring_end *e)
{
	if (e->s && !e->freed) {
		ktls_stream_free(e->s);
		UNTIL(p, e->freed);
	}
	if (e->fd >= 0)
		close(e->fd);
	*e = (struct uring_end){ .fd = -1 };
}

void uring_pair_free(struct uring_pair *p)
{
	end_free(p, &p->client);
	end_free(p, &p->server);
}

void uring_close(struct uring_pair *p)
{
	uring_pair_free(p);
	ktls_uring_free(p->u);
	io_uring_queue_exit(&p->ring);
}
