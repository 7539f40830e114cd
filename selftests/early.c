// SPDX-License-Identifier: GPL-2.0-only
/* Early data, 0-RTT (RFC 9846 2.3, 4.3.12, 8), both ends ours */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/conn.h"
#include "../lib/replay.h"
#include "clock_lib.h"
#include "harness.h"
#include "hs_lib.h"
#include "session_lib.h"

#define MAX	20000

/* What servers have seen, all of them */
struct seen {
	size_t n;
	uint8_t id[16][REPLAY_ID_LEN];
};

static int first(void *arg, const void *id, size_t len, uint64_t until)
{
	struct seen *s = arg;

	EXPECT_EQ(len, REPLAY_ID_LEN);
	EXPECT_GT(until, (uint64_t)0);
	for (size_t i = 0; i < s->n; i++)
		if (!memcmp(s->id[i], id, len))
			return 0;
	ASSERT_LT(s->n, 16);
	memcpy(s->id[s->n++], id, len);
	return 1;
}

static const struct ktls_hooks hooks = { .early_first = first };

enum strategy { RECORDED, SINGLE_USE, ASKED };

FIXTURE(early) {
	struct ktls_config *client, *server;
	struct ktls_hs *c, *s;
	struct seen seen;
	uint8_t sent[2 * MAX];
	struct bytes flight;
};

FIXTURE_VARIANT(early) { enum strategy strategy; };
FIXTURE_VARIANT_ADD(early, recorded) { RECORDED };
FIXTURE_VARIANT_ADD(early, single_use) { SINGLE_USE };
FIXTURE_VARIANT_ADD(early, asked) { ASKED };

#define SERVER(...)							\
	SERVER_OF(&self->seen, __VA_ARGS__)
#define SERVER_OF(what, ...)						\
	SERVER13(.early_data = MAX, .arg = (what),			\
		 .hooks = variant->strategy == ASKED ? &hooks : NULL,	\
		 .flags = variant->strategy == SINGLE_USE ?		\
			  KTLS_F_SINGLE_USE : 0, __VA_ARGS__)

FIXTURE_SETUP(early)
{
	self->client = CLIENT13(.early_data = 10 * MAX);
	self->server = SERVER(.alpn = NULL);
	for (size_t i = 0; i < sizeof(self->sent); i++)
		self->sent[i] = (uint8_t)(i * 7 + i / 251);
	ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
}

FIXTURE_TEARDOWN(early)
{
	ktls_hs_free(self->c);
	ktls_hs_free(self->s);
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

static void begin(FIXTURE_DATA(early) *self)
{
	ASSERT_OK(ktls_hs_new(&self->c, self->client, "localhost"));
	ASSERT_OK(ktls_hs_new(&self->s, self->server, NULL));
}

static void use_server(FIXTURE_DATA(early) *self, struct ktls_config *to)
{
	ktls_config_put(self->server);
	self->server = to;
}

static size_t sent(FIXTURE_DATA(early) *self, size_t len)
{
	ssize_t n = ktls_hs_early_write(self->c, self->sent, len);

	ASSERT_GE(n, 0);
	return (size_t)n;
}

/* All that the server has got of it is right: how much */
static size_t got(FIXTURE_DATA(early) *self)
{
	uint8_t buf[333];
	size_t at = 0;
	ssize_t n;

	while ((n = ktls_hs_early_read(self->s, buf, sizeof(buf))) > 0) {
		ASSERT_LE(at + (size_t)n, sizeof(self->sent));
		EXPECT_MEMEQ(buf, self->sent + at, (size_t)n);
		at += (size_t)n;
	}
	EXPECT_TRUE(!n || n == -EAGAIN);
	return at;
}

static uint8_t outcome(const struct ktls_hs *hs)
{
	struct ktls_info info;

	ktls_hs_info(hs, &info);
	return info.early_data;
}

static bool resumed(const struct ktls_hs *hs)
{
	struct ktls_info info;

	ktls_hs_info(hs, &info);
	return info.resumed;
}

/* To the end: both say @what, and the handshake is right in any case */
static void finish(FIXTURE_DATA(early) *self, enum ktls_early what)
{
	struct two t = { self->client, self->server, self->c, self->s };

	ASSERT_OK(pump(self->c, self->s, 0));
	EXPECT_EQ(outcome(self->c), what);
	EXPECT_EQ(outcome(self->s), what);
	two_agree(&t);
	EXPECT_EQ(ktls_hs_early_write(self->c, "x", 1), -KTLS_E_STATE);
}

/* ---- accepted ---------------------------------------------------------- */

TEST_F(early, comes_with_the_first_flight)
{
	for (size_t len = 0; len <= MAX; len += MAX / 4) {
		ktls_hs_free(self->c);
		ktls_hs_free(self->s);
		self->c = self->s = NULL;
		begin(self);
		ASSERT_EQ(sent(self, len), len);
		while (pump_one(self->c, self->s, SIZE_MAX))
			;
		EXPECT_EQ(outcome(self->s), KTLS_EARLY_ACCEPTED);
		/* before the server has answered a byte */
		EXPECT_EQ(got(self), len);
		finish(self, KTLS_EARLY_ACCEPTED);
		EXPECT_EQ(got(self), 0);
		EXPECT_EQ(resumed(self->s), 1);
		/* another ticket or two */
		ASSERT_GE(shake13(self->client, self->server, NULL), 0);
	}
}

/* Until the hello is there, and from the first of it to the last */
TEST_F(early, is_waited_for)
{
	uint8_t c;

	begin(self);
	ASSERT_EQ(sent(self, 2), 2);
	do {
		EXPECT_EQ(self->s->state, S_CH);
		EXPECT_EQ(ktls_hs_early_read(self->s, &c, 1), -EAGAIN);
	} while (pump_one(self->c, self->s, 1) && self->s->state == S_CH);
	EXPECT_EQ(ktls_hs_early_read(self->s, &c, 1), -EAGAIN);
	while (pump_one(self->c, self->s, SIZE_MAX))
		;
	EXPECT_EQ(got(self), 2);
	finish(self, KTLS_EARLY_ACCEPTED);
	EXPECT_EQ(ktls_hs_early_read(self->s, &c, 1), 0);
}

TEST_F(early, in_pieces_and_while_the_answer_comes)
{
	size_t at = 0;

	begin(self);
	for (; at < 5000; at += 100)
		ASSERT_EQ(ktls_hs_early_write(self->c, self->sent + at, 100),
			  100);
	while (pump_one(self->c, self->s, 7))
		;
	/* the server's hello is there, its Finished is not */
	pump_one(self->s, self->c, 200);
	for (; at < 6000; at += 100)
		ASSERT_EQ(ktls_hs_early_write(self->c, self->sent + at, 100),
			  100);
	finish(self, KTLS_EARLY_ACCEPTED);
	EXPECT_EQ(got(self), 6000);
}

/*
 * RFC 8449 4: sizes of records are for keys of the handshake that agrees to
 * them, and early data is sent before; what follows it is held to them
 */
TEST_F(early, longer_than_records_are_to_be)
{
	ktls_config_put(self->client);
	self->client = CLIENT13(.early_data = MAX, .record_size_limit = 1000);
	use_server(self, SERVER(.record_size_limit = 64));
	ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
	begin(self);
	ASSERT_EQ(sent(self, 5000), 5000);
	while (pump_one(self->c, self->s, SIZE_MAX))
		;
	EXPECT_EQ(got(self), 5000);
	finish(self, KTLS_EARLY_ACCEPTED);
	EXPECT_EQ(record_max(&self->s->rx), 63);
	EXPECT_EQ(record_max(&self->c->tx), 63);
	EXPECT_EQ(record_max(&self->s->tx), 999);
	EXPECT_EQ(record_max(&self->c->rx), 999);
}

/* Sealed records of the flight: none longer than @max */
static void check_lengths(FIXTURE_DATA(early) *self, size_t max)
{
	const struct bytes *b = &self->flight;
	size_t sealed = 0;

	for (size_t at = 0; at < b->len; ) {
		size_t len = (size_t)(b->b[at + 3] << 8 | b->b[at + 4]);

		if (b->b[at] == CT_DATA) {
			sealed++;
			EXPECT_LE(len, max);
		}
		at += RECORD_HEADER + len;
	}
	EXPECT_GT(sealed, (size_t)1);
}

/* Nor is what pads them */
TEST_F(early, padded)
{
	static const struct { unsigned int padding, fragment; size_t max; }
	rows[] = {
		{ 468, 0, 16384 }, { 16384, 0, 16384 },
		{ 1024, 512, 512 + 1 + 16 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ktls_config_put(self->client);
		self->client = CLIENT13(.early_data = MAX,
					.padding = rows[i].padding,
					.max_fragment = rows[i].fragment);
		ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
		ASSERT_OK(ktls_hs_new(&self->c, self->client, "localhost"));
		ASSERT_EQ(sent(self, MAX), MAX);
		bytes_take(&self->flight, self->c);
		check_lengths(self, rows[i].max);
		self->flight.len = 0;
		ktls_hs_free(self->c);
		self->c = NULL;
	}
}

/* 4.3.12: what goes along with the hello is the ticket's protocol */
TEST_F(early, of_the_tickets_protocol)
{
	struct ktls_config *to = SERVER(.alpn = "h2");
	struct ktls_info info;

	ktls_config_put(self->client);
	self->client = CLIENT13(.early_data = MAX, .alpn = "h2,http/1.1");
	use_server(self, SERVER(.alpn = "http/1.1"));
	ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
	share_keys(self->server, to);
	use_server(self, to);
	begin(self);
	ktls_hs_info(self->c, &info);
	EXPECT_STREQ(info.alpn, "http/1.1");
	ASSERT_EQ(sent(self, 100), 100);
	finish(self, KTLS_EARLY_REJECTED);
	ktls_hs_info(self->c, &info);
	EXPECT_STREQ(info.alpn, "h2");
}

TEST_F(early, no_more_than_the_ticket_allows)
{
	begin(self);
	EXPECT_EQ(sent(self, MAX + 1), MAX);
	EXPECT_EQ(sent(self, 1), 0);
	finish(self, KTLS_EARLY_ACCEPTED);
	EXPECT_EQ(got(self), MAX);
}

/* 5.5: its key is not to be changed; two records are left for its end */
TEST_F(early, no_more_than_the_key_allows)
{
	ktls_config_put(self->client);
	self->client = CLIENT13(.early_data = MAX, .max_records = 8);
	ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
	begin(self);
	for (size_t i = 0; i < 6; i++)
		ASSERT_EQ(ktls_hs_early_write(self->c, self->sent + i, 1), 1);
	EXPECT_EQ(sent(self, 1), 0);
	finish(self, KTLS_EARLY_ACCEPTED);
	EXPECT_EQ(got(self), 6);
}

TEST_F(early, more_than_the_ticket_allows)
{
	begin(self);
	self->c->early.left = MAX + 1;
	ASSERT_EQ(sent(self, MAX + 1), MAX + 1);
	EXPECT_EQ(pump(self->c, self->s, 0), -KTLS_E_EARLY_DATA);
	EXPECT_EQ(self->s->info.alert_sent, KTLS_ALERT_UNEXPECTED_MESSAGE);
	check_dead(self->s);
	EXPECT_EQ(ktls_hs_early_read(self->s, self->sent, 1),
		  -KTLS_E_EARLY_DATA);
}

TEST_F(early, not_without_being_asked_for)
{
	struct ktls_config *to = CLIENT13(.early_data = 0);

	ASSERT_OK(move_session(self->client, to));
	ktls_config_put(self->client);
	self->client = to;
	begin(self);
	EXPECT_EQ(ktls_hs_early_write(self->c, "x", 1), -KTLS_E_STATE);
	EXPECT_EQ(ktls_hs_early_write(self->s, "x", 1), -KTLS_E_STATE);
	EXPECT_EQ(ktls_hs_early_read(self->c, self->sent, 1), -EINVAL);
	finish(self, KTLS_EARLY_NONE);
	EXPECT_EQ(resumed(self->c), 1);
}

/* ---- what may stand there ------------------------------------------------ */

/* A server of early data that has got the first flight; always a new hello */
static void wait_early(FIXTURE_DATA(early) *self, const struct exported *e)
{
	struct ktls_config *to = CLIENT13(.early_data = MAX);

	ktls_hs_free(self->c);
	ktls_hs_free(self->s);
	ktls_config_put(self->client);
	ASSERT_OK(ktls_session_import(to, e->b, e->len));
	self->client = to;
	begin(self);
	ASSERT_EQ(sent(self, 10), 10);
	while (pump_one(self->c, self->s, SIZE_MAX))
		;
	ASSERT_EQ(self->s->state, S_EARLY);
}

/* In the open or under the early key: the status of the server */
static int give(FIXTURE_DATA(early) *self, bool sealed, uint8_t type,
		const void *p, size_t len)
{
	struct record plain = { 0 };
	struct feed f = { .hs = self->s };
	struct wr w = { 0 };

	ASSERT_OK(record_seal(sealed ? &self->c->tx : &plain, KTLS_TLS12, type,
			      p, len, &w));
	feed(&f, w.buf, w.len, 0);
	wr_free(&w);
	return ktls_hs_error(self->s);
}

static void check_unexpected(FIXTURE_DATA(early) *self, int err)
{
	EXPECT_EQ(ktls_hs_error(self->s), err);
	EXPECT_EQ(self->s->info.alert_sent, KTLS_ALERT_UNEXPECTED_MESSAGE);
	check_dead(self->s);
}

TEST_F(early, every_message)
{
	struct exported e;

	if (variant->strategy != RECORDED)
		return;
	export_session(self->client, &e);
	for (unsigned int msg = 0; msg < 256; msg++) {
		const uint8_t type = (uint8_t)msg;

		wait_early(self, &e);
		give(self, true, CT_HANDSHAKE, &type, 1);
		if (msg == HT_END_OF_EARLY_DATA)
			EXPECT_EQ(ktls_hs_error(self->s), 0);
		else
			check_unexpected(self, -KTLS_E_UNEXPECTED);
	}
	/* it has no body, and the key changes behind it */
	wait_early(self, &e);
	EXPECT_EQ(give(self, true, CT_HANDSHAKE, "\5\0\0\1x", 5),
		  -KTLS_E_DECODE);
	wait_early(self, &e);
	EXPECT_EQ(give(self, true, CT_HANDSHAKE, "\5\0\0\0\24", 5),
		  -KTLS_E_UNALIGNED);
	/* after it there is no more */
	wait_early(self, &e);
	EXPECT_EQ(give(self, true, CT_HANDSHAKE, "\5\0\0\0", 4), 0);
	EXPECT_EQ(give(self, true, CT_DATA, "x", 1), -KTLS_E_RECORD_MAC);
	/* nor anything in the open, but what says that the client gives up */
	wait_early(self, &e);
	EXPECT_EQ(give(self, false, CT_DATA, "x", 1), -KTLS_E_RECORD_MAC);
	wait_early(self, &e);
	EXPECT_EQ(give(self, false, CT_HANDSHAKE, "\5\0\0\0", 4),
		  -KTLS_E_RECORD_TYPE);
}

TEST_F(early, flood_of_empty_records)
{
	begin(self);
	ASSERT_EQ(sent(self, 10), 10);
	while (pump_one(self->c, self->s, SIZE_MAX))
		;
	for (int i = 0; i < 32; i++)
		ASSERT_EQ(give(self, true, CT_DATA, "", 0), 0);
	give(self, true, CT_DATA, "", 0);
	check_unexpected(self, -KTLS_E_RECORD_FLOOD);
}

/* ---- rejected ---------------------------------------------------------- */

/* The handshake goes on without it, resumed or not */
static void rejected(FIXTURE_DATA(early) *self, bool resumes)
{
	begin(self);
	ASSERT_EQ(sent(self, MAX), MAX);
	finish(self, KTLS_EARLY_REJECTED);
	EXPECT_EQ(got(self), 0);
	EXPECT_EQ(resumed(self->c), resumes);
}

TEST_F(early, by_a_server_that_takes_none)
{
	struct ktls_config *to = SERVER13(.alpn = NULL);

	share_keys(self->server, to);
	use_server(self, to);
	rejected(self, variant->strategy != SINGLE_USE);
}

TEST_F(early, by_a_server_that_asks_for_another_hello)
{
	struct ktls_config *to = SERVER(.groups = "secp384r1");

	share_keys(self->server, to);
	use_server(self, to);
	rejected(self, variant->strategy != SINGLE_USE);
	EXPECT_EQ(self->c->info.retried, 1);
}

TEST_F(early, by_a_server_with_other_keys)
{
	use_server(self, SERVER(.alpn = NULL));
	rejected(self, false);
}

/* Its ticket allows more than this one keeps in memory; it is skipped whole */
TEST_F(early, by_a_server_that_takes_less)
{
	struct ktls_config *less, *more = SERVER13(.early_data = 400000);

	(void)variant;
	ktls_config_put(self->client);
	self->client = CLIENT13(.early_data = 400000);
	ASSERT_EQ(shake13(self->client, more, NULL), FULL);
	less = SERVER13(.early_data = 399999);
	share_keys(more, less);
	ktls_config_put(more);
	use_server(self, less);
	begin(self);
	for (size_t n = 0; n < 400000; n += MAX)
		ASSERT_EQ(sent(self, MAX), MAX);
	finish(self, KTLS_EARLY_REJECTED);
	EXPECT_EQ(got(self), 0);
	EXPECT_EQ(resumed(self->c), true);
}

/* 8.3: it says that it is younger, or older, than it is */
TEST_F(early, by_its_age)
{
	struct ktls_hs *late;

	begin(self);
	ASSERT_EQ(sent(self, 100), 100);
	clock_ahead(11);
	finish(self, KTLS_EARLY_REJECTED);
	EXPECT_EQ(got(self), 0);
	/* a moment is nothing */
	clock_ahead(11);
	ASSERT_EQ(shake13(self->client, self->server, NULL), RESUMED);
	ASSERT_OK(ktls_hs_new(&late, self->client, "localhost"));
	ktls_hs_free(self->c);
	self->c = late;
	ASSERT_EQ(sent(self, 100), 100);
	clock_ahead(16);
	ktls_hs_free(self->s);
	ASSERT_OK(ktls_hs_new(&self->s, self->server, NULL));
	finish(self, KTLS_EARLY_ACCEPTED);
}

TEST_F(early, by_another_suite)
{
	struct ktls_config *to;

	if (variant->strategy == SINGLE_USE)
		return;
	to = SERVER(.ciphers = "TLS_CHACHA20_POLY1305_SHA256");
	share_keys(self->server, to);
	use_server(self, to);
	/* the ticket's has the same hash, or else it is not resumed either */
	begin(self);
	ASSERT_EQ(sent(self, 100), 100);
	finish(self, KTLS_EARLY_REJECTED);
	EXPECT_EQ(got(self), 0);
}

TEST_F(early, by_a_server_of_12)
{
	use_server(self, SERVER12(.alpn = NULL));
	begin(self);
	ASSERT_EQ(sent(self, 100), 100);
	EXPECT_LT(pump(self->c, self->s, 0), 0);
	EXPECT_EQ(ktls_hs_error(self->c), -KTLS_E_VERSION);
}

/* ---- replayed (8) ------------------------------------------------------ */

/* Record the flight, and give it to @server: has it taken the data? */
static bool play(FIXTURE_DATA(early) *self, struct ktls_config *server)
{
	struct feed f = { 0 };
	uint8_t buf[100];
	struct ktls_hs *hs;
	bool taken;

	ASSERT_OK(ktls_hs_new(&hs, server, NULL));
	f.hs = hs;
	ASSERT_EQ(feed(&f, self->flight.b, self->flight.len, 0),
		  self->flight.len);
	taken = outcome(hs) == KTLS_EARLY_ACCEPTED;
	EXPECT_EQ(ktls_hs_error(hs), 0);
	EXPECT_EQ(ktls_hs_early_read(hs, buf, sizeof(buf)),
		  taken ? (ssize_t)sizeof(buf) : 0);
	ktls_hs_free(hs);
	return taken;
}

static void record(FIXTURE_DATA(early) *self)
{
	ASSERT_OK(ktls_hs_new(&self->c, self->client, "localhost"));
	ASSERT_EQ(sent(self, 100), 100);
	bytes_take(&self->flight, self->c);
}

TEST_F(early, replayed_to_one)
{
	record(self);
	EXPECT_TRUE(play(self, self->server));
	for (int t = 0; t < 40; t += 3) {
		clock_ahead(t);
		EXPECT_FALSE(play(self, self->server));
	}
	clock_ahead(0);
	EXPECT_FALSE(play(self, self->server));
}

/* Two that share their ticket keys, in either order */
TEST_F(early, replayed_to_another)
{
	struct shelf shelf = { .n = 0 };
	struct ktls_config *a, *b;
	static struct ktls_session_store store;

	pthread_mutex_init(&shelf.lock, NULL);
	store = shelf_store;
	for (int order = 0; order < 2; order++) {
		struct ktls_config *ask[2];

		ktls_config_put(self->client);
		ktls_hs_free(self->c);
		self->flight.len = 0;
		self->client = CLIENT13(.early_data = MAX);
		if (variant->strategy == SINGLE_USE) {
			a = SERVER_OF(&shelf, .session_store = &store);
			b = SERVER_OF(&shelf, .session_store = &store);
		} else {
			a = SERVER(.alpn = NULL);
			b = SERVER(.alpn = NULL);
		}
		share_keys(a, b);
		ASSERT_EQ(shake13(self->client, a, NULL), FULL);
		record(self);
		ask[0] = order ? b : a;
		ask[1] = order ? a : b;
		/* where each records for itself, only who made the ticket */
		EXPECT_EQ(play(self, ask[0]),
			  !order || variant->strategy != RECORDED);
		EXPECT_EQ(play(self, ask[1]),
			  order && variant->strategy == RECORDED);
		for (int i = 0; i < 2; i++)
			EXPECT_FALSE(play(self, ask[i]));
		ktls_config_put(a);
		ktls_config_put(b);
	}
}

/* Of one memory each child has a copy, which the others do not write to */
TEST_F(early, replayed_to_children)
{
	record(self);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		int status;

		ASSERT_GE(pid, 0);
		if (!pid)
			_exit(play(self, self->server));
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		/* who asks is told by what all of them ask, which this is not */
		EXPECT_EQ(status, variant->strategy == ASKED ? 1 << 8 : 0);
	}
	EXPECT_TRUE(play(self, self->server));
}

/* Two with the same keys, each of which knows of one way alone */
TEST_F(early, replayed_to_another_way)
{
	struct ktls_config *to = SERVER13(.early_data = MAX,
			.arg = &self->seen, .hooks = variant->strategy ==
			ASKED ? NULL : &hooks);

	if (variant->strategy == SINGLE_USE) {
		ktls_config_put(to);
		return;
	}
	share_keys(self->server, to);
	record(self);
	EXPECT_TRUE(play(self, self->server));
	EXPECT_FALSE(play(self, to));
	ktls_config_put(to);
}

struct fleet {
	struct shelf shelf;	/* first: it is the argument of both */
	struct seen seen;
};

static int fleet_first(void *arg, const void *id, size_t len, uint64_t until)
{
	return first(&((struct fleet *)arg)->seen, id, len, until);
}

/* The ticket was used, and then the store is as it was before that */
TEST_F(early, replayed_to_a_store_that_was_brought_back)
{
	static const struct ktls_hooks asks = { .early_first = fleet_first };
	struct fleet fleet = { .seen.n = 0 };
	struct shelved before[SHELF_MAX];

	if (variant->strategy != SINGLE_USE)
		return;
	pthread_mutex_init(&fleet.shelf.lock, NULL);
	use_server(self, SERVER13(.early_data = MAX, .arg = &fleet,
				  .session_store = &shelf_store,
				  .hooks = &asks,
				  .flags = KTLS_F_SINGLE_USE));
	ktls_config_put(self->client);
	self->client = CLIENT13(.early_data = MAX);
	ASSERT_EQ(shake13(self->client, self->server, NULL), FULL);
	record(self);
	memcpy(before, fleet.shelf.at, sizeof(before));
	EXPECT_TRUE(play(self, self->server));
	EXPECT_FALSE(play(self, self->server));
	EXPECT_EQ(fleet.seen.n, 1);
	memcpy(fleet.shelf.at, before, sizeof(before));
	EXPECT_FALSE(play(self, self->server));
}

/* A server that has started again has forgotten, and knows it */
TEST_F(early, replayed_to_one_that_started_again)
{
	struct ktls_config *to = SERVER(.alpn = NULL);

	share_keys(self->server, to);
	record(self);
	EXPECT_TRUE(play(self, self->server));
	EXPECT_FALSE(play(self, to));
	ktls_config_put(to);
}

/* ---- the record of them ------------------------------------------------- */

static void make_id(uint8_t id[REPLAY_ID_LEN], uint32_t n)
{
	memset(id, 0x5a, REPLAY_ID_LEN);
	memcpy(id, &n, sizeof(n));
}

/* From when a hello may come to when it is in no window, of a late thread either */
#define KNOWN	(2 * REPLAY_WINDOW + 1000)

TEST(record_is_bounded)
{
	struct replay *r = replay_new();
	uint8_t id[REPLAY_ID_LEN];
	uint64_t now = 1000000;
	uint32_t n = 0;

	ASSERT_TRUE(r);
	for (;; n++) {
		make_id(id, n);
		if (!replay_first(r, id, now))
			break;
	}
	EXPECT_EQ(n, 24576);
	for (uint32_t i = 0; i < n; i += 97) {
		make_id(id, i);
		EXPECT_FALSE(replay_first(r, id, now + KNOWN - 1));
	}
	/* room again, and the last ones are still known */
	make_id(id, n);
	EXPECT_TRUE(replay_first(r, id, now + KNOWN));
	make_id(id, n - 1);
	EXPECT_FALSE(replay_first(r, id, now + KNOWN));
	EXPECT_FALSE(replay_first(r, id, now + 2 * KNOWN - 1));
	EXPECT_TRUE(replay_first(r, id, now + 2 * KNOWN));
	/* the clock goes back: until it is where it was, nothing is new */
	make_id(id, n + 1);
	EXPECT_FALSE(replay_first(r, id, now));
	EXPECT_TRUE(replay_first(r, id, now + 2 * KNOWN));
	replay_free(r);
}

/*
 * A thread has looked at the clock, and others have come before it: its hello
 * is new, and an old one of the same moment is not
 */
TEST(record_takes_who_is_late)
{
	struct replay *r = replay_new();
	uint8_t id[4][REPLAY_ID_LEN];
	uint64_t now = 1000000;

	ASSERT_TRUE(r);
	for (uint32_t i = 0; i < 4; i++)
		make_id(id[i], i);
	EXPECT_TRUE(replay_first(r, id[0], now));
	EXPECT_TRUE(replay_first(r, id[1], now - 1));
	EXPECT_FALSE(replay_first(r, id[0], now - 1));
	EXPECT_FALSE(replay_first(r, id[1], now));
	EXPECT_FALSE(replay_first(r, id[2], now - 1001));
	/* the last moment of the first ones, when their record has been left */
	EXPECT_TRUE(replay_first(r, id[2], now + KNOWN));
	EXPECT_FALSE(replay_first(r, id[1], now + 2 * REPLAY_WINDOW - 1));
	EXPECT_TRUE(replay_first(r, id[3], now + KNOWN - 1000));
	EXPECT_FALSE(replay_first(r, id[3], now + KNOWN));
	replay_free(r);
}

/* ---- over a socket ------------------------------------------------------ */

/* What ktls_accept() leaves is the connection's */
TEST_F(early, then_the_hand_off)
{
	for (int read = 0; read < 2; read++) {
		struct pair p = { .fd = { -1, -1 } };
		uint8_t buf[4096];
		size_t at = 0;
		ssize_t n;

		tcp_pair(p.fd);
		ktls_hs_free(self->c);
		ktls_hs_free(self->s);
		begin(self);
		ASSERT_EQ(sent(self, 10000), 10000);
		for (int i = 0; i < 2; i++) {
			EXPECT_EQ(fcntl(p.fd[i], F_SETFL, O_NONBLOCK), 0);
		}
		for (int i = 0; i < 1000; i++) {
			int a = ktls_hs_run(self->c, p.fd[0]);
			int b = ktls_hs_run(self->s, p.fd[1]);

			ASSERT_GE(a, 0);
			ASSERT_GE(b, 0);
			if (read)
				while ((n = ktls_hs_early_read(self->s, buf,
						sizeof(buf))) > 0)
					at += (size_t)n;
			if (!a && !b)
				break;
		}
		for (int i = 0; i < 2; i++)
			EXPECT_EQ(fcntl(p.fd[i], F_SETFL, 0), 0);
		ASSERT_OK(ktls_offload(&p.client, self->c, p.fd[0]));
		ASSERT_OK(ktls_offload(&p.server, self->s, p.fd[1]));
		self->c = self->s = NULL;
		if (!read) {
			char state[8];

			EXPECT_EQ(ktls_conn_save(p.server, state,
						 sizeof(state), 0), -EBUSY);
		}
		while ((n = ktls_conn_early_read(p.server, buf,
						 sizeof(buf))) > 0) {
			EXPECT_FALSE(read);
			EXPECT_MEMEQ(buf, self->sent + at, (size_t)n);
			at += (size_t)n;
		}
		EXPECT_EQ(n, 0);
		EXPECT_EQ(at, 10000);
		exchange(p.client, p.server, 10000);
		exchange(p.server, p.client, 10000);
		pair_close(&p);
	}
}

HARNESS_MAIN
