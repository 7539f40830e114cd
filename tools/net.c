// SPDX-License-Identifier: MIT
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

int64_t net_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- names ------------------------------------------------------------- */

static bool copy(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static bool parse_bracketed(struct net_host *to, const char *arg,
			    const char *default_port)
{
	const char *end = strchr(arg, ']');
	const char *port = default_port;

	if (!end)
		return false;
	if (end[1] == ':')
		port = end + 2;
	else if (end[1])
		return false;
	return port && *port &&
	       copy(to->host, sizeof(to->host), arg + 1,
		    (size_t)(end - arg - 1)) &&
	       copy(to->port, sizeof(to->port), port, strlen(port));
}

bool net_parse(struct net_host *to, const char *arg, const char *default_port)
{
	const char *colon = strrchr(arg, ':');
	const char *port = colon ? colon + 1 : default_port;
	size_t host = colon ? (size_t)(colon - arg) : strlen(arg);

	if (*arg == '[')
		return parse_bracketed(to, arg, default_port);
	if (colon && memchr(arg, ':', host))
		return false;	/* an IPv6 address without brackets */
	if (!port) {
		port = arg;
		host = 0;
	}
	return *port && copy(to->host, sizeof(to->host), arg, host) &&
	       copy(to->port, sizeof(to->port), port, strlen(port));
}

int net_hosts_add(struct net_hosts *to, const char *what, const char *arg)
{
	if (to->len == NET_HOSTS_MAX) {
		complain("more than %d addresses to listen on",
			 NET_HOSTS_MAX);
		return -1;
	}
	if (!net_parse(&to->at[to->len], arg, NULL)) {
		complain("%s %s: not ADDR:PORT; write IPv6 as [::1]:4433",
			 what, arg);
		return -1;
	}
	to->len++;
	return 0;
}

char *net_name(const union net_addr *addr, char *buf)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (addr->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &addr->in.sin_addr, ip, sizeof(ip));
		snprintf(buf, NET_NAME_MAX, "%s:%u", ip,
			 ntohs(addr->in.sin_port));
	} else if (IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr)) {
		inet_ntop(AF_INET, &addr->in6.sin6_addr.s6_addr[12], ip,
			  sizeof(ip));
		snprintf(buf, NET_NAME_MAX, "%s:%u", ip,
			 ntohs(addr->in6.sin6_port));
	} else {
		inet_ntop(AF_INET6, &addr->in6.sin6_addr, ip, sizeof(ip));
		snprintf(buf, NET_NAME_MAX, "[%s]:%u", ip,
			 ntohs(addr->in6.sin6_port));
	}
	return buf;
}

struct addrinfo *net_resolve(const struct net_host *host, int flags)
{
	const struct addrinfo hints = {
		.ai_flags = flags,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *list;
	int err = getaddrinfo(*host->host ? host->host : NULL, host->port,
			      &hints, &list);

	if (!err)
		return list;
	complain("%s port %s: %s", *host->host ? host->host : "any address",
		 host->port,
		 err == EAI_SYSTEM ? strerror(errno) : gai_strerror(err));
	return NULL;
}

/* ---- listening --------------------------------------------------------- */

/* Is the address this process' own, of one socket or of several? */
enum share { ALONE, FIRST, FURTHER };

/*
 * What is bound without SO_REUSEPORT is bound by nobody else; having got that,
 * the first of ours lets the others in.
 */
static int bind_at(int fd, const struct sockaddr *addr, socklen_t len,
		   enum share share)
{
	const int on = 1;
	int err;

	if (share == FURTHER &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)))
		return -1;
	err = bind(fd, addr, len);
	if (!err && share == FIRST)
		err = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on,
				 sizeof(on));
	return err;
}

static int listen_at(const struct sockaddr *addr, socklen_t len,
		     enum share share)
{
	const int on = 1, off = 0;
	int fd = socket(addr->sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind_at(fd, addr, len, share) || listen(fd, 4096)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* For any address: IPv6, which takes IPv4 too, wherever there is IPv6 */
static int listen_any(const struct addrinfo *list, bool any, enum share share)
{
	int fd = -EADDRNOTAVAIL;

	for (const struct addrinfo *ai = list; any && ai; ai = ai->ai_next) {
		if (ai->ai_family != AF_INET6)
			continue;
		fd = listen_at(ai->ai_addr, ai->ai_addrlen, share);
		if (fd >= 0)
			return fd;
	}
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		fd = listen_at(ai->ai_addr, ai->ai_addrlen, share);
		if (fd >= 0)
			return fd;
	}
	return fd;
}

int net_listen(const struct net_host *at, bool shared, union net_addr *addr)
{
	struct addrinfo *list = net_resolve(at, AI_PASSIVE);
	socklen_t len = sizeof(*addr);
	int fd;

	if (!list)
		return -1;
	fd = listen_any(list, !*at->host, shared ? FIRST : ALONE);
	freeaddrinfo(list);
	if (fd < 0) {
		complain("cannot listen on %s port %s: %s",
			 *at->host ? at->host : "any address", at->port,
			 strerror(-fd));
		return -1;
	}
	getsockname(fd, &addr->sa, &len);
	return fd;
}

int net_listen_too(const union net_addr *addr)
{
	char name[NET_NAME_MAX];
	int fd = listen_at(&addr->sa, addr->sa.sa_family == AF_INET6 ?
			   sizeof(addr->in6) : sizeof(addr->in), FURTHER);

	if (fd >= 0)
		return fd;
	complain("cannot listen on %s again: %s", net_name(addr, name),
		 strerror(-fd));
	return -1;
}

bool net_starved(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS ||
	       err == ENOMEM || err == ENOSPC;
}

/* ---- connecting -------------------------------------------------------- */

int net_wait(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t end = net_clock() + ms;
	int n;

	while ((n = poll(&p, 1, ms)) < 0 && errno == EINTR)
		if (ms >= 0)
			ms = end > net_clock() ? (int)(end - net_clock()) : 0;
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

int net_connect_at(const struct addrinfo *ai, int ms)
{
	const int on = 1;
	int err = 0, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK |
				 SOCK_CLOEXEC, ai->ai_protocol);
	socklen_t len = sizeof(err);

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, ai->ai_addr, ai->ai_addrlen)) {
		err = -errno;
		if (err == -EINPROGRESS)
			err = net_wait(fd, POLLOUT, ms);
		if (!err && !getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
			err = -err;
	}
	if (!err)
		return fd;
	close(fd);
	return err;
}

int net_connect(const struct net_host *to, int ms, union net_addr *addr)
{
	struct addrinfo *list = net_resolve(to, AI_ADDRCONFIG);
	int64_t end = net_clock() + ms;
	char name[NET_NAME_MAX];
	int fd = -1;

	if (!list)
		return -1;
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		int64_t left = end - net_clock();

		/* a dead address must not use up the time of the next one */
		if (ai->ai_next)
			left /= 2;
		memcpy(addr, ai->ai_addr, ai->ai_addrlen);
		fd = net_connect_at(ai, left > 0 ? (int)left : 0);
		if (fd >= 0)
			break;
		complain("cannot connect to %s (%s): %s", to->host,
			 net_name(addr, name), strerror(-fd));
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}
