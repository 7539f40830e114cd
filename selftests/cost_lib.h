/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is dear of libcrypto's, counted: a program that looks is linked with
 * --wrap of each (build.mk).
 */
#ifndef SELFTESTS_COST_LIB_H
#define SELFTESTS_COST_LIB_H

struct costs {
	unsigned int keys, secrets, signs, verifies;
	unsigned int chains;		/* that were verified */
	unsigned int parses;		/* of a certificate */
};

extern struct costs *costs;		/* of whom it is; NULL: nobody */

void check_costs(const struct costs *is, const struct costs *want);

/* More than a handshake of two that mean well, by no more than a record */
#define FLIGHT_BYTES	(16384 + 16384)

/* max_message and max_chain, when nothing is said */
#define MESSAGE		65536
#define CHAIN		10

#endif /* SELFTESTS_COST_LIB_H */
