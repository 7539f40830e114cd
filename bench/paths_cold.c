// SPDX-License-Identifier: MIT
/* sendfile of what is in memory, which the ring brings there */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "paths.h"

#ifndef SYS_cachestat
#define SYS_cachestat	451
#endif

#define PAGE		4096
#define STEP		(128 << 10)
#define WASTE		(32 << 10)

enum { TAG_CACHED = TAG_WRITABLE + 1, TAG_ADVISED };

/* ---- is it there? -------------------------------------------------------- */

static bool has_byte(struct bench *b, struct job *j, off_t at)
{
	char byte;
	const struct iovec iov = { &byte, 1 };

	return CALL(b, preadv2(j->file, &iov, 1, at, RWF_NOWAIT)) == 1;
}

/* Pages that are still being read in count as well, the last of them not */
static bool cached_exactly(struct bench *b, struct job *j, off_t end)
{
	uint64_t range[2] = { (uint64_t)j->pos, (uint64_t)(end - j->pos) };
	uint64_t pages = (uint64_t)((end - 1) / PAGE - j->pos / PAGE + 1);
	uint64_t stat[5];

	return !CALL(b, syscall(SYS_cachestat, j->file, range, stat, 0)) &&
	       stat[0] >= pages && has_byte(b, j, end - 1);
}

/* By what is needed where cachestat(2) is not, or not allowed */
static bool cached_probably(struct bench *b, struct job *j, off_t end)
{
	for (off_t at = j->pos; at < end; at += STEP)
		if (!has_byte(b, j, at))
			return false;
	return has_byte(b, j, end - 1);
}

/* ---- until it is --------------------------------------------------------- */

/* All of it, over itself, by a worker */
static void fetch_read(struct bench *b, struct job *j, off_t end)
{
	static struct iovec iov[AHEAD / WASTE + 1];
	static char waste[WASTE];
	struct io_uring_sqe *sqe = job_sqe(b);
	size_t len = (size_t)(end - j->pos), n = (len + WASTE - 1) / WASTE;

	for (size_t i = 0; i < n; i++)
		iov[i] = (struct iovec){ waste, WASTE };
	io_uring_prep_readv(sqe, j->file, iov, (unsigned)n, (uint64_t)j->pos);
	sqe->flags |= IOSQE_ASYNC;
	job_tag(sqe, j, TAG_CACHED);
}

/* As a request to have it read, and the last byte of it */
static void fetch_ahead(struct bench *b, struct job *j, off_t end)
{
	struct io_uring_sqe *sqe = job_sqe(b);

	io_uring_prep_fadvise(sqe, j->file, (uint64_t)j->pos, (end - j->pos),
			      POSIX_FADV_WILLNEED);
	sqe->flags |= IOSQE_IO_LINK | IOSQE_ASYNC;
	job_tag(sqe, j, TAG_ADVISED);
	sqe = job_sqe(b);
	io_uring_prep_read(sqe, j->file, j->buf, 1, (uint64_t)(end - 1));
	sqe->flags |= IOSQE_ASYNC;
	job_tag(sqe, j, TAG_CACHED);
}

/* ---- the ways ------------------------------------------------------------ */

static off_t part_end(const struct bench *b, const struct job *j)
{
	off_t end = (j->pos | (AHEAD - 1)) + 1;

	return end < b->size ? end : b->size;
}

static int step(struct bench *b, struct job *j, unsigned tag, int res,
		bool (*cached)(struct bench *, struct job *, off_t),
		void (*fetch)(struct bench *, struct job *, off_t))
{
	int n;

	if (tag == TAG_ADVISED || res < 0)
		return res < 0 ? res : 0;
	if (tag == TAG_CACHED)
		j->ready = true;
	n = send_head(b, j);
	while (n > 0 && j->pos < b->size) {
		off_t end = part_end(b, j);

		if (!j->ready && !cached(b, j, end)) {
			fetch(b, j, end);
			return 0;
		}
		j->ready = true;
		n = send_upto(b, j, end);
		if (n > 0)
			j->ready = false;
	}
	return n > 0 ? job_done(b, j) : n;
}

int step_sendfile_read(struct bench *b, struct job *j, unsigned tag, int res)
{
	return step(b, j, tag, res, cached_exactly, fetch_read);
}

int step_sendfile_probe(struct bench *b, struct job *j, unsigned tag, int res)
{
	return step(b, j, tag, res, cached_probably, fetch_read);
}

int step_sendfile_ahead(struct bench *b, struct job *j, unsigned tag, int res)
{
	return step(b, j, tag, res, cached_exactly, fetch_ahead);
}
