// SPDX-License-Identifier: MIT
#include "filecache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "metrics.h"
#include "mime.h"
#include "path.h"

#define BUCKETS		1024
#define MEMORY_MAX	2048	/* entries, of each kind */
#define MISSING_MAX	512
#define KEEP_MS		10000	/* without being asked for, at least */
#define CONTENT_MAX	65536	/* of a file in memory */
#define UNCACHED_MAX	16384	/* ... which is there for one answer */
#define SETTLED_S	2	/* the coarsest clock of a file system */
#define REREAD_MS	60000	/* a mapping may be written to, without a trace */
#define TRIES		4	/* to read a file that is being written */

/* Each has its limit, so that none of them drives out another */
enum kind {
	MEMORY,			/* the content is here; or a directory */
	OPEN,			/* by a descriptor */
	MISSING,		/* a name that is not served */
	KINDS,
};

struct filecache {
	int root;
	int valid_ms;
	int64_t now;
	uint64_t seed;
	size_t bytes, bytes_max;	/* in memory */
	unsigned int len[KINDS], max[KINDS];
	struct list used[KINDS];	/* the latest is the last */
	struct file *bucket[BUCKETS];
};

/* ---- one file ---------------------------------------------------------- */

/* Content of this thread's files, also of those that slow clients still have */
static _Thread_local size_t content_bytes;

static void free_content(struct file *f)
{
	if (f->content)
		content_bytes -= (size_t)f->st.st_size;
	free(f->content);
	f->content = NULL;
}

static void close_file(struct file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

void file_put(struct file *f)
{
	if (!f || --f->refs)
		return;
	close_file(f);
	free_content(f);
	free(f);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_version(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_mode == b->st_mode && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) &&
	       same_time(&a->st_ctim, &b->st_ctim);
}

/* Is it still what it was when we looked? */
static bool unchanged(const struct file *f)
{
	struct stat st;

	return !fstat(f->fd, &st) && same_version(&f->st, &st);
}

/*
 * All of it, unless one would have to wait for a disk: who sends it does.  What
 * cannot tell (tmpfs, for one) waits here as it would there.
 */
static bool read_whole(int fd, char *buf, size_t len)
{
	struct iovec to = { buf, len };
	ssize_t n = preadv2(fd, &to, 1, 0, RWF_NOWAIT);

	if (n < 0 && errno == EOPNOTSUPP)
		n = pread(fd, buf, len, 0);
	return n == (ssize_t)len;
}

/* The content of a small file, if it can be had; false: it was changed */
static bool load(const struct filecache *c, struct file *f, size_t max)
{
	size_t len = (size_t)f->st.st_size;

	if (!S_ISREG(f->st.st_mode) || len > max ||
	    content_bytes + len > 2 * c->bytes_max)
		return true;
	f->content = malloc(len + 1);
	if (!f->content)
		return true;
	content_bytes += len;
	if (len && !read_whole(f->fd, f->content, len))
		free_content(f);
	else if (!unchanged(f))
		return false;
	else
		close_file(f);
	return true;
}

/* A change within the tick of a clock leaves no trace */
static bool is_settled(const struct file *f)
{
	return f->st.st_ctim.tv_sec < f->seen - SETTLED_S &&
	       f->st.st_mtim.tv_sec < f->seen - SETTLED_S;
}

static int open_file(const struct filecache *c, struct file *f)
{
	f->fd = path_open(c->root, f->name);
	if (f->fd < 0)
		return f->fd;
	if (fstat(f->fd, &f->st))
		return -errno;
	/* who writes to a FIFO is not to find a reader here */
	return S_ISREG(f->st.st_mode) || S_ISDIR(f->st.st_mode) ? 0 : -ENXIO;
}

/* Content and status are of one version */
static void look(const struct filecache *c, struct file *f)
{
	size_t max = c->valid_ms ? CONTENT_MAX : UNCACHED_MAX;
	int tries = 0;

	do {
		close_file(f);
		free_content(f);
		f->err = open_file(c, f);
		f->seen = time(NULL);
		f->settled = !f->err && is_settled(f);
	} while (!f->err && !load(c, f, tries < TRIES ? max : 0) &&
		 tries++ < TRIES);
	if (f->err || f->content || S_ISDIR(f->st.st_mode))
		close_file(f);
	if (f->err)
		return;
	f->looked_at = c->now;
	f->type = mime_type(f->name);
	etag(f->tag, &f->st, NULL);
	/* not after the answer's own (RFC 9110 8.8.2.1) */
	http_date(f->st.st_mtime < f->seen ? f->st.st_mtime : f->seen, f->date);
}

static struct file *new_file(const char *name, size_t len, uint64_t hash)
{
	struct file *f = calloc(1, sizeof(*f) + len + 1);

	if (!f)
		return NULL;
	list_init(&f->used);
	f->fd = -1;
	f->refs = 1;
	f->hash = hash;
	f->len = len;
	memcpy(f->name, name, len);
	return f;
}

/* ---- the table --------------------------------------------------------- */

/* FNV-1a; that all of them collide is a matter of some thousand entries */
static uint64_t hash_name(const struct filecache *c, const char *name,
			  size_t len)
{
	uint64_t h = c->seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3;
	return h ^ h >> 32;
}

static struct file **find(struct filecache *c, const char *name, size_t len,
			  uint64_t hash)
{
	struct file **at = &c->bucket[hash % BUCKETS];

	while (*at && ((*at)->hash != hash || (*at)->len != len ||
		       memcmp((*at)->name, name, len)))
		at = &(*at)->next;
	return at;
}

static enum kind kind_of(const struct file *f)
{
	if (f->err)
		return MISSING;
	return f->fd >= 0 ? OPEN : MEMORY;
}

static size_t size_of(const struct file *f)
{
	return sizeof(*f) + f->len +
	       (f->content ? (size_t)f->st.st_size : 0);
}

static void take_out(struct file **at)
{
	struct file *f = *at;
	struct filecache *c = f->cache;
	enum kind kind = kind_of(f);

	*at = f->next;
	list_del(&f->used);
	c->len[kind]--;
	if (kind == MEMORY)
		c->bytes -= size_of(f);
	f->cache = NULL;
	file_put(f);
}

static void drop_oldest(struct filecache *c, enum kind kind)
{
	const struct file *f = list_entry(c->used[kind].next, struct file,
					  used);

	take_out(find(c, f->name, f->len, f->hash));
}

static void touch(struct filecache *c, struct file *f)
{
	f->used_at = c->now;
	list_move_tail(&f->used, &c->used[kind_of(f)]);
}

/* A failure of the moment says nothing of the name */
static bool is_lasting(int err)
{
	switch (-err) {
	case 0:
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case EACCES:
	case EPERM:
	case ELOOP:
	case EXDEV:
	case ENXIO:
		return true;
	default:
		return false;
	}
}

static void put_in(struct filecache *c, struct file *f)
{
	struct file **bucket = &c->bucket[f->hash % BUCKETS];
	enum kind kind = kind_of(f);

	if (!c->valid_ms || !is_lasting(f->err))
		return;
	f->cache = c;
	f->refs++;
	f->next = *bucket;
	*bucket = f;
	f->due = c->now + c->valid_ms;
	touch(c, f);
	c->len[kind]++;
	if (kind == MEMORY)
		c->bytes += size_of(f);
	/* which may be the new one itself */
	while (c->len[kind] > c->max[kind])
		drop_oldest(c, kind);
	while (c->bytes > c->bytes_max)
		drop_oldest(c, MEMORY);
}

/* ---- looking up -------------------------------------------------------- */

/* May it be used as it is? */
static bool is_good(const struct filecache *c, const struct file *f)
{
	if (c->now >= f->due)
		return false;
	return f->err || S_ISDIR(f->st.st_mode) || f->content || unchanged(f);
}

/* It was not in memory when it was looked at, but may be now */
static bool could_load(const struct file *f)
{
	return f->fd >= 0 && f->st.st_size <= CONTENT_MAX;
}

/* Its time is up, but the name still stands for just the same */
static bool renew(const struct filecache *c, struct file *f)
{
	struct stat st;
	bool same;
	int fd;

	if (f->err || !f->settled || could_load(f) ||
	    c->now - f->looked_at >= REREAD_MS)
		return false;
	fd = path_open(c->root, f->name);
	if (fd < 0)
		return false;
	same = !fstat(fd, &st) && same_version(&f->st, &st);
	close(fd);
	if (same)
		f->due = c->now + c->valid_ms;
	return same;
}

struct file *filecache_get(struct filecache *c, const char *name)
{
	size_t len = strlen(name);
	uint64_t hash = hash_name(c, name, len);
	struct file **at = find(c, name, len, hash), *f = *at;
	bool good = f && is_good(c, f);

	metrics_file(good);
	if (good || (f && renew(c, f))) {
		touch(c, f);
		f->refs++;
		return f;
	}
	if (f)
		take_out(at);
	f = new_file(name, len, hash);
	if (!f)
		return NULL;
	look(c, f);
	if (f->err == -EMFILE || f->err == -ENFILE) {
		filecache_empty(c);
		look(c, f);
	}
	put_in(c, f);
	return f;
}

/* ---- all of them ------------------------------------------------------- */

static int64_t keep_ms(const struct filecache *c)
{
	return c->valid_ms > KEEP_MS ? c->valid_ms : KEEP_MS;
}

/* When the one is to go that was asked for longest ago; 0: there is none */
static int64_t oldest_due(const struct filecache *c, enum kind kind)
{
	if (list_empty(&c->used[kind]))
		return 0;
	return list_entry(c->used[kind].next, struct file, used)->used_at +
	       keep_ms(c);
}

void filecache_age(struct filecache *c, int64_t now)
{
	c->now = now;
	for (enum kind kind = 0; kind < KINDS; kind++)
		while (c->len[kind] && oldest_due(c, kind) <= now)
			drop_oldest(c, kind);
}

int64_t filecache_due(const struct filecache *c)
{
	int64_t due = 0;

	for (enum kind kind = 0; kind < KINDS; kind++) {
		int64_t own = oldest_due(c, kind);

		if (own && (!due || own < due))
			due = own;
	}
	return due;
}

void filecache_empty(struct filecache *c)
{
	for (enum kind kind = 0; kind < KINDS; kind++)
		while (c->len[kind])
			drop_oldest(c, kind);
}

struct filecache *filecache_new(int root, const struct filecache_limits *max)
{
	struct filecache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->root = root;
	c->valid_ms = max->valid_ms;
	c->bytes_max = max->bytes;
	c->max[MEMORY] = MEMORY_MAX;
	c->max[OPEN] = max->fds;
	c->max[MISSING] = MISSING_MAX;
	for (enum kind kind = 0; kind < KINDS; kind++)
		list_init(&c->used[kind]);
	if (getrandom(&c->seed, sizeof(c->seed), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(c->seed))
		c->seed = (uint64_t)(uintptr_t)c;
	return c;
}

void filecache_free(struct filecache *c)
{
	if (!c)
		return;
	filecache_empty(c);
	free(c);
}
