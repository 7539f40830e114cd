/* SPDX-License-Identifier: MIT */
/* What there is of a connection in its bytes */
#ifndef KTLS_CONN_WALK_H
#define KTLS_CONN_WALK_H

#include "conn.h"
#include "pack.h"

/* Whose connection it is, and where its records are made */
struct conn_base {
	uint8_t role;
	uint16_t suite;
	bool utx, urx;
};

/* First this, of which the connection is made that the rest is read into */
void conn_walk_base(struct pack *p, struct conn_base *b);
void conn_walk(struct pack *p, struct ktls_conn *conn);

#endif /* KTLS_CONN_WALK_H */
