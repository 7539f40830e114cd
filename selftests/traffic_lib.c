// SPDX-License-Identifier: GPL-2.0-only
#include "traffic_lib.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PIECE_MAX	50000

/* Around a record's limits, as often as anything else */
static size_t piece(struct rnd *r)
{
	static const size_t edges[] = { 0, 1, 16383, 16384, 16385, 32768 };

	if (rnd_below(r, 2))
		return rnd_size(r, PIECE_MAX);
	return edges[rnd_below(r, sizeof(edges) / sizeof(*edges))];
}

static bool send_piece(struct traffic *t, struct traffic_end *e)
{
	uint8_t buf[PIECE_MAX];
	size_t len = piece(&t->rnd);
	int flags = 0;
	ssize_t n;

	if (t->step)
		t->step(t, e->conn);
	if (e->sent == t->len)
		return false;
	if (len > t->len - e->sent)
		len = t->len - e->sent;
	/* the last piece must go out */
	if (e->sent + len < t->len && !rnd_below(&t->rnd, 4))
		flags = MSG_MORE;
	stream_fill(e->out, e->sent, buf, len);
	n = ktls_send(e->conn, buf, len, flags);
	e->cut += n < (ssize_t)len;
	if (n == -EAGAIN)
		return false;
	ASSERT_OK(n) TH_LOG("%zu bytes after %llu", len,
			    (unsigned long long)e->sent);
	ASSERT_LE(n, len);
	ASSERT_EQ(!n, !len);
	e->sent += (uint64_t)n;
	return true;
}

static bool recv_piece(struct traffic *t, struct traffic_end *e)
{
	uint8_t buf[PIECE_MAX];
	size_t len = piece(&t->rnd);
	ssize_t n = ktls_recv(e->conn, buf, len ? len : 1, 0);

	if (n == -EAGAIN)
		return false;
	if (n == -EINTR)	/* a request, or an answer to one */
		return true;
	ASSERT_OK(n) TH_LOG("after %llu bytes", (unsigned long long)e->got);
	ASSERT_GT(n, 0);
	ASSERT_LE(n, len ? len : 1);
	stream_check(e->in, e->got, buf, (size_t)n);
	e->got += (uint64_t)n;
	ASSERT_LE(e->got, t->len);
	return true;
}

static bool done(struct traffic *t)
{
	bool all = true;

	for (int i = 0; i < 2; i++) {
		struct traffic_end *e = &t->end[i];
		int err = ktls_flush(e->conn);

		if (err)
			ASSERT_EQ(err, -EAGAIN);
		all = all && !err && e->sent == t->len && e->got == t->len;
	}
	return all;
}

/* Where is it stuck?  Bytes in the socket's queues, and what recv(2) says. */
static void tell(const struct traffic *t)
{
	for (int i = 0; i < 2; i++) {
		const struct traffic_end *e = &t->end[i];
		int fd = ktls_conn_fd(e->conn), in = -1, out = -1;
		char c;
		ssize_t n = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
		int err = n < 0 ? errno : 0;

		ioctl(fd, SIOCINQ, &in);
		ioctl(fd, SIOCOUTQ, &out);
		TH_LOG("end %d: sent %llu, got %llu of %llu; queued in %d, "
		       "out %d; recv %zd, errno %d", i,
		       (unsigned long long)e->sent, (unsigned long long)e->got,
		       (unsigned long long)t->len, in, out, n, err);
	}
}

/* Until either end can do something again */
static void wait_both(struct traffic *t)
{
	struct pollfd p[2];

	for (int i = 0; i < 2; i++) {
		struct traffic_end *e = &t->end[i];
		bool out = e->sent < t->len ||
			   ktls_conn_events(e->conn) & KTLS_EV_FLUSH;

		p[i] = (struct pollfd){
			.fd = ktls_conn_fd(e->conn),
			.events = (short)(POLLIN | (out ? POLLOUT : 0)),
		};
	}
	ASSERT_GT(poll(p, 2, harness_ms(10000)), 0)
		tell(t);
}

void traffic_run(struct traffic *t, struct pair *p, uint64_t seed, uint64_t len)
{
	t->end[0] = (struct traffic_end){ .conn = p->client, .out = seed,
				       .in = seed + 1 };
	t->end[1] = (struct traffic_end){ .conn = p->server, .out = seed + 1,
				       .in = seed };
	t->rnd.state = seed;
	t->len = len;
	set_nonblock(p->fd[0]);
	set_nonblock(p->fd[1]);
	do {
		bool moved = false;

		for (int i = 0; i < 2; i++) {
			/* not in step with each other, so that buffers fill */
			for (size_t n = rnd_below(&t->rnd, 8); n; n--)
				moved |= send_piece(t, &t->end[i]);
			for (size_t n = rnd_below(&t->rnd, 8); n; n--)
				moved |= recv_piece(t, &t->end[i]);
		}
		/* poll(2) tells nothing of what has been read ahead */
		for (int i = 0; i < 2; i++)
			while (!moved && recv_piece(t, &t->end[i]))
				moved = true;
		if (!moved && !done(t))
			wait_both(t);
	} while (!done(t));
	set_block(p->fd[0]);
	set_block(p->fd[1]);
}
