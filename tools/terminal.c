// SPDX-License-Identifier: MIT
#include "terminal.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* The other end sees that there is no more of it, or that nobody listens */
static void stdin_over(struct plumb *p)
{
	close(p->to);
}

static void stdout_over(struct plumb *p)
{
	close(p->from);
}

static struct terminal *of(struct inside *in)
{
	return (struct terminal *)(void *)((char *)in -
					   offsetof(struct terminal, inside));
}

static enum inside_end terminal_end(struct inside *in)
{
	return of(in)->in.read_error ? INSIDE_BROKEN : INSIDE_WHOLE;
}

/* What a signal is to end here, the relay ends; the user is told later */
static void terminal_signal(struct inside *in, int sig)
{
	(void)in;
	(void)sig;
}

int terminal_start(struct terminal *t, bool keep_open)
{
	int pipes[2], err;

	*t = (struct terminal){
		.inside = {
			.follows = true,
			.end = terminal_end,
			.signal = terminal_signal,
		},
	};
	err = inside_open(&t->inside, pipes);
	if (err) {
		complain("pipe: %s", strerror(-err));
		return -1;
	}
	t->in = (struct plumb){ .from = STDIN_FILENO, .to = pipes[1],
				.socket = -1,
				.over = keep_open ? NULL : stdin_over };
	t->out = (struct plumb){ .from = pipes[0], .to = STDOUT_FILENO,
				 .socket = -1, .over = stdout_over };
	err = plumb_start(&t->out);
	if (!err)
		err = plumb_start(&t->in);
	if (!err)
		return 0;
	complain("thread: %s", strerror(-err));
	return -1;
}

int terminal_finish(struct terminal *t, bool broken)
{
	inside_close(&t->inside);
	pthread_join(t->out.thread, NULL);
	if (broken)
		complain("stdin: %s", strerror(-t->in.read_error));
	if (t->out.write_error)
		complain("stdout: %s", strerror(-t->out.write_error));
	return broken || t->out.write_error ? -1 : 0;
}
