// SPDX-License-Identifier: MIT
#include "agent_fd.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "list.h"

/* Of one count: each may be a thread that waits for ever */
#define CLOSING_MAX	256

static bool option_is(int fd, int name, int a, int b)
{
	int v;
	socklen_t len = sizeof(v);

	return !getsockopt(fd, SOL_SOCKET, name, &v, &len) &&
	       (v == a || v == b);
}

bool fd_is_connected_tcp(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	return option_is(fd, SO_DOMAIN, AF_INET, AF_INET6) &&
	       option_is(fd, SO_TYPE, SOCK_STREAM, SOCK_STREAM) &&
	       option_is(fd, SO_PROTOCOL, IPPROTO_TCP, IPPROTO_TCP) &&
	       !getpeername(fd, (struct sockaddr *)&addr, &len);
}

/* ---- closing ----------------------------------------------------------- */

#define TEND_WAIT	10	/* ms */
/* A signal: who has one waits no more until a socket that lingers is empty */
#define NUDGE		SIGUSR1

struct closing {
	struct list list;
	int fd;
	atomic_uint *count;
	pthread_t thread;
	bool begun;
	atomic_bool done;
};

/* The loop's alone: threads know their own struct closing */
static struct {
	struct loop *loop;
	struct list all;
	struct alarm alarm;	/* set while there are any */
} closer;

static void *close_there(void *arg)
{
	struct closing *c = arg;

	close(c->fd);
	atomic_fetch_sub(c->count, 1);
	atomic_store(&c->done, true);
	return NULL;
}

static bool begin(struct closing *c)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	c->begun = !pthread_create(&c->thread, &attr, close_there, c);
	pthread_attr_destroy(&attr);
	return c->begun;
}

static void tend(struct alarm *alarm)
{
	struct list *l, *next;
	bool threads = true;	/* to be had */

	for (l = closer.all.next; l != &closer.all; l = next) {
		struct closing *c = list_entry(l, struct closing, list);

		next = l->next;
		if (!c->begun) {
			threads = threads && begin(c);
		} else if (!atomic_load(&c->done)) {
			pthread_kill(c->thread, NUDGE);
		} else {
			pthread_join(c->thread, NULL);
			list_del(&c->list);
			free(c);
		}
	}
	if (!list_empty(&closer.all))
		alarm_set(closer.loop, alarm, TEND_WAIT);
}

/*
 * A file of a file system that its sender runs may take for ever to close; a
 * socket that lingers, which others can set until the last moment, or one in
 * whose queue such sockets are, until there is a nudge.  While there is no
 * thread for it, it stays open, and counts; without memory for ever.
 */
void fd_close(int fd, atomic_uint *count)
{
	struct closing *c;

	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	atomic_fetch_add(count, 1);
	if (!c)
		return;
	c->fd = fd;
	c->count = count;
	begin(c);
	if (list_empty(&closer.all))
		alarm_set(closer.loop, &closer.alarm, TEND_WAIT);
	list_init(&c->list);
	list_move_tail(&c->list, &closer.all);
}

bool fd_is_clogged(atomic_uint *count)
{
	return atomic_load(count) >= CLOSING_MAX;
}

static void nudged(int sig)
{
	(void)sig;
}

void fd_begin(struct loop *loop)
{
	const struct sigaction action = { .sa_handler = nudged };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, NUDGE);
	sigaction(NUDGE, &action, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	closer.loop = loop;
	list_init(&closer.all);
	alarm_init(&closer.alarm, tend);
}

/* ---- taking ------------------------------------------------------------ */

int fd_take(struct msghdr *msg, atomic_uint *count)
{
	int fd = -1, n = 0;

	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m;
	     m = CMSG_NXTHDR(msg, m)) {
		size_t fds = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < fds; i++) {
			fd_close(fd, count);
			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int),
			       sizeof(int));
			n++;
		}
	}
	if (n == 1 && !(msg->msg_flags & MSG_CTRUNC))
		return fd;
	fd_close(fd, count);
	return -1;
}
