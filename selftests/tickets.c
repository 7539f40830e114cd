// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tickets after the hand-off (RFC 9846 4.7.1), whoever carries the records:
 * among data and key changes, in many records, and when the socket is full.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/conn.h"
#include "mode_lib.h"
#include "session_lib.h"
#include "traffic_lib.h"

#define KEPT		4	/* the newest, by a client */
#define RECORDS_MAX	16	/* under one key, where it is to be few */

FIXTURE(tickets) {
	struct ktls_config *config[2];	/* client, server */
	struct pair p;
};
MODES(tickets, mode_paths13);

static void open_in(struct pair *p, struct ktls_config *config[2])
{
	int fd[2];

	tcp_pair(fd);
	set_socket(fd[0]);
	set_socket(fd[1]);
	pair_over(p, fd, config[0], config[1]);
}

FIXTURE_SETUP(tickets)
{
	mode_need(&variant->mode);
	for (int i = 0; i < 2; i++)
		self->config[i] = mode_config(&variant->mode,
			i ? KTLS_SERVER : KTLS_CLIENT,
			&(struct ktls_opts){ .size = sizeof(struct ktls_opts),
					     .sessions = 64 });
	open_in(&self->p, self->config);
}

FIXTURE_TEARDOWN(tickets)
{
	pair_close(&self->p);
	for (int i = 0; i < 2; i++)
		ktls_config_put(self->config[i]);
}

/* The same with other limits; of the client: how long the server's records are */
static void again(struct pair *p, struct ktls_config *config[2],
		  const struct mode *m, uint16_t record, uint64_t records)
{
	pair_close(p);
	for (int i = 0; i < 2; i++) {
		ktls_config_put(config[i]);
		config[i] = mode_config(m, i ? KTLS_SERVER : KTLS_CLIENT,
			&(struct ktls_opts){
				.size = sizeof(struct ktls_opts),
				.sessions = 64,
				.record_size_limit = i ? 0 : record,
				.max_records = records,
			});
	}
	open_in(p, config);
}

static bool rekeys(const struct mode *m)
{
	return mode_rekeys_tx(m) && mode_rekeys_rx(m);
}

/* Can @m send records so short? */
static bool limits(const struct mode *m)
{
	struct ktls_caps caps;

	ASSERT_OK(ktls_probe(&caps));
	return m->tx == KTLS_PATH_USER || !caps.max_payload_error;
}

/*
 * The client has @n tickets, and each is good; a connection that it does not
 * receive on brings no more.
 */
static void resumes(struct ktls_config *config[2], unsigned int n)
{
	for (unsigned int i = 0; i <= n; i++) {
		struct ktls_info c, s;
		struct pair p;

		open_in(&p, config);
		ktls_conn_info(p.client, &c);
		ktls_conn_info(p.server, &s);
		EXPECT_EQ(c.resumed, i < n) TH_LOG("ticket %u of %u", i, n);
		EXPECT_EQ(s.resumed, i < n);
		pair_close(&p);
	}
}

/* ---- among data -------------------------------------------------------- */

static void now_and_then(struct traffic *t, struct ktls_conn *conn)
{
	bool server = conn->config->role == KTLS_SERVER;
	int err = 0;

	/* where no data follows, it would be a flood */
	if (t->end[server].sent == t->len || rnd_below(&t->rnd, 4))
		return;
	if (server && rnd_below(&t->rnd, 2))
		err = ktls_conn_send_tickets(conn, 1 + rnd_next(&t->rnd) % 3);
	else if (conn_can_rekey(conn, KTLS_TX) && conn_can_rekey(conn, KTLS_RX))
		err = ktls_conn_rekey(conn, rnd_next(&t->rnd) % 2);
	if (err < 0)
		ASSERT_EQ(err, -EAGAIN);
}

TEST_F(tickets, data_both_ways)
{
	struct traffic traffic = { .step = now_and_then };

	for (uint64_t seed = 1; seed < 4; seed++)
		traffic_run(&traffic, &self->p, seed, modest(3000000));
	ping(self->p.server, self->p.client);
	EXPECT_GT(self->p.server->tickets, 2 + 3 * KEPT);
	if (rekeys(&variant->mode))
		EXPECT_GT(self->p.server->tx_updates, 3);
	resumes(self->config, KEPT);
}

/* A caller who reads by himself: read(2) stops in front of each */
static void read_some(struct pair *p, char *buf, size_t len)
{
	size_t at = 0;

	for (int stops = 0; at < len; ) {
		ssize_t n = read(p->fd[0], buf + at, len - at);

		if (n > 0) {
			at += (size_t)n;
			continue;
		}
		ASSERT_EQ(n, -1);
		if (errno != EKEYEXPIRED)
			ASSERT_EQ(errno, EIO);
		ASSERT_LT(stops++, 100);
		n = ktls_conn_control(p->client);
		if (n != -EAGAIN)
			ASSERT_EQ(n, 1);
	}
}

TEST_F(tickets, plain_read)
{
	struct pair *p = &self->p;
	unsigned int sent = p->server->tickets;
	char buf[8];

	if (variant->mode.rx != KTLS_PATH_KERNEL)
		return;
	for (unsigned int i = 0; i < 60; i++) {
		ASSERT_EQ(ktls_conn_send_tickets(p->server, 1 + i % 3),
			  1 + i % 3);
		sent += 1 + i % 3;
		if (rekeys(&variant->mode) && i % 2)
			ASSERT_OK(ktls_conn_rekey(p->server, i % 4 / 2));
		if (i % 5 == 0)
			ASSERT_EQ(ktls_conn_send_tickets(p->server, 1), 1);
		sent += i % 5 == 0;
		ASSERT_EQ(ktls_send(p->server, "a word", 6, 0), 6);
		read_some(p, buf, 6);
		ASSERT_MEMEQ(buf, "a word", 6);
		ASSERT_EQ(ktls_send(p->client, "another", 7, 0), 7);
		ASSERT_EQ(ktls_recv(p->server, buf, 8, 0), 7);
	}
	EXPECT_EQ(p->server->tickets, sent);
	resumes(self->config, KEPT);
}

/* ---- in many records, and at the limit of keys ------------------------- */

static void check_seq(struct ktls_conn *conn)
{
	uint64_t seq;

	ASSERT_OK(conn_seq(conn, KTLS_TX, &seq));
	ASSERT_LE(seq, RECORDS_MAX);
}

/* Every third stands in front of data */
static void run_into_rekeys(struct pair *p)
{
	for (int i = 0; i < 60; i++) {
		ASSERT_EQ(ktls_conn_send_tickets(p->server, 1), 1);
		check_seq(p->server);
		if (i % 3 == 0)
			ping(p->server, p->client);
		check_seq(p->server);
	}
	ping(p->server, p->client);
	EXPECT_GT(p->server->tx_updates, 3);
}

/* The key cannot be changed: what it has room for, and an end in good order */
static void run_into_the_end(struct pair *p)
{
	unsigned int before = p->server->tickets;
	char c;
	int n;

	do {
		n = ktls_conn_send_tickets(p->server, 1);
		check_seq(p->server);
	} while (n == 1);
	ASSERT_EQ(n, -KTLS_E_KEY_LIMIT);
	ASSERT_GE(p->server->tickets - before, KEPT);
	ASSERT_EQ(ktls_recv(p->client, &c, 1, 0), 0);
	ASSERT_EQ(ktls_conn_send_tickets(p->server, 1), -KTLS_E_KEY_LIMIT);
}

TEST_F(tickets, at_the_limit_of_keys)
{
	again(&self->p, self->config, &variant->mode, 0, RECORDS_MAX);
	if (rekeys(&variant->mode))
		run_into_rekeys(&self->p);
	else if (!mode_rekeys_tx(&variant->mode))
		run_into_the_end(&self->p);
	else
		return;
	resumes(self->config, KEPT);
}

/* ... of which a ticket needs many: none is cut by a KeyUpdate */
TEST_F(tickets, short_records_at_the_limit_of_keys)
{
	if (!limits(&variant->mode) || !rekeys(&variant->mode))
		return;
	again(&self->p, self->config, &variant->mode, 64, RECORDS_MAX);
	run_into_rekeys(&self->p);
	resumes(self->config, KEPT);
}

/* Some of the records begin with 0x18, as a KeyUpdate does */
TEST_F(tickets, short_records)
{
	struct pair *p = &self->p;

	if (!limits(&variant->mode))
		return;
	again(p, self->config, &variant->mode, 64, 0);
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(ktls_conn_send_tickets(p->server, 2), 2);
		ping(p->server, p->client);
	}
	resumes(self->config, KEPT);
}

/* ---- not kept ---------------------------------------------------------- */

static int keep_none(void *arg, const void *id, size_t id_len,
		     const void *session, size_t len, uint64_t expires)
{
	(void)id, (void)id_len, (void)session, (void)len, (void)expires;
	++*(int *)arg;
	return -EIO;
}

static ssize_t fetch_none(void *arg, const void *id, size_t id_len, void *buf,
			  size_t size)
{
	(void)arg, (void)id, (void)id_len, (void)buf, (void)size;
	return -EIO;
}

static void forget_none(void *arg, const void *id, size_t id_len)
{
	(void)arg, (void)id, (void)id_len;
}

/* By a store that is down: no ticket, and the connection goes on */
TEST_F(tickets, not_kept)
{
	static const struct ktls_session_store down = {
		.store = keep_none,
		.fetch = fetch_none,
		.forget = forget_none,
	};
	struct pair *p = &self->p;
	int asked = 0;
	char c;

	pair_close(p);
	ktls_config_put(self->config[1]);
	self->config[1] = mode_config(&variant->mode, KTLS_SERVER,
		&(struct ktls_opts){ .size = sizeof(struct ktls_opts),
				     .flags = KTLS_F_SINGLE_USE,
				     .sessions = 64,
				     .session_store = &down,
				     .arg = &asked });
	open_in(p, self->config);
	EXPECT_GT(asked, 0);		/* in the handshake */
	asked = 0;
	ASSERT_EQ(ktls_conn_send_tickets(p->server, 3), 0);
	EXPECT_EQ(asked, 1);
	ASSERT_EQ(ktls_send(p->server, "x", 1, 0), 1);
	ASSERT_EQ(ktls_recv(p->client, &c, 1, 0), 1);
	resumes(self->config, 0);
}

/* ---- when the socket is full ------------------------------------------- */

/* On with the stream until the socket takes no more, nor does later */
static void fill(struct ktls_conn *conn, uint64_t *pos)
{
	static uint8_t buf[16000];

	for (int idle = 0; idle < 5; idle++) {
		ssize_t n;

		stream_fill(1, *pos, buf, sizeof(buf));
		n = ktls_send(conn, buf, sizeof(buf), 0);
		if (n == -EAGAIN) {
			usleep((useconds_t)harness_ms(20) * 1000);
			continue;
		}
		ASSERT_GT(n, 0);
		*pos += (uint64_t)n;
		idle = 0;
	}
}

/* What there is, while the server goes on with what has waited */
static void drain(struct pair *p, uint64_t len)
{
	uint8_t buf[16384];
	uint64_t at = 0;

	for (int tries = 0; at < len; ) {
		ssize_t n = ktls_recv(p->client, buf, sizeof(buf),
				      MSG_DONTWAIT);

		if (n == -EAGAIN) {
			ASSERT_LT(tries++, 5000);
			(void)!ktls_flush(p->server);
			usleep(1000);
			continue;
		}
		ASSERT_GT(n, 0);
		stream_check(1, at, buf, (size_t)n);
		at += (uint64_t)n;
	}
}

static void full_socket(struct pair *p)
{
	unsigned int before = p->server->tickets, sent = 0;
	uint64_t len = 0;
	char buf[8];
	int n;

	set_nonblock(p->fd[1]);
	/* there may be room for short records, and for some time */
	while (true) {
		fill(p->server, &len);
		n = ktls_conn_send_tickets(p->server, 3);
		if (n < 0)
			break;
		ASSERT_LE(n, 3);
		sent += (unsigned int)n;
		ASSERT_LT(sent, 300);
	}
	ASSERT_EQ(n, -EAGAIN);
	EXPECT_EQ(p->server->tickets, before + sent);
	if (conn_saying(p->server)) {
		EXPECT_TRUE(ktls_conn_events(p->server) & KTLS_EV_FLUSH);
		EXPECT_EQ(ktls_conn_save(p->server, NULL, 0, 0), -EBUSY);
		EXPECT_EQ(ktls_conn_request_auth(p->server), -KTLS_E_STATE);
		/* never in front of them, should there be room by now */
		stream_fill(1, len, buf, 1);
		if (ktls_send(p->server, buf, 1, 0) == 1) {
			EXPECT_FALSE(conn_saying(p->server));
			len++;
		}
	}
	drain(p, len);
	set_block(p->fd[1]);
	ASSERT_EQ(ktls_send(p->server, "behind", 6, 0), 6);
	EXPECT_FALSE(conn_saying(p->server));
	ASSERT_EQ(ktls_recv(p->client, buf, 8, 0), 6);
	ASSERT_MEMEQ(buf, "behind", 6);
	ASSERT_EQ(ktls_conn_send_tickets(p->server, KEPT), KEPT);
	ping(p->server, p->client);
}

TEST_F(tickets, full_socket)
{
	full_socket(&self->p);
	full_socket(&self->p);
	resumes(self->config, KEPT);
}

TEST_F(tickets, full_socket_and_short_records)
{
	if (!limits(&variant->mode))
		return;
	again(&self->p, self->config, &variant->mode, 64, 0);
	full_socket(&self->p);
	full_socket(&self->p);
	resumes(self->config, KEPT);
}

HARNESS_MAIN
