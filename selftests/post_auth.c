// SPDX-License-Identifier: GPL-2.0-only
/* Authentication of the client after the handshake, as it is meant to be */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock_lib.h"
#include "post_lib.h"
#include "rawkey_lib.h"
#include "session_lib.h"
#include "traffic_lib.h"

#define LATER	KTLS_F_AUTH_LATER

FIXTURE(post) {
	struct post t;
};
MODES(post, mode_paths13);

FIXTURE_SETUP(post)
{
	mode_need(&variant->mode);
	post_both(&self->t, &variant->mode, &(struct post_opts){
		  .cert = "client", .flags = LATER });
}

FIXTURE_TEARDOWN(post)
{
	post_close(&self->t);
}

static void again(struct post *t, const struct mode *m,
		  const struct post_opts *o)
{
	post_close(t);
	post_both(t, m, o);
}

/* ---- one, and several -------------------------------------------------- */

TEST_F(post, one)
{
	struct post *t = &self->t;

	post_knows(t, "");
	post_auth(t, "client");
	ping(t->client, t->server);
	/* none waits, and that is no failure */
	ASSERT_OK(ktls_conn_authenticate(t->client));
	post_auth(t, "client");
	ping(t->server, t->client);
	close_both(t->client, t->server);
}

TEST_F(post, four_at_once)
{
	struct post *t = &self->t;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++)
			post_ask(t);
		ASSERT_EQ(ktls_conn_request_auth(t->server), -EBUSY);
		ASSERT_OK(ktls_conn_authenticate(t->client));
		for (int i = 0; i < 4; i++) {
			char c;

			EXPECT_TRUE(ktls_conn_events(t->server) &
				    KTLS_EV_UNANSWERED);
			ASSERT_EQ(ktls_recv(t->server, &c, 1, 0), -EINTR);
		}
		EXPECT_FALSE(ktls_conn_events(t->server) & KTLS_EV_UNANSWERED);
		post_knows(t, "client");
		ping(t->client, t->server);
	}
}

/* What libcrypto does not give away cannot be taken to another process */
TEST_F(post, saved)
{
	struct post *t = &self->t;

	post_ask(t);
	ASSERT_EQ(ktls_conn_save(t->client, NULL, 0, 0), -EBUSY);
	ASSERT_EQ(ktls_conn_save(t->server, NULL, 0, 0), -EBUSY);
	post_answer(t);
	ASSERT_GT(ktls_conn_save(t->client, NULL, 0, 0), 0);
	ASSERT_GT(ktls_conn_save(t->server, NULL, 0, 0), 0);
	post_auth(t, "client");
}

/* The server's own certificate in the handshake is proved with another hash */
TEST_F(post, after_a_handshake_with_one)
{
	struct post *t = &self->t;

	again(t, &variant->mode, &(struct post_opts){ .cert = "client" });
	post_knows(t, "client");
	post_auth(t, "client");
	again(t, &variant->mode, &(struct post_opts){ .cert = "client",
	      .flags = LATER | KTLS_F_COOKIE | KTLS_F_CA_NAMES });
	post_auth(t, "client");
}

/* ---- keys (4.5: the traffic secret as it is then) ---------------------- */

/* @n times, each key with data, or it would be a flood */
static void rekey(struct ktls_conn *from, struct ktls_conn *to, int n)
{
	while (n--) {
		ASSERT_OK(ktls_conn_rekey(from, 0));
		ping(from, to);
	}
}

TEST_F(post, among_rekeys)
{
	struct post *t = &self->t;
	int n = (int)modest(1000);
	char c;

	if (!mode_rekeys_tx(&variant->mode))
		ASSERT_EQ(ktls_conn_rekey(t->client, 0), -KTLS_E_NO_REKEY);
	if (!mode_rekeys_tx(&variant->mode) || !mode_rekeys_rx(&variant->mode))
		return;
	rekey(t->client, t->server, n);
	post_auth(t, "client");
	rekey(t->server, t->client, n);
	post_auth(t, "client");
	/* between the request and its answer */
	post_ask(t);
	rekey(t->server, t->client, 2);
	rekey(t->client, t->server, 3);
	post_answer(t);
	post_knows(t, "client");
	/* the answer goes out under the key that the server asks for */
	post_ask(t);
	ASSERT_OK(ktls_conn_rekey(t->server, KTLS_REKEY_BOTH));
	ping(t->server, t->client);
	post_ask(t);
	post_answer(t);
	EXPECT_TRUE(ktls_conn_events(t->server) & KTLS_EV_UNANSWERED);
	ASSERT_EQ(ktls_recv(t->server, &c, 1, 0), -EINTR);
	EXPECT_FALSE(ktls_conn_events(t->server) & KTLS_EV_UNANSWERED);
	post_knows(t, "client");
	ping(t->client, t->server);
}

/* No key serves longer than it may, and an answer needs more than one record */
TEST_F(post, at_the_limit_of_keys)
{
	struct post *t = &self->t;

	again(t, &variant->mode, &(struct post_opts){ .cert = "client",
	      .flags = LATER, .max_records = 8 });
	if (!mode_rekeys_tx(&variant->mode)) {
		char c;

		/* nothing can be asked with this key: it is closed in order */
		for (int i = 0; i < 6; i++)
			ASSERT_EQ(ktls_send(t->server, "x", 1, 0), 1);
		ASSERT_EQ(ktls_conn_request_auth(t->server),
			  -KTLS_E_KEY_LIMIT);
		for (int i = 0; i < 6; i++)
			ASSERT_EQ(ktls_recv(t->client, &c, 1, 0), 1);
		ASSERT_EQ(ktls_recv(t->client, &c, 1, 0), 0);
		return;
	}
	if (!mode_rekeys_rx(&variant->mode))
		return;
	for (int i = 0; i < 30; i++) {
		post_auth(t, "client");
		ping(t->client, t->server);
	}
}

/* ---- among data -------------------------------------------------------- */

/* Asks, answers and changes keys whenever it is somebody's turn */
static void now_and_then(struct traffic *t, struct ktls_conn *conn)
{
	bool server = conn->config->role == KTLS_SERVER;
	int err = 0;

	/* where no data follows, it would be a flood */
	if (t->end[server].sent == t->len || rnd_below(&t->rnd, 3))
		return;
	if (conn_can_rekey(conn, KTLS_TX) && conn_can_rekey(conn, KTLS_RX) &&
	    !rnd_below(&t->rnd, 3))
		err = ktls_conn_rekey(conn, 0);
	else if (server)
		err = ktls_conn_request_auth(conn);
	else if (ktls_conn_events(conn) & KTLS_EV_AUTH)
		err = ktls_conn_authenticate(conn);
	if (err && err != -EBUSY)
		ASSERT_EQ(err, -EAGAIN);
}

TEST_F(post, data_both_ways)
{
	struct traffic traffic = { .step = now_and_then };
	struct post *t = &self->t;
	struct ktls_info info;

	for (uint64_t seed = 1; seed < 4; seed++)
		traffic_run(&traffic, &t->p, seed, modest(3000000));
	ktls_conn_info(t->server, &info);
	EXPECT_STREQ(info.peer_subject, "CN = client");
	/* what is left of it */
	ASSERT_OK(ktls_conn_authenticate(t->client));
	for (int tries = 0; ktls_conn_events(t->server) & KTLS_EV_UNANSWERED; ) {
		ssize_t n;
		char c;

		while (ktls_recv(t->client, &c, 1, MSG_DONTWAIT) == -EINTR)
			ASSERT_OK(ktls_conn_authenticate(t->client));
		/* poll(2) tells nothing of what has been read ahead */
		n = ktls_recv(t->server, &c, 1, MSG_DONTWAIT);
		if (n == -EINTR)
			continue;
		ASSERT_EQ(n, -EAGAIN);
		ASSERT_LT(tries++, 5000);
		usleep(1000);
	}
	ping(t->client, t->server);
}

/*
 * Until the socket takes no more, nor does later: the bytes that it took.  TCP
 * fills the rest of a window that is too small for a segment when its persist
 * timer ends, 200 ms and more after the last acknowledgment.
 */
static uint64_t fill(struct ktls_conn *conn)
{
	static uint8_t buf[16000];
	uint64_t pos = 0;
	ssize_t n;

	for (int idle = 0; idle < 25; idle++) {
		stream_fill(1, pos, buf, sizeof(buf));
		n = ktls_send(conn, buf, sizeof(buf), 0);
		if (n == -EAGAIN) {
			usleep((useconds_t)harness_ms(20) * 1000);
			continue;
		}
		ASSERT_GT(n, 0);
		pos += (uint64_t)n;
		idle = 0;
	}
	return pos;
}

/* ... and nothing of an answer is lost, nor anything put between its parts */
static void full_socket(struct post *t, bool authenticate_again)
{
	uint8_t buf[16384];
	uint64_t pos, at = 0;
	ssize_t n;

	post_ask(t);
	set_nonblock(t->p.fd[0]);
	pos = fill(t->client);
	/* (a kernel may have room for a record of a few bytes) */
	for (int i = 0; i < 2; i++) {
		int err = ktls_conn_authenticate(t->client);

		if (err)
			ASSERT_EQ(err, -EAGAIN);
		else
			EXPECT_FALSE(t->client->utx);
	}
	for (int tries = 0; at < pos; ) {
		n = ktls_recv(t->server, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == -EAGAIN) {
			ASSERT_LT(tries++, 5000);
			(void)!ktls_flush(t->client);
			usleep(1000);
			continue;
		}
		ASSERT_GT(n, 0);
		stream_check(1, at, buf, (size_t)n);
		at += (uint64_t)n;
	}
	set_block(t->p.fd[0]);
	if (authenticate_again)
		ASSERT_OK(ktls_conn_authenticate(t->client));
	ASSERT_EQ(ktls_send(t->client, "behind", 6, 0), 6);
	if (!authenticate_again)
		ASSERT_OK(ktls_conn_authenticate(t->client));
	n = ktls_recv(t->server, buf, sizeof(buf), 0);
	if (n == -EINTR) {
		post_knows(t, "client");
		n = ktls_recv(t->server, buf, sizeof(buf), 0);
	}
	ASSERT_EQ(n, 6);
	ASSERT_MEMEQ(buf, "behind", 6);
	if (ktls_conn_events(t->server) & KTLS_EV_UNANSWERED)
		ASSERT_EQ(ktls_recv(t->server, buf, sizeof(buf), 0), -EINTR);
	post_knows(t, "client");
	ping(t->server, t->client);
}

TEST_F(post, full_socket)
{
	full_socket(&self->t, true);
	full_socket(&self->t, false);
}

/* ---- a chain longer than a record -------------------------------------- */

static char *read_pem(const char *path, char *to)
{
	FILE *f = fopen(path, "r");
	size_t n;

	ASSERT_TRUE(f);
	n = fread(to, 1, 65536, f);
	ASSERT_GT(n, 0);
	fclose(f);
	to[n] = '\0';
	return to + n;
}

/* The leaf, and @more certificates that have nothing to do with it */
static struct ktls_cred long_cred(size_t more)
{
	static char pem[300000];
	char *p = read_pem(pki("client"), pem);

	while (more--) {
		ASSERT_LT(p - pem, sizeof(pem) - 65537);
		p = read_pem(pki("inter"), p);
	}
	return (struct ktls_cred){ .cert_pem = pem,
				   .key_file = pki_key("client") };
}

TEST_F(post, long_chain)
{
	const struct ktls_cred cred = long_cred(60);
	struct post *t = &self->t;
	struct post_opts o = { .creds = &cred, .flags = LATER,
			       .max_chain = 100 };

	again(t, &variant->mode, &o);
	EXPECT_GT(t->client->config->creds[0].chain_len, 60);
	for (int i = 0; i < 3; i++) {
		post_auth(t, "client");
		ping(t->client, t->server);
	}
	full_socket(t, true);
	full_socket(t, false);
	o.max_chain = 61 - 1;
	again(t, &variant->mode, &o);
	post_ask(t);
	ASSERT_OK(ktls_conn_authenticate(t->client));
	post_fails(t->server, t->client, -KTLS_E_CERT_CHAIN);
}

/* Every message of both ends in many records */
TEST_F(post, short_records)
{
	struct post *t = &self->t;
	struct ktls_caps caps;

	ASSERT_OK(ktls_probe(&caps));
	/* then it is no path for such a peer: fallback.c */
	if (variant->mode.tx == KTLS_PATH_KERNEL && caps.max_payload_error)
		return;
	again(t, &variant->mode, &(struct post_opts){ .cert = "client",
	      .flags = LATER | KTLS_F_CA_NAMES, .record_size_limit = 64 });
	for (int i = 0; i < 3; i++) {
		post_auth(t, "client");
		ping(t->client, t->server);
	}
}

/* ---- who declines, and who may not ------------------------------------- */

TEST_F(post, declined)
{
	struct post *t = &self->t;
	struct post_opts o = { .flags = LATER,
			       .verify = KTLS_VERIFY_OPTIONAL };

	again(t, &variant->mode, &o);
	post_auth(t, "");
	ping(t->client, t->server);
	post_auth(t, "");
	o.verify = KTLS_VERIFY_REQUIRE;
	again(t, &variant->mode, &o);
	post_ask(t);
	ASSERT_OK(ktls_conn_authenticate(t->client));
	post_fails(t->server, t->client, -KTLS_E_CERT_REQUIRED);
}

struct choice {
	int give, asked;
};

static int choose(void *arg, struct ktls_hs *hs,
		  const struct ktls_cred_request *request)
{
	struct choice *c = arg;
	struct ktls_info info;

	c->asked++;
	EXPECT_EQ(request->version, KTLS_TLS13);
	EXPECT_EQ(request->fits_len, 1);
	ktls_hs_info(hs, &info);
	EXPECT_EQ(info.version, KTLS_TLS13);
	EXPECT_STREQ(info.peer_subject, "CN = p256");
	/* it stays from one request to the next */
	EXPECT_EQ(ktls_hs_data(hs), c->asked > 1 ? c : NULL);
	ktls_hs_set_data(hs, c);
	return c->give;
}

TEST_F(post, the_application_chooses)
{
	static const struct ktls_hooks hooks = { .choose_cred = choose };
	struct choice c = { .give = 0 };
	struct post *t = &self->t;
	struct post_opts o = { .cert = "client", .hooks = &hooks, .arg = &c,
			       .flags = LATER,
			       .verify = KTLS_VERIFY_OPTIONAL };
	char byte;

	again(t, &variant->mode, &o);
	post_auth(t, "client");
	/* who says nothing now is who he was */
	c.give = -1;
	post_auth(t, "client");
	EXPECT_EQ(c.asked, 2);
	c.give = 7;
	post_ask(t);
	ASSERT_EQ(ktls_conn_authenticate(t->client), -KTLS_E_CRED_CHOICE);
	ASSERT_EQ(ktls_recv(t->server, &byte, 1, 0), -KTLS_E_PEER_ALERT);
	EXPECT_EQ(ktls_conn_alert(t->server), KTLS_ALERT_INTERNAL_ERROR);
	/* a connection does not wait for it */
	c = (struct choice){ .give = KTLS_LATER };
	again(t, &variant->mode, &o);
	post_ask(t);
	ASSERT_EQ(ktls_conn_authenticate(t->client), -KTLS_E_LATE_ANSWER);
	ASSERT_EQ(ktls_recv(t->server, &byte, 1, 0), -KTLS_E_PEER_ALERT);
}

/* ... and the one at the server has the last word, or the only one */
static int verdict(void *arg, struct ktls_hs *hs,
		   const struct ktls_verify_request *request)
{
	const struct choice *c = arg;
	struct ktls_info info;

	EXPECT_EQ(request->chain_len, 1);
	ktls_hs_info(hs, &info);
	EXPECT_STRNE(info.peer_subject, "");
	return c->give;
}

TEST_F(post, the_application_verifies)
{
	static const struct ktls_hooks hooks = { .verify = verdict };
	static const struct {
		int answer, err;
	} rows[] = {
		{ 0, 0 },
		{ -KTLS_E_CERT_REVOKED, -KTLS_E_CERT_REVOKED },
		{ -EACCES, -KTLS_E_CERT_REFUSED },
		{ KTLS_LATER, -KTLS_E_LATE_ANSWER },
	};
	struct post *t = &self->t;

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		struct choice c = { .give = rows[i / 2].answer };
		bool alone = i % 2;

		again(t, &variant->mode, &(struct post_opts){
		      .cert = alone ? "stranger" : "client",
		      .server_hooks = &hooks, .arg = &c, .flags = LATER |
		      (alone ? KTLS_F_VERIFY_ELSEWHERE : 0) });
		post_ask(t);
		if (!rows[i / 2].err) {
			post_answer(t);
			post_knows(t, alone ? "stranger" : "client");
			continue;
		}
		ASSERT_OK(ktls_conn_authenticate(t->client));
		post_fails(t->server, t->client, rows[i / 2].err);
	}
}

TEST_F(post, not_agreed_to)
{
	const struct ktls_opts client = { .size = sizeof(client),
		.flags = KTLS_F_POST_HANDSHAKE_AUTH };
	const struct ktls_opts plain = { .size = sizeof(plain) };
	const struct ktls_opts server = { .size = sizeof(server),
		.flags = KTLS_F_POST_HANDSHAKE_AUTH | LATER,
		.verify = KTLS_VERIFY_REQUIRE };
	static const struct {
		bool client, server;
	} rows[] = { { false, true }, { true, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ktls_config *c = mode_config(&variant->mode,
			KTLS_CLIENT, rows[i].client ? &client : &plain);
		struct ktls_config *s = mode_config(&variant->mode,
			KTLS_SERVER, rows[i].server ? &server : &plain);
		struct pair p;
		int fd[2];

		tcp_pair(fd);
		pair_over(&p, fd, c, s);
		ktls_config_put(c);
		ktls_config_put(s);
		EXPECT_EQ(ktls_conn_request_auth(p.server), rows[i].server ?
			  -KTLS_E_NO_POST_AUTH : -KTLS_E_STATE);
		EXPECT_EQ(ktls_conn_authenticate(p.client), rows[i].client ?
			  0 : -KTLS_E_STATE);
		EXPECT_EQ(ktls_conn_request_auth(p.client), -KTLS_E_STATE);
		EXPECT_EQ(ktls_conn_authenticate(p.server), -KTLS_E_STATE);
		EXPECT_FALSE(p.server->post);
		EXPECT_EQ(!!p.client->post, rows[i].client);
		ping(p.client, p.server);
		pair_close(&p);
	}
}

/* ---- bad certificates -------------------------------------------------- */

TEST_F(post, bad_certificates)
{
	static const struct {
		const char *cert;
		unsigned int flags;
		int err;
	} rows[] = {
		{ "stranger", 0, -KTLS_E_CERT_ISSUER },
		{ "expired", 0, -KTLS_E_CERT_EXPIRED },
		{ "serveronly", 0, -KTLS_E_CERT_USAGE },
		{ "sha1", 0, -KTLS_E_CERT_WEAK },
		{ "staple", KTLS_F_STATUS, -KTLS_E_STATUS_MISSING },
	};
	struct post *t = &self->t;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		TH_LOG("%s", rows[i].cert);
		/* where none is needed a bad one is still bad */
		again(t, &variant->mode, &(struct post_opts){
		      .cert = rows[i].cert, .flags = LATER | rows[i].flags,
		      .verify = i % 2 ? KTLS_VERIFY_OPTIONAL : 0 });
		post_ask(t);
		ASSERT_OK(ktls_conn_authenticate(t->client));
		post_fails(t->server, t->client, rows[i].err);
	}
}

/* ---- close ------------------------------------------------------------- */

TEST_F(post, closed)
{
	struct post *t = &self->t;
	char c;

	/* who is asked, and has closed */
	post_ask(t);
	ASSERT_OK(ktls_conn_shutdown(t->client));
	EXPECT_FALSE(ktls_conn_events(t->client) & KTLS_EV_AUTH);
	ASSERT_EQ(ktls_conn_authenticate(t->client), -EPIPE);
	ASSERT_EQ(ktls_recv(t->server, &c, 1, 0), 0);
	EXPECT_TRUE(ktls_conn_events(t->server) & KTLS_EV_UNANSWERED);
	ASSERT_EQ(ktls_conn_request_auth(t->server), -EPIPE);
	/* who asks, and has closed: the other direction is open */
	again(t, &variant->mode, &(struct post_opts){ .cert = "client",
	      .flags = LATER });
	ASSERT_OK(ktls_conn_request_auth(t->server));
	ASSERT_OK(ktls_conn_shutdown(t->server));
	ASSERT_EQ(ktls_conn_request_auth(t->server), -EPIPE);
	ASSERT_EQ(ktls_recv(t->client, &c, 1, 0), -EINTR);
	ASSERT_EQ(ktls_recv(t->client, &c, 1, 0), 0);
	post_answer(t);
	post_knows(t, "client");
}

/* ---- tickets ----------------------------------------------------------- */

/* Who resumes does not authenticate: not for longer than his certificate */
TEST_F(post, certificate_ends_tickets)
{
	const time_t end = 2524607999;	/* of all certificates, see pki.sh */
	struct post *t = &self->t;

	clock_ahead(end - 1000 - time(NULL));
	again(t, &variant->mode, &(struct post_opts){ .cert = "client",
	      .flags = LATER });
	EXPECT_EQ(t->server->session_lifetime, 7200);
	post_auth(t, "client");
	EXPECT_LE(t->server->session_made + t->server->session_lifetime, end);
	clock_ahead(0);
}

/* ---- raw keys ---------------------------------------------------------- */

FIXTURE(raw) {
	struct ktls_config *client, *server;
	struct post t;
	char *hash;
};

/* What the hellos agree upon holds for each Certificate (RFC 7250 4.2) */
FIXTURE_VARIANT(raw) {
	unsigned int flags;	/* of the server */
	bool x509;		/* the client takes its certificate first */
};
FIXTURE_VARIANT_ADD(raw, after_one) { 0, false };
FIXTURE_VARIANT_ADD(raw, later) { LATER, false };
FIXTURE_VARIANT_ADD(raw, later_alone) {
	LATER | KTLS_F_RAW_KEYS_ONLY, false,
};
FIXTURE_VARIANT_ADD(raw, second_choice) {
	LATER | KTLS_F_RAW_KEYS_ONLY, true,
};

FIXTURE_SETUP(raw)
{
	const struct ktls_cred key = raw_cred("ed25519");
	const struct ktls_cred cert = pki_cred("client");
	const struct ktls_cred creds[] = { variant->x509 ? cert : key,
					   variant->x509 ? key : cert };

	self->hash = raw_hash("ed25519");
	self->client = config(KTLS_OPTS(.role = KTLS_CLIENT,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER, .creds = creds,
		.creds_len = 2, .flags = KTLS_F_POST_HANDSHAKE_AUTH));
	self->server = config(KTLS_OPTS(.role = KTLS_SERVER,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER,
		.raw_key_hashes = self->hash, .verify = KTLS_VERIFY_REQUIRE,
		.flags = KTLS_F_POST_HANDSHAKE_AUTH | variant->flags));
}

FIXTURE_TEARDOWN(raw)
{
	ktls_config_put(self->client);
	ktls_config_put(self->server);
	free(self->hash);
}

static void raw_begin(FIXTURE_DATA(raw) *self, bool resumed)
{
	struct ktls_info info;

	pair_open(&self->t.p, self->client, self->server);
	self->t.client = self->t.p.client;
	self->t.server = self->t.p.server;
	ktls_conn_info(self->t.server, &info);
	EXPECT_EQ(info.resumed, resumed);
}

static void raw_known(FIXTURE_DATA(raw) *self)
{
	struct ktls_info info;
	char want[128];

	snprintf(want, sizeof(want), "sha256:%s", self->hash);
	ktls_conn_info(self->t.server, &info);
	EXPECT_EQ(info.peer_raw_key, 1);
	EXPECT_EQ(info.peer_verified, 1);
	EXPECT_STREQ(info.peer_subject, want);
}

TEST_F(raw, asked_for)
{
	raw_begin(self, false);
	for (int i = 0; i < 2; i++) {
		post_ask(&self->t);
		post_answer(&self->t);
		raw_known(self);
	}
	ping(self->t.client, self->t.server);
	post_close(&self->t);
}

/* Who resumes has agreed upon it anew */
TEST_F(raw, asked_for_when_resumed)
{
	raw_begin(self, false);
	take_tickets(self->t.client);
	post_close(&self->t);
	raw_begin(self, true);
	post_ask(&self->t);
	post_answer(&self->t);
	raw_known(self);
	post_close(&self->t);
}

/* Of neither kind that the server takes: nothing to be asked for */
TEST(raw_unknown)
{
	char *hash = raw_hash("ed25519");
	struct ktls_cred cert = pki_cred("client");
	struct ktls_config *c = config(KTLS_OPTS(.role = KTLS_CLIENT,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER, .creds = &cert,
		.creds_len = 1, .flags = KTLS_F_POST_HANDSHAKE_AUTH));
	struct ktls_config *s = config(KTLS_OPTS(.role = KTLS_SERVER,
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER,
		.raw_key_hashes = hash, .verify = KTLS_VERIFY_REQUIRE,
		.flags = KTLS_F_POST_HANDSHAKE_AUTH | LATER |
			 KTLS_F_RAW_KEYS_ONLY));
	struct pair p;

	pair_open(&p, c, s);
	EXPECT_EQ(ktls_conn_request_auth(p.server), -KTLS_E_NO_POST_AUTH);
	ping(p.client, p.server);
	pair_close(&p);
	ktls_config_put(c);
	ktls_config_put(s);
	free(hash);
}

/* ---- versions and options ---------------------------------------------- */

TEST(tls12_has_none)
{
	const struct mode m = { suite_find(0xc02b), KTLS_PATH_USER,
				KTLS_PATH_USER };
	struct post t;

	/* and no handshake asks for a certificate, as has been said */
	post_both(&t, &m, &(struct post_opts){ .cert = "client",
		  .flags = LATER });
	post_knows(&t, "");
	EXPECT_EQ(ktls_conn_request_auth(t.server), -KTLS_E_NO_POST_AUTH);
	ASSERT_OK(ktls_conn_authenticate(t.client));
	ping(t.client, t.server);
	post_close(&t);
	post_both(&t, &m, &(struct post_opts){ .cert = "client" });
	post_knows(&t, "client");
	post_close(&t);
}

TEST(options)
{
	const struct ktls_cred cred = pki_cred("p256");
	struct ktls_opts o = { .size = sizeof(o), .role = KTLS_SERVER,
			       .creds = &cred, .creds_len = 1,
			       .flags = KTLS_F_POST_HANDSHAKE_AUTH };
	struct ktls_config *cfg;

	ASSERT_EQ(ktls_config_new(&cfg, &o), -KTLS_E_OPTION);
	o.verify = KTLS_VERIFY_NONE;
	ASSERT_EQ(ktls_config_new(&cfg, &o), -KTLS_E_OPTION);
	o.verify = KTLS_VERIFY_OPTIONAL;
	ktls_config_put(config(&o));
	o.flags = LATER;
	ASSERT_EQ(ktls_config_new(&cfg, &o), -KTLS_E_OPTION);
}

HARNESS_MAIN
