/* SPDX-License-Identifier: MIT */
/*
 * Handshakes by another process: 'ktls agent' has the certificates and their
 * private keys, does the handshake on a socket that it is handed, gives the
 * keys of the connection to the kernel, and answers with what was negotiated
 * and with all that a connection is besides its socket.  Who asked never sees
 * a private key.
 *
 * There are two calls for it, at the end, and a protocol that any language can
 * speak.
 *
 * ---- the protocol, version 1 ----
 *
 * Over a Unix socket of type SOCK_SEQPACKET: one message, one answer, as often
 * as one likes, one at a time; who wants several handshakes at once connects
 * several times.  To close the connection ends the handshake that is going on.
 * The agent may close it at any time between an answer and a request, as when
 * it has read its files again, or others want the place: connect anew.
 *
 * A message is a head of 8 bytes and fields of 8 bytes and their value each,
 * up to the message's end, in any order, none twice.  Numbers are in network
 * order, texts without a NUL:
 *
 *	head	"kTLA" (4 bytes), version (2), KTLS_AGENT_ASK or _TELL (2)
 *	field	KTLS_AGENT_* (4), length of the value (4), the value
 *
 * (In Python: struct.pack("!4sHH", b"kTLA", 1, 1), struct.pack("!II", ...).)
 *
 * With the request goes one descriptor (SCM_RIGHTS): a connected TCP socket on
 * which no byte of TLS has been sent or received.  Until the answer nobody else
 * may touch it.  Soon afterwards the agent has it no longer, whatever the answer.
 * After a failure, shut it down for writing and read what is left before
 * closing it, or a reset may overtake the alert.
 *
 * The agent refuses a request with a field that it does not know; who asks
 * skips what it does not know in an answer.
 *
 * Where the answer's KTLS_AGENT_KERNEL has both directions, the socket is the
 * connection: send(2) and recv(2) are plaintext, and to end it in good order
 * send the bytes 1, 0 as a record of type 21 (sendmsg(2), SOL_TLS,
 * TLS_SET_RECORD_TYPE).  The peer's own records that are no data (a server's
 * tickets, close_notify) need recvmsg(2) with a control buffer; see
 * Documentation/networking/tls.rst of the kernel.  For changes of keys, and
 * where user space carries a direction, there is KTLS_AGENT_STATE: what
 * ktls_conn_load() takes.  WHO READS IT CAN DECRYPT the connection.
 */
#ifndef KTLS_AGENT_H
#define KTLS_AGENT_H

#include "ktls.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define KTLS_AGENT_PATH		"/run/ktls/agent.sock"
#define KTLS_AGENT_MAGIC	0x6b544c41	/* "kTLA" */
#define KTLS_AGENT_VERSION	1
#define KTLS_AGENT_HEAD		8
#define KTLS_AGENT_FIELD	8
#define KTLS_AGENT_ASK_MAX	2048	/* a request is no longer */
#define KTLS_AGENT_TELL_MAX	131072	/* nor is an answer; most: 2 to 4 KiB */
#define KTLS_AGENT_NAME_MAX	64	/* a credential's name */

enum ktls_agent_message {
	KTLS_AGENT_ASK		= 1,
	KTLS_AGENT_TELL		= 2,
};

enum ktls_agent_field {
	/* requests: the first two are required */
	KTLS_AGENT_ROLE		= 1,	/* 1 byte: enum ktls_role */
	KTLS_AGENT_CREDENTIAL	= 2,	/* its name in the agent's file */
	/* client: whom it wants, host name or address; see ktls_hs_new() */
	KTLS_AGENT_SERVER_NAME	= 3,
	KTLS_AGENT_ALPN		= 4,	/* "h2,http/1.1"; empty: none */
	KTLS_AGENT_TIMEOUT	= 5,	/* 4 bytes: ms; less than the agent's */
	/* 1 byte: enum ktls_verify; no weaker than the agent's */
	KTLS_AGENT_VERIFY	= 6,
	/* 2 bytes: KTLS_TLS12, ...; within the agent's */
	KTLS_AGENT_MIN_VERSION	= 7,
	KTLS_AGENT_MAX_VERSION	= 8,
	/* 1 byte each: enum ktls_path */
	KTLS_AGENT_TX		= 9,
	KTLS_AGENT_RX		= 10,

	/* answers: this is always there, and alone with the next of a failure */
	KTLS_AGENT_ERROR	= 32,	/* 4 bytes: 0, errno or KTLS_E_* */
	KTLS_AGENT_ERROR_TEXT	= 33,
	KTLS_AGENT_ALERT_SENT	= 34,	/* 1 byte; absent: none */
	KTLS_AGENT_ALERT_RECEIVED = 35,	/* likewise */

	KTLS_AGENT_KERNEL	= 40,	/* 1 byte: KTLS_TX | KTLS_RX */
	KTLS_AGENT_STATE	= 41,	/* for ktls_conn_load() */
	KTLS_AGENT_TLS		= 42,	/* 2 bytes: 0x0304 */
	KTLS_AGENT_SUITE	= 43,	/* 2 bytes: IANA cipher suite */
	KTLS_AGENT_SUITE_NAME	= 44,
	KTLS_AGENT_GROUP	= 45,	/* 2 bytes: IANA named group; 0: none */
	KTLS_AGENT_CHOSEN_ALPN	= 46,	/* absent: none */
	/* server: the name that the client asked for; absent: none */
	KTLS_AGENT_ASKED_NAME	= 47,
	KTLS_AGENT_RESUMED	= 48,	/* 1 byte: 0 or 1 */
	KTLS_AGENT_PEER_VERIFIED = 49,	/* 1 byte: 0 or 1 */
	/* absent if the peer has shown no certificate */
	KTLS_AGENT_PEER_SUBJECT	= 50,
	/* 32 bytes: SHA-256 of the certificate; absent too if it was not
	   verified, or a session was resumed */
	KTLS_AGENT_PEER_SHA256	= 51,
	/* why user space carries what is sent, received; absent: it does not */
	KTLS_AGENT_TX_WHY	= 52,
	KTLS_AGENT_RX_WHY	= 53,
};

/* ---- handshakes by an agent -------------------------------------------- */

/* Fill it with KTLS_AGENT_OPTS(.credential = ..., ...) */
struct ktls_agent_opts {
	size_t size;			/* set by KTLS_AGENT_OPTS() */
	const char *path;		/* NULL: KTLS_AGENT_PATH */
	const char *credential;		/* required */
	const char *server_name;	/* client */
	const char *alpn;		/* NULL: the agent's */
	int timeout_ms;			/* 0: the agent's */
	enum ktls_verify verify;	/* KTLS_VERIFY_DEFAULT: the agent's */
	uint16_t min_version, max_version;	/* 0: the agent's */
	enum ktls_path tx, rx;
	/* 32 bytes for KTLS_AGENT_PEER_SHA256, zeros if absent; may be NULL */
	uint8_t *peer_sha256;
	/* where the reason for a failure goes, in words; may be NULL */
	char *error;
	size_t error_size;
};

#define KTLS_AGENT_OPTS(...) \
	(&(const struct ktls_agent_opts){ \
		.size = sizeof(struct ktls_agent_opts), __VA_ARGS__ })

/*
 * As ktls_connect() and ktls_accept(), with the handshake done by the agent:
 * the calls wait for it.  @config: of that role, for ktls_conn_load(), of which
 * KTLS_F_ESTABLISHED is enough; NULL: one is made, which takes about as long as
 * half a handshake.
 *
 * Returns 0 with *@conn; the failure of the handshake, as those would; or
 * -KTLS_E_AGENT_* (refused; see each), -ECONNREFUSED or -ENOENT (no agent
 * listens there), -EACCES (the path), -ETIMEDOUT, -EINVAL, -E2BIG (of @opts, what
 * this library does not know), another errno, or as ktls_conn_load().
 */
int ktls_agent_connect(struct ktls_conn **conn, int fd,
		       struct ktls_config *config,
		       const struct ktls_agent_opts *opts) KTLS_MUST_CHECK;
int ktls_agent_accept(struct ktls_conn **conn, int fd,
		      struct ktls_config *config,
		      const struct ktls_agent_opts *opts) KTLS_MUST_CHECK;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* KTLS_AGENT_H */
