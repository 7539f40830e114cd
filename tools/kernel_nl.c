// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include "kernel_nl.h"
#include "log.h"
#include "signals.h"

/* One request: what has become of it */
struct exchange {
	kernel_answer answer;
	void *arg;
	int status;		/* 1: not over yet */
	bool quiet;
};

static int fail_nl(const char *what, int err)
{
	complain("%s: %s", what, nl_geterror(err));
	return err == -NLE_NOMEM ? -ENOMEM : -EIO;
}

static int connected(struct nl_sock **sk)
{
	int err;

	*sk = nl_socket_alloc();
	if (!*sk)
		return fail_nl("netlink", -NLE_NOMEM);
	err = genl_connect(*sk);
	return err ? fail_nl("netlink", err) : 0;
}

int kernel_open(struct kernel *k)
{
	const int on = 1;
	int err;

	memset(k, 0, sizeof(*k));
	k->signals = -1;
	err = connected(&k->sk);
	if (err)
		return err;
	nl_socket_disable_auto_ack(k->sk);
	/* to be told why; what cannot tell, tells less */
	setsockopt(nl_socket_get_fd(k->sk), SOL_NETLINK, NETLINK_EXT_ACK, &on,
		   sizeof(on));
	setsockopt(nl_socket_get_fd(k->sk), SOL_NETLINK, NETLINK_CAP_ACK, &on,
		   sizeof(on));
	k->family = genl_ctrl_resolve(k->sk, KTLS_CONSUMER_FAMILY_NAME);
	if (k->family < 0) {
		complain("the kernel has no module ktls_consumer loaded "
			 "(as root: modprobe ktls_consumer)");
		return -ENOENT;
	}
	return 0;
}

void kernel_close(struct kernel *k)
{
	nl_socket_free(k->sk);
	nl_socket_free(k->events);
	if (k->signals >= 0)
		close(k->signals);
}

struct nl_msg *kernel_request(const struct kernel *k, uint8_t cmd, int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, k->family, 0,
				 flags | NLM_F_ACK, cmd,
				 KTLS_CONSUMER_FAMILY_VERSION)) {
		complain("out of memory");
		exit(EXIT_FAILURE);
	}
	return msg;
}

static int on_message(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *head = nlmsg_data(nlmsg_hdr(msg));
	struct exchange *x = arg;

	if (x->answer)
		x->answer(genlmsg_attrdata(head, 0), genlmsg_attrlen(head, 0),
			  x->arg);
	return NL_OK;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	(void)msg;
	((struct exchange *)arg)->status = 0;
	return NL_STOP;
}

/* What the kernel says beside the number, or NULL */
static const char *told(const struct nlmsghdr *nlh)
{
	const size_t fixed = NLMSG_HDRLEN + sizeof(struct nlmsgerr);
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || nlh->nlmsg_len <= fixed)
		return NULL;
	attr = nla_find((const struct nlattr *)((const char *)nlh + fixed),
			(int)(nlh->nlmsg_len - fixed), NLMSGERR_ATTR_MSG);
	if (!attr || !memchr(nla_data(attr), 0, (size_t)nla_len(attr)))
		return NULL;
	return nla_data(attr);
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	const struct nlmsghdr *nlh = (struct nlmsghdr *)
		((char *)err - NLMSG_HDRLEN);
	const char *more = told(nlh);

	(void)from;
	((struct exchange *)arg)->status = err->error;
	if (!((struct exchange *)arg)->quiet)
		complain("the kernel: %s%s%s", strerror(-err->error),
			 more ? ": " : "", more ? more : "");
	return NL_STOP;
}

static int exchange(struct nl_sock *sk, struct exchange *x)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int err = 0;

	if (!cb)
		return fail_nl("netlink", -NLE_NOMEM);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, x);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, x);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, x);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, x);
	while (x->status == 1 && err >= 0)
		err = nl_recvmsgs(sk, cb);
	nl_cb_put(cb);
	if (x->status == 1)
		return fail_nl("netlink", err);
	return x->status;
}

int kernel_ask(struct kernel *k, struct nl_msg *msg, kernel_answer answer,
	       void *arg)
{
	struct exchange x = {
		.answer = answer, .arg = arg, .status = 1, .quiet = k->quiet,
	};
	int err = nl_send_auto(k->sk, msg);

	nlmsg_free(msg);
	return err < 0 ? fail_nl("netlink", err) : exchange(k->sk, &x);
}

int kernel_subscribe(struct kernel *k)
{
	int group, err;

	err = connected(&k->events);
	if (err)
		return err;
	nl_socket_disable_seq_check(k->events);
	group = genl_ctrl_resolve_grp(k->events, KTLS_CONSUMER_FAMILY_NAME,
				      KTLS_CONSUMER_MCGRP_EVENTS);
	err = group < 0 ? group : nl_socket_add_membership(k->events, group);
	if (err)
		return fail_nl("to hear of events", err);
	k->signals = signals_open(false);
	return k->signals < 0 ? fail_nl("signals", -NLE_FAILURE) : 0;
}

/* A signal has come, and not one that nohup(1) or a shell has us ignore */
static bool told_to_end(const struct kernel *k)
{
	int sig = signals_next(k->signals);
	struct sigaction act;

	return sig && !sigaction(sig, NULL, &act) &&
	       act.sa_handler != SIG_IGN;
}

static int on_event(struct nl_msg *msg, void *arg)
{
	on_message(msg, arg);
	((struct exchange *)arg)->status = 0;
	return NL_OK;
}

int kernel_event(struct kernel *k, kernel_answer answer, void *arg)
{
	struct exchange x = { .answer = answer, .arg = arg, .status = 1 };
	struct pollfd pfd[2] = {
		{ .fd = nl_socket_get_fd(k->events), .events = POLLIN },
		{ .fd = k->signals, .events = POLLIN },
	};
	int err = 0;

	nl_socket_modify_cb(k->events, NL_CB_VALID, NL_CB_CUSTOM, on_event,
			    &x);
	while (err >= 0 && x.status == 1) {
		if (!poll(pfd, 2, 1000))
			return -EAGAIN;
		if (told_to_end(k))
			return -EINTR;
		if (pfd[0].revents)
			err = nl_recvmsgs_default(k->events);
	}
	return err < 0 ? fail_nl("events", err) : 0;
}
