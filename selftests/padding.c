// SPDX-License-Identifier: GPL-2.0-only
/* Records of TLS 1.3 that do not show how long their content is (9846 5.4) */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/conn.h"
#include "harness.h"
#include "hs_lib.h"
#include "interop_lib.h"
#include "mitm_lib.h"

#define USER		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER
#define SEALING		(1 + 16)	/* type, tag */

/* Sealed ones in what is sent: content and padding as long as it has to be */
static size_t check_records(const uint8_t *p, size_t len, size_t unit,
			    size_t max)
{
	size_t sealed = 0;

	while (len) {
		size_t n = (size_t)(p[3] << 8 | p[4]), inner = n - SEALING;

		ASSERT_LE(5 + n, len);
		if (p[0] == CT_DATA) {
			sealed++;
			EXPECT_GT(inner, 0);
			EXPECT_LE(inner, max);
			if (inner < max)
				EXPECT_EQ(inner % unit, 0);
		}
		p += 5 + n;
		len -= 5 + n;
	}
	return sealed;
}

/* ---- the handshake ----------------------------------------------------- */

FIXTURE(padded) { struct two two; };

FIXTURE_VARIANT(padded) {
	unsigned int client, server, limit;
};

FIXTURE_VARIANT_ADD(padded, to_468) { 468, 468, 0 };
FIXTURE_VARIANT_ADD(padded, to_the_full) { 16384, 16384, 0 };
FIXTURE_VARIANT_ADD(padded, one_more) { 1000, 3, 0 };
FIXTURE_VARIANT_ADD(padded, to_what_the_peer_takes) { 16384, 16384, 600 };
FIXTURE_VARIANT_ADD(padded, past_a_limit) { 512, 512, 700 };

FIXTURE_SETUP(padded)
{
	two_begin(&self->two, KTLS_OPTS(.role = KTLS_CLIENT, USER,
			.padding = variant->client,
			.record_size_limit = variant->limit),
		  KTLS_OPTS(.role = KTLS_SERVER, USER,
			/* a handshake ends with its Finished */
			.flags = KTLS_F_NO_TICKETS,
			.padding = variant->server,
			.record_size_limit = variant->limit), "localhost");
}

FIXTURE_TEARDOWN(padded)
{
	two_end(&self->two);
}

/* Content in a record, with padding, as both ends have agreed */
static size_t max_of(const FIXTURE_VARIANT(padded) *v)
{
	return v->limit ? v->limit - 1 : 16384;
}

static size_t turn(struct ktls_hs *from, struct ktls_hs *to, size_t unit,
		   size_t max)
{
	struct feed f = { .hs = to };
	struct bytes b = { 0 };
	size_t n;

	bytes_take(&b, from);
	n = check_records(b.b, b.len, unit, max);
	ASSERT_EQ(feed(&f, b.b, b.len, 0), b.len);
	return n;
}

static void run(struct two *t, const FIXTURE_VARIANT(padded) *v)
{
	EXPECT_EQ(turn(t->client, t->server, v->client, max_of(v)), 0);
	EXPECT_GE(turn(t->server, t->client, v->server, max_of(v)), 1);
	EXPECT_GE(turn(t->client, t->server, v->client, max_of(v)), 1);
	two_agree(t);
}

TEST_F(padded, handshake)
{
	run(&self->two, variant);
}

/* Nor does a server that asks for another hello do away with it */
TEST(retried)
{
	struct feed f = { 0 };
	struct bytes b = { 0 };
	struct two t;

	two_begin(&t, KTLS_OPTS(.role = KTLS_CLIENT, USER, .padding = 468),
		  KTLS_OPTS(.role = KTLS_SERVER, USER,
			    .flags = KTLS_F_COOKIE | KTLS_F_NO_TICKETS),
		  "localhost");
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(turn(t.client, t.server, 1, 16384), 0);
		b.len = 0;
		bytes_take(&b, t.server);
		f = (struct feed){ .hs = t.client };
		ASSERT_EQ(feed(&f, b.b, b.len, 0), b.len);
	}
	EXPECT_GE(turn(t.client, t.server, 468, 16384), 1);
	two_agree(&t);
	two_end(&t);
}

/* ---- data, alerts and new keys ------------------------------------------ */

static void check_waiting(int fd, size_t unit, size_t max, size_t records)
{
	static uint8_t buf[1 << 18];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);

	ASSERT_GT(n, 0);
	EXPECT_EQ(check_records(buf, (size_t)n, unit, max), records);
}

/* Where another process goes on with it, it is padded still */
static void move(struct ktls_conn **conn, struct ktls_config *cfg)
{
	static uint8_t buf[1 << 17];
	int fd = ktls_conn_fd(*conn);
	ssize_t n = ktls_conn_save(*conn, buf, sizeof(buf), 0);

	ASSERT_GT(n, 0);
	ASSERT_LE(n, sizeof(buf));
	ktls_conn_free(*conn);
	ASSERT_OK(ktls_conn_load(conn, cfg, fd, buf, (size_t)n, 0));
}

TEST_F(padded, connection)
{
	static const size_t lens[] = { 1, 2, 467, 468, 469, 5000, 16384 };
	static uint8_t sent[16384], got[16384];
	size_t max = max_of(variant);
	struct mitm m = { .config = { NULL } };
	struct joined j;

	run(&self->two, variant);
	m.hs[CLIENT_END] = self->two.client;
	m.hs[SERVER_END] = self->two.server;
	self->two.client = self->two.server = NULL;
	mitm_join(&m, &j);
	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		memset(sent, (int)i + 1, sizeof(sent));
		ASSERT_EQ(ktls_send(j.conn[0], sent, lens[i], 0), lens[i]);
		check_waiting(j.fd[1], variant->client, max,
			      (lens[i] + max - 1) / max);
		for (size_t at = 0; at < lens[i]; ) {
			ssize_t n = ktls_recv(j.conn[1], got + at,
					      lens[i] - at, 0);

			ASSERT_GT(n, 0);
			at += (size_t)n;
		}
		EXPECT_MEMEQ(sent, got, lens[i]);
	}
	move(&j.conn[1], self->two.server_config);
	ASSERT_OK(ktls_conn_rekey(j.conn[1], 0));
	ASSERT_EQ(ktls_send(j.conn[1], "new key", 7, 0), 7);
	ASSERT_OK(ktls_conn_shutdown(j.conn[1]));
	check_waiting(j.fd[0], variant->server, max, 3);
	ASSERT_EQ(ktls_recv(j.conn[0], got, sizeof(got), 0), 7);
	EXPECT_EQ(ktls_recv(j.conn[0], got, sizeof(got), 0), 0);
	joined_end(&j);
}

/* A reason to give up looks like all the rest */
TEST(alert)
{
	struct bytes b = { 0 };
	struct two t;

	two_begin(&t, KTLS_OPTS(.role = KTLS_CLIENT, .padding = 100),
		  NULL, "other.test");
	pump_one(t.client, t.server, SIZE_MAX);
	pump_one(t.server, t.client, SIZE_MAX);
	EXPECT_EQ(ktls_hs_error(t.client), -KTLS_E_CERT_NAME);
	bytes_take(&b, t.client);
	EXPECT_EQ(check_records(b.b, b.len, 100, 16384), 1);
	two_end(&t);
}

/* ---- libssl ------------------------------------------------------------- */

static void with_libssl(enum ktls_role role, uint16_t version)
{
	struct with w;

	with_begin(&w, (struct ktls_opts){ .role = role, USER,
		   .min_version = KTLS_TLS12, .padding = 4096 },
		   (struct ssl_opts){ .server = role == KTLS_CLIENT,
				      .verify = role == KTLS_SERVER },
		   "localhost");
	ASSERT_EQ(SSL_set_max_proto_version(w.ssl, version), 1);
	with_run(&w, 0);
	with_agree(&w);
	EXPECT_EQ(w.hs->info.version, version);
	with_data(&w);
	with_end(&w);
}

TEST(libssl_server) { with_libssl(KTLS_CLIENT, KTLS_TLS13); }
TEST(libssl_client) { with_libssl(KTLS_SERVER, KTLS_TLS13); }
/* which has no place for it */
TEST(libssl_server_1_2) { with_libssl(KTLS_CLIENT, KTLS_TLS12); }

/* ---- options, and who carries it ----------------------------------------- */

static void wrong(struct ktls_opts o, const char *text)
{
	struct ktls_config *cfg;
	char why[256] = "";

	o.size = sizeof(o);
	o.role = KTLS_CLIENT;
	o.error = why;
	o.error_size = sizeof(why);
	EXPECT_EQ(ktls_config_new(&cfg, &o), -KTLS_E_OPTION);
	EXPECT_TRUE(strstr(why, text)) TH_LOG("%s", why);
}

TEST(options)
{
	wrong((struct ktls_opts){ .padding = 16385 }, "16384");
	wrong((struct ktls_opts){ .padding = 1, .tx = KTLS_PATH_KERNEL },
	      "cannot pad");
	wrong((struct ktls_opts){ .padding = 1, .max_version = KTLS_TLS12 },
	      "TLS 1.3");
}

HARNESS_MAIN
