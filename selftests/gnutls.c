// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both roles against GnuTLS: every suite, group and kind of certificate that
 * it has, client certificates, and resumption by session id and by ticket.
 */
#include <stdio.h>
#include <string.h>

#include "gnutls_lib.h"
#include "harness.h"

#define VERS12	"+VERS-TLS1.2:"
#define VERS13	"+VERS-TLS1.3:"

static const char *const ciphers[] = {
	"AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305", "AES-128-CCM",
};
static const struct {
	const char *name, *cert;
} exchanges[] = {
	/* the last cipher is not ECDHE-RSA's (RFC 7251) */
	{ "ECDHE-ECDSA", "p256" }, { "DHE-RSA", "rsa2048" },
	{ "ECDHE-RSA", "rsa2048" },
};
static const struct {
	const char *name;
	uint16_t id;
} groups[] = {
	{ "SECP256R1", 0x17 }, { "SECP384R1", 0x18 }, { "SECP521R1", 0x19 },
	{ "X25519", 0x1d }, { "X448", 0x1e },
	{ "FFDHE2048", 0x100 }, { "FFDHE3072", 0x101 }, { "FFDHE4096", 0x102 },
	{ "FFDHE6144", 0x103 }, { "FFDHE8192", 0x104 },
};
static const char *const certs[] = {
	"p256", "p384", "p521", "ed25519", "ed448", "rsa2048", "rsapss",
};

#define N(a)	(sizeof(a) / sizeof(*(a)))

/* ---- one handshake ----------------------------------------------------- */

struct meeting {
	bool server;		/* GnuTLS is it */
	uint16_t version;
	char priority[256];
	const char *cert;	/* of the server */
	bool mutual;
	uint16_t group;		/* as it has to be; 0: any */
};

static struct ktls_config *our_config(const struct meeting *m)
{
	const struct ktls_cred cred = pki_cred(m->cert);
	const struct ktls_cred client = pki_cred("client");
	enum ktls_verify verify = m->mutual ? KTLS_VERIFY_REQUIRE :
					      KTLS_VERIFY_NONE;

	if (m->server)
		return config(KTLS_OPTS(.role = KTLS_CLIENT, .creds = &client,
			.creds_len = m->mutual, .tx = KTLS_PATH_USER,
			.rx = KTLS_PATH_USER));
	return config(KTLS_OPTS(.role = KTLS_SERVER, .creds = &cred,
		.creds_len = 1, .verify = verify, .ca_file = pki("ca"),
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER));
}

static void check_info(const struct meeting *m, struct ktls_hs *hs,
		       bool resumed)
{
	struct ktls_info info;

	ktls_hs_info(hs, &info);
	EXPECT_EQ(info.version, m->version);
	EXPECT_EQ(info.resumed, resumed);
	if (m->group)
		EXPECT_EQ(info.group, m->group);
	EXPECT_EQ(info.peer_verified, m->server || m->mutual);
	if (m->version != KTLS_TLS12)
		return;
	EXPECT_EQ(info.ems, 1);
	EXPECT_EQ(info.secure_renegotiation, 1);
}

/* Each end's own: @more is for GnuTLS' */
static void meet(const struct meeting *m, struct ktls_config *cfg,
		 const struct gnutls_opts *more, bool resumed,
		 gnutls_datum_t *session)
{
	struct gnutls_opts o = *more;
	struct gnutls_end g;
	struct ktls_hs *hs;
	int gerr;

	o.server = m->server;
	o.priority = m->priority;
	o.cert = m->server ? m->cert : m->mutual ? "client" : NULL;
	o.require = m->server && m->mutual;
	gnutls_end_new(&g, &o);
	if (m->server)
		gnutls_end_db(&g);
	ASSERT_OK(ktls_hs_new(&hs, cfg, m->server ? "localhost" : NULL));
	ASSERT_OK(gnutls_end_run(&g, hs, &gerr))
		TH_LOG("%s", ktls_hs_error_text(hs));
	check_info(m, hs, resumed);
	EXPECT_EQ(!!gnutls_session_is_resumed(g.session), resumed);
	if (session)
		ASSERT_EQ(gnutls_session_get_data2(g.session, session), 0);
	gnutls_end_talk(&g, hs);
	gnutls_end_free(&g);
}

/* ---- every kind -------------------------------------------------------- */

FIXTURE(gnutls) { int none; };
FIXTURE_VARIANT(gnutls) { struct meeting m; };

static void set_name(char *name, size_t size, const struct meeting *m,
		     const char *a, const char *b)
{
	snprintf(name, size, "%s.%s.%s%s%s%s", m->server ? "server" : "client",
		 m->version == KTLS_TLS12 ? "1_2" : "1_3", a,
		 *b ? "." : "", b,
		 m->mutual ? ".mutual" : "");
}

#define SUITES12	(N(ciphers) * N(exchanges) - 1)

/* By suite, by group and by certificate: what is not varied is the first */
static bool each12(size_t i, struct meeting *m, char *name, size_t size)
{
	const char *kx = exchanges[0].name, *cipher = ciphers[0];

	m->version = KTLS_TLS12;
	m->cert = exchanges[0].cert;
	if (i < SUITES12) {
		kx = exchanges[i / N(ciphers)].name;
		m->cert = exchanges[i / N(ciphers)].cert;
		cipher = ciphers[i % N(ciphers)];
		m->mutual = i & 1;
		snprintf(m->priority, sizeof(m->priority), VERS12 "+%s:+%s:"
			 "+GROUP-ALL", kx, cipher);
		set_name(name, size, m, kx, cipher);
		return true;
	}
	i -= SUITES12;
	if (i < N(groups)) {
		bool ff = groups[i].id >= 0x100;

		m->group = groups[i].id;
		m->cert = "rsa2048";
		snprintf(m->priority, sizeof(m->priority), VERS12 "+%s:+%s:"
			 "+GROUP-%s", ff ? "DHE-RSA" : "ECDHE-RSA", cipher,
			 groups[i].name);
		set_name(name, size, m, groups[i].name, "");
		return true;
	}
	i -= N(groups);
	if (i >= N(certs))
		return false;
	m->cert = certs[i];
	m->mutual = i & 1;
	snprintf(m->priority, sizeof(m->priority), VERS12
		 "+ECDHE-ECDSA:+ECDHE-RSA:+%s:+GROUP-ALL", cipher);
	set_name(name, size, m, certs[i], "");
	return true;
}

static bool each13(size_t i, struct meeting *m, char *name, size_t size)
{
	const char *cipher = ciphers[0], *group = "ALL";

	m->version = KTLS_TLS13;
	m->cert = "p256";
	m->mutual = i & 1;
	if (i < N(ciphers)) {
		cipher = ciphers[i];
		set_name(name, size, m, cipher, "");
	} else if (i < N(ciphers) + N(groups)) {
		m->group = groups[i - N(ciphers)].id;
		group = groups[i - N(ciphers)].name;
		set_name(name, size, m, group, "");
	} else if (i < N(ciphers) + N(groups) + N(certs)) {
		m->cert = certs[i - N(ciphers) - N(groups)];
		set_name(name, size, m, m->cert, "");
	} else {
		return false;
	}
	snprintf(m->priority, sizeof(m->priority), VERS13 "+%s:+GROUP-%s",
		 cipher, group);
	return true;
}

#define EACH12	(SUITES12 + N(groups) + N(certs))

static bool each(size_t i, FIXTURE_VARIANT(gnutls) *v, char *name, size_t size)
{
	v->m = (struct meeting){ .server = i & 1 };
	i /= 2;
	return i < EACH12 ? each12(i, &v->m, name, size) :
			    each13(i - EACH12, &v->m, name, size);
}

FIXTURE_VARIANT_GEN(gnutls, each);

TEST_F(gnutls, agrees)
{
	struct ktls_config *cfg = our_config(&variant->m);

	meet(&variant->m, cfg, &(struct gnutls_opts){ .flags = 0 }, false,
	     NULL);
	ktls_config_put(cfg);
}

/* ---- once more --------------------------------------------------------- */

static void resume(struct meeting *m, bool ticket)
{
	struct ktls_config *cfg = our_config(m);
	gnutls_datum_t key = { NULL, 0 }, session = { NULL, 0 };
	struct gnutls_opts o = { .flags = ticket ? 0 : GNUTLS_NO_TICKETS };

	m->version = KTLS_TLS12;
	snprintf(m->priority, sizeof(m->priority),
		 VERS12 "+ECDHE-ECDSA:+AES-256-GCM:+GROUP-ALL");
	if (m->server && ticket) {
		ASSERT_EQ(gnutls_session_ticket_key_generate(&key), 0);
		o.ticket_key = &key;
	}
	meet(m, cfg, &o, false, m->server ? NULL : &session);
	if (!m->server)
		o.resume = &session;
	for (int i = 0; i < 2; i++)
		meet(m, cfg, &o, true, NULL);
	gnutls_free(key.data);
	gnutls_free(session.data);
	ktls_config_put(cfg);
}

#define RESUME(nm, srv, mut, tick)					\
	TEST(resumed_##nm)						\
	{								\
		struct meeting m = { .server = (srv), .mutual = (mut),	\
				     .cert = "p256" };			\
		resume(&m, (tick));					\
	}

RESUME(client_id, false, false, false)
RESUME(client_ticket, false, false, true)
RESUME(client_id_mutual, false, true, false)
RESUME(client_ticket_mutual, false, true, true)
RESUME(server_id, true, false, false)
RESUME(server_ticket, true, false, true)
RESUME(server_id_mutual, true, true, false)
RESUME(server_ticket_mutual, true, true, true)

HARNESS_MAIN
