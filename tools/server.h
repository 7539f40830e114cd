/* SPDX-License-Identifier: MIT */
/*
 * A server is a thread of 'ktls serve' and its clients: it accepts them from
 * sockets of its own, keeps their deadlines, and lets its engine run them.
 */
#ifndef TOOLS_SERVER_H
#define TOOLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine.h"
#include "filecache.h"
#include "list.h"
#include "net.h"
#include "service.h"

#define SERVER_BUF	16384	/* the longest record there is */

/* On the queue of its deadline; as each has one length, they stay sorted */
struct timer {
	struct list list;
	int64_t due;
};

struct listener {
	struct source source;
	struct server *server;
	int fd;
	uint8_t armed;		/* the engine's */
};

struct server {
	struct source wakes;
	struct service *service;
	const struct engine *engine;
	void *loop;		/* the engine's */
	int wake_fd;		/* an eventfd: something has changed */
	unsigned int clients_len;
	struct list deadline[DEADLINES];
	struct list clients;
	struct list ready;	/* streams with more to do right away */
	struct list dead;	/* ... that are freed */
	int64_t now;		/* of net_clock(), once a turn */
	int64_t accept_at;	/* out of descriptors until then, or 0 */
	int64_t drain_end;
	bool accepting;
	bool starved;		/* ... not for lack of descriptors */
	bool draining;
	size_t listeners_len;
	struct listener listeners[NET_HOSTS_MAX];
	struct filecache *files;
	unsigned int hang_ups;	/* that @files knows of */
	/*
	 * Wants to know when there is room again: others' to write, too, hence
	 * not beside bools, of which the compiler reads several at once
	 */
	atomic_bool full;
	char buf[SERVER_BUF];
};

struct server *server_new(struct service *v);
void server_free(struct server *s);

/*
 * By its own thread: 0, or -errno of the engine; then serve until the service
 * is to end, 0 or -errno; and cut what is left.
 */
int server_begin(struct server *s);
int server_run(struct server *s);
void server_end(struct server *s);

/* Look at the service again; by any thread */
void server_wake(struct server *s);

/* ---- for its engine ---------------------------------------------------- */

/* How long there is nothing to do but wait, ms; -1: for ever */
int server_patience(const struct server *s);

/* A new connection, with a place (service_place()) taken */
void server_accepted(struct server *s, int fd, const union net_addr *addr);
/* ... which failed: errno */
void server_accept_failed(struct server *s, int err);
/* Take a place for a connection; else the server stops accepting */
bool server_place(struct server *s);
/* @wake_fd has been read */
void server_woken(struct server *s);

/* ---- for its clients --------------------------------------------------- */

/* Expire @timer after what @deadline allows, and not as set before */
void server_arm(struct server *s, struct timer *timer,
		enum deadline deadline);
/* A connection was closed: another may be accepted */
void server_freed(struct server *s);
/* What it knows of the files of the site, which is not from before a SIGHUP */
struct filecache *server_files(struct server *s);

#endif
