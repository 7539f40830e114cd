/* SPDX-License-Identifier: MIT */
/* What this kernel's io_uring has of what TLS on sockets can use. */
#ifndef TOOLS_URING_PROBE_H
#define TOOLS_URING_PROBE_H

#include <stddef.h>

struct uring_cap {
	const char *name;
	const char *what;	/* in words */
	int error;		/* 0: it works; else the errno */
};

#define URING_CAPS_MAX	48

struct uring_caps {
	int error;		/* of io_uring_setup(2), or 0 */
	int disabled;		/* sysctl kernel.io_uring_disabled; -1: none */
	size_t len;
	struct uring_cap caps[URING_CAPS_MAX];
};

/* Learn it by trying; where that takes a peer or a device, by asking. */
void uring_probe(struct uring_caps *caps);

#endif
