// SPDX-License-Identifier: MIT
#include "fleet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "metrics.h"
#include "pool.h"

#define ID_MAX	64

/*
 * How long an id of early data is remembered beyond what the library asks for,
 * and how far, so, the clocks of the servers may be apart
 */
#define SKEW_MS	10000

struct key {
	char b[16 + ID_MAX];
	size_t len;
};

static bool make_key(struct key *k, const char *kind, const void *id,
		     size_t id_len)
{
	size_t len = strlen(kind);

	if (id_len > ID_MAX)
		return false;
	memcpy(k->b, kind, len);
	memcpy(k->b + len, id, id_len);
	k->len = len + id_len;
	return true;
}

#define SESSION	"ktls:session:"
#define HELLO	"ktls:hello:"

/* Words of a command: of the program's, and of others' */
#define WORD(s)		{ (s), sizeof(s) - 1 }
#define KEY(k)		{ (k)->b, (k)->len }
#define COUNT(a)	(sizeof(a) / sizeof(*(a)))

/* ---- asking ------------------------------------------------------------ */

static void count_failure(int err)
{
	metrics_store(err == -EBUSY ? STORE_SKIPPED :
		      err == -ETIMEDOUT ? STORE_TIMEOUT : STORE_ERROR);
}

/* Has the store answered, with something else than a refusal? */
static bool answered(int err, const struct redis_answer *a)
{
	if (!err && a->kind == REDIS_REFUSED) {
		pool_refused(a->text);
		err = -EACCES;
	}
	if (err)
		count_failure(err);
	return !err;
}

static bool ask(const struct redis_arg *args, size_t n, struct redis_answer *a)
{
	struct loan loan;
	int err = pool_borrow(&loan, a);

	if (!err) {
		err = redis_ask(loan.redis, args, n, loan.due, a);
		pool_return(&loan, err, a);
	}
	return answered(err, a);
}

/* ---- sessions ---------------------------------------------------------- */

static int keep(void *arg, const void *id, size_t id_len, const void *session,
		size_t len, uint64_t expires)
{
	uint64_t now = (uint64_t)time(NULL);
	struct redis_answer a;
	struct key key;
	char seconds[24];

	(void)arg;
	if (expires <= now || !make_key(&key, SESSION, id, id_len))
		return -EINVAL;
	snprintf(seconds, sizeof(seconds), "%" PRIu64, expires - now);
	if (!ask((struct redis_arg[]){ WORD("SET"), KEY(&key),
				       { session, len }, WORD("EX"),
				       { seconds, strlen(seconds) } }, 5, &a))
		return -EIO;
	metrics_store(STORE_KEPT);
	return 0;
}

/* The library sees whether it is a session */
static ssize_t get(const struct redis_arg command, const void *id,
		   size_t id_len, void *buf, size_t size)
{
	struct redis_answer a;
	struct key key;

	if (!make_key(&key, SESSION, id, id_len))
		return -EINVAL;
	if (!ask((struct redis_arg[]){ command, KEY(&key) }, 2, &a))
		return -EIO;
	if (a.kind != REDIS_TEXT || a.len > size) {
		metrics_store(STORE_MISS);
		return 0;
	}
	metrics_store(STORE_HIT);
	memcpy(buf, a.text, a.len);
	return (ssize_t)a.len;
}

static ssize_t fetch(void *arg, const void *id, size_t id_len, void *buf,
		     size_t size)
{
	(void)arg;
	return get((struct redis_arg)WORD("GET"), id, id_len, buf, size);
}

static ssize_t take(void *arg, const void *id, size_t id_len, void *buf,
		    size_t size)
{
	(void)arg;
	return get((struct redis_arg)WORD("GETDEL"), id, id_len, buf, size);
}

static void forget(void *arg, const void *id, size_t id_len)
{
	struct redis_answer a;
	struct key key;

	(void)arg;
	if (make_key(&key, SESSION, id, id_len) &&
	    ask((struct redis_arg[]){ WORD("DEL"), KEY(&key) }, 2, &a))
		metrics_store(STORE_FORGOTTEN);
}

const struct ktls_session_store fleet_sessions = {
	.store = keep,
	.fetch = fetch,
	.forget = forget,
	.take = take,
};

/* ---- early data -------------------------------------------------------- */

/*
 * A store that began to run after a hello was accepted, or was brought back to
 * an earlier state, may not know it any more: only when it has run for as long
 * as an id is remembered does not knowing it mean that it is new.
 */
static int first(struct redis *r, int64_t due, const struct key *key,
		 int64_t ms, struct redis_answer *a, enum metrics_store *result)
{
	char number[24];
	int64_t age;
	int err = redis_age(r, due, a, &age);

	if (err)
		return err;
	*result = STORE_YOUNG;
	a->kind = REDIS_NONE;
	if (age < ms)
		return 0;
	snprintf(number, sizeof(number), "%" PRId64, ms);
	err = redis_ask(r, (struct redis_arg[]){
			WORD("SET"), KEY(key), WORD(""), WORD("NX"), WORD("PX"),
			{ number, strlen(number) } }, 6, due, a);
	*result = !err && a->kind == REDIS_TEXT ? STORE_FIRST : STORE_SEEN;
	return err;
}

int fleet_first(void *arg, const void *id, size_t id_len, uint64_t until)
{
	int64_t ms = ((int64_t)until - (int64_t)time(NULL)) * 1000 + SKEW_MS;
	enum metrics_store result = STORE_SEEN;
	struct redis_answer a;
	struct loan loan;
	struct key key;
	int err;

	(void)arg;
	if (!make_key(&key, HELLO, id, id_len))
		return 0;
	err = pool_borrow(&loan, &a);
	if (!err) {
		err = first(loan.redis, loan.due, &key, ms, &a, &result);
		/* a refusal is an answer, and the connection is good */
		err = err == -EACCES ? 0 : err;
		pool_return(&loan, err, &a);
	}
	if (!answered(err, &a))
		return 0;
	metrics_store(result);
	return result == STORE_FIRST;
}
