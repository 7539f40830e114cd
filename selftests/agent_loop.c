// SPDX-License-Identifier: GPL-2.0-only
/* The loop of 'ktls agent': everybody gets a turn. */
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "harness.h"
#include "../tools/agent_loop.h"

#define WAIT_MS	10

static struct loop loop;
static int rings, runs;

/* As closing many descriptors does: it takes longer than it waits */
static void ring(struct alarm *alarm)
{
	rings++;
	poll(NULL, 0, 2 * WAIT_MS);
	alarm_set(&loop, alarm, WAIT_MS);
}

static void run(struct watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
	runs++;
}

TEST(slow_alarm)
{
	struct alarm alarm;
	struct watch watch = { .run = run };
	int fd[2];

	ASSERT_OK(loop_open(&loop));
	ASSERT_OK(pipe(fd));
	watch.fd = fd[0];
	ASSERT_EQ(write(fd[1], "", 1), 1);
	ASSERT_OK(loop_add(&loop, &watch, EPOLLIN));
	alarm_init(&alarm, ring);
	alarm_set(&loop, &alarm, 0);
	for (int i = 0; i < 20 && !runs; i++)
		ASSERT_OK(loop_turn(&loop));
	EXPECT_GT(rings, 0);
	EXPECT_GT(runs, 0);
	loop_close(&loop);
	close(fd[0]);
	close(fd[1]);
}

HARNESS_MAIN
