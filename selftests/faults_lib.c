// SPDX-License-Identifier: GPL-2.0-only
/* The Nth chance, and memory: what is given back, and how much is out */
#include "faults_lib.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int err;
} kinds[FAULT_KINDS] = {
	[FAULT_ALLOC] = { "alloc", ENOMEM },
	[FAULT_CRYPTO_ALLOC] = { "crypto_alloc", 0 },
	[FAULT_CRYPTO] = { "crypto", 0 },
	[FAULT_SHORT] = { "short", 0 },
	[FAULT_END] = { "end", 0 },
	[FAULT_CTRUNC] = { "ctrunc", 0 },
#define ERRNO(e) [FAULT_##e] = { #e, e }
	ERRNO(EINTR), ERRNO(EAGAIN), ERRNO(ECONNRESET), ERRNO(EPIPE),
	ERRNO(ENOMEM), ERRNO(EIO), ERRNO(ENOENT), ERRNO(ENOPROTOOPT),
	ERRNO(EINVAL), ERRNO(EBUSY), ERRNO(EEXIST), ERRNO(EBADMSG),
	ERRNO(EMFILE), ERRNO(ENOBUFS), ERRNO(ECANCELED),
#undef ERRNO
};

static struct {
	bool on, taken;
	int paused;
	enum fault kind;
	unsigned int left;
	const char *where, *only;
} armed;

const char *fault_name(enum fault kind)
{
	return kinds[kind].name;
}

int fault_errno(enum fault kind)
{
	return kinds[kind].err;
}

void fault_arm(enum fault kind, unsigned int n)
{
	armed.kind = kind;
	armed.left = n;
	armed.where = "nothing";
	armed.taken = false;
	armed.on = true;
}

void fault_only(const char *where)
{
	armed.only = where;
}

bool fault_disarm(void)
{
	armed.on = false;
	return armed.taken;
}

bool fault_taken(void)
{
	return armed.taken;
}

const char *fault_where(void)
{
	return armed.where;
}

void fault_pause(int by)
{
	armed.paused += by;
}

enum fault fault_due(unsigned int allowed, const char *where)
{
	if (!armed.on || armed.paused || armed.taken ||
	    !(allowed & 1u << armed.kind) ||
	    (armed.only && strcmp(armed.only, where)) || --armed.left)
		return FAULT_KINDS;
	armed.taken = true;
	armed.where = where;
	if (kinds[armed.kind].err)
		errno = kinds[armed.kind].err;
	return armed.kind;
}

static bool denied(enum fault kind, const char *where)
{
	return fault_due(1u << kind, where) == kind;
}

/* ---- secrets ------------------------------------------------------------ */

#define KNOWN_MAX	64

static struct {
	uint8_t b[KNOWN_MAX][SECRET_NEEDLE];
	char name[KNOWN_MAX][48];
	bool first[256];
	unsigned int n, at;
} known;

static char freed[48];

void secret_known(const char *name, const void *b)
{
	memcpy(known.b[known.at], b, SECRET_NEEDLE);
	snprintf(known.name[known.at], sizeof(known.name[0]), "%s", name);
	known.first[known.b[known.at][0]] = true;
	known.at = (known.at + 1) % KNOWN_MAX;
	if (known.n < KNOWN_MAX)
		known.n++;
}

void secret_forget_all(void)
{
	memset(&known, 0, sizeof(known));
	freed[0] = '\0';
}

const char *secret_freed(void)
{
	return freed[0] ? freed : NULL;
}

/* A stack has what only its functions may touch, as sanitizers have it */
__attribute__((no_sanitize("address")))
static const char *is_known(const uint8_t *p)
{
	for (unsigned int i = 0; i < known.n; i++) {
		size_t j = 0;

		while (j < SECRET_NEEDLE && p[j] == known.b[i][j])
			j++;
		if (j == SECRET_NEEDLE)
			return known.name[i];
	}
	return NULL;
}

__attribute__((no_sanitize("address")))
const char *secret_find(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i + SECRET_NEEDLE <= len; i++) {
		const char *name = known.first[b[i]] ? is_known(b + i) : NULL;

		if (name)
			return name;
	}
	return NULL;
}

static void look_at(void *p)
{
	const char *name;

	if (!known.n || !p)
		return;
	name = secret_find(p, malloc_usable_size(p));
	if (name)
		memcpy(freed, name, sizeof(freed));
}

/* ---- memory ------------------------------------------------------------- */

static struct blocks live;

struct blocks fault_blocks(void)
{
	return live;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t n);
void __wrap_free(void *p);

static void *took(void *p)
{
	live.ours += !!p;
	return p;
}

void *__wrap_malloc(size_t n)
{
	return denied(FAULT_ALLOC, "malloc") ? NULL : took(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return denied(FAULT_ALLOC, "calloc") ? NULL :
	       took(__real_calloc(n, size));
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return denied(FAULT_ALLOC, "aligned_alloc") ? NULL :
	       took(__real_aligned_alloc(align, n));
}

void __wrap_free(void *p)
{
	look_at(p);
	live.ours -= !!p;
	__real_free(p);
}

static void *crypto_malloc(size_t n, const char *file, int line)
{
	void *p;

	(void)line;
	if (!n || denied(FAULT_CRYPTO_ALLOC, file))
		return NULL;
	p = __real_malloc(n);
	live.crypto += !!p;
	return p;
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	look_at(p);
	live.crypto -= !!p;
	__real_free(p);
}

/* Always to another place: what is left of the old one is looked at */
static void *crypto_realloc(void *old, size_t n, const char *file, int line)
{
	size_t had = old ? malloc_usable_size(old) : 0;
	void *p = crypto_malloc(n, file, line);

	if (p && old)
		memcpy(p, old, had < n ? had : n);
	if (p || !n)
		crypto_free(old, file, line);
	return p;
}

/* Before libcrypto has allocated anything */
__attribute__((constructor)) static void hook(void)
{
	if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc,
				      crypto_free))
		abort();
}

/* ---- libcrypto's calls ---------------------------------------------------
 *
 * Any of them: of no more than ten arguments, integers and pointers, which
 * every ABI that we know passes on as they came.  Which there are says the
 * library (build.mk).
 */

static bool call_denied(const char *name)
{
	if (!denied(FAULT_CRYPTO, name))
		return false;
	ERR_raise(ERR_LIB_CRYPTO, ERR_R_MALLOC_FAILURE);
	return true;
}

#define CALL(name)							\
	long __real_##name(long, long, long, long, long, long, long,	\
			   long, long, long);				\
	long __wrap_##name(long, long, long, long, long, long, long,	\
			   long, long, long);				\
	long __wrap_##name(long a, long b, long c, long d, long e,	\
			   long f, long g, long h, long i, long j)	\
	{								\
		return call_denied(#name) ? 0 :				\
		       __real_##name(a, b, c, d, e, f, g, h, i, j);	\
	}
#include "faults_calls.h"
