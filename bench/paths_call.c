// SPDX-License-Identifier: MIT
/* System calls of the loop's own; the ring waits for what they wait for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "paths.h"

int wait_writable(struct bench *b, struct job *j)
{
	struct io_uring_sqe *sqe = job_sqe(b);

	io_uring_prep_poll_add(sqe, j->fd, POLLOUT);
	job_tag(sqe, j, TAG_WRITABLE);
	return 0;
}

int send_head(struct bench *b, struct job *j)
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

int send_upto(struct bench *b, struct job *j, off_t end)
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
