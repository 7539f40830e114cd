/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done while something fails: both ends, in one thread */
#ifndef SELFTESTS_FAULTS_RUN_LIB_H
#define SELFTESTS_FAULTS_RUN_LIB_H

#include "../lib/include/ktls.h"
#include "faults_lib.h"

struct scenario {
	const char *name;
	bool resumed;
	/* what may fail: the configs; the handshake; or all that follows it */
	enum { CONFIG, HANDSHAKE, LIFE } part;
	struct ktls_opts client, server;
	const char *client_cert;
};

enum { CLIENT_END, SERVER_END };

struct run {
	const struct scenario *s;
	enum fault kind;
	unsigned int n;
	struct ktls_config *cfg[2];
	struct ktls_hs *hs[2];
	struct ktls_conn *conn[2];
	int fd[2], file;
	int err;			/* the first, of either end */
	const char *what;
	bool taken, resumed;
};

/* Read the server's private key, before all else; look for it from now on */
void read_key(void);
void learn_key(void);
void learn_ticket_keys(struct run *r);

/* Each ends with the first failure, which @r knows */
bool make_configs(struct run *r);
bool shake_hands(struct run *r);
/* The hand-off and all that follows it, to the end */
bool live(struct run *r);
/* A whole connection in which nothing fails, to be resumed */
void prime(struct run *r);
/* Who goes on in spite of it all is told so, and does no harm */
void go_on(struct run *r);

void open_sockets(struct run *r);
void close_all(struct run *r);
void free_configs(struct run *r);

#endif /* SELFTESTS_FAULTS_RUN_LIB_H */
