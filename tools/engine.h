/* SPDX-License-Identifier: MIT */
/* Who moves the bytes of a server: how it waits, accepts, and runs streams. */
#ifndef TOOLS_ENGINE_H
#define TOOLS_ENGINE_H

#include "stream.h"

struct engine {
	const char *name;
	/* By the thread that runs it: 0 or -errno */
	int (*begin)(struct server *s);
	void (*end)(struct server *s);
	/*
	 * Wait server_patience() for something to happen, set the server's
	 * clock, and run what it is: 0 or -errno.
	 */
	int (*turn)(struct server *s);
	/* Call server_accepted() with what comes, or no more */
	void (*accept)(struct server *s, bool on);
	int (*open)(struct stream *st);
	/* These may find that a stream has something to do */
	void (*send)(struct stream *st, struct ktls_job *job);
	void (*pause)(struct stream *st, bool on);
	void (*ask)(struct stream *st);
	void (*close)(struct stream *st);
	void (*free)(struct stream *st);
};

extern const struct engine engine_epoll, engine_uring;

#endif
