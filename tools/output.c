// SPDX-License-Identifier: MIT
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "net.h"
#include "text.h"

#define SHOW_MS	200

void output_init(struct output *o, const char *name)
{
	*o = (struct output){
		.name = name && strcmp(name, "-") ? name : NULL,
		.fd = -1,
		.expected = UINT64_MAX,
	};
	/* no line of progress among what a terminal shows of the file */
	o->progress = isatty(STDERR_FILENO) &&
		      (o->name || !isatty(STDOUT_FILENO));
	o->begun = o->shown = net_clock();
}

/* Only a file that does not exist, or a plain one, can be replaced whole */
static bool replaceable(const char *name)
{
	struct stat st;

	if (lstat(name, &st))
		return errno == ENOENT;
	return S_ISREG(st.st_mode);
}

/*
 * One writes to it at a time, who has it locked until it is the part of nothing
 * any more.  A file system that knows no locks has none.
 */
static int claim(const char *part, int fd)
{
	struct stat st, at;

	if ((flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) ||
	    fstat(fd, &st) || lstat(part, &at) ||
	    st.st_ino != at.st_ino || st.st_dev != at.st_dev)
		return EBUSY;
	return ftruncate(fd, 0) ? errno : 0;
}

static int open_output(struct output *o)
{
	const char *path = o->name;
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
	int err;

	if (o->fd >= 0)
		return 0;
	if (!o->name) {
		o->fd = STDOUT_FILENO;
		return 0;
	}
	if (replaceable(o->name)) {
		if (asprintf(&o->part, "%s.part", o->name) < 0) {
			o->part = NULL;
			return -ENOMEM;
		}
		path = o->part;
		/* not to some other file, and that it then be named @name */
		flags |= O_NOFOLLOW;
	} else {
		flags |= O_TRUNC;
	}
	o->fd = open(path, flags, 0666);
	err = o->fd < 0 ? errno : o->part ? claim(path, o->fd) : 0;
	if (!err)
		return 0;
	complain("%s: %s", path, strerror(err));
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	free(o->part);
	o->part = NULL;
	return -err;
}

static void show(struct output *o, bool last)
{
	struct text t = { 0 };
	int64_t now = net_clock();
	double s = (double)(now - o->begun + 1) / 1000;

	if (!o->progress || (!last && now - o->shown < SHOW_MS))
		return;
	o->shown = now;
	text_puts(&t, "\r");
	text_size(&t, (double)o->written);
	if (o->expected != UINT64_MAX) {
		text_puts(&t, " of ");
		text_size(&t, (double)o->expected);
		text_printf(&t, ", %.0f%%", o->expected ? 100.0 *
			    (double)o->written / (double)o->expected : 100.0);
	}
	text_puts(&t, ", ");
	text_size(&t, (double)o->written / s);
	text_puts(&t, last ? "/s \033[K\n" : "/s \033[K");
	if (!t.failed && write(STDERR_FILENO, t.buf, t.len) < 0)
		o->progress = false;
	text_free(&t);
}

int output_write(struct output *o, const void *data, size_t len)
{
	const char *p = data;
	int err = open_output(o);

	while (!err && len) {
		ssize_t n = write(o->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err = -errno;
			complain("%s: %s", o->name ? o->name : "stdout",
				 strerror(errno));
			break;
		}
		p += n;
		len -= (size_t)n;
		o->written += (uint64_t)n;
	}
	if (!err)
		show(o, false);
	return err;
}

int output_finish(struct output *o)
{
	int copy, err = open_output(o);

	if (err)
		return err;
	show(o, true);
	/* a file system may find out only now that it is full; the lock stays */
	copy = o->name ? dup(o->fd) : -1;
	if (copy >= 0 && close(copy))
		err = -errno;
	if (!err && o->part && rename(o->part, o->name))
		err = -errno;
	if (err) {
		complain("%s: %s", o->name, strerror(-err));
		return err;
	}
	if (o->name)
		close(o->fd);
	o->fd = -1;
	free(o->part);
	o->part = NULL;
	return 0;
}

void output_abandon(struct output *o)
{
	if (o->progress && o->written)
		show(o, true);
	if (o->written)
		complain("only the first %llu bytes are in %s",
			 (unsigned long long)o->written,
			 o->part ? o->part : o->name ? o->name : "stdout");
	else if (o->part)
		unlink(o->part);
	if (o->name && o->fd >= 0)
		close(o->fd);
	free(o->part);
	o->part = NULL;
}
