// SPDX-License-Identifier: MIT
#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX	40	/* as the kernel has it */

/* ---- links ------------------------------------------------------------- */

/* What the link @name leads to, or NULL and errno */
static char *read_link(const char *name)
{
	char to[PATH_MAX], *path;
	ssize_t n = readlink(name, to, sizeof(to));
	const char *slash = strrchr(name, '/');
	int dir;

	if (n < 0)
		return NULL;
	if (n == sizeof(to)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	dir = *to != '/' && slash ? (int)(slash + 1 - name) : 0;
	if (asprintf(&path, "%.*s%.*s", dir, name, (int)n, to) >= 0)
		return path;
	errno = ENOMEM;
	return NULL;
}

/* Where what is opened as @file is, or would be created; or NULL and errno */
static char *follow(const char *file)
{
	char *name = strdup(file);

	for (int i = 0; name; i++) {
		char *next = i < LINKS_MAX ? read_link(name) : NULL;

		if (i == LINKS_MAX)
			errno = ELOOP;
		else if (!next && (errno == EINVAL || errno == ENOENT))
			return name;	/* no link */
		free(name);
		name = next;
	}
	return NULL;
}

/* ---- the file ---------------------------------------------------------- */

static int put(int fd, const void *buf, size_t len, const struct stat *like)
{
	if (like && (fchown(fd, like->st_uid, like->st_gid) ||
		     fchmod(fd, like->st_mode & (S_IRWXU | S_IRWXG))))
		return errno;
	errno = EIO;
	if (write(fd, buf, len) != (ssize_t)len)
		return errno;
	/* or the name may be there without the bytes, after a crash */
	return fsync(fd) ? errno : 0;
}

/* By way of a file beside it, which is named as the template @part says */
static int replace(const char *name, char *part, const void *buf, size_t len,
		   const struct stat *like)
{
	int fd = mkostemp(part, O_CLOEXEC);	/* mode 0600 */
	int err = fd < 0 ? errno : put(fd, buf, len, like);

	if (fd >= 0 && close(fd) && !err)
		err = errno;
	if (!err && rename(part, name))
		err = errno;
	if (err && fd >= 0)
		unlink(part);
	return err;
}

int secret_write(const char *file, const void *buf, size_t len,
		 const struct stat *like)
{
	char *name = follow(file), *part;
	int err;

	if (!name)
		return errno;
	if (asprintf(&part, "%s.XXXXXX", name) < 0)
		part = NULL;
	err = part ? replace(name, part, buf, len, like) : ENOMEM;
	free(part);
	free(name);
	return err;
}

int secret_remove(const char *file)
{
	char *name = follow(file);
	int err = name && !unlink(name) ? 0 : errno;

	free(name);
	return err;
}
