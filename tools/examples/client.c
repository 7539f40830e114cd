// SPDX-License-Identifier: MIT
/*
 * client HOST PORT CA-FILE: sends what stdin has, then prints what comes; so
 * there should not be more of it than the sockets' buffers hold.
 *
 *	cc client.c $(pkg-config --cflags --libs libktls) -o client
 */
#include <ktls.h>

#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

static int tcp_connect(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *a;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list))
		return -1;
	for (a = list; a; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		if (fd >= 0 && !connect(fd, a->ai_addr, a->ai_addrlen))
			break;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

/* 0, or why not */
static ssize_t talk(struct ktls_conn *conn)
{
	char buf[16384];
	ssize_t n, sent;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0) {
		sent = ktls_send(conn, buf, (size_t)n, 0);
		if (sent < 0)
			return sent;
	}
	n = ktls_conn_shutdown(conn);
	if (n)
		return n;
	while ((n = ktls_recv(conn, buf, sizeof(buf), 0)) > 0)
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			break;
	return n;
}

int main(int argc, char **argv)
{
	struct ktls_config *config;
	struct ktls_conn *conn;
	struct ktls_info info;
	char why[256];
	ssize_t err;
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: client HOST PORT CA-FILE\n");
		return 2;
	}
	if (ktls_config_new(&config, KTLS_OPTS(.role = KTLS_CLIENT,
			.ca_file = argv[3],
			.error = why, .error_size = sizeof(why)))) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	fd = tcp_connect(argv[1], argv[2]);
	if (fd < 0) {
		fprintf(stderr, "cannot connect\n");
		return 1;
	}
	if (ktls_connect(&conn, fd, config, argv[1], 5000, why, sizeof(why))) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	ktls_conn_info(conn, &info);
	fprintf(stderr, "%s, %s; sending: %s\n",
		ktls_version_name(info.version), ktls_suite_name(info.suite),
		ktls_why_text(&info.tx, why, sizeof(why)));
	err = talk(conn);
	if (err < 0)
		fprintf(stderr, "%s\n", ktls_strerror((int)err));
	ktls_conn_free(conn);
	ktls_config_put(config);
	close(fd);
	return err < 0;
}
