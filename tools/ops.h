/* SPDX-License-Identifier: MIT */
/* What who runs 'ktls serve' wants to know of it: the options for that. */
#ifndef TOOLS_OPS_H
#define TOOLS_OPS_H

#include <stdbool.h>

#include "fleet.h"
#include "net.h"
#include "ticket_file.h"

struct ops {
	const char *access_log;	/* NULL: none */
	struct net_host metrics;
	bool has_metrics;
	struct ticket_file ticket_keys;
	struct fleet_options fleet;
	unsigned int per_address;	/* 0: any number */
};

/* Values of getopt_long(), apart from all others */
enum {
	OPT_ACCESS_LOG = 544,
	OPT_METRICS,
	OPT_TICKET_KEYS,
	OPT_PER_ADDRESS,
	OPT_STORE,
	OPT_STORE_AUTH,
	OPT_STORE_TIMEOUT,
};

#define OPS_LONG_OPTIONS						\
	{ "access-log", required_argument, NULL, OPT_ACCESS_LOG },	\
	{ "metrics", required_argument, NULL, OPT_METRICS },		\
	{ "ticket-keys", required_argument, NULL, OPT_TICKET_KEYS },	\
	{ "store", required_argument, NULL, OPT_STORE },		\
	{ "store-auth", required_argument, NULL, OPT_STORE_AUTH },	\
	{ "store-timeout", required_argument, NULL, OPT_STORE_TIMEOUT },	\
	{ "max-per-address", required_argument, NULL, OPT_PER_ADDRESS }

#define OPS_HELP							\
	"  --access-log FILE      append a line for each request, in the\n" \
	"                         Combined Log Format and more; begun anew\n" \
	"                         on SIGHUP\n"				\
	"  --metrics ADDR:PORT    counters for Prometheus, at /metrics by\n" \
	"                         plain HTTP\n"			\
	"  --ticket-keys FILE     the keys of tickets, which servers may\n" \
	"                         share; read again when it changes, and\n" \
	"                         on SIGHUP ('ktls ticket-keys' makes it)\n" \
	"  --store URL            sessions that have no ticket, and 0-RTT,\n" \
	"                         shared with others by Valkey or Redis at\n" \
	"                         redis://HOST[:PORT] or unix:/PATH\n"	\
	"  --store-auth FILE      ... with the password in FILE, which may\n" \
	"                         have the user's name in a line before it\n" \
	"  --store-timeout S      seconds to wait for it (0.05)\n"	\
	"  --max-per-address N    connections at once from an address of\n" \
	"                         IPv4 or a /64 of IPv6; further ones are\n" \
	"                         closed\n"

/* Take an option: 1 if it was one of the above, 0 if not, -1: a complaint */
int ops_option(struct ops *o, int opt, const char *arg);
/* Once signals are blocked, before any client; 0, or -1 after a complaint */
int ops_start(const struct ops *o);
/* When the last client is gone */
void ops_stop(void);
/* On SIGHUP */
void ops_reopen(void);

#endif
