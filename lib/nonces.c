// SPDX-License-Identifier: MIT
#include "nonces.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crypto.h"

/* Of a whole page; a child of fork(2) finds zeros, hence nothing left */
struct page {
	size_t left;
	size_t made_here;
	uint8_t b[4096 - 2 * sizeof(size_t)];	/* the last @left are unused */
};

struct nonces {
	pthread_mutex_t lock;
	struct page *page;
};

static struct page *page_new(void)
{
	struct page *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (!madvise(p, sizeof(*p), MADV_WIPEONFORK) &&
	    !madvise(p, sizeof(*p), MADV_DONTDUMP))
		return p;
	munmap(p, sizeof(*p));
	return NULL;
}

struct nonces *nonces_new(void)
{
	struct nonces *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->page = page_new();
	if (n->page && !pthread_mutex_init(&n->lock, NULL)) {
		n->page->made_here = 1;
		return n;
	}
	if (n->page)
		munmap(n->page, sizeof(*n->page));
	free(n);
	return NULL;
}

void nonces_free(struct nonces *n)
{
	if (!n)
		return;
	wipe(n->page, sizeof(*n->page));
	munmap(n->page, sizeof(*n->page));
	pthread_mutex_destroy(&n->lock);
	free(n);
}

bool nonces_inherited(const struct nonces *n)
{
	return !n || !n->page->made_here;
}

static int refill(struct page *p)
{
	int err = crypto_random(p->b, sizeof(p->b));

	p->left = err ? 0 : sizeof(p->b);
	return err;
}

int nonces_take(struct nonces *n, void *buf, size_t len)
{
	struct page *p;
	int err = 0;

	if (!n || len > sizeof(p->b))
		return crypto_random(buf, len);
	pthread_mutex_lock(&n->lock);
	p = n->page;
	if (p->left < len)
		err = refill(p);
	if (!err) {
		uint8_t *from = p->b + sizeof(p->b) - p->left;

		memcpy(buf, from, len);
		/* it is used once */
		memset(from, 0, len);
		p->left -= len;
	}
	pthread_mutex_unlock(&n->lock);
	return err;
}
