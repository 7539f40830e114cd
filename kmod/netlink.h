/* SPDX-License-Identifier: GPL-2.0-only */
/* The generic netlink family; uapi/linux/ktls_consumer.h documents it */
#ifndef KC_NETLINK_H
#define KC_NETLINK_H

struct kc_endpoint;

int kc_netlink_init(void);
void kc_netlink_exit(void);
/* Tell whoever listens that an endpoint has no connections any more */
void kc_netlink_finished(struct kc_endpoint *ep);

#endif
