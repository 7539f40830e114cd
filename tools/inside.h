/* SPDX-License-Identifier: MIT */
/*
 * What is behind a connection that relay() serves: a program, a plain
 * connection, a terminal.  Two pipes lead to it.
 */
#ifndef TOOLS_INSIDE_H
#define TOOLS_INSIDE_H

#include <stdbool.h>

#define INSIDE_KILL_MS	2000	/* to end in when asked to, before SIGKILL */

enum inside_end {
	INSIDE_RUNS,	/* its end is not known yet */
	INSIDE_WHOLE,
	INSIDE_BROKEN,	/* what came of it was not all */
};

struct inside {
	/* Our ends, non-blocking: what came goes there, what to send is here */
	int to, from;
	/*
	 * Nothing is sent any more, and nobody listens, once the peer closes;
	 * nothing is sent, either, once nobody listens
	 */
	bool follows;
	/* ms for what may still come when it has said all; 0: any time */
	int half_ms;
	/* Was what it sent whole?  Asked when there is no more of it */
	enum inside_end (*end)(struct inside *in);
	/*
	 * SIGHUP: the connection was cut, and what came is not all; SIGTERM:
	 * it should end; SIGKILL: it has to, now
	 */
	void (*signal)(struct inside *in, int sig);
};

/* Two pipes, with our ends in @in, and the others in @theirs; 0, or -errno */
int inside_open(struct inside *in, int theirs[2]);
/* Close our ends; either may be closed already (-1) */
void inside_close(struct inside *in);

#endif
