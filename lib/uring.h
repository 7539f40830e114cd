/* SPDX-License-Identifier: MIT */
/* A connection on a ring: what its parts share */
#ifndef KTLS_URING_PRIVATE_H
#define KTLS_URING_PRIVATE_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "include/ktls_uring.h"

/* Plaintext of a record */
#define RECORD_DATA	16384
/* Of a file, by one request */
#define FETCH_MAX	(1024 * 1024)

/* Requests of a stream, of which each is in the ring once at most */
enum op {
	OP_RX,
	OP_TX,
	OP_SHUTDOWN,
	OP_CANCEL_RX,
	OP_CANCEL_TX,
	OP_INSTALL,	/* a descriptor of our own for a direct one */
	OP_FETCH,	/* of a file, into memory */
	OP_CANCEL_FETCH,
	OPS,
};

/* What OP_TX is */
enum tx {
	TX_HS,		/* a flight */
	TX_POLL,	/* for room in the socket */
	TX_RAW,		/* data, for the kernel to encrypt */
	TX_OUT,		/* records of ours */
};

/* A link of a circle; alone, it is its own neighbour */
struct ring_link {
	struct ring_link *next, *prev;
};

struct ktls_uring {
	struct io_uring *ring;
	unsigned int turn_bytes;
	struct ring_link ready;		/* streams to go on with */
	struct io_uring_buf_ring *br;
	size_t br_size;
	uint8_t *buf;
	unsigned int buffers;
	uint16_t group;
	struct msghdr rx_msg;		/* every recvmsg asks for types */
	uint8_t scratch[RECORD_DATA];	/* plaintext, during a callback */
	uint8_t waste[RECORD_DATA];	/* what nobody looks at */
	struct iovec fetch_iov[FETCH_MAX / RECORD_DATA];	/* all there */
	off_t page;			/* bytes */
	bool no_cachestat;
};

/* What came while the stream was paused */
struct held {
	struct held *next;
	int res;
	size_t len;
	uint8_t buf[];
};

struct ktls_stream {
	struct ring_link ready;
	struct ktls_uring *u;
	struct ktls_stream_ops ops;
	void *arg;
	struct ktls_hs *hs;
	struct ktls_conn *conn;
	struct ktls_job *job, **last;
	struct held *held, **held_last;
	int fd, slot;
	int got;		/* handshake: received while we were sending */
	int error;		/* of handshake or connection: final */
	unsigned int told;	/* what ops.wants() was told */
	unsigned int rx_at;	/* in the queue: the last request to receive */
	unsigned int rekey;	/* flags of it, if @rekeying */
	int tx_error;		/* records of ours do not go out: final for it */
	off_t fetched;		/* the job's file, to there; 0: not at all */
	off_t in_memory;	/* ... is, as far as this turn knows */
	uint8_t busy;		/* bit of each enum op: in the ring */
	uint8_t tx;		/* enum tx */
	uint8_t odd;		/* failures in a row that were none */
	bool got_some : 1;
	bool own_fd : 1;
	bool nonblock : 1;	/* for sendfile(2) */
	bool paused : 1;
	bool ended : 1;		/* ops.end() was called */
	bool discarding : 1;	/* ... what still comes */
	bool flush : 1;		/* the library may have something to send */
	bool rekeying : 1;
	bool closing : 1;
	bool shut : 1;		/* our side */
	bool closed : 1;	/* ops.closed() was called */
	bool freed : 1;
	bool fetch_cancelled : 1;	/* or at least, that was asked for */
};

/* ---- requests (uring.c) ------------------------------------------------- */

/* Room for a request of @s; or NULL, and it is tried again in the next turn */
struct io_uring_sqe *stream_sqe(struct ktls_stream *s);
/* What has been prepared is to be in the ring as @op */
void stream_put(struct ktls_stream *s, struct io_uring_sqe *sqe, enum op op);
static inline bool stream_busy(const struct ktls_stream *s, enum op op)
{
	return s->busy & 1u << op;
}

/* The ring has the memory or file of the first job */
static inline bool stream_has_job(const struct ktls_stream *s)
{
	return stream_busy(s, OP_TX) || stream_busy(s, OP_FETCH);
}

void stream_cancel(struct ktls_stream *s, enum op op, enum op by);
/* Go on with it in the next turn */
void stream_ready(struct ktls_stream *s);
/* The handshake or connection has failed */
void stream_fail(struct ktls_stream *s, int err);
/* @id can be received into again */
void uring_give_back(struct ktls_uring *u, unsigned int id);
size_t uring_buffer_size(void);

/* ---- what completions mean, and what comes next ------------------------- */

/* a handshake (uring_hs.c) */
void hs_step(struct ktls_stream *s);
void hs_rx_done(struct ktls_stream *s, int res);
void hs_tx_done(struct ktls_stream *s, int res);

/* receiving (uring_rx.c) */
void rx_step(struct ktls_stream *s);
void rx_done(struct ktls_stream *s, const struct io_uring_cqe *cqe);
void rx_forget(struct ktls_stream *s);
/* Nothing more is to be expected, unless that is known already */
void rx_end(struct ktls_stream *s, int err);

/* sending, and closing (uring_tx.c) */
void tx_step(struct ktls_stream *s);
/* False: the ring has no room */
bool tx_send(struct ktls_stream *s, enum tx tx, const void *p, size_t len,
	     int flags);
/* The ring is to wait on the socket again */
void tx_blocking(struct ktls_stream *s);
void tx_done(struct ktls_stream *s, int res);
void tx_shutdown_done(struct ktls_stream *s, int res);
/* Those that are queued fail */
void tx_cancel(struct ktls_stream *s, int err);

/* the file of a job (uring_file.c) */
/*
 * True: @len bytes, or as many as it is then, can be sent without waiting for a
 * disk.  False: they are fetched, or the ring has no room for that.
 */
bool file_ready(struct ktls_stream *s, size_t *len);
void fetch_done(struct ktls_stream *s, int res);
/* The first job is done, with @err (uring_tx.c) */
void job_done(struct ktls_stream *s, int err);

#endif /* KTLS_URING_PRIVATE_H */
