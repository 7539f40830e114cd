// SPDX-License-Identifier: GPL-2.0-only
#include <linux/key-type.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <net/netlink.h>

#include "attrs.h"
#include "compat.h"
#include "conn.h"
#include "handshake.h"

#define A(name)	KTLS_CONSUMER_A_ENDPOINT_##name

static const struct netlink_range_validation kc_timeout_range = {
	.min = 1,
	.max = KTLS_CONSUMER_TIMEOUT_MAX,
};

static const struct netlink_range_validation kc_idle_range = {
	.min = 1,
	.max = KTLS_CONSUMER_IDLE_MAX,
};

#define KC_POLICY_BOTH							\
	[A(SERVICE)] = NLA_POLICY_MAX(NLA_U32,				\
				      KTLS_CONSUMER_SERVICE_CHARGEN),	\
	[A(AUTH)] = NLA_POLICY_MAX(NLA_U32, KTLS_CONSUMER_AUTH_PSK),	\
	[A(ADDRESS)] = NLA_POLICY_MAX_LEN(16),			\
	[A(PORT)] = { .type = NLA_U16 },				\
	[A(TIMEOUT)] = NLA_POLICY_FULL_RANGE(NLA_U32, &kc_timeout_range), \
	[A(IDLE_TIMEOUT)] = NLA_POLICY_FULL_RANGE(NLA_U32,		\
						  &kc_idle_range),	\
	[A(CONNECTIONS)] = NLA_POLICY_RANGE(NLA_U32, 1,			\
					    KTLS_CONSUMER_CONNECTIONS_MAX), \
	[A(CERTIFICATE)] = NLA_POLICY_MIN(NLA_S32, 1),			\
	[A(PRIVATE_KEY)] = NLA_POLICY_MIN(NLA_S32, 1),			\
	[A(KEYRING)] = NLA_POLICY_MIN(NLA_S32, 1),			\
	[A(PSK)] = NLA_POLICY_MIN(NLA_S32, 1)

const struct nla_policy kc_listen_policy[A(PSK) + 1] = {
	KC_POLICY_BOTH,
};

const struct nla_policy kc_connect_policy[A(PSK) + 1] = {
	KC_POLICY_BOTH,
	[A(PEERNAME)] = { .type = NLA_NUL_STRING,
			  .len = KTLS_CONSUMER_PEERNAME_MAX },
	[A(BYTES)] = { .type = NLA_UINT },
};

const struct nla_policy kc_endpoint_id_policy[A(ID) + 1] = {
	[A(ID)] = { .type = NLA_U32 },
};

const struct nla_policy
kc_conn_get_policy[KTLS_CONSUMER_A_CONN_ENDPOINT + 1] = {
	[KTLS_CONSUMER_A_CONN_ENDPOINT] = { .type = NLA_U32 },
};

/* ---- requests ----------------------------------------------------------- */

static int kc_get_address(struct sockaddr_storage *addr,
			  const struct nlattr *address, u16 port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *in = (struct sockaddr_in *)addr;

	switch (nla_len(address)) {
	case sizeof(in->sin_addr):
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = nla_get_in_addr(address);
		return 0;
	case sizeof(in6->sin6_addr):
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		in6->sin6_addr = nla_get_in6_addr(address);
		return 0;
	default:
		return -EINVAL;
	}
}

static u32 kc_get_u32(struct nlattr *attr, u32 otherwise)
{
	return attr ? nla_get_u32(attr) : otherwise;
}

static int kc_get_key(struct key **key, struct nlattr *attr,
		      struct genl_info *info)
{
	int err;

	if (!attr)
		return 0;
	err = kc_key_get(key, nla_get_s32(attr));
	if (err)
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "no such valid key");
	return err;
}

static int kc_get_psks(struct kc_keys *keys, struct genl_info *info)
{
	struct nlattr *attr;
	int err, rem;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != A(PSK))
			continue;
		if (keys->num_psks == ARRAY_SIZE(keys->psk)) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "too many pre-shared keys");
			return -E2BIG;
		}
		err = kc_get_key(&keys->psk[keys->num_psks], attr, info);
		if (err)
			return err;
		keys->num_psks++;
	}
	return 0;
}

static int kc_get_keys(struct kc_keys *keys, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	int err;

	err = kc_get_key(&keys->cert, attrs[A(CERTIFICATE)], info);
	if (!err)
		err = kc_get_key(&keys->privkey, attrs[A(PRIVATE_KEY)], info);
	if (!err)
		err = kc_get_key(&keys->keyring, attrs[A(KEYRING)], info);
	if (!err && keys->keyring && keys->keyring->type != &key_type_keyring) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[A(KEYRING)],
				    "not a keyring");
		err = -ENOTDIR;
	}
	if (!err)
		err = kc_get_psks(keys, info);
	return err;
}

static void kc_get_scalars(struct kc_config *config, struct nlattr **attrs)
{
	bool listen = config->role == KTLS_CONSUMER_ROLE_LISTEN;

	config->service = nla_get_u32(attrs[A(SERVICE)]);
	config->auth = kc_get_u32(attrs[A(AUTH)], KTLS_CONSUMER_AUTH_X509);
	config->timeout = kc_get_u32(attrs[A(TIMEOUT)],
				     KTLS_CONSUMER_TIMEOUT_DEFAULT);
	config->idle_timeout = kc_get_u32(attrs[A(IDLE_TIMEOUT)],
					  KTLS_CONSUMER_IDLE_DEFAULT);
	config->connections =
		kc_get_u32(attrs[A(CONNECTIONS)],
			   listen ? KTLS_CONSUMER_LISTEN_DEFAULT : 1);
	if (attrs[A(BYTES)])
		config->bytes = nla_get_uint(attrs[A(BYTES)]);
	if (attrs[A(PEERNAME)])
		nla_strscpy(config->peername, attrs[A(PEERNAME)],
			    sizeof(config->peername));
}

int kc_config_get(struct kc_config *config, enum ktls_consumer_role role,
		  struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, A(SERVICE)) ||
	    GENL_REQ_ATTR_CHECK(info, A(ADDRESS)) ||
	    GENL_REQ_ATTR_CHECK(info, A(PORT)))
		return -EINVAL;
	memset(config, 0, sizeof(*config));
	config->role = role;
	kc_get_scalars(config, attrs);
	err = kc_get_address(&config->addr, attrs[A(ADDRESS)],
			     nla_get_u16(attrs[A(PORT)]));
	if (err) {
		NL_SET_BAD_ATTR(info->extack, attrs[A(ADDRESS)]);
		return err;
	}
	err = kc_get_keys(&config->keys, info);
	if (!err) {
		err = kc_handshake_check(config);
		if (err)
			NL_SET_ERR_MSG(info->extack,
				       "auth and keys do not fit together");
	}
	if (err)
		kc_keys_put(&config->keys);
	return err;
}

/* ---- answers ------------------------------------------------------------ */

static int kc_put_address(struct sk_buff *skb, int attr_address, int attr_port,
			  const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	switch (addr->ss_family) {
	case AF_INET:
		return nla_put_in_addr(skb, attr_address,
				       in->sin_addr.s_addr) ?:
			nla_put_u16(skb, attr_port, ntohs(in->sin_port));
	case AF_INET6:
		return nla_put_in6_addr(skb, attr_address, &in6->sin6_addr) ?:
			nla_put_u16(skb, attr_port, ntohs(in6->sin6_port));
	default:
		return 0;
	}
}

int kc_put_counters(struct sk_buff *skb, int attr,
		    const struct kc_counters *counters)
{
	struct nlattr *nest = nla_nest_start(skb, attr);
	int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 1; i <= KTLS_CONSUMER_A_COUNTERS_MAX; i++)
		if (nla_put_uint(skb, i, atomic64_read(&counters->v[i])))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int kc_put_key(struct sk_buff *skb, int attr, const struct key *key)
{
	return key ? nla_put_s32(skb, attr, key_serial(key)) : 0;
}

static int kc_put_keys(struct sk_buff *skb, const struct kc_keys *keys)
{
	unsigned int i;

	if (kc_put_key(skb, A(CERTIFICATE), keys->cert) ||
	    kc_put_key(skb, A(PRIVATE_KEY), keys->privkey) ||
	    kc_put_key(skb, A(KEYRING), keys->keyring))
		return -EMSGSIZE;
	for (i = 0; i < keys->num_psks; i++)
		if (kc_put_key(skb, A(PSK), keys->psk[i]))
			return -EMSGSIZE;
	return 0;
}

static int kc_put_config(struct sk_buff *skb, const struct kc_config *config)
{
	if (nla_put_u32(skb, A(ROLE), config->role) ||
	    nla_put_u32(skb, A(SERVICE), config->service) ||
	    nla_put_u32(skb, A(AUTH), config->auth) ||
	    kc_put_address(skb, A(ADDRESS), A(PORT), &config->addr) ||
	    nla_put_u32(skb, A(TIMEOUT), config->timeout) ||
	    nla_put_u32(skb, A(IDLE_TIMEOUT), config->idle_timeout) ||
	    nla_put_u32(skb, A(CONNECTIONS), config->connections))
		return -EMSGSIZE;
	if (*config->peername &&
	    nla_put_string(skb, A(PEERNAME), config->peername))
		return -EMSGSIZE;
	if (config->role == KTLS_CONSUMER_ROLE_CONNECT &&
	    nla_put_uint(skb, A(BYTES), config->bytes))
		return -EMSGSIZE;
	return kc_put_keys(skb, &config->keys);
}

int kc_put_endpoint(struct sk_buff *skb, struct kc_endpoint *ep)
{
	struct kc_counters sum = {};
	int err = READ_ONCE(ep->last_error);
	u8 alert = READ_ONCE(ep->last_alert);

	kc_endpoint_sum(ep, &sum);
	if (nla_put_u32(skb, A(ID), ep->id) ||
	    kc_put_config(skb, &ep->config) ||
	    nla_put_u32(skb, A(ACTIVE), READ_ONCE(ep->num_conns)))
		return -EMSGSIZE;
	if (err && nla_put_u32(skb, A(LAST_ERROR), -err))
		return -EMSGSIZE;
	if (alert && nla_put_u8(skb, A(LAST_ALERT), alert))
		return -EMSGSIZE;
	return kc_put_counters(skb, A(COUNTERS), &sum);
}

#undef A
#define A(name)	KTLS_CONSUMER_A_CONN_##name

int kc_put_conn(struct sk_buff *skb, struct kc_conn *conn)
{
	enum ktls_consumer_state state;

	/* pairs with kc_conn_state(), before which the rest is written */
	state = smp_load_acquire(&conn->state);
	if (nla_put_u32(skb, A(ID), conn->id) ||
	    nla_put_u32(skb, A(ENDPOINT), conn->ep->id) ||
	    nla_put_u32(skb, A(STATE), state) ||
	    kc_put_counters(skb, A(COUNTERS), &conn->counters))
		return -EMSGSIZE;
	if (state == KTLS_CONSUMER_STATE_CONNECTING)
		return 0;
	if (kc_put_address(skb, A(ADDRESS), A(PORT), &conn->peer) ||
	    nla_put_u16(skb, A(LOCAL_PORT), conn->local_port))
		return -EMSGSIZE;
	if (state != KTLS_CONSUMER_STATE_OPEN)
		return 0;
	if (conn->peer_identity &&
	    nla_put_s32(skb, A(PEER_IDENTITY), conn->peer_identity))
		return -EMSGSIZE;
	if (nla_put_u16(skb, A(VERSION), conn->version) ||
	    nla_put_u16(skb, A(CIPHER), conn->cipher))
		return -EMSGSIZE;
	return 0;
}
