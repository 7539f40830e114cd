/* SPDX-License-Identifier: GPL-2.0-only */
/* A handshake of ours with one of libssl, in memory */
#ifndef SELFTESTS_INTEROP_LIB_H
#define SELFTESTS_INTEROP_LIB_H

#include <openssl/ssl.h>

#include "hs_lib.h"
#include "peer.h"

/* What a name is the name of */
enum ssl_kind { SSL_SUITE, SSL_GROUP, SSL_SIGALG };
/* Does this libssl have it? */
bool ssl_has(enum ssl_kind kind, const char *name);

struct with {
	struct ktls_config *config;
	struct ktls_hs *hs;
	struct ssl_end *end;
	SSL *ssl;
	struct keylog ours, theirs;
	unsigned int tickets;	/* seen by with_agree() */
};

/*
 * @ours (role and options; trust and credentials as config() has them) and
 * @theirs (the other role; p256 for a server).  @name is whom the client
 * wants, whichever it is.
 */
void with_begin(struct with *w, struct ktls_opts ours, struct ssl_opts theirs,
		const char *name);
/* Once more, with our config; libssl's end is a new one */
void with_again(struct with *w, struct ssl_opts theirs, const char *name);
void with_end(struct with *w);
/* Both to the end, or the test fails */
void with_run(struct with *w, size_t max);
/* What was chosen, and the secrets, are the same; data passes both ways */
void with_agree(struct with *w);
/* Run until we give up: our reason, and libssl gets its alert */
void with_fail(struct with *w, int err, uint8_t alert);
/* ... or libssl does, and we know why; @late: we had finished before it did */
void with_refused(struct with *w, uint8_t alert, bool late);
/*
 * After with_agree(), both on a pair of sockets, ours the first, our records in
 * user space.  Our handshake is gone then.
 */
struct ktls_conn *with_connect(struct with *w, int fd[2]);
void with_disconnect(struct ktls_conn *conn, const int fd[2]);
/*
 * So connected, data of all sizes, the exporter, and the close from our side
 * first
 */
void with_data(struct with *w);

#endif /* SELFTESTS_INTEROP_LIB_H */
