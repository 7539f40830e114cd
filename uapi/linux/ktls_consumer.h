/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ktls_consumer: TLS endpoints inside the kernel, by generic netlink
 *
 * The family "ktls_consumer", version 1, opens TCP sockets in the kernel, has
 * an agent in user space shake hands for them (the kernel's handshake upcall,
 * the family "handshake"), and then speaks one of three services over kTLS:
 * echo (RFC 862), discard (RFC 863) or chargen (RFC 864).
 *
 * An endpoint is what a request makes: one that listens, with the connections
 * that it accepts, or one that connects, with as many as it was asked for. It
 * belongs to the network namespace of the socket that asked, and lives until
 * CLOSE, the end of that namespace, or the removal of the module.
 * ktls_consumer.yaml, beside this file, says the same for programs.
 *
 * Commands
 *
 *   LISTEN (CAP_NET_ADMIN in the initial user namespace, because keys are
 *	named by serial, which no namespace confines). SERVICE, ADDRESS, PORT
 *	are needed, a PORT of 0 is any; the answer has ID and PORT.
 *   CONNECT (the same). SERVICE, ADDRESS and PORT are needed; the answer has
 *	ID. It does not wait for connections: see the group "events".
 *   CLOSE (the same). ID. Ends the endpoint's connections, with a close_notify
 *	where that does not block, and answers when all are gone.
 *   ENDPOINT_GET (CAP_NET_ADMIN in the user namespace of the network
 *	namespace). ID, or a dump of all.
 *   CONN_GET (the same). A dump of connections, of all endpoints or of that
 *	with ENDPOINT. Those that have ended are no longer there: what they
 *	counted is in their endpoint's counters.
 *   STATS_GET (the same). The sum of all endpoints of the namespace, of those
 *	that are closed, too.
 *   ENDPOINT_NTF, to the group "events" (CAP_NET_ADMIN to join): an endpoint
 *	that connects has no connections any more, and this is its last word;
 *	closed or not, but not at the end of the namespace or of the module.
 *
 * AUTH says how to authenticate: the upcall's call of that name is made.
 *   ANON  the client only verifies the server (only for CONNECT).
 *   X509  with CERTIFICATE and PRIVATE_KEY, serials of keys; without them the
 *	   server's agent uses what it is configured with.
 *   PSK   with the pre-shared keys PSK, of which a server may name one, and is
 *	   EINVAL with more; one that names none leaves the choice to its agent,
 *	   which looks into KEYRING.
 * Each key must exist, and is held until the endpoint is gone. The agent, not
 * this module, reads them, with its own rights. PEERNAME is the name that a
 * client verifies.
 *
 * BYTES, for CONNECT, is what each connection carries: sent (discard), sent
 * and received again (echo), received (chargen); 0 is without end. What is
 * sent is the text of RFC 864, and what a client receives must be that text.
 *
 * Bounds: TIMEOUT, in ms, is that of the TCP connection and of the handshake;
 * IDLE_TIMEOUT, in ms, that of a connection on which nothing moves, either way;
 * looked at every second or so, and then the peer has a few for the end, but not
 * one who reads so little that there is no room to tell him.
 * CONNECTIONS is how many a CONNECT makes, or how many a LISTEN has at a time;
 * connections above that are closed at once and counted as REFUSED, as are those
 * above TOTAL_MAX, those that memory does not suffice for, and those that come
 * while the endpoint closes.
 *
 * A connection ends well with the peer's close_notify, and for a client that
 * has all its bytes with any end of the stream. Otherwise it ends in an error,
 * of which an endpoint's LAST_ERROR is the last one (an errno, positive):
 *   ESRCH		no agent listens
 *   ETIMEDOUT		TIMEOUT or IDLE_TIMEOUT is over
 *   EPROTO		the agent reported success, but did not install keys;
 *			or the peer sent what TLS does not allow here
 *   ECONNRESET		the peer sent an alert, then LAST_ALERT is its
 *			description; or it reset the TCP connection
 *   ENODATA		end of the stream without close_notify: truncated; or
 *			the server has closed before a client had its BYTES
 *   EILSEQ		what came is not the text that should
 *   EBADMSG		a record's authentication failed
 *   EMSGSIZE, EINVAL	a record is too long, or not of TLS
 *   EKEYEXPIRED	the keys are used up (RFC 9846 5.5), or the peer changed
 *			its own: the upcall cannot rekey, so a new connection
 *			has to be made
 * and whatever the agent reports of a handshake, and TCP of a connection. A
 * certificate that does not verify is what the agent says it is, EACCES mostly.
 */
#ifndef _UAPI_LINUX_KTLS_CONSUMER_H
#define _UAPI_LINUX_KTLS_CONSUMER_H

#define KTLS_CONSUMER_FAMILY_NAME	"ktls_consumer"
#define KTLS_CONSUMER_FAMILY_VERSION	1

#define KTLS_CONSUMER_MCGRP_EVENTS	"events"

/* The largest PEERNAME, without its NUL, and the most PSKs (the upcall's) */
#define KTLS_CONSUMER_PEERNAME_MAX	255
#define KTLS_CONSUMER_PSKS_MAX		5
/* Milliseconds */
#define KTLS_CONSUMER_TIMEOUT_DEFAULT	10000
#define KTLS_CONSUMER_TIMEOUT_MAX	600000
#define KTLS_CONSUMER_IDLE_DEFAULT	60000
#define KTLS_CONSUMER_IDLE_MAX		3600000
/* In an endpoint; the endpoints in a namespace; connections in all of them */
#define KTLS_CONSUMER_CONNECTIONS_MAX	1024
#define KTLS_CONSUMER_ENDPOINTS_MAX	256
#define KTLS_CONSUMER_TOTAL_MAX		4096
/* What a listener has at a time unless told otherwise; a CONNECT makes one */
#define KTLS_CONSUMER_LISTEN_DEFAULT	64

enum ktls_consumer_role {
	KTLS_CONSUMER_ROLE_LISTEN,
	KTLS_CONSUMER_ROLE_CONNECT,
};

enum ktls_consumer_service {
	KTLS_CONSUMER_SERVICE_ECHO,
	KTLS_CONSUMER_SERVICE_DISCARD,
	KTLS_CONSUMER_SERVICE_CHARGEN,
};

enum ktls_consumer_auth {
	KTLS_CONSUMER_AUTH_ANON,
	KTLS_CONSUMER_AUTH_X509,
	KTLS_CONSUMER_AUTH_PSK,
};

enum ktls_consumer_state {
	KTLS_CONSUMER_STATE_CONNECTING,
	KTLS_CONSUMER_STATE_HANDSHAKE,
	KTLS_CONSUMER_STATE_OPEN,
	KTLS_CONSUMER_STATE_CLOSING,
};

enum {
	KTLS_CONSUMER_A_ENDPOINT_ID = 1,	/* u32 */
	KTLS_CONSUMER_A_ENDPOINT_ROLE,		/* u32, enum, answers only */
	KTLS_CONSUMER_A_ENDPOINT_SERVICE,	/* u32, enum */
	KTLS_CONSUMER_A_ENDPOINT_AUTH,		/* u32, enum; X509 */
	KTLS_CONSUMER_A_ENDPOINT_ADDRESS,	/* binary, 4 or 16 bytes */
	KTLS_CONSUMER_A_ENDPOINT_PORT,		/* u16 */
	KTLS_CONSUMER_A_ENDPOINT_PEERNAME,	/* string */
	KTLS_CONSUMER_A_ENDPOINT_TIMEOUT,	/* u32 */
	KTLS_CONSUMER_A_ENDPOINT_IDLE_TIMEOUT,	/* u32 */
	KTLS_CONSUMER_A_ENDPOINT_CONNECTIONS,	/* u32 */
	KTLS_CONSUMER_A_ENDPOINT_BYTES,		/* uint, CONNECT only */
	KTLS_CONSUMER_A_ENDPOINT_CERTIFICATE,	/* s32 */
	KTLS_CONSUMER_A_ENDPOINT_PRIVATE_KEY,	/* s32 */
	KTLS_CONSUMER_A_ENDPOINT_KEYRING,	/* s32 */
	KTLS_CONSUMER_A_ENDPOINT_PSK,		/* s32, up to 5 times */
	/* from here on, answers only */
	KTLS_CONSUMER_A_ENDPOINT_ACTIVE,	/* u32: connections now */
	KTLS_CONSUMER_A_ENDPOINT_LAST_ERROR,	/* u32, if there was one */
	KTLS_CONSUMER_A_ENDPOINT_LAST_ALERT,	/* u8, if there was one */
	KTLS_CONSUMER_A_ENDPOINT_COUNTERS,	/* nest */

	__KTLS_CONSUMER_A_ENDPOINT_MAX,
	KTLS_CONSUMER_A_ENDPOINT_MAX = (__KTLS_CONSUMER_A_ENDPOINT_MAX - 1)
};

enum {
	KTLS_CONSUMER_A_CONN_ID = 1,		/* u32, counts within ENDPOINT */
	KTLS_CONSUMER_A_CONN_ENDPOINT,		/* u32 */
	KTLS_CONSUMER_A_CONN_STATE,		/* u32, enum */
	KTLS_CONSUMER_A_CONN_ADDRESS,		/* binary, the peer's */
	KTLS_CONSUMER_A_CONN_PORT,		/* u16, the peer's */
	KTLS_CONSUMER_A_CONN_LOCAL_PORT,	/* u16 */
	KTLS_CONSUMER_A_CONN_PEER_IDENTITY,	/* s32, the agent's key for it */
	KTLS_CONSUMER_A_CONN_VERSION,		/* u16, 0x0304 */
	KTLS_CONSUMER_A_CONN_CIPHER,		/* u16, TLS_CIPHER_* of tls.h */
	KTLS_CONSUMER_A_CONN_COUNTERS,		/* nest */

	__KTLS_CONSUMER_A_CONN_MAX,
	KTLS_CONSUMER_A_CONN_MAX = (__KTLS_CONSUMER_A_CONN_MAX - 1)
};

/* Each a uint: of 4 or 8 bytes */
enum {
	KTLS_CONSUMER_A_COUNTERS_OPENED = 1,	/* connections begun */
	KTLS_CONSUMER_A_COUNTERS_REFUSED,	/* above CONNECTIONS, or else */
	KTLS_CONSUMER_A_COUNTERS_HANDSHAKES,	/* that succeeded */
	KTLS_CONSUMER_A_COUNTERS_HANDSHAKE_ERRORS,
	KTLS_CONSUMER_A_COUNTERS_COMPLETED,	/* connections ended well */
	KTLS_CONSUMER_A_COUNTERS_ERRORS,	/* ended otherwise, after it */
	KTLS_CONSUMER_A_COUNTERS_RX_BYTES,
	KTLS_CONSUMER_A_COUNTERS_TX_BYTES,
	KTLS_CONSUMER_A_COUNTERS_RX_RECORDS,	/* of all types */
	KTLS_CONSUMER_A_COUNTERS_TX_RECORDS,
	KTLS_CONSUMER_A_COUNTERS_RX_ALERTS,
	KTLS_CONSUMER_A_COUNTERS_RX_HANDSHAKE,	/* messages, e.g. tickets */

	__KTLS_CONSUMER_A_COUNTERS_MAX,
	KTLS_CONSUMER_A_COUNTERS_MAX = (__KTLS_CONSUMER_A_COUNTERS_MAX - 1)
};

enum {
	KTLS_CONSUMER_A_STATS_ENDPOINTS = 1,	/* u32, now */
	KTLS_CONSUMER_A_STATS_COUNTERS,		/* nest */

	__KTLS_CONSUMER_A_STATS_MAX,
	KTLS_CONSUMER_A_STATS_MAX = (__KTLS_CONSUMER_A_STATS_MAX - 1)
};

enum {
	KTLS_CONSUMER_CMD_LISTEN = 1,
	KTLS_CONSUMER_CMD_CONNECT,
	KTLS_CONSUMER_CMD_CLOSE,
	KTLS_CONSUMER_CMD_ENDPOINT_GET,
	KTLS_CONSUMER_CMD_CONN_GET,
	KTLS_CONSUMER_CMD_STATS_GET,
	KTLS_CONSUMER_CMD_ENDPOINT_NTF,

	__KTLS_CONSUMER_CMD_MAX,
	KTLS_CONSUMER_CMD_MAX = (__KTLS_CONSUMER_CMD_MAX - 1)
};

#endif /* _UAPI_LINUX_KTLS_CONSUMER_H */
