// SPDX-License-Identifier: MIT
#include "agent_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net.h"

int loop_open(struct loop *loop)
{
	list_init(&loop->timers);
	loop->now = net_clock();
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
	close(loop->epoll);
}

static int control(struct loop *loop, int op, struct watch *watch,
		   uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = watch };

	return epoll_ctl(loop->epoll, op, watch->fd, &ev) ? -errno : 0;
}

int loop_add(struct loop *loop, struct watch *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, watch, events);
}

int loop_change(struct loop *loop, struct watch *watch, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, watch, events);
}

void loop_remove(struct loop *loop, const struct watch *watch)
{
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
}

/* ---- time -------------------------------------------------------------- */

void alarm_init(struct alarm *alarm, void (*ring)(struct alarm *alarm))
{
	list_init(&alarm->list);
	alarm->ring = ring;
}

void alarm_set(struct loop *loop, struct alarm *alarm, int64_t ms)
{
	/*
	 * From now, not from when this turn began: what takes longer than @ms
	 * and sets its alarm again would leave nobody else a turn.
	 */
	loop->now = net_clock();
	alarm->due = loop->now + ms;
	list_move_tail(&alarm->list, &loop->timers);
}

void alarm_stop(struct alarm *alarm)
{
	list_del(&alarm->list);
}

static struct alarm *first_alarm(const struct loop *loop)
{
	struct alarm *first = NULL;

	for (struct list *l = loop->timers.next; l != &loop->timers;
	     l = l->next) {
		struct alarm *a = list_entry(l, struct alarm, list);

		if (!first || a->due < first->due)
			first = a;
	}
	return first;
}

/* Milliseconds until @a, or for ever */
static int patience(const struct loop *loop, const struct alarm *a)
{
	if (!a)
		return -1;
	return a->due > loop->now ? (int)(a->due - loop->now) : 0;
}

int loop_turn(struct loop *loop)
{
	struct alarm *alarm = first_alarm(loop);
	struct epoll_event ev;
	int n = epoll_wait(loop->epoll, &ev, 1, patience(loop, alarm));

	if (n < 0 && errno != EINTR)
		return -errno;
	loop->now = net_clock();
	/* first: what the event does may be the end of the alarm */
	if (alarm && alarm->due <= loop->now) {
		alarm_stop(alarm);
		alarm->ring(alarm);
		return 0;	/* the event stays, and so may its owner not */
	}
	if (n > 0) {
		struct watch *watch = ev.data.ptr;

		watch->run(watch, ev.events);
	}
	return 0;
}
