// SPDX-License-Identifier: MIT
#include "run_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "cmd.h"
#include "environment.h"
#include "log.h"
#include "negotiated.h"
#include "program.h"
#include "proxy.h"
#include "relay.h"
#include "text.h"

#define LIMIT_MS	1000	/* from one look at the key's use to the next */
#define LINGER_MS	1000	/* for the peer to read the alert */

/* ---- the log ----------------------------------------------------------- */

static void log_failed(const union net_addr *peer, const char *reason)
{
	struct text t = { 0 };
	char name[NET_NAME_MAX];

	text_printf(&t, "peer=%s end=\"handshake failed\" reason=",
		    net_name(peer, name));
	text_value(&t, reason);
	if (!t.failed)
		log_line("%s", t.buf);
	text_free(&t);
}

static void text_end(struct text *t, const struct relay *r)
{
	char reason[256], end[300];
	int err = r->rx_error ? r->rx_error : r->tx_error;

	if (r->ended || (r->broken && !err))
		snprintf(end, sizeof(end), "cut");
	else if (err)
		snprintf(end, sizeof(end), "%s: %s",
			 r->rx_error ? "receiving" : "sending",
			 failure_text(r->conn, err, reason, sizeof(reason)));
	else
		snprintf(end, sizeof(end), "closed");
	text_puts(t, " end=");
	text_value(t, end);
}

static void log_over(const struct relay *r, const struct program *p,
		     bool counted, const union net_addr *peer, int64_t begun)
{
	struct text t = { 0 };
	struct ktls_info info;
	char name[NET_NAME_MAX];

	ktls_conn_info(r->conn, &info);
	text_printf(&t, "peer=%s", net_name(peer, name));
	text_negotiated(&t, &info);
	if (counted)
		text_printf(&t, " sent=%llu received=%llu",
			    (unsigned long long)r->sent,
			    (unsigned long long)r->received);
	text_printf(&t, " time=%.3f", (double)(net_clock() - begun) / 1000);
	if (p)
		text_exit(&t, p);
	text_end(&t, r);
	if (!t.failed)
		log_line("%s", t.buf);
	text_free(&t);
}

static void log_no_backend(const union net_addr *peer)
{
	char name[NET_NAME_MAX];

	log_line("peer=%s end=\"no server behind\"", net_name(peer, name));
}

/* ---- the handshake ----------------------------------------------------- */

/* To close before all is read would make TCP reset what was sent */
static void linger(int fd)
{
	int64_t end = net_clock() + LINGER_MS;
	char buf[4096];

	shutdown(fd, SHUT_WR);
	for (;;) {
		int64_t left = end - net_clock();
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (!n || left <= 0 || (n < 0 && errno != EAGAIN) ||
		    (n < 0 && net_wait(fd, POLLIN, (int)left)))
			return;
	}
}

static int shake(const struct run_conn *c, int fd,
		 const union net_addr *peer, struct ktls_conn **conn)
{
	char error[512] = "";
	int err = ktls_accept(conn, fd, c->config, c->timeout, error,
			      sizeof(error));

	if (!err)
		return 0;
	if (!c->quiet)
		log_failed(peer, error);
	linger(fd);
	return err;
}

/* ---- what is behind it ------------------------------------------------- */

/* While there is nothing behind, nothing is lost with this process */
static int signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(how, &set, NULL);
	sigaddset(&set, SIGCHLD);
	return how == SIG_BLOCK ? signalfd(-1, &set,
					   SFD_NONBLOCK | SFD_CLOEXEC) : 0;
}

static int carry(struct relay *r, struct inside *inside)
{
	int err;

	r->inside = inside;
	err = relay(r);
	if (err)
		complain("relay: %s", strerror(-err));
	inside_close(inside);
	close(ktls_conn_fd(r->conn));
	return err ? STATUS_USAGE : STATUS_OK;
}

static int serve_program(const struct run_conn *c, struct relay *r,
			 const union net_addr *peer, int64_t begun)
{
	struct program p;
	int status;

	if (environment_set(r->conn) ||
	    program_start(&p, c->argv, STDIN_FILENO, STDOUT_FILENO, true))
		return STATUS_USAGE;
	status = carry(r, &p.inside);
	p.kill_at = r->kill_at;
	program_wait(&p, r->signal_fd);
	if (!c->quiet)
		log_over(r, &p, true, peer, begun);
	return status;
}

/*
 * While it writes, nobody can change the key: at its limit the connection is
 * closed.  It would take most programs minutes to get there from one look to
 * the next.
 */
static void wait_out(struct program *p, const struct relay *r)
{
	while (!program_step(p, r->signal_fd, LIMIT_MS))
		if (ktls_conn_events(r->conn) &
		    (KTLS_EV_REKEY | KTLS_EV_KEY_LIMIT) &&
		    ktls_conn_shutdown(r->conn) != -EAGAIN)
			p->inside.signal(&p->inside, SIGHUP);
}

/* What is left when it is over is to close: an empty pipe has an end, too */
static int serve_socket(const struct run_conn *c, struct relay *r,
			const union net_addr *peer, int64_t begun)
{
	int fd = ktls_conn_fd(r->conn), flags = fcntl(fd, F_GETFL);
	struct program p;
	int theirs[2], status;

	if (environment_set(r->conn) || ktls_conn_own_io(r->conn) ||
	    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) ||
	    program_start_on(&p, c->argv, fd))
		return STATUS_USAGE;
	wait_out(&p, r);
	if (fcntl(fd, F_SETFL, flags) || inside_open(&p.inside, theirs))
		return STATUS_USAGE;
	close(theirs[0]);
	close(theirs[1]);
	status = carry(r, &p.inside);
	if (!c->quiet)
		log_over(r, &p, false, peer, begun);
	return status;
}

static int serve_backend(const struct run_conn *c, struct relay *r,
			 struct backend *b, const union net_addr *peer,
			 int64_t begun)
{
	int status, err = 0;

	if (c->to.announces)
		err = proxy_announce(b->fd, r->conn);
	if (err)
		complain("--proxy: %s", strerror(-err));
	if (err || backend_start(b))
		return STATUS_USAGE;
	status = carry(r, &b->inside);
	if (!c->quiet)
		log_over(r, NULL, true, peer, begun);
	signals(SIG_UNBLOCK);
	backend_finish(b);
	return status;
}

int run_conn(const struct run_conn *c, int fd, const union net_addr *peer)
{
	struct relay *r = calloc(1, sizeof(*r));
	int64_t begun = net_clock();
	static struct backend b;

	if (!r)
		return STATUS_USAGE;
	r->stall_ms = c->stall;
	signals(SIG_UNBLOCK);
	if (shake(c, fd, peer, &r->conn))
		return STATUS_TLS;
	if (c->to.given && backend_connect(&b, &c->to, c->timeout)) {
		if (!c->quiet)
			log_no_backend(peer);
		return STATUS_CONNECT;
	}
	r->signal_fd = signals(SIG_BLOCK);
	if (r->signal_fd < 0)
		return STATUS_USAGE;
	if (c->to.given)
		return serve_backend(c, r, &b, peer, begun);
	return c->socket ? serve_socket(c, r, peer, begun) :
			   serve_program(c, r, peer, begun);
}
