// SPDX-License-Identifier: MIT
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "negotiated.h"
#include "net.h"

/* Names, numbers and layout are of the protocol's description */
#define V2_PROXY	0x21
#define V2_TCP4		0x11
#define V2_TCP6		0x21
#define TYPE_ALPN	0x01
#define TYPE_AUTHORITY	0x02
#define TYPE_SSL	0x20
#define SSL_VERSION	0x21
#define SSL_CIPHER	0x23
#define CLIENT_SSL	0x01
#define CLIENT_CERT_CONN 0x02

/* Two names of 255 bytes are the most of it */
struct header {
	size_t len;
	uint8_t buf[1024];
};

static void put(struct header *h, const void *data, size_t len)
{
	memcpy(h->buf + h->len, data, len);
	h->len += len;
}

static void put_u8(struct header *h, unsigned int n)
{
	h->buf[h->len++] = (uint8_t)n;
}

/* The length of what is behind it, once that is there */
static size_t open_length(struct header *h)
{
	h->len += 2;
	return h->len;
}

static void close_length(struct header *h, size_t at)
{
	size_t len = h->len - at;

	h->buf[at - 2] = (uint8_t)(len >> 8);
	h->buf[at - 1] = (uint8_t)len;
}

static void put_string(struct header *h, unsigned int type, const char *s)
{
	size_t at;

	if (!*s)
		return;
	put_u8(h, type);
	at = open_length(h);
	put(h, s, strlen(s));
	close_length(h, at);
}

/* ---- its parts --------------------------------------------------------- */

static bool is_v4(const union net_addr *a)
{
	return a->sa.sa_family == AF_INET ||
	       IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
}

static void put_ip(struct header *h, const union net_addr *a, bool v4)
{
	const uint8_t *in6 = a->in6.sin6_addr.s6_addr;

	if (a->sa.sa_family == AF_INET)
		put(h, &a->in.sin_addr, 4);
	else
		put(h, v4 ? in6 + 12 : in6, v4 ? 4 : 16);
}

static void put_port(struct header *h, const union net_addr *a)
{
	put(h, a->sa.sa_family == AF_INET ? &a->in.sin_port :
					    &a->in6.sin6_port, 2);
}

/* Both ends of one socket, so of one family */
static void put_addresses(struct header *h, const union net_addr *from,
			  const union net_addr *to, bool v4)
{
	put_ip(h, from, v4);
	put_ip(h, to, v4);
	put_port(h, from);
	put_port(h, to);
}

static void put_ssl(struct header *h, const struct ktls_info *i)
{
	/* 0: a certificate was verified; a resumed session is none of ours */
	uint32_t verify = htonl(!i->peer_verified);
	size_t at;

	put_u8(h, TYPE_SSL);
	at = open_length(h);
	put_u8(h, CLIENT_SSL | (i->peer_verified ? CLIENT_CERT_CONN : 0));
	put(h, &verify, sizeof(verify));
	put_string(h, SSL_VERSION, protocol_name(i->version));
	put_string(h, SSL_CIPHER, ktls_suite_name(i->suite));
	close_length(h, at);
}

int proxy_announce(int fd, struct ktls_conn *conn)
{
	union net_addr from = { 0 }, to = { 0 };
	socklen_t from_len = sizeof(from), to_len = sizeof(to);
	struct header h = { 0 };
	struct ktls_info i;
	size_t at;
	ssize_t n;

	if (getpeername(ktls_conn_fd(conn), &from.sa, &from_len) ||
	    getsockname(ktls_conn_fd(conn), &to.sa, &to_len))
		return -errno;
	ktls_conn_info(conn, &i);
	put(&h, "\r\n\r\n\0\r\nQUIT\n", 12);
	put_u8(&h, V2_PROXY);
	put_u8(&h, is_v4(&from) ? V2_TCP4 : V2_TCP6);
	at = open_length(&h);
	put_addresses(&h, &from, &to, is_v4(&from));
	put_string(&h, TYPE_ALPN, i.alpn);
	put_string(&h, TYPE_AUTHORITY, i.server_name);
	put_ssl(&h, &i);
	close_length(&h, at);
	/* a socket's buffer is longer than that */
	n = send(fd, h.buf, h.len, MSG_NOSIGNAL);
	return n < 0 ? -errno : (size_t)n == h.len ? 0 : -EPIPE;
}
