/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_NET_H
#define TOOLS_NET_H

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NET_NAME_MAX	64	/* "[v6 address]:65535" */
#define NET_HOST_MAX	256
#define NET_PORT_MAX	32
#define NET_HOSTS_MAX	8

struct net_host {
	char host[NET_HOST_MAX];	/* "": any address */
	char port[NET_PORT_MAX];
};

/* Where to listen, as named by options */
struct net_hosts {
	struct net_host at[NET_HOSTS_MAX];
	size_t len;
};

/* A TCP peer, in as few bytes as that takes */
union net_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Milliseconds of a clock that never jumps */
int64_t net_clock(void);

/*
 * "HOST:PORT", "[V6]:PORT", ":PORT", and if @default_port is given "HOST";
 * if not, "PORT" alone is a port.
 */
bool net_parse(struct net_host *to, const char *arg, const char *default_port);

/* One more, @arg of the option @what; 0, or -1 after a complaint */
int net_hosts_add(struct net_hosts *to, const char *what, const char *arg);

/* "192.0.2.1:443", "[2001:db8::1]:443" into @buf of NET_NAME_MAX; @buf */
char *net_name(const union net_addr *addr, char *buf);

/*
 * A non-blocking listening socket, and where it listens; @shared: by others of
 * net_listen_too(), at the same address, among which the kernel distributes
 * those who come.  -1 after a complaint.
 */
int net_listen(const struct net_host *at, bool shared, union net_addr *addr);
int net_listen_too(const union net_addr *addr);
/*
 * Did accept(2), or epoll(7) before it, fail with @err for want of something
 * here?  Then the listener stays ready: look away for a while.
 */
bool net_starved(int err);

/*
 * A connected non-blocking socket within @ms milliseconds, trying one address
 * after the other, and whom it reached; -1 after a complaint.
 */
int net_connect(const struct net_host *to, int ms, union net_addr *addr);

/* By getaddrinfo(), whose flags these are; NULL after a complaint */
struct addrinfo *net_resolve(const struct net_host *host, int flags);
/* ... the first of them alone, and in silence: the socket, or -errno */
int net_connect_at(const struct addrinfo *ai, int ms);

/* Wait for POLLIN or POLLOUT: 0, -ETIMEDOUT (@ms: -1 waits for ever), -errno */
int net_wait(int fd, short events, int ms);

#endif
