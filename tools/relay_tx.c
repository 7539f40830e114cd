// SPDX-License-Identifier: MIT
/* What goes out */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"
#include "relay.h"

#define TURN		16	/* buffers, before the other way */
#define VERDICT_MS	250	/* after its output, for a program to end */

void relay_tx_end(struct relay *r, int err)
{
	r->tx = TX_OVER;
	r->tx_error = err;
	if (r->inside->from >= 0)
		close(r->inside->from);
	r->inside->from = -1;
}

/* What a call that sends says; true: it is done */
static bool sent(struct relay *r, int err)
{
	if (err == -EAGAIN)
		r->sock_out = false;
	else if (err < 0 && err != -EINTR)
		relay_tx_end(r, err);
	return !err;
}

static void no_more(struct relay *r)
{
	r->tx = TX_ENDED;
	r->verdict_at = net_clock() + VERDICT_MS;
}

/*
 * A program's files are closed a moment before it is known how it ended.  One
 * that has closed them and runs on has said all.
 */
static void judge(struct relay *r)
{
	enum inside_end end = r->inside->end(r->inside);

	r->broken = end == INSIDE_BROKEN;
	if (r->broken)
		r->tx = TX_FLUSH;
	else if (end == INSIDE_WHOLE || net_clock() >= r->verdict_at)
		r->tx = TX_CLOSE;
}

/* From the pipe into the kernel's records */
static void splice_out(struct relay *r)
{
	size_t len = RELAY_BUF;
	ssize_t n;

	if (!sent(r, ktls_conn_raw_begin(r->conn, &len)))
		return;
	n = relay_splice(r->inside->from, r->fd, len, r->inside->from, POLLIN);
	if (n == -ENOBUFS)
		r->data = false;
	else if (!n)
		no_more(r);
	else if (sent(r, ktls_conn_raw_end(r->conn, n)))
		r->sent += (uint64_t)n;
}

static void read_out(struct relay *r)
{
	ssize_t n = read(r->inside->from, r->out, sizeof(r->out));

	if (n > 0)
		r->out_len = (size_t)n;
	else if (!n)
		no_more(r);
	else if (errno == EAGAIN)
		r->data = false;
}

static void send_out(struct relay *r)
{
	ssize_t n = ktls_send(r->conn, r->out + r->out_done,
			      r->out_len - r->out_done, 0);

	if (n < 0) {
		sent(r, (int)n);
		return;
	}
	r->unflushed = true;
	r->sent += (uint64_t)n;
	r->out_done += (size_t)n;
	if (r->out_done == r->out_len)
		r->out_len = r->out_done = 0;
}

static void send_some(struct relay *r)
{
	if (r->authenticate) {
		if (sent(r, ktls_conn_authenticate(r->conn)))
			r->authenticate = false;
	} else if (r->out_len) {
		send_out(r);
	} else if (!r->data) {
		if (sent(r, ktls_flush(r->conn)))
			r->unflushed = false;
	} else if (r->kernel & KTLS_TX) {
		splice_out(r);
	} else {
		read_out(r);
	}
}

bool relay_tx_wants(const struct relay *r)
{
	return r->tx == TX_OPEN && (r->data || r->out_len || r->unflushed ||
				    r->authenticate);
}

static void close_out(struct relay *r)
{
	int err = r->tx == TX_CLOSE ? ktls_conn_shutdown(r->conn) :
				      ktls_flush(r->conn);

	if (!sent(r, err))
		return;
	if (r->tx == TX_FLUSH)
		shutdown(r->fd, SHUT_WR);
	relay_tx_end(r, 0);
}

void relay_tx(struct relay *r)
{
	for (int i = 0; i < TURN && r->sock_out && relay_tx_wants(r); i++)
		send_some(r);
	if (r->tx == TX_ENDED)
		judge(r);
	if ((r->tx == TX_FLUSH || r->tx == TX_CLOSE) && r->sock_out)
		close_out(r);
}
