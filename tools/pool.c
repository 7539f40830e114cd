// SPDX-License-Identifier: MIT
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "net.h"
#include "place.h"
#include "service.h"
#include "text.h"

#define BACKOFF_MS	1000	/* without a try after a failure */
#define SAY_MS		60000	/* between two refusals in the log */

static struct {
	struct place place;
	int timeout;
	pthread_mutex_t lock;
	struct redis *idle[THREADS_MAX];	/* each thread borrows one */
	size_t idle_len;
	bool down, probing;
	int64_t retry_at;
	int64_t said_at;	/* of refusals; 0: never */
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- the log ----------------------------------------------------------- */

static void log_why(const char *what, const char *why)
{
	struct text t = { 0 };

	text_value(&t, why);
	log_line("store: %s: %s", what, t.failed ? "" : t.buf);
	text_free(&t);
}

static void log_down(int err, const struct redis_answer *answer)
{
	/* the store's own words, unless its door is shut to us already */
	bool told = err == -EACCES && *answer->text;

	log_why("down, sessions are not resumed by it",
		told ? answer->text : strerror(-err));
}

void pool_refused(const char *why)
{
	int64_t now = net_clock();
	bool say;

	pthread_mutex_lock(&pool.lock);
	say = !pool.said_at || now - pool.said_at >= SAY_MS;
	if (say)
		pool.said_at = now;
	pthread_mutex_unlock(&pool.lock);
	if (say)
		log_why("refuses", why);
}

/* ---- loans ------------------------------------------------------------- */

static struct redis *pop(void)
{
	struct redis *r;

	pthread_mutex_lock(&pool.lock);
	r = pool.idle_len ? pool.idle[--pool.idle_len] : NULL;
	pthread_mutex_unlock(&pool.lock);
	return r;
}

/* Whoever is let in while it is down is alone */
static bool let_in(struct loan *loan)
{
	bool in;

	pthread_mutex_lock(&pool.lock);
	in = !pool.down ||
	     (!pool.probing && net_clock() >= pool.retry_at);
	loan->probe = in && pool.down;
	pool.probing |= loan->probe;
	pthread_mutex_unlock(&pool.lock);
	return in;
}

int pool_borrow(struct loan *loan, struct redis_answer *answer)
{
	int err;

	if (!let_in(loan))
		return -EBUSY;
	loan->due = net_clock() + pool.timeout;
	/* the store ends connections that are idle: that is no failure */
	while ((loan->redis = pop()) && !redis_fresh(loan->redis))
		redis_close(loan->redis);
	if (loan->redis)
		return 0;
	err = redis_open(&loan->redis, &pool.place.redis, loan->due, answer);
	if (err)
		pool_return(loan, err, answer);
	return err;
}

void pool_return(struct loan *loan, int err, const struct redis_answer *answer)
{
	struct redis *r = loan->redis;
	bool was_down;

	/* the idle ones have most likely met the same fate */
	for (; err && r; r = pop())
		redis_close(r);
	pthread_mutex_lock(&pool.lock);
	was_down = pool.down;
	pool.down = err;
	if (loan->probe)
		pool.probing = false;
	if (err)
		pool.retry_at = net_clock() + BACKOFF_MS;
	else
		pool.idle[pool.idle_len++] = loan->redis;
	pthread_mutex_unlock(&pool.lock);
	if (err && !was_down)
		log_down(err, answer);
	else if (!err && was_down)
		log_line("store: answers again");
}

/* ---- beginning --------------------------------------------------------- */

int pool_start(const struct fleet_options *o)
{
	pool.timeout = o->timeout ? o->timeout : FLEET_TIMEOUT;
	return place_open(&pool.place, o);
}

void pool_stop(void)
{
	while (pool.idle_len)
		redis_close(pool.idle[--pool.idle_len]);
	place_close(&pool.place);
}
