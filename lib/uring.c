// SPDX-License-Identifier: MIT
/* A caller's ring: its buffers, its streams, and whose completion it is */
#include "uring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "opts.h"

#define BUFFERS		64
#define BUFFERS_MAX	32768
#define TURN_BYTES	(512 * 1024)
/* Before the record: lengths and flags, then its type */
#define BUFFER_HEAD	(sizeof(struct io_uring_recvmsg_out) + \
			 CMSG_SPACE(sizeof(uint8_t)))
/* Linux 6.8, which older headers do not name */
#define FIXED_FD_INSTALL	54

size_t uring_buffer_size(void)
{
	return (BUFFER_HEAD + RECORD_DATA + 63) & ~(size_t)63;
}

/* ---- links --------------------------------------------------------------- */

static void link_init(struct ring_link *l)
{
	l->next = l->prev = l;
}

static void link_del(struct ring_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

static void link_add(struct ring_link *l, struct ring_link *head)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static struct ktls_stream *stream_of(struct ring_link *l)
{
	return (struct ktls_stream *)(void *)
	       ((char *)l - offsetof(struct ktls_stream, ready));
}

/* ---- buffers ------------------------------------------------------------- */

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void uring_give_back(struct ktls_uring *u, unsigned int id)
{
	io_uring_buf_ring_add(u->br, u->buf + id * uring_buffer_size(),
			      (unsigned int)uring_buffer_size(),
			      (unsigned short)id,
			      io_uring_buf_ring_mask(u->buffers), 0);
	io_uring_buf_ring_advance(u->br, 1);
}

static int add_buffers(struct ktls_uring *u)
{
	struct io_uring_buf_reg reg = {
		.ring_entries = u->buffers,
		.bgid = u->group,
	};
	int err;

	u->br_size = u->buffers * sizeof(struct io_uring_buf);
	u->br = map(u->br_size);
	u->buf = map(u->buffers * uring_buffer_size());
	if (!u->br || !u->buf)
		return -ENOMEM;
	/* plaintext: not in a dump */
	madvise(u->buf, u->buffers * uring_buffer_size(), MADV_DONTDUMP);
	reg.ring_addr = (uintptr_t)u->br;
	err = io_uring_register_buf_ring(u->ring, &reg, 0);
	if (err)
		return err == -EINVAL ? -ENOTSUP : err;
	io_uring_buf_ring_init(u->br);
	for (unsigned int i = 0; i < u->buffers; i++)
		uring_give_back(u, i);
	return 0;
}

static void remove_buffers(struct ktls_uring *u)
{
	size_t size = u->buffers * uring_buffer_size();

	if (u->buf) {
		explicit_bzero(u->buf, size);
		munmap(u->buf, size);
	}
	if (u->br)
		munmap(u->br, u->br_size);
}

/* ---- the ring's part ----------------------------------------------------- */

int ktls_uring_new(struct ktls_uring **out, struct io_uring *ring,
		   const struct ktls_uring_opts *opts)
{
	struct ktls_uring_opts o = { 0 };
	struct ktls_uring *u;
	int err = opts ? opts_take(&o, sizeof(o), opts, sizeof(o.size)) : 0;

	*out = NULL;
	if (err)
		return err;
	if (!o.buffers)
		o.buffers = BUFFERS;
	if (o.buffers > BUFFERS_MAX || o.buffers & (o.buffers - 1))
		return -EINVAL;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->ring = ring;
	u->buffers = o.buffers;
	u->group = o.buffer_group;
	u->turn_bytes = o.turn_bytes ? o.turn_bytes : TURN_BYTES;
	u->page = sysconf(_SC_PAGESIZE);
	link_init(&u->ready);
	u->rx_msg.msg_controllen = CMSG_SPACE(sizeof(uint8_t));
	for (size_t i = 0; i < FETCH_MAX / RECORD_DATA; i++)
		u->fetch_iov[i] = (struct iovec){ u->waste, RECORD_DATA };
	err = add_buffers(u);
	if (err) {
		remove_buffers(u);
		free(u);
		return err;
	}
	*out = u;
	return 0;
}

void ktls_uring_free(struct ktls_uring *u)
{
	if (!u)
		return;
	io_uring_unregister_buf_ring(u->ring, u->group);
	remove_buffers(u);
	explicit_bzero(u->scratch, sizeof(u->scratch));
	explicit_bzero(u->waste, sizeof(u->waste));
	free(u);
}

/* ---- requests ------------------------------------------------------------ */

struct io_uring_sqe *stream_sqe(struct ktls_stream *s)
{
	struct io_uring *ring = s->u->ring;

	if (!io_uring_sq_space_left(ring))
		io_uring_submit(ring);
	if (!io_uring_sq_space_left(ring)) {
		stream_ready(s);
		return NULL;
	}
	return io_uring_get_sqe(ring);
}

/* Which of whose it is: streams are aligned so that the low bits are free */
static uint64_t tag(const struct ktls_stream *s, enum op op)
{
	return (uintptr_t)s | (unsigned int)op << 1 | 1;
}

void stream_put(struct ktls_stream *s, struct io_uring_sqe *sqe, enum op op)
{
	bool on_socket = !(1u << op & (1u << OP_CANCEL_RX | 1u << OP_CANCEL_TX |
				       1u << OP_FETCH | 1u << OP_CANCEL_FETCH));

	if (s->slot >= 0 && on_socket) {
		sqe->fd = s->slot;
		sqe->flags |= IOSQE_FIXED_FILE;
	}
	if (s->nonblock && on_socket && sqe->opcode != IORING_OP_POLL_ADD)
		tx_blocking(s);
	sqe->user_data = tag(s, op);
	s->busy |= (uint8_t)(1u << op);
	if (op == OP_RX)
		s->rx_at = s->u->ring->sq.sqe_tail;
}

void stream_cancel(struct ktls_stream *s, enum op op, enum op by)
{
	struct io_uring_sqe *sqe;

	if (!stream_busy(s, op) || stream_busy(s, by))
		return;
	sqe = stream_sqe(s);
	if (!sqe)
		return;
	io_uring_prep_cancel64(sqe, tag(s, op), 0);
	stream_put(s, sqe, by);
}

void stream_ready(struct ktls_stream *s)
{
	if (s->ready.next == &s->ready)
		link_add(&s->ready, &s->u->ready);
}

void stream_fail(struct ktls_stream *s, int err)
{
	if (!s->error)
		s->error = err;
}

/* ---- a stream's life ----------------------------------------------------- */

static int new_stream(struct ktls_stream **out, struct ktls_uring *u, int fd,
		      int slot, void *arg, const struct ktls_stream_ops *ops,
		      size_t size)
{
	struct ktls_stream *s = aligned_alloc(16, (sizeof(*s) + 15) & ~15ul);
	int err;

	if (!s)
		return -ENOMEM;
	*s = (struct ktls_stream){
		.u = u, .arg = arg, .fd = fd, .slot = slot,
	};
	err = opts_copy(&s->ops, sizeof(s->ops), ops, size);
	if (err) {
		free(s);
		return err;
	}
	s->last = &s->job;
	s->held_last = &s->held;
	link_init(&s->ready);
	*out = s;
	return 0;
}

int ktls_stream_new_size(struct ktls_stream **out, struct ktls_uring *u,
			 struct ktls_hs *hs, int fd, int slot, void *arg,
			 const struct ktls_stream_ops *ops, size_t size)
{
	struct ktls_stream *s;
	int err;

	*out = NULL;
	if (fd < 0 && slot < 0)
		return -EINVAL;
	err = new_stream(&s, u, fd, slot, arg, ops, size);
	if (err)
		return err;
	s->hs = hs;
	/* a failure is remembered by the handshake */
	if (fd >= 0)
		ktls_hs_attach(hs, fd);
	stream_ready(s);
	*out = s;
	return 0;
}

int ktls_stream_adopt_size(struct ktls_stream **out, struct ktls_uring *u,
			   struct ktls_conn *conn, int slot, void *arg,
			   const struct ktls_stream_ops *ops, size_t size)
{
	struct ktls_stream *s;
	int err;

	*out = NULL;
	err = new_stream(&s, u, ktls_conn_fd(conn), slot, arg, ops, size);
	if (err)
		return err;
	err = ktls_conn_own_io(conn);
	if (err) {
		free(s);
		return err;
	}
	s->conn = conn;
	s->flush = true;
	stream_ready(s);
	*out = s;
	return 0;
}

static void release(struct ktls_stream *s)
{
	link_del(&s->ready);
	rx_forget(s);
	tx_blocking(s);
	ktls_hs_free(s->hs);
	ktls_conn_free(s->conn);
	if (s->own_fd)
		close(s->fd);
	if (s->ops.freed)
		s->ops.freed(s->arg);
	free(s);
}

/* Nothing of it may be in the ring when it goes */
static void free_step(struct ktls_stream *s)
{
	stream_cancel(s, OP_RX, OP_CANCEL_RX);
	stream_cancel(s, OP_TX, OP_CANCEL_TX);
	/* once: a worker that waits for a disk cannot be stopped */
	if (!s->fetch_cancelled) {
		stream_cancel(s, OP_FETCH, OP_CANCEL_FETCH);
		s->fetch_cancelled = stream_busy(s, OP_CANCEL_FETCH);
	}
	tx_cancel(s, -ECANCELED);
	if (s->job && !stream_has_job(s))
		stream_ready(s);	/* which its callbacks have queued */
	else if (!s->busy)
		release(s);
}

void ktls_stream_free(struct ktls_stream *s)
{
	s->freed = true;
	stream_ready(s);
}

/* ---- direct descriptors -------------------------------------------------- */

/* setsockopt(2) and getsockopt(2) of the keys are no requests of a ring */
static void install_step(struct ktls_stream *s)
{
	struct io_uring_sqe *sqe;

	if (stream_busy(s, OP_INSTALL))
		return;
	sqe = stream_sqe(s);
	if (!sqe)
		return;
	io_uring_prep_nop(sqe);
	sqe->opcode = FIXED_FD_INSTALL;
	stream_put(s, sqe, OP_INSTALL);
}

static void install_done(struct ktls_stream *s, int res)
{
	if (res < 0) {
		s->ended = true;
		ktls_hs_recv_failed(s->hs, res == -EINVAL ? -ENOTSUP : res);
		s->fd = -2;	/* not again */
		return;
	}
	s->fd = res;
	s->own_fd = true;
	ktls_hs_attach(s->hs, s->fd);
}

/* ---- the caller's turn --------------------------------------------------- */

static void step(struct ktls_stream *s)
{
	if (s->freed)
		return;
	if (s->fd == -1)
		install_step(s);
	else if (s->hs)
		hs_step(s);
	if ((s->conn || s->error) && !s->freed)
		rx_step(s);
	if (!s->freed)
		tx_step(s);
}

/* Everything that the caller is called back from is in here */
static void run(struct ktls_stream *s)
{
	link_del(&s->ready);
	step(s);
	if (s->freed)
		free_step(s);
}

static void done(struct ktls_stream *s, enum op op,
		 const struct io_uring_cqe *cqe)
{
	switch (op) {
	case OP_RX:
		rx_done(s, cqe);
		return;
	case OP_TX:
		tx_done(s, cqe->res);
		return;
	case OP_SHUTDOWN:
		tx_shutdown_done(s, cqe->res);
		return;
	case OP_INSTALL:
		install_done(s, cqe->res);
		return;
	case OP_FETCH:
		fetch_done(s, cqe->res);
		return;
	default:
		return;		/* the cancelled one tells itself */
	}
}

void ktls_uring_complete(struct ktls_uring *u, const struct io_uring_cqe *cqe)
{
	enum op op = (enum op)(cqe->user_data >> 1 & 7);
	struct ktls_stream *s = (struct ktls_stream *)(uintptr_t)
				(cqe->user_data & ~(uint64_t)15);

	(void)u;
	if (!(cqe->flags & IORING_CQE_F_MORE))
		s->busy &= (uint8_t)~(1u << op);
	done(s, op, cqe);
	run(s);
}

bool ktls_uring_turn(struct ktls_uring *u)
{
	struct ring_link now;

	/* those that come back on the list have their turn next time */
	link_init(&now);
	if (u->ready.next != &u->ready) {
		now = u->ready;
		now.next->prev = now.prev->next = &now;
		link_init(&u->ready);
	}
	while (now.next != &now) {
		struct ktls_stream *s = stream_of(now.next);

		run(s);
	}
	return u->ready.next != &u->ready;
}

/* ---- what the caller asks ------------------------------------------------ */

void *ktls_stream_arg(const struct ktls_stream *s)
{
	return s->arg;
}

struct ktls_hs *ktls_stream_hs(const struct ktls_stream *s)
{
	return s->hs;
}

struct ktls_conn *ktls_stream_conn(const struct ktls_stream *s)
{
	return s->conn;
}

void ktls_stream_go(struct ktls_stream *s)
{
	s->told = 0;
	s->flush = true;
	stream_ready(s);
}

void ktls_stream_pause(struct ktls_stream *s)
{
	s->paused = true;
	stream_ready(s);
}

void ktls_stream_resume(struct ktls_stream *s)
{
	s->paused = false;
	stream_ready(s);
}
