/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two connections of ours, of which the client authenticates after the
 * handshake; and its answers by hand.
 */
#ifndef SELFTESTS_POST_LIB_H
#define SELFTESTS_POST_LIB_H

#include "mode_lib.h"
#include "../lib/conn.h"
#include "../lib/msg.h"

struct post {
	struct pair p;
	struct ktls_conn *client, *server;	/* those of @p */
};

struct post_opts {
	const char *cert;		/* of the client; NULL: none */
	const struct ktls_cred *creds;	/* ... or this one */
	const struct ktls_hooks *hooks;	/* ... with the argument @arg */
	void *arg;
	const struct ktls_hooks *server_hooks;
	unsigned int flags;		/* of the server */
	enum ktls_verify verify;	/* of the server; 0: REQUIRE */
	unsigned int max_chain, record_size_limit;
	uint64_t max_records;
};

/* Each in a mode of its own; NULL: its records in user space */
void post_open(struct post *t, const struct mode *client,
	       const struct mode *server, const struct post_opts *o);
/* Both in @m */
void post_both(struct post *t, const struct mode *m,
	       const struct post_opts *o);
void post_close(struct post *t);

/* The server asks, and the client learns of it */
void post_ask(struct post *t);
/* The client answers, and the server learns of it */
void post_answer(struct post *t);
/* Both, and the server knows @cn ("" : nobody) */
void post_auth(struct post *t, const char *cn);
void post_knows(struct post *t, const char *cn);

/* ---- by hand: the end that does it has its records in user space -------- */

struct post_msgs {
	size_t len;
	uint8_t b[1 << 17];
};

/* The client's answers in plaintext, which do not go out */
void post_capture(struct post *t, struct post_msgs *m);
/* The message @nth of them, with its header */
struct slice post_msg(const struct post_msgs *m, size_t nth);
/* A record of @conn's; some of @len */
void post_send(struct ktls_conn *conn, uint8_t type, const void *p,
	       size_t len);
void post_send_cut(struct ktls_conn *conn, struct slice s, size_t max);
/* CertificateRequest with that context, as the server sends it */
size_t post_make_request(uint8_t *buf, const char *context, bool sigalgs);

/* @conn fails for the reason @err when it receives, and the other is told */
void post_fails(struct ktls_conn *conn, struct ktls_conn *other, int err);

#endif /* SELFTESTS_POST_LIB_H */
