/* SPDX-License-Identifier: GPL-2.0-only */
/* A reason to give up, and how to come by it */
#ifndef SELFTESTS_REASONS_LIB_H
#define SELFTESTS_REASONS_LIB_H

#include "mitm_lib.h"

/* What happens to a message on its way */
enum act_op {
	ACT_NONE,
	/* a message or its record */
	ACT_CUT,		/* its last byte, with its length */
	ACT_WRITE,		/* @with over the bytes at @at, */
	ACT_FLIP,		/* a bit of the one; below 0: from the end */
	ACT_APPEND,		/* @with behind it, in its record */
	ACT_REPLACE,
	ACT_BEFORE,		/* a message @with */
	ACT_RECORD,		/* a record of type @at */
	ACT_RAW,		/* bytes of the wire, 40 times */
	/* a hello */
	ACT_VERSION, ACT_SESSION_ID, ACT_SUITES, ACT_COMPRESSION,
	ACT_PUT, ACT_DROP,	/* the extension @at */
	ACT_EXTS,		/* @with behind its extensions */
};

struct act {
	enum act_op op;
	uint8_t msg;
	unsigned int nth;	/* of those that this end sends, from 0 */
	int at;
	struct slice with;
};

#define ACTS_MAX	2

struct reason {
	int err;		/* KTLS_E_* */
	const char *text;	/* in the words for it; NULL: just those */

	/* a handshake, */
	enum end end;		/* of which this one gives up */
	uint16_t version;	/* only this one; 0: as it comes */
	struct ktls_opts client, server;
	bool resumed;		/* the client has a ticket of the server's */
	const char *client_cert, *client_url, *server_cert, *name;
	bool server_raw;	/* the server has the key alone */
	bool key_elsewhere;	/* the server's */
	struct act act[ACTS_MAX];	/* on what the other sends */

	/* or by itself */
	void (*produce)(const struct reason *r);
	const char *cert_file, *key_file, *ca_file;
};

/* The handshake of a row, and all that has to come of it */
void reason_in_handshake(const struct reason *r);

/* Its two ends, which have not begun */
void reason_set_up(struct mitm *m, const struct reason *r);
/* @m->hs[r->end] has failed, and told the other if that still listens */
void reason_check(struct mitm *m, const struct reason *r);

/* Others, by themselves */
void reason_in_config(const struct reason *r);
void reason_crl(const struct reason *r);
void reason_early_choice(const struct reason *r);
void reason_early_data(const struct reason *r);
void reason_no_renegotiation(const struct reason *r);
void reason_peer_changed(const struct reason *r);
void reason_truncated(const struct reason *r);
void reason_keyupdate(const struct reason *r);
void reason_keyupdate_flood(const struct reason *r);
void reason_no_rekey(const struct reason *r);
void reason_key_limit(const struct reason *r);
void reason_no_post_auth(const struct reason *r);
void reason_late_answer(const struct reason *r);
void reason_requests(const struct reason *r);
void reason_session(const struct reason *r);
void reason_ticket_keys(const struct reason *r);
void reason_no_binding(const struct reason *r);
void reason_crypto(const struct reason *r);
void reason_conn_saved(const struct reason *r);
void reason_conn_socket(const struct reason *r);
void reason_no_kernel(const struct reason *r);
void reason_state(const struct reason *r);
void reason_agent(const struct reason *r);

#endif /* SELFTESTS_REASONS_LIB_H */
