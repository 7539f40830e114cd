// SPDX-License-Identifier: MIT
#include "upcall_nl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "handshake_abi.h"
#include "log.h"

struct upcall_nl {
	struct nl_sock *events;	/* READY, and nothing else */
	struct nl_sock *calls;	/* ACCEPT and DONE, and the answers */
	int family;
};

/* libnl's own errors as those of the kernel that they came from */
static int nl_errno(int err)
{
	static const struct {
		int nle, err;
	} rows[] = {
		{ NLE_AGAIN, -EAGAIN },
		{ NLE_BUSY, -EBUSY },
		{ NLE_PERM, -EPERM },
		{ NLE_NOACCESS, -EACCES },
		{ NLE_OBJ_NOTFOUND, -ENOENT },
		{ NLE_NOMEM, -ENOMEM },
		{ NLE_BAD_SOCK, -EBADF },
		{ NLE_INTR, -EINTR },
		{ NLE_OPNOTSUPP, -EOPNOTSUPP },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].nle == -err)
			return rows[i].err;
	return err < 0 ? -EIO : 0;
}

/* ---- open -------------------------------------------------------------- */

static int connect_socket(struct nl_sock **sock)
{
	int err;

	*sock = nl_socket_alloc();
	if (!*sock)
		return -NLE_NOMEM;
	err = genl_connect(*sock);
	if (err)
		return err;
	/* of what is asked here, nothing is long */
	return nl_socket_set_buffer_size(*sock, 65536, 0);
}

static int join(struct upcall_nl *nl)
{
	int group, err;

	nl->family = genl_ctrl_resolve(nl->calls, HANDSHAKE_FAMILY);
	if (nl->family < 0)
		return nl->family;
	group = genl_ctrl_resolve_grp(nl->calls, HANDSHAKE_FAMILY,
				      HANDSHAKE_GROUP);
	if (group < 0)
		return group;
	err = nl_socket_set_nonblocking(nl->events);
	return err ? err : nl_socket_add_membership(nl->events, group);
}

int upcall_nl_open(struct upcall_nl **out)
{
	struct upcall_nl *nl = calloc(1, sizeof(*nl));
	int err;

	if (!nl)
		return -ENOMEM;
	err = connect_socket(&nl->calls);
	if (!err)
		err = connect_socket(&nl->events);
	if (!err)
		err = join(nl);
	err = nl_errno(err);
	if (err) {
		complain("cannot serve the kernel's handshakes: %s%s",
			 strerror(-err), err == -ENOENT ?
			 " (needs Linux 6.4 with CONFIG_NET_HANDSHAKE)" : "");
		upcall_nl_close(nl);
		return err;
	}
	*out = nl;
	return 0;
}

void upcall_nl_close(struct upcall_nl *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->events);
	nl_socket_free(nl->calls);
	free(nl);
}

int upcall_nl_fd(const struct upcall_nl *nl)
{
	return nl_socket_get_fd(nl->events);
}

/*
 * READY says no more than that there is something, and when too many of them
 * have come, that is an error of the socket: either way, accept.
 */
void upcall_nl_drain(const struct upcall_nl *nl)
{
	char buf[256];

	while (recv(upcall_nl_fd(nl), buf, sizeof(buf), MSG_DONTWAIT) >= 0 ||
	       errno == ENOBUFS || errno == EINTR)
		;
}

/* ---- a request --------------------------------------------------------- */

static struct nl_msg *new_call(const struct upcall_nl *nl, uint8_t cmd)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (msg && !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0,
				0, cmd, HANDSHAKE_VERSION)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int32_t get_serial(const struct nlattr *a)
{
	return a ? (int32_t)nla_get_u32(a) : 0;
}

/*
 * nla_parse() keeps the last of several, and there may be several; of a server
 * that names none there is one, of serial 0.
 */
static void take_keys(struct upcall_request *r, struct nlmsghdr *h)
{
	struct genlmsghdr *g = nlmsg_data(h);
	struct nlattr *a;
	int left;

	nla_for_each_attr(a, genlmsg_attrdata(g, 0), genlmsg_attrlen(g, 0),
			  left)
		if (nla_type(a) == ACCEPT_PEER_IDENTITY && nla_len(a) >= 4 &&
		    get_serial(a) && r->keys_len < UPCALL_KEYS_MAX)
			r->keys[r->keys_len++] = get_serial(a);
}

static void take_certificate(struct upcall_request *r, struct nlattr *nest)
{
	static const struct nla_policy policy[CERTIFICATE_MAX + 1] = {
		[CERTIFICATE_CERT] = { .type = NLA_U32 },
		[CERTIFICATE_PRIVKEY] = { .type = NLA_U32 },
	};
	struct nlattr *a[CERTIFICATE_MAX + 1];

	if (!nest || nla_parse_nested(a, CERTIFICATE_MAX, nest, policy))
		return;
	r->cert = get_serial(a[CERTIFICATE_CERT]);
	r->privkey = get_serial(a[CERTIFICATE_PRIVKEY]);
}

static uint32_t get_u32(const struct nlattr *a)
{
	return a ? nla_get_u32(a) : 0;
}

/* The callback of the answer: what is in it, as far as it is there */
static int take_request(struct nl_msg *msg, void *arg)
{
	static const struct nla_policy policy[ACCEPT_MAX + 1] = {
		[ACCEPT_SOCKFD] = { .type = NLA_U32 },
		[ACCEPT_MESSAGE_TYPE] = { .type = NLA_U32 },
		[ACCEPT_TIMEOUT] = { .type = NLA_U32 },
		[ACCEPT_AUTH_MODE] = { .type = NLA_U32 },
		[ACCEPT_CERTIFICATE] = { .type = NLA_NESTED },
		[ACCEPT_PEERNAME] = { .type = NLA_STRING },
		[ACCEPT_KEYRING] = { .type = NLA_U32 },
	};
	struct nlattr *a[ACCEPT_MAX + 1];
	struct upcall_request *r = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, a, ACCEPT_MAX, policy) ||
	    !a[ACCEPT_SOCKFD])
		return NL_SKIP;
	r->fd = (int)nla_get_u32(a[ACCEPT_SOCKFD]);
	r->server = get_u32(a[ACCEPT_MESSAGE_TYPE]) == HANDSHAKE_SERVER;
	r->auth = get_u32(a[ACCEPT_AUTH_MODE]);
	r->timeout = get_u32(a[ACCEPT_TIMEOUT]);
	r->keyring = get_serial(a[ACCEPT_KEYRING]);
	/* a part of a name is another's */
	if (a[ACCEPT_PEERNAME] &&
	    nla_strlcpy(r->peername, a[ACCEPT_PEERNAME],
			sizeof(r->peername)) >= sizeof(r->peername))
		r->auth = 0;
	take_keys(r, nlmsg_hdr(msg));
	take_certificate(r, a[ACCEPT_CERTIFICATE]);
	return NL_SKIP;
}

int upcall_nl_accept(struct upcall_nl *nl, struct upcall_request *r)
{
	struct nl_msg *msg = new_call(nl, HANDSHAKE_CMD_ACCEPT);
	int err;

	*r = (struct upcall_request){ .fd = -1 };
	if (!msg)
		return -ENOMEM;
	nl_socket_modify_cb(nl->calls, NL_CB_VALID, NL_CB_CUSTOM, take_request,
			    r);
	err = nla_put_u32(msg, ACCEPT_CLASS, HANDSHAKE_CLASS_TLSHD);
	if (!err)
		err = nl_send_auto(nl->calls, msg);
	nlmsg_free(msg);
	/* the answer, or an error, and behind an answer the ACK */
	if (err >= 0)
		err = nl_recvmsgs_default(nl->calls);
	if (!err)
		err = nl_wait_for_ack(nl->calls);
	err = nl_errno(err);
	if (err)
		return err == -EAGAIN ? 0 : err;
	return r->fd >= 0 ? 1 : -EPROTO;
}

int upcall_nl_done(struct upcall_nl *nl, struct upcall_request *r, int status,
		   int32_t peer)
{
	struct nl_msg *msg = new_call(nl, HANDSHAKE_CMD_DONE);
	int err = -NLE_NOMEM;

	if (msg && !nla_put_u32(msg, DONE_STATUS, (uint32_t)status) &&
	    !nla_put_u32(msg, DONE_SOCKFD, (uint32_t)r->fd) &&
	    (!peer || !nla_put_u32(msg, DONE_REMOTE_AUTH, (uint32_t)peer)))
		err = nl_send_auto(nl->calls, msg);
	nlmsg_free(msg);
	if (err >= 0)
		err = nl_wait_for_ack(nl->calls);
	close(r->fd);
	r->fd = -1;
	return nl_errno(err);
}
