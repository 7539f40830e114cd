// SPDX-License-Identifier: MIT
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

#define LINGER_MS	2000	/* for the peer's close, after ours */

enum source { SOCKET, TO, FROM, SIGNALS };

static int64_t earlier(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* ---- splice ------------------------------------------------------------ */

/*
 * When it says EAGAIN, either end may have been meant.  This end of the pipe is
 * ours alone, so that once it is ready, it stays so.
 */
ssize_t relay_splice(int from, int to, size_t len, int pipe, short events)
{
	struct pollfd p = { .fd = pipe, .events = events };
	ssize_t n;

	for (bool sure = false; ; sure = true) {
		n = splice(from, NULL, to, NULL, len,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n >= 0)
			return n;
		if (errno != EAGAIN || sure)
			return -errno;
		if (poll(&p, 1, 0) <= 0)
			return -ENOBUFS;
	}
}

/* ---- what happens ------------------------------------------------------ */

static void socket_event(struct relay *r, unsigned int events)
{
	if (events & ~(unsigned int)EPOLLOUT)
		r->sock_in = true;
	if (events & EPOLLOUT)
		r->sock_out = true;
	/* a peer that is gone is not always told by what is sent then */
	if (events & (EPOLLERR | EPOLLHUP))
		r->gone = true;
}

static void finish(struct relay *r)
{
	r->inside->signal(r->inside, SIGKILL);
	r->ended = true;
}

static void take_signals(struct relay *r)
{
	struct signalfd_siginfo info;

	while (read(r->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGTERM)
			continue;	/* SIGCHLD has told by coming */
		if (r->kill_at) {
			finish(r);
			continue;
		}
		r->inside->signal(r->inside, SIGTERM);
		r->kill_at = net_clock() + INSIDE_KILL_MS;
	}
}

static void take_event(struct relay *r, const struct epoll_event *ev)
{
	switch ((enum source)ev->data.u32) {
	case SOCKET:
		socket_event(r, ev->events);
		break;
	case TO:
		r->room = true;
		if (ev->events & EPOLLERR)
			relay_unheard(r);
		break;
	case FROM:
		r->data = true;
		if (ev->events & EPOLLHUP)
			r->left = true;
		break;
	case SIGNALS:
		take_signals(r);
		break;
	}
}

/* ---- waiting ----------------------------------------------------------- */

static bool rx_ready(const struct relay *r)
{
	if (r->rx_over)
		return false;
	return r->inside->to < 0 ? r->sock_in :
	       r->room && (r->sock_in || r->in_len);
}

static bool tx_ready(const struct relay *r)
{
	return r->sock_out &&
	       (r->tx == TX_FLUSH || r->tx == TX_CLOSE || relay_tx_wants(r));
}

static int wait_ms(const struct relay *r)
{
	int64_t due = earlier(r->linger_at, r->kill_at);
	int64_t now = net_clock();

	if (rx_ready(r) || tx_ready(r))
		return 0;
	if (r->tx == TX_ENDED)
		due = earlier(due, r->verdict_at);
	if (r->tx != TX_OVER)
		due = earlier(due, r->stall_at);
	if (!due)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

static void expire(struct relay *r)
{
	int64_t now = net_clock();

	if (r->kill_at && now >= r->kill_at)
		finish(r);
	if (!r->linger_at || now < r->linger_at)
		return;
	r->rx_over = true;
	if (r->tx != TX_OVER)
		relay_tx_end(r, 0);
}

/* What is left to send is an alert, to who may never take it */
static bool has_failed(const struct relay *r)
{
	return r->tx == TX_CLOSE && r->rx_error <= -2048 &&
	       r->rx_error != -KTLS_E_TRUNCATED;
}

static void wait_events(struct relay *r)
{
	struct epoll_event events[4];
	int n = epoll_wait(r->epoll_fd, events, 4, wait_ms(r));

	for (int i = 0; i < n; i++)
		take_event(r, &events[i]);
	expire(r);
}

/*
 * Nobody is interested in what still comes, but to close before it has come
 * would make TCP reset the connection, and what was sent may be lost.
 */
static void linger(struct relay *r)
{
	bool failed = has_failed(r);
	int ms = failed || r->inside->to < 0 ? LINGER_MS : r->inside->half_ms;

	if ((r->tx != TX_OVER && !failed) || !ms)
		return;
	r->linger_at = earlier(r->linger_at, net_clock() + ms);
}

/* A buffer as full as before may have been filled again */
static bool has_moved(struct relay *r)
{
	uint64_t sent = r->stall_sent;
	int queued = r->stall_queued;

	r->stall_sent = r->sent;
	ioctl(r->fd, SIOCOUTQ, &r->stall_queued);
	return r->sent != sent || r->stall_queued != queued;
}

/* Whoever takes nothing must not have a place here for that */
static void stall(struct relay *r)
{
	int64_t now = net_clock();

	if (!r->left || !r->stall_ms || r->tx == TX_OVER || now < r->stall_at)
		return;
	if (has_moved(r) || !r->stall_at) {
		r->stall_at = now + r->stall_ms;
		return;
	}
	relay_tx_end(r, -ETIMEDOUT);
	if (!r->rx_over)
		r->inside->signal(r->inside, SIGHUP);
	r->rx_over = true;
}

static int watch(struct relay *r, enum source source, int fd,
		 unsigned int events)
{
	struct epoll_event ev = { .events = events, .data.u32 = source };

	return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/*
 * By edges, as before Linux 6.2 a part of a record makes a socket readable for
 * as long as the rest does not come.
 */
static int watch_all(struct relay *r)
{
	int err = watch(r, SOCKET, r->fd,
			EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);

	if (!err)
		err = watch(r, TO, r->inside->to, EPOLLOUT | EPOLLET);
	if (!err)
		err = watch(r, FROM, r->inside->from, EPOLLIN | EPOLLET);
	if (!err)
		err = watch(r, SIGNALS, r->signal_fd, EPOLLIN);
	return err;
}

int relay(struct relay *r)
{
	int err;

	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll_fd < 0)
		return -errno;
	r->fd = ktls_conn_fd(r->conn);
	r->kernel = ktls_conn_kernel(r->conn);
	r->sock_in = r->sock_out = true;
	err = watch_all(r);
	while (!err && !r->ended && !(r->rx_over && r->tx == TX_OVER)) {
		wait_events(r);
		relay_rx(r);
		relay_tx(r);
		if (r->gone && r->tx != TX_OVER)
			relay_tx_end(r, -EPIPE);
		linger(r);
		stall(r);
	}
	close(r->epoll_fd);
	explicit_bzero(r->in, sizeof(r->in));
	explicit_bzero(r->out, sizeof(r->out));
	return err;
}
