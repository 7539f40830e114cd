// SPDX-License-Identifier: MIT
#include "links.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../tools/selfsigned.h"
#include "meter.h"

#define HANDSHAKE_MS	10000

static struct ktls_config *client, *kernel, *user;

static struct ktls_config *make(enum ktls_role role, enum ktls_path tx,
				const char *cipher, struct ktls_cred *cred)
{
	struct ktls_config *config;
	char why[256];
	int err;

	err = ktls_config_new(&config, KTLS_OPTS(
		.role = role, .tx = tx, .rx = KTLS_PATH_USER,
		.ciphers = cipher, .verify = KTLS_VERIFY_NONE,
		.flags = KTLS_F_NO_TICKETS, .sessions = KTLS_NO_SESSIONS,
		.creds = cred, .creds_len = cred ? 1 : 0,
		.error = why, .error_size = sizeof(why)));
	if (!err)
		return config;
	fprintf(stderr, "config: %s\n", why);
	return NULL;
}

int links_init(const char *cipher)
{
	struct selfsigned cert;
	struct ktls_cred cred = { 0 };

	if (selfsigned_new(&cert, NULL, 0)) {
		fprintf(stderr, "cannot make a certificate\n");
		return -1;
	}
	cred.cert_pem = cert.cert_pem;
	cred.key_pem = cert.key_pem;
	client = make(KTLS_CLIENT, KTLS_PATH_USER, cipher, NULL);
	kernel = make(KTLS_SERVER, KTLS_PATH_PREFER_KERNEL, cipher, &cred);
	user = make(KTLS_SERVER, KTLS_PATH_USER, cipher, &cred);
	selfsigned_free(&cert);
	return client && kernel && user ? 0 : -1;
}

void links_exit(void)
{
	ktls_config_put(client);
	ktls_config_put(kernel);
	ktls_config_put(user);
}

static int tcp_pair(int fd[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *sa = (struct sockaddr *)&at;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(at);
	int one = 1;

	fd[0] = fd[1] = -1;
	if (listener < 0 || bind(listener, sa, len) || listen(listener, 1) ||
	    getsockname(listener, sa, &len))
		goto out;
	fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[1] < 0 || connect(fd[1], sa, len))
		goto out;
	fd[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd[0] >= 0)
		setsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
out:
	if (fd[0] < 0)
		perror("a TCP connection to ourselves");
	if (listener >= 0)
		close(listener);
	return fd[0] < 0 ? -1 : 0;
}

struct far_end {
	int fd, err;
	struct ktls_conn *conn;
};

static void *far_end(void *arg)
{
	struct far_end *f = arg;

	f->err = ktls_connect(&f->conn, f->fd, client, "localhost",
			      HANDSHAKE_MS, NULL, 0);
	return NULL;
}

/* The far end's keys are not needed: it never decrypts */
static int handshake(struct ktls_conn **conn, const int fd[2],
		     enum carrier carrier)
{
	struct far_end f = { .fd = fd[1] };
	char why[256] = "";
	pthread_t thread;
	int err;

	if (pthread_create(&thread, NULL, far_end, &f))
		return -1;
	err = ktls_accept(conn, fd[0], carrier == CARRIER_USER ? user : kernel,
			  HANDSHAKE_MS, why, sizeof(why));
	if (err)
		shutdown(fd[0], SHUT_RDWR);
	pthread_join(thread, NULL);
	ktls_conn_free(f.conn);
	if (err || f.err) {
		fprintf(stderr, "handshake: %s\n", err ? why :
			ktls_strerror(f.err));
		return -1;
	}
	if (carrier == CARRIER_KERNEL && !(ktls_conn_kernel(*conn) & KTLS_TX))
		return -EOPNOTSUPP;
	return 0;
}

static void drain(const int *fd, size_t len)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int epoll = epoll_create1(0);
	size_t open = len;
	uint64_t since;
	ssize_t n;

	for (size_t i = 0; i < len; i++) {
		ev.data.fd = fd[i];
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd[i], &ev);
	}
	while (open && epoll_wait(epoll, &ev, 1, -1) == 1) {
		since = meter_begin();
		n = recv(ev.data.fd, NULL, 1 << 22, MSG_TRUNC | MSG_DONTWAIT);
		meter_end(since);
		if (n > 0)
			continue;
		epoll_ctl(epoll, EPOLL_CTL_DEL, ev.data.fd, &ev);
		open--;
	}
	_exit(0);
}

int links_open(struct links *l, size_t len, enum carrier carrier)
{
	int fd[2], far[LINKS_MAX], err = 0;

	*l = (struct links){ 0 };
	while (!err && l->len < len && !tcp_pair(fd)) {
		l->fd[l->len] = fd[0];
		far[l->len] = fd[1];
		if (carrier)
			err = handshake(&l->conn[l->len], fd, carrier);
		l->len++;
	}
	if (!err && l->len == len) {
		l->drain = fork();
		if (!l->drain) {
			for (size_t i = 0; i < l->len; i++)
				close(l->fd[i]);
			drain(far, len);
		}
	}
	for (size_t i = 0; i < l->len; i++)
		close(far[i]);
	if (l->drain > 0)
		return 0;
	links_close(l);
	return err ? err : -1;
}

void links_drain(const struct links *l)
{
	const struct timespec tick = { .tv_nsec = 200000 };
	int left;

	for (size_t i = 0; i < l->len; i++)
		while (!ioctl(l->fd[i], SIOCOUTQ, &left) && left)
			nanosleep(&tick, NULL);
}

void links_close(struct links *l)
{
	for (size_t i = 0; i < l->len; i++) {
		ktls_conn_free(l->conn[i]);
		/* the other drains have copies of it */
		shutdown(l->fd[i], SHUT_RDWR);
		close(l->fd[i]);
	}
	if (l->drain > 0)
		waitpid(l->drain, NULL, 0);
	*l = (struct links){ 0 };
}
