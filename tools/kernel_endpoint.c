// SPDX-License-Identifier: MIT
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "kernel_endpoint.h"
#include "kernel_print.h"
#include "log.h"
#include "net.h"
#include "options.h"

/* ---- options ----------------------------------------------------------- */

static bool parse_serial(const char *what, const char *arg, int *serial)
{
	unsigned int n;

	if (!parse_number(what, arg, 1, INT32_MAX, &n))
		return false;
	*serial = (int)n;
	return true;
}

static bool parse_bytes(const char *arg, uint64_t *bytes)
{
	char *end;

	errno = 0;
	*bytes = strtoull(arg, &end, 10);
	if (*arg >= '0' && *arg <= '9' && !*end && !errno)
		return true;
	complain("--bytes %s: not a number", arg);
	return false;
}

static bool parse_auth(const char *arg, int *auth)
{
	*auth = kernel_name(kernel_auths, arg) + 1;
	if (*auth)
		return true;
	complain("--auth %s: not anon, x509 or psk", arg);
	return false;
}

static bool parse_psk(struct endpoint_options *o, const char *arg)
{
	if (o->psks < KTLS_CONSUMER_PSKS_MAX)
		return parse_serial("--psk", arg, &o->psk[o->psks++]);
	complain("too many --psk");
	return false;
}

static bool parse_peername(struct endpoint_options *o, const char *arg)
{
	o->peername = arg;
	if (*arg && strlen(arg) <= KTLS_CONSUMER_PEERNAME_MAX)
		return true;
	complain("--peername: neither none nor more than %d characters",
		 KTLS_CONSUMER_PEERNAME_MAX);
	return false;
}

bool endpoint_option(struct endpoint_options *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_AUTH:
		return parse_auth(arg, &o->auth);
	case OPT_CERTIFICATE:
		return parse_serial("--certificate", arg, &o->certificate);
	case OPT_PRIVATE_KEY:
		return parse_serial("--private-key", arg, &o->private_key);
	case OPT_KEYRING:
		return parse_serial("--keyring", arg, &o->keyring);
	case OPT_PSK:
		return parse_psk(o, arg);
	case OPT_TIMEOUT:
		return parse_seconds("--timeout", arg, &o->timeout);
	case OPT_IDLE:
		return parse_seconds("--idle", arg, &o->idle);
	case OPT_CONNECTIONS:
		return parse_number("--connections", arg, 1,
				    KTLS_CONSUMER_CONNECTIONS_MAX,
				    &o->connections);
	case OPT_BYTES:
		return parse_bytes(arg, &o->bytes);
	case OPT_PEERNAME:
		return parse_peername(o, arg);
	case OPT_DETACH:
		o->detach = true;
		return true;
	default:
		return false;
	}
}

/* ---- the request ------------------------------------------------------- */

static void put_address(struct nl_msg *msg, const struct sockaddr *sa)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

	if (sa->sa_family == AF_INET) {
		nla_put(msg, KTLS_CONSUMER_A_ENDPOINT_ADDRESS,
			sizeof(in->sin_addr), &in->sin_addr);
		nla_put_u16(msg, KTLS_CONSUMER_A_ENDPOINT_PORT,
			    ntohs(in->sin_port));
		return;
	}
	nla_put(msg, KTLS_CONSUMER_A_ENDPOINT_ADDRESS, sizeof(in6->sin6_addr),
		&in6->sin6_addr);
	nla_put_u16(msg, KTLS_CONSUMER_A_ENDPOINT_PORT, ntohs(in6->sin6_port));
}

/* The first that the name has: the kernel tries only one */
static bool put_host(struct nl_msg *msg, const struct net_host *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int err;

	err = getaddrinfo(host->host, host->port, &hints, &list);
	if (err) {
		complain("%s: %s", host->host, gai_strerror(err));
		return false;
	}
	put_address(msg, list->ai_addr);
	freeaddrinfo(list);
	return true;
}

static bool is_name(const char *host)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *list;

	if (getaddrinfo(host, NULL, &hints, &list))
		return true;
	freeaddrinfo(list);
	return false;
}

static void put_nonzero(struct nl_msg *msg, int attr, int value)
{
	if (value)
		nla_put_u32(msg, attr, (uint32_t)value);
}

static void put_options(struct nl_msg *msg, const struct endpoint_options *o)
{
	if (o->auth)
		nla_put_u32(msg, KTLS_CONSUMER_A_ENDPOINT_AUTH,
			    (uint32_t)o->auth - 1);
	put_nonzero(msg, KTLS_CONSUMER_A_ENDPOINT_CERTIFICATE, o->certificate);
	put_nonzero(msg, KTLS_CONSUMER_A_ENDPOINT_PRIVATE_KEY, o->private_key);
	put_nonzero(msg, KTLS_CONSUMER_A_ENDPOINT_KEYRING, o->keyring);
	for (unsigned int i = 0; i < o->psks; i++)
		put_nonzero(msg, KTLS_CONSUMER_A_ENDPOINT_PSK, o->psk[i]);
	put_nonzero(msg, KTLS_CONSUMER_A_ENDPOINT_TIMEOUT, o->timeout);
	put_nonzero(msg, KTLS_CONSUMER_A_ENDPOINT_IDLE_TIMEOUT, o->idle);
	put_nonzero(msg, KTLS_CONSUMER_A_ENDPOINT_CONNECTIONS,
		    (int)o->connections);
}

static void put_client(struct nl_msg *msg, const struct endpoint_options *o,
		       const struct net_host *host)
{
	const char *name = o->peername;

	if (!name && is_name(host->host))
		name = host->host;
	if (name)
		nla_put_string(msg, KTLS_CONSUMER_A_ENDPOINT_PEERNAME, name);
	nla_put_u64(msg, KTLS_CONSUMER_A_ENDPOINT_BYTES, o->bytes);
}

struct nl_msg *endpoint_request(const struct kernel *k, uint8_t cmd,
				const struct endpoint_options *o,
				const char *service, const char *address)
{
	bool client = cmd == KTLS_CONSUMER_CMD_CONNECT;
	int number = kernel_name(kernel_services, service);
	struct net_host host;
	struct nl_msg *msg;

	if (number < 0) {
		complain("no service '%s': echo, discard or chargen", service);
		return NULL;
	}
	if (!net_parse(&host, address, NULL))
		return NULL;
	if (!client && (o->bytes || o->peername || o->detach)) {
		complain("--bytes, --peername, --detach are for connect");
		return NULL;
	}
	msg = kernel_request(k, cmd, 0);
	nla_put_u32(msg, KTLS_CONSUMER_A_ENDPOINT_SERVICE, (uint32_t)number);
	put_options(msg, o);
	if (client)
		put_client(msg, o, &host);
	if (put_host(msg, &host))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* ---- one that connects, to its end ------------------------------------- */

static void take_id(const struct nlattr *attrs, int len, void *arg)
{
	const struct nlattr *attr = nla_find(attrs, len,
					     KTLS_CONSUMER_A_ENDPOINT_ID);
	struct endpoint_result *r = arg;

	if (attr)
		r->id = (uint32_t)kernel_number(attr);
}

static uint64_t counter(const struct nlattr *attrs, int len, int which)
{
	const struct nlattr *attr;

	attr = nla_find(attrs, len, KTLS_CONSUMER_A_ENDPOINT_COUNTERS);
	attr = attr ? nla_find(nla_data(attr), nla_len(attr), which) : NULL;
	return attr ? kernel_number(attr) : 0;
}

/* No connection at all, no handshake, or an end too early? */
static int judge(const struct nlattr *attrs, int len)
{
	const struct nlattr *attr = nla_find(attrs, len,
					     KTLS_CONSUMER_A_ENDPOINT_LAST_ERROR);
	int err = attr ? (int)kernel_number(attr) : 0;

	if (counter(attrs, len, KTLS_CONSUMER_A_COUNTERS_HANDSHAKE_ERRORS))
		return err == ECONNREFUSED || err == EHOSTUNREACH ||
		       err == ENETUNREACH ? STATUS_CONNECT : STATUS_TLS;
	if (counter(attrs, len, KTLS_CONSUMER_A_COUNTERS_ERRORS))
		return STATUS_TRANSFER;
	return STATUS_OK;
}

static void take_end(const struct nlattr *attrs, int len, void *arg)
{
	const struct nlattr *attr = nla_find(attrs, len,
					     KTLS_CONSUMER_A_ENDPOINT_ID);
	struct endpoint_result *r = arg;

	if (!attr || kernel_number(attr) != r->id)
		return;
	r->over = true;
	r->status = judge(attrs, len);
	r->print(attrs, len, r->arg);
}

static int ask_quietly(struct kernel *k, struct nl_msg *msg)
{
	int err;

	k->quiet = true;
	err = kernel_ask(k, msg, NULL, NULL);
	k->quiet = false;
	return err;
}

static int close_it(struct kernel *k, uint32_t id)
{
	struct nl_msg *msg = kernel_request(k, KTLS_CONSUMER_CMD_CLOSE, 0);

	nla_put_u32(msg, KTLS_CONSUMER_A_ENDPOINT_ID, id);
	return ask_quietly(k, msg);
}

/*
 * Nobody tells of the end of the module. Who is told to end has it closed, and
 * its last word has then come.
 */
static int follow(struct kernel *k, struct endpoint_result *r)
{
	bool closed = false;
	int err, gone;

	do {
		gone = ask_quietly(k, kernel_request(k,
					KTLS_CONSUMER_CMD_STATS_GET, 0));
		err = kernel_event(k, take_end, r);
		if (err == -EAGAIN && gone) {
			complain("the module was removed");
			return -ENOENT;
		}
		if (err == -EINTR) {
			close_it(k, r->id);
			closed = true;
		}
	} while (!r->over && (!err || err == -EINTR ||
			      (err == -EAGAIN && !closed)));
	if (!r->over && closed)
		complain("closed, but how it ended was not told");
	return r->over ? 0 : err;
}

int endpoint_follow(struct kernel *k, struct nl_msg *msg,
		    struct endpoint_result *r)
{
	int err;

	err = kernel_subscribe(k);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	err = kernel_ask(k, msg, take_id, r);
	if (err || !r->id)
		return err;
	err = follow(k, r);
	/* somebody else may have closed it already */
	close_it(k, r->id);
	return err;
}
