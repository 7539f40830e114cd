// SPDX-License-Identifier: MIT
#include "uring_probe.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What liburing 2.3 does not name yet; the numbers are the kernel's ABI */
#define OP_RECV_ZC		58
#define FEAT_RECVSEND_BUNDLE	(1U << 14)
#define FEAT_MIN_TIMEOUT	(1U << 15)
#define SEND_FIXED_BUF		(1U << 2)
#define SOCKET_SETSOCKOPT	3
#define BUF_RING_INC		2

#define BUF_LEN		256
#define GROUP		1
#define TIMEOUT_S	2

/* A ring, and a pair of sockets to try it on */
struct bench {
	struct io_uring ring;
	int sock[2];
	char buf[BUF_LEN];
};

static int bench_open(struct bench *b)
{
	int err = io_uring_queue_init(8, &b->ring, 0);

	if (err)
		return err;
	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->sock))
		return 0;
	err = -errno;
	io_uring_queue_exit(&b->ring);
	return err;
}

static void bench_close(struct bench *b)
{
	close(b->sock[0]);
	close(b->sock[1]);
	io_uring_queue_exit(&b->ring);
}

/* Submit what was prepared: its result, and the completion's flags */
static int complete(struct bench *b, unsigned int *flags)
{
	struct __kernel_timespec limit = { .tv_sec = TIMEOUT_S };
	struct io_uring_cqe *cqe;
	int err = io_uring_submit(&b->ring);

	if (err < 0)
		return err;
	err = io_uring_wait_cqe_timeout(&b->ring, &cqe, &limit);
	if (err)
		return err;
	err = cqe->res;
	if (flags)
		*flags = cqe->flags;
	io_uring_cqe_seen(&b->ring, cqe);
	return err;
}

/* ---- rings of buffers, and what needs them ----------------------------- */

static struct io_uring_buf_ring *add_buf_ring(struct bench *b, unsigned flags)
{
	struct io_uring_buf_reg reg = { .ring_entries = 1, .bgid = GROUP };
	struct io_uring_buf_ring *br;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int err;

	br = aligned_alloc(page, page);
	if (!br) {
		errno = ENOMEM;
		return NULL;
	}
	reg.ring_addr = (unsigned long)br;
	reg.pad = (__u16)flags;	/* called flags since 6.10 */
	err = io_uring_register_buf_ring(&b->ring, &reg, 0);
	if (err) {
		free(br);
		errno = -err;
		return NULL;
	}
	io_uring_buf_ring_init(br);
	io_uring_buf_ring_add(br, b->buf, BUF_LEN, 0, 0, 0);
	io_uring_buf_ring_advance(br, 1);
	return br;
}

static int try_buf_ring(struct bench *b, unsigned int flags)
{
	struct io_uring_buf_ring *br = add_buf_ring(b, flags);

	if (!br)
		return -errno;
	io_uring_unregister_buf_ring(&b->ring, GROUP);
	free(br);
	return 0;
}

static int try_buffers(struct bench *b)
{
	return try_buf_ring(b, 0);
}

static int try_incremental(struct bench *b)
{
	return try_buf_ring(b, BUF_RING_INC);
}

/* A shot that says that there are more to come was a multishot's */
static int try_shot(struct bench *b, struct msghdr *msg)
{
	struct io_uring_buf_ring *br = add_buf_ring(b, 0);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
	unsigned int flags = 0;
	int n;

	if (!br)
		return -errno;
	if (msg)
		io_uring_prep_recvmsg(sqe, b->sock[0], msg, 0);
	else
		io_uring_prep_recv(sqe, b->sock[0], NULL, 0, 0);
	sqe->ioprio |= IORING_RECV_MULTISHOT;
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	n = send(b->sock[1], "x", 1, 0) == 1 ? complete(b, &flags) : -errno;
	io_uring_queue_exit(&b->ring);	/* cancels it */
	free(br);
	n = n < 0 ? n : flags & IORING_CQE_F_MORE ? 0 : -EOPNOTSUPP;
	return io_uring_queue_init(8, &b->ring, 0) ? -EIO : n;
}

static int try_recv_multishot(struct bench *b)
{
	return try_shot(b, NULL);
}

static int try_recvmsg_multishot(struct bench *b)
{
	struct msghdr msg = { .msg_controllen = 32 };

	return try_shot(b, &msg);
}

/* ---- other things to try ----------------------------------------------- */

static int try_accept_multishot(struct bench *b)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);
	int ear = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned int flags = 0;
	int n;

	io_uring_prep_multishot_accept(io_uring_get_sqe(&b->ring), ear, NULL,
				       NULL, 0);
	if (bind(ear, (struct sockaddr *)&at, len) || listen(ear, 1) ||
	    getsockname(ear, (struct sockaddr *)&at, &len) ||
	    connect(fd, (struct sockaddr *)&at, len))
		n = -errno;
	else
		n = complete(b, &flags);
	if (n >= 0)
		close(n);
	close(fd);
	close(ear);
	return n < 0 ? n : flags & IORING_CQE_F_MORE ? 0 : -EOPNOTSUPP;
}

static int try_setsockopt(struct bench *b)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
	__u32 what[2] = { SOL_SOCKET, SO_RCVLOWAT };
	int value = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = SOCKET_SETSOCKOPT;
	memcpy(&sqe->addr, what, sizeof(what));
	sqe->file_index = sizeof(value);
	sqe->addr3 = (unsigned long)&value;
	err = complete(b, NULL);
	close(fd);
	return err;
}

static int try_send_fixed(struct bench *b)
{
	struct iovec iov = { b->buf, BUF_LEN };
	struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);
	int err = io_uring_register_buffers(&b->ring, &iov, 1);

	if (err)
		return err;
	io_uring_prep_send(sqe, b->sock[0], b->buf, 1, 0);
	sqe->ioprio |= SEND_FIXED_BUF;
	sqe->buf_index = 0;
	err = complete(b, NULL);
	io_uring_unregister_buffers(&b->ring);
	return err < 0 ? err : 0;
}

static int try_direct(struct bench *b)
{
	int err = io_uring_register_files_sparse(&b->ring, 4);

	return err ? err : io_uring_unregister_files(&b->ring);
}

/* ---- what the kernel says of itself ------------------------------------ */

static const struct {
	const char *name, *what;
	unsigned int flags;
} setups[] = {
	{ "SINGLE_ISSUER", "a ring for one thread",
	  IORING_SETUP_SINGLE_ISSUER },
	{ "DEFER_TASKRUN", "completions when they are asked for",
	  IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN },
	{ "COOP_TASKRUN", "no interrupts for completions",
	  IORING_SETUP_COOP_TASKRUN },
	{ "SQPOLL", "submission without system calls", IORING_SETUP_SQPOLL },
};

static const struct {
	const char *name, *what;
	int op;
} ops[] = {
	{ "SEND", "send(2)", IORING_OP_SEND },
	{ "RECV", "recv(2)", IORING_OP_RECV },
	{ "SENDMSG", "records of any type", IORING_OP_SENDMSG },
	{ "RECVMSG", "records with their type", IORING_OP_RECVMSG },
	{ "SPLICE", "sendfile(2), in two steps", IORING_OP_SPLICE },
	{ "WRITE_FIXED", "sending registered buffers",
	  IORING_OP_WRITE_FIXED },
	{ "ACCEPT", "accept4(2)", IORING_OP_ACCEPT },
	{ "CONNECT", "connect(2)", IORING_OP_CONNECT },
	{ "SHUTDOWN", "shutdown(2)", IORING_OP_SHUTDOWN },
	{ "CLOSE", "close(2)", IORING_OP_CLOSE },
	{ "OPENAT2", "openat2(2)", IORING_OP_OPENAT2 },
	{ "LINK_TIMEOUT", "time limits", IORING_OP_LINK_TIMEOUT },
	{ "MSG_RING", "connections from ring to ring", IORING_OP_MSG_RING },
	{ "SEND_ZC", "zero copy (sockets without TLS)", IORING_OP_SEND_ZC },
	{ "SENDMSG_ZC", "zero copy (sockets without TLS)",
	  IORING_OP_SENDMSG_ZC },
	{ "RECV_ZC", "zero copy (sockets without TLS)", OP_RECV_ZC },
};

static const struct {
	const char *name, *what;
	unsigned int bit;
} features[] = {
	{ "NODROP", "no completion is ever lost", IORING_FEAT_NODROP },
	{ "FAST_POLL", "no threads for waiting sockets",
	  IORING_FEAT_FAST_POLL },
	{ "SUBMIT_STABLE", "arguments are copied at submission",
	  IORING_FEAT_SUBMIT_STABLE },
	{ "CQE_SKIP", "no completion for what succeeds",
	  IORING_FEAT_CQE_SKIP },
	{ "RECVSEND_BUNDLE", "several buffers at once",
	  FEAT_RECVSEND_BUNDLE },
	{ "MIN_TIMEOUT", "batched waiting", FEAT_MIN_TIMEOUT },
};

static const struct {
	const char *name, *what;
	int (*try)(struct bench *b);
} tries[] = {
	{ "buffer ring", "the kernel picks the buffer", try_buffers },
	{ "incremental buffers", "... and fills it bit by bit",
	  try_incremental },
	{ "RECV multishot", "one request, many receives",
	  try_recv_multishot },
	{ "RECVMSG multishot", "... with their record types",
	  try_recvmsg_multishot },
	{ "ACCEPT multishot", "one request, many connections",
	  try_accept_multishot },
	{ "setsockopt command", "handing keys over from the ring",
	  try_setsockopt },
	{ "SEND from a registered buffer", "no page look-up a send",
	  try_send_fixed },
	{ "direct descriptors", "sockets without a place in the file table",
	  try_direct },
};

#define LEN(a) (sizeof(a) / sizeof(*(a)))
_Static_assert(LEN(setups) + LEN(ops) + LEN(features) + LEN(tries) <=
	       URING_CAPS_MAX, "URING_CAPS_MAX");

static void add(struct uring_caps *caps, const char *name, const char *what,
		int error)
{
	caps->caps[caps->len++] = (struct uring_cap){
		name, what, error < 0 ? -error : error
	};
}

static int try_setup(unsigned int flags, unsigned int *has)
{
	struct io_uring_params p = { .flags = flags };
	struct io_uring ring;
	int err = io_uring_queue_init_params(4, &ring, &p);

	if (err)
		return err;
	if (has)
		*has = p.features;
	io_uring_queue_exit(&ring);
	return 0;
}

static void add_ops(struct uring_caps *caps)
{
	struct io_uring_probe *p = io_uring_get_probe();

	for (size_t i = 0; i < LEN(ops); i++)
		add(caps, ops[i].name, ops[i].what,
		    p && io_uring_opcode_supported(p, ops[i].op) ? 0 : ENOSYS);
	if (p)
		io_uring_free_probe(p);
}

static void add_tries(struct uring_caps *caps)
{
	for (size_t i = 0; i < LEN(tries); i++) {
		struct bench b;
		int err = bench_open(&b);

		if (!err) {
			err = tries[i].try(&b);
			bench_close(&b);
		}
		add(caps, tries[i].name, tries[i].what, err);
	}
}

static int read_sysctl(void)
{
	FILE *f = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	int value = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

void uring_probe(struct uring_caps *caps)
{
	unsigned int has = 0;

	*caps = (struct uring_caps){ .disabled = read_sysctl() };
	caps->error = -try_setup(0, &has);
	if (caps->error)
		return;
	add_ops(caps);
	add_tries(caps);
	for (size_t i = 0; i < LEN(setups); i++)
		add(caps, setups[i].name, setups[i].what,
		    try_setup(setups[i].flags, NULL));
	for (size_t i = 0; i < LEN(features); i++)
		add(caps, features[i].name, features[i].what,
		    has & features[i].bit ? 0 : ENOSYS);
}
