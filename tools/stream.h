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

#include <ktls.h>

#include "list.h"

struct server;

/* What an engine waits for; the first member of what is waited for */
struct source {
	void (*run)(struct source *source, unsigned int events);
};

/* Something to send, in memory or of a file, which stay until it is sent */
struct job {
	const void *buf;
	int file;		/* -1: @buf */
	off_t offset;		/* in the file; advanced */
	uint64_t len;
	uint64_t sent;		/* of them; to be 0 */
	bool more;		/* another job follows, in its record */
	struct job *next;	/* the stream's */
};

struct stream {
	struct source source;	/* the engine's from here ... */
	struct list ready;
	struct ktls_hs *hs;	/* until the handshake is done */
	struct ktls_conn *conn;
	struct job *jobs;
	int budget;		/* bytes left in this turn */
	uint8_t asking;
	bool readable, writable;
	bool paused, closing, broken, ended;
	bool running;		/* ... to here */
	bool freed;
	int fd;
	struct server *server;
};

/* Begin a handshake on @fd: 0, or -errno, and @hs is still the caller's */
int stream_open(struct stream *st, struct server *s, struct ktls_hs *hs,
		int fd);
/* Queue it behind the others; client_sent() is not called before this returns */
void stream_send(struct stream *st, struct job *job);
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
/* For each job, in order; all that wait fail together */
void client_sent(struct stream *st, const struct job *job, int err);
/* 0: all that was asked is answered; or why not, as of ktls_recv() */
void client_answered(struct stream *st, int err);
/* Nothing more is received: 0, the peer has closed; or as of ktls_recv() */
void client_end(struct stream *st, int err);
/* stream_close() is done: 0, or why it failed */
void client_closed(struct stream *st, int err);
/* The last of all: nobody needs the memory of its jobs, nor its descriptor */
void client_freed(struct stream *st);

#endif
