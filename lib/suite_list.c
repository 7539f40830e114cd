// SPDX-License-Identifier: MIT
/* What this libcrypto has of the tables in suite.c */
#include <pthread.h>

#include "crypto.h"
#include "include/ktls.h"

static struct {
	pthread_once_t once;
	const char *suites[SUITES_MAX + 1];
	const char *groups[GROUPS_MAX + 1];
	const char *sigalgs[SIGSCHEMES_MAX + 1];
	size_t suites_len, groups_len, sigalgs_len;
} have = { .once = PTHREAD_ONCE_INIT };

static void have_fill(void)
{
	struct crypto *crypto;

	if (crypto_new(&crypto))
		return;
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
	crypto_free(crypto);
}

const char *ktls_suite_list(size_t i)
{
	pthread_once(&have.once, have_fill);
	return i < have.suites_len ? have.suites[i] : NULL;
}

const char *ktls_group_list(size_t i)
{
	pthread_once(&have.once, have_fill);
	return i < have.groups_len ? have.groups[i] : NULL;
}

const char *ktls_sigalg_list(size_t i)
{
	pthread_once(&have.once, have_fill);
	return i < have.sigalgs_len ? have.sigalgs[i] : NULL;
}
