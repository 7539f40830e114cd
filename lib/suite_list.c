// SPDX-License-Identifier: MIT
/* What this libcrypto has of the tables in suite.c */
#include <pthread.h>

#include "crypto.h"
#include "include/ktls.h"

static struct {
	pthread_mutex_t lock;
	bool known;
	const char *suites[SUITES_MAX + 1];
	const char *groups[GROUPS_MAX + 1];
	const char *sigalgs[SIGSCHEMES_MAX + 1];
	size_t suites_len, groups_len, sigalgs_len;
} have = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void fill(const struct crypto *crypto)
{
	for (size_t i = 0; i < suites_len; i++)
		if (!suites[i].named_only &&
		    crypto_has_aead(crypto, suites[i].aead))
			have.suites[have.suites_len++] = suites[i].name;
	for (size_t i = 0; i < groups_len; i++)
		if (crypto_has_group(crypto, &groups[i]))
			have.groups[have.groups_len++] = groups[i].name;
	for (size_t i = 0; i < sigschemes_len; i++)
		if (crypto_has_sigscheme(crypto, &sigschemes[i]))
			have.sigalgs[have.sigalgs_len++] = sigschemes[i].name;
}

/* Once; where there was no memory for it, the next call tries again */
static bool learnt(void)
{
	struct crypto *crypto;
	bool known;

	pthread_mutex_lock(&have.lock);
	if (!have.known && !crypto_new(&crypto)) {
		fill(crypto);
		crypto_free(crypto);
		have.known = true;
	}
	known = have.known;
	pthread_mutex_unlock(&have.lock);
	return known;
}

const char *ktls_suite_list(size_t i)
{
	return learnt() && i < have.suites_len ? have.suites[i] : NULL;
}

const char *ktls_group_list(size_t i)
{
	return learnt() && i < have.groups_len ? have.groups[i] : NULL;
}

const char *ktls_sigalg_list(size_t i)
{
	return learnt() && i < have.sigalgs_len ? have.sigalgs[i] : NULL;
}
