/* SPDX-License-Identifier: MIT */
/*
 * The ways from a file to a socket that are compared. Each sends the same: a
 * header of HEAD bytes, as of HTTP, and the file, in as few records as it can,
 * on many connections at once from one thread with one ring.
 */
#ifndef BENCH_PATHS_H
#define BENCH_PATHS_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "links.h"

#define HEAD		256
#define PIPE_LEN	(1 << 20)
#define SLICE		(256 << 10)
#define AHEAD		(512 << 10)	/* bytes looked after at a time */

/* One connection's answer */
struct job {
	int fd, file;
	int index;		/* of its registered buffer */
	struct ktls_conn *conn;
	off_t pos;
	size_t head;		/* bytes of the header still to be sent */
	size_t held, sent;	/* bytes read into buf or pipe; those sent */
	bool ready;		/* the file is in memory up to ... */
	char *buf;
	char *map;
	int pipe[2];
	struct iovec iov[2];
	struct msghdr msg;
	bool done;
};

struct bench {
	struct io_uring ring;
	struct job job[LINKS_MAX];
	size_t jobs;
	size_t left;		/* jobs that are not done */
	off_t size;		/* of the file */
	size_t buf_len;		/* of each job's buffer */
	char *arena;		/* all of them */
	bool cold;
	uint64_t calls;		/* system calls made */
	uint64_t held_ns;	/* the longest of them that did not wait */
};

struct path {
	const char *name;
	enum carrier carrier;
	bool nonblock;		/* the socket is O_NONBLOCK */
	bool maps;		/* job.map outlives the answer */
	bool hot_only;
	/*
	 * Go on with @j, after its operation @tag ended with @res, or from the
	 * start (@tag 0): 0, or -errno. It sets j->done.
	 */
	int (*step)(struct bench *b, struct job *j, unsigned int tag, int res);
};

extern const struct path paths[];	/* ends with a NULL name */

struct io_uring_sqe *job_sqe(struct bench *b);
/* Its completion is for @j's step with @tag (1 to 7); when it is prepared */
void job_tag(struct io_uring_sqe *sqe, struct job *j, unsigned int tag);
int job_done(struct bench *b, struct job *j);
extern char header[HEAD];

/* A system call of the loop's own, counted */
uint64_t hold_begin(struct bench *b);
void hold_end(struct bench *b, uint64_t since);
#define CALL(b, expr) ({						\
	uint64_t since_ = hold_begin(b);				\
	__typeof__(expr) ret_ = (expr);					\
	hold_end(b, since_);						\
	ret_;								\
})

/* The tag of what they wait for */
#define TAG_WRITABLE	1
int wait_writable(struct bench *b, struct job *j);
/* 1 when it is out, 0 when it waits */
int send_head(struct bench *b, struct job *j);
/* As send_head(), up to @end */
int send_upto(struct bench *b, struct job *j, off_t end);

/*
 * paths_call.c: from the loop; paths_cold.c: with the ring to bring it into
 * memory; paths_ring.c: by the ring
 */
int step_sendfile(struct bench *b, struct job *j, unsigned tag, int res);
int step_sendfile_slice(struct bench *b, struct job *j, unsigned tag, int res);
int step_sendfile_read(struct bench *b, struct job *j, unsigned tag, int res);
int step_sendfile_probe(struct bench *b, struct job *j, unsigned tag, int res);
int step_sendfile_ahead(struct bench *b, struct job *j, unsigned tag, int res);
int step_pread(struct bench *b, struct job *j, unsigned tag, int res);
int step_user(struct bench *b, struct job *j, unsigned tag, int res);
int step_splice(struct bench *b, struct job *j, unsigned tag, int res);
int step_map(struct bench *b, struct job *j, unsigned tag, int res);
int step_map_kept(struct bench *b, struct job *j, unsigned tag, int res);
int step_read(struct bench *b, struct job *j, unsigned tag, int res);
int step_linked(struct bench *b, struct job *j, unsigned tag, int res);
int step_fixed(struct bench *b, struct job *j, unsigned tag, int res);

#endif
