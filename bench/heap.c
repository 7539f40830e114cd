// SPDX-License-Identifier: MIT
#include "heap.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

static _Thread_local struct heap *account;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

void heap_account(struct heap *h)
{
	account = h;
}

/* glibc: in steps of 16, at least 32, with the size in front */
static int64_t chunk(void *p)
{
	int64_t n = (int64_t)malloc_usable_size(p) + 8 + 15;

	return n < 32 ? 32 : n & ~15;
}

static void *took(enum heap_owner who, void *p, size_t n)
{
	struct heap_sum *s = account ? &account->of[who] : NULL;

	if (!s || !p)
		return p;
	s->calls++;
	s->bytes += n;
	s->blocks++;
	s->live += chunk(p);
	if (s->live > s->peak)
		s->peak = s->live;
	return p;
}

static void gave(enum heap_owner who, void *p)
{
	if (!account || !p)
		return;
	account->of[who].blocks--;
	account->of[who].live -= chunk(p);
}

void *__wrap_malloc(size_t n)
{
	return took(HEAP_OURS, __real_malloc(n), n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return took(HEAP_OURS, __real_calloc(n, size), n * size);
}

void *__wrap_realloc(void *p, size_t n)
{
	gave(HEAP_OURS, p);
	return took(HEAP_OURS, __real_realloc(p, n), n);
}

void __wrap_free(void *p)
{
	gave(HEAP_OURS, p);
	__real_free(p);
}

/* ---- libcrypto's ------------------------------------------------------- */

static void *crypto_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n ? took(HEAP_CRYPTO, __real_malloc(n), n) : NULL;
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	gave(HEAP_CRYPTO, p);
	__real_free(p);
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
	if (!n) {
		crypto_free(p, file, line);
		return NULL;
	}
	gave(HEAP_CRYPTO, p);
	return took(HEAP_CRYPTO, __real_realloc(p, n), n);
}

/* Before libcrypto has allocated anything */
__attribute__((constructor)) static void hook(void)
{
	CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
}
