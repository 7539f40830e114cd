// SPDX-License-Identifier: MIT
#include "session_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "secret_file.h"

#define SESSION_MAX	(128 * 1024)	/* the ticket has up to 65535 bytes */

static int fail(const char *file, int err)
{
	complain("%s: %s", file, ktls_strerror(err));
	return -1;
}

/* Whoever holds the lock will have removed it; nobody waits for that */
static bool is_taken(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return true;
	return !fstat(fd, &st) && !st.st_nlink;
}

int session_take(struct ktls_config *config, const char *file)
{
	int err = 0, fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *buf;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : fail(file, errno);
	if (is_taken(fd)) {
		close(fd);
		return 0;
	}
	buf = malloc(SESSION_MAX);
	n = buf ? read(fd, buf, SESSION_MAX) : -1;
	if (n < 0)
		err = buf ? errno : ENOMEM;
	/* one that is old, or of other options (TLS 1.3), is no reason to stop */
	if (n > 0)
		err = ktls_session_import(config, buf, (size_t)n);
	if (buf)
		explicit_bzero(buf, SESSION_MAX);
	free(buf);
	if (!err && n > 0)
		err = secret_remove(file);
	close(fd);
	/* ENOENT: a newer one was put in its place, and taken, meanwhile */
	if (err == -KTLS_E_SESSION || err == -KTLS_E_STATE || err == ENOENT)
		return 0;
	return err ? fail(file, err) : 0;
}

int session_save(struct ktls_config *config, const char *server,
		 const char *file)
{
	char *buf = malloc(SESSION_MAX);
	ssize_t n = buf ? ktls_session_export(config, server, buf,
					      SESSION_MAX) : -ENOMEM;
	int err = n < 0 ? (int)n : 0;

	if (n > SESSION_MAX)
		err = ENOSPC;
	else if (n > 0)
		err = secret_write(file, buf, (size_t)n, NULL);
	if (buf)
		explicit_bzero(buf, SESSION_MAX);
	free(buf);
	return err ? fail(file, err) : 0;
}
