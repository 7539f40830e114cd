// SPDX-License-Identifier: MIT
/*
 * loop PORT CERT-FILE KEY-FILE: sends back what comes, to many at once, in one
 * thread that waits for nobody but in poll(2).
 *
 *	cc loop.c $(pkg-config --cflags --libs libktls) -o loop
 */
#include <ktls.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PEERS		64
#define HANDSHAKE	5	/* s, for all of it */
#define IDLE		60	/* s, from one event to the next after it */
#define DRAIN		64	/* reads, when it is over */

struct peer {
	struct ktls_hs *hs;		/* until it is done, then */
	struct ktls_conn *conn;
	int fd;
	char buf[4096];			/* to go back: from @sent to @len */
	size_t len, sent;
	int ended;
	time_t until;			/* it has, by now() */
};

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* 0: done; > 0: what poll(2) is to wait for; or why it has failed */
static int shake_hands(struct peer *p)
{
	int r = ktls_hs_run(p->hs, p->fd);

	if (r > 0)
		return (r & KTLS_WANT_SEND ? POLLOUT : 0) |
		       (r & KTLS_WANT_RECV ? POLLIN : 0);
	if (!r)
		r = ktls_offload(&p->conn, p->hs, p->fd);
	if (r)
		fprintf(stderr, "%s\n", ktls_hs_error_text(p->hs));
	else
		p->hs = NULL;		/* the connection has taken it */
	return r;
}

static int send_back(struct peer *p)
{
	while (p->sent < p->len) {
		ssize_t n = ktls_send(p->conn, p->buf + p->sent,
				      p->len - p->sent, 0);

		if (n < 0)
			return n == -EAGAIN ? POLLOUT : (int)n;
		p->sent += (size_t)n;
	}
	return 0;
}

/* Where user space sends, a part of what it took may still be there */
static int wait_for_more(struct peer *p)
{
	int r = ktls_flush(p->conn);

	return r == -EAGAIN ? POLLIN | POLLOUT : r ? r : POLLIN;
}

/* As shake_hands(): 0 when both ends have closed */
static int serve(struct peer *p)
{
	int r = p->hs ? shake_hands(p) : 0;

	if (p->conn)
		p->until = now() + IDLE;
	while (!r) {
		ssize_t n;

		r = send_back(p);
		if (r)
			break;
		if (p->ended) {
			r = ktls_conn_shutdown(p->conn);
			return r == -EAGAIN ? POLLOUT : r;
		}
		n = ktls_recv(p->conn, p->buf, sizeof(p->buf), 0);
		if (n == -EAGAIN)
			return wait_for_more(p);
		if (n < 0)
			return (int)n;
		p->ended = !n;
		p->len = (size_t)n;
		p->sent = 0;
	}
	return r;
}

static struct peer *peer_new(struct ktls_config *config, int listener)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->fd = accept(listener, NULL, NULL);
	p->until = now() + HANDSHAKE;
	if (p->fd >= 0 && !fcntl(p->fd, F_SETFL, O_NONBLOCK) &&
	    !ktls_hs_new(&p->hs, config, NULL))
		return p;
	if (p->fd >= 0)
		close(p->fd);
	free(p);
	return NULL;
}

static void peer_free(struct peer *p)
{
	/* what is unread would make TCP reset it, and an alert be lost */
	shutdown(p->fd, SHUT_WR);
	for (int i = 0; i < DRAIN; i++)
		if (recv(p->fd, p->buf, sizeof(p->buf), 0) <= 0)
			break;
	ktls_hs_free(p->hs);
	ktls_conn_free(p->conn);
	close(p->fd);
	free(p);
}

static void run(struct ktls_config *config, int listener)
{
	struct pollfd polls[1 + PEERS] = { { .fd = listener } };
	struct peer *peers[PEERS];
	nfds_t n = 0;

	for (;;) {
		polls[0].events = n < PEERS ? POLLIN : 0;
		if (poll(polls, 1 + n, n ? 1000 : -1) < 0)
			return;
		/* from the last one, which takes the place of one that ends */
		for (nfds_t i = n; i-- > 0;) {
			int r = -ETIMEDOUT;

			if (now() < peers[i]->until) {
				if (!polls[1 + i].revents)
					continue;
				r = serve(peers[i]);
			}
			polls[1 + i].events = (short)r;
			if (r > 0)
				continue;
			if (r < 0)
				fprintf(stderr, "%s\n", ktls_strerror(r));
			peer_free(peers[i]);
			peers[i] = peers[--n];
			polls[1 + i] = polls[1 + n];
		}
		if (!(polls[0].revents & POLLIN))
			continue;
		peers[n] = peer_new(config, listener);
		if (peers[n]) {
			polls[1 + n].fd = peers[n]->fd;
			polls[1 + n].events = POLLIN;
			polls[1 + n++].revents = 0;
		}
	}
}

int main(int argc, char **argv)
{
	struct ktls_cred cred = { 0 };
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct ktls_config *config;
	char why[256];
	int listener;

	if (argc != 4) {
		fprintf(stderr, "usage: loop PORT CERT-FILE KEY-FILE\n");
		return 2;
	}
	any.sin6_port = htons((uint16_t)atoi(argv[1]));
	cred.cert_file = argv[2];
	cred.key_file = argv[3];
	if (ktls_config_new(&config, KTLS_OPTS(.role = KTLS_SERVER,
			.creds = &cred, .creds_len = 1,
			.error = why, .error_size = sizeof(why)))) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&any, sizeof(any)) ||
	    listen(listener, 64)) {
		perror("loop");
		return 1;
	}
	run(config, listener);
	return 1;
}
