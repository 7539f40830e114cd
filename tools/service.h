/* SPDX-License-Identifier: MIT */
/* What the servers, one a thread, have in common, and the thread above them. */
#ifndef TOOLS_SERVICE_H
#define TOOLS_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ktls.h>

#include "net.h"
#include "site.h"

#define THREADS_MAX	1024

/* What a client may take its time for; each has one length for all clients */
enum deadline {
	DEADLINE_HANDSHAKE,
	DEADLINE_REQUEST,	/* from its first byte to its last */
	DEADLINE_IDLE,		/* between requests */
	DEADLINE_SEND,		/* without taking data */
	DEADLINE_LINGER,	/* after our close, until the peer's */
	DEADLINES,
};

struct engine;
struct tls_options;
struct ticket_file;
struct server;

struct service {
	/* options: set before service_init() */
	struct site site;
	const struct path *post_auth;	/* for those with a certificate; NULL */
	const struct engine *engine;
	const struct engine *fallback;	/* where that one cannot be; or NULL */
	unsigned int threads;
	unsigned int clients_max;
	int drain_ms;
	int deadline_ms[DEADLINES];
	bool quiet;		/* no line for each connection */
	bool verbose;		/* a line for each request */
	int keys_fd;		/* at its end when nobody signs any more; -1 */

	/* what to make the config of again, on SIGHUP; NULL: it cannot be */
	struct tls_options *tls;
	struct ticket_file *ticket_keys;
	struct ktls_config *config;	/* see service_config() */
	pthread_mutex_t config_lock;
	atomic_uint clients_len;
	atomic_uint signals;	/* to end that have come: 1 drains, 2 cuts */
	atomic_uint rest;	/* clients at the first of them */
	atomic_uint draining;	/* servers that accept no more */
	atomic_uint hang_ups;	/* SIGHUPs: what is cached is old */
	atomic_uint cut;	/* clients that did not end in time */
	int signal_fd;
	int told_fd;		/* an eventfd: one of these has changed: */
	atomic_uint begun, over;	/* servers */
	size_t listeners_len;
	union net_addr listeners[NET_HOSTS_MAX];
	unsigned int servers_len;
	struct server **servers;
};

/* Blocks signals for all threads; 0, or -1 after a complaint */
int service_init(struct service *v);
/* In each server; 0, or -1 after a complaint */
int service_listen(struct service *v, const struct net_host *at);
/* Serve until signals end it; 0, or -1 after a complaint */
int service_run(struct service *v);
void service_free(struct service *v);

/* ---- for its servers --------------------------------------------------- */

/* What a new connection negotiates by; the caller's to put */
struct ktls_config *service_config(struct service *v);
/* Take one of the places for connections, or give it back */
bool service_place(struct service *v);
void service_enter(struct service *v);		/* even if there is none */
void service_leave(struct service *v);
/* A server accepts no more; the last one says so */
void service_drains(struct service *v);

#endif
