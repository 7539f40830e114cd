// SPDX-License-Identifier: GPL-2.0-only
/*
 * echo, discard and chargen. The connection's thread receives; a flow with a
 * source has a second one that sends, so that neither waits for the other.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "conn.h"
#include "flow.h"
#include "record.h"
#include "thread.h"

static int kc_sink_echo(struct kc_conn *conn, size_t len)
{
	return kc_send(conn, conn->bv, KC_PAGES, len);
}

static int kc_sink_discard(struct kc_conn *conn, size_t len)
{
	return 0;
}

/* A client's: has it what it wants? Then nothing more comes from it. */
static void kc_sink_enough(struct kc_conn *conn)
{
	u64 bytes = conn->ep->config.bytes;

	if (!bytes || conn->received < bytes || conn->sated)
		return;
	conn->sated = true;
	kc_half_close(conn);
}

/* Is it the text? What comes after a client has its bytes does not matter. */
static int kc_sink_compare(struct kc_conn *conn, size_t len)
{
	u64 at = conn->received - len;
	const struct bio_vec *bv;
	size_t n;

	if (conn->sated)
		return 0;
	for (bv = conn->bv; len; bv++, at += n, len -= n) {
		n = min_t(size_t, len, bv->bv_len);
		if (!kc_pattern_is(at, page_address(bv->bv_page), n))
			return -EILSEQ;
	}
	kc_sink_enough(conn);
	return 0;
}

static const struct kc_flow kc_flows[][3] = {
	[KTLS_CONSUMER_ROLE_LISTEN] = {
		[KTLS_CONSUMER_SERVICE_ECHO] = { .sink = kc_sink_echo },
		[KTLS_CONSUMER_SERVICE_DISCARD] = { .sink = kc_sink_discard },
		[KTLS_CONSUMER_SERVICE_CHARGEN] = {
			.source = true,
			.sink = kc_sink_discard,
		},
	},
	[KTLS_CONSUMER_ROLE_CONNECT] = {
		[KTLS_CONSUMER_SERVICE_ECHO] = {
			.source = true,
			.sink = kc_sink_compare,
		},
		[KTLS_CONSUMER_SERVICE_DISCARD] = {
			.source = true,
			.source_only = true,
			.sink = kc_sink_discard,
		},
		[KTLS_CONSUMER_SERVICE_CHARGEN] = { .sink = kc_sink_compare },
	},
};

const struct kc_flow *kc_flow(int role, int service)
{
	return &kc_flows[role][service];
}

static int kc_source(struct kc_conn *conn)
{
	u64 bytes = conn->ep->config.bytes;
	struct bio_vec bv;
	size_t len;
	u64 at = 0;
	int err;

	while (!READ_ONCE(conn->sender_stop) && !(bytes && at == bytes)) {
		len = KC_CHUNK;
		if (bytes)
			len = min_t(u64, len, bytes - at);
		kc_pattern_bvec(at, len, &bv);
		err = kc_send(conn, &bv, 1, len);
		if (err)
			return err;
		at += len;
		cond_resched();
	}
	if (conn->flow->source_only && !READ_ONCE(conn->sender_stop)) {
		WRITE_ONCE(conn->sated, true);
		kc_half_close(conn);
	}
	return 0;
}

/* Is it over in a way that leaves the peer something to hear from us? */
static bool kc_speaks_still(int err)
{
	switch (err) {
	case 0:
	case -ESHUTDOWN:
	case -ETIMEDOUT:
	case -EKEYEXPIRED:
	case -EILSEQ:
	case -ENODATA:
		return true;
	default:
		return false;
	}
}

/*
 * An error has to wake the receiver, which may have nothing else to wait for:
 * to say goodbye (see kc_conn_stop()), or to take what there is from a peer who
 * may have said why, and then end.
 */
static int kc_sender(void *data)
{
	struct kc_conn *conn = data;
	int err = kc_source(conn);

	if (err && !READ_ONCE(conn->sender_stop)) {
		WRITE_ONCE(conn->sender_error, err);
		if (kc_speaks_still(err))
			send_sig(SIGTERM, conn->task, 1);
		else
			kernel_sock_shutdown(conn->sock, SHUT_RD);
	}
	complete(&conn->sender_done);
	return 0;
}

static int kc_sender_start(struct kc_conn *conn)
{
	return kc_thread_start(&conn->sender,
			       kthread_create(kc_sender, conn, "ktls_tx/%u.%u",
					      conn->ep->id, conn->id));
}

/*
 * A sender that waits for a peer that does not read can only be stopped by
 * shutting down; give it a moment, so that closing may be orderly.
 */
static void kc_sender_stop(struct kc_conn *conn)
{
	if (!conn->sender)
		return;
	WRITE_ONCE(conn->sender_stop, true);
	if (!wait_for_completion_timeout(&conn->sender_done, HZ))
		kernel_sock_shutdown(conn->sock, SHUT_RDWR);
	kthread_stop_put(conn->sender);
	conn->sender = NULL;
}

static int kc_receive(struct kc_conn *conn)
{
	ssize_t n;
	int err;

	while ((n = kc_recv(conn)) > 0) {
		err = conn->flow->sink(conn, n);
		if (err)
			return err;
	}
	if (!n && !conn->sated && kc_conn_is_client(conn) &&
	    conn->ep->config.bytes)
		return -ENODATA;	/* the server has closed too early */
	return n;
}

int kc_flow_run(struct kc_conn *conn)
{
	int err = 0;

	if (conn->flow->source)
		err = kc_sender_start(conn);
	if (!err)
		err = kc_receive(conn);
	kc_sender_stop(conn);
	err = kc_tell_bad_record(conn, err);
	if (kc_speaks_still(err) || conn->alerted) {
		kc_half_close(conn);
		kc_linger(conn);
	}
	return err;
}
