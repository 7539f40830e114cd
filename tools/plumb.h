/* SPDX-License-Identifier: MIT */
/* A thread that carries what comes out of one file into another. */
#ifndef TOOLS_PLUMB_H
#define TOOLS_PLUMB_H

#include <pthread.h>

struct plumb {
	pthread_t thread;
	int from, to;
	int socket;		/* which of them is a non-blocking socket; -1 */
	/* the first failure of either, -errno; the thread's until it is over */
	int read_error, write_error;
	/* at the end of @from, or when @to takes no more; may be NULL */
	void (*over)(struct plumb *p);
};

/* With all but @thread and the failures set: 0, or -errno */
int plumb_start(struct plumb *p);

#endif
