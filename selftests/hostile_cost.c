// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a stranger can make an end do, counted: operations with public keys, and
 * bytes of memory, for what he has sent.  The documented bounds: SECURITY.md.
 */
#include <errno.h>
#include <string.h>

#include "../bench/heap.h"
#include "cost_lib.h"
#include "harness.h"
#include "hello_lib.h"
#include "hs_lib.h"
#include "session_lib.h"

/* ---- by what was sent --------------------------------------------------- */

/*
 * Flights of the client that the server gets; the byte @changed from the end of
 * the last is another one
 */
struct row {
	uint16_t version;
	const char *groups;
	unsigned int flags;
	enum ktls_verify verify;
	unsigned int flights;
	size_t first;		/* bytes of the first; 0: all */
	size_t changed;
	int err;
	struct costs costs;
};

FIXTURE(server) {
	struct ktls_config *client, *server;
};
FIXTURE_VARIANT(server) { struct row row; };

#define V12	KTLS_TLS12
#define V13	KTLS_TLS13
#define OPTIONAL KTLS_VERIFY_OPTIONAL
#define ROW(name, ...)							\
	FIXTURE_VARIANT_ADD(server, name) { { __VA_ARGS__ } }

ROW(nothing, V13, .flights = 0);
ROW(half_a_hello, V13, .flights = 1, .first = 100);
ROW(no_common_group, V13, .groups = "secp384r1", .flights = 1,
    .err = -KTLS_E_NO_GROUP);
ROW(with_a_cookie, V13, .flags = KTLS_F_COOKIE, .flights = 1);
ROW(hello12, V12, .flights = 1, .costs = { .keys = 1, .signs = 1 });
ROW(hello13, V13, .flights = 1,
    .costs = { .keys = 1, .secrets = 1, .signs = 1 });
ROW(finished13, V13, .flights = 2, .changed = 1, .err = -KTLS_E_RECORD_MAC,
    .costs = { .keys = 1, .secrets = 1, .signs = 1 });
ROW(finished12, V12, .flights = 2, .changed = 1, .err = -KTLS_E_RECORD_MAC,
    .costs = { .keys = 1, .secrets = 1, .signs = 1 });
/* a certificate: its chain, and then one signature */
ROW(certificate12, V12, .verify = OPTIONAL, .flights = 2,
    .costs = { .keys = 1, .secrets = 1, .signs = 1, .verifies = 1,
	       .chains = 1, .parses = 1 });
ROW(certificate13, V13, .verify = OPTIONAL, .flights = 2,
    .costs = { .keys = 1, .secrets = 1, .signs = 1, .verifies = 1,
	       .chains = 1, .parses = 1 });

FIXTURE_SETUP(server)
{
	const struct row *row = &variant->row;
	struct ktls_cred cred = pki_cred("client");

	self->client = config(KTLS_OPTS(.role = KTLS_CLIENT, .creds = &cred,
		.creds_len = 1, .max_version = row->version,
		.groups = row->groups ? row->groups : "secp256r1"));
	self->server = config(KTLS_OPTS(.role = KTLS_SERVER,
		.flags = row->flags, .verify = row->verify,
		.groups = "secp256r1"));
}

FIXTURE_TEARDOWN(server)
{
	ktls_config_put(self->client);
	ktls_config_put(self->server);
}

TEST_F(server, costs)
{
	static struct bytes flight;
	const struct row *row = &variant->row;
	struct heap heap = { 0 };
	struct costs sum = { 0 };
	struct ktls_hs *c, *s;

	ASSERT_OK(ktls_hs_new(&c, self->client, "localhost"));
	heap_account(&heap);
	ASSERT_OK(ktls_hs_new(&s, self->server, NULL));
	for (unsigned int i = 1; i <= row->flights; i++) {
		struct feed f = { .hs = s };

		heap_account(NULL);
		flight.len = 0;
		bytes_take(&flight, c);
		if (i == row->flights && row->changed)
			flight.b[flight.len - row->changed] ^= 1;
		heap_account(&heap);
		costs = &sum;
		feed(&f, flight.b, row->first ? row->first : flight.len, 0);
		costs = NULL;
		heap_account(NULL);
		pump_one(s, c, SIZE_MAX);
	}
	EXPECT_EQ(ktls_hs_error(s), row->err);
	check_costs(&sum, &row->costs);
	EXPECT_LE(heap.of[HEAP_OURS].peak, FLIGHT_BYTES);
	heap_account(NULL);
	ktls_hs_free(s);
	ktls_hs_free(c);
}

/* ---- the longest message ------------------------------------------------ */

/* A ClientHello of @len bytes, its header not counted, in records as long as may be */
static int longest(struct ktls_config *cfg, size_t len, struct heap *heap)
{
	const size_t all = len + 4;
	static uint8_t record[5 + 16384];
	struct feed f = { .hs = NULL };
	size_t left = all;
	int err;

	heap_account(heap);
	ASSERT_OK(ktls_hs_new(&f.hs, cfg, NULL));
	while (left && !ktls_hs_error(f.hs)) {
		size_t n = left < 16384 ? left : 16384;
		const uint8_t head[] = { 22, 3, 1, (uint8_t)(n >> 8),
					 (uint8_t)n };

		memset(record, 0, sizeof(record));
		memcpy(record, head, 5);
		if (left == all) {
			record[5] = 1;
			record[6] = (uint8_t)(len >> 16);
			record[7] = (uint8_t)(len >> 8);
			record[8] = (uint8_t)len;
		}
		feed(&f, record, 5 + n, 0);
		left -= n;
	}
	err = ktls_hs_error(f.hs);
	ktls_hs_free(f.hs);
	heap_account(NULL);
	return err;
}

TEST(longest_message)
{
	struct ktls_config *cfg = server_config();
	struct heap most = { 0 }, more = { 0 };

	/* all of it is looked at, and is no hello */
	EXPECT_EQ(longest(cfg, MESSAGE, &most), -KTLS_E_DECODE);
	EXPECT_LE(most.of[HEAP_OURS].peak, 4 * MESSAGE);
	EXPECT_GT(most.of[HEAP_OURS].peak, MESSAGE);
	/* for what only claims to be longer there is no room made */
	EXPECT_EQ(longest(cfg, MESSAGE + 1, &more), -KTLS_E_MESSAGE_SIZE);
	EXPECT_LE(more.of[HEAP_OURS].peak, FLIGHT_BYTES);
	EXPECT_EQ(most.of[HEAP_OURS].live, 0);
	EXPECT_EQ(more.of[HEAP_OURS].live, 0);
	TH_LOG("at the limit: %ld bytes", (long)most.of[HEAP_OURS].peak);
	ktls_config_put(cfg);
}

/* ---- long lists, and many credentials ------------------------------------ */

#define CREDS	50
#define LIST	60000		/* bytes: nearly all that a hello has room for */

/* What an extension of the client begins with, and then again and again */
static const struct long_list {
	uint16_t version, type;
	struct slice first, then;
} lists[] = {
#define BYTES(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }
	/* signature_algorithms, supported_groups: what nobody knows */
	{ V12, 13, BYTES(""), BYTES("\x7f\x7f") },
	{ V13, 13, BYTES(""), BYTES("\x7f\x7f") },
	{ V12, 10, BYTES("\0\x1d"), BYTES("\x7f\x7f") },
	/* trusted_ca_keys, certificate_authorities: names of none of ours */
	{ V12, 3, BYTES(""), BYTES("\2\0\1x") },
	{ V13, 47, BYTES(""), BYTES("\0\1x") },
};

static void put_list(struct item *it, const struct long_list *l)
{
	struct wr w = { 0 };
	struct hello h;

	wr_vec(&w, 2) {
		wr_slice(&w, l->first);
		while (w.len < LIST)
			wr_slice(&w, l->then);
	}
	hello_open(&h, it);
	hello_put(&h, l->type, w.buf, w.len);
	hello_close(&h);
	it->piece = 16384;
	wr_free(&w);
}

/* ns that a server with that many credentials takes over such a hello */
static uint64_t hello_time(const struct long_list *l, size_t creds)
{
	struct ktls_cred cred[CREDS] = { pki_cred("p256") };
	struct flight f = { .n = 0 };
	struct timespec from, to;
	struct mitm m;

	for (size_t i = 1; i < creds; i++)
		cred[i] = cred[0];
	mitm_begin(&m, KTLS_OPTS(.max_version = l->version),
		   KTLS_OPTS(.creds = cred, .creds_len = creds), NULL);
	mitm_read(&m, CLIENT_END, &f);
	put_list(flight_find(&f, HT_CLIENT_HELLO), l);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	mitm_send(&m, CLIENT_END, &f);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	flight_free(&f);
	mitm_end(&m);
	return (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000 +
	       (uint64_t)to.tv_nsec - (uint64_t)from.tv_nsec;
}

static uint64_t least_time(const struct long_list *l, size_t creds)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		uint64_t ns = hello_time(l, creds);

		least = ns < least ? ns : least;
	}
	return least;
}

/* A list is not gone through, from end to end, for each credential */
TEST(long_lists)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		uint64_t one = least_time(&lists[i], 1);
		uint64_t many = least_time(&lists[i], CREDS);

		/* some of it is for each, which is little */
		EXPECT_LT(many, CREDS / 2 * one)
			TH_LOG("%u: %llu us, %llu us", lists[i].type,
			       (unsigned long long)one / 1000,
			       (unsigned long long)many / 1000);
	}
}

HARNESS_MAIN
