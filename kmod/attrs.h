/* SPDX-License-Identifier: GPL-2.0-only */
/* Attributes: what requests may have, what is read from them, and answers */
#ifndef KC_ATTRS_H
#define KC_ATTRS_H

#include <net/genetlink.h>

#include "endpoint.h"

struct kc_conn;

extern const struct nla_policy
kc_listen_policy[KTLS_CONSUMER_A_ENDPOINT_PSK + 1];
extern const struct nla_policy
kc_connect_policy[KTLS_CONSUMER_A_ENDPOINT_PSK + 1];
extern const struct nla_policy
kc_endpoint_id_policy[KTLS_CONSUMER_A_ENDPOINT_ID + 1];
extern const struct nla_policy
kc_conn_get_policy[KTLS_CONSUMER_A_CONN_ENDPOINT + 1];

/* Read a request. On an error no keys are held */
int kc_config_get(struct kc_config *config, enum ktls_consumer_role role,
		  struct genl_info *info);
/* 0 or -EMSGSIZE, all of them */
int kc_put_endpoint(struct sk_buff *skb, struct kc_endpoint *ep);
int kc_put_conn(struct sk_buff *skb, struct kc_conn *conn);
int kc_put_counters(struct sk_buff *skb, int attr,
		    const struct kc_counters *counters);

#endif
