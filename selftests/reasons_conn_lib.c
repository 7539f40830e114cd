// SPDX-License-Identifier: GPL-2.0-only
/* Reasons that do not come with a handshake's messages */
/* RAND_METHOD is deprecated, and the way to make libcrypto fail */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "reasons_lib.h"

#include <errno.h>
#include <openssl/rand.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "move_lib.h"
#include "raw_lib.h"

/* ---- in a connection ---------------------------------------------------- */

static void connect_raw(struct raw *raw, const struct reason *r)
{
	const struct mode mode = {
		.suite = suite_find(r->version == KTLS_TLS12 ? 0xc02b :
				    0x1301),
		.tx = KTLS_PATH_USER, .rx = KTLS_PATH_USER,
	};
	struct ktls_opts more = r->client;

	more.size = sizeof(more);
	raw_open(raw, &mode, KTLS_CLIENT, &more);
}

void reason_truncated(const struct reason *r)
{
	struct raw raw;
	char c;

	connect_raw(&raw, r);
	raw_send(&raw, CT_DATA, "d", 1);
	raw_fin(&raw);
	ASSERT_EQ(ktls_recv(raw.us, &c, 1, 0), 1);
	EXPECT_EQ(ktls_recv(raw.us, &c, 1, 0), -r->err);
	EXPECT_EQ(ktls_conn_alert(raw.us), KTLS_ALERT_NONE);
	/* the other direction is not concerned */
	ASSERT_EQ(ktls_send(raw.us, "d", 1, 0), 1);
	raw_want(&raw, "d", 1);
	raw_close(&raw);
}

void reason_keyupdate(const struct reason *r)
{
	uint8_t msg[8];
	struct raw raw;

	connect_raw(&raw, r);
	raw_send(&raw, CT_HANDSHAKE, msg, make_key_update(msg, 2));
	raw_recv_fails(&raw, -r->err, (uint8_t)ktls_error_alert(r->err));
	raw_close(&raw);
}

void reason_keyupdate_flood(const struct reason *r)
{
	uint8_t msg[8];
	struct raw raw;

	connect_raw(&raw, r);
	for (int i = 0; i < 200; i++) {
		raw_add(&raw, CT_HANDSHAKE, msg, make_key_update(msg, 0));
		raw_rekey_tx(&raw);
	}
	raw_push(&raw);
	raw_recv_fails(&raw, -r->err, (uint8_t)ktls_error_alert(r->err));
	raw_close(&raw);
}

/* TLS 1.2 has no such thing; the connection goes on */
void reason_no_rekey(const struct reason *r)
{
	struct raw raw;

	connect_raw(&raw, r);
	EXPECT_EQ(ktls_conn_rekey(raw.us, 0), -r->err);
	ASSERT_EQ(ktls_send(raw.us, "d", 1, 0), 1);
	raw_want(&raw, "d", 1);
	raw_close(&raw);
}

/* ... so that its end is that of the key, in good order */
void reason_key_limit(const struct reason *r)
{
	struct raw raw;
	ssize_t n = 0;
	int sent = 0;

	connect_raw(&raw, r);
	while (n >= 0 && sent <= 8) {
		n = ktls_send(raw.us, "d", 1, 0);
		sent += n > 0;
	}
	EXPECT_EQ(n, -r->err);
	EXPECT_GT(sent, 0);
	while (sent--)
		raw_want(&raw, "d", 1);
	raw_want_alert(&raw, KTLS_ALERT_CLOSE_NOTIFY);
	raw_close(&raw);
}

/* A client that has not offered it; the connection goes on */
void reason_no_post_auth(const struct reason *r)
{
	const struct mode m = { suite_find(0x1301), KTLS_PATH_USER,
				KTLS_PATH_USER };
	const struct ktls_opts more = {
		.size = sizeof(more), .verify = KTLS_VERIFY_OPTIONAL,
		.flags = KTLS_F_POST_HANDSHAKE_AUTH,
	};
	struct raw raw;

	raw_open(&raw, &m, KTLS_SERVER, &more);
	EXPECT_EQ(ktls_conn_request_auth(raw.us), -r->err);
	ASSERT_EQ(ktls_send(raw.us, "d", 1, 0), 1);
	raw_want(&raw, "d", 1);
	raw_close(&raw);
}

void reason_late_answer(const struct reason *r)
{
	static const uint8_t msg[] = { HT_CERTIFICATE_REQUEST, 0, 0, 12, 1, 0,
				       0, 8, 0, 13, 0, 4, 0, 2, 4, 3 };
	struct raw raw;
	char c;

	connect_raw(&raw, r);
	raw_send(&raw, CT_HANDSHAKE, msg, sizeof(msg));
	ASSERT_EQ(ktls_recv(raw.us, &c, 1, 0), -EINTR);
	EXPECT_EQ(ktls_conn_authenticate(raw.us), -r->err);
	raw_failed(&raw, -r->err, (uint8_t)ktls_error_alert(r->err));
	raw_close(&raw);
}

/* The same again, or one after the other */
void reason_requests(const struct reason *r)
{
	uint8_t msg[] = { HT_CERTIFICATE_REQUEST, 0, 0, 12, 1, 0,
			  0, 8, 0, 13, 0, 4, 0, 2, 4, 3 };
	struct raw raw;
	char c;

	connect_raw(&raw, r);
	for (int i = 0; i < 5; i++) {
		raw_add(&raw, CT_HANDSHAKE, msg, sizeof(msg));
		if (r->err == KTLS_E_REQUEST_FLOOD)
			msg[5]++;
	}
	raw_push(&raw);
	while (ktls_recv(raw.us, &c, 1, 0) == -EINTR)
		;
	raw_failed(&raw, -r->err, (uint8_t)ktls_error_alert(r->err));
	raw_close(&raw);
}

/* ---- in another process ------------------------------------------------- */

/* A bit of it; the whole is taken */
void reason_conn_saved(const struct reason *r)
{
	struct saved s;
	struct raw raw;

	connect_raw(&raw, r);
	save(&s, raw.us, 0);
	s.b[s.len / 2] ^= 1;
	load_fails(&s, raw.us_fd, established(KTLS_CLIENT), 0, -r->err);
	s.b[s.len / 2] ^= 1;
	ktls_conn_free(raw.us);
	raw.us = load(&s, raw.us_fd, KTLS_CLIENT, 0);
	raw_us_send(&raw, "d");
	raw_close(&raw);
}

/* The kernel's, it says, and the kernel has no keys for it */
void reason_conn_socket(const struct reason *r)
{
	struct saved s;
	struct raw raw;

	connect_raw(&raw, r);
	user_tx_free(raw.us->utx);
	raw.us->utx = NULL;
	raw.us->tx_why.step = KTLS_STEP_NONE;
	save(&s, raw.us, 0);
	load_fails(&s, raw.us_fd, established(KTLS_CLIENT), 0, -r->err);
	raw_close(&raw);
}

/* ---- in what is kept ---------------------------------------------------- */

/* RFC 9266 3: not once there was another handshake */
void reason_no_binding(const struct reason *r)
{
	uint8_t binding[KTLS_BINDING_SIZE];
	struct mitm m;

	reason_set_up(&m, r);
	EXPECT_EQ(ktls_hs_binding(m.hs[CLIENT_END], binding), -KTLS_E_STATE);
	mitm_run(&m, NULL, NULL);
	ASSERT_OK(ktls_hs_binding(m.hs[CLIENT_END], binding));
	ASSERT_OK(ktls_hs_renegotiate(m.hs[CLIENT_END], NULL));
	ASSERT_OK(ktls_hs_renegotiate(m.hs[SERVER_END], NULL));
	EXPECT_EQ(ktls_hs_binding(m.hs[CLIENT_END], binding), -KTLS_E_STATE);
	mitm_run(&m, NULL, NULL);
	ASSERT_TRUE(mitm_done(&m));
	for (int end = 0; end < 2; end++)
		EXPECT_EQ(ktls_hs_binding(m.hs[end], binding), -r->err);
	mitm_end(&m);
}

#ifdef KTLS_TICKET_KEYS_SIZE
/* Cut short; a whole one is taken */
void reason_session(const struct reason *r)
{
	uint8_t buf[4096];
	struct ktls_config *client;
	struct mitm m;
	ssize_t n;

	reason_set_up(&m, r);
	client = m.config[CLIENT_END];
	mitm_run(&m, NULL, NULL);
	n = ktls_session_export(client, m.name, buf, sizeof(buf));
	ASSERT_GT(n, 0);
	ASSERT_LE(n, sizeof(buf));
	ASSERT_OK(ktls_session_import(client, buf, (size_t)n));
	EXPECT_EQ(ktls_session_import(client, buf, (size_t)n - 1), -r->err);
	mitm_end(&m);
}

void reason_ticket_keys(const struct reason *r)
{
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];
	struct ktls_config *server;
	struct mitm m;

	reason_set_up(&m, r);
	server = m.config[SERVER_END];
	ASSERT_OK(ktls_ticket_keys_export(server, keys));
	ASSERT_OK(ktls_ticket_keys_import(server, keys));
	keys[0] ^= 0xff;
	EXPECT_EQ(ktls_ticket_keys_import(server, keys), -r->err);
	mitm_end(&m);
}
#endif

/* ---- here --------------------------------------------------------------- */

static int no_bytes(unsigned char *buf, int len)
{
	(void)buf;
	(void)len;
	return 0;
}

void reason_crypto(const struct reason *r)
{
	static const RAND_METHOD broken = { .bytes = no_bytes };
	struct ktls_hs *hs;
	struct mitm m;

	reason_set_up(&m, r);
	ASSERT_EQ(RAND_set_rand_method(&broken), 1);
	EXPECT_EQ(ktls_hs_new(&hs, m.config[CLIENT_END], "localhost"),
		  -r->err);
	/* the client has its random bytes already */
	mitm_run(&m, NULL, NULL);
	reason_check(&m, r);
	mitm_end(&m);
}

void reason_no_kernel(const struct reason *r)
{
	struct ktls_opts o = { .size = sizeof(o), .role = KTLS_CLIENT,
			       .tx = KTLS_PATH_KERNEL, .verify =
			       KTLS_VERIFY_NONE };
	char why[256] = "";
	struct ktls_config *cfg;
	struct ktls_conn *conn;
	struct ktls_hs *hs[2];
	int err, fd[2];

	o.error = why;
	o.error_size = sizeof(why);
	err = ktls_config_new(&cfg, &o);
	if (err) {
		EXPECT_EQ(err, -r->err) TH_LOG("%s", why);
		EXPECT_STRNE(why, "");
		return;
	}
	/* this kernel could, if it were a connection of TCP */
	ASSERT_OK(ktls_hs_new(&hs[0], cfg, "localhost"));
	ktls_config_put(cfg);
	cfg = server_config();
	ASSERT_OK(ktls_hs_new(&hs[1], cfg, NULL));
	ktls_config_put(cfg);
	ASSERT_OK(pump(hs[0], hs[1], 0));
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	EXPECT_EQ(ktls_offload(&conn, hs[0], fd[0]), -r->err);
	ktls_hs_free(hs[0]);
	ktls_hs_free(hs[1]);
	close(fd[0]);
	close(fd[1]);
}

/* A hand-off that comes too early changes nothing */
void reason_state(const struct reason *r)
{
	struct ktls_conn *conn;
	struct mitm m;
	int fd[2];

	reason_set_up(&m, r);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	EXPECT_EQ(ktls_offload(&conn, m.hs[CLIENT_END], fd[0]), -r->err);
	EXPECT_EQ(ktls_hs_renegotiate(m.hs[SERVER_END], NULL), -r->err);
	mitm_run(&m, NULL, NULL);
	mitm_agree(&m);
	mitm_end(&m);
	close(fd[0]);
	close(fd[1]);
}
