/* SPDX-License-Identifier: MIT */
/* Ask the kernel for an endpoint, and see how one that connects fares. */
#ifndef TOOLS_KERNEL_ENDPOINT_H
#define TOOLS_KERNEL_ENDPOINT_H

#include <stdbool.h>

#include "kernel_nl.h"

struct endpoint_options {
	int auth;			/* 1 above its number; 0: x509 */
	int certificate, private_key, keyring;
	int psk[KTLS_CONSUMER_PSKS_MAX];
	unsigned int psks;
	int timeout, idle;		/* ms; 0: the kernel's default */
	unsigned int connections;	/* likewise */
	uint64_t bytes;
	const char *peername;
	bool detach;
};

enum {
	OPT_AUTH = 512,
	OPT_CERTIFICATE,
	OPT_PRIVATE_KEY,
	OPT_KEYRING,
	OPT_PSK,
	OPT_TIMEOUT,
	OPT_IDLE,
	OPT_CONNECTIONS,
	OPT_BYTES,
	OPT_PEERNAME,
	OPT_DETACH,
};

#define ENDPOINT_LONG_OPTIONS						\
	{ "auth", required_argument, NULL, OPT_AUTH },			\
	{ "certificate", required_argument, NULL, OPT_CERTIFICATE },	\
	{ "private-key", required_argument, NULL, OPT_PRIVATE_KEY },	\
	{ "keyring", required_argument, NULL, OPT_KEYRING },		\
	{ "psk", required_argument, NULL, OPT_PSK },			\
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },		\
	{ "idle", required_argument, NULL, OPT_IDLE },			\
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },	\
	{ "bytes", required_argument, NULL, OPT_BYTES },		\
	{ "peername", required_argument, NULL, OPT_PEERNAME },		\
	{ "detach", no_argument, NULL, OPT_DETACH }

/* Take the option that getopt_long() returned; false after a complaint */
bool endpoint_option(struct endpoint_options *o, int opt, const char *arg);

/* The request for one; NULL after a complaint */
struct nl_msg *endpoint_request(const struct kernel *k, uint8_t cmd,
				const struct endpoint_options *o,
				const char *service, const char *address);

struct endpoint_result {
	kernel_answer print;		/* is called with its last word */
	void *arg;
	int status;			/* the program's: STATUS_* */

	uint32_t id;			/* from here on private */
	bool over;
};

/*
 * Make one that connects, see it to its end, or to ours by a signal, and close
 * it: 0 or -errno
 */
int endpoint_follow(struct kernel *k, struct nl_msg *msg,
		    struct endpoint_result *r);

#endif
