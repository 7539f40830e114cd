/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection: a socket, the thread that runs it, and at times a second one */
#ifndef KC_CONN_H
#define KC_CONN_H

#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/workqueue.h>

#include "control.h"
#include "endpoint.h"
#include "pattern.h"

#define KC_PAGES	(KC_CHUNK / PAGE_SIZE)

struct kc_flow;

struct kc_conn {
	struct list_head list;		/* in the endpoint's, under its lock */
	struct kc_endpoint *ep;
	const struct kc_flow *flow;
	u32 id;
	struct work_struct reap;	/* when the thread has ended */

	/*
	 * Owned by the thread, and set under the endpoint's lock, for others
	 * to shut the socket down. Freed with the connection.
	 */
	struct socket *sock;
	struct file *file;
	struct task_struct *task;
	bool closing;			/* set by others: come to an end */
	bool hurry;			/* do not wait for the peer at the end */

	struct socket *accepted;	/* until the thread owns it */
	struct completion shaken;	/* the upcall's answer: */
	int status;
	key_serial_t peer_identity;
	bool holds_net;			/* see handshake.c */

	enum ktls_consumer_state state;
	struct sockaddr_storage peer;
	u16 local_port;
	u16 version, cipher;

	struct task_struct *sender;	/* of flows that have a source */
	struct completion sender_done;
	bool sender_stop;
	int sender_error;

	unsigned long active;		/* jiffies, when last data moved */
	u64 received;			/* bytes of data */
	u64 tx_base, rx_base;		/* sequence numbers to count from */
	u64 tx_limit;			/* records, before the keys are used up */
	bool sated;			/* has all that it wants */
	bool open;			/* the handshake succeeded */
	bool alerted;			/* sent a fatal alert */
	bool half_closed;		/* nothing more comes from us */
	int error;			/* what it ended in, or 0 */
	u8 alert;			/* received one */
	struct kc_handshake_msgs msgs;
	struct bio_vec bv[KC_PAGES];	/* what was received */

	struct kc_counters counters;
};

/*
 * Begin a connection of @ep, on @sock, which is taken over, or NULL for one
 * that connects. Under the endpoint's lock
 */
int kc_conn_start(struct kc_endpoint *ep, struct socket *sock);
/* Let it end soon: without reading further, or, if @hard, at once. Same lock */
void kc_conn_stop(struct kc_conn *conn, bool hard);
/* Give up the hold on the namespace if user space has no more of the socket */
void kc_conn_release_net(struct kc_conn *conn);

static inline bool kc_conn_is_client(const struct kc_conn *conn)
{
	return conn->ep->config.role == KTLS_CONSUMER_ROLE_CONNECT;
}

int kc_conn_init(void);
void kc_conn_exit(void);
/* Wait until ended connections are freed */
void kc_conn_flush(void);

#endif
