/* SPDX-License-Identifier: MIT */
/* The streams of the epoll engine, for its loop. */
#ifndef TOOLS_ENGINE_EPOLL_H
#define TOOLS_ENGINE_EPOLL_H

#include "engine.h"

/* Its events are of an edge-triggered epoll set from now on: 0, or -errno */
int epoll_watch(struct server *s, int fd, unsigned int events,
		struct source *source);

int epoll_stream_open(struct stream *st);
/* Its turn has come again */
void epoll_stream_run(struct stream *st);
void epoll_stream_send(struct stream *st, struct ktls_job *job);
void epoll_stream_pause(struct stream *st, bool on);
void epoll_stream_ask(struct stream *st);
void epoll_stream_close(struct stream *st);
void epoll_stream_free(struct stream *st);

#endif
