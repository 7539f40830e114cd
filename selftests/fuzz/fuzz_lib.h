/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The targets of libFuzzer, or of whatever else calls LLVMFuzzerTestOneInput():
 * one program, FUZZ_TARGET in the environment says which.  What an input does
 * depends on nothing else: libcrypto's randomness is a counter that begins anew
 * with each input, and the time of day stands still.
 *
 * A check that fails (harness.h) outside a test aborts: that is a finding.
 */
#ifndef SELFTESTS_FUZZ_LIB_H
#define SELFTESTS_FUZZ_LIB_H

#include <time.h>

#include "../../lib/wire.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t len, size_t max,
			       unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len,
				 const uint8_t *b, size_t b_len, uint8_t *out,
				 size_t max, unsigned int seed);

/*
 * Where the counter goes on, and where it stood: what outlives an input must
 * not come of the same bytes as what the inputs do
 */
uint64_t random_from(uint64_t state);

/* CLOCK_REALTIME as the inputs see it; libFuzzer measures its own by the true */
int fuzz_clock_gettime(clockid_t id, struct timespec *ts);

struct target {
	const char *name;
	void (*run)(const uint8_t *p, size_t len);
	void (*seed)(void);		/* calls seed() */
	const struct mutator *mutator;
};

/* One per file, and their list: name, and what its inputs are made of */
#define FUZZ_TARGETS(X)							\
	X(handshake, edits) X(post, edits) X(parse, bytes)		\
	X(load, bytes) X(cert, chain) X(config, bytes)			\
	X(agent, bytes) X(conf, bytes) X(http, bytes) X(uring, edits)	\
	X(diff, sides)

#define DECLARE_TARGET(name, of)					\
	void fuzz_##name(const uint8_t *p, size_t len);			\
	void seed_##name(void);
FUZZ_TARGETS(DECLARE_TARGET)

/* ---- reading an input: past its end there are zeros -------------------- */

struct input {
	const uint8_t *p, *end;
};

uint32_t in_uint(struct input *in, unsigned int bytes);
/* At most @len bytes */
struct slice in_bytes(struct input *in, size_t len);

static inline bool in_more(const struct input *in)
{
	return in->p != in->end;
}

/* ---- for seeds --------------------------------------------------------- */

/* A file of the corpus */
void seed(const void *p, size_t len);
/* ... with a number in front */
void seed_with(uint8_t first, struct slice rest);
/* A whole file, with a zero after it that is not counted; abort: there is none */
struct wr read_file(const char *path);

/* A file with that content: its path; gone with the next of the same @nr */
#define TEMP_FILES	4
const char *temp_file(unsigned int nr, struct slice content);

#endif /* SELFTESTS_FUZZ_LIB_H */
