// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is promised of memory, counted where it is allocated: of a handshake in
 * flight, and of the connection that comes of it once the kernel has both of
 * its directions.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../bench/heap.h"
#include "../lib/conn.h"
#include "mode_lib.h"

/* Bytes as the allocator has them, with its headers, and allocations */
#define FLIGHT_BYTES	16384
#define FLIGHT_CALLS	10
#define CONN_BYTES	512
#define CONN_BLOCKS	2
#define NAMELESS_BYTES	420

enum resume { FULL, BY_ID, BY_TICKET };

struct row {
	const char *name;
	uint16_t version;
	const char *ciphers, *cert;
	bool mutual;
	enum resume resume;
	const char *peer;	/* an address is not sent */
};

#define SUITE_13	"TLS_AES_128_GCM_SHA256"
#define SUITE_13_384	"TLS_AES_256_GCM_SHA384"
#define SUITE_12	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
#define SUITE_12_384	"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"

static const struct row rows[] = {
	{ "13_full", KTLS_TLS13, SUITE_13, "p256", false, FULL, "localhost" },
	{ "13_nameless", KTLS_TLS13, SUITE_13, "p256", false, FULL, "127.0.0.1" },
	{ "13_sha384", KTLS_TLS13, SUITE_13_384, "rsa2048", false, FULL,
	  "127.0.0.1" },
	{ "13_chain", KTLS_TLS13, SUITE_13, "chain", false, FULL, "localhost" },
	{ "13_mutual", KTLS_TLS13, SUITE_13, "p256", true, FULL, "localhost" },
	{ "13_ticket", KTLS_TLS13, SUITE_13, "p256", false, BY_TICKET,
	  "localhost" },
	{ "13_mutual_ticket", KTLS_TLS13, SUITE_13_384, "p256", true,
	  BY_TICKET, "localhost" },
	{ "12_full", KTLS_TLS12, SUITE_12, "p256", false, FULL, "localhost" },
	{ "12_nameless", KTLS_TLS12, SUITE_12, "p256", false, FULL,
	  "127.0.0.1" },
	{ "12_sha384", KTLS_TLS12, SUITE_12_384, "rsa2048", false, FULL,
	  "127.0.0.1" },
	{ "12_mutual", KTLS_TLS12, SUITE_12, "p256", true, FULL, "localhost" },
	{ "12_id", KTLS_TLS12, SUITE_12, "p256", false, BY_ID, "localhost" },
	{ "12_ticket", KTLS_TLS12, SUITE_12, "p256", false, BY_TICKET,
	  "localhost" },
	{ "12_mutual_ticket", KTLS_TLS12, SUITE_12, "p256", true, BY_TICKET,
	  "localhost" },
};

struct end {
	struct ktls_config *config;
	struct ktls_hs *hs;
	struct ktls_conn *conn;
	struct heap heap;
	int fd;
};

FIXTURE(footprint) {
	struct end end[2];	/* client, server */
};
FIXTURE_VARIANT(footprint) { struct row row; };

static bool generate(size_t i, FIXTURE_VARIANT(footprint) *variant,
		     char *name, size_t size)
{
	if (i >= sizeof(rows) / sizeof(*rows))
		return false;
	variant->row = rows[i];
	snprintf(name, size, "%s", rows[i].name);
	return true;
}
FIXTURE_VARIANT_GEN(footprint, generate);

static struct ktls_config *make(const struct row *row, bool server)
{
	struct ktls_cred cred = pki_cred(server ? row->cert : "client");
	struct ktls_opts o = {
		.size = sizeof(o),
		.role = server ? KTLS_SERVER : KTLS_CLIENT,
		.min_version = row->version,
		.max_version = row->version,
		.ciphers = row->ciphers,
		.verify = !server || row->mutual ? KTLS_VERIFY_REQUIRE :
						   KTLS_VERIFY_NONE,
		.tickets = 1,
	};

	if (server || row->mutual) {
		o.creds = &cred;
		o.creds_len = 1;
	}
	if (row->resume != BY_TICKET)
		o.flags |= KTLS_F_NO_TICKETS;
	if (row->resume == FULL)
		o.sessions = KTLS_NO_SESSIONS;
	return config(&o);
}

FIXTURE_SETUP(footprint)
{
	for (int i = 0; i < 2; i++)
		self->end[i].config = make(&variant->row, i);
}

FIXTURE_TEARDOWN(footprint)
{
	for (int i = 0; i < 2; i++)
		ktls_config_put(self->end[i].config);
}

/* ---- a connection, and what it takes ----------------------------------- */

/* Until both are done, each with what is its own counted */
static void handshake(struct end end[2], const char *peer)
{
	int left[2] = { 1, 1 };

	for (int i = 0; i < 2; i++) {
		set_nonblock(end[i].fd);
		heap_account(&end[i].heap);
		ASSERT_OK(ktls_hs_new(&end[i].hs, end[i].config,
				      i ? NULL : peer));
	}
	while (left[0] || left[1]) {
		for (int i = 0; i < 2; i++) {
			heap_account(&end[i].heap);
			if (left[i])
				left[i] = ktls_hs_run(end[i].hs, end[i].fd);
			heap_account(NULL);
			ASSERT_GE(left[i], 0)
				TH_LOG("%s", ktls_hs_error_text(end[i].hs));
		}
	}
}

static void check_flight(const struct heap *h, const char *side)
{
	EXPECT_LE(h->of[HEAP_OURS].peak, FLIGHT_BYTES) TH_LOG("%s", side);
	EXPECT_LE(h->of[HEAP_OURS].calls, FLIGHT_CALLS) TH_LOG("%s", side);
	/* it is counted at all */
	EXPECT_GT(h->of[HEAP_OURS].peak, sizeof(struct ktls_info));
	EXPECT_GT(h->of[HEAP_CRYPTO].calls, 0);
}

static void hand_off(struct end end[2])
{
	for (int i = 0; i < 2; i++) {
		set_block(end[i].fd);
		heap_account(&end[i].heap);
		ASSERT_OK(ktls_offload(&end[i].conn, end[i].hs, end[i].fd));
		heap_account(NULL);
	}
}

/* What makes it forget to give something back: data, tickets, new keys */
static void use(struct end end[2], uint16_t version)
{
	char c;

	for (int from = 0; from < 2; from++) {
		int err = 0;

		heap_account(&end[from].heap);
		if (version == KTLS_TLS13)
			err = ktls_conn_rekey(end[from].conn, 0);
		ASSERT_TRUE(!err || err == -KTLS_E_NO_REKEY);
		ASSERT_EQ(ktls_send(end[from].conn, "x", 1, 0), 1);
		heap_account(&end[!from].heap);
		ASSERT_EQ(ktls_recv(end[!from].conn, &c, 1, 0), 1);
	}
	heap_account(NULL);
}

/* As it is where the kernel carries it: wherever this runs, that is counted */
static void shed(struct end *end)
{
	struct ktls_conn *conn = end->conn;

	heap_account(&end->heap);
	user_tx_free(conn->utx);
	user_rx_free(conn->urx);
	heap_account(NULL);
	conn->utx = NULL;
	conn->urx = NULL;
}

static void check_conn(const struct end *end, bool server,
		       const struct row *row)
{
	const struct heap_sum *ours = &end->heap.of[HEAP_OURS];
	bool nameless = server && row->peer[0] == '1';

	EXPECT_LE(ours->live, nameless ? NAMELESS_BYTES : CONN_BYTES)
		TH_LOG("%s", server ? "server" : "client");
	EXPECT_LE(ours->blocks, nameless ? 1 : CONN_BLOCKS);
	EXPECT_GE(ours->live, conn_size(end->conn->suite));
	EXPECT_EQ(end->heap.of[HEAP_CRYPTO].live, 0);
}

static void connect_once(struct end end[2], const struct row *row)
{
	int fd[2];

	tcp_pair(fd);
	for (int i = 0; i < 2; i++) {
		end[i].fd = fd[i];
		set_socket(fd[i]);
		end[i].heap = (struct heap){ 0 };
	}
	handshake(end, row->peer);
}

static void disconnect(struct end end[2])
{
	for (int i = 0; i < 2; i++) {
		heap_account(&end[i].heap);
		ktls_conn_free(end[i].conn);
		heap_account(NULL);
		close(end[i].fd);
	}
}

/* The first ones find what is there once for all, and a session */
static void prepare(struct end end[2], const struct row *row)
{
	for (int i = 0; i < 2; i++) {
		connect_once(end, row);
		hand_off(end);
		use(end, row->version);
		disconnect(end);
	}
}

TEST_F(footprint, handshake)
{
	const struct row *row = &variant->row;

	prepare(self->end, row);
	connect_once(self->end, row);
	check_flight(&self->end[0].heap, "client");
	check_flight(&self->end[1].heap, "server");
	hand_off(self->end);
	disconnect(self->end);
}

TEST_F(footprint, connection)
{
	const struct row *row = &variant->row;
	struct ktls_info info;

	prepare(self->end, row);
	connect_once(self->end, row);
	hand_off(self->end);
	use(self->end, row->version);
	for (int i = 0; i < 2; i++) {
		ktls_conn_info(self->end[i].conn, &info);
		EXPECT_EQ(info.resumed, row->resume != FULL);
		shed(&self->end[i]);
		check_conn(&self->end[i], i, row);
	}
	disconnect(self->end);
	/* but for a session of the same length in the place of the last */
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(self->end[i].heap.of[HEAP_OURS].live, 0);
}

HARNESS_MAIN
