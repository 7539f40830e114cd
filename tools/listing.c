// SPDX-License-Identifier: MIT
#include "listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "path.h"

#define ENTRIES_MAX	4096
#define PAGE_MAX	(1024 * 1024)	/* no entry begins beyond it */
#define PAGES_MAX	(16 * 1024 * 1024)	/* of all being sent */

struct entry {
	char *name;
	off_t size;
	time_t changed;
	bool directory;
};

struct listing {
	int root;
	const char *name;	/* of the directory */
	struct entry *entries;
	size_t len, cap;
	bool more;		/* than those */
};

static atomic_size_t pages;	/* bytes of all */

/* ---- reading ----------------------------------------------------------- */

static bool join(char path[PATH_MAX], const char *dir, const char *name)
{
	size_t dir_len = strcmp(dir, ".") ? strlen(dir) : 0;
	size_t len = strlen(name);

	if (dir_len + 1 + len + 1 > PATH_MAX)
		return false;
	memcpy(path, dir, dir_len);
	if (dir_len)
		path[dir_len++] = '/';
	memcpy(path + dir_len, name, len + 1);
	return true;
}

/* A link counts as what it leads to, unless that is not served */
static bool look_at(const struct listing *l, int dir, const char *name,
		    struct stat *st)
{
	char path[PATH_MAX];
	int fd, err;

	if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW))
		return false;
	if (S_ISLNK(st->st_mode)) {
		fd = join(path, l->name, name) ? path_open(l->root, path) : -1;
		if (fd < 0)
			return false;
		err = fstat(fd, st);
		close(fd);
		if (err)
			return false;
	}
	return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode);
}

static bool add(struct listing *l, const char *name, const struct stat *st)
{
	struct entry *e;

	if (l->len == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;

		e = realloc(l->entries, cap * sizeof(*e));
		if (!e)
			return false;
		l->entries = e;
		l->cap = cap;
	}
	e = &l->entries[l->len];
	*e = (struct entry){
		.name = strdup(name),
		.size = st->st_size,
		.changed = st->st_mtime,
		.directory = S_ISDIR(st->st_mode),
	};
	if (!e->name)
		return false;
	l->len++;
	return true;
}

static bool read_entries(struct listing *l, DIR *dir)
{
	const struct dirent *d;
	struct stat st;
	size_t n = 0;

	while ((d = readdir(dir))) {
		if (*d->d_name == '.')
			continue;
		if (n++ == ENTRIES_MAX) {
			l->more = true;
			break;
		}
		if (look_at(l, dirfd(dir), d->d_name, &st) &&
		    !add(l, d->d_name, &st))
			return false;
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->directory != y->directory)
		return x->directory ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* ---- writing ----------------------------------------------------------- */

/* Text of HTML, where a file's name can be any bytes */
static void escape(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (strchr("&<>\"'", *s))
			text_printf(t, "&#%d;", *s);
		else if ((unsigned char)*s < ' ' || *s == 0x7f)
			text_puts(t, "\xef\xbf\xbd");	/* U+FFFD */
		else
			text_put(t, s, 1);
	}
}

static void write_entry(struct text *t, const struct listing *l,
			const struct entry *e)
{
	const char *slash = e->directory ? "/" : "";
	char path[PATH_MAX], date[32];
	struct tm tm;

	if (!join(path, l->name, e->name))
		return;
	if (!gmtime_r(&e->changed, &tm) ||
	    !strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm))
		*date = '\0';
	text_puts(t, "<tr><td><a href=\"");
	path_encode(t, path);
	text_printf(t, "%s\">", slash);
	escape(t, e->name);
	text_printf(t, "%s</a></td><td>", slash);
	if (!e->directory)
		text_size(t, (double)e->size);
	text_printf(t, "</td><td>%s</td></tr>\n", date);
}

static void write_page(struct text *t, const struct listing *l)
{
	bool top = !strcmp(l->name, ".");
	size_t i;

	text_puts(t, "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\">"
		  "<title>/");
	escape(t, top ? "" : l->name);
	text_puts(t, "</title></head>\n<body>\n<h1>/");
	escape(t, top ? "" : l->name);
	text_puts(t, "</h1>\n<table>\n<tr><th>Name</th><th>Size</th>"
		  "<th>Changed (UTC)</th></tr>\n");
	if (!top)
		text_puts(t, "<tr><td><a href=\"../\">../</a></td><td></td>"
			  "<td></td></tr>\n");
	for (i = 0; i < l->len && t->len < PAGE_MAX; i++)
		write_entry(t, l, &l->entries[i]);
	text_puts(t, "</table>\n");
	if (l->more || i < l->len)
		text_puts(t, "<p>... and more, which are not shown.</p>\n");
	text_puts(t, "</body>\n</html>\n");
}

void listing_release(size_t len)
{
	atomic_fetch_sub(&pages, len);
}

static int claim(size_t len)
{
	if (atomic_fetch_add(&pages, len) + len <= PAGES_MAX)
		return 0;
	listing_release(len);
	return HTTP_STATUS_SERVICE_UNAVAILABLE;
}

int listing_write(struct text *page, int root, const char *name)
{
	struct listing l = { .root = root, .name = name };
	int fd = path_open(root, name);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int status = HTTP_STATUS_SERVICE_UNAVAILABLE;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return HTTP_STATUS_FORBIDDEN;
	}
	if (read_entries(&l, dir)) {
		if (l.len)
			qsort(l.entries, l.len, sizeof(*l.entries), compare);
		write_page(page, &l);
		if (!page->failed)
			status = claim(page->len);
	}
	closedir(dir);
	for (size_t i = 0; i < l.len; i++)
		free(l.entries[i].name);
	free(l.entries);
	return status;
}
