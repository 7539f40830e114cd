// SPDX-License-Identifier: MIT
#include "agent_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT	(16 << 20)	/* of certificates */

const char *file_text_error(int err)
{
	switch (err) {
	case -EPERM:
		return "others than its owner and group may read or write it";
	case -EILSEQ:
		return "a NUL in it";
	default:
		return strerror(-err);
	}
}

static int read_all(int fd, char *buf, size_t len)
{
	while (len) {
		ssize_t n = read(fd, buf, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return -EIO;	/* it has shrunk */
		buf += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int read_text(int fd, size_t len, char **text)
{
	char *buf = calloc(1, len + 1);
	int err = buf ? read_all(fd, buf, len) : -ENOMEM;

	/* what is behind it would be left out, without a word */
	if (!err && strlen(buf) != len)
		err = -EILSEQ;
	if (err && buf) {
		explicit_bzero(buf, len);
		free(buf);
		buf = NULL;
	}
	*text = buf;
	return err;
}

int file_text(const char *name, bool secret, char **text)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int err = 0;

	if (fd < 0 || fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size > FILE_LIMIT)
		err = -EINVAL;
	else if (secret && st.st_mode & S_IRWXO)
		err = -EPERM;
	if (!err)
		err = read_text(fd, (size_t)st.st_size, text);
	if (fd >= 0)
		close(fd);
	return err;
}
