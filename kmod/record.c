// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data path. Receiving is recvmsg() with room for the record's type,
 * always; sending is MSG_SPLICE_PAGES, by which kTLS encrypts from the pages
 * given, without a copy.
 */
#include <linux/bvec.h>
#include <linux/jiffies.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/unaligned.h>
#include <net/inet_connection_sock.h>
#include <net/tls.h>

#include "conn.h"
#include "record.h"
#include "upcall.h"

/* How often who waits for the peer looks around, and how long an alert waits */
#define KC_PEER_TICK	HZ
#define KC_LINGER	(2 * HZ)
/* Records for what one call sends, of 63 bytes at the least, and for closing */
#define KC_TX_MARGIN	2048

/*
 * After so many records a key is used up: for GCM 2^24.5 (RFC 9846 5.5, of AES;
 * the others' blocks are as long), for CCM 2^23 (RFC 9147 4.5.3), and so what is
 * not known. ChaCha20-Poly1305 gets there no sooner than sequence numbers end.
 */
static u64 kc_tx_limit(u16 cipher)
{
	switch (cipher) {
	case TLS_CIPHER_AES_GCM_128:
	case TLS_CIPHER_AES_GCM_256:
	case TLS_CIPHER_SM4_GCM:
	case TLS_CIPHER_ARIA_GCM_128:
	case TLS_CIPHER_ARIA_GCM_256:
		return 23726566;
	case TLS_CIPHER_CHACHA20_POLY1305:
		return U64_MAX;
	default:
		return 1 << 23;
	}
}

static bool kc_has_keys(const struct sock *sk)
{
	const struct tcp_ulp_ops *ulp = inet_csk(sk)->icsk_ulp_ops;
	const struct tls_context *tls = tls_get_ctx(sk);

	return ulp && !strcmp(ulp->name, "tls") && tls &&
	       tls->tx_conf != TLS_BASE && tls->rx_conf != TLS_BASE;
}

static u64 kc_seq(const struct cipher_context *ctx)
{
	return get_unaligned_be64(ctx->rec_seq);
}

/*
 * The agent is trusted with the authentication, but a mistake of it must not
 * make us speak in the clear.
 */
int kc_record_begin(struct kc_conn *conn)
{
	struct sock *sk = conn->sock->sk;
	const struct tls_context *tls;

	if (!kc_has_keys(sk))
		return -EPROTO;
	tls = tls_get_ctx(sk);
	conn->version = tls->prot_info.version;
	conn->cipher = tls->prot_info.cipher_type;
	conn->tx_limit = kc_tx_limit(conn->cipher);
	conn->tx_base = kc_seq(&tls->tx);
	conn->rx_base = kc_seq(&tls->rx);
	conn->active = jiffies;
	WRITE_ONCE(sk->sk_rcvtimeo, KC_PEER_TICK);
	WRITE_ONCE(sk->sk_sndtimeo, KC_PEER_TICK);
	return 0;
}

/*
 * A network driver may still be sending from pages that went through kTLS, if
 * it does the encryption. Receive into others, then.
 */
static int kc_fresh_pages(struct kc_conn *conn)
{
	struct page *page;
	unsigned int i;

	for (i = 0; i < KC_PAGES; i++) {
		if (page_count(conn->bv[i].bv_page) == 1)
			continue;
		page = alloc_page(GFP_KERNEL);
		if (!page)
			return -ENOMEM;
		put_page(conn->bv[i].bv_page);
		bvec_set_page(&conn->bv[i], page, PAGE_SIZE, 0);
	}
	return 0;
}

static ssize_t kc_recvmsg(struct kc_conn *conn, u8 *type)
{
	struct sock *sk = conn->sock->sk;
	union {
		struct cmsghdr cmsg;
		u8 buf[CMSG_SPACE(sizeof(u8))];
	} u;
	struct msghdr msg = {
		.msg_control = &u,
		.msg_controllen = sizeof(u),
	};
	ssize_t n;
	int err;

	*type = 0;
	err = kc_fresh_pages(conn);
	if (err)
		return err;
	iov_iter_bvec(&msg.msg_iter, ITER_DEST, conn->bv, KC_PAGES, KC_CHUNK);
	n = sock_recvmsg(conn->sock, &msg, 0);
	if (n == -EINTR) {	/* by kc_conn_stop(): to look around */
		flush_signals(current);
		n = -EAGAIN;
	}
	/* what is put there shortens what is left */
	if (n >= 0 && msg.msg_controllen < sizeof(u))
		*type = tls_get_record_type(sk, &u.cmsg);
	kc_count_set(&conn->counters, RX_RECORDS,
		     kc_seq(&tls_get_ctx(sk)->rx) - conn->rx_base);
	return n;
}

/*
 * Shutting down alone does not end it while the peer goes on sending, nor does
 * what is not data keep it alive.
 */
int kc_tick(struct kc_conn *conn)
{
	int err = READ_ONCE(conn->sender_error);
	unsigned long idle;

	idle = msecs_to_jiffies(conn->ep->config.idle_timeout);
	if (READ_ONCE(conn->closing))
		return -ESHUTDOWN;
	if (err == -ETIMEDOUT || err == -EKEYEXPIRED)
		return err;	/* of others, the peer may yet say why */
	if (time_after(jiffies, READ_ONCE(conn->active) + idle))
		return -ETIMEDOUT;
	return KC_MORE;
}

/* The stream has ended, or our sender, or somebody else, made it look so */
static int kc_eof(struct kc_conn *conn)
{
	int err = READ_ONCE(conn->sender_error);

	if (READ_ONCE(conn->closing))
		return -ESHUTDOWN;
	if (err)
		return err;
	return conn->sated ? KC_END : -ENODATA;
}

static ssize_t kc_recv_data(struct kc_conn *conn, size_t n)
{
	if (conn->msgs.have)	/* within a handshake message, RFC 9846 5.1 */
		return kc_fatal(conn, TLS_ALERT_DESC_UNEXPECTED_MESSAGE,
				-EPROTO);
	WRITE_ONCE(conn->active, jiffies);
	kc_count(&conn->counters, RX_BYTES, n);
	conn->received += n;
	return n;
}

/* What is not data: a kc_event, or an error */
static int kc_recv_other(struct kc_conn *conn, u8 type, ssize_t n)
{
	if (n == -EAGAIN)
		return KC_MORE;
	if (n < 0)
		return n;
	/* data may be empty, RFC 9846 5.1: what comes after it will tell */
	if (!n && type == TLS_RECORD_TYPE_DATA)
		return KC_MORE;
	if (!n && !type)
		return kc_eof(conn);
	return kc_control(conn, type, n);
}

ssize_t kc_recv(struct kc_conn *conn)
{
	ssize_t n;
	int err;
	u8 type;

	do {
		kc_conn_release_net(conn);
		err = kc_tick(conn);
		if (err)
			return err;
		cond_resched();
		n = kc_recvmsg(conn, &type);
		if (n > 0 && type == TLS_RECORD_TYPE_DATA)
			return kc_recv_data(conn, n);
		err = kc_recv_other(conn, type, n);
	} while (err == KC_MORE);
	return err == KC_END ? 0 : err;
}

static void kc_sent(struct kc_conn *conn, size_t n)
{
	WRITE_ONCE(conn->active, jiffies);
	kc_count(&conn->counters, TX_BYTES, n);
}

static u64 kc_tx_records(struct kc_conn *conn)
{
	u64 seq = kc_seq(&tls_get_ctx(conn->sock->sk)->tx);

	kc_count_set(&conn->counters, TX_RECORDS, seq - conn->tx_base);
	return seq;
}

int kc_send(struct kc_conn *conn, const struct bio_vec *bv, unsigned int nr,
	    size_t len)
{
	size_t done = 0;
	int n;

	while (done < len) {
		struct msghdr msg = {
			.msg_flags = MSG_SPLICE_PAGES | MSG_NOSIGNAL,
		};

		if (kc_tx_records(conn) >= conn->tx_limit - KC_TX_MARGIN)
			return -EKEYEXPIRED;
		iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, nr, len);
		iov_iter_advance(&msg.msg_iter, done);
		n = sock_sendmsg(conn->sock, &msg);
		if (n == -EINTR)	/* by kc_conn_stop() */
			return -ESHUTDOWN;
		if (n == -EAGAIN) {
			n = kc_tick(conn);
			if (n)
				return n;
			continue;
		}
		if (n < 0)
			return n;
		kc_sent(conn, n);
		done += n;
	}
	kc_tx_records(conn);
	return 0;
}

int kc_send_record(struct kc_conn *conn, u8 type, void *data, size_t len)
{
	union {
		struct cmsghdr cmsg;
		u8 buf[CMSG_SPACE(sizeof(u8))];
	} u = {};
	struct msghdr msg = {
		.msg_control = &u,
		.msg_controllen = sizeof(u),
		.msg_flags = MSG_NOSIGNAL,
	};
	struct kvec kvec = { .iov_base = data, .iov_len = len };
	int n;

	u.cmsg.cmsg_level = SOL_TLS;
	u.cmsg.cmsg_type = TLS_SET_RECORD_TYPE;
	u.cmsg.cmsg_len = CMSG_LEN(sizeof(type));
	*(u8 *)CMSG_DATA(&u.cmsg) = type;
	n = kernel_sendmsg(conn->sock, &msg, &kvec, 1, len);
	kc_tx_records(conn);
	return n < 0 ? n : 0;
}

/*
 * Wait for the peer's FIN, which says that it has all. What it sends until then
 * has to be received: TCP would answer with a reset, which may overtake it.  At
 * a bad record, or the peer's new key, kTLS stands still, and does not wait.
 */
void kc_linger(struct kc_conn *conn)
{
	unsigned long end = jiffies + KC_LINGER;
	ssize_t n;
	u8 type;

	while (!READ_ONCE(conn->hurry) && time_before(jiffies, end)) {
		cond_resched();
		n = kc_recvmsg(conn, &type);
		if ((n == -EBADMSG || n == -EKEYEXPIRED) &&
		    !(READ_ONCE(conn->sock->sk->sk_shutdown) & RCV_SHUTDOWN)) {
			schedule_timeout_idle(HZ / 50);
			n = -EAGAIN;
		}
		if (n <= 0 && !type && n != -EAGAIN)
			break;
	}
}
