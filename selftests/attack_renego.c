// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must not survive from one handshake into the next, and what must: by a
 * peer that is hostile, and by an application that is careless.
 */
#include <errno.h>

#include "ext_lib.h"
#include "harness.h"
#include "hs_lib.h"
#include "mitm_lib.h"
#include "peer.h"

#define TLS12	.min_version = KTLS_TLS12, .max_version = KTLS_TLS12
#define EMS	23
#define PLAIN_MAX	16384

/* Both begin once more, under these configs, which are consumed */
static void again(struct mitm *m, struct ktls_config *client,
		  struct ktls_config *server)
{
	ASSERT_OK(ktls_hs_renegotiate(m->hs[CLIENT_END], client));
	ASSERT_OK(ktls_hs_renegotiate(m->hs[SERVER_END], server));
	ktls_config_put(client);
	ktls_config_put(server);
}

/* ---- the config that takes the other's place --------------------------- */

/* Whose name nobody has said cannot be verified by it */
TEST(a_name_is_needed_to_verify)
{
	struct ktls_config *strict = config(KTLS_OPTS(.role = KTLS_CLIENT));
	struct ktls_config *lax = config(KTLS_OPTS(.role = KTLS_CLIENT,
						.verify = KTLS_VERIFY_NONE));
	struct two t;

	two_begin(&t, KTLS_OPTS(.role = KTLS_CLIENT, TLS12,
				.verify = KTLS_VERIFY_NONE), NULL, NULL);
	ASSERT_OK(pump(t.client, t.server, 0));
	EXPECT_EQ(ktls_hs_renegotiate(t.client, strict), -EINVAL);
	EXPECT_EQ(ktls_hs_wants(t.client), KTLS_WANT_DONE);
	EXPECT_OK(ktls_hs_renegotiate(t.client, lax));
	ktls_config_put(strict);
	ktls_config_put(lax);
	two_end(&t);
}

/* ---- the extended main secret (RFC 7627) ------------------------------- */

/* It is part of what binds the handshakes, in each of them */
TEST(each_has_the_extended_main_secret)
{
	for (enum end from = CLIENT_END; from <= SERVER_END; from++) {
		struct ext_edit cut = { from, from == CLIENT_END ?
			HT_CLIENT_HELLO : HT_SERVER_HELLO, EMS, NULL, 0,
			true };
		struct mitm m;

		mitm_begin(&m, KTLS_OPTS(TLS12), NULL, NULL);
		mitm_run(&m, NULL, NULL);
		again(&m, NULL, NULL);
		mitm_run(&m, ext_edit, &cut);
		mitm_failed(&m, OTHER(from), -KTLS_E_NO_EMS);
		mitm_end(&m);
	}
}

/* ---- the version -------------------------------------------------------- */

/* 9846 4.2.3: in 1.2 there is no way to 1.3 */
TEST(an_answer_of_tls13)
{
	struct ext_edit x = { SERVER_END, HT_SERVER_HELLO, 43, "\3\4", 2,
			      false };
	struct mitm m;

	mitm_begin(&m, NULL, KTLS_OPTS(TLS12), NULL);
	mitm_run(&m, NULL, NULL);
	again(&m, NULL, NULL);
	mitm_run(&m, ext_edit, &x);
	mitm_failed(&m, CLIENT_END, -KTLS_E_VERSION);
	mitm_end(&m);
}

/* ---- the limits of records (RFC 8449 4) -------------------------------- */

static void check_limits(const struct mitm *m, uint16_t tx, uint16_t rx)
{
	struct ktls_info info;

	ktls_hs_info(m->hs[SERVER_END], &info);
	EXPECT_EQ(info.tx_record, tx);
	EXPECT_EQ(info.rx_record, rx);
	ktls_hs_info(m->hs[CLIENT_END], &info);
	EXPECT_EQ(info.tx_record, rx);
	EXPECT_EQ(info.rx_record, tx);
}

static struct ktls_config *limited(enum ktls_role role, unsigned int limit)
{
	return config(KTLS_OPTS(.role = role, TLS12, .tx = KTLS_PATH_USER,
				.rx = KTLS_PATH_USER,
				.record_size_limit = limit));
}

static const uint8_t zeros[PLAIN_MAX];

/* A record of @len for an end that is done: that it is not too long */
static void take_data(struct joined *j, enum end to, size_t len)
{
	struct ktls_conn *from = j->conn[OTHER(to)];
	char buf[PLAIN_MAX];

	ASSERT_EQ(ktls_send(from, zeros, len, 0), (ssize_t)len);
	ASSERT_EQ(ktls_recv(j->conn[to], buf, sizeof(buf), 0), (ssize_t)len);
}

/* Handshake messages in records that are never too long */
static void make_pieces(struct mitm *m, enum end from, struct flight *f,
			void *arg)
{
	(void)m;
	(void)from;
	(void)arg;
	for (size_t i = 0; i < f->n; i++)
		if (f->item[i].type == CT_HANDSHAKE)
			f->item[i].piece = 64;
}

/* Each record keeps to the handshake that made its keys, and to no other */
TEST(limits_are_those_of_the_keys)
{
	static const struct { unsigned int first, then; } rows[] = {
		{ 0, 64 }, { 64, 0 }, { 100, 200 }, { 200, 100 }, { 64, 16384 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned int then = rows[i].then ? rows[i].then : PLAIN_MAX;
		struct ktls_info info;
		struct joined j;
		struct mitm m;

		mitm_begin(&m, KTLS_OPTS(TLS12, .record_size_limit =
					 rows[i].first), NULL, NULL);
		mitm_run(&m, NULL, NULL);
		mitm_agree(&m);
		again(&m, limited(KTLS_CLIENT, rows[i].then),
		      limited(KTLS_SERVER, 0));
		mitm_run(&m, make_pieces, NULL);
		mitm_agree(&m);
		check_limits(&m, (uint16_t)then, PLAIN_MAX);
		/* one more than was agreed, of a server that does not care */
		if (then < PLAIN_MAX)
			m.hs[SERVER_END]->tx.max++;
		mitm_join(&m, &j);
		ktls_conn_info(j.conn[CLIENT_END], &info);
		EXPECT_EQ(info.rx_record, then);
		take_data(&j, CLIENT_END, then);
		take_data(&j, SERVER_END, PLAIN_MAX);
		if (then < PLAIN_MAX) {
			char buf[PLAIN_MAX];

			ASSERT_EQ(ktls_send(j.conn[SERVER_END], zeros,
					    then + 1, 0), then + 1);
			EXPECT_EQ(ktls_recv(j.conn[CLIENT_END], buf,
					    sizeof(buf), 0),
				  -KTLS_E_RECORD_OVERFLOW);
		}
		joined_end(&j);
		mitm_end(&m);
	}
}

/* ---- sessions (RFC 5246 7.2.2) ----------------------------------------- */

static bool resumes(struct mitm *m)
{
	struct ktls_info info;

	mitm_again(m);
	mitm_run(m, NULL, NULL);
	mitm_agree(m);
	ktls_hs_info(m->hs[SERVER_END], &info);
	return info.resumed;
}

/* What a failed connection has made, in whichever handshake, is not resumed */
TEST(a_failure_takes_both_sessions)
{
	for (enum end end = CLIENT_END; end <= SERVER_END; end++)
		for (int tickets = 0; tickets < 2; tickets++) {
			unsigned int f = tickets ? 0 : KTLS_F_NO_TICKETS;
			struct mitm m;

			/* where there is a ticket, a server cannot forget it */
			if (tickets && end == SERVER_END)
				continue;
			mitm_begin(&m, KTLS_OPTS(TLS12, .flags = f),
				   KTLS_OPTS(.flags = f), NULL);
			mitm_run(&m, NULL, NULL);
			EXPECT_TRUE(resumes(&m));
			again(&m, NULL, NULL);
			EXPECT_EQ(mitm_record(&m, end, CT_DATA, "x", 1),
				  -KTLS_E_RECORD_TYPE);
			EXPECT_FALSE(resumes(&m));
			mitm_end(&m);
		}
}

HARNESS_MAIN
