// SPDX-License-Identifier: MIT
/* System calls of the loop's own; the ring waits for what they wait for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "paths.h"

enum { TAG_WRITABLE = 1, TAG_CACHED };

static int wait_writable(struct bench *b, struct job *j)
{
	struct io_uring_sqe *sqe = job_sqe(b);

	io_uring_prep_poll_add(sqe, j->fd, POLLOUT);
	job_tag(sqe, j, TAG_WRITABLE);
	return 0;
}

/* 1 when it is out, 0 when it waits */
static int send_head(struct bench *b, struct job *j)
{
	ssize_t n;

	while (j->head) {
		n = CALL(b, send(j->fd, header + HEAD - j->head, j->head,
				 MSG_MORE | MSG_NOSIGNAL));
		if (n < 0)
			return errno == EAGAIN ? wait_writable(b, j) : -errno;
		j->head -= (size_t)n;
	}
	return 1;
}

/* As send_head(), up to @end */
static int send_upto(struct bench *b, struct job *j, off_t end)
{
	ssize_t n;

	while (j->pos < end) {
		n = CALL(b, sendfile(j->fd, j->file, &j->pos,
				     (size_t)(end - j->pos)));
		if (n < 0)
			return errno == EAGAIN ? wait_writable(b, j) : -errno;
		if (!n)
			return -EIO;
	}
	return 1;
}

int step_sendfile(struct bench *b, struct job *j, unsigned tag, int res)
{
	int n = send_head(b, j);

	(void)tag;
	(void)res;
	if (n > 0)
		n = send_upto(b, j, b->size);
	return n > 0 ? job_done(b, j) : n;
}

/* SLICE at a time, for others to have their turn */
int step_sendfile_slice(struct bench *b, struct job *j, unsigned tag, int res)
{
	int n = send_head(b, j);
	off_t end = j->pos + SLICE;

	(void)tag;
	(void)res;
	if (n > 0)
		n = send_upto(b, j, end < b->size ? end : b->size);
	if (n > 0)
		return j->pos < b->size ? wait_writable(b, j) : job_done(b, j);
	return n;
}

/* Is the file in memory up to @end? The last byte stands for all. */
static bool cached(struct bench *b, struct job *j, off_t end)
{
	char byte;
	const struct iovec iov = { &byte, 1 };

	return CALL(b, preadv2(j->file, &iov, 1, end - 1, RWF_NOWAIT)) == 1;
}

static off_t ahead(const struct bench *b, const struct job *j)
{
	off_t end = (j->pos | (AHEAD - 1)) + 1;

	return end < b->size ? end : b->size;
}

/*
 * @fetch has the ring tell when the file is in memory from j->pos to the end of
 * its part
 */
static int sendfile_cached(struct bench *b, struct job *j, unsigned tag,
			   int (*fetch)(struct bench *, struct job *, off_t))
{
	int n = send_head(b, j);
	off_t end;

	if (tag == TAG_CACHED)
		j->ready = true;
	while (n > 0 && j->pos < b->size) {
		end = ahead(b, j);
		if (!j->ready && !cached(b, j, end))
			return fetch(b, j, end);
		j->ready = true;
		n = send_upto(b, j, end);
		if (n > 0)
			j->ready = false;
	}
	return n > 0 ? job_done(b, j) : n;
}

static int fetch_read(struct bench *b, struct job *j, off_t end)
{
	size_t len = (size_t)(end - j->pos);
	struct io_uring_sqe *sqe = job_sqe(b);

	/* what does not fit is for the file system's read-ahead to get */
	io_uring_prep_read(sqe, j->file, j->buf,
			   (unsigned)(len < b->buf_len ? len : b->buf_len),
			   (uint64_t)j->pos);
	job_tag(sqe, j, TAG_CACHED);
	return 0;
}

int step_sendfile_read(struct bench *b, struct job *j, unsigned tag, int res)
{
	return res < 0 ? res : sendfile_cached(b, j, tag, fetch_read);
}

static int fetch_ahead(struct bench *b, struct job *j, off_t end)
{
	struct io_uring_sqe *sqe = job_sqe(b);

	/* this part and the next; reads nothing itself */
	CALL(b, posix_fadvise(j->file, j->pos, end - j->pos + AHEAD,
			      POSIX_FADV_WILLNEED));
	io_uring_prep_read(sqe, j->file, j->buf, 1, (uint64_t)(end - 1));
	job_tag(sqe, j, TAG_CACHED);
	return 0;
}

int step_sendfile_ahead(struct bench *b, struct job *j, unsigned tag, int res)
{
	return res < 0 ? res : sendfile_cached(b, j, tag, fetch_ahead);
}

/* pread and send, the header in the same buffer */
int step_pread(struct bench *b, struct job *j, unsigned tag, int res)
{
	ssize_t n;

	(void)tag;
	(void)res;
	while (j->pos < b->size || j->sent < j->held) {
		if (j->sent == j->held) {
			n = CALL(b, pread(j->file, j->buf + j->head,
					  b->buf_len - j->head, j->pos));
			if (n <= 0)
				return n ? -errno : -EIO;
			j->pos += n;
			j->held = j->head + (size_t)n;
			j->sent = j->head = 0;
		}
		n = CALL(b, send(j->fd, j->buf + j->sent, j->held - j->sent,
				 MSG_NOSIGNAL));
		if (n < 0)
			return errno == EAGAIN ? wait_writable(b, j) : -errno;
		j->sent += (size_t)n;
	}
	return job_done(b, j);
}

/* libktls's own record layer; the calls that it makes are not counted */
int step_user(struct bench *b, struct job *j, unsigned tag, int res)
{
	ssize_t n = ktls_send(j->conn, header, HEAD, MSG_MORE);

	(void)tag;
	(void)res;
	if (n != HEAD)
		return n < 0 ? (int)n : -EIO;
	while (j->pos < b->size) {
		n = CALL(b, ktls_sendfile(j->conn, j->file, &j->pos,
					  (size_t)(b->size - j->pos)));
		if (n <= 0)
			return n ? (int)n : -EIO;
	}
	return job_done(b, j);
}
