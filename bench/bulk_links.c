// SPDX-License-Identifier: MIT
/*
 * The far ends are another process.  It makes records in user space where it
 * only throws away what comes, undecrypted; else it is like this one.  What it
 * uses of a CPU that both share is told to the meter, so it never waits there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulk.h"
#include "meter.h"

#define BUF_MAX	(1024 * 1024)

static char buf[BUF_MAX];

static void *shared_of(const struct bulk_stack *s, const struct hs_pki *pki,
		       bool user)
{
	const struct hs_case c = HS_13("bulk", "p256", .user = user);

	return s->impl->open(&c, pki);
}

/* ---- the far ends ------------------------------------------------------ */

struct far {
	const struct bulk_links *l;
	struct cn_end end[BULK_LINKS_MAX];
	size_t total;
	int order;
};

static void wait_for(struct far *f, short events)
{
	struct pollfd p[BULK_LINKS_MAX];

	for (int i = 0; i < f->l->n; i++)
		p[i] = (struct pollfd){ f->end[i].fd, events, 0 };
	poll(p, (nfds_t)f->l->n, -1);
}

/* Until this process closes them */
static void drain(struct far *f)
{
	uint64_t since;
	bool any;
	ssize_t n;

	for (;;) {
		any = false;
		since = meter_begin();
		for (int i = 0; i < f->l->n; i++) {
			n = recv(f->end[i].fd, NULL, 1 << 22,
				 MSG_TRUNC | MSG_DONTWAIT);
			if (!n)
				_exit(0);
			any |= n > 0;
		}
		meter_end(since);
		if (!any)
			wait_for(f, POLLIN);
	}
}

static size_t feed(struct far *f, size_t left)
{
	uint64_t since = meter_begin();
	size_t did = 0;
	ssize_t n;

	for (int i = 0; i < f->l->n && did < left; i++) {
		size_t len = left - did < 65536 ? left - did : 65536;

		n = f->l->stack->impl->send(&f->end[i], buf, len);
		if (n < 0 && errno != EAGAIN)
			_exit(0);
		did += n > 0 ? (size_t)n : 0;
	}
	meter_end(since);
	return did;
}

static void fill(struct far *f)
{
	size_t did, left;
	char order;

	for (int i = 0; i < f->l->n; i++)
		fcntl(f->end[i].fd, F_SETFL, O_NONBLOCK);
	while (read(f->order, &order, 1) == 1)
		for (left = f->total; left; left -= did) {
			did = feed(f, left);
			if (!did)
				wait_for(f, POLLOUT);
		}
	_exit(0);
}

static void be_far(struct far *f, uint16_t port, const struct hs_pki *pki)
{
	const struct bulk_links *l = f->l;
	const struct cn_impl *impl = l->stack->impl;
	bool drains = !l->way->receives;
	void *shared = shared_of(l->stack, pki, l->stack->user || drains);

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < l->n; i++) {
		f->end[i] = (struct cn_end){ .fd = cn_dial(port, i) };
		if (!shared || cn_connect(impl, shared, &f->end[i]))
			_exit(1);
	}
	meter_first();
	if (drains)
		drain(f);
	else
		fill(f);
}

/* ---- these ends -------------------------------------------------------- */

static int accept_all(struct bulk_links *l, int listener)
{
	const struct cn_impl *impl = l->stack->impl;
	unsigned int needs = l->way->needs;
	int fd, err = 0;

	for (int i = 0; i < l->n && !err; i++) {
		fd = cn_accept(listener);
		if (fd < 0)
			return -1;
		l->end[i] = (struct cn_end){ .server = true, .fd = fd };
		err = cn_connect(impl, l->shared, &l->end[i]);
	}
	if (err)
		return err;
	/* in user space on purpose is not what could not be */
	if (!l->stack->user)
		needs |= l->way->receives ? CN_RX : CN_TX;
	return (impl->kernel(&l->end[0]) & needs) != needs;
}

int bulk_open(struct bulk_links *l, const struct bulk_stack *stack,
	      const struct bulk_way *way, int n, size_t total,
	      const struct hs_pki *pki)
{
	struct far f = { .l = l, .total = total };
	int order[2], listener, err;
	uint16_t port;

	*l = (struct bulk_links){ .stack = stack, .way = way, .n = n };
	for (int i = 0; i < n; i++)
		l->end[i].fd = -1;
	if (pipe(order))
		return -1;
	listener = cn_listen(&port);
	fflush(NULL);
	l->pid = fork();
	if (!l->pid) {
		close(listener);
		close(order[1]);
		f.order = order[0];
		be_far(&f, port, pki);
	}
	close(order[0]);
	l->order = order[1];
	l->shared = shared_of(stack, pki, stack->user);
	err = l->shared && l->pid > 0 ? accept_all(l, listener) : -1;
	close(listener);
	if (err)
		bulk_close(l);
	return err;
}

int bulk_run(struct bulk_links *l, int file, size_t total, double *us,
	     double *seconds)
{
	const struct bulk_way *w = l->way;
	double from, cpu;
	size_t did = 0;
	off_t at = 0;
	ssize_t n;

	if (w->receives && write(l->order, "", 1) != 1)
		return -1;
	from = hs_now();
	cpu = meter_us();
	for (int i = 0; did < total; i = (i + 1) % l->n) {
		size_t len = total - did < w->buf ? total - did : w->buf;

		n = w->move(l->stack->impl, &l->end[i], file, at, buf, len);
		if (n <= 0) {
			perror(l->stack->name);
			return -1;
		}
		did += (size_t)n;
		at = (off_t)(did % BUF_MAX);
	}
	*us = meter_us() - cpu;
	*seconds = (hs_now() - from) / 1e9;
	return 0;
}

void bulk_close(struct bulk_links *l)
{
	for (int i = 0; i < l->n; i++) {
		if (l->end[i].fd < 0)
			continue;
		l->stack->impl->end(&l->end[i]);
		shutdown(l->end[i].fd, SHUT_RDWR);
		close(l->end[i].fd);
	}
	if (l->pid > 0) {
		kill(l->pid, SIGKILL);
		waitpid(l->pid, NULL, 0);
	}
	close(l->order);
	if (l->shared)
		l->stack->impl->close(l->shared);
	l->shared = NULL;
	l->n = 0;
}
