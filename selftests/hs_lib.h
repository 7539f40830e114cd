/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two handshakes of ours, against each other: to begin them, to see that they
 * agree in everything, or that they fail as they should.
 */
#ifndef SELFTESTS_HS_LIB_H
#define SELFTESTS_HS_LIB_H

#include "../lib/hs.h"
#include "peer.h"

struct two {
	struct ktls_config *client_config, *server_config;
	struct ktls_hs *client, *server;
};

/* KTLS_OPTS() for the one and the other; NULL: the plain ones */
void two_begin(struct two *t, const struct ktls_opts *client,
	       const struct ktls_opts *server, const char *name);
/* Once more, with the same configs */
void two_again(struct two *t, const char *name);
void two_end(struct two *t);

/* Both are done, have the same secrets, and each knows what the other chose */
void two_agree(const struct two *t);
/* two_begin(), pump() @max bytes at a time, two_agree() */
void two_run(struct two *t, const struct ktls_opts *client,
	     const struct ktls_opts *server, const char *name, size_t max);

/*
 * @failed has failed for the reason @err (-KTLS_E_*) and sent @alert, and
 * @other has got it, unless it had finished before
 */
void check_failure(struct ktls_hs *failed, struct ktls_hs *other, int err,
		   uint8_t alert);
/* What a failure leaves: no secrets, nothing wanted, the error for every call */
void check_dead(struct ktls_hs *hs);

/*
 * Run to the end, which is the failure @err of the server (@server) or the
 * client; @text must be in its reason in words.
 */
void two_fail(struct two *t, bool server, int err, uint8_t alert,
	      const char *text);

/* ---- records ----------------------------------------------------------- */

struct bytes {
	size_t len;
	uint8_t b[1 << 16];
};

void bytes_add(struct bytes *to, const void *p, size_t len);
/* All that @hs has to send */
void bytes_take(struct bytes *to, struct ktls_hs *hs);
/*
 * Give @hs bytes as long as it takes any, @max at a time (0: as it likes), and
 * check that it never asks past the end of a record.  @p begins with a record,
 * or goes on where the last call ended.  Returns what it took.
 */
struct feed {
	struct ktls_hs *hs;
	uint8_t head[5];
	size_t have, need;	/* of this record; need 0: header unknown */
};
size_t feed(struct feed *f, const uint8_t *p, size_t len, size_t max);

/* ---- key logs ---------------------------------------------------------- */

struct keylog {
	size_t len;
	char line[16][256];
};

/* For the hook, with the struct as its argument */
void keylog_add(void *arg, const char *line);
/* The same lines, in any order */
void keylog_same(const struct keylog *a, const struct keylog *b);

#endif /* SELFTESTS_HS_LIB_H */
