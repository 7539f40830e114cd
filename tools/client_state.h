/* SPDX-License-Identifier: MIT */
/* The inside of a client, for client.c, and for client_log.c to tell of. */
#ifndef TOOLS_CLIENT_STATE_H
#define TOOLS_CLIENT_STATE_H

#include "http.h"
#include "respond.h"
#include "server.h"
#include "stream.h"

/*
 *   HANDSHAKE --> READ <--> SEND --> SHUTDOWN --> LINGER --> closed
 *       |           | `AUTH--^           ^          ^
 *       |           +--------------------+          |
 *       +-- failed, its alert sent -----------------+
 */
enum state {
	HANDSHAKE,
	READ,
	AUTH,
	SEND,
	SHUTDOWN,
	LINGER,
};

/* Exists from a request's first byte to its answer's last */
struct exchange {
	struct http_request req;
	struct response res;
	struct ktls_job head, body;
};

/* One for each connection, so it is small, and what is not for all is apart */
struct client {
	struct stream stream;
	struct list all;
	struct timer timer;
	struct exchange *x;
	char *rest;		/* received beyond the request in work */
	uint32_t rest_len;	/* at the end: bytes read and thrown away */
	uint32_t rest_at;	/* what of it has been used */
	const char *end;	/* why it ends, in words */
	int error;		/* ... and the reason of the library's */
	int end_error;		/* of receiving, once that has ended */
	uint64_t progress;	/* sent when the timer was set */
	uint64_t sent;		/* in exchanges that are over */
	uint64_t received;
	uint64_t counted[2];	/* of those, sent and received (metrics.h) */
	int64_t begun;
	uint32_t requests;
	union net_addr peer;
	uint8_t state;
	bool logged;
	bool paused;		/* enough is here for now */
	bool ended;		/* nothing more comes */
	bool reset;		/* do not wait for what was not taken */
};

/* Is the request in work for those only who have a certificate? */
bool auth_needed(const struct client *c);
/* Has it shown one, now or earlier? */
bool auth_done(const struct client *c);

/*
 * What follows the request in work is the next one, answered after it; behind
 * the last it counts, but is not kept.  0 or -errno: it is too much.
 */
int rest_keep(struct client *c, const char *data, size_t len);
void rest_free(struct client *c);

/* Bytes, with those of the answer that is being sent */
uint64_t client_sent_bytes(const struct client *c);

/* The line for a connection, once */
void log_client(struct client *c);
/* ... and for one whose handshake failed */
void log_handshake(struct client *c);
void log_request(const struct client *c);
/* The handshake is done; an exchange is over, with an answer or without */
void log_ready(const struct client *c);
void log_exchange(struct client *c);
/* A time limit is overrun */
void log_expire(const struct client *c);

#endif
