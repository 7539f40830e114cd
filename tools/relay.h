/* SPDX-License-Identifier: MIT */
/*
 * What comes in on a TLS connection goes into a pipe, and what is in another
 * pipe goes out: by splice(2), without a copy here, where the kernel carries
 * the direction.
 *
 * A program is not given the connection's socket itself, because read(2) there
 * fails with EIO at the peer's close_notify, tickets and KeyUpdates, because
 * its shutdown(2) would cut the stream without close_notify, and because nobody
 * can change the key beside somebody who writes.
 */
#ifndef TOOLS_RELAY_H
#define TOOLS_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ktls.h>

#include "inside.h"

#define RELAY_BUF	(64 * 1024)

/* How far what is to be sent has got */
enum relay_tx {
	TX_OPEN,
	TX_ENDED,	/* was it whole?  Not known yet */
	TX_FLUSH,	/* it was not: no close_notify */
	TX_CLOSE,	/* it was */
	TX_OVER,
};

struct relay {
	struct ktls_conn *conn;
	struct inside *inside;
	int signal_fd;		/* SIGCHLD and SIGTERM, blocked */
	/*
	 * ms for a peer to take something of what is left when nobody is left
	 * inside who could lose patience; 0: any time
	 */
	int stall_ms;

	/* to be told: bytes, and why a direction failed (0: it did not) */
	uint64_t received, sent;
	int rx_error, tx_error;
	bool broken;		/* who is inside had more to say: cut for that */
	bool ended;		/* by a signal */

	/* what was ready when last heard of */
	bool sock_in, sock_out, room, data;
	bool rx_over;
	bool authenticate;	/* is due: the server has asked */
	bool unflushed;		/* the connection holds what it has taken */
	bool gone;		/* the peer is */
	bool left;		/* there is no more than what is in the pipe */
	enum relay_tx tx;
	int64_t verdict_at, linger_at, kill_at, stall_at;
	uint64_t stall_sent;	/* as it was when last looked at, and what */
	int stall_queued;	/* of it the peer had not taken */
	int epoll_fd, fd;
	unsigned int kernel;
	size_t in_len, in_done, out_len, out_done;
	char in[RELAY_BUF], out[RELAY_BUF];
};

/*
 * Until both directions are over: 0, or -errno when it could not begin.  The
 * socket is non-blocking.  @r: set its first four members, the others 0.
 */
int relay(struct relay *r);

/* ---- of its parts ------------------------------------------------------- */

/* As far as it goes now, but not for long */
void relay_rx(struct relay *r);
void relay_tx(struct relay *r);
/* Nothing more can be sent, or has to be (@err 0) */
void relay_tx_end(struct relay *r, int err);
/* Is there something to send, if it can be sent? */
bool relay_tx_wants(const struct relay *r);
/* Nobody reads what comes, or will */
void relay_unheard(struct relay *r);

/*
 * splice(2) with a pipe of ours at one end, @pipe, which is ready if poll(2)
 * says @events.  -EAGAIN: the other end is not ready; -ENOBUFS: the pipe.
 */
ssize_t relay_splice(int from, int to, size_t len, int pipe, short events);

#endif
