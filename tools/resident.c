// SPDX-License-Identifier: MIT
#include "resident.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "program.h"

#define LISTEN_FD	3	/* SD_LISTEN_FDS_START */
#define STOP_S		2	/* before it is killed */

/*
 * Nobody else is to connect: the socket has a name for a moment, in a folder of
 * ours, and from then on can be reached by the descriptor @r->path_fd alone.
 */
static int listen_unnamed(struct resident *r)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/ktls-run.XXXXXX";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	r->path_fd = -1;
	if (fd < 0)
		return -1;
	if (mkdtemp(dir)) {
		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket",
			 dir);
		if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)) &&
		    !listen(fd, SOMAXCONN) && !chmod(addr.sun_path, 0666))
			r->path_fd = open(addr.sun_path, O_PATH | O_CLOEXEC);
		unlink(addr.sun_path);
		rmdir(dir);
	}
	if (r->path_fd >= 0)
		return fd;
	close(fd);
	return -1;
}

static void begin(char *const *argv, const struct identity *user, int fd)
{
	char pid[16];
	int files[1][2] = { { fd, LISTEN_FD } };

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (identity_take(user) || setenv("LISTEN_PID", pid, 1) ||
	    setenv("LISTEN_FDS", "1", 1) ||
	    setenv("LISTEN_FDNAMES", "ktls", 1))
		_exit(1);
	program_become(argv, files, 1, LISTEN_FD);
}

int resident_start(struct resident *r, char *const *argv,
		   const struct identity *user, struct backend_at *at)
{
	int fd = listen_unnamed(r);

	r->pid = fd < 0 ? -1 : fork();
	if (!r->pid)
		begin(argv, user, fd);
	if (r->pid < 0) {
		complain("%s: %s", argv[0], strerror(errno));
		r->pid = 0;
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	/* whoever comes first: a signal must find the group */
	setpgid(r->pid, r->pid);
	at->given = true;
	at->path.sun_family = AF_UNIX;
	snprintf(at->path.sun_path, sizeof(at->path.sun_path),
		 "/proc/self/fd/%d", r->path_fd);
	return 0;
}

int resident_stop(struct resident *r)
{
	const struct timespec wait = { .tv_sec = STOP_S };
	sigset_t set;

	if (r->path_fd >= 0)
		close(r->path_fd);
	if (!r->pid)
		return -1;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	kill(-r->pid, SIGTERM);
	/* blocked, so that it cannot come in between */
	while (!waitpid(r->pid, NULL, WNOHANG))
		if (sigtimedwait(&set, NULL, &wait) < 0 && errno == EAGAIN)
			kill(-r->pid, SIGKILL);
	return 0;
}
