// SPDX-License-Identifier: GPL-2.0-only
/* A saved connection that is damaged, forged, sealed, or not for here */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock_lib.h"
#include "move_lib.h"
#include "raw_lib.h"
#include "session_lib.h"

#define DIGEST_LEN	32

FIXTURE(bad) {
	struct raw r;
	struct saved s;
};
MODES(bad, moved_paths);
FIXTURE_TIMEOUT(bad, 120);

/* A server with all that a connection may have about it */
FIXTURE_SETUP(bad)
{
	struct raw *r = &self->r;
	uint8_t msg[4] = { HT_CLIENT_HELLO, 0, 1, 0 };
	uint8_t buf[300];
	char c;

	mode_need(&variant->mode);
	raw_open(r, &variant->mode, KTLS_SERVER,
		 KTLS_OPTS(.alpn = NULL));
	stream_fill(1, 0, buf, sizeof(buf));
	raw_add(r, CT_DATA, buf, sizeof(buf));
	if (variant->mode.suite->version == KTLS_TLS12)
		raw_add(r, CT_HANDSHAKE, msg, sizeof(msg));
	raw_push(r);
	ASSERT_EQ(ktls_recv(r->us, &c, 1, 0), 1);
	save(&self->s, r->us, 0);
}

FIXTURE_TEARDOWN(bad)
{
	raw_close(&self->r);
}

/* ---- damaged ----------------------------------------------------------- */

TEST_F(bad, cut_short)
{
	struct ktls_config *cfg = established(KTLS_SERVER);
	struct ktls_conn *conn;

	for (size_t n = 0; n < self->s.len; n++) {
		uint8_t *exact = memcpy(malloc(n + !n), self->s.b, n);

		ASSERT_EQ(ktls_conn_load(&conn, cfg, self->r.us_fd, exact, n,
					 0), -KTLS_E_CONN_SAVED);
		free(exact);
	}
	self->s.b[self->s.len++] = 0;
	load_fails(&self->s, self->r.us_fd, cfg, 0, -KTLS_E_CONN_SAVED);
}

TEST_F(bad, flipped)
{
	struct ktls_config *cfg = established(KTLS_SERVER);
	struct saved *s = &self->s;

	for (size_t i = 0; i < s->len; i++) {
		uint8_t bit = (uint8_t)(1 << i % 8);

		s->b[i] ^= bit;
		load_fails(s, self->r.us_fd, cfg, 0, -KTLS_E_CONN_SAVED);
		s->b[i] ^= bit;
	}
	ktls_conn_free(load(s, self->r.us_fd, KTLS_SERVER, 0));
}

/* ---- forged: with the digest that goes with it -------------------------- */

/* Whatever comes of it: no harm, and if it is taken, it is a connection */
static void forge(struct saved *s, int fd, size_t state)
{
	struct ktls_config *cfg = established(KTLS_SERVER);
	struct slice bytes = { s->b, state };
	uint8_t digest[HASH_MAX], buf[64];
	struct ktls_conn *conn;
	struct ktls_info info;
	int err;

	ASSERT_OK(hmac(cfg->crypto, HASH_SHA256, slice_str("ktls connection"),
		       &bytes, 1, digest));
	memcpy(s->b + state, digest, DIGEST_LEN);
	err = ktls_conn_load(&conn, cfg, fd, s->b, state + DIGEST_LEN, 0);
	if (err) {
		ASSERT_TRUE(err == -KTLS_E_CONN_SAVED ||
			    err == -KTLS_E_CONN_SOCKET ||
			    err == -KTLS_E_CRYPTO) TH_LOG("%d", err);
		ASSERT_FALSE(conn);
		return;
	}
	ktls_conn_info(conn, &info);
	(void)ktls_conn_events(conn);
	(void)ktls_conn_alert(conn);
	ASSERT_OK(ktls_conn_export(conn, "l", NULL, 0, buf, 32));
	(void)!ktls_send(conn, buf, sizeof(buf), MSG_DONTWAIT);
	/* what the kernel has of it is for those that are right */
	if (!(ktls_conn_kernel(conn) & KTLS_RX))
		for (int i = 0; i < 3; i++)
			(void)!ktls_recv(conn, buf, sizeof(buf),
					 MSG_DONTWAIT);
	ASSERT_GT(ktls_conn_save(conn, NULL, 0, 0), -4096);
	ktls_conn_free(conn);
}

/* Its data is nobody's concern here, and may not fill the socket */
static void drain(struct raw *r)
{
	uint8_t buf[4096];

	while (recv(r->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

TEST_F(bad, forged)
{
	static const uint8_t values[] = { 0, 1, 0x3f, 0x40, 0x80, 0xff };
	struct saved *s = &self->s;
	size_t state = s->len - DIGEST_LEN;
	/* of the data that user space holds, one byte is as good as another */
	size_t end = state < 700 ? state : 700;

	for (size_t i = 0; i < end; i++) {
		uint8_t was = s->b[i];

		for (size_t j = 0; j < sizeof(values); j++) {
			s->b[i] = values[j];
			forge(s, self->r.us_fd, state);
		}
		s->b[i] = was;
		drain(&self->r);
	}
	for (size_t n = 0; n < end; n++) {
		uint8_t after[DIGEST_LEN];

		memcpy(after, s->b + n, DIGEST_LEN);
		forge(s, self->r.us_fd, n);
		memcpy(s->b + n, after, DIGEST_LEN);
	}
}

/* Many bytes at once, the same ones in each run */
TEST_F(bad, forged_at_random)
{
	struct rnd rnd = { 1 };
	struct saved was = self->s;
	size_t state = was.len - DIGEST_LEN;

	for (int i = 0; i < 300; i++) {
		for (size_t n = rnd_size(&rnd, 40); n; n--)
			self->s.b[rnd_below(&rnd, state)] =
				(uint8_t)rnd_next(&rnd);
		forge(&self->s, self->r.us_fd, state);
		self->s = was;
		drain(&self->r);
	}
}

/* ---- not for here ------------------------------------------------------ */

TEST_F(bad, other_configs)
{
	const struct mode *m = &variant->mode;
	struct ktls_opts o = {
		.size = sizeof(o), .role = KTLS_SERVER,
		.flags = KTLS_F_ESTABLISHED,
	};
	int fd = self->r.us_fd;
	struct ktls_config *c;

	load_fails(&self->s, fd, established(KTLS_CLIENT), 0,
		   -KTLS_E_CONN_SAVED);
	load_fails(&self->s, fd, established(KTLS_SERVER), 2, -EINVAL);
	/* what is not sealed is not taken for it */
	load_fails(&self->s, fd, established(KTLS_SERVER), KTLS_SAVE_SEALED,
		   -KTLS_E_CONN_SAVED);
	load_fails(&self->s, fd, established(KTLS_CLIENT), KTLS_SAVE_SEALED,
		   -KTLS_E_STATE);
	o.tx = m->tx == KTLS_PATH_USER ? KTLS_PATH_KERNEL : KTLS_PATH_USER;
	if (!ktls_config_new(&c, &o)) {
		load_fails(&self->s, fd, c, 0, -KTLS_E_CONN_SAVED);
		ktls_config_put(c);
	}
	o.tx = m->tx;
	o.rx = m->rx == KTLS_PATH_USER ? KTLS_PATH_KERNEL : KTLS_PATH_USER;
	if (!ktls_config_new(&c, &o)) {
		load_fails(&self->s, fd, c, 0, -KTLS_E_CONN_SAVED);
		ktls_config_put(c);
	}
	o.rx = m->rx;
	ASSERT_OK(ktls_config_new(&c, &o));
	ktls_conn_free(self->r.us);
	ASSERT_OK(ktls_conn_load(&self->r.us, c, fd, self->s.b, self->s.len,
				 0));
	ktls_config_put(c);
	recv_stream(self->r.us, 1, 1, 299);
	raw_us_send(&self->r, "more");
}

/* The keys of another connection, or of none */
TEST_F(bad, other_sockets)
{
	struct ktls_config *cfg = established(KTLS_SERVER);
	const bool kernel = mode_kernel_bits(&variant->mode);
	int fd[2];
	struct pair p;

	mode_pair(&p, &variant->mode, NULL);
	tcp_pair(fd);
	if (kernel) {
		load_fails(&self->s, p.fd[1], cfg, 0, -KTLS_E_CONN_SOCKET);
		load_fails(&self->s, fd[0], cfg, 0, -KTLS_E_CONN_SOCKET);
		load_fails(&self->s, -1, cfg, 0, -KTLS_E_CONN_SOCKET);
	}
	close(fd[0]);
	close(fd[1]);
	pair_close(&p);
}

/* In user space there, in the kernel here: it would be sealed twice */
TEST_F(bad, socket_has_keys_already)
{
	const struct mode kernel = { variant->mode.suite, KTLS_PATH_KERNEL,
				     KTLS_PATH_KERNEL };
	struct pair p;

	if (mode_kernel_bits(&variant->mode) == (KTLS_TX | KTLS_RX) ||
	    !mode_carried(&kernel))
		return;
	mode_pair(&p, &kernel, NULL);
	load_fails(&self->s, p.fd[1], established(KTLS_SERVER), 0,
		   -KTLS_E_CONN_SOCKET);
	pair_close(&p);
}

/* One of before a rekey, which the kernel has seen and it has not */
TEST_F(bad, outdated)
{
	struct raw *r = &self->r;

	if (variant->mode.tx != KTLS_PATH_KERNEL ||
	    !mode_rekeys_tx(&variant->mode))
		return;
	ktls_conn_free(r->us);
	r->us = load(&self->s, r->us_fd, KTLS_SERVER, 0);
	ASSERT_OK(ktls_conn_rekey(r->us, 0));
	load_fails(&self->s, r->us_fd, established(KTLS_SERVER), 0,
		   -KTLS_E_CONN_SOCKET);
	raw_want_key_update(r, 0);
	recv_stream(r->us, 1, 1, 299);
	raw_us_send(r, "more");
}

/* ---- sealed ------------------------------------------------------------ */

static struct ktls_config *sealer(void)
{
	struct ktls_config *c;

	ASSERT_OK(ktls_config_new(&c, KTLS_OPTS(.role = KTLS_SERVER,
			.flags = KTLS_F_ESTABLISHED, .ticket_period = 100)));
	return c;
}

TEST_F(bad, sealed)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];
	struct ktls_config *a = sealer(), *b = sealer();
	struct saved *s = &self->s, plain = *s;
	struct raw *r = &self->r;
	struct secret exporter;
	size_t len;

	ktls_conn_free(r->us);
	ASSERT_OK(ktls_conn_load(&r->us, a, r->us_fd, s->b, s->len, 0));
	conn_secret(r->us, CONN_EXPORTER, &exporter);
	save(s, r->us, KTLS_SAVE_SEALED);
	EXPECT_TRUE(memmem(plain.b, plain.len, exporter.b, 32));
	EXPECT_FALSE(memmem(s->b, s->len, exporter.b, 8));
	for (size_t i = 0; i < s->len; i++) {
		s->b[i] ^= 1;
		load_fails(s, r->us_fd, a, KTLS_SAVE_SEALED,
			   -KTLS_E_CONN_SAVED);
		s->b[i] ^= 1;
	}
	len = s->len;
	for (s->len = 0; s->len < len; s->len++)
		load_fails(s, r->us_fd, a, KTLS_SAVE_SEALED,
			   -KTLS_E_CONN_SAVED);
	load_fails(s, r->us_fd, a, 0, -KTLS_E_CONN_SAVED);
	load_fails(s, r->us_fd, b, KTLS_SAVE_SEALED, -KTLS_E_CONN_SAVED);
	ASSERT_OK(ktls_ticket_keys_export(a, keys));
	ASSERT_OK(ktls_ticket_keys_import(b, keys));
	ktls_conn_free(r->us);
	ASSERT_OK(ktls_conn_load(&r->us, b, r->us_fd, s->b, s->len,
				 KTLS_SAVE_SEALED));
	recv_stream(r->us, 1, 1, 299);
	raw_us_send(r, "more");
	/* as old as the keys: of no use any more */
	clock_ahead(201);
	load_fails(s, r->us_fd, a, KTLS_SAVE_SEALED, -KTLS_E_CONN_SAVED);
	ktls_config_put(a);
	ktls_config_put(b);
}

/* A client has no keys to seal under */
TEST(client_does_not_seal)
{
	struct ktls_config *client = client_config(), *server = server_config();
	struct pair p;

	pair_open(&p, client, server);
	EXPECT_EQ(ktls_conn_save(p.client, NULL, 0, KTLS_SAVE_SEALED),
		  -KTLS_E_STATE);
	EXPECT_GT(ktls_conn_save(p.client, NULL, 0, 0), 0);
	pair_close(&p);
	ktls_config_put(client);
	ktls_config_put(server);
}

/* ---- a config that makes no handshakes --------------------------------- */

TEST(established_only)
{
	struct ktls_hs *hs;
	struct ktls_config *c;

	EXPECT_EQ(ktls_hs_new(&hs, established(KTLS_SERVER), NULL),
		  -KTLS_E_STATE);
	EXPECT_EQ(ktls_hs_new(&hs, established(KTLS_CLIENT), "localhost"),
		  -KTLS_E_STATE);
	/* without the flag, a server needs a certificate still */
	EXPECT_EQ(ktls_config_new(&c, KTLS_OPTS(.role = KTLS_SERVER)),
		  -KTLS_E_OPTION);
}

/* ---- under another trust ----------------------------------------------- */

/* Who verified him there is not who is trusted here: no session comes of it */
TEST(tickets_are_on_ones_own_word)
{
	static const char *const cas[] = { "ca", "stranger-ca" };
	const struct ktls_cred alice = pki_cred("client");

	for (int other = 0; other < 2; other++) {
		struct ktls_config *cfg[2][2];	/* there and here; each end's */
		struct exported e = { .len = 0 };
		struct pair p;

		for (int here = 0; here < 2; here++) {
			const char *ca = pki(cas[here && other]);

			cfg[here][0] = CLIENT13(.ca_file = ca,
				.verify = KTLS_VERIFY_REQUIRE,
				.creds = &alice, .creds_len = 1);
			cfg[here][1] = SERVER13(.ca_file = ca,
				.verify = KTLS_VERIFY_REQUIRE);
		}
		pair_open(&p, cfg[0][0], cfg[0][1]);
		move_to(&p.client, cfg[1][0]);
		take_tickets(p.client);
		e.len = (size_t)ktls_session_export(cfg[1][0], "localhost",
						    e.b, sizeof(e.b));
		EXPECT_EQ(!e.len, other);
		move_to(&p.server, cfg[1][1]);
		EXPECT_EQ(ktls_conn_send_tickets(p.server, 1), !other);
		pair_close(&p);
		for (int i = 0; i < 4; i++)
			ktls_config_put(cfg[i / 2][i % 2]);
	}
}

HARNESS_MAIN
