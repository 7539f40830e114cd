// SPDX-License-Identifier: MIT
#include "path.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <http_parser.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- targets ----------------------------------------------------------- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of @p, encoded or not; -1 if it is malformed */
static int decode(const char **p, const char *end)
{
	const char *c = *p;

	if (*c != '%') {
		*p = c + 1;
		return (unsigned char)*c;
	}
	if (end - c < 3 || hex(c[1]) < 0 || hex(c[2]) < 0)
		return -1;
	*p = c + 3;
	return hex(c[1]) << 4 | hex(c[2]);
}

/*
 * A segment up to the next '/', decoded to @to.  An encoded slash cannot be
 * part of a file's name, so there is no such file; "..", plain or encoded,
 * has no business in a request (clients resolve it).
 */
static int take_segment(struct path *path, size_t *len, const char *p,
			const char *end)
{
	size_t start = *len ? *len + 1 : 0, n = start;

	/* nothing fits behind the longest, not even an empty one's NUL */
	if (start == sizeof(path->name))
		return HTTP_STATUS_NOT_FOUND;
	while (p < end) {
		int c = decode(&p, end);

		if (c <= 0)
			return HTTP_STATUS_BAD_REQUEST;
		if (c == '/' || n >= sizeof(path->name) - 1)
			return HTTP_STATUS_NOT_FOUND;
		path->name[n++] = (char)c;
	}
	path->name[n] = '\0';
	if (!strcmp(path->name + start, ".."))
		return HTTP_STATUS_BAD_REQUEST;
	if (!strcmp(path->name + start, ".") || n == start) {
		path->name[*len] = '\0';
		return 0;
	}
	if (start)
		path->name[start - 1] = '/';
	*len = n;
	return 0;
}

static int take_path(struct path *path, const char *p, const char *end)
{
	size_t len = 0;

	path->directory = end[-1] == '/';
	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t before = len;
		int status = take_segment(path, &len, p, slash ? slash : end);

		if (status)
			return status;
		if (!slash && len == before)
			path->directory = true;	/* "/a/." */
		p = slash ? slash + 1 : end;
	}
	if (!len) {
		strcpy(path->name, ".");
		path->directory = true;
	}
	return 0;
}

int path_parse(struct path *p, const char *target)
{
	struct http_parser_url url;
	const char *path = "/";
	size_t len = 1;

	http_parser_url_init(&url);
	if (http_parser_parse_url(target, strlen(target), 0, &url))
		return HTTP_STATUS_BAD_REQUEST;
	if (url.field_set & 1 << UF_PATH) {
		path = target + url.field_data[UF_PATH].off;
		len = url.field_data[UF_PATH].len;
	}
	if (*path != '/')
		return HTTP_STATUS_BAD_REQUEST;	/* "*" */
	p->query = NULL;
	p->query_len = 0;
	if (url.field_set & 1 << UF_QUERY) {
		p->query = target + url.field_data[UF_QUERY].off - 1;
		p->query_len = url.field_data[UF_QUERY].len + 1u;
	}
	return take_path(p, path, path + len);
}

void path_encode(struct text *t, const char *name)
{
	static const char digits[] = "0123456789ABCDEF";

	text_puts(t, "/");
	if (!strcmp(name, "."))
		return;
	for (; *name; name++) {
		const unsigned char c = (unsigned char)*name;

		if (isalnum(c) || strchr("-._~/", c))
			text_put(t, name, 1);
		else
			text_put(t, (char[]){ '%', digits[c >> 4],
					      digits[c & 15] }, 3);
	}
}

/* ---- files ------------------------------------------------------------- */

/* O_NONBLOCK: a FIFO must not stop the server before it is seen for one */
#define OPEN_FLAGS	(O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

/*
 * Without openat2(2) (Linux before 5.6, or a seccomp filter): step by step,
 * and no symbolic links at all.
 */
static int open_walk(int root, const char *name)
{
	char part[NAME_MAX + 1];
	int fd, dir = root;

	for (;;) {
		size_t len = strcspn(name, "/");
		bool last = !name[len];

		if (len > NAME_MAX) {
			fd = -ENAMETOOLONG;
		} else {
			memcpy(part, name, len);
			part[len] = '\0';
			fd = openat(dir, part, O_NOFOLLOW | (last ? OPEN_FLAGS :
				    O_PATH | O_DIRECTORY | O_CLOEXEC));
			fd = fd < 0 ? -errno : fd;
		}
		if (dir != root)
			close(dir);
		if (fd < 0 || last)
			return fd;
		dir = fd;
		name += len + 1;
	}
}

int path_open(int root, const char *name)
{
	const struct open_how how = {
		.flags = OPEN_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	/* EAGAIN: something was renamed meanwhile */
	for (int tries = 0; tries < 8; tries++) {
		long fd = syscall(SYS_openat2, root, name, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == ENOSYS || errno == EPERM)
			return open_walk(root, name);
		if (errno != EAGAIN)
			return -errno;
	}
	return -EAGAIN;
}
