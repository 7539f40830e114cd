/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The messages of a handshake as the RFCs draw them: the client's on the left,
 * the server's on the right, an arrow where a flight ends, and at the end of
 * the line how many times its keys have been changed.
 */
#ifndef SELFTESTS_FLOW_LIB_H
#define SELFTESTS_FLOW_LIB_H

#include "mitm_lib.h"

struct figure {
	size_t len;
	char text[8192];
	unsigned int level[2];	/* ChangeCipherSpecs that an end has sent */
};

/* For mitm_run(), with a struct figure */
void figure_draw(struct mitm *m, enum end from, struct flight *f, void *arg);
/* It is @want, or the test shows where it is not */
void figure_check(const struct figure *fig, const char *want);

#endif /* SELFTESTS_FLOW_LIB_H */
