// SPDX-License-Identifier: MIT
/* The program's own malloc(3) and its kin, by --wrap; libcrypto's by its hook */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "hs.h"

static struct hs_heap heap;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static void count(size_t n)
{
	heap.calls++;
	heap.bytes += n;
}

void *__wrap_malloc(size_t n)
{
	count(n);
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	count(n * size);
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	count(n);
	return __real_realloc(p, n);
}

static void *crypto_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	count(n);
	return n ? __real_malloc(n) : NULL;
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (!n) {
		free(p);
		return NULL;
	}
	count(n);
	return __real_realloc(p, n);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Before libcrypto has allocated anything */
__attribute__((constructor)) static void hook(void)
{
	CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
}

struct hs_heap hs_heap(void)
{
	return heap;
}
