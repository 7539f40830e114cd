// SPDX-License-Identifier: GPL-2.0-only
/* Early data (0-RTT) with GnuTLS as the other end, in both roles */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock_lib.h"
#include "gnutls_lib.h"
#include "harness.h"
#include "session_lib.h"

#define MAX		20000
#define RECORD_ADDS	17	/* type and tag */
#define SEEN_MAX	64

FIXTURE(early) {
	struct ktls_config *ours;
	struct ktls_hs *hs;
	struct gnutls_end g;
	bool open;			/* there is @g */
	gnutls_datum_t key, session;	/* of the server, of the client */
	gnutls_anti_replay_t guard;
	struct {
		uint8_t id[64];
		size_t size;
	} seen[SEEN_MAX];		/* by it */
	size_t seen_len;
	bool takes_none;		/* a server of GnuTLS */
	const char *groups;		/* of GnuTLS */
	uint8_t sent[MAX], got[MAX + 1];
	size_t len;			/* how much came of it */
};

FIXTURE_VARIANT(early) {
	bool server;		/* GnuTLS is it */
	const char *cipher;
	unsigned int flags;	/* ours */
};

FIXTURE_VARIANT_ADD(early, server) { true, "AES-128-GCM", 0 };
FIXTURE_VARIANT_ADD(early, server_sha384) { true, "AES-256-GCM", 0 };
FIXTURE_VARIANT_ADD(early, server_no_compat) {
	true, "CHACHA20-POLY1305", KTLS_F_NO_COMPAT,
};

FIXTURE_VARIANT_ADD(early, client) { false, "AES-128-GCM", 0 };
FIXTURE_VARIANT_ADD(early, client_sha384) { false, "AES-256-GCM", 0 };
FIXTURE_VARIANT_ADD(early, client_single_use) {
	false, "AES-128-GCM", KTLS_F_SINGLE_USE,
};

/* ---- both ends --------------------------------------------------------- */

static struct ktls_config *make(const FIXTURE_VARIANT(early) *v,
				struct ktls_opts opts)
{
	opts.size = sizeof(opts);
	opts.role = v->server ? KTLS_CLIENT : KTLS_SERVER;
	opts.flags |= v->flags;
	opts.tx = opts.rx = KTLS_PATH_USER;
	return config(&opts);
}

#define OURS(...)	make(variant, (struct ktls_opts){ __VA_ARGS__ })

/* A server of ours becomes another that knows the tickets of the first */
static void replace_server(FIXTURE_DATA(early) *self, struct ktls_config *to)
{
	share_keys(self->ours, to);
	ktls_config_put(self->ours);
	self->ours = to;
}

/* What GnuTLS asks: has this hello been here? */
static int first_seen(void *arg, time_t until, const gnutls_datum_t *id,
		      const gnutls_datum_t *data)
{
	FIXTURE_DATA(early) *self = arg;
	size_t n = self->seen_len;

	(void)until;
	(void)data;
	for (size_t i = 0; i < n; i++)
		if (self->seen[i].size == id->size &&
		    !memcmp(self->seen[i].id, id->data, id->size))
			return GNUTLS_E_DB_ENTRY_EXISTS;
	ASSERT_LT(n, SEEN_MAX);
	ASSERT_LE(id->size, sizeof(self->seen[n].id));
	memcpy(self->seen[n].id, id->data, id->size);
	self->seen[n].size = id->size;
	self->seen_len++;
	return 0;
}

static void use_guard(FIXTURE_DATA(early) *self)
{
	ASSERT_EQ(gnutls_anti_replay_init(&self->guard), 0);
	gnutls_anti_replay_set_ptr(self->guard, self);
	gnutls_anti_replay_set_add_function(self->guard, first_seen);
	/* it takes nothing with tickets of before its current window */
	gnutls_anti_replay_set_window(self->guard, 600 * 1000);
}

static void use_gnutls(FIXTURE_DATA(early) *self,
		       const FIXTURE_VARIANT(early) *v, struct gnutls_end *g)
{
	char priority[128];

	snprintf(priority, sizeof(priority), "+VERS-TLS1.3:+%s:%s", v->cipher,
		 self->groups);
	gnutls_end_new(g, &(struct gnutls_opts){
		.server = v->server, .priority = priority,
		.cert = v->server ? "p256" : NULL,
		.flags = self->takes_none ? 0 : GNUTLS_ENABLE_EARLY_DATA,
		.ticket_key = v->server ? &self->key : NULL,
		.resume = self->session.size ? &self->session : NULL });
	if (!v->server)
		return;
	gnutls_anti_replay_enable(g->session, self->guard);
	/* also what it skips at most */
	ASSERT_EQ(gnutls_record_set_max_early_data_size(g->session, MAX), 0);
}

static void next(FIXTURE_DATA(early) *self, const FIXTURE_VARIANT(early) *v)
{
	use_gnutls(self, v, &self->g);
	self->open = true;
	ASSERT_OK(ktls_hs_new(&self->hs, self->ours,
			      v->server ? "localhost" : NULL));
	self->len = 0;
}

/* ---- early data -------------------------------------------------------- */

static void give(FIXTURE_DATA(early) *self, size_t at, size_t len, bool server)
{
	if (server)
		ASSERT_EQ(ktls_hs_early_write(self->hs, self->sent + at, len),
			  len);
	else
		ASSERT_EQ(gnutls_record_send_early_data(self->g.session,
				self->sent + at, len), 0);
}

/* Neither end writes more than the ticket allows */
static void give_in_vain(FIXTURE_DATA(early) *self, bool server)
{
	if (server)
		EXPECT_EQ(ktls_hs_early_write(self->hs, "x", 1), 0);
	else
		EXPECT_EQ(gnutls_record_send_early_data(self->g.session, "x",
			  1), GNUTLS_E_RECORD_LIMIT_REACHED);
}

/* GnuTLS reads all that there is (it says so at each record), and waits */
static void wait_gnutls(struct gnutls_end *g)
{
	char c;

	do
		ASSERT_EQ(gnutls_handshake(g->session), GNUTLS_E_AGAIN);
	while (recv(g->fd[0], &c, 1, MSG_PEEK) > 0);
}

static size_t take_gnutls(struct gnutls_end *g, uint8_t *to, size_t room)
{
	size_t len = 0;
	ssize_t n;

	while ((n = gnutls_record_recv_early_data(g->session, to + len,
						  room - len)) > 0)
		len += (size_t)n;
	EXPECT_EQ(n, GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
	return len;
}

static size_t take_ours(struct ktls_hs *hs, uint8_t *to, size_t room)
{
	size_t len = 0;
	ssize_t n;

	while ((n = ktls_hs_early_read(hs, to + len, room - len)) > 0)
		len += (size_t)n;
	EXPECT_TRUE(!n || n == -EAGAIN);
	return len;
}

static void take(FIXTURE_DATA(early) *self, bool server)
{
	uint8_t *to = self->got + self->len;
	size_t room = sizeof(self->got) - self->len;

	if (server)
		self->len += take_gnutls(&self->g, to, room);
	else
		self->len += take_ours(self->hs, to, room);
}

/* What ours has to send, and nothing is received */
static void flush(FIXTURE_DATA(early) *self)
{
	const void *p;
	size_t len;

	while ((p = ktls_hs_out(self->hs, &len))) {
		ASSERT_EQ(send(self->g.fd[1], p, len, 0), len);
		ktls_hs_sent(self->hs, len);
	}
}

/* The client's first flight is there, and the client has seen no other */
static void first_flight(FIXTURE_DATA(early) *self, bool server)
{
	if (server) {
		flush(self);
		wait_gnutls(&self->g);
	} else {
		wait_gnutls(&self->g);
		ASSERT_EQ(ktls_hs_run(self->hs, self->g.fd[1]),
			  KTLS_WANT_RECV);
	}
	take(self, server);
}

static void finish(FIXTURE_DATA(early) *self, bool server)
{
	int gerr;

	ASSERT_OK(gnutls_end_run(&self->g, self->hs, &gerr))
		TH_LOG("ours: %s", ktls_hs_error_text(self->hs));
	take(self, server);
}

/* Both say @what became of @len bytes */
static void check(FIXTURE_DATA(early) *self, enum ktls_early what, size_t len)
{
	bool accepted = what == KTLS_EARLY_ACCEPTED;
	struct ktls_info info;

	ktls_hs_info(self->hs, &info);
	EXPECT_EQ(info.version, KTLS_TLS13);
	EXPECT_EQ(info.early_data, what);
	EXPECT_EQ(!!(gnutls_session_get_flags(self->g.session) &
		     GNUTLS_SFLAGS_EARLY_DATA), accepted);
	EXPECT_EQ(info.resumed, !!gnutls_session_is_resumed(self->g.session));
	if (accepted)
		EXPECT_TRUE(info.resumed);
	else
		len = 0;
	ASSERT_EQ(self->len, len);
	EXPECT_MEMEQ(self->got, self->sent, len);
}

/* Data both ways, tickets, and the close */
static void after(FIXTURE_DATA(early) *self, bool server)
{
	gnutls_end_talk(&self->g, self->hs);
	self->hs = NULL;
	if (!server) {
		gnutls_free(self->session.data);
		ASSERT_EQ(gnutls_session_get_data2(self->g.session,
						   &self->session), 0);
	}
	gnutls_end_free(&self->g);
	self->open = false;
}

FIXTURE_SETUP(early)
{
	for (size_t i = 0; i < sizeof(self->sent); i++)
		self->sent[i] = (uint8_t)(i * 7 + i / 251);
	self->groups = "+GROUP-ALL";
	self->ours = OURS(.early_data = MAX);
	ASSERT_EQ(gnutls_session_ticket_key_generate(&self->key), 0);
	use_guard(self);
	next(self, variant);
	finish(self, variant->server);
	check(self, KTLS_EARLY_NONE, 0);
	after(self, variant->server);
}

FIXTURE_TEARDOWN(early)
{
	ktls_hs_free(self->hs);
	ktls_config_put(self->ours);
	if (self->open)
		gnutls_end_free(&self->g);
	gnutls_free(self->key.data);
	gnutls_free(self->session.data);
	gnutls_anti_replay_deinit(self->guard);
}

/* ---- accepted ---------------------------------------------------------- */

static void accepted_again(FIXTURE_DATA(early) *self,
			   const FIXTURE_VARIANT(early) *v)
{
	next(self, v);
	give(self, 0, 100, v->server);
	finish(self, v->server);
	check(self, KTLS_EARLY_ACCEPTED, 100);
	after(self, v->server);
}

TEST_F(early, accepted)
{
	static const size_t len[] = { 1, 100, 16384, 16385, MAX };

	for (size_t i = 0; i < sizeof(len) / sizeof(*len); i++) {
		next(self, variant);
		give(self, 0, len[i], variant->server);
		if (len[i] == MAX)
			give_in_vain(self, variant->server);
		first_flight(self, variant->server);
		/* no round trip was needed for it */
		EXPECT_EQ(self->len, len[i]);
		finish(self, variant->server);
		check(self, KTLS_EARLY_ACCEPTED, len[i]);
		after(self, variant->server);
	}
}

/*
 * 0.2 ms after the ticket, in the next one of the clock.  GnuTLS believes no
 * client that says its ticket is older than it is.
 */
TEST_F(early, accepted_at_once)
{
	for (long i = 0; i < 8; i++) {
		clock_stop(100900000 + i / 2 * 1000000 + i % 2 * 200000);
		accepted_again(self, variant);
	}
}

TEST_F(early, accepted_in_pieces)
{
	next(self, variant);
	for (size_t at = 0; at < 3000; at += 100) {
		give(self, at, 100, variant->server);
		/* GnuTLS sends it together with its hello */
		if (variant->server || at == 2900)
			first_flight(self, variant->server);
		if (variant->server)
			EXPECT_EQ(self->len, at + 100);
	}
	EXPECT_EQ(self->len, 3000);
	finish(self, variant->server);
	check(self, KTLS_EARLY_ACCEPTED, 3000);
	after(self, variant->server);
}

/* Offered, and none was sent */
TEST_F(early, accepted_empty)
{
	next(self, variant);
	first_flight(self, variant->server);
	finish(self, variant->server);
	check(self, KTLS_EARLY_ACCEPTED, 0);
	after(self, variant->server);
}

/* ---- rejected ---------------------------------------------------------- */

/* The handshake ends without it, and there is the next ticket */
static void rejected(FIXTURE_DATA(early) *self,
		     const FIXTURE_VARIANT(early) *v, bool resumes)
{
	/* a server of GnuTLS counts what the records add, when it skips */
	size_t len = v->server ? MAX - 2 * RECORD_ADDS : MAX;
	struct ktls_info info;

	give(self, 0, len, v->server);
	finish(self, v->server);
	check(self, KTLS_EARLY_REJECTED, len);
	ktls_hs_info(self->hs, &info);
	EXPECT_EQ(info.resumed, resumes);
}

TEST_F(early, rejected_by_one_that_takes_none)
{
	if (variant->flags & KTLS_F_SINGLE_USE)
		return;
	if (!variant->server)
		replace_server(self, OURS(.early_data = 0));
	self->takes_none = variant->server;
	next(self, variant);
	rejected(self, variant, true);
	after(self, variant->server);
}

/* Who has forgotten the keys cannot know what it skips */
TEST_F(early, rejected_by_one_that_has_lost_it)
{
	if (variant->server) {
		gnutls_free(self->key.data);
		ASSERT_EQ(gnutls_session_ticket_key_generate(&self->key), 0);
	} else {
		ktls_config_put(self->ours);
		self->ours = OURS(.early_data = MAX);
	}
	next(self, variant);
	rejected(self, variant, false);
	after(self, variant->server);
	accepted_again(self, variant);
}

/*
 * 3.7 has no other way through it.  Its client offers early data again in its
 * second hello, which it seals as such; its server, if it takes early data,
 * takes that before the second hello, too, and cannot read the hello then.
 */
TEST_F(early, rejected_by_a_retry)
{
	struct ktls_config *to;
	struct ktls_info info;

	if (!variant->server)
		return;
	to = OURS(.early_data = MAX, .groups = "x25519:secp384r1");
	ASSERT_OK(move_session(self->ours, to));
	ktls_config_put(self->ours);
	self->ours = to;
	self->groups = "+GROUP-SECP384R1";
	self->takes_none = true;
	next(self, variant);
	rejected(self, variant, true);
	ktls_hs_info(self->hs, &info);
	EXPECT_EQ(info.retried, 1);
	after(self, variant->server);
}

/* ---- replayed ---------------------------------------------------------- */

static void feed(struct ktls_hs *hs, const uint8_t *p, size_t len)
{
	size_t room;
	void *in;

	while (len && (in = ktls_hs_in(hs, &room))) {
		if (room > len)
			room = len;
		memcpy(in, p, room);
		ASSERT_OK(ktls_hs_received(hs, room));
		p += room;
		len -= room;
	}
	ASSERT_EQ(len, 0);
}

/* To another GnuTLS or another handshake of ours: it takes it for the first */
static void replay(FIXTURE_DATA(early) *self, const FIXTURE_VARIANT(early) *v,
		   const uint8_t *flight, size_t len)
{
	struct gnutls_end g;
	struct ktls_hs *hs;

	if (v->server) {
		use_gnutls(self, v, &g);
		ASSERT_EQ(send(g.fd[1], flight, len, 0), len);
		wait_gnutls(&g);
		self->len = take_gnutls(&g, self->got, sizeof(self->got));
		gnutls_end_free(&g);
	} else {
		ASSERT_OK(ktls_hs_new(&hs, self->ours, NULL));
		feed(hs, flight, len);
		self->len = take_ours(hs, self->got, sizeof(self->got));
		ktls_hs_free(hs);
	}
	ASSERT_EQ(self->len, 1000);
	self->len = 0;
}

/* A copy overtakes the client's own, which is the replay then */
TEST_F(early, replayed)
{
	uint8_t flight[8192];
	struct ktls_info info;
	ssize_t len;

	next(self, variant);
	give(self, 0, 1000, variant->server);
	if (variant->server)
		flush(self);
	else
		wait_gnutls(&self->g);
	len = recv(self->g.fd[!variant->server], flight, sizeof(flight),
		   MSG_PEEK);
	ASSERT_GT(len, 1000);
	replay(self, variant, flight, (size_t)len);
	finish(self, variant->server);
	check(self, KTLS_EARLY_REJECTED, 1000);
	ktls_hs_info(self->hs, &info);
	/* 8.1: a session is gone with its first use */
	EXPECT_EQ(info.resumed, !(variant->flags & KTLS_F_SINGLE_USE));
	after(self, variant->server);
}

HARNESS_MAIN
