// SPDX-License-Identifier: MIT
/*
 * A file on a ring.  sendfile(2) costs least where the file is in memory, and
 * where it is not waits for the disk, and the loop with it.  So a worker of the
 * ring first reads what is missing, over itself and for nobody: nothing is then
 * between file and socket that would have to be drained before a key changes or
 * the stream ends, and no worker waits for a slow peer.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "uring.h"

/* Linux 6.5, which older headers do not name */
#ifndef SYS_cachestat
#define SYS_cachestat	451
#endif

/* As much as is read ahead at once, by default, so that gaps are no smaller */
#define PROBE_STEP	(128 * 1024)

/* Of any file, and no read up to there overflows */
#define PAST_END	(INT64_MAX - 65536)

struct range {
	uint64_t from, len;
};

struct cache {
	uint64_t pages, dirty, writeback, evicted, recently_evicted;
};

/* Of a byte: 1: in memory, or past the end; 0: it is not; -1: it is not said */
static int has_byte(int file, off_t at)
{
	char byte;
	const struct iovec iov = { &byte, 1 };

	if (preadv2(file, &iov, 1, at, RWF_NOWAIT) >= 0)
		return 1;
	return errno == EAGAIN ? 0 : -1;
}

/* So many are; -1: not said, since 2025 neither to those who may not write */
static int64_t count_pages(struct ktls_uring *u, int file, off_t from,
			   off_t end)
{
	struct range range = { (uint64_t)from, (uint64_t)(end - from) };
	struct cache cache;

	if (u->no_cachestat)
		return -1;
	if (!syscall(SYS_cachestat, file, &range, &cache, 0))
		return (int64_t)cache.pages;
	u->no_cachestat = errno == ENOSYS;
	return -1;
}

/* ... as far as one can tell */
static bool has_bytes(int file, off_t from, off_t end)
{
	int has = 1;

	for (; from < end && has > 0; from += PROBE_STEP)
		has = has_byte(file, from);
	return (has > 0 ? has_byte(file, end - 1) : has) != 0;
}

/*
 * Also where that is not said: tmpfs and overlayfs do not, nor do networks.
 * Counted first, for a read that does not wait still tells the disk to begin,
 * which took 50 us.
 */
static bool in_memory(struct ktls_uring *u, int file, off_t from, off_t end)
{
	int64_t pages = count_pages(u, file, from, end);

	if (pages < 0)
		return has_bytes(file, from, end);
	/* none: or the pages are those of a file system below this one */
	if (!pages)
		return has_byte(file, PAST_END) < 0;
	if (pages < (end - 1) / u->page - from / u->page + 1)
		return false;
	/* those that are being read in count as well, and are the last */
	return has_byte(file, end - 1) != 0;
}

static void put_fetch(struct ktls_stream *s, off_t from, size_t len)
{
	struct ktls_uring *u = s->u;
	struct io_uring_sqe *sqe = stream_sqe(s);

	if (!sqe)
		return;
	io_uring_prep_readv(sqe, s->job->file, u->fetch_iov,
			    (unsigned int)((len + RECORD_DATA - 1) /
					   RECORD_DATA), (uint64_t)from);
	/* not here, be it only until the disk has the request */
	sqe->flags |= IOSQE_ASYNC;
	s->fetched = from + (off_t)len;
	stream_put(s, sqe, OP_FETCH);
}

/*
 * Once something was missing a worker goes first to the end: what the kernel
 * reads ahead goes on when somebody comes there, which is not to be the loop.
 */
static bool is_ready(struct ktls_stream *s, off_t from, off_t end)
{
	if (from < s->in_memory)
		return true;
	if (s->fetched && from >= s->fetched)
		return false;
	return in_memory(s->u, s->job->file, from, end);
}

bool file_ready(struct ktls_stream *s, size_t *len)
{
	off_t from = s->job->offset, end;

	if (stream_busy(s, OP_FETCH))
		return false;
	if (*len > FETCH_MAX)
		*len = FETCH_MAX;
	/* which sendfile(2) refuses */
	if (from < 0 || __builtin_add_overflow(from, *len, &end))
		return true;
	if (from < s->fetched && end > s->fetched)
		end = s->fetched;
	*len = (size_t)(end - from);
	if (!is_ready(s, from, end)) {
		put_fetch(s, from, *len);
		return false;
	}
	if (s->in_memory < end)
		s->in_memory = end;
	return true;
}

/* Of this ring, or of this way to read, but not of the file */
static bool is_mine(int res)
{
	switch (-res) {
	case EACCES:		/* a ring with restrictions */
	case EAGAIN:
	case ECANCELED:
	case EINTR:
	case EINVAL:
	case ENOMEM:
	case EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

/*
 * What could not be read is not tried again by the loop, which would wait for
 * the disk as long once more.  What has left memory meanwhile is waited for.
 */
void fetch_done(struct ktls_stream *s, int res)
{
	if (s->freed)
		return;
	if (res < 0 && !is_mine(res)) {
		job_done(s, res);
		return;
	}
	/* short, but not the file's end */
	if (res > 0 && res < s->fetched - s->job->offset)
		s->fetched = s->job->offset + res;
	s->in_memory = s->fetched;
}
