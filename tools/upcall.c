// SPDX-License-Identifier: MIT
#include "upcall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent_job.h"
#include "handshake_abi.h"
#include "keyring.h"
#include "list.h"
#include "log.h"
#include "net.h"
#include "text.h"
#include "upcall_config.h"
#include "upcall_nl.h"

#define TIMEOUT_MAX	600000	/* ms */
#define QUEUE_MAX	50	/* requests that the kernel has waiting */
#define SETTLE_MIN	10	/* ms, see settle() */
#define SETTLE_MAX	1000

struct upcall {
	struct watch watch;	/* for requests */
	struct loop *loop;
	struct upcall_nl *nl;
	struct upcall_configs *configs;
	const struct agent *agent;
	struct list calls;
	unsigned int calls_len;		/* what is beyond waits in the kernel */
};

/* One handshake for the kernel */
struct call {
	struct list list;
	struct job job;
	struct upcall *upcall;
	struct upcall_request request;
	struct keyring_psks psks;
	int64_t begin;
	char peer[NET_NAME_MAX];
	int32_t serial;		/* of what tells who the peer is */
	/* of a client whose handshake is done: for what the server adds to it */
	struct ktls_conn *conn;
	struct watch rest;
	struct alarm patience;
};

static void accept_all(struct upcall *u);

/* ---- the end ----------------------------------------------------------- */

/* As tlshd has it: the kernel's consumers know these three apart, at most */
static int status_of(int err)
{
	switch (err) {
	case 0:
		return 0;
	case -ETIMEDOUT:
		return ETIMEDOUT;
	case -KTLS_E_NO_KERNEL:
	case -ENOMEM:
		return EIO;
	default:
		return EACCES;
	}
}

static void log_call(const struct call *c, int status, const char *why,
		     const struct ktls_info *info)
{
	static const char *const auth[] = {
		[HANDSHAKE_AUTH_NONE] = "none",
		[HANDSHAKE_AUTH_PSK] = "psk",
		[HANDSHAKE_AUTH_X509] = "x509",
	};
	const struct upcall_request *r = &c->request;
	struct text t = { 0 };

	if (c->upcall->agent->quiet)
		return;
	text_printf(&t, "kernel %s peer=%s", r->server ? "server" : "client",
		    c->peer);
	if (*r->peername) {
		text_puts(&t, " name=");
		text_value(&t, r->peername);
	}
	text_printf(&t, " auth=%s", r->auth < sizeof(auth) / sizeof(*auth) &&
		    auth[r->auth] ? auth[r->auth] : "?");
	if (info) {
		text_printf(&t, " suite=%s", ktls_suite_name(info->suite));
		if (*info->peer_subject) {
			text_puts(&t, " subject=");
			text_value(&t, info->peer_subject);
		}
		text_printf(&t, " key=%d", c->serial);
	}
	text_printf(&t, " ms=%lld", (long long)(net_clock() - c->begin));
	if (status) {
		text_printf(&t, " status=%d error=", status);
		text_value(&t, why);
	}
	if (!t.failed)
		log_line("%s", t.buf);
	text_free(&t);
}

/* Say what came of it, and forget it */
static void end_call(struct call *c, int status, const char *why,
		     const struct ktls_info *info)
{
	struct upcall *u = c->upcall;
	int err = upcall_nl_done(u->nl, &c->request, status, c->serial);

	/* it has given up, most often */
	if (err && !status) {
		status = -err;
		why = "the kernel does not take it any more";
	}
	log_call(c, status, why, info);
	list_del(&c->list);
	u->calls_len--;
	keyring_psks_free(&c->psks);
	free(c);
}

/* Who the peer is: 0, or a positive errno for what is not to be let in */
static int tell_peer(struct call *c, const struct ktls_info *info)
{
	if (c->request.auth != HANDSHAKE_AUTH_PSK)
		return c->serial < 0 ? -c->serial : 0;
	if (!info->external_psk)
		return EACCES;
	c->serial = upcall_psk_serial(&c->psks, info->peer_subject);
	return c->serial ? 0 : ENOKEY;
}

/* The connection is there, but for what came after the handshake: @err */
static void hand_over(struct call *c, int err)
{
	struct upcall *u = c->upcall;
	const char *why = ktls_strerror(err);
	struct ktls_info info;
	int status = status_of(err);

	ktls_conn_info(c->conn, &info);
	ktls_conn_free(c->conn);	/* the rest is the kernel's */
	c->conn = NULL;
	if (!status) {
		status = tell_peer(c, &info);
		why = "peer's key cannot be told";
	}
	if (status)
		c->serial = 0;
	end_call(c, status, why, &info);
	accept_all(u);
}

/* ---- tickets ----------------------------------------------------------- */

static void stop_settling(struct call *c)
{
	alarm_stop(&c->patience);
	loop_remove(c->upcall->loop, &c->rest);
}

static void settled(struct call *c, int err)
{
	stop_settling(c);
	hand_over(c, err);
}

static void settle_ring(struct alarm *alarm)
{
	settled(list_entry(alarm, struct call, patience), 0);
}

/* Data is the consumer's, which also finds out by itself what has an end */
static void settle_run(struct watch *watch, uint32_t events)
{
	struct call *c = list_entry(watch, struct call, rest);
	int n = ktls_conn_control(c->conn);

	if (n > 0 || events & (EPOLLHUP | EPOLLERR))
		settled(c, 0);
	else if (n != -EAGAIN && n != -EINTR)
		settled(c, n ? n : -ECONNRESET);
}

/*
 * A server that gives tickets, though nobody has asked for any, does so as soon
 * as it has our Finished, and the kernel's consumers are not made for them: NFS
 * has been seen to wait for ever, NVMe fails.  So wait for them, for as long as
 * the handshake took.  0 or -errno.
 */
static int settle(struct call *c)
{
	int64_t ms = c->upcall->loop->now - c->begin;
	int err;

	c->rest.run = settle_run;
	c->rest.fd = c->request.fd;
	err = loop_add(c->upcall->loop, &c->rest, EPOLLIN);
	if (err)
		return err;
	if (ms > SETTLE_MAX)
		ms = SETTLE_MAX;
	alarm_init(&c->patience, settle_ring);
	alarm_set(c->upcall->loop, &c->patience,
		  ms > SETTLE_MIN ? ms : SETTLE_MIN);
	return 0;
}

static void call_done(struct job *job, int err, struct ktls_conn *conn)
{
	struct call *c = list_entry(job, struct call, job);
	struct upcall *u = c->upcall;

	if (err) {
		c->serial = 0;
		end_call(c, status_of(err), err == -ETIMEDOUT ?
			 ktls_strerror(err) : ktls_hs_error_text(job->hs),
			 NULL);
		accept_all(u);
		return;
	}
	c->conn = conn;
	if (!c->request.server)
		err = settle(c);
	if (err || c->request.server)
		hand_over(c, err);
}

/* Of a certificate that the library has verified */
static int take_peer(void *arg, struct ktls_hs *hs,
		     const struct ktls_verify_request *request)
{
	struct job *job = ktls_hs_data(hs);
	struct call *c = list_entry(job, struct call, job);
	struct ktls_info info;

	(void)arg;
	ktls_hs_info(hs, &info);
	c->serial = keyring_keep_peer(info.peer_subject, request->chain[0].der,
				      request->chain[0].len);
	return 0;
}

static const struct ktls_hooks hooks = { .verify = take_peer };

/* ---- the beginning ----------------------------------------------------- */

/*
 * A client's peer: by the name that the consumer has for it, else by its
 * address.
 */
static const char *server_name(const struct call *c, char *buf, size_t size)
{
	union net_addr addr;
	socklen_t len = sizeof(addr);
	const void *p;

	if (c->request.server)
		return NULL;
	if (*c->request.peername)
		return c->request.peername;
	if (getpeername(c->request.fd, &addr.sa, &len))
		return NULL;
	p = addr.sa.sa_family == AF_INET6 ? (void *)&addr.in6.sin6_addr :
	    (void *)&addr.in.sin_addr;
	return inet_ntop(addr.sa.sa_family, p, buf, (socklen_t)size);
}

static int begin(struct call *c)
{
	struct ktls_config *config;
	char address[INET6_ADDRSTRLEN];
	uint32_t ms = c->request.timeout;
	int err;

	if (!ms)
		ms = (uint32_t)c->upcall->agent->timeout;
	if (ms > TIMEOUT_MAX)
		ms = TIMEOUT_MAX;
	err = upcall_configs_get(c->upcall->configs, &c->request, &config,
				 &c->psks);
	if (err)
		return err;
	err = job_start(&c->job, c->upcall->loop, c->request.fd, config,
			server_name(c, address, sizeof(address)), (int)ms,
			call_done);
	ktls_config_put(config);
	return status_of(err);
}

static void name_peer(struct call *c)
{
	union net_addr addr;
	socklen_t len = sizeof(addr);

	if (getpeername(c->request.fd, &addr.sa, &len))
		strcpy(c->peer, "-");
	else
		net_name(&addr, c->peer);
}

static void take_call(struct upcall *u, const struct upcall_request *r)
{
	struct call *c = calloc(1, sizeof(*c));
	int status;

	if (!c) {
		struct upcall_request refused = *r;

		upcall_nl_done(u->nl, &refused, ENOMEM, 0);
		return;
	}
	c->upcall = u;
	c->request = *r;
	c->begin = net_clock();
	list_init(&c->list);
	list_move_tail(&c->list, &u->calls);
	u->calls_len++;
	name_peer(c);
	status = begin(c);
	if (status)
		end_call(c, status, "it cannot begin", NULL);
}

/*
 * Until there is none: of those that wait the kernel does not speak again.  It
 * has given up one that cannot be accepted, and the next may be.
 */
static void accept_all(struct upcall *u)
{
	struct upcall_request r;
	int failures = 0, got = 1;

	while (u->calls_len < u->agent->max_jobs && got &&
	       failures < QUEUE_MAX) {
		got = upcall_nl_accept(u->nl, &r);
		if (got > 0)
			take_call(u, &r);
		else if (got < 0 && !failures++)
			log_line("kernel: accept: %s", strerror(-got));
	}
}

static void ready(struct watch *watch, uint32_t events)
{
	struct upcall *u = list_entry(watch, struct upcall, watch);

	(void)events;
	upcall_nl_drain(u->nl);
	accept_all(u);
}

/* ---- the whole --------------------------------------------------------- */

static int open_all(struct upcall *u)
{
	int err;

	u->configs = upcall_configs_new(u->agent->tlshd_config, &hooks);
	if (!u->configs)
		return -EINVAL;
	err = keyring_start();
	if (err) {
		complain("cannot have a keyring: %s", strerror(-err));
		return err;
	}
	err = upcall_nl_open(&u->nl);
	if (err)
		return err;
	u->watch.run = ready;
	u->watch.fd = upcall_nl_fd(u->nl);
	err = loop_add(u->loop, &u->watch, EPOLLIN);
	if (err)
		complain("epoll: %s", strerror(-err));
	return err;
}

struct upcall *upcall_start(struct loop *loop, const struct agent *agent)
{
	struct upcall *u = calloc(1, sizeof(*u));

	if (!u) {
		complain("out of memory");
		return NULL;
	}
	list_init(&u->calls);
	u->loop = loop;
	u->agent = agent;
	if (!open_all(u))
		return u;
	upcall_nl_close(u->nl);
	upcall_configs_free(u->configs);
	free(u);
	return NULL;
}

bool upcall_reload(struct upcall *u)
{
	struct upcall_configs *fresh = upcall_configs_new(u->agent->tlshd_config,
							  &hooks);

	if (!fresh)
		return false;
	upcall_configs_free(u->configs);
	u->configs = fresh;
	return true;
}

void upcall_stop(struct upcall *u)
{
	if (!u)
		return;
	while (!list_empty(&u->calls)) {
		struct call *c = list_entry(u->calls.next, struct call, list);

		if (c->conn) {
			stop_settling(c);
			ktls_conn_free(c->conn);
		}
		job_cancel(&c->job);
		end_call(c, EACCES, "the agent ends", NULL);
	}
	loop_remove(u->loop, &u->watch);
	upcall_nl_close(u->nl);
	upcall_configs_free(u->configs);
	free(u);
}
