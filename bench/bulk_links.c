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
#define FEED	65536

static char buf[BUF_MAX];

static void *shared_of(const struct bulk_stack *s, const struct hs_pki *pki,
		       bool user)
{
	const struct hs_case c = HS_13("bulk", "p256", .user = user);

	return s->impl->open(&c, pki);
}

/* As poll(2), for all of them */
static int poll_ends(struct pollfd *p, const struct cn_end *end, int n,
		     short events, int ms)
{
	for (int i = 0; i < n; i++)
		p[i] = (struct pollfd){ end[i].fd, events, 0 };
	return poll(p, (nfds_t)n, ms);
}

static void wait_for(const struct cn_end *end, int n, short events)
{
	struct pollfd p[BULK_LINKS_MAX];

	poll_ends(p, end, n, events, -1);
}

/*
 * None waits for its peer while another could go on, and all of them do not
 * bring TCP to the end of its memory.
 */
static void make_ready(const struct cn_end *end, int n)
{
	for (int i = 0; i < n; i++) {
		fcntl(end[i].fd, F_SETFL, O_NONBLOCK);
		if (n > 1)
			setsockopt(end[i].fd, SOL_SOCKET, SO_SNDBUF,
				   &(int){ (2 << 20) / n }, sizeof(int));
	}
}

/* ---- the far ends ------------------------------------------------------ */

struct far {
	const struct bulk_links *l;
	struct cn_end end[BULK_LINKS_MAX];
	int order;
};

static bool drain_ready(const struct far *f)
{
	struct pollfd p[BULK_LINKS_MAX];

	if (poll_ends(p, f->end, f->l->n, POLLIN, 0) <= 0)
		return false;
	for (int i = 0; i < f->l->n; i++)
		if (p[i].revents && !recv(p[i].fd, NULL, 1 << 22,
					  MSG_TRUNC | MSG_DONTWAIT))
			_exit(0);
	return true;
}

/* Until this process closes them */
static void drain(struct far *f)
{
	uint64_t since;

	for (;;) {
		wait_for(f->end, f->l->n, POLLIN);
		since = meter_begin();
		while (drain_ready(f))
			;
		meter_end(since);
	}
}

static size_t feed(struct far *f, size_t left)
{
	uint64_t since = meter_begin();
	size_t did = 0;
	ssize_t n;

	/* always as much: libssl takes no less than it was asked for before */
	for (int i = 0; i < f->l->n && did < left; i++) {
		n = f->l->stack->impl->send(&f->end[i], buf, FEED);
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
	/* a head start, for what an end may keep that it has taken */
	size_t more = FEED * (size_t)f->l->n;
	char order;

	for (; read(f->order, &order, 1) == 1; more = 0)
		for (left = f->l->total + more; left; left -= did) {
			did = feed(f, left);
			did = did < left ? did : left;
			if (!did)
				wait_for(f->end, f->l->n, POLLOUT);
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
	make_ready(f->end, l->n);
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
	make_ready(l->end, l->n);
	/* in user space on purpose is not what could not be */
	if (!l->stack->user)
		needs |= l->way->receives ? CN_RX : CN_TX;
	return (impl->kernel(&l->end[0]) & needs) != needs;
}

int bulk_open(struct bulk_links *l, const struct bulk_stack *stack,
	      const struct bulk_way *way, int n, size_t total,
	      const struct hs_pki *pki)
{
	struct far f = { .l = l };
	int order[2], listener, err;
	uint16_t port;

	*l = (struct bulk_links){
		.stack = stack,
		.way = way,
		.n = n,
		.total = total,
	};
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

/* Once around; 0: all have to wait.  Who feeds us sends what was agreed. */
static ssize_t move_each(struct bulk_links *l, int file, size_t *did)
{
	const struct bulk_way *w = l->way;
	size_t had = *did, len = w->buf;
	ssize_t n;

	for (int i = 0; i < l->n && *did < l->total; i++) {
		if (w->receives && len > l->total - *did)
			len = l->total - *did;
		n = w->move(l->stack->impl, &l->end[i], file,
			    (off_t)(*did % BUF_MAX), buf, len);
		if (!n || (n < 0 && errno != EAGAIN)) {
			perror(l->stack->name);
			return -1;
		}
		*did += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)(*did - had);
}

int bulk_run(struct bulk_links *l, int file, double *us, double *seconds)
{
	short events = l->way->receives ? POLLIN : POLLOUT;
	double from, cpu;
	size_t did = 0;
	ssize_t n;

	if (l->way->receives && write(l->order, "", 1) != 1)
		return -1;
	from = hs_now();
	cpu = meter_us();
	while (did < l->total) {
		n = move_each(l, file, &did);
		if (n < 0)
			return -1;
		if (!n)
			wait_for(l->end, l->n, events);
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
