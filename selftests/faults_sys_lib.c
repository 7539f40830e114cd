// SPDX-License-Identifier: GPL-2.0-only
/* System calls of the library, made to fail */
#include "faults_lib.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAY(e)		(1u << FAULT_##e)
#define AGAIN		(MAY(EINTR) | MAY(EAGAIN))
#define GONE		(MAY(ECONNRESET) | MAY(EPIPE))

/* The library's calls come here, and those of this file and test below */
#define WRAP(type, name, ...)						\
	type __real_##name(__VA_ARGS__);				\
	type __wrap_##name(__VA_ARGS__);				\
	type __wrap_##name(__VA_ARGS__)

/* A connection that is gone is gone for its peer, too */
static ssize_t fail(int fd, enum fault f)
{
	if (f == FAULT_ECONNRESET || f == FAULT_EPIPE || f == FAULT_END) {
		int err = errno;

		__real_shutdown(fd, SHUT_RDWR);
		errno = err;
	}
	return f == FAULT_END ? 0 : -1;
}

/* To be done by the body that follows, with less of it perhaps */
#define IO(fd, allowed, name, shorter)					\
	do {								\
		enum fault f = fault_due(allowed, name);		\
									\
		if (f == FAULT_SHORT)					\
			{ shorter; }					\
		else if (f != FAULT_KINDS)				\
			return fail(fd, f);				\
	} while (0)

WRAP(ssize_t, send, int fd, const void *buf, size_t len, int flags)
{
	IO(fd, AGAIN | GONE | MAY(ENOMEM) | MAY(SHORT), "send", len = 1);
	return __real_send(fd, buf, len, flags);
}

/* With something typed or attached the kernel takes all of it or nothing */
WRAP(ssize_t, sendmsg, int fd, const struct msghdr *msg, int flags)
{
	struct iovec iov = msg->msg_iov[0];
	struct msghdr less = *msg;

	less.msg_iov = &iov;
	less.msg_iovlen = 1;
	IO(fd, AGAIN | GONE | MAY(ENOMEM) |
	   (msg->msg_control ? 0 : MAY(SHORT)), "sendmsg", {
		iov.iov_len = 1;
		return __real_sendmsg(fd, &less, flags);
	});
	return __real_sendmsg(fd, msg, flags);
}

WRAP(ssize_t, recv, int fd, void *buf, size_t len, int flags)
{
	/* a message whose length is asked for comes whole, and its head */
	IO(fd, AGAIN | MAY(ECONNRESET) | MAY(ENOMEM) | MAY(END) |
	   (flags & (MSG_TRUNC | MSG_PEEK) ? 0 : MAY(SHORT)), "recv", len = 1);
	return __real_recv(fd, buf, len, flags);
}

WRAP(ssize_t, recvmsg, int fd, struct msghdr *msg, int flags)
{
	enum fault f = fault_due(AGAIN | MAY(ECONNRESET) | MAY(ENOMEM) |
				 MAY(SHORT) | MAY(END) | MAY(EBADMSG) |
				 MAY(CTRUNC), "recvmsg");

	if (f == FAULT_SHORT)
		msg->msg_iov->iov_len = 1;
	else if (f == FAULT_CTRUNC || f == FAULT_END)
		msg->msg_controllen = 0;
	if (f != FAULT_KINDS && f != FAULT_SHORT && f != FAULT_CTRUNC)
		return fail(fd, f);
	return __real_recvmsg(fd, msg, flags);
}

WRAP(ssize_t, sendfile, int fd, int in, off_t *at, size_t len)
{
	IO(fd, AGAIN | GONE | MAY(ENOMEM) | MAY(EIO) | MAY(SHORT), "sendfile",
	   len = 1);
	return __real_sendfile(fd, in, at, len);
}

WRAP(ssize_t, read, int fd, void *buf, size_t len)
{
	IO(-1, MAY(EINTR) | MAY(EIO) | MAY(ENOMEM) | MAY(SHORT), "read",
	   len = 1);
	return __real_read(fd, buf, len);
}

WRAP(ssize_t, pread, int fd, void *buf, size_t len, off_t at)
{
	IO(-1, MAY(EINTR) | MAY(EIO) | MAY(ENOMEM) | MAY(SHORT), "pread",
	   len = 1);
	return __real_pread(fd, buf, len, at);
}

/* As optimized code with _FORTIFY_SOURCE has them */
WRAP(ssize_t, __recv_chk, int fd, void *buf, size_t len, size_t room,
     int flags)
{
	return len <= room ? __wrap_recv(fd, buf, len, flags) :
			     __real___recv_chk(fd, buf, len, room, flags);
}

WRAP(ssize_t, __read_chk, int fd, void *buf, size_t len, size_t room)
{
	return len <= room ? __wrap_read(fd, buf, len) :
			     __real___read_chk(fd, buf, len, room);
}

WRAP(ssize_t, __pread_chk, int fd, void *buf, size_t len, off_t at,
     size_t room)
{
	return len <= room ? __wrap_pread(fd, buf, len, at) :
			     __real___pread_chk(fd, buf, len, at, room);
}

/* Without something in between */
#define DENY(allowed, name)						\
	do {								\
		if (fault_due(allowed, name) != FAULT_KINDS)		\
			return -1;					\
	} while (0)

WRAP(int, open, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	DENY(MAY(ENOENT) | MAY(ENOMEM) | MAY(EIO) | MAY(EINTR), "open");
	return __real_open(path, flags, mode);
}

WRAP(int, setsockopt, int fd, int level, int name, const void *v,
     socklen_t len)
{
	DENY(MAY(ENOENT) | MAY(ENOPROTOOPT) | MAY(EINVAL) | MAY(ENOMEM) |
	     MAY(EBUSY) | MAY(EEXIST), "setsockopt");
	return __real_setsockopt(fd, level, name, v, len);
}

WRAP(int, getsockopt, int fd, int level, int name, void *v, socklen_t *len)
{
	DENY(MAY(ENOPROTOOPT) | MAY(EINVAL) | MAY(ENOMEM) | MAY(EBUSY),
	     "getsockopt");
	return __real_getsockopt(fd, level, name, v, len);
}

WRAP(int, shutdown, int fd, int how)
{
	DENY(MAY(EINVAL) | MAY(ENOMEM), "shutdown");
	return __real_shutdown(fd, how);
}

WRAP(int, socket, int family, int type, int protocol)
{
	DENY(MAY(EMFILE) | MAY(ENOMEM) | MAY(ENOBUFS), "socket");
	return __real_socket(family, type, protocol);
}

WRAP(int, connect, int fd, const struct sockaddr *to, socklen_t len)
{
	DENY(AGAIN | MAY(ENOENT) | MAY(ENOMEM), "connect");
	return __real_connect(fd, to, len);
}

static struct {
	void (*fn)(void *arg);
	void *arg;
	enum storm storm;
} polling;

void fault_on_poll(void (*fn)(void *arg), void *arg)
{
	polling.fn = fn;
	polling.arg = arg;
}

void fault_storm(enum storm storm)
{
	polling.storm = storm;
}

/* Of one descriptor; with a time of 0 it is a look, and no waiting */
WRAP(int, poll, struct pollfd *p, nfds_t n, int ms)
{
	DENY(MAY(EINTR) | MAY(ENOMEM) | MAY(EINVAL), "poll");
	if (!ms)
		return __real_poll(p, n, ms);
	if (polling.storm == STORM_READY) {
		p->revents = p->events;
		return 1;
	}
	if (polling.storm == STORM_EINTR) {
		errno = EINTR;
		return -1;
	}
	fault_pause(1);
	if (polling.fn)
		polling.fn(polling.arg);
	fault_pause(-1);
	return __real_poll(p, n, ms);
}

WRAP(void *, mmap, void *at, size_t len, int prot, int flags, int fd,
     off_t off)
{
	if (fault_due(MAY(ENOMEM) | MAY(EINVAL), "mmap") != FAULT_KINDS)
		return MAP_FAILED;
	return __real_mmap(at, len, prot, flags, fd, off);
}

WRAP(int, pthread_mutex_init, pthread_mutex_t *m, const pthread_mutexattr_t *a)
{
	if (fault_due(MAY(ENOMEM), "pthread_mutex_init") != FAULT_KINDS)
		return ENOMEM;
	return __real_pthread_mutex_init(m, a);
}
