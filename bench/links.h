/* SPDX-License-Identifier: MIT */
/*
 * TCP connections over loopback to a process that takes what comes and looks
 * at none of it (MSG_TRUNC), so that the CPU time of this one is the sender's.
 */
#ifndef BENCH_LINKS_H
#define BENCH_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <ktls.h>

#define LINKS_MAX	64

enum carrier {
	CARRIER_NONE,		/* plain TCP */
	CARRIER_KERNEL,
	CARRIER_USER,		/* libktls's record layer */
};

struct links {
	size_t len;
	int fd[LINKS_MAX];
	struct ktls_conn *conn[LINKS_MAX];	/* NULL: plain TCP */
	pid_t drain;
};

/* What both ends need, once; @cipher is IANA's name. 0, or -1 after words. */
int links_init(const char *cipher);
void links_exit(void);

/* 0, -EOPNOTSUPP if the kernel does not carry it, or -1 after words */
int links_open(struct links *l, size_t len, enum carrier carrier);
/* Until the other ends have acknowledged all that was sent */
void links_drain(const struct links *l);
void links_close(struct links *l);

#endif
