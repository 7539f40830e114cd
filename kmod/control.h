/* SPDX-License-Identifier: GPL-2.0-only */
/* Records that are not data: alerts and handshake messages, both ways */
#ifndef KC_CONTROL_H
#define KC_CONTROL_H

#include <linux/types.h>

struct kc_conn;

/* The handshake messages that come, of which none is kept */
struct kc_handshake_msgs {
	u8 head[4];		/* type and length */
	u8 have;		/* bytes of it */
	u32 left;		/* bytes of the message itself */
};

enum kc_event {
	KC_MORE,		/* go on receiving */
	KC_END,			/* the peer has closed */
};

/* Heed the record of @type that was received: a kc_event, or an error */
int kc_control(struct kc_conn *conn, u8 type, size_t len);
/* Tell the peer with a fatal alert that it is over, and return @err */
int kc_fatal(struct kc_conn *conn, u8 description, int err);
/*
 * The connection has ended in @err, which it returns: if that is a record that
 * kTLS could not take, the peer is told
 */
int kc_tell_bad_record(struct kc_conn *conn, int err);
/* No more comes from us: close_notify, and TCP's FIN */
void kc_half_close(struct kc_conn *conn);

#endif
