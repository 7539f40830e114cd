// SPDX-License-Identifier: MIT
#include "plumb.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "net.h"

#define PLUMB_BUF	(64 * 1024)

static bool again(int fd, short events)
{
	return errno == EINTR ||
	       (errno == EAGAIN && !net_wait(fd, events, -1));
}

static int put(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && !again(fd, POLLOUT))
			return -errno;
		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void copy(struct plumb *p)
{
	char buf[PLUMB_BUF];
	ssize_t n;

	while (!p->write_error) {
		n = read(p->from, buf, sizeof(buf));
		if (n > 0) {
			p->write_error = put(p->to, buf, (size_t)n);
		} else if (!n || !again(p->from, POLLIN)) {
			p->read_error = n ? -errno : 0;
			return;
		}
	}
}

/*
 * The kernel holds the pipe's lock while it waits for the file at its other end
 * (unless that is a pipe, too), and who is at the other end of the pipe waits
 * uninterruptibly, even where it is not to wait.
 */
static bool waits_aside(int fd)
{
	struct stat st;

	return fcntl(fd, F_GETFL) & O_NONBLOCK ||
	       (!fstat(fd, &st) && (S_ISFIFO(st.st_mode) ||
				    S_ISREG(st.st_mode)));
}

/* As far as splice(2) takes it: 0, to the end; or -errno */
static int splice_all(const struct plumb *p)
{
	ssize_t n;

	for (;;) {
		n = splice(p->from, NULL, p->to, NULL, PLUMB_BUF,
			   SPLICE_F_MOVE);
		if (!n)
			return 0;
		if (n < 0 && errno == EAGAIN && p->socket >= 0)
			net_wait(p->socket, p->socket == p->to ? POLLOUT :
				 POLLIN, -1);
		else if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* That it was reset, a socket tells once: the next to read finds an end */
static bool told(struct plumb *p, int err)
{
	if (p->socket < 0 || err == -EINVAL)
		return false;
	if (p->from == p->socket && err != -EPIPE)
		p->read_error = err;
	else
		p->write_error = err;
	return true;
}

static void *run(void *arg)
{
	struct plumb *p = arg;
	int err = -EINVAL;

	if (waits_aside(p->from) && waits_aside(p->to))
		err = splice_all(p);
	/* which end of two files failed, reading and writing tell */
	if (err && !told(p, err))
		copy(p);
	if (p->over)
		p->over(p);
	return NULL;
}

int plumb_start(struct plumb *p)
{
	return -pthread_create(&p->thread, NULL, run, p);
}
