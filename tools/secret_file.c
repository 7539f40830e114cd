// SPDX-License-Identifier: MIT
#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

int secret_write(const char *file, const void *buf, size_t len,
		 const struct stat *like)
{
	char *part;
	int fd, err;

	if (asprintf(&part, "%s.XXXXXX", file) < 0)
		return ENOMEM;
	fd = mkostemp(part, O_CLOEXEC);		/* mode 0600 */
	err = fd < 0 ? errno : put(fd, buf, len, like);
	if (fd >= 0 && close(fd) && !err)
		err = errno;
	if (!err && rename(part, file))
		err = errno;
	if (err && fd >= 0)
		unlink(part);
	free(part);
	return err;
}
