// SPDX-License-Identifier: MIT
#include "vault.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "secret.h"

/* gcc has the one, clang the other */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HAS_ASAN	1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN	1
#endif
#ifndef HAS_ASAN
#define HAS_ASAN	0
#endif

#define RUN_LEN		65536	/* a multiple of any page's */
#define SLOT_MAX	16384	/* above: pages of its own */
#define SPARE_MAX	8	/* runs without a slot in use that are kept */

/* Given back: all zeros but for this */
struct slot {
	struct slot *next;
};

/* Slots of one size; it stands before them, aligned to its length */
struct run {
	struct run *next, *prev;	/* with room, and slots of this size */
	struct slot *free;
	uint32_t size;
	uint32_t used;			/* slots */
	_Alignas(VAULT_STEP) uint32_t fresh;	/* where none has been yet */
};

static struct {
	pthread_mutex_t lock;
	bool forks;			/* it is held over a fork(2) */
	unsigned int spare;
	struct run *roomy[SLOT_MAX / VAULT_STEP + 1];
} vault = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- pages -------------------------------------------------------------- */

static void *pages_new(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (!madvise(p, len, MADV_DONTDUMP))
		return p;
	munmap(p, len);
	return NULL;
}

/*
 * Twice as much has one that is aligned in it.  The last one is taken: it meets
 * the mapping above, which is the run before, and both are one to the kernel.
 */
static void *aligned_new(void)
{
	uint8_t *p = pages_new(2 * RUN_LEN);
	size_t before = RUN_LEN - (uintptr_t)p % RUN_LEN;

	if (!p)
		return NULL;
	munmap(p, before);
	if (before < RUN_LEN)
		munmap(p + before + RUN_LEN, RUN_LEN - before);
	return p + before;
}

/* ---- runs --------------------------------------------------------------- */

static struct run **list_of(const struct run *r)
{
	return &vault.roomy[r->size / VAULT_STEP];
}

static void link_run(struct run *r)
{
	struct run **list = list_of(r);

	r->prev = NULL;
	r->next = *list;
	if (r->next)
		r->next->prev = r;
	*list = r;
}

static void unlink_run(struct run *r)
{
	*(r->prev ? &r->prev->next : list_of(r)) = r->next;
	if (r->next)
		r->next->prev = r->prev;
}

static bool is_full(const struct run *r)
{
	return !r->free && r->fresh + r->size > RUN_LEN;
}

static void hold(void)
{
	pthread_mutex_lock(&vault.lock);
}

static void let_go(void)
{
	pthread_mutex_unlock(&vault.lock);
}

/*
 * Else a child would wait for a thread that it does not have.  At load, for
 * there may be one already that takes the lock when first something is kept.
 */
__attribute__((constructor)) static void see_forks(void)
{
	if (!vault.forks)
		vault.forks = !pthread_atfork(hold, let_go, let_go);
}

static struct run *run_new(size_t size)
{
	struct run *r;

	see_forks();	/* if memory lacked at load */
	r = vault.forks ? aligned_new() : NULL;
	if (!r)
		return NULL;
	r->size = (uint32_t)size;
	r->fresh = sizeof(*r);
	vault.spare++;
	link_run(r);
	return r;
}

static void *take_slot(struct run *r)
{
	struct slot *s = r->free;

	if (s) {
		r->free = s->next;
		s->next = NULL;
	} else {
		s = (struct slot *)((uint8_t *)r + r->fresh);
		r->fresh += r->size;
	}
	if (!r->used++)
		vault.spare--;
	if (is_full(r))
		unlink_run(r);
	return s;
}

/* The run, if nobody needs it any more */
static struct run *give_slot(struct slot *s)
{
	struct run *r = (struct run *)((uintptr_t)s & ~(uintptr_t)(RUN_LEN - 1));

	if (is_full(r))
		link_run(r);
	s->next = r->free;
	r->free = s;
	if (--r->used)
		return NULL;
	if (vault.spare < SPARE_MAX) {
		vault.spare++;
		return NULL;
	}
	unlink_run(r);
	return r;
}

/* ---- the calls ---------------------------------------------------------- */

static void *alloc(size_t len)
{
	size_t size = vault_room(len + !len);
	struct run *r;
	void *p;

	if (size > SLOT_MAX)
		return pages_new(len);
	hold();
	r = vault.roomy[size / VAULT_STEP];
	if (!r)
		r = run_new(size);
	p = r ? take_slot(r) : NULL;
	let_go();
	return p;
}

static void release(void *p, size_t len)
{
	struct run *r;

	if (vault_room(len) > SLOT_MAX) {
		munmap(p, len);
		return;
	}
	hold();
	r = give_slot(p);
	let_go();
	if (r)
		munmap(r, RUN_LEN);
}

/* ASan sees what is wrong with a block only if it is one of its own */
void *vault_alloc(size_t len)
{
	return HAS_ASAN ? calloc(1, len + !len) : alloc(len);
}

void vault_free(void *p, size_t len)
{
	wipe(p, len);
	if (HAS_ASAN)
		free(p);
	else if (p)
		release(p, len);
}
