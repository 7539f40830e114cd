// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many clients at once, for crowd_test.sh, not a test itself:
 *
 *	crowd CA-FILE PORT N
 *
 * holds N connections to localhost, each with its handshake done and then one
 * request answered, says so on stdout, and closes them at the end of stdin.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/include/ktls.h"

#define TIMEOUT	30	/* seconds, of each step */

static int fail(const char *what, size_t i, const char *why)
{
	fprintf(stderr, "crowd: %s, connection %zu: %s\n", what, i, why);
	return 1;
}

static int dial(uint16_t port)
{
	const struct timeval limit = { .tv_sec = TIMEOUT };
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!connect(fd, (const struct sockaddr *)&to, sizeof(to)))
		return fd;
	close(fd);
	return -1;
}

static int ask(struct ktls_conn *conn)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

	return ktls_send(conn, request, sizeof(request) - 1, 0) ==
	       (ssize_t)sizeof(request) - 1 ? 0 : -1;
}

/* A head, and the body "page\n" */
static int hear(struct ktls_conn *conn)
{
	char buf[2048];
	size_t len = 0;

	while (len < sizeof(buf) - 1) {
		ssize_t n = ktls_recv(conn, buf + len, sizeof(buf) - 1 - len,
				      0);

		if (n <= 0)
			return -1;
		len += (size_t)n;
		buf[len] = '\0';
		if (strstr(buf, "\r\n\r\npage\n"))
			return strncmp(buf, "HTTP/1.1 200 ", 13);
	}
	return -1;
}

static int gather(struct ktls_conn **conns, int *fds, size_t n, uint16_t port,
		  struct ktls_config *config)
{
	char why[256] = "";

	/* one by one: what they hold, not what they took at once, is to be seen */
	for (size_t i = 0; i < n; i++) {
		fds[i] = dial(port);
		if (fds[i] < 0)
			return fail("connect", i, "refused");
		if (ktls_connect(&conns[i], fds[i], config, "localhost",
				 TIMEOUT * 1000, why, sizeof(why)))
			return fail("handshake", i, why);
	}
	for (size_t i = 0; i < n; i++)
		if (ask(conns[i]))
			return fail("request", i, "not sent");
	for (size_t i = 0; i < n; i++)
		if (hear(conns[i]))
			return fail("answer", i, "not the page");
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	struct ktls_config *config;
	struct ktls_conn **conns;
	size_t n = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	int *fds, status;

	if (!n || n > 100000)
		return 2;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	conns = calloc(n, sizeof(*conns));
	fds = calloc(n, sizeof(*fds));
	if (!conns || !fds || ktls_config_new(&config, KTLS_OPTS(
		.role = KTLS_CLIENT,
		.ca_file = argv[1])))
		return 2;
	status = gather(conns, fds, n, (uint16_t)strtoul(argv[2], NULL, 10),
			config);
	if (!status) {
		printf("holding %zu\n", n);
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	for (size_t i = 0; i < n; i++) {
		ktls_conn_free(conns[i]);
		if (fds[i] > 0)
			close(fds[i]);
	}
	ktls_config_put(config);
	free(conns);
	free(fds);
	return status;
}
