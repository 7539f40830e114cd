/* SPDX-License-Identifier: MIT */
/*
 * The kernel's generic netlink family for handshakes, by
 * Documentation/netlink/specs/handshake.yaml of Linux 7.3: <linux/handshake.h>
 * is in no header package that is older than Linux 6.4, and lacks what came
 * later.
 */
#ifndef TOOLS_HANDSHAKE_ABI_H
#define TOOLS_HANDSHAKE_ABI_H

#define HANDSHAKE_FAMILY	"handshake"
#define HANDSHAKE_VERSION	1
#define HANDSHAKE_GROUP		"tlshd"
#define HANDSHAKE_CLASS_TLSHD	1

enum {
	HANDSHAKE_CMD_READY	= 1,	/* multicast: there is one to accept */
	HANDSHAKE_CMD_ACCEPT	= 2,
	HANDSHAKE_CMD_DONE	= 3,
};

enum {
	HANDSHAKE_CLIENT	= 1,
	HANDSHAKE_SERVER	= 2,
};

enum {
	HANDSHAKE_AUTH_NONE	= 1,	/* of the client, by a certificate */
	HANDSHAKE_AUTH_PSK	= 2,
	HANDSHAKE_AUTH_X509	= 3,
};

/* Attributes of ACCEPT; integers have 4 bytes */
enum {
	ACCEPT_SOCKFD		= 1,
	ACCEPT_CLASS		= 2,	/* the only one of the request */
	ACCEPT_MESSAGE_TYPE	= 3,	/* HANDSHAKE_CLIENT, _SERVER */
	ACCEPT_TIMEOUT		= 4,	/* ms */
	ACCEPT_AUTH_MODE	= 5,
	ACCEPT_PEER_IDENTITY	= 6,	/* serial of a key; may be repeated */
	ACCEPT_CERTIFICATE	= 7,	/* nest of CERTIFICATE_* */
	ACCEPT_PEERNAME		= 8,	/* string */
	ACCEPT_KEYRING		= 9,	/* serial; after Linux 6.12 */
	ACCEPT_MAX		= ACCEPT_KEYRING,
};

enum {
	CERTIFICATE_CERT	= 1,	/* serial of a key */
	CERTIFICATE_PRIVKEY	= 2,
	CERTIFICATE_MAX		= CERTIFICATE_PRIVKEY,
};

/* Attributes of DONE */
enum {
	DONE_STATUS		= 1,	/* positive errno; without it, EIO */
	DONE_SOCKFD		= 2,
	DONE_REMOTE_AUTH	= 3,	/* serial of a key; may be repeated */
};

#endif
