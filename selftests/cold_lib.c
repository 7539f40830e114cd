// SPDX-License-Identifier: GPL-2.0-only
#include "cold_lib.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mode_lib.h"

#ifndef SYS_cachestat
#define SYS_cachestat	451
#endif

static int dir = -1;

/* ---- a file system ------------------------------------------------------- */

static int make_in(int at)
{
	return openat(at, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static bool can_say(int at)
{
	int fd = make_in(at);
	char byte = 0;
	const struct iovec iov = { &byte, 1 };
	bool can = fd >= 0 && write(fd, &byte, 1) == 1 &&
		   preadv2(fd, &iov, 1, 0, RWF_NOWAIT) == 1;

	if (fd >= 0)
		close(fd);
	return can;
}

static int open_own_dir(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	ASSERT_GT(n, 0);
	path[n] = 0;
	*strrchr(path, '/') = 0;
	return open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
}

/* In memory itself, but to this kernel it is a disk; gone when we are */
static int mount_disk(void)
{
	char at[] = "/tmp/ktls-cold.XXXXXX", cmd[256];
	int fd = -1;

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	ASSERT_TRUE(mkdtemp(at));
	snprintf(cmd, sizeof(cmd), "PATH=$PATH:/sbin:/usr/sbin; modprobe -q "
		 "loop; truncate -s 64M %s.img && mkfs.ext4 -q -F "
		 "-O ^has_journal -N 64 %s.img && mount -o loop %s.img %s",
		 at, at, at, at);
	if (!system(cmd)) {
		fd = open(at, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
		umount2(at, MNT_DETACH);
	}
	snprintf(cmd, sizeof(cmd), "%s.img", at);
	unlink(cmd);
	rmdir(at);
	return fd;
}

void cold_begin(void)
{
	dir = open_own_dir();
	if (dir >= 0 && can_say(dir))
		return;
	if (dir >= 0)
		close(dir);
	dir = mount_disk();
	if (dir < 0 || !can_say(dir))
		SKIP("no file system that knows what is in memory");
}

/* ---- files --------------------------------------------------------------- */

long cold_pages(int fd, off_t from, size_t len)
{
	uint64_t range[2] = { (uint64_t)from, len }, stat[5];

	return syscall(SYS_cachestat, fd, range, stat, 0) ? -1 : (long)stat[0];
}

bool cold_at(int fd, off_t at)
{
	char byte;
	const struct iovec iov = { &byte, 1 };

	return preadv2(fd, &iov, 1, at, RWF_NOWAIT) < 0 && errno == EAGAIN;
}

void cold_evict(int fd, off_t from, size_t len)
{
	bool gone = false;

	/* what is on its way to a list is not to be had at once */
	for (int i = 0; !gone && i < 100; i++) {
		long pages;

		if (i)
			usleep(10000);
		ASSERT_OK(posix_fadvise(fd, from, (off_t)len,
					POSIX_FADV_DONTNEED));
		pages = cold_pages(fd, from, len);
		/* to look in the other way reads ahead */
		gone = !pages || (pages < 0 && cold_at(fd, from));
	}
	ASSERT_TRUE(gone);
}

int cold_file(uint64_t seed, uint64_t pos, size_t len)
{
	static uint8_t buf[65536];
	int fd = make_in(dir);

	ASSERT_GE(fd, 0);
	for (size_t at = 0; at < len; ) {
		size_t n = len - at < sizeof(buf) ? len - at : sizeof(buf);

		stream_fill(seed, pos + at, buf, n);
		ASSERT_EQ(pwrite(fd, buf, n, (off_t)at), n);
		at += n;
	}
	/* what is not on the disk stays in memory */
	ASSERT_OK(fsync(fd));
	cold_evict(fd, 0, len);
	return fd;
}
