// SPDX-License-Identifier: MIT
#include "ticket_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define FORMAT	1	/* the first byte; the period is the next four */

/* ---- the bytes --------------------------------------------------------- */

static int read_fd(int fd, uint8_t keys[KTLS_TICKET_KEYS_SIZE],
		   struct stat *st)
{
	ssize_t n;

	/* its state first: what changes later is seen to have changed */
	if (fstat(fd, st))
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -KTLS_E_TICKET_KEYS;
	if (st->st_mode & S_IRWXO)
		return -EPERM;
	n = read(fd, keys, KTLS_TICKET_KEYS_SIZE);
	if (n < 0)
		return -errno;
	return n == KTLS_TICKET_KEYS_SIZE && st->st_size == n &&
	       keys[0] == FORMAT ? 0 : -KTLS_E_TICKET_KEYS;
}

int ticket_file_read(const char *name, uint8_t keys[KTLS_TICKET_KEYS_SIZE],
		     struct stat *st)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int err = fd < 0 ? -errno : read_fd(fd, keys, st);

	if (fd >= 0)
		close(fd);
	if (err)
		explicit_bzero(keys, KTLS_TICKET_KEYS_SIZE);
	return err;
}

unsigned int ticket_file_period(const uint8_t keys[KTLS_TICKET_KEYS_SIZE])
{
	return (unsigned int)keys[1] << 24 | (unsigned int)keys[2] << 16 |
	       (unsigned int)keys[3] << 8 | keys[4];
}

void ticket_file_complain(const char *name, int err)
{
	complain("ticket keys of %s: %s", name, err == -EPERM ?
		 "others than its owner and group may read or write it" :
		 ktls_strerror(err));
}

/* ---- a server's -------------------------------------------------------- */

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool ticket_file_changed(struct ticket_file *f)
{
	struct stat st, before = f->seen;

	if (!f->name)
		return false;
	if (stat(f->name, &st))
		memset(&st, 0, sizeof(st));
	f->seen = st;
	return !same(&st, &before);
}

static int look(struct ticket_file *f, uint8_t keys[KTLS_TICKET_KEYS_SIZE])
{
	int err = ticket_file_read(f->name, keys, &f->seen);

	if (err)
		ticket_file_complain(f->name, err);
	return err ? -1 : 0;
}

int ticket_file_look(struct ticket_file *f, unsigned int *period)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];

	if (look(f, keys))
		return -1;
	*period = ticket_file_period(keys);
	explicit_bzero(keys, sizeof(keys));
	return 0;
}

int ticket_file_take(struct ticket_file *f, struct ktls_config *config)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];
	int err;

	if (look(f, keys))
		return -1;
	err = ktls_ticket_keys_import(config, keys);
	explicit_bzero(keys, sizeof(keys));
	if (err)
		ticket_file_complain(f->name, err);
	return err ? -1 : 0;
}
