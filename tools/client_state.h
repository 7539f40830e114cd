/* SPDX-License-Identifier: MIT */
/* The inside of a client, for client.c, and for client_log.c to tell of. */
#ifndef TOOLS_CLIENT_STATE_H
#define TOOLS_CLIENT_STATE_H

#include "http.h"
#include "respond.h"
#include "server.h"

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
};

struct client {
	struct source source;
	struct list all;
	struct list ready;
	struct timer timer;
	struct server *server;
	struct ktls_hs *hs;
	struct ktls_conn *conn;
	struct exchange *x;
	char *rest;		/* received beyond the request in work */
	size_t rest_len;
	const char *end;	/* why it ends, in words */
	int error;		/* ... and the reason of the library's */
	int fd;
	uint8_t state;
	bool logged;
	bool asked;		/* for a certificate, after the handshake */
	bool broken;		/* no record can be received any more */
	bool reset;		/* do not wait for what was not taken */
	uint32_t requests;
	uint32_t progress;	/* since the timer was set */
	int budget;		/* bytes left in this turn */
	uint64_t sent;
	uint64_t received;
	int64_t begun;
	union net_addr peer;
};

/* Is the request in work for those only who have a certificate? */
bool auth_needed(const struct client *c);
/* Has it shown one, now or earlier? */
bool auth_done(const struct client *c);
void auth_begin(struct client *c);
/*
 * Ask for it and wait for the answer: 1 when there is nothing more to wait for,
 * or as ktls_recv() fails.
 */
int auth_run(struct client *c);

/* The line for a connection, once */
void log_client(struct client *c);
/* ... and for one whose handshake failed */
void log_handshake(struct client *c);
void log_request(const struct client *c);

#endif
