/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RFC 8448, the handshakes of others: the bytes, and the way through them with
 * the parts of the library (key exchange, schedule, transcript, records).
 */
#ifndef SELFTESTS_RFC8448_LIB_H
#define SELFTESTS_RFC8448_LIB_H

#include "../lib/hs.h"

/*
 * The private keys of the key exchange, and the records in their order, those
 * of one flight together; NULL: not there
 */
struct trace {
	const char *name;
	const char *client_key, *server_key;	/* x25519, but for the retry */
	const char *client_hello;
	const char *client_early;		/* with 0-RTT */
	const char *retry, *client_hello2;
	const char *server_hello, *server_flight;
	const char *client_end;			/* EndOfEarlyData */
	const char *client_flight;
	const char *server_after, *client_after;	/* up to close_notify */
};

extern const struct trace rfc8448_simple, rfc8448_resumed, rfc8448_retry,
	rfc8448_auth, rfc8448_compat;

/* ---- bytes ------------------------------------------------------------- */

void unhex(struct wr *w, const char *hex);
struct slice wr_all(const struct wr *w);
void expect_hex(const char *what, struct slice got, const char *hex);
#define EXPECT_SECRET(s, hex) \
	expect_hex(#s, (struct slice){ (s)->b, (s)->len }, hex)
/* The content of the plaintext record that @hex is, kept in @w */
struct slice content_of(struct wr *w, const char *hex);
/* The next of the messages in @all, with its header */
struct slice next_message(struct slice *all);
struct slice body_of(struct slice msg);

/* The key whose private half is @hex, and whose share is first in @shares */
struct kex kex_of(const char *hex, struct slice shares);

/* ---- a trace, worked through ------------------------------------------- */

struct work {
	struct crypto *crypto;
	const struct suite *suite;
	struct wr buf[10];	/* what slices are borrowed from */
	size_t bufs;
	struct client_hello ch;	/* the one that was answered */
	struct server_hello sh;
	struct slice ch_msg, sh_msg;
	struct sched sched;
	struct transcript transcript;
	struct secret client_hs, server_hs, client_app, server_app, exporter;
	struct slice flight;	/* the server's, decrypted */
	struct secret before_cv, before_fin, after_fin;	/* its digests */
	struct wr client_flight;	/* decrypted, messages alone */
};

/* Read the hellos; the transcript goes up to the ServerHello then */
void work_begin(struct work *k, const struct trace *t);
void work_agree(struct work *k, const struct trace *t,
		struct kex_secret *secret);
/* From the Handshake Secret on, up to the application's secrets */
void work_server_flight(struct work *k, const struct trace *t);
void work_client_flight(struct work *k, const struct trace *t);
/* What comes after, under @traffic: 50 bytes perhaps, and close_notify */
void work_data(struct work *k, const struct secret *traffic,
	       const char *hex);
/* All of these, of a handshake without a PSK */
void work_through(struct work *k, const struct trace *t);
void work_end(struct work *k);

/* Derive-Secret with what the transcript is by now */
void work_derive(struct work *k, const char *label, struct secret *out);
/*
 * Open the records in @hex and add those of @type to @out, all of which it
 * returns; and check that, sealed by us, they would be the same
 */
struct slice work_open(struct work *k, const struct secret *traffic,
		       const char *hex, uint8_t type, struct wr *out);

#endif /* SELFTESTS_RFC8448_LIB_H */
