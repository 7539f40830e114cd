// SPDX-License-Identifier: MIT
#include "heap.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "../lib/vault.h"

static _Thread_local struct heap *account;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);
void *__real_vault_alloc(size_t n);
void __real_vault_free(void *p, size_t n);
void *__wrap_vault_alloc(size_t n);
void __wrap_vault_free(void *p, size_t n);

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

static void add(enum heap_owner who, size_t n, int64_t room)
{
	struct heap_sum *s = account ? &account->of[who] : NULL;

	if (!s)
		return;
	s->calls++;
	s->bytes += n;
	s->blocks++;
	s->live += room;
	if (s->live > s->peak)
		s->peak = s->live;
}

static void drop(enum heap_owner who, int64_t room)
{
	if (!account)
		return;
	account->of[who].blocks--;
	account->of[who].live -= room;
}

static void *took(enum heap_owner who, void *p, size_t n)
{
	if (p)
		add(who, n, chunk(p));
	return p;
}

static void gave(enum heap_owner who, void *p)
{
	if (p)
		drop(who, chunk(p));
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

/* ---- the library's, for secrets ---------------------------------------- */

/* What it gets itself for that does not count */
void *__wrap_vault_alloc(size_t n)
{
	struct heap *was = account;
	void *p;

	account = NULL;
	p = __real_vault_alloc(n);
	account = was;
	if (p)
		add(HEAP_OURS, n, (int64_t)vault_room(n));
	return p;
}

void __wrap_vault_free(void *p, size_t n)
{
	struct heap *was = account;

	account = NULL;
	__real_vault_free(p, n);
	account = was;
	if (p)
		drop(HEAP_OURS, (int64_t)vault_room(n));
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
