// SPDX-License-Identifier: GPL-2.0-only
/* Certificates, two ends in memory, two ends on a TCP pair */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

/* ---- certificates ------------------------------------------------------ */

/* In turn: a test may hold the paths of a few credentials at once */
static const char *pki_path(const char *name, const char *suffix)
{
	static char ring[64][512];
	static atomic_uint at;
	const char *dir = getenv("KTLS_TEST_PKI");
	char *path = ring[at++ % 64];
	int n = snprintf(path, sizeof(ring[0]), "%s/%s%s",
			 dir ? dir : TEST_PKI, name, suffix);

	ASSERT_LT(n, sizeof(ring[0]));
	ASSERT_OK(access(path, R_OK)) TH_LOG("%s", path);
	return path;
}

const char *pki(const char *name)
{
	return pki_path(name, ".pem");
}

const char *pki_key(const char *name)
{
	return pki_path(name, ".key");
}

struct ktls_cred pki_cred(const char *name)
{
	return (struct ktls_cred){ .cert_file = pki(name),
				   .key_file = pki_key(name) };
}

struct ktls_config *config(const struct ktls_opts *opts)
{
	struct ktls_cred p256 = { 0 };
	struct ktls_opts o = *opts;
	struct ktls_config *cfg;
	char why[256] = "";

	if (o.role == KTLS_SERVER && !o.creds_len) {
		p256 = pki_cred("p256");
		o.creds = &p256;
		o.creds_len = 1;
	}
	if (!o.ca_file && !o.ca_dir && !o.ca_pem)
		o.ca_file = pki("ca");
	if (!o.error) {
		o.error = why;
		o.error_size = sizeof(why);
	}
	ASSERT_OK(ktls_config_new(&cfg, &o)) TH_LOG("%s", o.error);
	return cfg;
}

struct ktls_config *server_config(void)
{
	return config(KTLS_OPTS(.role = KTLS_SERVER));
}

struct ktls_config *client_config(void)
{
	return config(KTLS_OPTS(.role = KTLS_CLIENT));
}

/* ---- two ends in memory ------------------------------------------------ */

size_t pump_one(struct ktls_hs *from, struct ktls_hs *to, size_t max)
{
	size_t moved = 0;

	while (moved < max) {
		size_t len, room;
		const void *p = ktls_hs_out(from, &len);
		void *in = p ? ktls_hs_in(to, &room) : NULL;
		int err;

		if (p && ktls_hs_wants(to) == KTLS_WANT_DONE) {
			/* what follows the handshake is the connection's */
			ktls_hs_sent(from, len);
			return moved + len;
		}
		if (!in)
			break;
		if (len > room)
			len = room;
		if (len > max - moved)
			len = max - moved;
		memcpy(in, p, len);
		ktls_hs_sent(from, len);
		moved += len;
		/* kept in @to */
		err = ktls_hs_received(to, len);
		ASSERT_EQ(err, ktls_hs_error(to));
	}
	return moved;
}

int pump(struct ktls_hs *client, struct ktls_hs *server, size_t max)
{
	int first = 0;
	size_t moved;

	if (!max)
		max = SIZE_MAX;
	do {
		moved = pump_one(client, server, max);
		if (!first)
			first = ktls_hs_error(server);
		if (!first)
			first = ktls_hs_error(client);
		moved += pump_one(server, client, max);
		if (!first)
			first = ktls_hs_error(client);
		if (!first)
			first = ktls_hs_error(server);
	} while (moved);
	if (!first && (ktls_hs_wants(client) != KTLS_WANT_DONE ||
		       ktls_hs_wants(server) != KTLS_WANT_DONE))
		return -EDEADLK;
	return first;
}

/* ---- sockets ----------------------------------------------------------- */

/* @room: SO_RCVBUF of fd[1], which is to be known before it connects; 0 */
static void connect_pair(int fd[2], int room)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr *sa = (struct sockaddr *)&a;
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ASSERT_OK(listener);
	if (room)
		ASSERT_OK(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room,
				     sizeof(room)));
	ASSERT_OK(bind(listener, sa, len));
	ASSERT_OK(listen(listener, 1));
	ASSERT_OK(getsockname(listener, sa, &len));
	ASSERT_OK(fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	ASSERT_OK(connect(fd[0], sa, len));
	ASSERT_OK(fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	close(listener);
}

void tcp_pair(int fd[2])
{
	connect_pair(fd, 0);
}

void tcp_pair_small(int fd[2])
{
	const int room = 16384;

	connect_pair(fd, 2048);
	ASSERT_OK(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &room,
			     sizeof(room)));
}

#define HANDSHAKE_MS	10000

struct accepting {
	struct ktls_conn *conn;
	struct ktls_config *config;
	int fd;
	int err;
	char why[256];
};

static void *accept_one(void *arg)
{
	struct accepting *a = arg;

	a->err = ktls_accept(&a->conn, a->fd, a->config,
			     harness_ms(HANDSHAKE_MS), a->why,
			     sizeof(a->why));
	return NULL;
}

void pair_open(struct pair *p, struct ktls_config *client,
	       struct ktls_config *server)
{
	struct accepting a = { .config = server };
	char why[256] = "";
	pthread_t thread;
	int err;

	*p = (struct pair){ .fd = { -1, -1 } };
	tcp_pair(p->fd);
	a.fd = p->fd[1];
	ASSERT_EQ(pthread_create(&thread, NULL, accept_one, &a), 0);
	err = ktls_connect(&p->client, p->fd[0], client, "localhost",
			   harness_ms(HANDSHAKE_MS), why, sizeof(why));
	if (err)
		shutdown(p->fd[0], SHUT_WR);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	p->server = a.conn;
	EXPECT_OK(err) TH_LOG("client: %s", why);
	EXPECT_OK(a.err) TH_LOG("server: %s", a.why);
	ASSERT_FALSE(err || a.err);
}

void pair_close(struct pair *p)
{
	ktls_conn_free(p->client);
	ktls_conn_free(p->server);
	for (int i = 0; i < 2; i++)
		if (p->fd[i] >= 0)
			close(p->fd[i]);
	*p = (struct pair){ .fd = { -1, -1 } };
}

/* ---- data -------------------------------------------------------------- */

struct sending {
	struct ktls_conn *conn;
	uint8_t *buf;
	size_t len;
};

static void *send_all(void *arg)
{
	struct sending *s = arg;
	size_t at = 0;
	ssize_t n = 0;
	int err;

	while (at < s->len) {
		n = ktls_send(s->conn, s->buf + at, s->len - at, 0);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	err = n < 0 ? 0 : ktls_flush(s->conn);
	/* nobody shall wait for what does not come */
	if (at < s->len || err)
		shutdown(ktls_conn_fd(s->conn), SHUT_WR);
	ASSERT_OK(n);
	ASSERT_EQ(at, s->len);
	ASSERT_OK(err);
	return NULL;
}

void exchange(struct ktls_conn *from, struct ktls_conn *to, size_t len)
{
	static uint32_t seed = 1;
	struct sending s = { .conn = from, .len = len };
	pthread_t thread;
	uint8_t *got;

	if (!len)
		return;
	s.buf = malloc(len);
	got = malloc(len);
	ASSERT_TRUE(s.buf && got);
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		s.buf[i] = (uint8_t)(seed >> 24);
	}
	ASSERT_EQ(pthread_create(&thread, NULL, send_all, &s), 0);
	for (size_t at = 0; at < len; ) {
		ssize_t n = ktls_recv(to, got + at, len - at, 0);

		ASSERT_OK(n) TH_LOG("after %zu of %zu bytes", at, len);
		ASSERT_GT(n, 0) TH_LOG("after %zu of %zu bytes", at, len);
		at += (size_t)n;
	}
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	ASSERT_MEMEQ(s.buf, got, len);
	free(s.buf);
	free(got);
}
