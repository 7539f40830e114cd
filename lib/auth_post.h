/* SPDX-License-Identifier: MIT */
/*
 * Authentication of the client after the handshake (RFC 9846 4.7.2): requests,
 * and the answers to them, on a connection.
 */
#ifndef KTLS_AUTH_POST_H
#define KTLS_AUTH_POST_H

#include "conn.h"
#include "hs.h"

/* Requests that wait for their answers, at most */
#define REQUESTS_MAX	4

struct post_auth {
	/* 4.5: ClientHello to the client's Finished */
	struct transcript transcript;
	void *data;		/* the application's, for hooks */
	uint8_t ours, theirs;	/* types of certificates */
	struct wr request[REQUESTS_MAX];	/* in order, with their headers */
	unsigned int requests;
	struct ktls_hs *hs;	/* server: the answer that is being taken */
	uint8_t awaited;	/* ... and its next message */
	bool told;
};

/*
 * What @hs leaves behind for it, if both ends have agreed to it; else *@post
 * is NULL, and all of these may be called without.
 */
int post_new(struct post_auth **post, struct ktls_hs *hs);
void post_free(struct post_auth *post);

/* May a message of @type, which is in the table, begin now? */
bool post_allows(const struct ktls_conn *conn, uint8_t type);
/* The peer has begun an answer: nothing may stand before its end */
bool post_taking(const struct ktls_conn *conn);
/* Has a request, or an answer, come since this was last asked? */
bool post_told(struct ktls_conn *conn);
/* Something has begun that a connection without *@post cannot end */
bool post_busy(const struct ktls_conn *conn);
unsigned int post_events(const struct ktls_conn *conn);

/* ---- for auth_take.c --------------------------------------------------- */

/* The request with this context: its index, or -1 */
int post_find(const struct post_auth *post, struct slice context);
int post_add(struct post_auth *post, struct slice whole);
void post_drop(struct post_auth *post, unsigned int i);
/*
 * A handshake that has come to the answer to @request; the answer's MAC has
 * the key of the traffic in its direction (4.5)
 */
int post_begin_answer(const struct ktls_conn *conn, const struct wr *request,
		      struct ktls_hs **hs);
/* Whom the application lets wait; here nobody does */
int post_at_once(const struct ktls_hs *hs, int err);

/* ---- messages (auth_take.c) -------------------------------------------- */

int post_take_request(struct ktls_conn *conn, struct slice body, bool last);
int post_take_certificate(struct ktls_conn *conn, struct slice body,
			  bool last);
int post_take_certificate_verify(struct ktls_conn *conn, struct slice body,
				 bool last);
int post_take_finished(struct ktls_conn *conn, struct slice body, bool last);

#endif /* KTLS_AUTH_POST_H */
