// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections on an io_uring that begin in other ways: with answers that come
 * later, taken over from elsewhere, by direct descriptors, with early data; and
 * clients that authenticate later.
 */
#include "uring_lib.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cas_lib.h"
#include "sign_lib.h"

FIXTURE(uring_life) {
	struct uring_pair p;
};

MODES(uring_life, mode_ends);
FIXTURE_TIMEOUT(uring_life, 60);

FIXTURE_SETUP(uring_life)
{
	mode_need(&variant->mode);
	uring_open(&self->p, 64, 0, NULL);
}

FIXTURE_TEARDOWN(uring_life)
{
	uring_close(&self->p);
}

static void ready(struct uring_pair *p)
{
	UNTIL(p, p->client.ready && p->server.ready);
	ASSERT_OK(p->client.ready_err);
	ASSERT_OK(p->server.ready_err);
}

/* Both ways, of memory and files, and closed in order */
static void works(struct uring_pair *p)
{
	uint64_t client = p->client.got, server = p->server.got;

	uring_send(&p->client, 0, server, 50000, false);
	uring_send_file(&p->client, 0, server + 50000, 50000, 50000);
	uring_send_file(&p->server, 0, client, 50000, 50000);
	uring_send(&p->server, 0, client + 50000, 50000, false);
	ktls_stream_close(p->client.s);
	UNTIL(p, p->server.ended && p->client.closed);
	ktls_stream_close(p->server.s);
	UNTIL(p, p->client.ended && p->server.closed);
	EXPECT_EQ(p->client.got, client + 100000);
	EXPECT_EQ(p->server.got, server + 100000);
	EXPECT_OK(p->client.end_err);
	EXPECT_OK(p->server.end_err);
	EXPECT_OK(p->client.first_err);
	EXPECT_OK(p->server.first_err);
}

/* ---- answers that come later -------------------------------------------- */

struct answerer {
	bool at_once;		/* in the call itself */
	bool refuse;
	unsigned int asked;	/* KTLS_WANT_* */
};

static void answer(struct uring_end *e)
{
	struct answerer *a = e->arg;
	struct ktls_hs *hs = ktls_stream_hs(e->s);
	struct ktls_sign_request r;
	uint8_t sig[512];
	ssize_t n = -1;
	int err;

	if (e->wants == KTLS_WANT_SIGN) {
		ASSERT_OK(ktls_hs_sign_request(hs, &r));
		if (!a->refuse)
			n = sign_with("chain", &r, sig);
		err = ktls_hs_sign_answer(hs, sig, n);
	} else if (e->wants == KTLS_WANT_CRED) {
		err = ktls_hs_cred_answer(hs, 0);
	} else {
		ASSERT_EQ(e->wants, KTLS_WANT_VERIFY);
		err = ktls_hs_verify_answer(hs, a->refuse ?
					    -KTLS_E_CERT_OTHER : 0);
	}
	EXPECT_TRUE(a->refuse ? err < 0 : !err);
	ktls_stream_go(e->s);
}

static void on_call(struct uring_end *e, enum uring_call call)
{
	struct answerer *a = e->arg;

	if (call != CALL_WANTS)
		return;
	a->asked |= e->wants;
	if (a->at_once)
		answer(e);
}

static int later_cred(void *arg, struct ktls_hs *hs,
		      const struct ktls_cred_request *r)
{
	(void)arg;
	(void)hs;
	(void)r;
	return KTLS_LATER;
}

static int later_verify(void *arg, struct ktls_hs *hs,
			const struct ktls_verify_request *r)
{
	(void)arg;
	(void)hs;
	(void)r;
	return KTLS_LATER;
}

static const struct ktls_hooks later = {
	.choose_cred = later_cred, .verify = later_verify,
};

/* The server signs elsewhere, a client with a certificate is asked all */
static void shake_later(struct uring_pair *p, const struct mode *m,
			struct answerer a[2])
{
	struct ktls_cred cred = pki_cred("chain"), client = pki_cred("client");
	const struct ktls_opts c = {
		.size = sizeof(c), .creds = &client, .creds_len = 1,
		.hooks = &later,
	};
	const struct ktls_opts s = {
		.size = sizeof(s), .creds = &cred, .creds_len = 1,
		.verify = KTLS_VERIFY_REQUIRE,
	};

	cred.key_file = NULL;
	cred.key_elsewhere = 1;
	p->client.arg = &a[0];
	p->server.arg = &a[1];
	p->client.hook = p->server.hook = on_call;
	uring_start(p, mode_config(m, KTLS_CLIENT, &c),
		    mode_config(m, KTLS_SERVER, &s));
}

TEST_F(uring_life, answers_at_once)
{
	struct answerer a[2] = { { .at_once = true }, { .at_once = true } };
	struct uring_pair *p = &self->p;

	shake_later(p, &variant->mode, a);
	ready(p);
	EXPECT_EQ(a[0].asked, KTLS_WANT_CRED | KTLS_WANT_VERIFY);
	EXPECT_EQ(a[1].asked, KTLS_WANT_SIGN);
	works(p);
}

TEST_F(uring_life, answers_later)
{
	struct answerer a[2] = { 0 };
	struct uring_pair *p = &self->p;

	shake_later(p, &variant->mode, a);
	for (int i = 0; i < 20 && !(p->client.ready && p->server.ready); i++) {
		uring_idle(p, 3);
		if (p->client.wants)
			answer(&p->client);
		p->client.wants = 0;
		if (p->server.wants)
			answer(&p->server);
		p->server.wants = 0;
	}
	ready(p);
	works(p);
}

TEST_F(uring_life, refused)
{
	struct answerer a[2] = { { .at_once = true, .refuse = true },
				 { .at_once = true } };
	struct uring_pair *p = &self->p;

	shake_later(p, &variant->mode, a);
	UNTIL(p, p->client.ready && p->server.ready);
	EXPECT_EQ(p->client.ready_err, -KTLS_E_CERT_OTHER);
	EXPECT_EQ(p->server.ready_err, -KTLS_E_PEER_ALERT);
	ktls_stream_close(p->client.s);
	ktls_stream_close(p->server.s);
	UNTIL(p, p->client.closed && p->server.closed);
}

TEST_F(uring_life, signature_refused)
{
	struct answerer a[2] = { { .at_once = true },
				 { .at_once = true, .refuse = true } };
	struct uring_pair *p = &self->p;

	shake_later(p, &variant->mode, a);
	UNTIL(p, p->client.ready && p->server.ready);
	EXPECT_EQ(p->server.ready_err, -KTLS_E_SIGN_REFUSED);
	EXPECT_EQ(p->client.ready_err, -KTLS_E_PEER_ALERT);
}

/* Who is asked may go instead */
TEST_F(uring_life, freed_unanswered)
{
	struct answerer a[2] = { 0 };
	struct uring_pair *p = &self->p;

	shake_later(p, &variant->mode, a);
	UNTIL(p, p->server.wants);
	ktls_stream_free(p->server.s);
	UNTIL(p, p->server.freed);
	ASSERT_OK(shutdown(p->server.fd, SHUT_RDWR));
	UNTIL(p, p->client.ready);
	EXPECT_LT(p->client.ready_err, 0);
}

/* ---- taken over --------------------------------------------------------- */

/* @conn by way of another process, which this one is as well */
static struct ktls_conn *passed(struct ktls_conn *conn, const struct mode *m,
				enum ktls_role role, int *fd)
{
	struct ktls_config *c = mode_config(m, role, NULL);
	struct ktls_conn *got;
	int s[2];

	ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	ASSERT_OK(ktls_conn_pass(conn, s[0]));
	ASSERT_OK(ktls_conn_receive(&got, c, s[1], fd));
	ktls_config_put(c);
	close(s[0]);
	close(s[1]);
	return got;
}

static void adopt(struct uring_pair *p, const struct mode *m)
{
	struct ktls_conn *client, *server;
	uint8_t buf[1000];
	struct pair old;

	mode_pair(&old, m, NULL);
	/* half of it is read, the other half moves along */
	send_stream(old.client, 0, 0, 2000);
	ASSERT_EQ(ktls_recv(old.server, buf, sizeof(buf), 0), sizeof(buf));
	client = passed(old.client, m, KTLS_CLIENT, &p->client.fd);
	server = passed(old.server, m, KTLS_SERVER, &p->server.fd);
	pair_close(&old);
	p->server.got = sizeof(buf);
	uring_end_over(p, &p->client, client);
	uring_end_over(p, &p->server, server);
	UNTIL(p, p->server.got == 2000);
	works(p);
	EXPECT_FALSE(p->client.ready || p->server.ready);
}

TEST_F(uring_life, adopted)
{
	adopt(&self->p, &variant->mode);
}

TEST_F(uring_life, adopted_with_slots)
{
	self->p.direct = DIRECT_TOO;
	adopt(&self->p, &variant->mode);
}

/* What was passed on is of no use here */
TEST_F(uring_life, spent)
{
	struct uring_pair *p = &self->p;
	struct ktls_stream *s;
	struct pair old;
	int fd;

	mode_pair(&old, &variant->mode, NULL);
	ktls_conn_free(passed(old.client, &variant->mode, KTLS_CLIENT, &fd));
	close(fd);
	EXPECT_EQ(ktls_stream_adopt(&s, p->u, old.client, -1, &uring_end_ops,
				    NULL), -KTLS_E_STATE);
	EXPECT_FALSE(s);
	pair_close(&old);
}

/* ---- direct descriptors ------------------------------------------------- */

static void direct(struct uring_pair *p, const struct mode *m,
		   enum uring_direct how)
{
	p->direct = how;
	uring_pair_new(p, m, NULL);
	if (mode_rekeys_tx(m) && mode_rekeys_rx(m))
		ktls_stream_rekey(p->client.s, KTLS_REKEY_BOTH);
	works(p);
}

TEST_F(uring_life, slots)
{
	direct(&self->p, &variant->mode, DIRECT_TOO);
}

TEST_F(uring_life, slots_alone)
{
	direct(&self->p, &variant->mode, DIRECT_ALONE);
}

/* Of a place in the table where there is nothing */
TEST_F(uring_life, empty_slot)
{
	struct uring_pair *p = &self->p;
	struct ktls_config *c = mode_config(&variant->mode, KTLS_CLIENT, NULL);
	struct ktls_hs *hs;

	ASSERT_OK(io_uring_register_files_sparse(&p->ring, 2));
	ASSERT_OK(ktls_hs_new(&hs, c, "localhost"));
	ktls_config_put(c);
	ASSERT_OK(ktls_stream_new(&p->client.s, p->u, hs, -1, 1,
				  &uring_end_ops, &p->client));
	UNTIL(p, p->client.ready);
	EXPECT_EQ(p->client.ready_err, -EBADF);
	ktls_stream_close(p->client.s);
	UNTIL(p, p->client.closed);
}

TEST_F(uring_life, no_descriptor)
{
	struct uring_pair *p = &self->p;
	struct ktls_config *c = mode_config(&variant->mode, KTLS_CLIENT, NULL);
	struct ktls_stream *s;
	struct ktls_hs *hs;

	ASSERT_OK(ktls_hs_new(&hs, c, "localhost"));
	ktls_config_put(c);
	EXPECT_EQ(ktls_stream_new(&s, p->u, hs, -1, -1, &uring_end_ops, NULL),
		  -EINVAL);
	EXPECT_FALSE(s);
	ktls_hs_free(hs);
}

/* A program of a later version, whose ops have more */
TEST_F(uring_life, later_ops)
{
	struct uring_pair *p = &self->p;
	struct ktls_config *c = mode_config(&variant->mode, KTLS_CLIENT, NULL);
	struct {
		struct ktls_stream_ops known;
		void (*later)(void *arg);
	} ops = { .known = uring_end_ops, .later = uring_end_ops.freed };
	struct ktls_stream *s;
	struct ktls_hs *hs;

	ASSERT_OK(ktls_hs_new(&hs, c, "localhost"));
	ktls_config_put(c);
	EXPECT_EQ(ktls_stream_new_size(&s, p->u, hs, -1, 1, NULL, &ops.known,
				       sizeof(ops)), -E2BIG);
	EXPECT_FALSE(s);
	ktls_hs_free(hs);
}

/* A connection that it does not take is as it was: it sends by itself */
TEST_F(uring_life, not_adopted)
{
	struct {
		struct ktls_stream_ops known;
		void (*later)(void *arg);
	} ops = { .known = uring_end_ops, .later = uring_end_ops.freed };
	struct uring_pair *p = &self->p;
	struct ktls_stream *s;
	struct pair pair;

	mode_pair(&pair, &variant->mode, NULL);
	EXPECT_EQ(ktls_stream_adopt_size(&s, p->u, pair.client, -1, NULL,
					 &ops.known, sizeof(ops)), -E2BIG);
	EXPECT_FALSE(s);
	ping(pair.client, pair.server);
	pair_close(&pair);
}

TEST_F(uring_life, freed_while_installing)
{
	struct uring_pair *p = &self->p;

	p->direct = DIRECT_ALONE;
	for (int turns = 0; turns < 4; turns++) {
		p->direct = DIRECT_ALONE;
		uring_start(p, mode_config(&variant->mode, KTLS_CLIENT, NULL),
			    mode_config(&variant->mode, KTLS_SERVER, NULL));
		for (int i = 0; i < turns; i++)
			uring_turn(p, 1);
		uring_pair_free(p);
		ASSERT_OK(io_uring_unregister_files(&p->ring));
	}
}

/* ---- early data, and who it is later ------------------------------------ */

TEST_F(uring_life, early_data)
{
	const struct ktls_opts o = {
		.size = sizeof(o), .sessions = 10, .early_data = 10000,
	};
	struct ktls_config *client, *server;
	struct uring_pair *p = &self->p;
	struct ktls_hs *hs;
	uint8_t buf[100];
	int fd[2];

	if (variant->mode.suite->version != KTLS_TLS13)
		return;
	client = mode_config(&variant->mode, KTLS_CLIENT, &o);
	server = mode_config(&variant->mode, KTLS_SERVER, &o);
	uring_start(p, ktls_config_get(client), ktls_config_get(server));
	ready(p);
	works(p);	/* a ticket comes along */
	uring_pair_free(p);
	tcp_pair(fd);
	p->client.fd = fd[0];
	p->server.fd = fd[1];
	ASSERT_OK(ktls_hs_new(&hs, client, "localhost"));
	ASSERT_EQ(ktls_hs_early_write(hs, "early", 5), 5);
	ASSERT_OK(ktls_stream_new(&p->client.s, p->u, hs, fd[0], -1,
				  &uring_end_ops, &p->client));
	uring_shake(p, &p->server, server, NULL);
	ready(p);
	ASSERT_EQ(ktls_conn_early_read(ktls_stream_conn(p->server.s), buf,
				       sizeof(buf)), 5);
	EXPECT_MEMEQ(buf, "early", 5);
	works(p);
	ktls_config_put(client);
}

/* As far as the server's flight, behind which the kernel has its sending keys */
static void begin_early_keys(struct uring_pair *p, struct ktls_hs *client)
{
	int err;

	uring_begin(p);
	do {
		ASSERT_GE(ktls_hs_run(client, p->client.fd), 0);
		uring_turn(p, 1);
		err = ktls_hs_offload_tx(ktls_stream_hs(p->server.s),
					 p->server.fd);
	} while (err == -KTLS_E_STATE && uring_in_time(p));
	ASSERT_OK(err);
}

/* What fails then is said by the kernel, too */
TEST_F(uring_life, failure_behind_early_keys)
{
	const struct ktls_opts o = {
		.size = sizeof(o), .verify = KTLS_VERIFY_REQUIRE,
		.flags = KTLS_F_EARLY_ANSWER,
	};
	struct uring_pair *p = &self->p;
	struct ktls_config *config;
	struct ktls_conn *conn;
	struct ktls_hs *hs;
	int fd[2];
	char c;

	if (variant->mode.suite->version != KTLS_TLS13 ||
	    variant->mode.tx != KTLS_PATH_KERNEL)
		return;
	tcp_pair(fd);
	p->client.fd = fd[0];
	p->server.fd = fd[1];
	set_nonblock(fd[0]);
	config = mode_config(&variant->mode, KTLS_CLIENT, NULL);
	ASSERT_OK(ktls_hs_new(&hs, config, "localhost"));
	ktls_config_put(config);
	uring_shake(p, &p->server, mode_config(&variant->mode, KTLS_SERVER,
					       &o), NULL);
	begin_early_keys(p, hs);
	ASSERT_OK(ktls_hs_run(hs, fd[0]));
	ASSERT_OK(ktls_offload(&conn, hs, fd[0]));
	UNTIL(p, p->server.ready);
	EXPECT_EQ(p->server.ready_err, -KTLS_E_CERT_REQUIRED);
	ktls_stream_close(p->server.s);
	uring_idle(p, 3);
	EXPECT_EQ(ktls_recv(conn, &c, 1, 0), -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(conn), KTLS_ALERT_CERTIFICATE_REQUIRED);
	ktls_conn_free(conn);
}

static void authenticate(struct uring_end *e, enum uring_call call)
{
	if (call == CALL_EVENT && e->events & KTLS_EV_AUTH)
		ASSERT_OK(ktls_conn_authenticate(ktls_stream_conn(e->s)));
}

/* Asked by a call on the connection, of which the stream is told */
TEST_F(uring_life, authenticated_later)
{
	struct ktls_cred cred = pki_cred("client");
	const struct ktls_opts c = {
		.size = sizeof(c), .flags = KTLS_F_POST_HANDSHAKE_AUTH,
		.creds = &cred, .creds_len = 1,
	};
	const struct ktls_opts s = {
		.size = sizeof(s), .flags = KTLS_F_POST_HANDSHAKE_AUTH,
		.verify = KTLS_VERIFY_REQUIRE,
	};
	struct uring_pair *p = &self->p;
	struct ktls_conn *conn;
	struct ktls_info info;

	if (variant->mode.suite->version != KTLS_TLS13)
		return;
	p->client.hook = authenticate;
	uring_start(p, mode_config(&variant->mode, KTLS_CLIENT, &c),
		    mode_config(&variant->mode, KTLS_SERVER, &s));
	ready(p);
	conn = ktls_stream_conn(p->server.s);
	ASSERT_OK(ktls_conn_request_auth(conn));
	ktls_stream_go(p->server.s);
	UNTIL(p, p->server.event_calls &&
	      !(p->server.events & KTLS_EV_UNANSWERED));
	ktls_conn_info(conn, &info);
	EXPECT_TRUE(strstr(info.peer_subject, "client"));
	works(p);
}

/*
 * Requests of 32 KiB behind data that nobody reads: what is left of one goes
 * out, though nothing follows it
 */
TEST_F(uring_life, authenticated_behind_data)
{
	char *cas = cas_pem(400, 64, false);
	const struct ktls_opts c = {
		.size = sizeof(c), .flags = KTLS_F_POST_HANDSHAKE_AUTH,
	};
	const struct ktls_opts s = {
		.size = sizeof(s), .ca_pem = cas, .verify =
		KTLS_VERIFY_OPTIONAL, .flags = KTLS_F_POST_HANDSHAKE_AUTH |
		KTLS_F_AUTH_LATER | KTLS_F_CA_NAMES,
	};
	struct uring_pair *p = &self->p;
	struct ktls_conn *conn;
	uint8_t data[16384];
	uint64_t sent = 0;
	ssize_t n;
	int err = 0;

	if (variant->mode.suite->version != KTLS_TLS13) {
		free(cas);
		return;
	}
	uring_start(p, mode_config(&variant->mode, KTLS_CLIENT, &c),
		    mode_config(&variant->mode, KTLS_SERVER, &s));
	ready(p);
	conn = ktls_stream_conn(p->server.s);
	ktls_stream_pause(p->client.s);
	/* no job, which would push them before its own data */
	do {
		stream_fill(0, sent, data, sizeof(data));
		n = ktls_send(conn, data, sizeof(data), 0);
		sent += n > 0 ? (size_t)n : 0;
		ktls_stream_go(p->server.s);
		uring_idle(p, 2);
	} while (n > 0);
	EXPECT_EQ(n, -EAGAIN);
	for (int i = 0; i < 4 && !err; i++)
		err = ktls_conn_request_auth(conn);
	EXPECT_EQ(err, -EAGAIN);
	ktls_stream_go(p->server.s);
	ktls_stream_resume(p->client.s);
	UNTIL(p, p->client.got == sent &&
	      !(ktls_conn_events(conn) & KTLS_EV_FLUSH));
	/* an answer would have moved it, too */
	p->client.hook = authenticate;
	ASSERT_OK(ktls_conn_authenticate(ktls_stream_conn(p->client.s)));
	ktls_stream_go(p->client.s);
	UNTIL(p, !(ktls_conn_events(conn) & KTLS_EV_UNANSWERED));
	free(cas);
}

/* More tickets, behind data that nobody reads yet */
TEST_F(uring_life, tickets_later)
{
	const struct ktls_opts o = { .size = sizeof(o), .sessions = 10 };
	struct uring_pair *p = &self->p;
	int n;

	if (variant->mode.suite->version != KTLS_TLS13)
		return;
	uring_pair_new(p, &variant->mode, &o);
	ktls_stream_pause(p->client.s);
	uring_send(&p->server, 0, 0, 10 << 20, false);
	uring_idle(p, 10);
	n = ktls_conn_send_tickets(ktls_stream_conn(p->server.s), 3);
	/* those behind one that waits are not begun */
	EXPECT_TRUE((n >= 1 && n <= 3) || n == -EAGAIN) TH_LOG("%d", n);
	ktls_stream_go(p->server.s);
	ktls_stream_resume(p->client.s);
	UNTIL(p, p->client.got == 10 << 20);
	works(p);
}

HARNESS_MAIN
