/* SPDX-License-Identifier: MIT */
/*
 * What a client of 'ktls serve' has to do with its connection: it says what to
 * send, and is told what has come.  Who moves the bytes is the server's engine.
 */
#ifndef TOOLS_STREAM_H
#define TOOLS_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ktls_uring.h>

#include "list.h"

/* That may be sent in a turn: about a millisecond of encryption */
#define STREAM_TURN	(2 * 1024 * 1024)

struct server;

/* What an engine waits for; the first member of what is waited for */
struct source {
	void (*run)(struct source *source, unsigned int events);
};

struct stream {
	struct server *server;
	int fd;
	bool freed;
	struct ktls_hs *hs;	/* until the handshake is done */
	struct ktls_conn *conn;
	/* the engine's */
	struct source source;
	struct list ready;
	union {
		struct ktls_job *jobs;
		struct ktls_stream *uring;
	};
	int budget;		/* bytes left in this turn */
	uint8_t asking;
	bool readable, writable;
	bool paused, closing, broken, ended;
	bool running;
};

/* Begin a handshake on @fd: 0, or -errno, and @hs is still the caller's */
int stream_open(struct stream *st, struct server *s, struct ktls_hs *hs,
		int fd);
/*
 * Queue it behind the others: memory, or a part of a file, which stay until
 * client_sent(), which is not called before this returns.  @done is ours.
 */
void stream_send(struct stream *st, struct ktls_job *job);
/* Receive nothing more for now, or again */
void stream_pause(struct stream *st);
void stream_resume(struct stream *st);
/* Ask for a certificate; client_answered() tells of the outcome */
void stream_ask(struct stream *st);
/*
 * Close our side behind what is queued.  What still comes is received as
 * before; after a failure it is thrown away, and client_end() tells of its end.
 */
void stream_close(struct stream *st);
/* Nothing but client_freed() is called from then on, and that not from here */
void stream_free(struct stream *st);

/* ---- what the client is told -------------------------------------------- */

/* In each of them any of the calls above may be made */
/* The handshake is over, or has failed: the alert is sent by stream_close() */
void client_ready(struct stream *st, int err);
void client_data(struct stream *st, const void *buf, size_t len);
/* For each job, in order; if one fails, so do those behind it, of their own */
void client_sent(struct stream *st, const struct ktls_job *job, int err);
/* 0: all that was asked is answered; or why not, as of ktls_recv() */
void client_answered(struct stream *st, int err);
/* Nothing more is received: 0, the peer has closed; or as of ktls_recv() */
void client_end(struct stream *st, int err);
/* stream_close() is done, where nothing has failed before: 0, or why not */
void client_closed(struct stream *st, int err);
/* The last of all: nobody needs the memory of its jobs, nor its descriptor */
void client_freed(struct stream *st);

#endif
