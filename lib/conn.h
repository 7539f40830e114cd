/* SPDX-License-Identifier: MIT */
/*
 * An established connection: what is said on it besides data (RFC 9846 4.7
 * and 6), over whichever record layer carries each direction.
 */
#ifndef KTLS_CONN_H
#define KTLS_CONN_H

#include "config.h"
#include "frag.h"
#include "record.h"

struct pack;
struct early;
struct user_tx;
struct user_rx;
struct post_auth;

/* Handshake messages that are not through yet, ours and the peer's */
struct conn_talk {
	struct frag frag;
	struct wr msgs;			/* to send, whole */
	size_t msgs_sent;		/* bytes of them */
};

/*
 * One for as long as a peer likes to stay, hence small: a member is as wide as
 * it need be, what is not for all is apart, and a version's own at the end.
 */
struct ktls_conn {
	struct ktls_config *config;
	const struct suite *suite;
	char *names;			/* see conn_names() */
	struct conn_talk *talk;		/* NULL: there is none */
	struct early *early;		/* NULL: none is left to be read */
	struct user_tx *utx;		/* NULL: the kernel's */
	struct user_rx *urx;
	struct post_auth *post;		/* NULL: not agreed to */
	uint64_t session_made;
	uint64_t rx_checked;		/* record number at the last look */
	struct ktls_why tx_why, rx_why;
	int fd;
	int error;			/* final for both directions */
	int rx_error, tx_error;		/* ... for the one */
	uint32_t session_lifetime;	/* 1.3: of all tickets, from @session_made */
	uint32_t tickets;		/* ... sent */
	uint32_t tx_room;		/* records until the key is looked at */
	uint32_t tx_unseen;		/* bytes since the peer was looked for */
	uint32_t rx_empty;		/* data records of no length, in a row */
	uint32_t rx_control;		/* control records under this key */
	uint32_t rx_empty_keys;		/* in a row, without data */
	uint32_t tx_updates, rx_updates; /* keys of 1.3 after the first */
	uint16_t group, sigalg, peer_sigalg;
	uint16_t tx_record, rx_record;	/* content bytes of a record */
	uint16_t cert_compression, peer_cert_compression;
	uint8_t alert_sent, alert_received, peer_status;
	uint8_t alert_due;		/* fatal, in close_notify's place; or 0 */
	uint8_t early_data;		/* enum ktls_early */
	uint8_t external_psk;
	uint8_t renegotiated;
	bool retried, peer_raw_key, peer_verified, resumed, ems, secure_renegotiation;
	bool rx_closed;			/* close_notify received */
	bool tx_closed;			/* ... sent, or a fatal alert was */
	bool tx_held;			/* ... and TCP may not have it yet */
	bool rekey_due;			/* the peer asked for our KeyUpdate */
	bool rekey_asked;		/* we asked for the peer's */
	bool spent;			/* it is another's now; error is set */
	bool own_io;			/* never wait on @fd */
	bool resumable;			/* 1.3: tickets may be sent, or taken */
	uint8_t client_random[32];
	/* 1.2: a struct conn12; 1.3: as of enum conn_secret, without lengths */
	uint8_t own[];
};

struct conn12 {
	struct secret main;
	uint8_t server_random[32];
	uint8_t session_id[32];		/* to be forgotten by */
	uint8_t session_id_len;
};

/* As long as the suite's hash, all of them */
enum conn_secret {
	CONN_EXPORTER,			/* 1.2: the main secret, and no others */
	CONN_TX, CONN_RX,		/* traffic, of the present keys */
	CONN_RESUMPTION,		/* empty unless @resumable */
	CONN_SECRETS
};

/* A piece of one record, as received */
struct piece {
	uint8_t type;
	bool last;		/* the record ends here */
	size_t len;
};

/* ---- what it has (conn_new.c) ------------------------------------------- */

/* One of which nothing else is known yet, or NULL */
struct ktls_conn *conn_new(struct ktls_config *config,
			   const struct suite *suite, int fd);
/* Bytes of it */
size_t conn_size(const struct suite *suite);
/* What only TLS 1.2 has */
struct conn12 *conn_tls12(struct ktls_conn *conn);
/* A copy, which is the caller's to wipe; empty if there is none */
void conn_secret(const struct ktls_conn *conn, enum conn_secret which,
		 struct secret *out);
void conn_set_secret(struct ktls_conn *conn, enum conn_secret which,
		     const struct secret *secret);
/* client_random and, in 1.2, server_random */
void conn_randoms(const struct ktls_conn *conn, uint8_t out[64]);
/* Forget what is secret, and what a peer has said half */
void conn_wipe(struct ktls_conn *conn);

/* Strings with their NULs: struct ktls_info's, and whom a client wanted */
#define CONN_NAMES	6
const char *conn_names(const struct ktls_conn *conn);
const char *conn_peer_name(const struct ktls_conn *conn);
/* 0, -ENOMEM */
int conn_set_names(struct ktls_conn *conn, const struct ktls_info *info,
		   const char *peer_name);

/* Is a message of the peer's half here? */
static inline bool conn_hearing(const struct ktls_conn *conn)
{
	return conn->talk && frag_pending(&conn->talk->frag);
}

/* Are messages of ours not out yet? */
static inline bool conn_saying(const struct ktls_conn *conn)
{
	return conn->talk && conn->talk->msgs.len;
}

/* Room for what is said; NULL: no memory */
struct conn_talk *conn_talk(struct ktls_conn *conn);
/* It is given back if nothing is */
void conn_talked(struct ktls_conn *conn);

/* ---- protocol (conn.c) ------------------------------------------------- */

/* Give up: what the peer gets to know of it is sent, or is due at the close */
int conn_fail(struct ktls_conn *conn, int err);
/* An alert that ends nothing; not sent if it would have to wait */
void conn_warn(struct ktls_conn *conn, uint8_t alert);
/* Can the key of @direction be another, by whoever carries it? */
bool conn_can_rekey(const struct ktls_conn *conn, unsigned int direction);
/* ktls_conn_rekey() with the flags of send(2) */
int conn_rekey(struct ktls_conn *conn, bool ask, int flags);

/*
 * Before something is sent: what must come first, and room for so many
 * records under one key, if a new one has it (io.c)
 */
int conn_prepare(struct ktls_conn *conn, uint64_t records, int flags);
/* For one that nobody here has asked for: is there room under this key? */
bool conn_take_room(struct ktls_conn *conn);

/* Handshake messages: the content of one record (conn_msg.c) */
int conn_take_handshake(struct ktls_conn *conn, struct slice rec);

/*
 * Those of ours that are not out yet go before all else: 0, -EAGAIN or -errno,
 * after which the rest is still there
 */
int conn_push(struct ktls_conn *conn, int flags);
/*
 * Takes @msgs, with nothing before them and room under the key: 0, also if the
 * socket has taken a part or nothing of them so far, or what failed
 */
int conn_send_msgs(struct ktls_conn *conn, struct wr *msgs);

/* How many records, at most, @len bytes of messages are */
static inline uint64_t conn_records(const struct ktls_conn *conn, size_t len)
{
	return len / conn->tx_record + 1;
}

/* ---- data (io.c) ------------------------------------------------------- */

/* Before data: what must come first, and how much may follow it */
int conn_begin_send(struct ktls_conn *conn, size_t *len, int flags);
/* Count what was sent, or its -errno; short records there may be: it rounds */
ssize_t conn_end_send(struct ktls_conn *conn, ssize_t n);
/* Data of one read: 0, or what is wrong with it here */
int conn_take_data(struct ktls_conn *conn, size_t len);
/*
 * The last record of this side: close_notify, or the alert that is due, once.
 * 1: it is with TCP, or there is none; 0: perhaps not yet, and a shutdown(2)
 * would cut it off; -EAGAIN or -errno
 */
int conn_send_last(struct ktls_conn *conn, int flags);
/* Why nothing more can be received: 1 if it can, 0 after close_notify */
int conn_rx_state(const struct ktls_conn *conn);

/* ---- to another process (conn_save.c) ----------------------------------- */

/* Append the connection to @out, with its digest or seal */
int conn_save(struct ktls_conn *conn, unsigned int flags, struct wr *out);
/* It has been taken away: from here every call fails */
void conn_spend(struct ktls_conn *conn);

/* What a handshake leaves of early data: moved (conn_early.c) */
int conn_keep_early(struct ktls_conn *conn, struct wr *data, size_t at);
void conn_free_early(struct ktls_conn *conn);

/* A NewSessionTicket (conn_ticket.c) */
int conn_take_ticket(struct ktls_conn *conn, struct slice body, bool last);

/* ---- record layers ----------------------------------------------------- */

/*
 * Send @len bytes as records of @type: bytes taken, -EAGAIN or -errno.  A
 * control message (not CT_DATA) is taken whole or not at all.
 */
ssize_t conn_write(struct ktls_conn *conn, uint8_t type, const void *buf,
		   size_t len, int flags);
/* Receive from one record: 0, -EAGAIN, -KTLS_E_TRUNCATED at the end */
int conn_read(struct ktls_conn *conn, void *buf, size_t len, int flags,
	      struct piece *piece);
/* Records already under the key of a direction */
int conn_seq(const struct ktls_conn *conn, unsigned int direction,
	     uint64_t *seq);
/* Where user space carries the direction; else NULL */
struct record *conn_user_record(const struct ktls_conn *conn,
				unsigned int direction);
/* The next secret of @direction (9846 7.2): use it from the next record on */
int conn_update(struct ktls_conn *conn, unsigned int direction);

/* the kernel's (kernel.c) */
ssize_t kernel_write(int fd, uint8_t type, const void *buf, size_t len,
		     int flags);
/* The peer is gone, and what is sent goes nowhere */
bool kernel_gone(int fd);
/* conn_send_last(): level and description */
int kernel_write_last(int fd, const uint8_t alert[2], int flags);
int kernel_read(int fd, void *buf, size_t len, int flags,
		struct piece *piece);

/* ours (user.c) */
int user_tx_new(struct user_tx **utx, const struct record *rec);
int user_rx_new(struct user_rx **urx, const struct record *rec);
void user_tx_free(struct user_tx *utx);
void user_rx_free(struct user_rx *urx);
struct record *user_tx_record(struct user_tx *utx);
struct record *user_rx_record(struct user_rx *urx);
ssize_t user_write(struct user_tx *utx, int fd, uint8_t type,
		   const void *buf, size_t len, int flags);
ssize_t user_sendfile(struct user_tx *utx, int fd, int in_fd, off_t *offset,
		      size_t count);
int user_flush(struct user_tx *utx, int fd, int flags);
bool user_tx_pending(const struct user_tx *utx);
/* Why nothing is sent any more, though it was taken; 0 */
int user_tx_error(const struct user_tx *utx);
/* Memory for what is sealed */
size_t user_tx_held(const struct user_tx *utx);
/* The caller moves what is sealed; NULL: not ours */
void user_own_io(struct user_tx *utx, struct user_rx *urx);
void *user_in(struct user_rx *urx, size_t *len);
int user_received(struct user_rx *urx, ssize_t n);
/* Somebody has hold of where it receives */
bool user_rx_busy(const struct user_rx *urx);
const void *user_out(struct user_tx *utx, size_t *len);
void user_sent(struct user_tx *utx, size_t len);
/* Somebody has hold of what is sealed, or it is more than user_tx_walk() takes */
bool user_tx_busy(const struct user_tx *utx);
/* All but the key, to be set after reading; rec.seq is that of the walk */
void user_tx_walk(struct pack *p, struct user_tx *utx);
void user_rx_walk(struct pack *p, struct user_rx *urx);
int user_read(struct user_rx *urx, int fd, void *buf, size_t len, int flags,
	      struct piece *piece);

#endif /* KTLS_CONN_H */
