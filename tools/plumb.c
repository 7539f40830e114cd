// SPDX-License-Identifier: MIT
#include "plumb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#define PLUMB_BUF	(64 * 1024)

static int put(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* For files that have no splice(2): a terminal, what is appended to */
static void copy(struct plumb *p)
{
	char buf[PLUMB_BUF];
	ssize_t n;

	while (!p->write_error) {
		n = read(p->from, buf, sizeof(buf));
		if (n > 0) {
			p->write_error = put(p->to, buf, (size_t)n);
		} else if (!n || errno != EINTR) {
			p->read_error = n ? -errno : 0;
			return;
		}
	}
}

static void *run(void *arg)
{
	struct plumb *p = arg;
	ssize_t n;

	do
		n = splice(p->from, NULL, p->to, NULL, PLUMB_BUF,
			   SPLICE_F_MOVE);
	while (n > 0 || (n < 0 && errno == EINTR));
	/* which end it was, reading and writing tell */
	if (n < 0)
		copy(p);
	if (p->over)
		p->over(p);
	return NULL;
}

int plumb_start(struct plumb *p)
{
	return -pthread_create(&p->thread, NULL, run, p);
}
