// SPDX-License-Identifier: MIT
#include "acceptor.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "addresses.h"
#include "log.h"
#include "signals.h"

#define ACCEPT_WAIT	100	/* ms without accepting when out of files */
#define ACCEPT_TURN	16	/* connections before the signals' turn */
#define KILL_WAIT	5000	/* ms for a process that is to end its program */

struct acceptor_child {
	pid_t pid;
	union net_addr peer;
};

/* ---- processes --------------------------------------------------------- */

/* What is the parent's alone */
static void forget(struct acceptor *a)
{
	for (size_t i = 0; i < a->listeners_len; i++)
		close(a->listeners[i]);
	close(a->signal_fd);
}

static void begin(struct acceptor *a, int fd, const union net_addr *peer)
{
	const int on = 1;
	pid_t pid;

	if (!addresses_take(peer))
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	a->before(a->arg);
	pid = fork();
	if (!pid) {
		forget(a);
		_exit(a->serve(a->arg, fd, peer));
	}
	if (pid < 0) {
		log_line("fork: %s", strerror(errno));
		addresses_give(peer);
		return;
	}
	a->children[a->children_len++] = (struct acceptor_child){ pid, *peer };
}

static void over(struct acceptor *a, pid_t pid, int status)
{
	char name[NET_NAME_MAX];

	for (unsigned int i = 0; i < a->children_len; i++) {
		struct acceptor_child *c = &a->children[i];

		if (c->pid != pid)
			continue;
		if (WIFSIGNALED(status))
			log_line("peer=%s end=\"process killed by signal %d\"",
				 net_name(&c->peer, name), WTERMSIG(status));
		addresses_give(&c->peer);
		*c = a->children[--a->children_len];
		return;
	}
	if (a->stranger)
		a->stranger(a->arg, pid, status);
}

static void reap(struct acceptor *a)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		over(a, pid, status);
}

static void signal_all(const struct acceptor *a, int sig)
{
	for (unsigned int i = 0; i < a->children_len; i++)
		kill(a->children[i].pid, sig);
}

/* ---- accepting --------------------------------------------------------- */

static void accept_failed(struct acceptor *a, int err)
{
	if (!net_starved(err))
		return;	/* EAGAIN, or the error of a connection that is gone */
	log_line("accept: %s; waiting", strerror(err));
	a->accept_at = net_clock() + ACCEPT_WAIT;
}

static void accept_some(struct acceptor *a, int listener)
{
	for (int i = 0; i < ACCEPT_TURN && a->children_len < a->max; i++) {
		union net_addr peer = { 0 };
		socklen_t len = sizeof(peer);
		int fd = accept4(listener, &peer.sa, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			accept_failed(a, errno);
			return;
		}
		begin(a, fd, &peer);
		close(fd);
	}
}

/* ---- the end ----------------------------------------------------------- */

/* Each ends within seconds of that, unless a program has it stop */
static void cut(struct acceptor *a)
{
	signal_all(a, SIGTERM);
	signal_all(a, SIGCONT);
	a->drain_end = 0;
	a->kill_at = net_clock() + KILL_WAIT;
}

static void stop_listening(struct acceptor *a)
{
	for (size_t i = 0; i < a->listeners_len; i++)
		close(a->listeners[i]);
	a->listeners_len = 0;
}

void acceptor_end(struct acceptor *a)
{
	if (a->ends++) {
		cut(a);
		return;
	}
	stop_listening(a);
	a->drain_end = net_clock() + a->drain_ms;
	log_line("draining: %u connections", a->children_len);
}

static void take_signals(struct acceptor *a)
{
	int sig;

	while ((sig = signals_next(a->signal_fd))) {
		if (sig == SIGCHLD)
			reap(a);
		else if (sig == SIGHUP)
			a->hang_up(a->arg);
		else
			acceptor_end(a);
	}
}

/* ---- running ----------------------------------------------------------- */

static int wait_ms(const struct acceptor *a)
{
	int64_t due = a->drain_end ? a->drain_end : a->kill_at;
	int64_t now = net_clock();

	if (!a->ends)
		due = a->accept_at;
	if (!due)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

static void expire(struct acceptor *a)
{
	int64_t now = net_clock();

	if (a->accept_at && now >= a->accept_at)
		a->accept_at = 0;
	if (a->drain_end && now >= a->drain_end) {
		log_line("%u connections cut", a->children_len);
		cut(a);
	}
	if (a->kill_at && now >= a->kill_at) {
		a->kill_at = 0;
		signal_all(a, SIGKILL);
	}
}

int acceptor_run(struct acceptor *a)
{
	struct pollfd p[1 + NET_HOSTS_MAX];

	p[0] = (struct pollfd){ .fd = a->signal_fd, .events = POLLIN };
	while (!a->ends || a->children_len) {
		bool full = a->children_len == a->max || a->accept_at;
		nfds_t n = 1;

		/* those who wait stay in the kernel's queue */
		for (size_t i = 0; i < a->listeners_len && !full; i++)
			p[n++] = (struct pollfd){ .fd = a->listeners[i],
						  .events = POLLIN };
		if (poll(p, n, wait_ms(a)) < 0 && errno != EINTR) {
			complain("poll: %s", strerror(errno));
			return -1;
		}
		for (nfds_t i = 1; i < n; i++)
			if (p[i].revents)
				accept_some(a, p[i].fd);
		if (p[0].revents)
			take_signals(a);
		expire(a);
	}
	return 0;
}

/* ---- beginning --------------------------------------------------------- */

static int listen_all(struct acceptor *a, const struct net_hosts *at)
{
	union net_addr addr[NET_HOSTS_MAX];
	char name[NET_NAME_MAX];

	for (size_t i = 0; i < at->len; i++) {
		int fd = net_listen(&at->at[i], false, &addr[i]);

		if (fd < 0)
			return -1;
		a->listeners[a->listeners_len++] = fd;
	}
	for (size_t i = 0; i < at->len; i++)
		printf("listening on %s\n", net_name(&addr[i], name));
	fflush(stdout);
	return 0;
}

int acceptor_open(struct acceptor *a, const struct net_hosts *at)
{
	a->children = calloc(a->max, sizeof(*a->children));
	a->signal_fd = signals_open(true);
	if (!a->children || a->signal_fd < 0) {
		complain("%s", strerror(errno));
		return -1;
	}
	return listen_all(a, at);
}

void acceptor_close(struct acceptor *a)
{
	stop_listening(a);
	if (a->signal_fd >= 0)
		close(a->signal_fd);
	free(a->children);
}
