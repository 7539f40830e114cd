/* SPDX-License-Identifier: MIT */
/* The streams of the io_uring engine, for its loop. */
#ifndef TOOLS_ENGINE_URING_H
#define TOOLS_ENGINE_URING_H

#include "engine.h"

/* Of the thread's ring, which is the library's, too */
struct ktls_uring *uring_library(const struct server *s);

int uring_stream_open(struct stream *st);
/* On the list of those that are ready: what could not be done at once */
void uring_stream_run(struct stream *st);
void uring_stream_send(struct stream *st, struct ktls_job *job);
void uring_stream_pause(struct stream *st, bool on);
void uring_stream_ask(struct stream *st);
void uring_stream_close(struct stream *st);
void uring_stream_free(struct stream *st);

#endif
