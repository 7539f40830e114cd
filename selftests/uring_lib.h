/* SPDX-License-Identifier: GPL-2.0-only */
/* Two ends of a connection on one ring, driven until something is so. */
#ifndef SELFTESTS_URING_LIB_H
#define SELFTESTS_URING_LIB_H

#include <time.h>

#include "mode_lib.h"
#include "../lib/include/ktls_uring.h"

/* What is called back */
enum uring_call {
	CALL_READY, CALL_WANTS, CALL_DATA, CALL_EVENT, CALL_END, CALL_CLOSED,
	CALL_DONE, URING_CALLS,
};

/* By a descriptor, by a place in the ring's table too, or by that alone */
enum uring_direct { DIRECT_NOT, DIRECT_TOO, DIRECT_ALONE };

struct uring_end {
	struct ktls_stream *s;
	int fd;
	bool ready, ended, closed, freed;	/* what was called back */
	int ready_err, end_err, close_err;
	unsigned int events, event_calls;
	uint64_t got;		/* bytes, compared with the stream @seed */
	uint64_t seed;
	uint64_t pause_at;	/* bytes after which it pauses itself; 0 */
	bool ignore;		/* ... not compared */
	unsigned int done;	/* jobs */
	int job_err;		/* of the last */
	int first_err;		/* of the first that failed */
	unsigned int wants;	/* KTLS_WANT_*, of the last call */
	/* after all of it, in each call; may free the stream */
	void (*hook)(struct uring_end *e, enum uring_call call);
	void *arg;		/* for it */
};

struct uring_pair {
	struct io_uring ring;
	struct ktls_uring *u;
	struct uring_end client, server;
	enum uring_direct direct;	/* of those that begin from now on */
	unsigned int turns;
	time_t begun;
};

/* A ring of @entries with @flags, or skip; @opts may be NULL */
void uring_open(struct uring_pair *p, unsigned int entries,
		unsigned int flags, const struct ktls_uring_opts *opts);
/* Begin handshakes between the two on a new TCP pair; configs are taken */
void uring_start(struct uring_pair *p, struct ktls_config *client,
		 struct ktls_config *server);
/* ... to their end, both well, in @m */
void uring_pair_new(struct uring_pair *p, const struct mode *m,
		    const struct ktls_opts *more);
/* One end alone: a handshake over its fd, whose config is taken, or @conn */
void uring_shake(struct uring_pair *p, struct uring_end *end,
		 struct ktls_config *config, const char *name);
void uring_end_over(struct uring_pair *p, struct uring_end *end,
		    struct ktls_conn *conn);
void uring_pair_free(struct uring_pair *p);
void uring_close(struct uring_pair *p);

/* One turn of the loop, that waits @ms at most; completions seen */
unsigned int uring_turn(struct uring_pair *p, int ms);
#define UNTIL(p, cond)							\
	do {								\
		uring_begin(p);						\
		while (!(cond) && uring_in_time(p))			\
			uring_turn(p, 50);				\
		ASSERT_TRUE(cond);					\
	} while (0)
void uring_begin(struct uring_pair *p);
bool uring_in_time(const struct uring_pair *p);
/* So many turns in which nothing happens */
void uring_idle(struct uring_pair *p, int turns);

/* A job of @len bytes of the stream @seed, from @pos; freed when it is done */
void uring_send(struct uring_end *end, uint64_t seed, uint64_t pos,
		size_t len, bool more);
/* Of a file that is there, and closed when it is done */
void uring_send_fd(struct uring_end *end, int fd, off_t offset, uint64_t len);
/* The same of a file, which is made of it */
void uring_send_file(struct uring_end *end, uint64_t seed, uint64_t pos,
		     size_t len, size_t promised);

extern const struct ktls_stream_ops uring_end_ops;

/* Descriptors of this process */
unsigned int count_fds(void);

#endif /* SELFTESTS_URING_LIB_H */
