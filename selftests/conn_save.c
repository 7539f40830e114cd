// SPDX-License-Identifier: GPL-2.0-only
/* A connection as bytes, and what goes on from them */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "move_lib.h"
#include "raw_lib.h"

/* ---- two ends of ours -------------------------------------------------- */

FIXTURE(save) {
	struct pair p;
};
MODES(save, moved_all);

FIXTURE_SETUP(save)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(save)
{
	pair_close(&self->p);
}

static void move_both(struct pair *p)
{
	move(&p->client, KTLS_CLIENT);
	move(&p->server, KTLS_SERVER);
}

/* What is where it was, and what is made anew */
static struct ktls_conn *blanked(const struct ktls_conn *conn)
{
	struct ktls_conn *c = malloc(conn_size(conn->suite));

	ASSERT_TRUE(c);
	memcpy(c, conn, conn_size(conn->suite));
	c->config = NULL;
	c->names = NULL;
	c->tx_room = 0;
	c->utx = NULL;
	c->urx = NULL;
	return c;
}

/* A field that a connection has been given is in the walk as well */
TEST_F(save, nothing_forgotten)
{
	struct pair *p = &self->p;
	struct ktls_conn *was, *is;

	if (mode_rekeys_tx(&variant->mode) && mode_rekeys_rx(&variant->mode))
		ASSERT_OK(ktls_conn_rekey(p->client, KTLS_REKEY_BOTH));
	ping(p->client, p->server);
	was = blanked(p->client);
	move_both(p);
	is = blanked(p->client);
	ASSERT_MEMEQ(is, was, conn_size(is->suite));
	free(is);
	free(was);
}

/* Nothing that can be known of it has changed */
TEST_F(save, goes_on)
{
	struct pair *p = &self->p;
	struct ktls_info before, after;
	uint8_t a[32], b[32];

	for (int i = 0; i < 3; i++) {
		ping(p->client, p->server);
		ktls_conn_info(p->server, &before);
		ASSERT_OK(ktls_conn_export(p->server, "l", "c", 1, a, 32));
		move_both(p);
		ktls_conn_info(p->server, &after);
		EXPECT_MEMEQ(&before, &after, sizeof(before));
		ASSERT_OK(ktls_conn_export(p->server, "l", "c", 1, b, 32));
		EXPECT_MEMEQ(a, b, 32);
		ASSERT_OK(ktls_conn_export(p->client, "l", "c", 1, b, 32));
		EXPECT_MEMEQ(a, b, 32);
		EXPECT_EQ(ktls_conn_kernel(p->server),
			  mode_kernel_bits(&variant->mode));
		EXPECT_EQ(ktls_conn_fd(p->server), p->fd[1]);
		EXPECT_EQ(ktls_conn_events(p->server), 0);
		ping(p->server, p->client);
		exchange(p->client, p->server, 50000);
	}
	close_both(p->client, p->server);
}

TEST_F(save, rekeys)
{
	struct pair *p = &self->p;

	if (!mode_rekeys_tx(&variant->mode) || !mode_rekeys_rx(&variant->mode))
		return;
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(ktls_conn_rekey(p->client, KTLS_REKEY_BOTH));
		/* asked already: it is not asked twice */
		move_both(p);
		ping(p->client, p->server);
		move_both(p);
		ASSERT_OK(ktls_conn_rekey(p->server, 0));
		ping(p->client, p->server);
	}
	close_both(p->client, p->server);
}

FIXTURE(cost) {
	struct pair p;
};
MODES(cost, moved_paths);

FIXTURE_SETUP(cost)
{
	mode_need(&variant->mode);
	mode_pair(&self->p, &variant->mode, NULL);
}

FIXTURE_TEARDOWN(cost)
{
	pair_close(&self->p);
}

/* It costs little where the kernel has all, and asking costs nothing */
TEST_F(cost, size)
{
	struct pair *p = &self->p;
	uint8_t buf[4096];
	ssize_t n = ktls_conn_save(p->server, NULL, 0, 0);

	ASSERT_GT(n, 0);
	ASSERT_LE(n, 1024);
	memset(buf, 'x', sizeof(buf));
	ASSERT_EQ(ktls_conn_save(p->server, buf, (size_t)n - 1, 0), n);
	for (size_t i = 0; i < sizeof(buf); i++)
		ASSERT_EQ(buf[i], 'x');
	ASSERT_EQ(ktls_conn_save(p->server, buf, sizeof(buf), 2), -EINVAL);
	ping(p->client, p->server);
	ASSERT_EQ(ktls_conn_save(p->server, buf, (size_t)n, 0), n);
}

TEST_F(cost, spent)
{
	struct pair *p = &self->p;
	struct saved s;
	struct ktls_info info;
	uint8_t c = 0;

	save(&s, p->server, 0);
	EXPECT_EQ(ktls_send(p->server, &c, 1, 0), -KTLS_E_STATE);
	EXPECT_EQ(ktls_recv(p->server, &c, 1, MSG_DONTWAIT), -KTLS_E_STATE);
	EXPECT_EQ(ktls_sendfile(p->server, 0, NULL, 1), -KTLS_E_STATE);
	EXPECT_EQ(ktls_flush(p->server), -KTLS_E_STATE);
	EXPECT_EQ(ktls_conn_control(p->server), -KTLS_E_STATE);
	EXPECT_EQ(ktls_conn_record(p->server, CT_ALERT, "\1\0", 2),
		  -KTLS_E_STATE);
	EXPECT_EQ(ktls_conn_rekey(p->server, 0), -KTLS_E_STATE);
	EXPECT_EQ(ktls_conn_shutdown(p->server), -KTLS_E_STATE);
	EXPECT_EQ(ktls_conn_export(p->server, "l", NULL, 0, &c, 1),
		  -KTLS_E_STATE);
	EXPECT_EQ(ktls_conn_save(p->server, NULL, 0, 0), -KTLS_E_STATE);
	EXPECT_EQ(ktls_conn_events(p->server), 0);
	EXPECT_EQ(ktls_conn_kernel(p->server), 0);
	ktls_conn_info(p->server, &info);
	EXPECT_EQ(info.suite, variant->mode.suite->id);
	EXPECT_EQ(ktls_conn_fd(p->server), p->fd[1]);
	/* no secret has stayed */
	for (size_t i = 0; i < conn_size(p->server->suite) -
			       sizeof(*p->server); i++)
		ASSERT_EQ(p->server->own[i], 0);
	/* nor has the peer noticed */
	ktls_conn_free(p->server);
	p->server = load(&s, p->fd[1], KTLS_SERVER, 0);
	ping(p->client, p->server);
	close_both(p->client, p->server);
}

/* ---- against the wire -------------------------------------------------- */

FIXTURE(state) {
	struct raw r;
};
MODES(state, moved_ends);

FIXTURE_SETUP(state)
{
	mode_need(&variant->mode);
	raw_open(&self->r, &variant->mode, KTLS_CLIENT, NULL);
}

FIXTURE_TEARDOWN(state)
{
	raw_close(&self->r);
}

static void move_us(struct raw *r)
{
	move(&r->us, KTLS_CLIENT);
}

/* What has been received so far has been taken in, and there is no more */
static void take_in(struct raw *r)
{
	char c;

	wait_fd(r->us_fd, POLLIN);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, MSG_DONTWAIT), -EAGAIN);
}

TEST_F(state, rekey_due)
{
	struct raw *r = &self->r;

	if (!mode_rekeys_tx(&variant->mode) || !mode_rekeys_rx(&variant->mode))
		return;
	raw_add_key_update(r, 1);
	raw_add(r, CT_DATA, "data", 4);
	raw_push(r);
	raw_us_recv(r, "data");
	move_us(r);
	EXPECT_EQ(ktls_conn_events(r->us), KTLS_EV_REKEY);
	ASSERT_EQ(ktls_send(r->us, "answer", 6, 0), 6);
	raw_want_key_update(r, 0);
	raw_want(r, "answer", 6);
	/* ours, asked for and not yet answered: once is enough */
	ASSERT_OK(ktls_conn_rekey(r->us, KTLS_REKEY_BOTH));
	move_us(r);
	ASSERT_OK(ktls_conn_rekey(r->us, KTLS_REKEY_BOTH));
	raw_want_key_update(r, 1);
	raw_want_key_update(r, 0);
	raw_us_send(r, "more");
}

/* A message of which there is a part, and then another one */
TEST_F(state, in_a_message)
{
	static const uint8_t hello_request[] = { HT_HELLO_REQUEST, 0, 0, 0 };
	bool tls13 = variant->mode.suite->version == KTLS_TLS13;
	struct raw *r = &self->r;
	uint8_t msg[400], type;
	size_t len = tls13 ? make_ticket(msg, sizeof(msg), 300) : 4;

	if (!tls13)
		memcpy(msg, hello_request, 4);
	for (size_t cut = 1; cut < len; cut += cut < 5 ? 1 : 97) {
		raw_send(r, CT_HANDSHAKE, msg, cut);
		take_in(r);
		move_us(r);
		raw_send(r, CT_HANDSHAKE, msg + cut, len - cut);
		raw_send(r, CT_DATA, "data", 4);
		raw_us_recv(r, "data");
		if (tls13)
			continue;
		ASSERT_EQ(raw_recv(r, &type, msg + 4, 100), 2);
		ASSERT_EQ(msg[5], KTLS_ALERT_NO_RENEGOTIATION);
	}
	/* nothing may come between the pieces, here as there */
	raw_send(r, CT_HANDSHAKE, msg, 1);
	take_in(r);
	move_us(r);
	raw_send(r, CT_DATA, "data", 4);
	raw_recv_fails(r, -KTLS_E_RECORD_TYPE, KTLS_ALERT_UNEXPECTED_MESSAGE);
}

TEST_F(state, in_a_key_update)
{
	struct raw *r = &self->r;
	uint8_t msg[5];

	if (!mode_rekeys_rx(&variant->mode))
		return;
	make_key_update(msg, 0);
	for (size_t cut = 1; cut < 5; cut++) {
		raw_send(r, CT_HANDSHAKE, msg, cut);
		take_in(r);
		move_us(r);
		raw_send(r, CT_HANDSHAKE, msg + cut, 5 - cut);
		raw_rekey_tx(r);
		raw_send(r, CT_DATA, "data", 4);
		raw_us_recv(r, "data");
	}
}

/* Records received, of which a part of the first has been read */
TEST_F(state, unread)
{
	struct raw *r = &self->r;
	uint8_t buf[9000];

	stream_fill(1, 0, buf, sizeof(buf));
	for (size_t at = 0; at < sizeof(buf); at += 3000)
		raw_add(r, CT_DATA, buf + at, 3000);
	raw_push(r);
	for (size_t at = 0; at < sizeof(buf); at += 1000) {
		recv_stream(r->us, 1, at, 1000);
		move_us(r);
	}
	raw_us_send(r, "all");
}

/* Half a record, where it is in our hands already */
TEST_F(state, half_a_record)
{
	struct raw *r = &self->r;
	size_t len;

	raw_add(r, CT_DATA, "hello", 5);
	len = r->out.len;
	for (size_t i = 0; i < len; i++) {
		ssize_t n;
		char c;

		ASSERT_EQ(send(r->fd, r->out.buf + i, 1, 0), 1);
		if (variant->mode.rx == KTLS_PATH_USER)
			wait_fd(r->us_fd, POLLIN);
		if (i < len - 1) {
			n = ktls_recv(r->us, &c, 1, MSG_DONTWAIT);
			ASSERT_EQ(n, -EAGAIN);
			move_us(r);
		}
	}
	wr_reset(&r->out);
	raw_us_recv(r, "hello");
}

/* Sealed and not sent: it would be lost, and its number with it */
TEST_F(state, unsent)
{
	struct raw *r = &self->r;
	uint8_t buf[RECORD_PLAIN_MAX], type;
	uint64_t sent = 0, got = 0;
	ssize_t n;

	set_nonblock(r->us_fd);
	do {
		stream_fill(1, sent, buf, sizeof(buf));
		n = ktls_send(r->us, buf, sizeof(buf), 0);
		sent += n > 0 ? (uint64_t)n : 0;
	} while (n > 0);
	ASSERT_EQ(n, -EAGAIN);
	if (variant->mode.tx == KTLS_PATH_USER)
		ASSERT_EQ(ktls_conn_events(r->us), KTLS_EV_FLUSH);
	move_us(r);
	if (variant->mode.tx == KTLS_PATH_USER)
		ASSERT_EQ(ktls_conn_events(r->us), KTLS_EV_FLUSH);
	while (got < sent) {
		(void)!ktls_flush(r->us);
		n = raw_recv(r, &type, buf, sizeof(buf));
		ASSERT_EQ(type, CT_DATA);
		stream_check(1, got, buf, (size_t)n);
		got += (uint64_t)n;
	}
	ASSERT_OK(ktls_flush(r->us));
	raw_us_send(r, "more");
}

TEST_F(state, closed_by_the_peer)
{
	struct raw *r = &self->r;
	char c;

	raw_alert(r, 1, KTLS_ALERT_CLOSE_NOTIFY);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), 0);
	move_us(r);
	EXPECT_EQ(ktls_conn_events(r->us), KTLS_EV_CLOSED);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), 0);
	EXPECT_EQ(ktls_conn_alert(r->us), KTLS_ALERT_CLOSE_NOTIFY);
	raw_us_send(r, "more");
	ASSERT_OK(ktls_conn_shutdown(r->us));
	raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
	raw_want_end(r);
}

TEST_F(state, closed_by_us)
{
	struct raw *r = &self->r;
	char c;

	ASSERT_OK(ktls_conn_shutdown(r->us));
	move_us(r);
	ASSERT_EQ(ktls_send(r->us, "x", 1, 0), -EPIPE);
	ASSERT_OK(ktls_conn_shutdown(r->us));
	raw_want_alert(r, KTLS_ALERT_CLOSE_NOTIFY);
	raw_want_end(r);
	raw_send(r, CT_DATA, "data", 4);
	raw_us_recv(r, "data");
	raw_fin(r);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), -KTLS_E_TRUNCATED);
	move_us(r);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), -KTLS_E_TRUNCATED);
}

/* There is nothing to go on with */
TEST_F(state, failed)
{
	struct raw *r = &self->r;

	raw_alert(r, 2, KTLS_ALERT_INTERNAL_ERROR);
	raw_recv_fails(r, -KTLS_E_PEER_ALERT, KTLS_ALERT_NONE);
	EXPECT_EQ(ktls_conn_save(r->us, NULL, 0, 0), -KTLS_E_PEER_ALERT);
}

/* Of control records and empty keys, a peer may send so many, no more */
TEST_F(state, floods)
{
	struct raw *r = &self->r;
	ssize_t n = 0;
	int i;

	for (i = 0; i < 100 && n >= 0; i++) {
		char c;

		raw_send(r, CT_DATA, "", 0);
		wait_fd(r->us_fd, POLLIN);
		n = ktls_recv(r->us, &c, 1, MSG_DONTWAIT);
		n = n == -EAGAIN ? 0 : n;
		if (!n)
			move_us(r);
	}
	/* the kernel drops them by itself */
	if (variant->mode.rx == KTLS_PATH_USER)
		ASSERT_EQ(n, -KTLS_E_RECORD_FLOOD);
	else
		ASSERT_EQ(i, 100);
}

/* The limit of a key runs on */
TEST_F(state, key_limit)
{
	static const struct ktls_opts few = {
		.size = sizeof(few), .role = KTLS_CLIENT, .max_records = 8,
		.flags = KTLS_F_ESTABLISHED,
	};
	struct ktls_config *c = config(&few);
	struct raw *r = &self->r;
	ssize_t n = 0;
	int sent = 0;

	for (; n >= 0 && sent < 20; sent += n > 0) {
		move_to(&r->us, c);
		n = ktls_send(r->us, "d", 1, 0);
	}
	ktls_config_put(c);
	if (mode_rekeys_tx(&variant->mode)) {
		ASSERT_EQ(sent, 20);
		return;
	}
	ASSERT_EQ(n, -KTLS_E_KEY_LIMIT);
	ASSERT_LE(sent, 8);
	move_us(r);
	ASSERT_EQ(ktls_send(r->us, "d", 1, 0), -KTLS_E_KEY_LIMIT);
}

HARNESS_MAIN
