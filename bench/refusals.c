// SPDX-License-Identifier: MIT
#include "refusals.h"

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "links.h"

/* What liburing 2.3 does not name yet */
#define SEND_BUNDLE	(1U << 4)
#define BUF		"refused?"

struct offer {
	const char *name;
	void (*prepare)(struct io_uring_sqe *sqe, int fd);
};

static void plain(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_send(sqe, fd, BUF, sizeof(BUF), 0);
}

static void waitall(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_send(sqe, fd, BUF, sizeof(BUF), MSG_WAITALL);
}

static void zero_copy(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_send_zc(sqe, fd, BUF, sizeof(BUF), 0, 0);
}

static void bundle(struct io_uring_sqe *sqe, int fd)
{
	io_uring_prep_send(sqe, fd, NULL, 0, 0);
	sqe->ioprio |= SEND_BUNDLE;
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 1;
}

static const struct offer offers[] = {
	{ "SEND", plain },
	{ "SEND with MSG_WAITALL", waitall },
	{ "SEND_ZC", zero_copy },
	{ "SEND of a bundle", bundle },
};

static int provide(struct io_uring *ring, char *buf, unsigned int len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int err;

	io_uring_prep_provide_buffers(sqe, buf, (int)len, 1, 1, 0);
	err = io_uring_submit_and_wait(ring, 1);
	if (err < 0 || io_uring_peek_cqe(ring, &cqe))
		return -1;
	err = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return err;
}

static void try(struct io_uring *ring, int fd, const struct offer *o)
{
	struct io_uring_cqe *cqe;

	o->prepare(io_uring_get_sqe(ring), fd);
	if (io_uring_submit_and_wait(ring, 1) < 0 ||
	    io_uring_peek_cqe(ring, &cqe))
		return;
	printf("  %-24s %s\n", o->name, cqe->res < 0 ? strerror(-cqe->res) :
	       "taken");
	if (cqe->flags & IORING_CQE_F_MORE) {	/* zero copy's notification */
		io_uring_cqe_seen(ring, cqe);
		if (io_uring_wait_cqe(ring, &cqe))
			return;
	}
	io_uring_cqe_seen(ring, cqe);
}

int print_refusals(void)
{
	struct io_uring ring;
	struct links l;
	char buf[64];
	int err = links_open(&l, 1, CARRIER_KERNEL);

	if (err == -EOPNOTSUPP) {
		printf("this kernel has no kTLS: plain TCP and user space\n");
		return 0;
	}
	if (err)
		return err;
	err = io_uring_queue_init(8, &ring, 0);
	if (!err) {
		memset(buf, 'b', sizeof(buf));
		provide(&ring, buf, sizeof(buf));
		printf("on a kTLS socket:\n");
		for (size_t i = 0; i < sizeof(offers) / sizeof(*offers); i++)
			try(&ring, l.fd[0], &offers[i]);
		io_uring_queue_exit(&ring);
	}
	links_close(&l);
	return err;
}
