// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions of TLS 1.2 resumed under other circumstances than they were made
 * in, by an end that forged what it kept or by somebody in the middle: they
 * are not taken up, or the handshake fails.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "../lib/cache.h"
#include "../lib/ticket.h"
#include "harness.h"
#include "hello_lib.h"
#include "peer.h"

#define EMS	23
#define TICKET	35
#define NAME	0

FIXTURE(session) {
	struct mitm m;
	struct session s;	/* as the client keeps it */
	struct wr ticket;
};

FIXTURE_VARIANT(session) {
	bool tickets;
};

FIXTURE_VARIANT_ADD(session, id) { false };
FIXTURE_VARIANT_ADD(session, ticket) { true };

/* ---- what the ends keep ------------------------------------------------- */

static struct slice wr_all(const struct wr *w)
{
	return (struct slice){ w->buf, w->len };
}

static struct slice text(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

static struct cache *cache_of(FIXTURE_DATA(session) *self, enum end end)
{
	return self->m.config[end]->sessions;
}

static void read_session(FIXTURE_DATA(session) *self)
{
	struct slice ticket;
	struct wr w = { 0 };

	ASSERT_TRUE(cache_get(cache_of(self, CLIENT_END), text(self->m.name),
			      false, &w));
	ASSERT_TRUE(session_read(wr_all(&w), &self->s, &ticket));
	wr_reset(&self->ticket);
	wr_slice(&self->ticket, ticket);
	wr_free(&w);
}

/* What the client keeps for @name is @s and the ticket */
static void client_keeps(FIXTURE_DATA(session) *self, const char *name,
			 const struct session *s)
{
	struct wr w = { 0 };

	session_write(&w, s, wr_all(&self->ticket));
	ASSERT_OK(cache_put(cache_of(self, CLIENT_END), text(name),
			    wr_all(&w), time(NULL) + 3600));
	wr_free(&w);
}

/* ... and the server @s, under the same id or in a ticket for the client */
static void server_keeps(FIXTURE_DATA(session) *self, const struct session *s)
{
	const struct ktls_config *cfg = self->m.config[SERVER_END];
	struct session own = *s;
	struct wr w = { 0 };
	uint64_t until;

	memcpy(own.context, cfg->session_context, sizeof(own.context));
	session_write(&w, &own, (struct slice){ NULL, 0 });
	if (self->ticket.len) {
		wr_reset(&self->ticket);
		ASSERT_OK(ticket_seal(cfg->tickets, text("ticket"), wr_all(&w),
				      &self->ticket, &until));
	} else {
		ASSERT_OK(cache_put(cache_of(self, SERVER_END),
				    (struct slice){ s->id, s->id_len },
				    wr_all(&w), time(NULL) + 3600));
	}
	client_keeps(self, self->m.name, &self->s);
	wr_free(&w);
}

/* ---- the handshake that makes it ---------------------------------------- */

FIXTURE_SETUP(session)
{
	const struct ktls_cred cred = pki_cred("client");
	unsigned int flags = variant->tickets ? 0 : KTLS_F_NO_TICKETS;
	struct mitm *m = &self->m;

	mitm_begin(m, KTLS_OPTS(.creds = &cred, .creds_len = 1, .flags = flags,
				.max_version = KTLS_TLS12),
		   KTLS_OPTS(.verify = KTLS_VERIFY_OPTIONAL, .flags = flags),
		   NULL);
	mitm_run(m, NULL, NULL);
	mitm_agree(m);
	read_session(self);
	EXPECT_EQ(self->ticket.len > 0, variant->tickets);
	EXPECT_EQ(self->s.id_len > 0, !variant->tickets);
	EXPECT_TRUE(self->s.ems && self->s.peer_verified);
}

FIXTURE_TEARDOWN(session)
{
	wr_free(&self->ticket);
	mitm_end(&self->m);
}

static void again(FIXTURE_DATA(session) *self, mitm_edit *edit, void *arg)
{
	mitm_again(&self->m);
	mitm_run(&self->m, edit, arg);
}

/* The server made a new one, and both are done */
static void full(FIXTURE_DATA(session) *self)
{
	again(self, NULL, NULL);
	mitm_agree(&self->m);
	EXPECT_FALSE(self->m.hs[CLIENT_END]->info.resumed);
	EXPECT_FALSE(self->m.hs[SERVER_END]->info.resumed);
}

static void resumed(FIXTURE_DATA(session) *self)
{
	again(self, NULL, NULL);
	mitm_agree(&self->m);
	EXPECT_TRUE(self->m.hs[CLIENT_END]->info.resumed);
	EXPECT_TRUE(self->m.hs[SERVER_END]->info.resumed);
}

/* ---- as it was ---------------------------------------------------------- */

TEST_F(session, unchanged_is_resumed)
{
	struct session s = self->s;

	resumed(self);
	/* also by what these tests write */
	strcpy(s.peer_subject, "CN = forged");
	server_keeps(self, &s);
	resumed(self);
	EXPECT_STREQ(self->m.hs[SERVER_END]->info.peer_subject, "CN = forged");
}

/* ---- forged by whoever keeps it ----------------------------------------- */

#define SERVER_KEEPS(self, change)					\
	do {								\
		struct session s = (self)->s;				\
									\
		change;							\
		server_keeps(self, &s);					\
		full(self);						\
	} while (0)

/* It does not hold any more, or never did: a full handshake */
TEST_F(session, not_taken_up)
{
	SERVER_KEEPS(self, s.version = KTLS_TLS13);
	SERVER_KEEPS(self, s.suite = 0x1301);
	SERVER_KEEPS(self, s.suite = 0x002f);
	SERVER_KEEPS(self, s.group = 0x0016);
	SERVER_KEEPS(self, s.max_fragment = 5);
	SERVER_KEEPS(self, strcpy(s.server_name, "other.test"));
	SERVER_KEEPS(self, s.server_name[0] = 0);
	SERVER_KEEPS(self, s.made -= s.lifetime);
	SERVER_KEEPS(self, s.made += 60);
	/* RFC 7627 5.3 */
	SERVER_KEEPS(self, s.ems = false);
}

/* Another session's secret is of no use, with whatever id or ticket */
TEST_F(session, another_secret)
{
	struct session s = self->s;

	s.secret.b[0] ^= 1;
	client_keeps(self, self->m.name, &s);
	again(self, NULL, NULL);
	mitm_failed(&self->m, CLIENT_END, -KTLS_E_FINISHED);
	EXPECT_NE(self->m.hs[SERVER_END]->state, HS_DONE);
	/* and neither end has it any more, but in a ticket */
	if (!variant->tickets)
		full(self);
}

/* The client's own copy has another suite: 5246 7.4.1.3 */
TEST_F(session, another_suite)
{
	struct session s = self->s;

	s.suite = s.suite == 0xc02b ? 0xc02c : 0xc02b;
	client_keeps(self, self->m.name, &s);
	again(self, NULL, NULL);
	mitm_failed(&self->m, CLIENT_END, -KTLS_E_SUITE_CHOICE);
}

/* RFC 7627 5.3: without the extended main secret it is not even offered */
TEST_F(session, without_ems_at_the_client)
{
	struct session s = self->s;

	s.ems = false;
	client_keeps(self, self->m.name, &s);
	full(self);
	EXPECT_FALSE(self->m.hs[CLIENT_END]->client.session_offered);
}

/* RFC 6066 3: the same id or ticket for another name */
TEST_F(session, another_name)
{
	struct session s = self->s;

	strcpy(self->m.name, "www.example.test");
	strcpy(s.server_name, self->m.name);
	client_keeps(self, self->m.name, &s);
	full(self);
}

/* There are four lengths; 256 << 255 is none */
TEST_F(session, no_length_of_fragments_at_the_client)
{
	struct session s = self->s;

	s.max_fragment = 255;
	client_keeps(self, self->m.name, &s);
	full(self);
	EXPECT_FALSE(self->m.hs[CLIENT_END]->client.session_offered);
}

/* A limit of what the kernel is to send, which this one would not keep */
TEST_F(session, no_kernel_for_its_fragments)
{
	struct ktls_config *cfg = self->m.config[CLIENT_END];
	struct session s = self->s;

	s.max_fragment = 1;
	client_keeps(self, self->m.name, &s);
	cfg->tx = KTLS_PATH_KERNEL;
	cfg->caps.max_payload_error = ENOPROTOOPT;
	full(self);
	EXPECT_FALSE(self->m.hs[CLIENT_END]->client.session_offered);
}

TEST_F(session, expired_at_the_client)
{
	struct session s = self->s;

	s.made -= s.lifetime;
	client_keeps(self, self->m.name, &s);
	full(self);
}

/* ---- by somebody in the middle ------------------------------------------ */

struct change {
	enum end from;
	uint16_t drop;		/* an extension, if it is there */
	struct slice suites;
	const char *name;
	bool not_offered;	/* neither id nor ticket */
	bool random_id;
};

#define BYTES(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }

static void edit_hello(struct mitm *m, enum end from, struct flight *f,
		       void *arg)
{
	static const uint8_t id[SESSION_ID_MAX] = { 1, 2, 3 };
	const struct change *c = arg;
	struct wr name = { 0 };
	struct hello h;

	if (from != c->from || m->flights[from])
		return;
	hello_open(&h, &f->item[0]);
	if (c->drop)
		ASSERT_TRUE(hello_drop(&h, c->drop));
	if (c->suites.len)
		hello_set(&h.suites, c->suites.p, c->suites.len);
	if (c->not_offered && hello_has(&h, TICKET))
		hello_put(&h, TICKET, "", 0);
	if (c->not_offered || c->random_id)
		hello_set(&h.session_id, id, c->random_id ? sizeof(id) : 0);
	if (c->name) {
		wr_vec(&name, 2) {
			wr_u8(&name, 0);
			wr_opaque(&name, 2, text(c->name));
		}
		hello_put(&h, NAME, name.buf, name.len);
	}
	hello_close(&h);
	wr_free(&name);
}

static void changed(FIXTURE_DATA(session) *self, struct change c, enum end end,
		    int err)
{
	client_keeps(self, self->m.name, &self->s);
	again(self, edit_hello, &c);
	mitm_failed(&self->m, end, err);
	for (int i = 0; i < 2; i++)
		EXPECT_NE(self->m.hs[i]->state, HS_DONE);
}

TEST_F(session, hello_without_ems)
{
	changed(self, (struct change){ CLIENT_END, .drop = EMS }, SERVER_END,
		-KTLS_E_NO_EMS);
}

TEST_F(session, answer_without_ems)
{
	changed(self, (struct change){ SERVER_END, .drop = EMS }, CLIENT_END,
		-KTLS_E_NO_EMS);
}

TEST_F(session, answer_of_another_suite)
{
	bool first = self->s.suite == 0xc02b;
	const struct slice a = BYTES("\xc0\x2b"), b = BYTES("\xc0\x2c");

	changed(self, (struct change){ SERVER_END, .suites = first ? b : a },
		CLIENT_END, -KTLS_E_SUITE_CHOICE);
}

/* 7.4.1.2: its suite must be among those offered */
TEST_F(session, hello_without_its_suite)
{
	bool first = self->s.suite == 0xc02b;
	const struct slice a = BYTES("\xc0\x2b"), b = BYTES("\xc0\x2c");

	changed(self, (struct change){ CLIENT_END, .suites = first ? b : a },
		SERVER_END, -KTLS_E_SIGNATURE);
	EXPECT_FALSE(self->m.hs[SERVER_END]->info.resumed);
}

TEST_F(session, hello_for_another_name)
{
	changed(self, (struct change){ CLIENT_END, .name = "other.test" },
		SERVER_END, -KTLS_E_SIGNATURE);
	EXPECT_FALSE(self->m.hs[SERVER_END]->info.resumed);
}

/* A full handshake as if the client wished it: its signature knows better */
TEST_F(session, hello_that_offers_none)
{
	changed(self, (struct change){ CLIENT_END, .not_offered = true },
		SERVER_END, -KTLS_E_SIGNATURE);
	EXPECT_FALSE(self->m.hs[SERVER_END]->info.resumed);
}

/* The answer names another session: the client expects a certificate */
TEST_F(session, answer_of_another_id)
{
	changed(self, (struct change){ SERVER_END, .random_id = true },
		CLIENT_END, -KTLS_E_RECORD_TYPE);
}

/* 5246 7.2.2: what failed is not resumed */
static void edit_finished(struct mitm *m, enum end from, struct flight *f,
			  void *arg)
{
	const enum end *who = arg;

	(void)m;
	if (from != *who)
		return;
	for (size_t i = 0; i < f->n; i++)
		if (item_is(&f->item[i], HT_FINISHED))
			f->item[i].data.buf[MSG_HEADER] ^= 1;
}

TEST_F(session, failed)
{
	enum end from = SERVER_END;

	again(self, edit_finished, &from);
	mitm_failed(&self->m, CLIENT_END, -KTLS_E_FINISHED);
	full(self);
	/* as the server sees it, who has no say over tickets */
	from = CLIENT_END;
	read_session(self);
	again(self, edit_finished, &from);
	mitm_failed(&self->m, SERVER_END, -KTLS_E_FINISHED);
	client_keeps(self, self->m.name, &self->s);
	if (!variant->tickets)
		full(self);
}

/* ---- by other servers and clients --------------------------------------- */

/* Another server of that name: it knows neither id nor ticket */
TEST_F(session, another_server)
{
	struct ktls_config **config = &self->m.config[SERVER_END];

	ktls_config_put(*config);
	*config = server_config();
	full(self);
}

/* The session of nobody is not enough where somebody is required */
TEST_F(session, another_client)
{
	const struct ktls_cred cred = pki_cred("client");
	struct mitm *m = &self->m;

	mitm_end(m);
	mitm_begin(m, KTLS_OPTS(.creds = &cred, .creds_len = 1,
				.max_version = KTLS_TLS12,
				.flags = variant->tickets ? 0 :
				KTLS_F_NO_TICKETS),
		   KTLS_OPTS(.verify = KTLS_VERIFY_REQUIRE), NULL);
	mitm_run(m, NULL, NULL);
	mitm_agree(m);
	read_session(self);
	server_keeps(self, &self->s);
	resumed(self);
	SERVER_KEEPS(self, s.peer_verified = false);
	EXPECT_TRUE(m->hs[SERVER_END]->info.peer_verified);
}

/* A ticket whose bytes are not what the server made: as if there were none */
TEST_F(session, ticket_damaged)
{
	if (!variant->tickets)
		return;
	for (size_t i = 0; i < self->ticket.len; i += 5) {
		self->ticket.buf[i] ^= 1;
		client_keeps(self, self->m.name, &self->s);
		full(self);
		self->ticket.buf[i] ^= 1;
	}
	self->ticket.len--;
	client_keeps(self, self->m.name, &self->s);
	full(self);
	self->ticket.len = 1;
	client_keeps(self, self->m.name, &self->s);
	full(self);
}

/* A newer protocol needs no session of the older one */
TEST(not_for_another_version)
{
	struct ktls_info info;
	struct mitm m;

	mitm_begin(&m, NULL, KTLS_OPTS(.max_version = KTLS_TLS12), NULL);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	ktls_config_put(m.config[SERVER_END]);
	m.config[SERVER_END] = server_config();
	mitm_again(&m);
	EXPECT_TRUE(m.hs[CLIENT_END]->client.session_offered);
	ASSERT_OK(pump(m.hs[CLIENT_END], m.hs[SERVER_END], 0));
	ktls_hs_info(m.hs[CLIENT_END], &info);
	EXPECT_EQ(info.version, KTLS_TLS13);
	EXPECT_FALSE(info.resumed);
	mitm_end(&m);
}

static struct item *find_ticket(struct flight *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (item_is(&f->item[i], HT_NEW_SESSION_TICKET))
			return &f->item[i];
	return NULL;
}

/* Server's: a ticket of so many bytes, right by the transcript */
static void long_ticket(struct mitm *m, enum end from, struct flight *f,
			void *arg)
{
	const size_t *len = arg;
	static uint8_t zeros[65536];
	struct item *it = find_ticket(f);
	struct wr w = { 0 };

	(void)m;
	if (from != SERVER_END || !it)
		return;
	wr_u8(&w, HT_NEW_SESSION_TICKET);
	wr_vec(&w, 3) {
		wr_u32(&w, 3600);
		wr_opaque(&w, 2, (struct slice){ zeros, *len });
	}
	ASSERT_TRUE(wr_ok(&w));
	item_set(it, w.buf, w.len);
	/* in records of the size that there is */
	it->piece = 16384;
	wr_free(&w);
	for (size_t i = 0; i < f->n; i++)
		if (item_is(&f->item[i], HT_FINISHED))
			f->item[i].fix = FIX_FINISHED;
}

/* A server's ticket does not keep its clients from coming back */
TEST(a_ticket_that_fits_no_hello)
{
	static const struct { size_t len; bool kept; } rows[] = {
		{ 16384, true }, { 16385, false }, { 65000, false },
		{ 65500, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = rows[i].len;
		struct mitm m;

		mitm_begin(&m, KTLS_OPTS(.max_version = KTLS_TLS12), NULL,
			   NULL);
		mitm_run(&m, long_ticket, &len);
		EXPECT_EQ(ktls_hs_wants(m.hs[CLIENT_END]), KTLS_WANT_DONE)
			TH_LOG("%s", ktls_hs_error_text(m.hs[CLIENT_END]));
		mitm_again(&m);
		EXPECT_EQ(m.hs[CLIENT_END]->client.session_offered,
			  rows[i].kept);
		mitm_run(&m, NULL, NULL);
		mitm_agree(&m);
		mitm_end(&m);
	}
}

HARNESS_MAIN
