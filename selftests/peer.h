/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every test of TLS needs: certificates, two ends in memory, a TCP pair,
 * and libssl as the other end.
 */
#ifndef SELFTESTS_PEER_H
#define SELFTESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/include/ktls.h"

/* ---- certificates (made by pki.sh at build time, into TEST_PKI) -------- */

/*
 * For "localhost", "*.example.test", 127.0.0.1 and ::1, signed by ca.pem:
 * p256 p384 p521 ed25519 ed448 rsa2048 rsapss client; with a fault of their
 * own: expired future othername nosign (keyUsage without digitalSignature)
 * clientonly (extendedKeyUsage) sha1 rsa1024 stranger (another CA) selfsigned;
 * rsaleaf (P-256, signed by an RSA intermediate), by384 (by one on P-384, with
 * SHA-256);
 * chain (leaf + intermediate) and nointer (the intermediate left out).
 * For static ECDH: ecdh256 ecdh384 ecdh521 (keyUsage allows signatures, too)
 * ecdhany (without keyUsage) ecdhrsa (signed by an RSA intermediate) and
 * nosign; not for it: rsaagree (an RSA key with keyAgreement) and compressed
 * (a P-256 key whose point is compressed).
 * staple demands its status (RFC 7633), responder signs that of others.
 * client and clientonly are for clients alone, serveronly for servers alone;
 * othername is for "other.test".  Each is the CN of its subject.
 */
const char *pki(const char *name);	/* ".../NAME.pem": chain */
const char *pki_key(const char *name);	/* ".../NAME.key" */
struct ktls_cred pki_cred(const char *name);

/*
 * A config, or the test fails.  What @opts leaves out: trust is ca.pem, a
 * server's credential is p256.
 */
struct ktls_config *config(const struct ktls_opts *opts);
/* The plain ones: server with p256; client that trusts ca.pem */
struct ktls_config *server_config(void);
struct ktls_config *client_config(void);

/* ---- two ends in memory ------------------------------------------------ */

/* Move what @from has to send to @to, at most @max bytes: bytes moved */
size_t pump_one(struct ktls_hs *from, struct ktls_hs *to, size_t max);
/*
 * Run both to the end, @max bytes at a time (0: all at once).  0, or the
 * error of the end that failed first; alerts are delivered to the other.
 */
int pump(struct ktls_hs *client, struct ktls_hs *server, size_t max);

/* ---- sockets ----------------------------------------------------------- */

/* A connected TCP pair over loopback; both blocking; [0] client, [1] server */
void tcp_pair(int fd[2]);
/* The same, where little fits into either queue, and goes in little pieces */
void tcp_pair_small(int fd[2]);

struct pair {
	int fd[2];
	struct ktls_conn *client, *server;
};

/* Handshake and hand-off on a new TCP pair, both ends ours */
void pair_open(struct pair *p, struct ktls_config *client,
	       struct ktls_config *server);
void pair_close(struct pair *p);

/* Send @len bytes and receive them at the other end, comparing */
void exchange(struct ktls_conn *from, struct ktls_conn *to, size_t len);

/* ---- libssl ------------------------------------------------------------ */

struct ssl_opts {
	bool server;
	const char *cert;	/* pki name; NULL: none */
	bool verify;		/* the peer, against ca.pem */
	bool require;		/* server: a client certificate */
	const char *ciphers, *groups, *sigalgs, *alpn;	/* libssl's names */
	const char *name;	/* client: server_name and name to verify */
	bool middlebox_off;
	size_t tickets;		/* server: how many after the handshake */
};

struct ssl_end;
struct ssl_end *ssl_end_new(const struct ssl_opts *opts);
void ssl_end_free(struct ssl_end *end);
/* The next connection of its context, with its tickets; @name of a client */
void ssl_end_again(struct ssl_end *end, const char *name);
/* Handshake in memory against @hs: 0, or the hs' error, or -EPROTO: libssl's */
int ssl_pump(struct ssl_end *end, struct ktls_hs *hs, size_t max);
/* libssl's last error, for messages */
const char *ssl_end_error(struct ssl_end *end);
/* The last alert that libssl has received or sent, or KTLS_ALERT_NONE */
int ssl_end_alert_received(const struct ssl_end *end);
int ssl_end_alert_sent(const struct ssl_end *end);
/* The SSL object, for tests that include <openssl/ssl.h> */
void *ssl_end_ssl(struct ssl_end *end);
/* The same over a socket, blocking (for use in a thread or a child) */
int ssl_end_run(struct ssl_end *end, int fd);

#endif /* SELFTESTS_PEER_H */
