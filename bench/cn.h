/* SPDX-License-Identifier: MIT */
/*
 * Connections over loopback TCP: what each costs, in memory and in time, with
 * libktls and with libssl on the same libcrypto.
 */
#ifndef BENCH_CN_H
#define BENCH_CN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "heap.h"
#include "hs.h"

#define CN_ADDRESSES	200	/* 127.0.0.1 and on, 20,000 connections each */

/* One end of a connection */
struct cn_end {
	bool server;
	int fd;
	void *hs;	/* the handshake; libssl: the connection as well */
	void *conn;
};

#define CN_TX	1
#define CN_RX	2

struct cn_impl {
	const char *name;
	/* What all connections of a case share; NULL after words */
	void *(*open)(const struct hs_case *c, const struct hs_pki *pki);
	void (*close)(void *shared);
	/* A handshake on @end->fd, which may block: 0 or -1 after words */
	int (*begin)(void *shared, struct cn_end *end);
	/* 1: done; 0: it would block; -1 after words */
	int (*step)(struct cn_end *end);
	/* From a handshake to a connection */
	int (*establish)(struct cn_end *end);
	bool (*resumed)(const struct cn_end *end);
	unsigned int (*kernel)(const struct cn_end *end);	/* carries CN_* */
	/* One byte: 0 or -1 */
	int (*put)(struct cn_end *end);
	int (*get)(struct cn_end *end);
	/* Bytes, or -1 as of send(2), recv(2), sendfile(2): errno is set */
	ssize_t (*send)(struct cn_end *end, const void *buf, size_t len);
	ssize_t (*recv)(struct cn_end *end, void *buf, size_t len);
	ssize_t (*sendfile)(struct cn_end *end, int file, off_t at,
			    size_t len);
	/* All but the descriptor */
	void (*end)(struct cn_end *end);
};

extern const struct cn_impl cn_ktls, cn_ssl, cn_tcp;

#define CN_IMPLS	2
extern const struct cn_impl *const cn_impls[CN_IMPLS];

struct cn_options {
	int rounds;		/* of which medians are taken */
	int idle_max;		/* idle connections */
	int rate;		/* connections in a round */
	const char *part;	/* only cases with this in their names; NULL */
	FILE *tsv;
};

/* A figure of @side of @lib */
void cn_emit(const struct cn_options *o, const char *table, const char *name,
	     const char *side, const char *lib, const char *what,
	     double value);

/* ---- the tables: 0, or -1 after words ---------------------------------- */

/* Of a handshake in flight, and of a connection (cn_sizes.c) */
int cn_sizes(const struct hs_case *c, const struct hs_pki *pki,
	     const struct cn_options *o);
/* Connections a second (cn_rate.c) */
int cn_rate(const struct hs_case *c, const struct hs_pki *pki,
	    const struct cn_options *o);
/* Up to many that are idle (cn_idle.c) */
int cn_idle(const struct hs_case *c, const struct hs_pki *pki,
	    const struct cn_options *o);

/* ---- sockets (cn_socket.c) ---------------------------------------------- */

/* On all loopback addresses: a descriptor, and its port */
int cn_listen(uint16_t *port);
/* One, blocking; and the @nr-th to it; -1 after words */
int cn_accept(int listener);
int cn_dial(uint16_t port, int nr);
/* Handshake to connection on a socket that blocks, and a byte each way */
int cn_connect(const struct cn_impl *impl, void *shared, struct cn_end *end);

#endif
