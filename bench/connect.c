// SPDX-License-Identifier: MIT
/*
 * A client for comparing servers: connections one after the other, each with a
 * handshake, in full or resumed, and one request; or many at once that take
 * what they asked for slowly.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <ktls.h>

#define TIMEOUT_MS	10000
#define SLOW_BUF	4096	/* of the socket, and the bytes a second */

static const char help[] =
"usage: connect [OPTION]... PORT PATH\n"
"  -t S    for so many seconds (3)\n"
"  -r      resume the session of the one before\n"
"  -s N    N connections at once, 4 KiB a second each, until stdin ends\n"
"  -C NAME cipher suite\n";

struct client {
	struct ktls_config *config;
	struct sockaddr_in at;
	char request[512];
	size_t request_len;
	bool resume;
	unsigned long asked, done, resumed;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * A connection with its request on the way; its socket is @conn's. Who is not
 * to resume takes tickets, too, but never meets the same server again.
 */
static int ask(struct client *c, struct ktls_conn **conn, int rcvbuf)
{
	const int on = 1;
	char why[256] = "", name[64] = "localhost";
	ssize_t n;
	int err, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!c->resume)
		snprintf(name, sizeof(name), "n%lu.localhost", c->asked++);
	/* the request is not to wait until the Finished is acknowledged */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (connect(fd, (struct sockaddr *)&c->at, sizeof(c->at))) {
		err = -errno;
		close(fd);
		return err;
	}
	err = ktls_connect(conn, fd, c->config, name, TIMEOUT_MS, why,
			   sizeof(why));
	if (err) {
		fprintf(stderr, "handshake: %s\n", why);
		close(fd);
		return err;
	}
	n = ktls_send(*conn, c->request, c->request_len, 0);
	if (n == (ssize_t)c->request_len)
		return 0;
	ktls_conn_free(*conn);
	close(fd);
	return n < 0 ? (int)n : -EIO;
}

static void hang_up(struct ktls_conn *conn)
{
	int fd = ktls_conn_fd(conn);

	ktls_conn_free(conn);
	close(fd);
}

/* ---- one after the other ----------------------------------------------- */

static int fetch(struct client *c)
{
	struct ktls_conn *conn;
	struct ktls_info info;
	char buf[16384];
	bool fine = false;
	ssize_t n, got = 0;
	int err = ask(c, &conn, 0);

	if (err)
		return err;
	while ((n = ktls_recv(conn, buf, sizeof(buf), 0)) > 0) {
		if (!got)
			fine = n > 12 && !memcmp(buf + 9, "200", 3);
		got += n;
	}
	ktls_conn_info(conn, &info);
	c->done++;
	c->resumed += info.resumed;
	if (!n)		/* RFC 9112 9.8: both ends say so */
		n = ktls_conn_shutdown(conn);
	hang_up(conn);
	if (n < 0)
		return (int)n;
	return fine ? 0 : -EBADMSG;
}

static int run_row(struct client *c, double seconds)
{
	double begin = now();
	int err = 0;

	while (!err && now() < begin + seconds)
		err = fetch(c);
	if (err) {
		fprintf(stderr, "connection %lu: %s\n", c->done + 1,
			ktls_strerror(err));
		return -1;
	}
	printf("%lu connections in %.3f s, %lu resumed\n", c->done,
	       now() - begin, c->resumed);
	if (c->resume != (c->resumed + 1 >= c->done && c->resumed)) {
		fprintf(stderr, "not all, or not none, are resumed\n");
		return -1;
	}
	return 0;
}

/* ---- slowly ------------------------------------------------------------ */

static bool stdin_ended(int ms)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	char byte;

	return poll(&p, 1, ms) > 0 && read(0, &byte, 1) <= 0;
}

static int run_slow(struct client *c, size_t len)
{
	struct ktls_conn **conn = calloc(len, sizeof(*conn));
	struct rlimit most;
	char buf[SLOW_BUF];
	ssize_t n = 0;
	int err = conn ? 0 : -ENOMEM;

	if (!getrlimit(RLIMIT_NOFILE, &most)) {
		most.rlim_cur = most.rlim_max;
		setrlimit(RLIMIT_NOFILE, &most);
	}
	for (size_t i = 0; !err && i < len; i++)
		err = ask(c, &conn[i], SLOW_BUF);
	if (!err)
		printf("%zu open\n", len);
	fflush(stdout);
	/* a tenth of them every tenth of a second */
	for (size_t k = 0; !err && n >= 0 && !stdin_ended(100); k++) {
		for (size_t i = k % 10; n >= 0 && i < len; i += 10) {
			n = ktls_recv(conn[i], buf, sizeof(buf), MSG_DONTWAIT);
			if (n == -EAGAIN)
				n = 0;
			else if (!n)
				n = -EPIPE;
		}
	}
	if (n < 0)
		err = (int)n;
	for (size_t i = 0; conn && i < len && conn[i]; i++)
		hang_up(conn[i]);
	free(conn);
	if (err)
		fprintf(stderr, "slow: %s\n", ktls_strerror(err));
	return err ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct client c = { .at.sin_family = AF_INET };
	const char *cipher = NULL;
	double seconds = 3;
	size_t slow = 0;
	char why[256];
	int opt, err;

	while ((opt = getopt(argc, argv, "t:rs:C:")) != -1) {
		switch (opt) {
		case 't': seconds = strtod(optarg, NULL); break;
		case 'r': c.resume = true; break;
		case 's': slow = strtoul(optarg, NULL, 10); break;
		case 'C': cipher = optarg; break;
		default: optind = argc;
		}
	}
	if (argc - optind != 2) {
		fputs(help, stderr);
		return 2;
	}
	c.at.sin_port = htons((uint16_t)atoi(argv[optind]));
	c.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c.request_len = (size_t)snprintf(c.request, sizeof(c.request),
		"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
		argv[optind + 1], slow ? "" : "Connection: close\r\n");
	err = ktls_config_new(&c.config, KTLS_OPTS(.role = KTLS_CLIENT,
		.verify = KTLS_VERIFY_NONE, .ciphers = cipher,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER,
		.error = why, .error_size = sizeof(why)));
	if (err) {
		fprintf(stderr, "config: %s\n", why);
		return 1;
	}
	err = slow ? run_slow(&c, slow) : run_row(&c, seconds);
	ktls_config_put(c.config);
	return err ? 1 : 0;
}
