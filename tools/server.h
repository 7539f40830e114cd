/* SPDX-License-Identifier: MIT */
/*
 * The event loop of 'ktls serve': one process, one epoll set, edge-triggered,
 * so that a client runs until its socket says EAGAIN or its share of the turn
 * is used up, and no system call is spent on changing what to wait for.
 */
#ifndef TOOLS_SERVER_H
#define TOOLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ktls.h>

#include "list.h"
#include "net.h"
#include "site.h"

#define LISTENERS_MAX	8
#define SERVER_BUF	16384	/* the longest record there is */

/* What a client may take its time for; each has one length for all clients */
enum deadline {
	DEADLINE_HANDSHAKE,
	DEADLINE_REQUEST,	/* from its first byte to its last */
	DEADLINE_IDLE,		/* between requests */
	DEADLINE_SEND,		/* without taking data */
	DEADLINE_LINGER,	/* after our close, until the peer's */
	DEADLINES,
};

/* Something to wait for; the first member of what epoll knows */
struct source {
	void (*run)(struct source *source);
};

/* On the queue of its deadline; as each has one length, they stay sorted */
struct timer {
	struct list list;
	int64_t due;
};

struct server;

struct listener {
	struct source source;
	struct server *server;
	int fd;
	union net_addr addr;
};

struct server {
	struct source signals;
	struct ktls_config *config;
	struct site site;
	const struct path *post_auth;	/* for those with a certificate; NULL */
	int epoll;
	int signal_fd;
	unsigned int clients_max;
	unsigned int clients_len;
	int drain_ms;
	int deadline_ms[DEADLINES];
	struct list deadline[DEADLINES];
	struct list clients;
	struct list ready;	/* clients with more to do right away */
	int64_t now;		/* of net_clock(), once a turn */
	int64_t accept_at;	/* out of descriptors until then, or 0 */
	int64_t drain_end;
	bool accepting;
	bool starved;		/* ... not for lack of descriptors */
	bool drain_asked;
	bool draining;
	bool stopping;
	bool quiet;		/* no line for each connection */
	bool verbose;		/* a line for each request */
	size_t listeners_len;
	struct listener listeners[LISTENERS_MAX];
	char buf[SERVER_BUF];
};

/* @s has its options filled in. 0, or -1 after a complaint. */
int server_init(struct server *s);
int server_listen(struct server *s, const struct net_host *at);
/* Serve until a signal ends it; 0, or -1 after a complaint. */
int server_run(struct server *s);
void server_free(struct server *s);

/* ---- for its clients --------------------------------------------------- */

/* Expire @timer after what @deadline allows, and not as set before */
void server_arm(struct server *s, struct timer *timer,
		enum deadline deadline);
/* A connection was closed: another may be accepted */
void server_freed(struct server *s);

#endif
