/* SPDX-License-Identifier: MIT */
/*
 * A connection to Valkey or Redis: one command at a time, by one thread, each
 * answered by a moment that is given, or the connection is good for nothing
 * more.  Answers are short; what is longer, or of another kind, counts as
 * failure, whatever else the store sends.
 */
#ifndef TOOLS_REDIS_H
#define TOOLS_REDIS_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REDIS_ANSWER_MAX	4096	/* INFO's part "server" is not half of it */

struct redis_place {
	const struct addrinfo *addresses;	/* tried one after the other */
	const char *user, *password;		/* NULL: none */
};

struct redis_arg {
	const void *p;
	size_t len;
};

enum redis_kind {
	REDIS_NONE,		/* nil */
	REDIS_TEXT,		/* a string or a status */
	REDIS_NUMBER,
	REDIS_REFUSED,		/* the store has said why */
};

struct redis_answer {
	enum redis_kind kind;
	size_t len;
	char text[REDIS_ANSWER_MAX + 1];	/* NUL-terminated */
};

struct redis;

/*
 * Connect, and log in, by @due (of net_clock()): 0 or -errno; -EACCES: the
 * store does not let us in, see @answer.
 */
int redis_open(struct redis **redis, const struct redis_place *place,
	       int64_t due, struct redis_answer *answer);
void redis_close(struct redis *r);		/* NULL is fine */
/* Is it still there, with nothing that nobody has asked for? */
bool redis_fresh(const struct redis *r);

#define REDIS_ARGS_MAX	6

/* A command: 0, and what came of it, or -errno: close it */
int redis_ask(struct redis *r, const struct redis_arg *args, size_t n,
	      int64_t due, struct redis_answer *answer);

/*
 * For how long, ms, the process at the other end has been running, at least: 0
 * or -errno; -EACCES: it does not tell us, see @answer.
 */
int redis_age(struct redis *r, int64_t due, struct redis_answer *answer,
	      int64_t *age);

#endif
