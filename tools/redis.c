// SPDX-License-Identifier: MIT
#include "redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

/*
 * hiredis writes commands and reads replies, but not from the socket: its own
 * limits of time are those of a system call, and a store that sends a byte at
 * a time, or without end, would stay within them.
 */
struct redis {
	int fd;
	redisReader *reader;
	int64_t since;		/* see redis_age(); 0: not known */
};

/* ---- the socket -------------------------------------------------------- */

static int patience(int64_t due)
{
	int64_t now = net_clock();

	return due > now ? (int)(due - now) : 0;
}

/* 0 when it is worth another try */
static int wait_ready(int fd, short events, int64_t due)
{
	if (errno == EINTR)
		return 0;
	return errno == EAGAIN ? net_wait(fd, events, patience(due)) : -errno;
}

static int send_all(int fd, const char *p, size_t len, int64_t due)
{
	int err = 0;

	while (len && !err) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			err = wait_ready(fd, POLLOUT, due);
			continue;
		}
		p += n;
		len -= (size_t)n;
	}
	return err;
}

/* The length, or -errno */
static ssize_t recv_some(int fd, char *buf, size_t size, int64_t due)
{
	for (;;) {
		ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);
		int err;

		if (n > 0)
			return n;
		if (!n)
			return -ECONNRESET;
		err = wait_ready(fd, POLLIN, due);
		if (err)
			return err;
	}
}

static int connect_any(const struct addrinfo *list, int64_t due)
{
	int fd = -EADDRNOTAVAIL;

	for (; list && fd < 0; list = list->ai_next) {
		int left = patience(due);

		/* a dead address must not use up the time of the next one */
		fd = net_connect_at(list, list->ai_next ? left / 2 : left);
	}
	return fd;
}

/* ---- commands ---------------------------------------------------------- */

static int say(struct redis *r, const struct redis_arg *args, size_t n,
	       int64_t due)
{
	const char *at[REDIS_ARGS_MAX];
	size_t len[REDIS_ARGS_MAX];
	char *command;
	long long all;
	int err;

	for (size_t i = 0; i < n; i++) {
		at[i] = args[i].p;
		len[i] = args[i].len;
	}
	all = redisFormatCommandArgv(&command, (int)n, at, len);
	if (all < 0)
		return -ENOMEM;
	err = send_all(r->fd, command, (size_t)all, due);
	explicit_bzero(command, (size_t)all);	/* it may be a password */
	redisFreeCommand(command);
	return err;
}

static int convert(const redisReply *reply, struct redis_answer *answer)
{
	static const int kinds[] = {
		[REDIS_REPLY_NIL] = REDIS_NONE,
		[REDIS_REPLY_STRING] = REDIS_TEXT,
		[REDIS_REPLY_STATUS] = REDIS_TEXT,
		[REDIS_REPLY_INTEGER] = REDIS_NUMBER,
		[REDIS_REPLY_ERROR] = REDIS_REFUSED,
	};

	/* of others, the first byte was not let in */
	answer->kind = (enum redis_kind)kinds[reply->type];
	answer->len = 0;
	if (answer->kind == REDIS_TEXT || answer->kind == REDIS_REFUSED)
		answer->len = reply->len;
	if (answer->len > REDIS_ANSWER_MAX)
		return -EMSGSIZE;
	memcpy(answer->text, reply->str ? reply->str : "", answer->len);
	answer->text[answer->len] = '\0';
	return 0;
}

/* What hiredis has, and has made a reply of: once there is one, it is all */
static int take(redisReader *reader, struct redis_answer *answer, bool *done)
{
	void *reply = NULL;
	int err = 0;

	if (redisReaderGetReply(reader, &reply))
		return -EPROTO;
	*done = reply;
	if (!reply)
		return 0;
	if (reader->pos != reader->len)
		err = -EPROTO;
	if (!err)
		err = convert(reply, answer);
	freeReplyObject(reply);
	return err;
}

static int hear(struct redis *r, int64_t due, struct redis_answer *answer)
{
	char buf[REDIS_ANSWER_MAX + 64];
	size_t len = 0;
	bool done = false;
	int err = 0;

	while (!err && !done) {
		ssize_t n = recv_some(r->fd, buf, sizeof(buf), due);

		if (n < 0)
			return (int)n;
		/* an array would be allocated in the length that it claims */
		if (!len && !memchr("$+-:", buf[0], 4))
			return -EPROTO;
		len += (size_t)n;
		if (len > sizeof(buf))
			return -EMSGSIZE;
		err = redisReaderFeed(r->reader, buf, (size_t)n) ? -ENOMEM :
		      take(r->reader, answer, &done);
	}
	return err;
}

int redis_ask(struct redis *r, const struct redis_arg *args, size_t n,
	      int64_t due, struct redis_answer *answer)
{
	int err = say(r, args, n, due);

	return err ? err : hear(r, due, answer);
}

/*
 * A connection is to one process, so it is asked once.  What it tells is by how
 * much two clocks of whole seconds differ: up to one more than the truth.
 */
int redis_age(struct redis *r, int64_t due, struct redis_answer *answer,
	      int64_t *age)
{
	static const struct redis_arg info[] = {
		{ "INFO", 4 }, { "server", 6 },
	};
	unsigned int seconds;
	const char *line;
	int err;

	if (!r->since) {
		err = redis_ask(r, info, 2, due, answer);
		if (err || answer->kind == REDIS_REFUSED)
			return err ? err : -EACCES;
		line = strstr(answer->text, "\nuptime_in_seconds:");
		if (!line || sscanf(line, " uptime_in_seconds:%9u",
				    &seconds) != 1) {
			strcpy(answer->text, "INFO has no uptime_in_seconds");
			answer->kind = REDIS_REFUSED;
			return -EACCES;
		}
		r->since = net_clock() - ((int64_t)seconds - 1) * 1000;
	}
	*age = net_clock() - r->since;
	return 0;
}

/* ---- connections ------------------------------------------------------- */

bool redis_fresh(const struct redis *r)
{
	char c;

	return recv(r->fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0 &&
	       errno == EAGAIN;
}

/* Of why AUTH is refused, the first word: others may be the password */
static void leave_kind(struct redis_answer *answer)
{
	static const char of[] = "AUTH: ";
	size_t len = strcspn(answer->text, " "), at = sizeof(of) - 1;

	if (len > 32)
		len = 32;
	memmove(answer->text + at, answer->text, len);
	memcpy(answer->text, of, at);
	answer->text[at + len] = '\0';
}

static int log_in(struct redis *r, const struct redis_place *place,
		  int64_t due, struct redis_answer *answer)
{
	struct redis_arg args[3] = { { "AUTH", 4 } };
	size_t n = 1;
	int err;

	if (!place->password)
		return 0;
	if (place->user)
		args[n++] = (struct redis_arg){ place->user,
						strlen(place->user) };
	args[n++] = (struct redis_arg){ place->password,
					strlen(place->password) };
	err = redis_ask(r, args, n, due, answer);
	if (err || answer->kind == REDIS_TEXT)
		return err;
	if (answer->kind != REDIS_REFUSED)
		return -EPROTO;
	leave_kind(answer);
	return -EACCES;
}

int redis_open(struct redis **redis, const struct redis_place *place,
	       int64_t due, struct redis_answer *answer)
{
	struct redis *r = calloc(1, sizeof(*r));
	int err;

	answer->text[0] = '\0';
	if (!r)
		return -ENOMEM;
	r->fd = connect_any(place->addresses, due);
	err = r->fd < 0 ? r->fd : 0;
	if (!err) {
		r->reader = redisReaderCreate();
		err = r->reader ? log_in(r, place, due, answer) : -ENOMEM;
	}
	if (err) {
		redis_close(r);
		return err;
	}
	*redis = r;
	return 0;
}

void redis_close(struct redis *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	if (r->reader)
		redisReaderFree(r->reader);
	free(r);
}
