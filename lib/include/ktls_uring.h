/* SPDX-License-Identifier: MIT */
/*
 * libktls-uring: TLS connections on a caller's io_uring(7).
 *
 * The ring, its thread and its loop are the caller's.  A stream is a connection
 * on it: the library prepares requests, the caller submits them, reaps
 * completions and gives those that are the library's to ktls_uring_complete(),
 * from which the caller is called back.  All of a ring's calls are made by one
 * thread, that which submits to it; nothing is shared between rings but configs.
 *
 * What goes through the ring: the handshake, byte for byte as the engine asks
 * for it; data received, by one multishot recvmsg with control data into a ring
 * of buffers, so that what is no data arrives in order and typed; data sent;
 * close.  Where the kernel does not carry a direction, the same calls work with
 * the user-space record layer.  Needs Linux 6.1 or later; what later kernels
 * add is used where a probe finds it.
 */
#ifndef KTLS_URING_H
#define KTLS_URING_H

#include <liburing.h>
#include <stdbool.h>

#include "ktls.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct ktls_uring;
struct ktls_stream;

/* ---- TLS on an io_uring ------------------------------------------------ */

struct ktls_uring_opts {
	size_t size;			/* sizeof(struct ktls_uring_opts) */
	/*
	 * Buffers to receive into, shared by all streams: a power of two up to
	 * 32768 (0: 64), of the least size that holds a record with what the
	 * kernel puts before it.  Data is in one only during the callback.
	 */
	unsigned int buffers;
	uint16_t buffer_group;		/* its number in the ring */
	/*
	 * Of a file, so many bytes are sent in one turn of a stream, at most
	 * (0: 524288): others wait no longer than that takes.  It does not wait
	 * for a disk: see struct ktls_job.
	 */
	unsigned int turn_bytes;
};

/*
 * Returns 0; -EINVAL; -E2BIG (an option that this version of the library does
 * not know yet); -ENOMEM; -EEXIST (the buffer group is in use); or
 * -ENOTSUP: this kernel lacks multishot recvmsg or rings of buffers.
 */
int ktls_uring_new(struct ktls_uring **u, struct io_uring *ring,
		   const struct ktls_uring_opts *opts) KTLS_MUST_CHECK;
/*
 * After the last of its streams is freed (ops.freed()), and not in a callback.
 * NULL is fine.
 */
void ktls_uring_free(struct ktls_uring *u);

/*
 * Is this completion the library's?  Its user_data have the lowest bit set: the
 * caller's own must not, as pointers do not.
 */
static inline bool ktls_uring_is_ours(const struct io_uring_cqe *cqe)
{
	return cqe->user_data & 1;
}

/* Take one; the caller advances the queue afterwards */
void ktls_uring_complete(struct ktls_uring *u, const struct io_uring_cqe *cqe);

/*
 * Once in each turn of the loop, behind the completions and before it submits:
 * goes on with streams that have used up their turn, or for whose requests the
 * ring had no room.  Returns true if there are more of them: then do not wait.
 */
bool ktls_uring_turn(struct ktls_uring *u);

/* ---- connections on an io_uring ---------------------------------------- */

/*
 * What the caller is told; copied.  In each of them any call on any stream may
 * be made, also ktls_stream_free() on this one.
 */
struct ktls_stream_ops {
	/*
	 * The handshake is over: 0, and ktls_stream_conn() has the connection;
	 * or why it has failed, in words in ktls_hs_error_text() of
	 * ktls_stream_hs(): its alert is on its way, ktls_stream_close() and
	 * then ktls_stream_free() are what is left to do.
	 */
	void (*ready)(struct ktls_stream *s, int err);
	/*
	 * The handshake waits for an answer (KTLS_WANT_SIGN, _CRED, _VERIFY):
	 * give it to ktls_stream_hs(), then call ktls_stream_go().  No other
	 * call that sends is made on a stream's handshake, which
	 * ktls_hs_offload_tx() is not.  May be NULL where hooks answer at once.
	 */
	void (*wants)(struct ktls_stream *s, unsigned int wants);
	/* Received, at least a byte; @buf is good until this returns */
	void (*data)(struct ktls_stream *s, const void *buf, size_t len);
	/*
	 * A control record has changed ktls_conn_events(), for instance
	 * KTLS_EV_AUTH; keys are changed without the caller.  May be NULL.
	 */
	void (*event)(struct ktls_stream *s, unsigned int events);
	/*
	 * Nothing more is received: 0, the peer has closed; or why, as of
	 * ktls_recv(), or because what was sealed can no longer be sent, or our
	 * key not be changed, for which the peer would wait.  Data may still be
	 * sent after 0.  Once, at most.
	 */
	void (*end)(struct ktls_stream *s, int err);
	/*
	 * ktls_stream_close() has done: 0, our side is closed; or a failure.
	 * Where the handshake or the connection has failed it comes only when
	 * the peer has closed, too: then its alert has arrived.  May be NULL.
	 */
	void (*closed)(struct ktls_stream *s, int err);
	/*
	 * The last of all, after ktls_stream_free(): the ring has nothing of it
	 * any more, and the descriptor may be closed.  May be NULL.
	 */
	void (*freed)(void *arg);
};

/*
 * Begin a handshake: @hs, of a new ktls_hs_new(), is the stream's from now on.
 * @fd: the connected socket, which remains the caller's.  It has to be a
 * blocking one: on others the ring does not wait, but says -EAGAIN.
 * @slot: -1, or where the same socket is in the ring's table of files, by which
 * requests then go.  With such a direct descriptor alone, @fd is -1, and a
 * descriptor for the library's own use is made (Linux 6.8; -ENOTSUP).
 * Returns 0 or, with @hs still the caller's, a failure; -ENOMEM; -E2BIG for
 * @ops with a call that this version of the library does not know yet.
 */
int ktls_stream_new_size(struct ktls_stream **s, struct ktls_uring *u,
			 struct ktls_hs *hs, int fd, int slot, void *arg,
			 const struct ktls_stream_ops *ops,
			 size_t size) KTLS_MUST_CHECK;
KTLS_MUST_CHECK
static inline int ktls_stream_new(struct ktls_stream **s, struct ktls_uring *u,
				  struct ktls_hs *hs, int fd, int slot,
				  const struct ktls_stream_ops *ops, void *arg)
{
	return ktls_stream_new_size(s, u, hs, fd, slot, arg, ops,
				    sizeof(*ops));
}
/* The same with an established connection; ops.ready() is not called */
int ktls_stream_adopt_size(struct ktls_stream **s, struct ktls_uring *u,
			   struct ktls_conn *conn, int slot, void *arg,
			   const struct ktls_stream_ops *ops,
			   size_t size) KTLS_MUST_CHECK;
KTLS_MUST_CHECK
static inline int ktls_stream_adopt(struct ktls_stream **s,
				    struct ktls_uring *u,
				    struct ktls_conn *conn, int slot,
				    const struct ktls_stream_ops *ops,
				    void *arg)
{
	return ktls_stream_adopt_size(s, u, conn, slot, arg, ops,
				      sizeof(*ops));
}

void *ktls_stream_arg(const struct ktls_stream *s);
/*
 * Of the one who is there: NULL before or after.  What the ring receives is the
 * stream's: no ktls_conn_save() or ktls_conn_pass() of its connection.
 */
struct ktls_hs *ktls_stream_hs(const struct ktls_stream *s);
struct ktls_conn *ktls_stream_conn(const struct ktls_stream *s);

/*
 * After an answer to ops.wants(), and after a call on ktls_stream_conn() that
 * sends: ktls_conn_request_auth(), _authenticate(), _send_tickets().
 */
void ktls_stream_go(struct ktls_stream *s);

/*
 * Receive no more, or again: back-pressure.  What had been received before the
 * first took effect is kept (copied; as much as the buffers hold, at most) and
 * comes before what is received then, from ktls_uring_turn().
 */
void ktls_stream_pause(struct ktls_stream *s);
void ktls_stream_resume(struct ktls_stream *s);

/*
 * Something to send: in memory, or of a file.  The struct, the memory and the
 * file are the stream's until @done, which is called once for each, in order,
 * also when it fails, or ktls_stream_free() does away with it (-ECANCELED).
 *
 * What of a file is not in memory is first read into it by a worker of the
 * ring, while the loop goes on.  Whether it is, cachestat(2) says (Linux 6.5;
 * since 2025 only of files that the caller owns or may write to), or reads with
 * RWF_NOWAIT, which may miss gaps below 128 KiB.  File systems without that
 * (tmpfs, overlayfs, most networks) are not asked: there the loop waits.
 */
struct ktls_job {
	const void *buf;
	int file;		/* -1: @buf; open for reading */
	off_t offset;		/* in the file; advanced */
	uint64_t len;		/* bytes */
	uint64_t sent;		/* of them; to be 0 */
	bool more;		/* another job follows at once, in its record */
	/*
	 * 0; -ENODATA: the file has become shorter; -EIO and the like: it cannot
	 * be read; or as of ktls_send()
	 */
	void (*done)(struct ktls_stream *s, struct ktls_job *job, int err);
	struct ktls_job *next;	/* the stream's, as is the size */
	size_t size;
	/*
	 * NULL, or, with @len 0: a call on the connection that puts a message
	 * into what is sent, such as ktls_conn_request_auth(), made in its turn
	 * and, while it is -EAGAIN, again when there is room.  What else it
	 * returns is for @done.
	 */
	int (*call)(struct ktls_stream *s, struct ktls_job *job);
};

/* Queue it behind the others; @job->done() is never called before it returns */
void ktls_stream_send_size(struct ktls_stream *s, struct ktls_job *job,
			   size_t size);
static inline void ktls_stream_send(struct ktls_stream *s, struct ktls_job *job)
{
	ktls_stream_send_size(s, job, sizeof(*job));
}
/* Does something wait to be sent? */
bool ktls_stream_sending(const struct ktls_stream *s);

/*
 * Change our key when what is being sent is out (ktls_conn_rekey()).  Where it
 * cannot be changed the connection goes on with it; another failure ends it,
 * which ops.end() tells.  Who wants to know makes the call in a job.
 */
void ktls_stream_rekey(struct ktls_stream *s, unsigned int flags);

/*
 * Close our side behind what is queued, as ktls_conn_shutdown() does.  Then
 * what still comes is received as before, until ops.end(); after a failure it
 * is thrown away until ops.closed().
 */
void ktls_stream_close(struct ktls_stream *s);
/*
 * The stream ends here: requests of it are cancelled, jobs fail, the handshake
 * or connection is freed (and wiped), nothing but ops.freed() is called back.
 */
void ktls_stream_free(struct ktls_stream *s);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* KTLS_URING_H */
