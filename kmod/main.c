// SPDX-License-Identifier: GPL-2.0-only
/* TLS endpoints inside the kernel: see uapi/linux/ktls_consumer.h */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <net/net_namespace.h>

#include "conn.h"
#include "netlink.h"
#include "pattern.h"

unsigned int kc_net_id __ro_after_init;

static int __net_init kc_net_init(struct net *net)
{
	struct kc_net *kn = kc_net(net);

	mutex_init(&kn->lock);
	INIT_LIST_HEAD(&kn->leaving);
	xa_init_flags(&kn->endpoints, XA_FLAGS_ALLOC1);
	return 0;
}

static void __net_exit kc_net_exit(struct net *net)
{
	struct kc_net *kn = kc_net(net);

	kc_endpoint_close_all(net);
	xa_destroy(&kn->endpoints);
	mutex_destroy(&kn->lock);
}

static struct pernet_operations kc_net_ops = {
	.init = kc_net_init,
	.exit = kc_net_exit,
	.id = &kc_net_id,
	.size = sizeof(struct kc_net),
};

static int __init kc_init(void)
{
	int err;

	err = kc_pattern_init();
	if (err)
		return err;
	err = kc_conn_init();
	if (err)
		goto pattern;
	err = register_pernet_subsys(&kc_net_ops);
	if (err)
		goto conn;
	err = kc_netlink_init();
	if (err)
		goto pernet;
	return 0;

pernet:
	unregister_pernet_subsys(&kc_net_ops);
conn:
	kc_conn_exit();
pattern:
	kc_pattern_exit();
	return err;
}

/* First nobody can ask for more, then all that there is comes to its end */
static void __exit kc_exit(void)
{
	kc_netlink_exit();
	unregister_pernet_subsys(&kc_net_ops);
	kc_conn_exit();
	/* who said that a handshake is done may not have returned from here */
	synchronize_rcu_tasks();
	kc_pattern_exit();
}

module_init(kc_init);
module_exit(kc_exit);

MODULE_AUTHOR("The libktls authors");
MODULE_DESCRIPTION("TLS endpoints inside the kernel, shaken hands for by an agent");
MODULE_LICENSE("GPL");
