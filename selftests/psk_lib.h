/* SPDX-License-Identifier: GPL-2.0-only */
/* Tickets of TLS 1.3 as a client keeps them, and hellos that offer them */
#ifndef SELFTESTS_PSK_LIB_H
#define SELFTESTS_PSK_LIB_H

#include "hello_lib.h"

#define EXT_PSK		41
#define EXT_MODES	45
#define EXT_SHARES	51

#define BINDERS_MAX	1000

struct offer {
	struct session s;
	struct wr ticket;
};

/* Two tickets, from a connection over a socket between the ends of @m */
void psk_earn(struct mitm *m, struct offer got[2]);
void psk_offers_free(struct offer got[2]);
/* The client has this one for its peer, and no other */
void psk_keep(struct mitm *m, const struct offer *o);

/* What pre_shared_key is made of */
struct entry {
	const struct offer *of;		/* NULL: nobody's */
	size_t binder_len;		/* 0: as the hash */
	size_t binder_of;		/* another entry's, counted from 1 */
};

/*
 * Put it at the end of the hello, in place of what is there; binders are right
 * for the hello as it is then
 */
void psk_put(struct mitm *m, struct item *hello, const struct entry *e,
	     size_t n);

#endif /* SELFTESTS_PSK_LIB_H */
