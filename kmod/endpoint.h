/* SPDX-License-Identifier: GPL-2.0-only */
/* Endpoints: what a request makes, and the connections that belong to it */
#ifndef KC_ENDPOINT_H
#define KC_ENDPOINT_H

#include <linux/mutex.h>
#include <linux/socket.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "counters.h"
#include "keys.h"

/* What was asked for; complete and valid, or there is no endpoint */
struct kc_config {
	enum ktls_consumer_role role;
	enum ktls_consumer_service service;
	enum ktls_consumer_auth auth;
	struct sockaddr_storage addr;
	char peername[KTLS_CONSUMER_PEERNAME_MAX + 1];
	unsigned int timeout;			/* ms, so is the next */
	unsigned int idle_timeout;
	unsigned int connections;
	u64 bytes;
	struct kc_keys keys;
};

struct kc_endpoint {
	struct kc_config config;
	struct net *net;
	u32 id;
	struct list_head leaving;	/* kc_net's */
	struct socket *listener;
	struct task_struct *acceptor;

	struct mutex lock;		/* all below */
	struct list_head conns;
	u32 num_conns;
	u32 next_conn;
	bool closing;
	unsigned long grace;		/* jiffies, when closing turns hard */
	int last_error;			/* negative, or 0 */
	u8 last_alert;
	wait_queue_head_t empty;	/* the list of connections */
	struct kc_counters counters;	/* of those that are gone */
};

/* Of each network namespace */
struct kc_net {
	struct mutex lock;		/* the endpoints */
	struct xarray endpoints;
	u32 num_endpoints;
	u32 next_id;
	struct list_head leaving;	/* endpoints that come to their end */
	struct kc_counters counters;	/* of endpoints that are gone */
};

extern unsigned int kc_net_id;

struct kc_net *kc_net(const struct net *net);

/*
 * Make one of @config, whose keys it takes over, whatever comes of it. Under
 * kc_net's lock. The endpoint or an ERR_PTR
 */
struct kc_endpoint *kc_endpoint_new(struct net *net, struct kc_config *config);
/* Close the one of @id, and wait for its connections' end. 0 or -ENOENT */
int kc_endpoint_close(struct net *net, u32 id);
/* All of a namespace */
void kc_endpoint_close_all(struct net *net);
/* Add what it and its connections have counted. Not under its lock */
void kc_endpoint_sum(struct kc_endpoint *ep, struct kc_counters *sum);

#endif
