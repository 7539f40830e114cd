/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A man in the middle of two handshakes of ours, in memory.  He knows all the
 * keys, those of TLS 1.2 once they are in use: what an end sends he takes
 * apart into its messages, lets the test change them, and seals them again as
 * the other end wants them sealed.
 */
#ifndef SELFTESTS_MITM_LIB_H
#define SELFTESTS_MITM_LIB_H

#include "../lib/hs.h"

enum end { CLIENT_END, SERVER_END };

#define OTHER(end)	((end) == CLIENT_END ? SERVER_END : CLIENT_END)

/* ---- what an end has sent ---------------------------------------------- */

/*
 * Make it right for whom it reaches, by their transcript: the signature of a
 * CertificateVerify with the sender's key, the MAC of a Finished
 */
enum fix { FIX_NONE, FIX_VERIFY, FIX_FINISHED };

/*
 * A handshake message, or the content of a record of another type.  Sealed
 * ones are sealed again, where who gets it has a key; else they go as records
 * of CT_DATA, in the open.
 */
struct item {
	uint8_t type;		/* of content */
	bool sealed;
	bool raw;		/* data is a record with its header */
	bool join;		/* in one record with the next item */
	bool early;		/* data in 0-RTT */
	size_t piece;		/* records of at most so many bytes; 0: one */
	size_t pad;		/* zeros after the content's type */
	enum fix fix;
	struct wr data;
};

#define FLIGHT_MAX	80

struct flight {
	size_t n;
	struct item item[FLIGHT_MAX];
};

/* A new one before @at, which is @n to append; with a copy of @data */
struct item *flight_insert(struct flight *f, size_t at, uint8_t type,
			   bool sealed, const void *data, size_t len);
struct item *flight_copy(struct flight *f, size_t at,
			 const struct item *from);
void flight_remove(struct flight *f, size_t at);
void flight_swap(struct flight *f, size_t a, size_t b);
/* Each message in a record of its own */
void flight_part(struct flight *f);
void flight_free(struct flight *f);
/* Replace the content */
void item_set(struct item *it, const void *data, size_t len);
/* The message of that type, or it is a failure */
struct item *flight_find(struct flight *f, uint8_t msg);

static inline bool item_is(const struct item *it, uint8_t msg)
{
	return it->type == CT_HANDSHAKE && !it->raw && it->data.len &&
	       it->data.buf[0] == msg;
}

/* The header's length, after the body has changed its own */
void item_fix_length(struct item *it);

/* ---- the two ends ------------------------------------------------------ */

struct known {
	struct secret client_hs, server_hs, client_app, server_app;
	struct secret early;	/* a server that refuses 0-RTT has none */
};

struct mitm {
	struct ktls_config *config[2];
	struct ktls_hs *hs[2];
	char name[64];		/* whom the client wants */
	struct known known[2];	/* as each end has logged them */
	struct record open[2];	/* for what this end sends */
	struct frag frag[2];
	struct record seal[2];	/* for what this end gets */
	struct record early;	/* for a server that refuses 0-RTT */
	struct wr late[2];	/* for this end's connection: tickets of 1.3 */
	bool in_early;		/* open[CLIENT_END] is that of 0-RTT */
	struct traffic_keys sealing[2], opening[2];	/* of these two */
	struct traffic_keys tx_keys[2];	/* of this end, the last it had */
	const struct suite *tx_suite[2];
	bool keyed[2];			/* ... if they are known */
	bool blind[2];			/* and if they never will be */
	size_t flights[2];	/* that this end has sent */
	/* ... in the flights before the present one; 1.2's CCS is one, too */
	size_t messages[2];
	int alert[2];		/* that this end has sent; -1: none */
	bool forged;		/* a fix made the ends differ */
};

/*
 * Begin with configs of these options, whose records are user space's (and the
 * hooks' argument ours); NULL:
 * plain ones.  @name NULL: "localhost".
 */
void mitm_begin(struct mitm *m, const struct ktls_opts *client,
		const struct ktls_opts *server, const char *name);
/* Once more, with the same configs */
void mitm_again(struct mitm *m);
void mitm_end(struct mitm *m);

/*
 * Called for each flight before it goes on; what is left of it does.
 * @m->messages[from] is the number of its first message.
 */
typedef void mitm_edit(struct mitm *m, enum end from, struct flight *f,
		       void *arg);

/* An edit: another body for the message of a type that an end sends */
struct forged {
	enum end from;
	uint8_t msg;
	struct slice body;
};

void flight_forge(struct mitm *m, enum end from, struct flight *f, void *arg);

/*
 * Run until nothing moves.  Then each end that failed has sent the alert of
 * its reason, and no two ends are done and disagree.  @edit may be NULL.
 */
void mitm_run(struct mitm *m, mitm_edit *edit, void *arg);
/* The same, until an end has that state; else it is a failure */
void mitm_run_to(struct mitm *m, enum end end, enum hs_state state);

/* What @it->fix says, for @to as it is now */
void item_fix(struct mitm *m, enum end to, struct item *it);

/* By hand: what @from has sent, and giving it to the other end */
void mitm_read(struct mitm *m, enum end from, struct flight *f);
void mitm_send(struct mitm *m, enum end from, struct flight *f);
/* A record of @type for @to, sealed if it has a key: its status then */
int mitm_record(struct mitm *m, enum end to, uint8_t type, const void *p,
		size_t len);
/* Bytes for @to as they stand */
int mitm_bytes(struct mitm *m, enum end to, const void *p, size_t len);

static inline bool mitm_tls12(const struct mitm *m, enum end end)
{
	return m->hs[end]->info.version == KTLS_TLS12;
}

static inline bool mitm_done(const struct mitm *m)
{
	return ktls_hs_wants(m->hs[CLIENT_END]) == KTLS_WANT_DONE &&
	       ktls_hs_wants(m->hs[SERVER_END]) == KTLS_WANT_DONE;
}

/*
 * Two connections from two ends that are done, records in user space, over a
 * pair of sockets.  The ends are gone then.
 */
struct joined {
	int fd[2];
	struct ktls_conn *conn[2];
};

void mitm_join(struct mitm *m, struct joined *j);
void joined_end(struct joined *j);

/* Both are done and agree, or it is a failure */
void mitm_agree(struct mitm *m);
/* @end has failed for @err (-KTLS_E_*) with its alert, or it is a failure */
void mitm_failed(struct mitm *m, enum end end, int err);

#endif /* SELFTESTS_MITM_LIB_H */
