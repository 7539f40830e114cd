/* SPDX-License-Identifier: MIT */
/*
 * Bytes over established connections: what one costs who sends it, and who
 * receives it, by who makes the records.
 */
#ifndef BENCH_BULK_H
#define BENCH_BULK_H

#include "cn.h"

#define BULK_LINKS_MAX	64

/* Who makes the records, in both processes */
struct bulk_stack {
	const char *name;
	const struct cn_impl *impl;
	bool user;		/* ... and not the kernel */
};

/* One way to move bytes; @buf: how many at a time */
struct bulk_way {
	const char *name;
	size_t buf;
	unsigned int needs;	/* CN_* that the kernel has to carry for it */
	bool receives;
	/* At most @len by @end, of the file at @at: as of send(2) */
	ssize_t (*move)(const struct cn_impl *impl, struct cn_end *end,
			int file, off_t at, void *buf, size_t len);
};

/* This process's ends, and a process that has the others */
struct bulk_links {
	const struct bulk_stack *stack;
	const struct bulk_way *way;
	int n;
	size_t total;		/* bytes of a round */
	struct cn_end end[BULK_LINKS_MAX];
	void *shared;
	pid_t pid;
	int order;		/* to that process: a byte for each round */
};

/* 0; 1: the kernel does not carry what @way needs; -1 after words */
int bulk_open(struct bulk_links *l, const struct bulk_stack *stack,
	      const struct bulk_way *way, int n, size_t total,
	      const struct hs_pki *pki);
/* A round: CPU us of this process, and seconds that pass; 0 or -1 */
int bulk_run(struct bulk_links *l, int file, double *us, double *seconds);
void bulk_close(struct bulk_links *l);

/* What the machine can do by itself, in MiB a second (bulk_roof.c); 0: not */
struct bulk_roof {
	const char *name;
	double (*mib)(void);
};

extern const struct bulk_roof bulk_roofs[];
extern const size_t bulk_roofs_len;

#endif
