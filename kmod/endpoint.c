// SPDX-License-Identifier: GPL-2.0-only
#include <linux/in.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/netns/generic.h>
#include <net/sock.h>

#include "compat.h"
#include "conn.h"
#include "netlink.h"
#include "thread.h"

#define KC_BACKLOG	128
/* How long connections have to come to an orderly end */
#define KC_GRACE	(2 * HZ)

struct kc_net *kc_net(const struct net *net)
{
	return net_generic(net, kc_net_id);
}

/* ---- listening ---------------------------------------------------------- */

static void kc_endpoint_accepted(struct kc_endpoint *ep, struct socket *sock)
{
	int err = -ENOSPC;

	mutex_lock(&ep->lock);
	if (ep->num_conns < ep->config.connections && !ep->closing)
		err = kc_conn_start(ep, sock);
	mutex_unlock(&ep->lock);
	if (!err)
		return;
	kc_count(&ep->counters, REFUSED, 1);
	sock_no_linger(sock->sk);	/* see kc_conn_settle() */
	sock_release(sock);
}

static int kc_acceptor(void *data)
{
	struct kc_endpoint *ep = data;
	struct socket *sock;
	int err;

	while (!READ_ONCE(ep->closing)) {
		cond_resched();		/* refusing never waits */
		err = kernel_accept(ep->listener, &sock, 0);
		if (!err)
			kc_endpoint_accepted(ep, sock);
		else	/* out of something, or closing */
			schedule_timeout_interruptible(HZ / 50);
	}
	return 0;
}

static int kc_endpoint_bind(struct kc_endpoint *ep)
{
	struct sockaddr_storage *addr = &ep->config.addr;
	struct socket *sock;
	int err;

	err = sock_create_kern(ep->net, addr->ss_family, SOCK_STREAM,
			       IPPROTO_TCP, &sock);
	if (err)
		return err;
	ep->listener = sock;
	sock_set_reuseaddr(sock->sk);
	err = kernel_bind(sock, (struct sockaddr_unsized *)addr,
			  sizeof(*addr));
	if (!err)
		err = kernel_listen(sock, KC_BACKLOG);
	if (err)
		return err;
	/* the port, if it was to be any */
	err = kernel_getsockname(sock, (struct sockaddr *)addr);
	return min(err, 0);
}

static int kc_endpoint_listen(struct kc_endpoint *ep)
{
	int err;

	err = kc_endpoint_bind(ep);
	if (err)
		return err;
	return kc_thread_start(&ep->acceptor,
			       kthread_create(kc_acceptor, ep, "ktls_listen/%u",
					      ep->id));
}

/* ---- connecting --------------------------------------------------------- */

static int kc_endpoint_connect(struct kc_endpoint *ep)
{
	unsigned int i;
	int err = 0;

	mutex_lock(&ep->lock);
	for (i = 0; i < ep->config.connections && !err; i++)
		err = kc_conn_start(ep, NULL);
	mutex_unlock(&ep->lock);
	return err;
}

/* ---- life --------------------------------------------------------------- */

static void kc_endpoint_stop_conns(struct kc_endpoint *ep, bool hard)
{
	struct kc_conn *conn;

	mutex_lock(&ep->lock);
	list_for_each_entry(conn, &ep->conns, list)
		kc_conn_stop(conn, hard);
	mutex_unlock(&ep->lock);
}

/* Have its connections come to an end, and none begin: had it any? */
static bool kc_endpoint_shut(struct kc_endpoint *ep)
{
	bool busy;

	mutex_lock(&ep->lock);
	ep->closing = true;
	busy = ep->num_conns;
	mutex_unlock(&ep->lock);
	if (ep->listener)
		kernel_sock_shutdown(ep->listener, SHUT_RDWR);
	if (ep->acceptor)
		kthread_stop_put(ep->acceptor);

	kc_endpoint_stop_conns(ep, false);
	ep->grace = jiffies + KC_GRACE;
	return busy;
}

static void kc_endpoint_stop(struct kc_endpoint *ep)
{
	long left = ep->grace - jiffies;

	if (!wait_event_timeout(ep->empty, !READ_ONCE(ep->num_conns),
				max(left, 0L))) {
		kc_endpoint_stop_conns(ep, true);
		wait_event(ep->empty, !READ_ONCE(ep->num_conns));
	}
	kc_conn_flush();	/* what woke us may still be at it */
	if (ep->listener)
		sock_release(ep->listener);
}

static void kc_endpoint_free(struct kc_endpoint *ep)
{
	kc_keys_put(&ep->config.keys);
	mutex_destroy(&ep->lock);
	kfree(ep);
}

static struct kc_endpoint *kc_endpoint_alloc(struct net *net,
					     struct kc_config *config)
{
	struct kc_endpoint *ep = kzalloc(sizeof(*ep), GFP_KERNEL);

	if (!ep) {
		kc_keys_put(&config->keys);
		return NULL;
	}
	ep->config = *config;
	ep->net = net;
	mutex_init(&ep->lock);
	INIT_LIST_HEAD(&ep->conns);
	init_waitqueue_head(&ep->empty);
	return ep;
}

static int kc_endpoint_number(struct kc_endpoint *ep)
{
	struct kc_net *kn = kc_net(ep->net);
	int err;

	if (kn->num_endpoints >= KTLS_CONSUMER_ENDPOINTS_MAX)
		return -ENOSPC;
	err = xa_alloc_cyclic(&kn->endpoints, &ep->id, ep,
			      XA_LIMIT(1, INT_MAX), &kn->next_id, GFP_KERNEL);
	if (err < 0)
		return err;
	kn->num_endpoints++;
	return 0;
}

/* It is to end, and nobody can find it any more, but it still counts */
static void kc_endpoint_remove(struct kc_endpoint *ep)
{
	struct kc_net *kn = kc_net(ep->net);

	xa_erase(&kn->endpoints, ep->id);
	kn->num_endpoints--;
	list_add(&ep->leaving, &kn->leaving);
}

/* It has ended: what it has counted stays */
static void kc_endpoint_forget(struct kc_endpoint *ep)
{
	struct kc_net *kn = kc_net(ep->net);

	list_del(&ep->leaving);
	kc_counters_add(&kn->counters, &ep->counters);
	kc_endpoint_free(ep);
}

struct kc_endpoint *kc_endpoint_new(struct net *net, struct kc_config *config)
{
	struct kc_endpoint *ep;
	int err;

	ep = kc_endpoint_alloc(net, config);
	if (!ep)
		return ERR_PTR(-ENOMEM);
	err = kc_endpoint_number(ep);
	if (err) {
		kc_endpoint_free(ep);
		return ERR_PTR(err);
	}
	if (config->role == KTLS_CONSUMER_ROLE_LISTEN)
		err = kc_endpoint_listen(ep);
	else
		err = kc_endpoint_connect(ep);
	if (err) {
		kc_endpoint_remove(ep);
		kc_endpoint_shut(ep);
		kc_endpoint_stop(ep);
		kc_endpoint_forget(ep);
		return ERR_PTR(err);
	}
	return ep;
}

int kc_endpoint_close(struct net *net, u32 id)
{
	struct kc_net *kn = kc_net(net);
	struct kc_endpoint *ep;
	bool busy;

	mutex_lock(&kn->lock);
	ep = xa_load(&kn->endpoints, id);
	if (ep)
		kc_endpoint_remove(ep);
	mutex_unlock(&kn->lock);
	if (!ep)
		return -ENOENT;
	busy = kc_endpoint_shut(ep);
	kc_endpoint_stop(ep);
	if (busy && ep->config.role == KTLS_CONSUMER_ROLE_CONNECT)
		kc_netlink_finished(ep);
	mutex_lock(&kn->lock);
	kc_endpoint_forget(ep);
	mutex_unlock(&kn->lock);
	return 0;
}

void kc_endpoint_close_all(struct net *net)
{
	struct kc_net *kn = kc_net(net);
	struct kc_endpoint *ep;
	unsigned long id;

	/*
	 * Only a namespace's end, where nobody else is left. First shut all, so
	 * that peers who let one wait do not add up.
	 */
	xa_for_each(&kn->endpoints, id, ep)
		kc_endpoint_shut(ep);
	xa_for_each(&kn->endpoints, id, ep) {
		kc_endpoint_remove(ep);
		kc_endpoint_stop(ep);
		kc_endpoint_forget(ep);
	}
}

void kc_endpoint_sum(struct kc_endpoint *ep, struct kc_counters *sum)
{
	struct kc_conn *conn;

	mutex_lock(&ep->lock);
	kc_counters_add(sum, &ep->counters);
	list_for_each_entry(conn, &ep->conns, list)
		kc_counters_add(sum, &conn->counters);
	mutex_unlock(&ep->lock);
}
