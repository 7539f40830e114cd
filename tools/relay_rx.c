// SPDX-License-Identifier: MIT
/* What comes in */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "relay.h"

#define TURN	16		/* records, or buffers, before the other way */

void relay_unheard(struct relay *r)
{
	if (r->inside->to >= 0)
		close(r->inside->to);
	r->inside->to = -1;
	r->in_len = r->in_done = 0;
	if (!r->rx_over && r->inside->follows && r->tx == TX_OPEN)
		r->tx = TX_FLUSH;
}

/* @err: 0: the peer has closed */
static void end_rx(struct relay *r, int err)
{
	r->rx_over = true;
	r->rx_error = err;
	/* an end that was not meant must not look like one that was */
	if (err && r->inside->to >= 0)
		r->inside->signal(r->inside, SIGHUP);
	relay_unheard(r);
	if (r->inside->follows && r->tx == TX_OPEN)
		r->tx = TX_CLOSE;
}

/* What ktls_recv() or ktls_conn_control() says that is no data */
static void no_data(struct relay *r, int err)
{
	if (err == -EAGAIN)
		r->sock_in = false;
	else if (err == -EINTR)
		r->authenticate = ktls_conn_events(r->conn) & KTLS_EV_AUTH;
	else
		end_rx(r, err);
}

/* By way of here; thrown away if nobody reads it */
static void receive(struct relay *r)
{
	ssize_t n = ktls_recv(r->conn, r->in, sizeof(r->in), 0);

	if (n <= 0) {
		no_data(r, (int)n);
		return;
	}
	r->received += (uint64_t)n;
	if (r->inside->to >= 0)
		r->in_len = (size_t)n;
}

/* From the kernel's records into the pipe */
static void splice_in(struct relay *r)
{
	ssize_t n = relay_splice(r->fd, r->inside->to, RELAY_BUF,
				 r->inside->to, POLLOUT);
	int err;

	if (n == -EAGAIN) {
		r->sock_in = false;
	} else if (n == -ENOBUFS) {
		r->room = false;
	} else if (n == -EPIPE) {
		relay_unheard(r);
	} else if (n > 0) {
		r->received += (uint64_t)n;
		err = ktls_conn_data(r->conn, (size_t)n);
		if (err <= 0)
			no_data(r, err);
	} else if (n != -EINTR) {
		/* a record of another kind, or the end, or a failure */
		err = ktls_conn_control(r->conn);
		if (err <= 0)
			no_data(r, err);
		else
			receive(r);
	}
}

static void write_in(struct relay *r)
{
	ssize_t n = write(r->inside->to, r->in + r->in_done,
			  r->in_len - r->in_done);

	if (n < 0 && errno == EAGAIN)
		r->room = false;
	else if (n < 0 && errno != EINTR)
		relay_unheard(r);
	if (n > 0)
		r->in_done += (size_t)n;
	if (r->in_done == r->in_len)
		r->in_len = r->in_done = 0;
}

void relay_rx(struct relay *r)
{
	for (int i = 0; i < TURN && !r->rx_over; i++) {
		bool heard = r->inside->to >= 0;

		if (heard && !r->room)
			return;
		if (r->in_len)
			write_in(r);
		else if (!r->sock_in)
			return;
		else if (heard && r->kernel & KTLS_RX)
			splice_in(r);
		else
			receive(r);
	}
}
