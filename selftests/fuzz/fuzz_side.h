/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a client or a server wants, as an input of the target diff says it, and
 * in the words of either library.
 */
#ifndef SELFTESTS_FUZZ_SIDE_H
#define SELFTESTS_FUZZ_SIDE_H

#include "../../lib/include/ktls.h"
#include "fuzz_lib.h"

/* Of both libraries */
enum lib { OURS, SSLS, LIBS };

enum { CLIENT, SERVER, ENDS };

#define LIST_MAX	512

struct side {
	uint16_t min, max;
	char suites13[LIBS][LIST_MAX], suites12[LIBS][LIST_MAX];
	char groups[LIBS][LIST_MAX], sigalgs[LIBS][LIST_MAX];
	char alpn[LIBS][LIST_MAX];
	const char *cert;		/* NULL: none */
	enum ktls_verify verify;
	bool client_order;
	const char *name;		/* client: of the server; NULL: none */
	bool strict_name;		/* server: KTLS_F_STRICT_NAME */
	bool no_ems;			/* libssl's alone: ours always has it */
	bool need_ems;			/* ours alone: libssl cannot demand it */
	bool no_tickets;
	bool early;			/* data in 0-RTT is sent, or taken */
	unsigned int max_fragment;	/* client */
	unsigned int record_limit;	/* ours alone: libssl has no RFC 8449 */
};

/*
 * An input is 12 bytes of the client, 12 of the server, and 2 more of each.
 * What is not there has its default.
 */
#define SIDE_BYTES	12
#define SIDE_MORE_AT	(2 * SIDE_BYTES)
#define SIDES_BYTES	(SIDE_MORE_AT + 2 * 2)

/* Bits of the first of those two bytes; the second is sizes of records */
#define SIDE_NO_EMS	(1u << 0)
#define SIDE_NEED_EMS	(1u << 1)
#define SIDE_NO_TICKETS	(1u << 2)
#define SIDE_EARLY	(1u << 3)
#define SIDE_NAME	4		/* client: which one, two bits */
#define SIDE_STRICT	(1u << 4)	/* server */
#define SIDE_NO_VERIFY	(1u << 6)	/* client */

void sides_read(struct input *in, struct side s[ENDS]);
void side_show(const char *who, const struct side *s);

#endif /* SELFTESTS_FUZZ_SIDE_H */
