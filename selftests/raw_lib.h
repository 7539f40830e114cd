/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other end, with nothing between the test and the wire: it has the keys
 * of a connection of ours and makes any record out of them.
 */
#ifndef SELFTESTS_RAW_LIB_H
#define SELFTESTS_RAW_LIB_H

#include "mode_lib.h"
#include "../lib/conn.h"
#include "../lib/msg.h"

struct raw {
	struct ktls_conn *us;		/* the end under test, and its socket */
	int us_fd, fd;
	struct ktls_config *config;	/* of this end */
	const struct suite *suite;
	struct secret tx_secret, rx_secret;
	struct record tx, rx;
	struct wr out;			/* sealed, not sent */
};

/* A connection in @m, of which @role is the end under test */
void raw_open(struct raw *r, const struct mode *m, enum ktls_role role,
	      const struct ktls_opts *more);
void raw_close(struct raw *r);

/* Seal a record; send what is sealed; both */
void raw_add(struct raw *r, uint8_t type, const void *p, size_t len);
void raw_push(struct raw *r);
void raw_send(struct raw *r, uint8_t type, const void *p, size_t len);
/* The same with @pad zeros after the type */
void raw_add_padded(struct raw *r, uint8_t type, const void *p, size_t len,
		    size_t pad);
void raw_alert(struct raw *r, uint8_t level, uint8_t alert);
void raw_fin(struct raw *r);

/* The next record: its length, or -1 at the end of the stream */
ssize_t raw_recv(struct raw *r, uint8_t *type, void *buf, size_t size);
/* It must be data, equal to @p */
void raw_want(struct raw *r, const void *p, size_t len);
/* It must be this alert, fatal unless it is close_notify; then the end */
void raw_want_alert(struct raw *r, uint8_t alert);
void raw_want_end(struct raw *r);

/* Go on with the next key, in one direction */
void raw_rekey_tx(struct raw *r);
void raw_rekey_rx(struct raw *r);

/* A NewSessionTicket with a ticket of @len bytes, with its header: its size */
size_t make_ticket(uint8_t *buf, size_t size, size_t len);
/* HT_KEY_UPDATE with its header: 5 bytes */
size_t make_key_update(uint8_t *buf, uint8_t request);

/* Sealed, not sent: a KeyUpdate; the next key from there on */
void raw_add_key_update(struct raw *r, uint8_t request);
/* The next record is a KeyUpdate; the next key from there on */
void raw_want_key_update(struct raw *r, uint8_t request);

/* The end under test receives this, or sends it and it arrives */
void raw_us_recv(struct raw *r, const char *text);
void raw_us_send(struct raw *r, const char *text);

/*
 * The end under test has given up for the reason @err: every call says so, it
 * has sent @alert (NONE: nothing), and the connection can only be freed.
 */
void raw_failed(struct raw *r, int err, uint8_t alert);
/* ktls_recv() gives up for that reason */
void raw_recv_fails(struct raw *r, int err, uint8_t alert);

#endif /* SELFTESTS_RAW_LIB_H */
