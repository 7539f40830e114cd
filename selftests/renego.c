// SPDX-License-Identifier: GPL-2.0-only
/*
 * Renegotiation before the hand-off (RFC 5746): what binds a handshake to the
 * last one, and who may not take part in it.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "hs_lib.h"
#include "mitm_lib.h"
#include "mode_lib.h"
#include "peer.h"

#define TLS12		.min_version = KTLS_TLS12, .max_version = KTLS_TLS12
#define RI_TYPE		0xff01

/* ---- one after the other ----------------------------------------------- */

FIXTURE(again) {
	struct mitm m;
};

FIXTURE_SETUP(again)
{
	mitm_begin(&self->m, KTLS_OPTS(TLS12), KTLS_OPTS(.alpn = NULL), NULL);
	mitm_run(&self->m, NULL, NULL);
	mitm_agree(&self->m);
}

FIXTURE_TEARDOWN(again)
{
	mitm_end(&self->m);
}

static void renegotiate(struct mitm *m, struct ktls_config *client,
			struct ktls_config *server)
{
	ASSERT_OK(ktls_hs_renegotiate(m->hs[CLIENT_END], client));
	ASSERT_OK(ktls_hs_renegotiate(m->hs[SERVER_END], server));
}

static void check_round(const struct mitm *m, unsigned int round)
{
	for (int end = 0; end < 2; end++) {
		struct ktls_info info;

		ktls_hs_info(m->hs[end], &info);
		EXPECT_EQ(info.version, KTLS_TLS12);
		EXPECT_EQ(info.renegotiated, round);
		EXPECT_EQ(info.secure_renegotiation, 1);
		EXPECT_EQ(info.resumed, 0);
		EXPECT_EQ(info.ems, 1);
		EXPECT_NE(info.suite, 0);
		EXPECT_STREQ(info.server_name, "localhost");
		EXPECT_EQ(info.alert_sent, KTLS_ALERT_NONE);
		EXPECT_EQ(info.alert_received, KTLS_ALERT_NONE);
	}
}

TEST_F(again, as_often_as_both_like)
{
	struct secret before, after;
	struct joined j;
	struct mitm *m = &self->m;

	for (unsigned int round = 1; round < 5; round++) {
		before = m->hs[CLIENT_END]->tls12.master;
		renegotiate(m, NULL, NULL);
		mitm_run(m, NULL, NULL);
		mitm_agree(m);
		check_round(m, round);
		after = m->hs[CLIENT_END]->tls12.master;
		EXPECT_TRUE(memcmp(before.b, after.b, after.len));
	}
	mitm_join(m, &j);
	ping(j.conn[CLIENT_END], j.conn[SERVER_END]);
	joined_end(&j);
}

/* The use of it: a certificate is asked for once it is known what for */
TEST_F(again, with_a_certificate_now)
{
	const struct ktls_cred server = pki_cred("p256");
	const struct ktls_cred client = pki_cred("client");
	struct ktls_config *c = config(KTLS_OPTS(.role = KTLS_CLIENT,
		.creds = &client, .creds_len = 1)), *s = config(KTLS_OPTS(
		.role = KTLS_SERVER, .creds = &server, .creds_len = 1,
		.verify = KTLS_VERIFY_REQUIRE));
	struct mitm *m = &self->m;
	struct ktls_info info;

	ktls_hs_info(m->hs[SERVER_END], &info);
	EXPECT_STREQ(info.peer_subject, "");
	/* 1.3 is among their versions, and not on this connection */
	renegotiate(m, c, s);
	ktls_config_put(c);
	ktls_config_put(s);
	mitm_run(m, NULL, NULL);
	ASSERT_TRUE(mitm_done(m));
	check_round(m, 1);
	ktls_hs_info(m->hs[SERVER_END], &info);
	EXPECT_EQ(info.peer_verified, 1);
	EXPECT_STREQ(info.peer_subject, "CN = client");
}

TEST_F(again, only_when_done_and_with_the_same_role)
{
	struct ktls_config *other = config(KTLS_OPTS(.role = KTLS_SERVER));
	struct ktls_config *only13 = config(KTLS_OPTS(.role = KTLS_CLIENT,
						.min_version = KTLS_TLS13));
	struct ktls_hs *hs = self->m.hs[CLIENT_END];

	EXPECT_EQ(ktls_hs_renegotiate(hs, other), -EINVAL);
	EXPECT_EQ(ktls_hs_renegotiate(hs, only13), -EINVAL);
	mitm_agree(&self->m);
	ASSERT_OK(ktls_hs_renegotiate(hs, NULL));
	EXPECT_EQ(ktls_hs_renegotiate(hs, NULL), -KTLS_E_STATE);
	ktls_config_put(other);
	ktls_config_put(only13);
}

/* ---- with whom not ----------------------------------------------------- */

TEST(not_in_tls13)
{
	struct joined j;
	struct mitm m;

	mitm_begin(&m, NULL, NULL, NULL);
	mitm_run(&m, NULL, NULL);
	for (int end = 0; end < 2; end++)
		EXPECT_EQ(ktls_hs_renegotiate(m.hs[end], NULL),
			  -KTLS_E_NO_RENEGOTIATION);
	/* and nothing is lost */
	mitm_agree(&m);
	mitm_join(&m, &j);
	ping(j.conn[CLIENT_END], j.conn[SERVER_END]);
	joined_end(&j);
	mitm_end(&m);
}

/* Cuts the extension of @type out of a hello */
static void cut_extension(struct item *it, uint16_t type)
{
	uint8_t *p = it->data.buf;

	for (size_t i = 0; i + 4 <= it->data.len; i++) {
		size_t len = 4u + (size_t)(p[i + 2] << 8 | p[i + 3]), block, n;

		if ((p[i] << 8 | p[i + 1]) != type || len > 4 + 25)
			continue;
		memmove(p + i, p + i + len, it->data.len - i - len);
		it->data.len -= len;
		item_fix_length(it);
		/* where the block begins: random, id, suites, compression */
		block = MSG_HEADER + 2 + RANDOM_LEN;
		block += 1u + p[block];
		if (p[0] == HT_CLIENT_HELLO) {
			block += 2u + (size_t)(p[block] << 8 | p[block + 1]);
			block += 1u + p[block];
		} else {
			block += 3;
		}
		n = it->data.len - block - 2;
		p[block] = (uint8_t)(n >> 8);
		p[block + 1] = (uint8_t)n;
		return;
	}
	ASSERT_TRUE(false) TH_LOG("no extension %u", type);
}

/* The ServerHello comes after our HelloRequest, which nobody waited for */
static struct item *find_hello(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (item_is(&f->item[i], HT_CLIENT_HELLO) ||
		    item_is(&f->item[i], HT_SERVER_HELLO))
			return &f->item[i];
	return NULL;
}

static void cut_ri(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	const enum end *whose = arg;

	struct item *it = find_hello(f);

	(void)m;
	if (from == *whose && it)
		cut_extension(it, RI_TYPE);
}

/* RFC 5746 4: those who do not know it are old, and may be refused */
TEST(legacy_peers_by_policy)
{
	for (enum end from = CLIENT_END; from <= SERVER_END; from++) {
		const struct ktls_opts *strict = KTLS_OPTS(TLS12,
			.flags = KTLS_F_NEED_RENEGOTIATION_INFO);
		bool server = from == CLIENT_END;
		struct mitm m;

		mitm_begin(&m, server ? KTLS_OPTS(TLS12) : strict,
			   server ? strict : KTLS_OPTS(TLS12), NULL);
		mitm_run(&m, NULL, NULL);
		mitm_agree(&m);
		mitm_again(&m);
		mitm_run(&m, cut_ri, &from);
		mitm_failed(&m, OTHER(from), -KTLS_E_LEGACY_PEER);
		EXPECT_EQ(m.alert[OTHER(from)], KTLS_ALERT_HANDSHAKE_FAILURE);
		mitm_end(&m);
	}
}

/* ---- the binding ------------------------------------------------------- */

struct forgery {
	enum end from;
	int byte;	/* of renegotiated_connection to change; -1: cut it */
};

static void forge(struct mitm *m, enum end from, struct flight *f, void *arg)
{
	const struct forgery *x = arg;
	struct item *it = find_hello(f);
	uint8_t *p;

	(void)m;
	if (from != x->from || !it)
		return;
	if (x->byte < 0) {
		cut_extension(it, RI_TYPE);
		return;
	}
	p = memmem(it->data.buf, it->data.len, "\xff\1\0", 3);
	ASSERT_TRUE(p);
	p[5 + x->byte] ^= 1;
}

/* RFC 5746 3.5, 3.7 */
TEST_F(again, each_byte_of_the_binding_counts)
{
	for (enum end from = CLIENT_END; from <= SERVER_END; from++) {
		int len = from == CLIENT_END ? 12 : 24;

		for (int byte = -1; byte < len; byte++) {
			struct forgery x = { from, byte };

			mitm_again(&self->m);
			mitm_run(&self->m, NULL, NULL);
			renegotiate(&self->m, NULL, NULL);
			mitm_run(&self->m, forge, &x);
			mitm_failed(&self->m, OTHER(from),
				    -KTLS_E_RENEGOTIATION);
			EXPECT_EQ(self->m.alert[OTHER(from)],
				  KTLS_ALERT_HANDSHAKE_FAILURE);
		}
	}
}

/* RFC 5746 3.4, 3.6: in a first handshake there is nothing to repeat */
TEST_F(again, a_first_hello_has_none)
{
	for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
		mitm_again(&self->m);
		mitm_run(&self->m, NULL, NULL);
		renegotiate(&self->m, NULL, NULL);
		if (end == CLIENT_END)
			mitm_run_to(&self->m, SERVER_END, S12_CKE);
		/* who believes that this is the first one */
		self->m.hs[end]->binding.round = 0;
		mitm_run(&self->m, NULL, NULL);
		mitm_failed(&self->m, end, -KTLS_E_RENEGOTIATION);
	}
}

/* A record with the first hello of somebody else */
static void first_hello(struct wr *record)
{
	struct ktls_config *cfg = config(KTLS_OPTS(.role = KTLS_CLIENT,
						   TLS12));
	struct ktls_hs *hs;
	const void *hello;
	size_t len;

	ASSERT_OK(ktls_hs_new(&hs, cfg, "localhost"));
	hello = ktls_hs_out(hs, &len);
	wr_bytes(record, hello, len);
	ASSERT_TRUE(wr_ok(record));
	ktls_hs_free(hs);
	ktls_config_put(cfg);
}

/*
 * The attack that RFC 5746 is about: the attacker has a connection and has
 * said something; he puts a victim's first handshake in as its renegotiation.
 */
TEST_F(again, a_victim_cannot_be_spliced_in)
{
	struct wr hello = { 0 };

	first_hello(&hello);
	ASSERT_OK(ktls_hs_renegotiate(self->m.hs[SERVER_END], NULL));
	EXPECT_EQ(mitm_record(&self->m, SERVER_END, CT_HANDSHAKE,
			      hello.buf + RECORD_HEADER,
			      hello.len - RECORD_HEADER),
		  -KTLS_E_RENEGOTIATION);
	wr_free(&hello);
}

/* RFC 5746 3.7: nor with the signal that only a first hello has */
static void add_scsv(struct mitm *m, enum end from, struct flight *f,
		     void *arg)
{
	struct item *it = &f->item[0];
	size_t at = MSG_HEADER + 2 + RANDOM_LEN;

	(void)m;
	(void)arg;
	if (from != CLIENT_END || !item_is(it, HT_CLIENT_HELLO))
		return;
	at += 1u + it->data.buf[at];
	/* in place of its last suite */
	at += (size_t)(it->data.buf[at] << 8 | it->data.buf[at + 1]);
	it->data.buf[at] = 0;
	it->data.buf[at + 1] = 0xff;
}

TEST_F(again, the_scsv_is_for_first_hellos)
{
	renegotiate(&self->m, NULL, NULL);
	mitm_run(&self->m, add_scsv, NULL);
	mitm_failed(&self->m, SERVER_END, -KTLS_E_RENEGOTIATION);
}

/* ---- who it is --------------------------------------------------------- */

TEST_F(again, the_server_stays_the_same)
{
	const struct ktls_cred other = pki_cred("p384");
	struct ktls_config *s = config(KTLS_OPTS(.role = KTLS_SERVER,
		.creds = &other, .creds_len = 1));

	renegotiate(&self->m, NULL, s);
	ktls_config_put(s);
	mitm_run(&self->m, NULL, NULL);
	mitm_failed(&self->m, CLIENT_END, -KTLS_E_PEER_CHANGED);
	EXPECT_EQ(self->m.alert[CLIENT_END], KTLS_ALERT_ILLEGAL_PARAMETER);
}

/* Another client, or none where there was one */
TEST(the_client_stays_the_same)
{
	for (int with = 0; with < 2; with++) {
		const struct ktls_cred first = pki_cred("client");
		const struct ktls_cred then = pki_cred("clientonly");
		struct ktls_config *c = config(KTLS_OPTS(.role = KTLS_CLIENT,
			.creds = &then, .creds_len = (size_t)with));
		struct mitm m;

		mitm_begin(&m, KTLS_OPTS(TLS12, .creds = &first,
					 .creds_len = 1),
			   KTLS_OPTS(.verify = KTLS_VERIFY_OPTIONAL), NULL);
		mitm_run(&m, NULL, NULL);
		mitm_agree(&m);
		renegotiate(&m, c, NULL);
		ktls_config_put(c);
		mitm_run(&m, NULL, NULL);
		mitm_failed(&m, SERVER_END, -KTLS_E_PEER_CHANGED);
		mitm_end(&m);
	}
}

static void rename_host(struct mitm *m, enum end from, struct flight *f,
			void *arg)
{
	struct item *it = &f->item[0];
	uint8_t *p;

	(void)m;
	(void)arg;
	if (from != CLIENT_END || !item_is(it, HT_CLIENT_HELLO))
		return;
	p = memmem(it->data.buf, it->data.len, "localhost", 9);
	ASSERT_TRUE(p);
	memcpy(p, "somewhere", 9);
}

TEST_F(again, the_name_stays_the_same)
{
	renegotiate(&self->m, NULL, NULL);
	mitm_run(&self->m, rename_host, NULL);
	mitm_failed(&self->m, SERVER_END, -KTLS_E_RENEGOTIATION);
}

/* ---- what may come meanwhile ------------------------------------------- */

TEST_F(again, no_data_and_no_change_of_keys)
{
	static const struct {
		uint8_t type;
		const char *what;
		size_t len;
	} rows[] = {
		{ CT_DATA, "data", 4 },
		{ CT_CHANGE_CIPHER_SPEC, "\1", 1 },
	};

	for (size_t i = 0; i < 2; i++)
		for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
			mitm_again(&self->m);
			mitm_run(&self->m, NULL, NULL);
			renegotiate(&self->m, NULL, NULL);
			EXPECT_EQ(mitm_record(&self->m, end, rows[i].type,
					      rows[i].what, rows[i].len),
				  -KTLS_E_RECORD_TYPE);
		}
}

/* RFC 5246 7.4.1.1: requests are void while it is under way; not for ever */
TEST_F(again, requests_are_counted)
{
	int err = 0, n;

	renegotiate(&self->m, NULL, NULL);
	for (n = 0; n < 100 && !err; n++)
		err = mitm_record(&self->m, CLIENT_END, CT_HANDSHAKE,
				  "\0\0\0\0", 4);
	EXPECT_EQ(err, -KTLS_E_RECORD_FLOOD);
	EXPECT_GT(n, 8);
}

TEST_F(again, a_refusal_ends_it)
{
	for (enum end end = CLIENT_END; end <= SERVER_END; end++) {
		mitm_again(&self->m);
		mitm_run(&self->m, NULL, NULL);
		renegotiate(&self->m, NULL, NULL);
		EXPECT_EQ(mitm_record(&self->m, end, CT_ALERT, "\1\144", 2),
			  -KTLS_E_NO_RENEGOTIATION);
	}
}

/* Not in the clear either, nor under a key that is no longer in use */
TEST_F(again, the_second_is_protected_by_the_first)
{
	struct wr hello = { 0 };

	first_hello(&hello);
	ASSERT_OK(ktls_hs_renegotiate(self->m.hs[SERVER_END], NULL));
	EXPECT_EQ(mitm_bytes(&self->m, SERVER_END, hello.buf, hello.len),
		  -KTLS_E_RECORD_MAC);
	wr_free(&hello);
}

/* ---- one end alone ----------------------------------------------------- */

/* One wants two handshakes, the other one: the latter has not lost its own */
TEST(after_the_hand_off_it_is_refused)
{
	for (int who = 0; who < 2; who++) {
		unsigned int twice = KTLS_F_DOUBLE_HANDSHAKE;
		struct ktls_config *c = config(KTLS_OPTS(
			.role = KTLS_CLIENT, TLS12,
			.flags = who == 0 ? twice : 0));
		struct ktls_config *s = config(KTLS_OPTS(
			.role = KTLS_SERVER, TLS12,
			.flags = who == 1 ? twice : 0));
		struct ktls_conn *conn;
		struct ktls_hs *hs[2];
		char buf[8];
		int fd[2];

		tcp_pair(fd);
		ASSERT_OK(ktls_hs_new(&hs[0], c, "localhost"));
		ASSERT_OK(ktls_hs_new(&hs[1], s, NULL));
		set_nonblock(fd[0]);
		set_nonblock(fd[1]);
		/* until the one that is content with one has it */
		for (int i = 0; ktls_hs_run(hs[!who], fd[!who]); i++) {
			ASSERT_LT(i, 100000);
			EXPECT_GT(ktls_hs_run(hs[who], fd[who]), 0);
		}
		ASSERT_OK(ktls_offload(&conn, hs[!who], fd[!who]));
		/* it says no, and goes on */
		for (int i = 0; ktls_hs_run(hs[who], fd[who]) > 0; i++) {
			ssize_t n = ktls_recv(conn, buf, sizeof(buf), 0);

			ASSERT_LT(i, 100000);
			EXPECT_TRUE(n == -EAGAIN || n == -KTLS_E_PEER_ALERT);
		}
		EXPECT_EQ(ktls_hs_error(hs[who]), -KTLS_E_NO_RENEGOTIATION);
		wait_fd(fd[!who], POLLIN);
		EXPECT_EQ(ktls_recv(conn, buf, sizeof(buf), 0),
			  -KTLS_E_PEER_ALERT);
		EXPECT_EQ(ktls_conn_alert(conn), KTLS_ALERT_HANDSHAKE_FAILURE);
		ktls_conn_free(conn);
		ktls_hs_free(hs[who]);
		close(fd[0]);
		close(fd[1]);
		ktls_config_put(c);
		ktls_config_put(s);
	}
}

HARNESS_MAIN
