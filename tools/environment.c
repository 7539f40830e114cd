// SPDX-License-Identifier: MIT
#include "environment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "negotiated.h"
#include "net.h"

#define HASH_SIZE	32

static char peer_hash[sizeof("sha256:") + 2 * HASH_SIZE];

int environment_peer(void *arg, struct ktls_hs *hs,
		     const struct ktls_verify_request *request)
{
	unsigned char md[HASH_SIZE];
	size_t at;

	(void)arg;
	(void)hs;
	if (!EVP_Q_digest(NULL, "SHA256", NULL, request->chain[0].der,
			  request->chain[0].len, md, NULL))
		return -1;
	at = (size_t)sprintf(peer_hash, "sha256:");
	for (size_t i = 0; i < HASH_SIZE; i++)
		at += (size_t)sprintf(peer_hash + at, "%02x", md[i]);
	return 0;
}

static int put(const char *name, const char *value)
{
	return value && *value ? setenv(name, value, 1) : unsetenv(name);
}

/* TCP@END_IP, TCP@END_PORT; an IPv4 peer of an IPv6 socket as what it is */
static int put_address(const char *end, const union net_addr *addr)
{
	char name[32], ip[INET6_ADDRSTRLEN] = "", port[8];
	const struct in6_addr *in6 = &addr->in6.sin6_addr;
	in_port_t number = addr->in.sin_port;

	if (addr->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &addr->in.sin_addr, ip, sizeof(ip));
	} else {
		number = addr->in6.sin6_port;
		if (IN6_IS_ADDR_V4MAPPED(in6))
			inet_ntop(AF_INET, &in6->s6_addr[12], ip, sizeof(ip));
		else
			inet_ntop(AF_INET6, in6, ip, sizeof(ip));
	}
	snprintf(port, sizeof(port), "%u", ntohs(number));
	snprintf(name, sizeof(name), "TCP%sIP", end);
	if (put(name, ip))
		return -1;
	snprintf(name, sizeof(name), "TCP%sPORT", end);
	return put(name, port);
}

static int put_addresses(int fd)
{
	union net_addr local = { 0 }, remote = { 0 };
	socklen_t len = sizeof(local);

	if (getsockname(fd, &local.sa, &len))
		return -1;
	len = sizeof(remote);
	if (getpeername(fd, &remote.sa, &len))
		return -1;
	/* names would have to be looked up, and are anybody's to choose */
	return put("TCPLOCALHOST", NULL) || put("TCPREMOTEHOST", NULL) ||
	       put("TCPREMOTEINFO", NULL) || put("PROTO", "TCP") ||
	       put_address("LOCAL", &local) ||
	       put_address("REMOTE", &remote) ? -1 : 0;
}

static const char *path(unsigned int kernel, unsigned int direction)
{
	return kernel & direction ? "kernel" : "user";
}

int environment_set(struct ktls_conn *conn)
{
	unsigned int kernel = ktls_conn_kernel(conn);
	struct ktls_info i;

	ktls_conn_info(conn, &i);
	if (!put_addresses(ktls_conn_fd(conn)) &&
	    !put("SSL_PROTOCOL", protocol_name(i.version)) &&
	    !put("SSL_CIPHER", ktls_suite_name(i.suite)) &&
	    !put("SSL_TLS_SNI_SERVERNAME", i.server_name) &&
	    !put("SSL_ALPN", i.alpn) &&
	    !put("SSL_PEER_VERIFIED", i.peer_verified ? "1" : NULL) &&
	    !put("SSL_PEER_CERT_SUBJECT", i.peer_verified ? i.peer_subject :
							    NULL) &&
	    !put("SSL_PEER_CERT_HASH", peer_hash) &&
	    !put("KTLS_TX", path(kernel, KTLS_TX)) &&
	    !put("KTLS_RX", path(kernel, KTLS_RX)))
		return 0;
	complain("environment: %s", strerror(errno));
	return -1;
}
