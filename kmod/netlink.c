// SPDX-License-Identifier: GPL-2.0-only
#include <net/genetlink.h>
#include <net/sock.h>

#include "attrs.h"
#include "conn.h"
#include "netlink.h"

static struct genl_family kc_family;

enum { KC_GROUP_EVENTS };

/*
 * Who is told of an endpoint's end, learns of peers and of keys' serials, as
 * much as who asks.
 */
static const struct genl_multicast_group kc_groups[] = {
	[KC_GROUP_EVENTS] = {
		.name = KTLS_CONSUMER_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

/* A message of @cmd, empty, that answers @info */
static struct sk_buff *kc_answer(struct genl_info *info, void **head)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!skb)
		return NULL;
	*head = genlmsg_iput(skb, info);
	if (!*head) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

static int kc_endpoint_answer(struct genl_info *info, struct kc_endpoint *ep)
{
	struct sk_buff *skb;
	void *head;
	int err;

	skb = kc_answer(info, &head);
	if (!skb)
		return -ENOMEM;
	err = kc_put_endpoint(skb, ep);
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, head);
	return genlmsg_reply(skb, info);
}

/* ---- endpoints ---------------------------------------------------------- */

static int kc_new_doit(struct genl_info *info, enum ktls_consumer_role role)
{
	struct net *net = genl_info_net(info);
	struct kc_net *kn = kc_net(net);
	struct kc_endpoint *ep;
	struct kc_config config;
	u32 id = 0;
	int err;

	err = kc_config_get(&config, role, info);
	if (err)
		return err;
	mutex_lock(&kn->lock);
	ep = kc_endpoint_new(net, &config);
	if (IS_ERR(ep)) {
		err = PTR_ERR(ep);
	} else {
		id = ep->id;
		err = kc_endpoint_answer(info, ep);
	}
	mutex_unlock(&kn->lock);
	if (err && id)
		kc_endpoint_close(net, id);	/* nobody knows of it */
	return err;
}

static int kc_listen_doit(struct sk_buff *skb, struct genl_info *info)
{
	return kc_new_doit(info, KTLS_CONSUMER_ROLE_LISTEN);
}

static int kc_connect_doit(struct sk_buff *skb, struct genl_info *info)
{
	return kc_new_doit(info, KTLS_CONSUMER_ROLE_CONNECT);
}

static int kc_close_doit(struct sk_buff *skb, struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, KTLS_CONSUMER_A_ENDPOINT_ID))
		return -EINVAL;
	return kc_endpoint_close(genl_info_net(info),
		nla_get_u32(info->attrs[KTLS_CONSUMER_A_ENDPOINT_ID]));
}

static int kc_endpoint_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kc_net *kn = kc_net(genl_info_net(info));
	struct kc_endpoint *ep;
	int err = -ENOENT;

	if (GENL_REQ_ATTR_CHECK(info, KTLS_CONSUMER_A_ENDPOINT_ID))
		return -EINVAL;
	mutex_lock(&kn->lock);
	ep = xa_load(&kn->endpoints,
		     nla_get_u32(info->attrs[KTLS_CONSUMER_A_ENDPOINT_ID]));
	if (ep)
		err = kc_endpoint_answer(info, ep);
	mutex_unlock(&kn->lock);
	return err;
}

/* ---- dumps -------------------------------------------------------------- */

/* Where a dump goes on: at this endpoint, and at this connection of it */
struct kc_dump {
	unsigned long endpoint;
	u32 conn;
};

static struct kc_dump *kc_dump(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct kc_dump) >
		     sizeof_field(struct netlink_callback, ctx));
	return (struct kc_dump *)cb->ctx;
}

static int kc_endpoint_dump_one(struct sk_buff *skb,
				struct netlink_callback *cb,
				struct kc_endpoint *ep)
{
	void *head = genlmsg_iput(skb, genl_info_dump(cb));

	if (!head)
		return -EMSGSIZE;
	if (kc_put_endpoint(skb, ep)) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return 0;
}

static int kc_endpoint_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	struct kc_net *kn = kc_net(sock_net(skb->sk));
	struct kc_dump *dump = kc_dump(cb);
	struct kc_endpoint *ep;
	unsigned long id;
	int err = 0;

	mutex_lock(&kn->lock);
	xa_for_each_start(&kn->endpoints, id, ep, dump->endpoint) {
		err = kc_endpoint_dump_one(skb, cb, ep);
		if (err)
			break;
		dump->endpoint = id + 1;
	}
	mutex_unlock(&kn->lock);
	return err;
}

static int kc_conn_dump_one(struct sk_buff *skb, struct netlink_callback *cb,
			    struct kc_conn *conn)
{
	void *head = genlmsg_iput(skb, genl_info_dump(cb));

	if (!head)
		return -EMSGSIZE;
	if (kc_put_conn(skb, conn)) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return 0;
}

static int kc_conn_dump_endpoint(struct sk_buff *skb,
				 struct netlink_callback *cb,
				 struct kc_endpoint *ep)
{
	struct kc_dump *dump = kc_dump(cb);
	struct kc_conn *conn;
	int err = 0;

	mutex_lock(&ep->lock);
	list_for_each_entry(conn, &ep->conns, list) {
		if (conn->id < dump->conn)
			continue;
		err = kc_conn_dump_one(skb, cb, conn);
		if (err)
			break;
		dump->conn = conn->id + 1;
	}
	mutex_unlock(&ep->lock);
	return err;
}

static int kc_conn_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr *only =
		genl_info_dump(cb)->attrs[KTLS_CONSUMER_A_CONN_ENDPOINT];
	struct kc_net *kn = kc_net(sock_net(skb->sk));
	struct kc_dump *dump = kc_dump(cb);
	struct kc_endpoint *ep;
	unsigned long id;
	int err = 0;

	mutex_lock(&kn->lock);
	xa_for_each_start(&kn->endpoints, id, ep, dump->endpoint) {
		if (only && id != nla_get_u32(only))
			continue;
		if (id != dump->endpoint) {	/* nor is that one there */
			dump->endpoint = id;
			dump->conn = 0;
		}
		err = kc_conn_dump_endpoint(skb, cb, ep);
		if (err)
			break;
		dump->endpoint = id + 1;
		dump->conn = 0;
	}
	mutex_unlock(&kn->lock);
	return err;
}

/* ---- totals ------------------------------------------------------------- */

static u32 kc_stats_sum(struct kc_net *kn, struct kc_counters *sum)
{
	struct kc_endpoint *ep;
	unsigned long id;
	u32 n;

	mutex_lock(&kn->lock);
	kc_counters_add(sum, &kn->counters);
	xa_for_each(&kn->endpoints, id, ep)
		kc_endpoint_sum(ep, sum);
	list_for_each_entry(ep, &kn->leaving, leaving)
		kc_endpoint_sum(ep, sum);
	n = kn->num_endpoints;
	mutex_unlock(&kn->lock);
	return n;
}

static int kc_stats_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct kc_counters sum = {};
	struct sk_buff *skb;
	void *head;
	u32 n;

	n = kc_stats_sum(kc_net(genl_info_net(info)), &sum);
	skb = kc_answer(info, &head);
	if (!skb)
		return -ENOMEM;
	if (nla_put_u32(skb, KTLS_CONSUMER_A_STATS_ENDPOINTS, n) ||
	    kc_put_counters(skb, KTLS_CONSUMER_A_STATS_COUNTERS, &sum)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return genlmsg_reply(skb, info);
}

/* ---- the family --------------------------------------------------------- */

void kc_netlink_finished(struct kc_endpoint *ep)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *head;

	if (!skb)
		return;
	head = genlmsg_put(skb, 0, 0, &kc_family, 0,
			   KTLS_CONSUMER_CMD_ENDPOINT_NTF);
	if (!head || kc_put_endpoint(skb, ep)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);
	genlmsg_multicast_netns(&kc_family, ep->net, skb, 0, KC_GROUP_EVENTS,
				GFP_KERNEL);
}

#define KC_POLICY(name)	\
	.policy = kc_##name##_policy, \
	.maxattr = ARRAY_SIZE(kc_##name##_policy) - 1

static const struct genl_split_ops kc_ops[] = {
	{
		.cmd = KTLS_CONSUMER_CMD_LISTEN,
		.doit = kc_listen_doit,
		KC_POLICY(listen),
		.flags = GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd = KTLS_CONSUMER_CMD_CONNECT,
		.doit = kc_connect_doit,
		KC_POLICY(connect),
		.flags = GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd = KTLS_CONSUMER_CMD_CLOSE,
		.doit = kc_close_doit,
		KC_POLICY(endpoint_id),
		.flags = GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd = KTLS_CONSUMER_CMD_ENDPOINT_GET,
		.doit = kc_endpoint_get_doit,
		KC_POLICY(endpoint_id),
		.flags = GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd = KTLS_CONSUMER_CMD_ENDPOINT_GET,
		.dumpit = kc_endpoint_get_dumpit,
		.flags = GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd = KTLS_CONSUMER_CMD_CONN_GET,
		.dumpit = kc_conn_get_dumpit,
		KC_POLICY(conn_get),
		.flags = GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd = KTLS_CONSUMER_CMD_STATS_GET,
		.doit = kc_stats_get_doit,
		.flags = GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
};

/*
 * Closing waits: no other command waits for it, unless a family is registered
 * meanwhile, which waits for commands, and commands for it.
 */
static struct genl_family kc_family __ro_after_init = {
	.name = KTLS_CONSUMER_FAMILY_NAME,
	.version = KTLS_CONSUMER_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.split_ops = kc_ops,
	.n_split_ops = ARRAY_SIZE(kc_ops),
	.mcgrps = kc_groups,
	.n_mcgrps = ARRAY_SIZE(kc_groups),
};

int __init kc_netlink_init(void)
{
	return genl_register_family(&kc_family);
}

void kc_netlink_exit(void)
{
	genl_unregister_family(&kc_family);
}
