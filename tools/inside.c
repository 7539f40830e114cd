// SPDX-License-Identifier: MIT
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void close_all(const int *fds, int len)
{
	for (int i = 0; i < len; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Of its own: the other end of a pipe stays as programs expect it */
static int unblock(int fd)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int inside_open(struct inside *in, int theirs[2])
{
	int fds[4] = { -1, -1, -1, -1 };

	if (pipe2(fds, O_CLOEXEC) || pipe2(fds + 2, O_CLOEXEC) ||
	    unblock(fds[1]) || unblock(fds[2])) {
		int err = -errno;

		close_all(fds, 4);
		return err;
	}
	theirs[0] = fds[0];
	in->to = fds[1];
	in->from = fds[2];
	theirs[1] = fds[3];
	return 0;
}

void inside_close(struct inside *in)
{
	close_all((const int[]){ in->to, in->from }, 2);
	in->to = in->from = -1;
}
