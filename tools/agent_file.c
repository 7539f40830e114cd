// SPDX-License-Identifier: MIT
#include "agent_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT	(16 << 20)	/* of certificates */

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
	if (!err) {
		*text = calloc(1, (size_t)st.st_size + 1);
		err = *text ? read_all(fd, *text, (size_t)st.st_size) :
			      -ENOMEM;
	}
	if (fd >= 0)
		close(fd);
	return err;
}
