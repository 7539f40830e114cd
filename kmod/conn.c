// SPDX-License-Identifier: GPL-2.0-only
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "compat.h"
#include "conn.h"
#include "flow.h"
#include "handshake.h"
#include "netlink.h"
#include "record.h"
#include "thread.h"

/* How long the peer has to acknowledge all, and to end its side */
#define KC_SETTLE	(2 * HZ)

/*
 * A thread cannot free what it runs on, nor may the module go away while it
 * still runs: its last deed is to hand the connection to this queue.
 */
static struct workqueue_struct *kc_reaper;
static atomic_t kc_total = ATOMIC_INIT(0);

/* From here on the socket is its file's, for the upcall to hand out */
static int kc_conn_own(struct kc_conn *conn, struct socket *sock)
{
	struct file *file;
	int err;

	file = sock_alloc_file(sock, O_CLOEXEC, NULL);	/* or frees it */
	if (IS_ERR(file))
		return PTR_ERR(file);
	mutex_lock(&conn->ep->lock);
	conn->sock = sock;
	conn->file = file;
	err = conn->closing ? -ESHUTDOWN : 0;
	mutex_unlock(&conn->ep->lock);
	return err;
}

static int kc_conn_connect(struct kc_conn *conn)
{
	struct sockaddr_storage addr = conn->ep->config.addr;
	struct socket *sock;
	int err;

	err = sock_create_kern(conn->ep->net, addr.ss_family, SOCK_STREAM,
			       IPPROTO_TCP, &sock);
	if (err)
		return err;
	WRITE_ONCE(sock->sk->sk_sndtimeo,
		   msecs_to_jiffies(conn->ep->config.timeout));
	err = kc_conn_own(conn, sock);
	if (err)
		return err;
	err = kernel_connect(sock, (struct sockaddr_unsized *)&addr,
			     sizeof(addr), 0);
	if (READ_ONCE(conn->closing))
		return -ESHUTDOWN;
	return err == -EINPROGRESS ? -ETIMEDOUT : err;
}

static u16 kc_port(const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)addr)->sin_port);
	return ntohs(((const struct sockaddr_in6 *)addr)->sin6_port);
}

static int kc_conn_name(struct kc_conn *conn)
{
	struct sockaddr_storage local;
	int n;

	n = kernel_getsockname(conn->sock, (struct sockaddr *)&local);
	if (n < 0)
		return n;
	n = kernel_getpeername(conn->sock, (struct sockaddr *)&conn->peer);
	if (n < 0)
		return n;
	conn->local_port = kc_port(&local);
	return 0;
}

static void kc_conn_state(struct kc_conn *conn, enum ktls_consumer_state state)
{
	/* pairs with kc_put_conn(), which reads what this state means */
	smp_store_release(&conn->state, state);
}

static int kc_conn_handshake(struct kc_conn *conn)
{
	int err;

	if (conn->accepted)
		err = kc_conn_own(conn, conn->accepted);
	else
		err = kc_conn_connect(conn);
	if (!err)
		err = kc_conn_name(conn);
	if (err)
		return err;
	kc_conn_state(conn, KTLS_CONSUMER_STATE_HANDSHAKE);
	err = kc_handshake(conn);
	return err ? err : kc_record_begin(conn);
}

static int kc_conn_run(struct kc_conn *conn)
{
	int err = kc_conn_handshake(conn);

	if (err)
		return err;
	kc_count(&conn->counters, HANDSHAKES, 1);
	conn->open = true;
	kc_conn_state(conn, KTLS_CONSUMER_STATE_OPEN);
	return kc_flow_run(conn);
}

/*
 * TCP stops the timers of a kernel's socket that is closed: what its peer has
 * not acknowledged then is never sent again, nor freed if the peer keeps
 * silent. So give the peer a moment; kc_conn_close() leaves nothing behind.
 */
static void kc_conn_settle(struct kc_conn *conn)
{
	unsigned long end = jiffies + KC_SETTLE;
	const struct sock *sk;

	if (!conn->sock)
		return;
	kernel_sock_shutdown(conn->sock, SHUT_RDWR);
	sk = conn->sock->sk;
	while (READ_ONCE(sk->sk_state) != TCP_CLOSE &&
	       !READ_ONCE(conn->hurry) && check_net(conn->ep->net) &&
	       time_before(jiffies, end))
		schedule_timeout_idle(HZ / 50);
}

static int kc_conn_thread(void *data)
{
	struct kc_conn *conn = data;

	allow_kernel_signal(SIGTERM);
	conn->error = kc_conn_run(conn);
	kc_conn_state(conn, KTLS_CONSUMER_STATE_CLOSING);
	kc_conn_settle(conn);
	queue_work(kc_reaper, &conn->reap);
	return 0;
}

void kc_conn_release_net(struct kc_conn *conn)
{
	if (!conn->holds_net || file_count(conn->file) > 1)
		return;
	conn->holds_net = false;
	put_net(conn->ep->net);
}

static void kc_conn_close(struct kc_conn *conn)
{
	struct file *file = conn->file;
	struct socket *sock;

	mutex_lock(&conn->ep->lock);
	sock = conn->sock;
	conn->sock = NULL;
	mutex_unlock(&conn->ep->lock);
	if (!sock)
		return;
	kc_conn_release_net(conn);
	if (conn->holds_net) {
		sk_net_refcnt_upgrade(sock->sk);
		put_net(conn->ep->net);
	} else {
		sock_no_linger(sock->sk);	/* reset, if it is not over */
	}
	__fput_sync(file);
}

static void kc_conn_count(struct kc_conn *conn)
{
	if (!conn->open)
		kc_count(&conn->counters, HANDSHAKE_ERRORS, 1);
	else if (conn->error && conn->error != -ESHUTDOWN)
		kc_count(&conn->counters, ERRORS, 1);
	else
		kc_count(&conn->counters, COMPLETED, 1);
}

static void kc_conn_free(struct kc_conn *conn)
{
	unsigned int i;

	for (i = 0; i < KC_PAGES; i++)
		if (conn->bv[i].bv_page)
			put_page(conn->bv[i].bv_page);
	kfree(conn);
	atomic_dec(&kc_total);
}

/* Its last connection is the end of an endpoint that connects */
static bool kc_conn_leave(struct kc_conn *conn)
{
	struct kc_endpoint *ep = conn->ep;
	bool finished;

	mutex_lock(&ep->lock);
	list_del(&conn->list);
	ep->num_conns--;
	kc_counters_add(&ep->counters, &conn->counters);
	if (conn->error && !ep->closing)
		ep->last_error = conn->error;
	if (conn->alert)
		ep->last_alert = conn->alert;
	finished = kc_conn_is_client(conn) && !ep->num_conns && !ep->closing;
	wake_up(&ep->empty);
	mutex_unlock(&ep->lock);
	return finished;
}

static void kc_conn_reap(struct work_struct *work)
{
	struct kc_conn *conn = container_of(work, struct kc_conn, reap);
	struct kc_endpoint *ep = conn->ep;

	kc_conn_close(conn);
	kc_conn_count(conn);
	if (kc_conn_leave(conn))
		kc_netlink_finished(ep);
	kthread_stop_put(conn->task);	/* which nobody can signal any more */
	kc_conn_free(conn);
}

static struct kc_conn *kc_conn_alloc(struct kc_endpoint *ep)
{
	struct kc_conn *conn;
	struct page *page;
	unsigned int i;

	conn = kzalloc(sizeof(*conn), GFP_KERNEL);
	if (!conn)
		return NULL;
	atomic_inc(&kc_total);
	conn->ep = ep;
	INIT_WORK(&conn->reap, kc_conn_reap);
	init_completion(&conn->shaken);
	init_completion(&conn->sender_done);
	for (i = 0; i < KC_PAGES; i++) {
		page = alloc_page(GFP_KERNEL);
		if (!page) {
			kc_conn_free(conn);
			return NULL;
		}
		bvec_set_page(&conn->bv[i], page, PAGE_SIZE, 0);
	}
	return conn;
}

int kc_conn_start(struct kc_endpoint *ep, struct socket *sock)
{
	struct kc_conn *conn;
	int err;

	if (atomic_read(&kc_total) >= KTLS_CONSUMER_TOTAL_MAX)
		return -ENOSPC;
	conn = kc_conn_alloc(ep);
	if (!conn)
		return -ENOMEM;
	conn->id = ep->next_conn++;
	conn->flow = kc_flow(ep->config.role, ep->config.service);
	conn->accepted = sock;
	err = kc_thread_start(&conn->task,
			      kthread_create(kc_conn_thread, conn,
					     "ktls_conn/%u.%u", ep->id,
					     conn->id));
	if (err) {
		kc_conn_free(conn);
		return err;
	}
	kc_count(&conn->counters, OPENED, 1);
	list_add_tail(&conn->list, &ep->conns);
	ep->num_conns++;
	return 0;
}

/*
 * A signal wakes a thread that waits for its peer. Shutting down what it reads
 * would, too, but TCP then answers what still comes with a reset, which may
 * overtake close_notify.
 */
void kc_conn_stop(struct kc_conn *conn, bool hard)
{
	WRITE_ONCE(conn->closing, true);
	send_sig(SIGTERM, conn->task, 1);
	if (!hard)
		return;
	WRITE_ONCE(conn->hurry, true);
	if (conn->sock)
		kernel_sock_shutdown(conn->sock, SHUT_RDWR);
}

int kc_conn_init(void)
{
	kc_reaper = alloc_workqueue("ktls_consumer", WQ_UNBOUND, 0);
	return kc_reaper ? 0 : -ENOMEM;
}

void kc_conn_exit(void)
{
	destroy_workqueue(kc_reaper);
}

void kc_conn_flush(void)
{
	flush_workqueue(kc_reaper);
}
