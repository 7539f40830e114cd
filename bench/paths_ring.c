// SPDX-License-Identifier: MIT
/* Operations of the ring alone. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "paths.h"

enum { TAG_READ = 1, TAG_SEND, TAG_FILL, TAG_EMPTY };

/* ---- a pipe between them ------------------------------------------------ */

static void splice_out(struct bench *b, struct job *j, size_t len, bool more)
{
	struct io_uring_sqe *sqe = job_sqe(b);

	io_uring_prep_splice(sqe, j->pipe[0], -1, j->fd, -1, (unsigned)len,
			     more ? SPLICE_F_MORE : 0);
	job_tag(sqe, j, TAG_EMPTY);
}

static void splice_chunk(struct bench *b, struct job *j)
{
	struct io_uring_sqe *sqe = job_sqe(b);
	off_t len = b->size - j->pos;

	if (len > PIPE_LEN)
		len = PIPE_LEN;
	io_uring_prep_splice(sqe, j->file, j->pos, j->pipe[1], -1,
			     (unsigned)len, 0);
	job_tag(sqe, j, TAG_FILL);
	sqe->flags |= IOSQE_IO_LINK;
	splice_out(b, j, (size_t)len, j->pos + len < b->size);
}

/*
 * Both operations report: a short one breaks the link, and what it moved is in
 * the pipe and has to go on.
 */
int step_splice(struct bench *b, struct job *j, unsigned tag, int res)
{
	struct io_uring_sqe *sqe;

	if (res < 0 && res != -ECANCELED)
		return res;
	switch (tag) {
	case 0:
		sqe = job_sqe(b);
		io_uring_prep_send(sqe, j->fd, header, HEAD,
				   MSG_MORE | MSG_NOSIGNAL);
		job_tag(sqe, j, TAG_SEND);
		sqe->flags |= IOSQE_IO_LINK;
		splice_chunk(b, j);
		return 0;
	case TAG_SEND:
		return res == HEAD ? 0 : -EIO;
	case TAG_FILL:
		j->pos += res;
		j->held += (size_t)res;
		return 0;
	default:
		if (res > 0)
			j->held -= (size_t)res;
		if (j->held)
			splice_out(b, j, j->held, j->pos < b->size);
		else if (j->pos < b->size)
			splice_chunk(b, j);
		else
			return job_done(b, j);
		return 0;
	}
}

/* ---- a mapping ---------------------------------------------------------- */

static void send_map(struct bench *b, struct job *j)
{
	struct io_uring_sqe *sqe = job_sqe(b);

	j->iov[0] = (struct iovec){ header + HEAD - j->head, j->head };
	j->iov[1] = (struct iovec){ j->map + j->pos,
				    (size_t)(b->size - j->pos) };
	j->msg = (struct msghdr){ .msg_iov = j->iov + !j->head,
				  .msg_iovlen = j->head ? 2 : 1 };
	io_uring_prep_sendmsg(sqe, j->fd, &j->msg, MSG_NOSIGNAL);
	job_tag(sqe, j, TAG_SEND);
}

/* A short send is no error: MSG_WAITALL is refused with kTLS */
int step_map_kept(struct bench *b, struct job *j, unsigned tag, int res)
{
	size_t n = (size_t)res;

	if (res < 0)
		return res;
	if (tag) {
		if (n < j->head) {
			j->head -= n;
			n = 0;
		} else {
			n -= j->head;
			j->head = 0;
		}
		j->pos += (off_t)n;
	}
	if (j->pos == b->size)
		return job_done(b, j);
	send_map(b, j);
	return 0;
}

int step_map(struct bench *b, struct job *j, unsigned tag, int res)
{
	int err;

	if (!tag) {
		j->map = CALL(b, mmap(NULL, (size_t)b->size, PROT_READ,
				      MAP_SHARED | MAP_POPULATE, j->file, 0));
		if (j->map == MAP_FAILED)
			return -errno;
	}
	err = step_map_kept(b, j, tag, res);
	if (j->done)
		CALL(b, munmap(j->map, (size_t)b->size));
	return err;
}

/* ---- a buffer ----------------------------------------------------------- */

static size_t next_len(const struct bench *b, const struct job *j)
{
	size_t room = b->buf_len - j->head;
	off_t left = b->size - j->pos;

	return left < (off_t)room ? (size_t)left : room;
}

static struct io_uring_sqe *read_chunk(struct bench *b, struct job *j,
				       bool fixed)
{
	struct io_uring_sqe *sqe = job_sqe(b);
	unsigned int len = (unsigned int)next_len(b, j);

	if (fixed)
		io_uring_prep_read_fixed(sqe, j->file, j->buf + j->head, len,
					 (uint64_t)j->pos, j->index);
	else
		io_uring_prep_read(sqe, j->file, j->buf + j->head, len,
				   (uint64_t)j->pos);
	job_tag(sqe, j, TAG_READ);
	return sqe;
}

static void send_buf(struct bench *b, struct job *j, size_t len, bool fixed)
{
	struct io_uring_sqe *sqe = job_sqe(b);

	if (fixed)	/* SEND has IORING_RECVSEND_FIXED_BUF only of late */
		io_uring_prep_write_fixed(sqe, j->fd, j->buf + j->sent,
					  (unsigned)len, 0, j->index);
	else
		io_uring_prep_send(sqe, j->fd, j->buf + j->sent, len,
				   MSG_NOSIGNAL);
	job_tag(sqe, j, TAG_SEND);
}

/* What was read is in the buffer, behind the header if that is still there */
static void took(struct job *j, int res)
{
	j->pos += res;
	j->held = j->head + (size_t)res;
	j->sent = j->head = 0;
}

int step_read(struct bench *b, struct job *j, unsigned tag, int res)
{
	if (res < 0 || (tag == TAG_READ && !res))
		return res ? res : -EIO;
	if (tag == TAG_READ)
		took(j, res);
	else
		j->sent += (size_t)res;
	if (j->sent < j->held)
		send_buf(b, j, j->held - j->sent, false);
	else if (j->pos < b->size)
		read_chunk(b, j, false);
	else
		return job_done(b, j);
	return 0;
}

/*
 * Only one pair at a time: a short send does not break a link, so what is
 * linked behind it would go out too early. A short read does, and then it ends
 * with -ECANCELED what was to follow.
 */
static int linked(struct bench *b, struct job *j, unsigned tag, int res,
		  bool fixed)
{
	size_t len;

	if (tag == TAG_READ) {
		if (res <= 0)
			return res ? res : -EIO;
		took(j, res);
		return 0;
	}
	if (res < 0 && res != -ECANCELED)
		return res;
	if (tag && res > 0)
		j->sent += (size_t)res;
	if (j->sent < j->held) {
		send_buf(b, j, j->held - j->sent, fixed);
	} else if (j->pos < b->size) {
		j->sent = j->held = 0;
		len = j->head + next_len(b, j);
		read_chunk(b, j, fixed)->flags |= IOSQE_IO_LINK;
		send_buf(b, j, len, fixed);
	} else {
		return job_done(b, j);
	}
	return 0;
}

int step_linked(struct bench *b, struct job *j, unsigned tag, int res)
{
	return linked(b, j, tag, res, false);
}

int step_fixed(struct bench *b, struct job *j, unsigned tag, int res)
{
	return linked(b, j, tag, res, true);
}
