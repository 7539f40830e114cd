/* SPDX-License-Identifier: GPL-2.0-only */
/* Handshakes in a row, each of which may resume an earlier one */
#ifndef SELFTESTS_SESSION_LIB_H
#define SELFTESTS_SESSION_LIB_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "../lib/hs.h"
#include "peer.h"

enum { FULL, RESUMED };

/*
 * One handshake for "localhost": FULL or RESUMED, as both ends say, or the
 * first end's error.  @info (may be NULL): the client's, the server's.
 */
int shake(struct ktls_config *client, struct ktls_config *server,
	  struct ktls_info info[2]);
int shake_named(struct ktls_config *client, struct ktls_config *server,
		const char *name, struct ktls_info info[2]);

/*
 * The same in TLS 1.3, over a socket, so that the client gets its tickets; the
 * connection carries data in both directions before it ends
 */
int shake13(struct ktls_config *client, struct ktls_config *server,
	    struct ktls_info info[2]);
/* Receive what stands before data, and it is in order */
void take_tickets(struct ktls_conn *client);

/* Configs as config() makes them, of TLS 1.2 alone */
struct ktls_config *client12(struct ktls_opts opts);
struct ktls_config *server12(struct ktls_opts opts);
#define CLIENT12(...)	client12((struct ktls_opts){ __VA_ARGS__ })
#define SERVER12(...)	server12((struct ktls_opts){ __VA_ARGS__ })

/* ... of both versions */
#define CLIENT13(...)							\
	config(KTLS_OPTS(.role = KTLS_CLIENT, __VA_ARGS__))
#define SERVER13(...)							\
	config(KTLS_OPTS(.role = KTLS_SERVER, __VA_ARGS__))

/* A store that servers share, in memory; the argument is a struct shelf */
#define SHELF_MAX	64

struct shelf {
	pthread_mutex_t lock;
	size_t n;
	struct shelved {
		uint8_t id[32];
		size_t id_len;
		uint8_t b[KTLS_SESSION_SIZE];
		size_t len;		/* 0: free */
		uint64_t expires;
	} at[SHELF_MAX];
	unsigned int stored, fetched, forgotten;
	int store_error;
	ssize_t fetch_error;
};

extern const struct ktls_session_store shelf_store;

/* Servers that open each other's tickets */
void share_keys(struct ktls_config *from, struct ktls_config *to);

/* What the client has for "localhost", as it exports it; its length */
struct exported {
	size_t len;
	uint8_t b[4096];
};

void export_session(struct ktls_config *client, struct exported *to);
/* From one client to another: the status of the import */
int move_session(struct ktls_config *from, struct ktls_config *to);

#endif /* SELFTESTS_SESSION_LIB_H */
