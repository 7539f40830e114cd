// SPDX-License-Identifier: GPL-2.0-only
/* Random values out of a page: each once, also in threads and after fork(2) */
#include "../lib/nonces.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define LEN	16
#define MANY	2000

typedef uint8_t nonce[LEN];

FIXTURE(nonces) {
	struct nonces *n;
};

FIXTURE_SETUP(nonces)
{
	self->n = nonces_new();
	ASSERT_TRUE(self->n);
}

FIXTURE_TEARDOWN(nonces)
{
	nonces_free(self->n);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, LEN);
}

static bool all_differ(nonce *v, size_t n)
{
	static const nonce none;

	qsort(v, n, sizeof(*v), compare);
	if (!memcmp(v[0], none, LEN))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!memcmp(v[i - 1], v[i], LEN))
			return false;
	return true;
}

/* Over many pages, in lengths that do not divide one */
TEST_F(nonces, differ)
{
	static nonce v[MANY];
	uint8_t odd[37];

	for (size_t i = 0; i < MANY; i++) {
		ASSERT_OK(nonces_take(self->n, v[i], LEN));
		ASSERT_OK(nonces_take(self->n, odd, sizeof(odd)));
	}
	EXPECT_TRUE(all_differ(v, MANY));
}

/* More than a page, and none at all */
TEST_F(nonces, any_length)
{
	static uint8_t large[3 * 4096], zeros[LEN];

	for (size_t len = 1; len <= sizeof(large); len += 511) {
		memset(large, 0, sizeof(large));
		ASSERT_OK(nonces_take(self->n, large, len));
		if (len > LEN)
			EXPECT_TRUE(memcmp(large + len - LEN, zeros, LEN));
		for (size_t i = len; i < sizeof(large); i++)
			ASSERT_EQ(large[i], 0);
	}
	EXPECT_OK(nonces_take(self->n, large, 0));
}

TEST(without)
{
	static nonce v[100];

	for (size_t i = 0; i < 100; i++)
		ASSERT_OK(nonces_take(NULL, v[i], LEN));
	EXPECT_TRUE(all_differ(v, 100));
}

/* Whatever was left before, parent and child never have the same */
TEST_F(nonces, are_not_inherited)
{
	static nonce v[64];

	ASSERT_OK(nonces_take(self->n, v[0], LEN));
	for (size_t i = 1; i < 64; i += 3) {
		int fd[2], status;
		nonce got[2];
		pid_t pid;

		ASSERT_OK(pipe(fd));
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			int err = nonces_take(self->n, got[0], LEN) ||
				  nonces_take(self->n, got[1], LEN);

			err |= write(fd[1], got, sizeof(got)) != sizeof(got);
			_exit(err);
		}
		ASSERT_OK(nonces_take(self->n, v[i], LEN));
		ASSERT_EQ(read(fd[0], &v[i + 1], 2 * LEN), 2 * LEN);
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_EQ(status, 0);
		close(fd[0]);
		close(fd[1]);
	}
	EXPECT_TRUE(all_differ(v, 64));
}

struct taker {
	struct nonces *n;
	nonce *v;
	int err;
};

static void *take(void *arg)
{
	struct taker *t = arg;

	for (size_t i = 0; i < MANY && !t->err; i++)
		t->err = nonces_take(t->n, t->v[i], LEN);
	return NULL;
}

TEST_F(nonces, of_threads)
{
	static nonce v[4 * MANY];
	struct taker t[4];
	pthread_t thread[4];

	for (size_t i = 0; i < 4; i++) {
		t[i] = (struct taker){ self->n, v + i * MANY, 0 };
		ASSERT_OK(pthread_create(&thread[i], NULL, take, &t[i]));
	}
	for (size_t i = 0; i < 4; i++) {
		ASSERT_OK(pthread_join(thread[i], NULL));
		EXPECT_OK(t[i].err);
	}
	EXPECT_TRUE(all_differ(v, 4 * MANY));
}

HARNESS_MAIN
