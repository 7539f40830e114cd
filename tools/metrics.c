// SPDX-License-Identifier: MIT
#include "metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics_page.h"

static struct counters *all;		/* never fewer */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool counting;
static _Thread_local struct counters *mine;

/* ---- counting ---------------------------------------------------------- */

bool metrics_counting(void)
{
	return atomic_load_explicit(&counting, memory_order_relaxed);
}

/* NULL: nobody wants to know, or there is no memory for it */
static struct counters *own(void)
{
	if (mine || !metrics_counting())
		return mine;
	/* no line of the cache is another thread's, too */
	mine = aligned_alloc(64, (sizeof(*mine) + 63) / 64 * 64);
	if (!mine)
		return NULL;
	memset(mine, 0, sizeof(*mine));
	pthread_mutex_lock(&lock);
	mine->next = all;
	all = mine;
	pthread_mutex_unlock(&lock);
	return mine;
}

/* Only its thread writes it: no need for one locked instruction */
static void add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static void count(size_t offset, uint64_t n)
{
	struct counters *c = own();

	if (c)
		add((_Atomic uint64_t *)(void *)((char *)c + offset), n);
}

#define COUNT(member, n)	count(offsetof(struct counters, member), n)

static uint32_t handshake_key(const struct ktls_info *info)
{
	return (uint32_t)info->suite << 16 |
	       (info->version == KTLS_TLS13 ? 4u : 2u) |
	       (info->resumed ? 1u : 0);
}

static size_t path_of(const struct ktls_info *info)
{
	return (info->tx.step == KTLS_STEP_NONE ? 0u : 1u) +
	       (info->rx.step == KTLS_STEP_NONE ? 0u : 1u);
}

void metrics_handshake(const struct ktls_info *info)
{
	struct counters *c = own();
	uint32_t key = handshake_key(info), at;
	size_t i;

	if (!c)
		return;
	add(&c->open[path_of(info)], 1);
	for (i = 0; i < HANDSHAKES; i++) {
		at = atomic_load_explicit(&c->handshakes[i].key,
					  memory_order_relaxed);
		if (!at)
			atomic_store_explicit(&c->handshakes[i].key, key,
					      memory_order_relaxed);
		if (!at || at == key)
			break;
	}
	/* there are fewer kinds than rows */
	if (i < HANDSHAKES)
		add(&c->handshakes[i].n, 1);
}

void metrics_end(const struct ktls_info *info)
{
	struct counters *c = own();

	if (!c)
		return;
	add(&c->open[path_of(info)], UINT64_MAX);	/* one fewer */
	add(&c->rekeys[0], info->tx_updates);
	add(&c->rekeys[1], info->rx_updates);
}

void metrics_failure(int err)
{
	struct counters *c = own();

	if (c)
		add(&c->failures[metrics_reason(err)], 1);
}

void metrics_bytes(uint64_t sent, uint64_t received)
{
	struct counters *c = own();

	if (!c)
		return;
	add(&c->bytes[0], sent);
	add(&c->bytes[1], received);
}

void metrics_request(int status)
{
	struct counters *c = own();

	if (c && status >= 100 && status < 600)
		add(&c->requests[status / 100 - 1], 1);
}

void metrics_file(bool hit)
{
	struct counters *c = own();

	if (c)
		add(&c->files[hit], 1);
}

void metrics_timeout(enum metrics_timeout kind)
{
	struct counters *c = own();

	if (c)
		add(&c->timeouts[kind], 1);
}

void metrics_accept(void)
{
	COUNT(accepted, 1);
}

void metrics_refuse(void)
{
	COUNT(refused, 1);
}

void metrics_log_lost(void)
{
	COUNT(log_lost, 1);
}

void metrics_reload(bool good)
{
	struct counters *c = own();

	if (c)
		add(&c->reloads[good], 1);
}

void metrics_store(enum metrics_store result)
{
	struct counters *c = own();

	if (c)
		add(&c->store[result], 1);
}

/* ---- adding up --------------------------------------------------------- */

static void add_handshakes(struct counters *sum, const struct counters *c)
{
	for (size_t i = 0; i < HANDSHAKES && c->handshakes[i].key; i++)
		for (size_t j = 0; j < HANDSHAKES; j++) {
			struct handshakes *to = &sum->handshakes[j];

			if (to->key && to->key != c->handshakes[i].key)
				continue;
			to->key = c->handshakes[i].key;
			add(&to->n, c->handshakes[i].n);
			break;
		}
}

void metrics_sum(struct counters *sum)
{
	_Atomic uint64_t *to = (_Atomic uint64_t *)sum;
	const struct counters *c;

	memset(sum, 0, sizeof(*sum));
	pthread_mutex_lock(&lock);
	for (c = all; c; c = c->next) {
		const _Atomic uint64_t *from = (const _Atomic uint64_t *)c;

		for (size_t i = 0; i < COUNTERS_PLAIN; i++)
			add(&to[i], atomic_load_explicit(&from[i],
							 memory_order_relaxed));
		add_handshakes(sum, c);
	}
	pthread_mutex_unlock(&lock);
}

int metrics_start(const struct net_host *at)
{
	if (metrics_listen(at))
		return -1;
	atomic_store(&counting, true);
	return 0;
}

void metrics_stop(void)
{
	if (!atomic_load(&counting))
		return;
	metrics_unlisten();
	atomic_store(&counting, false);
	while (all) {
		struct counters *c = all;

		all = c->next;
		free(c);
	}
	mine = NULL;
}
