/* SPDX-License-Identifier: MIT */
/*
 * A handshake that waits for its application: a signature made elsewhere, the
 * choice of a credential, a word on the peer's certificate.
 */
#ifndef KTLS_HS_WAIT_H
#define KTLS_HS_WAIT_H

#include "wire.h"

/* What comes next; as a handler, but for the message (hs->msg has it) */
typedef int hs_step(struct ktls_hs *hs);

struct hs_wait {
	unsigned int want;	/* one of KTLS_WANT_ANSWER; 0: for nothing */
	hs_step *then;
	uint64_t next;		/* ST()s that it may lead to */
	struct wr msg;		/* the message at hand, kept */
	bool last;		/* ... as in hs->msg */
	/* the request, and what it points to */
	union {
		struct ktls_sign_request sign;
		struct ktls_cred_request cred;
		struct ktls_verify_request verify;
	};
	struct wr bytes;
	void *lists;
	struct wr_mark mark;	/* SIGN: the message that it is for, open */
};

/*
 * The only place where a handshake is suspended: until the answer comes nothing
 * is received, and no rule applies; then @then runs.
 */
int hs_suspend(struct ktls_hs *hs, unsigned int want, hs_step *then);
/* Go on with @then, now or, if @err is KTLS_LATER, when @want is answered */
int hs_then(struct ktls_hs *hs, int err, unsigned int want, hs_step *then);
/* A handler has returned: may it lead to where we are? @next: ST()s */
int hs_settle(struct ktls_hs *hs, uint64_t next);

/* 0: @want is awaited; -KTLS_E_STATE, or the failure that it ended with */
int hs_awaited(const struct ktls_hs *hs, unsigned int want);
/* The answer has come, and is @err */
int hs_resume(struct ktls_hs *hs, int err);
/* Also of a request that was answered at once */
void hs_wait_free(struct hs_wait *wait);

/* ---- who is asked ------------------------------------------------------ */

/*
 * hs_sign.c: scheme and signature of hs->cred over @content to the end of the
 * message @mark, which is closed with that, then @then: now, or when it has
 * been made
 */
int hs_sign(struct ktls_hs *hs, struct wr_mark mark, struct slice content,
	    hs_step *then);

/* hs_verify.c: the peer's certificates, if there are any, then @then */
int hs_ask_verify(struct ktls_hs *hs, hs_step *then);

#endif /* KTLS_HS_WAIT_H */
