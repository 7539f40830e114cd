// SPDX-License-Identifier: MIT
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#define HALF_MS	30000	/* for what a client sends when the server has closed */

int backend_parse(struct backend_at *at, const char *arg)
{
	size_t len = strlen(arg);

	at->given = true;
	if (!strchr(arg, '/')) {
		if (net_parse(&at->host, arg, NULL) && *at->host.host)
			return 0;
		complain("--to %s: neither HOST:PORT nor a path", arg);
		return -1;
	}
	if (len >= sizeof(at->path.sun_path)) {
		complain("--to %s: path is too long", arg);
		return -1;
	}
	at->path.sun_family = AF_UNIX;
	memcpy(at->path.sun_path, arg, len + 1);
	return 0;
}

/* ---- what the relay asks of it ----------------------------------------- */

static struct backend *of(struct inside *in)
{
	return (struct backend *)(void *)((char *)in -
					  offsetof(struct backend, inside));
}

static bool hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

static enum inside_end backend_end(struct inside *in)
{
	struct backend *b = of(in);
	bool written = atomic_load(&b->written);

	if (b->in.read_error || atomic_load(&b->cut) ||
	    atomic_load(&b->reset))
		return INSIDE_BROKEN;
	/* closed in both directions, and not by us: the writer may know why */
	return b->tcp && !written && hung_up(b->fd) ? INSIDE_RUNS :
						      INSIDE_WHOLE;
}

/* Whatever it is, nothing is waited for any more, and no end is sent */
static void backend_signal(struct inside *in, int sig)
{
	struct backend *b = of(in);

	(void)sig;
	atomic_store(&b->cut, true);
	shutdown(b->fd, SHUT_RD);
}

/*
 * Does TCP reset the connection when it is closed?  So it is to be, whatever
 * becomes of this process, until all has gone well.
 */
static void reset_by_close(const struct backend *b, bool does)
{
	const struct linger linger = { .l_onoff = does };

	/* of a Unix socket it is of no consequence */
	setsockopt(b->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* ---- its threads ------------------------------------------------------- */

static struct backend *of_out(struct plumb *p)
{
	return (struct backend *)(void *)((char *)p -
					  offsetof(struct backend, out));
}

static void in_over(struct plumb *p)
{
	close(p->to);
}

/* A socket tells one of us that it was reset; the other sees an end */
static void out_over(struct plumb *p)
{
	struct backend *b = of_out(p);

	if (p->write_error && p->write_error != -EPIPE)
		atomic_store(&b->reset, true);
	if (!atomic_load(&b->cut))
		shutdown(p->to, SHUT_WR);
	atomic_store(&b->written, true);
	close(p->from);
}

/* ---- connecting -------------------------------------------------------- */

static int connect_path(const struct sockaddr_un *path, int ms)
{
	const struct timeval limit = { ms / 1000, ms % 1000 * 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* a non-blocking one would not wait for room in the queue */
	if (fd >= 0 &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) &&
	    !connect(fd, (const struct sockaddr *)path, sizeof(*path)) &&
	    !fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK))
		return fd;
	complain("%s: %s", path->sun_path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int backend_connect(struct backend *b, const struct backend_at *at, int ms)
{
	union net_addr addr = { 0 };

	b->fd = at->path.sun_family ? connect_path(&at->path, ms) :
				      net_connect(&at->host, ms, &addr);
	if (b->fd < 0)
		return -1;
	b->tcp = !at->path.sun_family;
	reset_by_close(b, true);
	return 0;
}

static int start_threads(struct backend *b)
{
	int pipes[2], err = inside_open(&b->inside, pipes);

	if (err)
		return err;
	b->in = (struct plumb){ .from = b->fd, .to = pipes[1],
				.socket = b->fd, .over = in_over };
	b->out = (struct plumb){ .from = pipes[0], .to = b->fd,
				 .socket = b->fd, .over = out_over };
	err = plumb_start(&b->out);
	return err ? err : plumb_start(&b->in);
}

int backend_start(struct backend *b)
{
	int err = start_threads(b);

	b->inside.end = backend_end;
	b->inside.signal = backend_signal;
	b->inside.half_ms = HALF_MS;
	if (!err)
		return 0;
	complain("relay: %s", strerror(-err));
	return -1;
}

void backend_finish(struct backend *b)
{
	if (!atomic_load(&b->cut)) {
		pthread_join(b->out.thread, NULL);
		reset_by_close(b, false);
	}
	close(b->fd);
}
