/* SPDX-License-Identifier: GPL-2.0-only */
/* Data over kTLS, and the state that kTLS has of a socket */
#ifndef KC_RECORD_H
#define KC_RECORD_H

#include <linux/types.h>

struct bio_vec;
struct kc_conn;

/* Has the agent installed keys both ways? Then take note of them, 0 or error */
int kc_record_begin(struct kc_conn *conn);
/* KC_MORE, or a reason not to go on */
int kc_tick(struct kc_conn *conn);
/* Receive data into the connection's pages: a count, 0 at the end, or error */
ssize_t kc_recv(struct kc_conn *conn);
/* Send all of @len bytes from pages that nobody writes to meanwhile */
int kc_send(struct kc_conn *conn, const struct bio_vec *bv, unsigned int nr,
	    size_t len);
/* Send a record of @type, waiting for room, but not for long */
int kc_send_record(struct kc_conn *conn, u8 type, void *data, size_t len);
/* Receive nothing but the end of the stream, for a short time */
void kc_linger(struct kc_conn *conn);

#endif
