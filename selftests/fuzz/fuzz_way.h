/* SPDX-License-Identifier: GPL-2.0-only */
/* Kinds of handshake, and what a peer does to one that is not honest */
#ifndef SELFTESTS_FUZZ_WAY_H
#define SELFTESTS_FUZZ_WAY_H

#include "../mitm_lib.h"
#include "fuzz_lib.h"

#define WAYS_MAX	32
/* Bytes of 0-RTT that a server takes */
#define EARLY_MAX	1000

size_t ways_count(void);
/* Two ends at the beginning of one; the same ones each time */
struct mitm *way_begin(size_t nr);

/* A change to a message */
struct edit {
	uint8_t where;		/* high bit: the server's; else its number */
	uint8_t op;
	uint16_t at;
	struct slice data;
};

/* Of an input, behind a byte of which the way is a part */
#define EDITS_MAX	32

/* The next of an input */
void edit_read(struct input *in, struct edit *e);
void edit_write(struct wr *w, const struct edit *e);
/* To the message @i of @f, which stands somewhere in it as a rule afterwards */
void edit_apply(struct flight *f, size_t i, const struct edit *e);
extern const uint8_t edit_ops;

#endif /* SELFTESTS_FUZZ_WAY_H */
