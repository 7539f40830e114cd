// SPDX-License-Identifier: MIT
#include "stream.h"

#include "engine.h"
#include "server.h"

int stream_open(struct stream *st, struct server *s, struct ktls_hs *hs,
		int fd)
{
	int err;

	*st = (struct stream){ .hs = hs, .fd = fd, .server = s };
	list_init(&st->ready);
	err = s->engine->open(st);
	if (err)
		st->hs = NULL;
	return err;
}

void stream_send(struct stream *st, struct ktls_job *job)
{
	st->server->engine->send(st, job);
}

void stream_pause(struct stream *st)
{
	st->server->engine->pause(st, true);
}

void stream_resume(struct stream *st)
{
	st->server->engine->pause(st, false);
}

void stream_ask(struct stream *st)
{
	st->server->engine->ask(st);
}

void stream_close(struct stream *st)
{
	st->server->engine->close(st);
}

void stream_free(struct stream *st)
{
	st->freed = true;
	st->server->engine->free(st);
}
