/* SPDX-License-Identifier: MIT */
/*
 * The loop of 'ktls agent': descriptors, and who is called when something is
 * to be done with them.  One at a time, in the kernel's order, so that nobody
 * gets two turns before everybody had one, and so that a handler may free
 * whatever it likes: no event of it is left in a batch.
 */
#ifndef TOOLS_AGENT_LOOP_H
#define TOOLS_AGENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

struct loop {
	int epoll;
	int64_t now;		/* net_clock() */
	struct list timers;	/* in no order: there are few */
};

/* A descriptor, and what to do when @events (EPOLLIN, ...) come */
struct watch {
	void (*run)(struct watch *watch, uint32_t events);
	int fd;
};

/* A moment, and what to do then; armed while it is on the loop's list */
struct alarm {
	struct list list;
	int64_t due;
	void (*ring)(struct alarm *alarm);
};

/* 0 or -errno */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);

/*
 * Of a descriptor that others have, too, the last is to be called before it is
 * closed: closing does not end what they keep open.
 */
int loop_add(struct loop *loop, struct watch *watch, uint32_t events);
int loop_change(struct loop *loop, struct watch *watch, uint32_t events);
void loop_remove(struct loop *loop, const struct watch *watch);

void alarm_init(struct alarm *alarm, void (*ring)(struct alarm *alarm));
void alarm_set(struct loop *loop, struct alarm *alarm, int64_t ms);
void alarm_stop(struct alarm *alarm);

/* Wait for something, and have it done: 0 or -errno */
int loop_turn(struct loop *loop);

#endif
