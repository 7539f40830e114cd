// SPDX-License-Identifier: MIT
#include "agent_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

#define PASSED_FD	3	/* SD_LISTEN_FDS_START */
#define BACKLOG		128

static int failed(const char *path)
{
	complain("%s: %s", path, strerror(errno));
	return -1;
}

static int option(int fd, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, name, &v, &len) ? -1 : v;
}

/* Is one meant for this process? */
static bool is_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

	return pid && n && atoi(pid) == getpid() && atoi(n) == 1;
}

static int take_passed(void)
{
	if (option(PASSED_FD, SO_DOMAIN) != AF_UNIX ||
	    option(PASSED_FD, SO_TYPE) != SOCK_SEQPACKET ||
	    option(PASSED_FD, SO_ACCEPTCONN) != 1) {
		complain("the socket that was passed is none of "
			 "ListenSequentialPacket=");
		return -1;
	}
	fcntl(PASSED_FD, F_SETFD, FD_CLOEXEC);
	fcntl(PASSED_FD, F_SETFL, O_NONBLOCK);
	return PASSED_FD;
}

/* What an agent that was killed has left behind is in nobody's way */
static bool is_stale(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	bool stale;

	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)at, sizeof(*at)) &&
		errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int bind_at(int fd, const struct sockaddr_un *at)
{
	/* anyone may connect: the kernel says who it is */
	mode_t mask = umask(0111);
	int err = bind(fd, (const struct sockaddr *)at, sizeof(*at));

	if (err && errno == EADDRINUSE && is_stale(at) &&
	    !unlink(at->sun_path))
		err = bind(fd, (const struct sockaddr *)at, sizeof(*at));
	umask(mask);
	return err;
}

int agent_listen(const char **path, bool *ours)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd;

	*ours = false;
	if (is_passed()) {
		*path = "the socket that was passed";
		return take_passed();
	}
	if (strlen(*path) >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		return failed(*path);
	}
	strcpy(at.sun_path, *path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return failed("socket");
	if (bind_at(fd, &at)) {
		failed(*path);
		close(fd);
		return -1;
	}
	*ours = true;
	if (listen(fd, BACKLOG)) {
		failed(*path);
		unlink(*path);
		close(fd);
		return -1;
	}
	return fd;
}
