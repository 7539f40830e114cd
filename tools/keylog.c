// SPDX-License-Identifier: MIT
#include "keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "text.h"

static int keylog_fd = -1;

static void append(void *arg, const char *line)
{
	struct text t = { 0 };

	(void)arg;
	text_puts(&t, line);
	text_puts(&t, "\n");
	/* in one write, because other processes may append too */
	if (!t.failed && write(keylog_fd, t.buf, t.len) != (ssize_t)t.len)
		complain("cannot write to the key log: %s", strerror(errno));
	if (t.buf)
		explicit_bzero(t.buf, t.len);
	text_free(&t);
}

int keylog_open(const struct ktls_hooks **hooks)
{
	static const struct ktls_hooks append_hooks = { .keylog = append };
	const char *path = secure_getenv("SSLKEYLOGFILE");

	*hooks = NULL;
	if (!path || !*path)
		return 0;
	if (keylog_fd < 0)
		keylog_fd = open(path, O_WRONLY | O_CREAT | O_APPEND |
				 O_CLOEXEC | O_NOCTTY, 0600);
	if (keylog_fd < 0) {
		int err = -errno;

		complain("SSLKEYLOGFILE %s: %s", path, strerror(errno));
		return err;
	}
	*hooks = &append_hooks;
	return 0;
}
