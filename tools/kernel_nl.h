/* SPDX-License-Identifier: MIT */
/* Talk to the kernel module ktls_consumer, by generic netlink. */
#ifndef TOOLS_KERNEL_NL_H
#define TOOLS_KERNEL_NL_H

#include <stdbool.h>
#include <stdint.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <linux/ktls_consumer.h>

struct kernel {
	struct nl_sock *sk;	/* for requests */
	struct nl_sock *events;	/* or NULL */
	int signals;		/* or -1 */
	int family;
	bool quiet;		/* about what the kernel refuses */
};

/* What is made of the attributes of an answer, which are valid meanwhile */
typedef void (*kernel_answer)(const struct nlattr *attrs, int len, void *arg);

/* 0 or -errno after a complaint. kernel_close() in any case */
int kernel_open(struct kernel *k);
void kernel_close(struct kernel *k);

/* A request of KTLS_CONSUMER_CMD_*, for libnl's nla_put; exits without memory */
struct nl_msg *kernel_request(const struct kernel *k, uint8_t cmd, int flags);
/* Send it, free it, and hand over each answer: 0 or -errno after a complaint */
int kernel_ask(struct kernel *k, struct nl_msg *msg, kernel_answer answer,
	       void *arg);

/*
 * From now on hear of endpoints that have finished, and of signals that would
 * end the process: 0 or -errno, complained
 */
int kernel_subscribe(struct kernel *k);
/*
 * Wait for the next such: 0, or -errno after a complaint; without one -EINTR, it
 * was a signal; -EAGAIN, there was none for a second
 */
int kernel_event(struct kernel *k, kernel_answer answer, void *arg);

#endif
