// SPDX-License-Identifier: GPL-2.0-only
#define OPENSSL_API_COMPAT	10100	/* RAND_set_rand_method() */
#include "fuzz_lib.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "../../lib/crypto.h"
#include "../../lib/nonces.h"
#include "../harness.h"
#include "fuzz_mutate.h"

/* ---- the same each time ------------------------------------------------ */

#define NOW	1767225600	/* 2026: the certificates of pki.sh are valid */

/* In place of the C library's, for libcrypto as well */
__attribute__((visibility("default")))
time_t time(time_t *out)
{
	if (out)
		*out = NOW;
	return NOW;
}

/* ... and, where libFuzzer is, for lib/ alone (build.mk) */
int fuzz_clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	*ts = (struct timespec){ .tv_sec = NOW };
	return 0;
}

static uint64_t random_state;

/* splitmix64 */
static int random_bytes(unsigned char *p, int len)
{
	for (int i = 0; i < len; i++) {
		uint64_t z = random_state += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		p[i] = (unsigned char)(z >> 56);
	}
	return 1;
}

uint64_t random_from(uint64_t state)
{
	uint64_t before = random_state;

	random_state = state;
	return before;
}

int __wrap_nonces_take(struct nonces *n, void *buf, size_t len);

/* Not of a page that an earlier input began */
int __wrap_nonces_take(struct nonces *n, void *buf, size_t len)
{
	(void)n;
	return crypto_random(buf, len);
}

static int random_status(void)
{
	return 1;
}

static void no_secrets_here(void)
{
	static const RAND_METHOD method = {
		.bytes = random_bytes, .pseudorand = random_bytes,
		.status = random_status,
	};

	if (RAND_set_rand_method(&method) != 1)
		abort();
}

/* ---- input ------------------------------------------------------------- */

uint32_t in_uint(struct input *in, unsigned int bytes)
{
	uint32_t n = 0;

	while (bytes--)
		n = n << 8 | (in_more(in) ? *in->p++ : 0u);
	return n;
}

struct slice in_bytes(struct input *in, size_t len)
{
	size_t left = (size_t)(in->end - in->p);
	struct slice s = { in->p, len < left ? len : left };

	in->p += s.len;
	return s;
}

/* ---- seeds and files --------------------------------------------------- */

static const char *seeds;

void seed(const void *p, size_t len)
{
	static unsigned int nr;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%04u", seeds, nr++);
	f = fopen(path, "w");
	if (!f || fwrite(p, 1, len, f) != len || fclose(f)) {
		perror(path);
		exit(1);
	}
}

void seed_with(uint8_t first, struct slice rest)
{
	struct wr w = { 0 };

	wr_u8(&w, first);
	wr_slice(&w, rest);
	seed(w.buf, w.len);
	wr_free(&w);
}

struct wr read_file(const char *path)
{
	struct wr w = { 0 };
	FILE *f = fopen(path, "r");
	uint8_t buf[4096];
	size_t n;

	ASSERT_TRUE(f) TH_LOG("%s", path);
	while ((n = fread(buf, 1, sizeof(buf), f)))
		wr_bytes(&w, buf, n);
	fclose(f);
	wr_u8(&w, 0);
	ASSERT_TRUE(wr_ok(&w));
	w.len--;
	return w;
}

const char *temp_file(unsigned int nr, struct slice content)
{
	static int fd[TEMP_FILES] = { -1, -1, -1, -1 };
	static char path[TEMP_FILES][32];

	if (fd[nr] < 0) {
		fd[nr] = memfd_create("fuzz", MFD_CLOEXEC);
		/* nobody else may write to a file of settings */
		ASSERT_OK(fchmod(fd[nr], 0600));
		snprintf(path[nr], sizeof(path[nr]), "/proc/self/fd/%d",
			 fd[nr]);
	}
	ASSERT_OK(ftruncate(fd[nr], 0));
	ASSERT_EQ(pwrite(fd[nr], content.p, content.len, 0), content.len);
	return path[nr];
}

/* ---- targets ----------------------------------------------------------- */

static const struct target targets[] = {
#define TARGET(name, of)						\
	{ #name, fuzz_##name, seed_##name, &mutator_##of },
	FUZZ_TARGETS(TARGET)
};

static const struct target *target;

/* With FUZZ_SEEDS, a directory: fill it, and no more */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (name && !strcmp(name, targets[i].name))
			target = &targets[i];
	if (!target) {
		fprintf(stderr, "FUZZ_TARGET is none of:");
		for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
			fprintf(stderr, " %s", targets[i].name);
		fprintf(stderr, "\n");
		exit(2);
	}
	signal(SIGPIPE, SIG_IGN);
	no_secrets_here();
	seeds = getenv("FUZZ_SEEDS");
	if (seeds) {
		target->seed();
		exit(0);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	random_from(0);
	target->run(p, len);
	return 0;
}

/* ---- mutation ---------------------------------------------------------- */

/* Some are of bytes: lengths that do not fit, and the like */
size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t len, size_t max,
			       unsigned int seed)
{
	uint32_t state = seed;

	if (!chance(&state, 10))
		return mutate_bytes(p, len, max, &state);
	return target->mutator->mutate(p, len, max, &state);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len,
				 const uint8_t *b, size_t b_len, uint8_t *out,
				 size_t max, unsigned int seed)
{
	uint32_t state = seed;
	struct wr w = { 0 };
	size_t n;

	if (target->mutator->cross)
		return target->mutator->cross((struct slice){ a, a_len },
					      (struct slice){ b, b_len }, out,
					      max, &state);
	n = chance(&state, (uint32_t)b_len + 1);
	wr_bytes(&w, a, chance(&state, (uint32_t)a_len + 1));
	wr_bytes(&w, b + n, b_len - n);
	return mutated(&w, out, 0, max);
}
