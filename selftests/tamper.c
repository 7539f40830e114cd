// SPDX-License-Identifier: GPL-2.0-only
/* Somebody on the path changes what we send to each other */
#include <errno.h>

#include "relay_lib.h"

FIXTURE(tamper) {
	struct relay relay;
	struct pair p;
};
MODES(tamper, mode_paths);

static void begin(FIXTURE_DATA(tamper) *self, const struct mode *m)
{
	struct ktls_config *client = mode_config(m, KTLS_CLIENT, NULL);
	struct ktls_config *server = mode_config(m, KTLS_SERVER, NULL);
	int fd[2];

	relay_open(&self->relay, fd);
	pair_over(&self->p, fd, client, server);
	ktls_config_put(client);
	ktls_config_put(server);
}

static void end(FIXTURE_DATA(tamper) *self)
{
	pair_close(&self->p);
	relay_close(&self->relay);
}

FIXTURE_SETUP(tamper)
{
	mode_need(&variant->mode);
	begin(self, &variant->mode);
}

FIXTURE_TEARDOWN(tamper)
{
	end(self);
}

static void send_word(struct ktls_conn *conn, const char word[4])
{
	ASSERT_EQ(ktls_send(conn, word, 4, 0), 4);
}

static void recv_word(struct ktls_conn *conn, const char word[4])
{
	char buf[8];

	ASSERT_EQ(ktls_recv(conn, buf, sizeof(buf), 0), 4);
	ASSERT_MEMEQ(buf, word, 4);
}

/*
 * One record in good order, one that meets @order, and one more; the server
 * gives up for the reason @err, and the client learns of it by an alert.
 */
static void attack(FIXTURE_DATA(tamper) *self, struct relay_order order,
		   int err)
{
	struct pair *p = &self->p;
	enum ktls_alert alert = ktls_error_alert(err);
	char buf[64];

	send_word(p->client, "good");
	recv_word(p->server, "good");
	relay_order(&self->relay, true, order);
	send_word(p->client, "evil");
	send_word(p->client, "next");
	ASSERT_EQ(ktls_recv(p->server, buf, sizeof(buf), 0), err);
	ASSERT_EQ(ktls_recv(p->server, buf, sizeof(buf), 0), err);
	EXPECT_EQ(ktls_conn_alert(p->server), alert);
	ASSERT_OK(ktls_conn_shutdown(p->server));
	ASSERT_EQ(ktls_recv(p->client, buf, sizeof(buf), 0),
		  alert == KTLS_ALERT_NONE ? 0 : -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(p->client), alert == KTLS_ALERT_NONE ?
		  KTLS_ALERT_CLOSE_NOTIFY : alert);
}

/* Each in a connection of its own */
static void attack_again(FIXTURE_DATA(tamper) *self, const struct mode *m,
			 struct relay_order order, int err)
{
	end(self);
	begin(self, m);
	TH_LOG("act %d at %d", order.act, order.at);
	attack(self, order, err);
}

TEST_F(tamper, ciphertext)
{
	static const int at[] = { 5, 6, 9, 10, -16, -9, -1 };

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		attack_again(self, &variant->mode, (struct relay_order){
			RELAY_FLIP, at[i], (uint8_t)(1 << i), NULL,
		}, -KTLS_E_RECORD_MAC);
}

TEST_F(tamper, length)
{
	/* one byte longer, then far beyond the limit */
	attack(self, (struct relay_order){ RELAY_FLIP, 4, 2, NULL },
	       -KTLS_E_RECORD_MAC);
	attack_again(self, &variant->mode,
		     (struct relay_order){ RELAY_FLIP, 3, 0x80, NULL },
		     -KTLS_E_RECORD_OVERFLOW);
}

TEST_F(tamper, version)
{
	bool kernel = variant->mode.rx == KTLS_PATH_KERNEL;

	attack(self, (struct relay_order){ RELAY_FLIP, 1, 2, NULL },
	       -KTLS_E_RECORD_TYPE);
	attack_again(self, &variant->mode,
		     (struct relay_order){ RELAY_FLIP, 2, 1, NULL },
		     kernel ? -KTLS_E_RECORD_TYPE : -KTLS_E_RECORD_MAC);
}

/*
 * In TLS 1.3 the outer type of a protected record says nothing: user space
 * insists on the one value, the kernel does not look at it, and knows what was
 * sealed.
 */
TEST_F(tamper, type)
{
	const struct relay_order order = { RELAY_FLIP, 0, 1, NULL };
	struct pair *p = &self->p;
	char buf[4];

	if (variant->mode.suite->version == KTLS_TLS12) {
		attack(self, order, -KTLS_E_RECORD_MAC);
		return;
	}
	if (variant->mode.rx == KTLS_PATH_USER) {
		attack(self, order, -KTLS_E_RECORD_TYPE);
		return;
	}
	relay_order(&self->relay, true, order);
	send_word(p->client, "evil");
	ASSERT_EQ(ktls_recv(p->server, buf, 4, 0), 4);
	ASSERT_MEMEQ(buf, "evil", 4);
	close_both(p->client, p->server);
}

TEST_F(tamper, replayed)
{
	struct pair *p = &self->p;
	char buf[64];
	ssize_t n;

	relay_order(&self->relay, true, (struct relay_order){ .act = RELAY_TWICE });
	send_word(p->client, "once");
	recv_word(p->server, "once");
	n = ktls_recv(p->server, buf, sizeof(buf), 0);
	ASSERT_EQ(n, -KTLS_E_RECORD_MAC);
	ASSERT_EQ(ktls_recv(p->client, buf, sizeof(buf), 0),
		  -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(p->client), KTLS_ALERT_BAD_RECORD_MAC);
}

TEST_F(tamper, dropped)
{
	attack(self, (struct relay_order){ .act = RELAY_DROP }, -KTLS_E_RECORD_MAC);
}

TEST_F(tamper, swapped)
{
	attack(self, (struct relay_order){ .act = RELAY_SWAP }, -KTLS_E_RECORD_MAC);
}

/* The attacker's end of the stream does not pass for the sender's */
TEST_F(tamper, cut)
{
	static const int at[] = { 0, 3, 5, 7, -1 };

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		attack_again(self, &variant->mode,
			     (struct relay_order){ RELAY_CUT, at[i], 0, NULL },
			     -KTLS_E_TRUNCATED);
}

/* Records without protection, as if somebody could still speak in the clear */
TEST_F(tamper, plaintext)
{
	static const struct {
		const char *bytes;
		int len;
		bool typed;	/* 1.3 has only one type on the wire */
	} rows[] = {
		{ "\25\3\3\0\2\1\0", 7, true },
		{ "\25\3\3\0\2\2\50", 7, true },
		{ "\24\3\3\0\1\1", 6, true },
		{ "\26\3\3\0\4\0\0\0\0", 9, true },
		{ "\27\3\3\0\0", 5, false },
		{ "\27\3\3\0\20\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20",
		  21, false },
	};
	bool strict = variant->mode.rx == KTLS_PATH_USER &&
		      variant->mode.suite->version == KTLS_TLS13;

	attack(self, (struct relay_order){
		RELAY_INSERT, 27, 0, "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	}, -KTLS_E_RECORD_TYPE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		attack_again(self, &variant->mode, (struct relay_order){
			RELAY_INSERT, rows[i].len, 0, rows[i].bytes,
		}, strict && rows[i].typed ? -KTLS_E_RECORD_TYPE :
					     -KTLS_E_RECORD_MAC);
}

/* TCP may deliver one byte at a time */
TEST_F(tamper, dribble)
{
	struct pair *p = &self->p;

	for (int up = 0; up < 2; up++)
		relay_order(&self->relay, up,
			    (struct relay_order){ .act = RELAY_DRIBBLE });
	for (int i = 0; i < 5; i++) {
		ping(p->client, p->server);
		send_stream(p->client, 1, 300 * (uint64_t)i, 300);
		recv_stream(p->server, 1, 300 * (uint64_t)i, 300);
	}
	close_both(p->client, p->server);
}

HARNESS_MAIN
