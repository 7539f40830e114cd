// SPDX-License-Identifier: MIT
#include "file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int bench_file(const char *dir, off_t size)
{
	static char block[65536];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	off_t n;

	if (fd < 0) {	/* hostfs has no O_TMPFILE */
		char name[512];

		snprintf(name, sizeof(name), "%s/file_to_socket.XXXXXX", dir);
		fd = mkostemp(name, O_CLOEXEC);
		if (fd >= 0)
			unlink(name);
	}
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)rand();
	for (off_t at = 0; fd >= 0 && at < size; at += n) {
		n = size - at < (off_t)sizeof(block) ? size - at :
		    (off_t)sizeof(block);
		if (pwrite(fd, block, (size_t)n, at) != n) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0) {
		perror(dir);
		return -1;
	}
	fsync(fd);	/* what is not on the disk stays in memory */
	return fd;
}
