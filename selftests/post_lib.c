// SPDX-License-Identifier: GPL-2.0-only
#include "post_lib.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record_lib.h"

/* ---- begin and end ----------------------------------------------------- */

void post_open(struct post *t, const struct mode *client,
	       const struct mode *server, const struct post_opts *o)
{
	const struct mode *any = client ? client : server;
	const struct mode user = { any->suite, KTLS_PATH_USER,
				   KTLS_PATH_USER };
	struct ktls_cred cred = o->cert ? pki_cred(o->cert) :
				(struct ktls_cred){ 0 };
	struct ktls_opts c = {
		.size = sizeof(c),
		.flags = KTLS_F_POST_HANDSHAKE_AUTH,
		.creds = o->creds ? o->creds : &cred,
		.creds_len = o->creds || o->cert,
		.hooks = o->hooks,
		.arg = o->arg,
		.max_records = o->max_records,
	};
	struct ktls_opts s = {
		.size = sizeof(s),
		.flags = KTLS_F_POST_HANDSHAKE_AUTH | o->flags,
		.verify = o->verify ? o->verify : KTLS_VERIFY_REQUIRE,
		.hooks = o->server_hooks,
		.arg = o->arg,
		.max_chain = o->max_chain,
		.record_size_limit = o->record_size_limit,
		.max_records = o->max_records,
	};
	struct ktls_config *cc = mode_config(client ? client : &user,
					     KTLS_CLIENT, &c);
	struct ktls_config *sc = mode_config(server ? server : &user,
					     KTLS_SERVER, &s);
	int fd[2];

	tcp_pair(fd);
	set_socket(fd[0]);
	set_socket(fd[1]);
	pair_over(&t->p, fd, cc, sc);
	ktls_config_put(cc);
	ktls_config_put(sc);
	t->client = t->p.client;
	t->server = t->p.server;
	if (client)
		ASSERT_EQ(ktls_conn_kernel(t->client),
			  mode_kernel_bits(client));
	if (server)
		ASSERT_EQ(ktls_conn_kernel(t->server),
			  mode_kernel_bits(server));
}

void post_both(struct post *t, const struct mode *m,
	       const struct post_opts *o)
{
	post_open(t, m, m, o);
}

void post_close(struct post *t)
{
	pair_close(&t->p);
}

/* ---- request and answer ------------------------------------------------ */

static void recv_told(struct ktls_conn *conn)
{
	char c;

	ASSERT_EQ(ktls_recv(conn, &c, 1, 0), -EINTR);
}

void post_ask(struct post *t)
{
	ASSERT_OK(ktls_conn_request_auth(t->server));
	EXPECT_TRUE(ktls_conn_events(t->server) & KTLS_EV_UNANSWERED);
	recv_told(t->client);
	EXPECT_TRUE(ktls_conn_events(t->client) & KTLS_EV_AUTH);
}

void post_answer(struct post *t)
{
	ASSERT_OK(ktls_conn_authenticate(t->client));
	EXPECT_FALSE(ktls_conn_events(t->client) &
		     (KTLS_EV_AUTH | KTLS_EV_FLUSH));
	recv_told(t->server);
}

void post_knows(struct post *t, const char *cn)
{
	char subject[64] = "CN = ";
	struct ktls_info info;

	ktls_conn_info(t->server, &info);
	strcat(subject, cn);
	EXPECT_STREQ(info.peer_subject, *cn ? subject : "");
	EXPECT_EQ(info.peer_verified, !!*cn);
	EXPECT_EQ(!!info.peer_sigalg, !!*cn);
	EXPECT_STREQ(info.server_name, "localhost");
	if (!*cn)
		return;
	ktls_conn_info(t->client, &info);
	EXPECT_NE(info.sigalg, 0);
	/* who the server is does not change */
	EXPECT_STREQ(info.peer_subject, "CN = p256");
}

void post_auth(struct post *t, const char *cn)
{
	post_ask(t);
	post_answer(t);
	EXPECT_FALSE(ktls_conn_events(t->server) & KTLS_EV_UNANSWERED);
	post_knows(t, cn);
}

/* ---- by hand ----------------------------------------------------------- */

static void recv_all(int fd, uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		ASSERT_GT(n, 0);
		p += n;
		len -= (size_t)n;
	}
}

static void open_records(struct record *rec, int fd, struct post_msgs *m)
{
	uint8_t buf[RECORD_MAX], type;
	struct record_header h;
	struct slice content;

	while (recv(fd, buf, 1, MSG_PEEK) == 1) {
		recv_all(fd, buf, RECORD_HEADER);
		ASSERT_OK(record_header(rec, buf, &h));
		recv_all(fd, buf + RECORD_HEADER, h.len);
		ASSERT_OK(record_open(rec, buf, RECORD_HEADER + (size_t)h.len,
				      &type, &content));
		ASSERT_EQ(type, CT_HANDSHAKE);
		ASSERT_LE(m->len + content.len, sizeof(m->b));
		memcpy(m->b + m->len, content.p, content.len);
		m->len += content.len;
	}
}

void post_capture(struct post *t, struct post_msgs *m)
{
	struct ktls_conn *c = t->client;
	struct record *tx = user_tx_record(c->utx), rx = { 0 };
	struct secret secret;
	uint64_t seq = tx->seq;
	int fd[2], size = 1 << 20;

	m->len = 0;
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	ASSERT_OK(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &size,
			     sizeof(size)));
	c->fd = fd[0];
	ASSERT_OK(ktls_conn_authenticate(c));
	c->fd = t->p.fd[0];
	tx->seq = seq;
	close(fd[0]);
	conn_secret(c, CONN_TX, &secret);
	ASSERT_OK(record_set_secret(&rx, c->config->crypto, c->suite,
				    &secret, false));
	rx.seq = seq;
	open_records(&rx, fd[1], m);
	record_free(&rx);
	close(fd[1]);
}

struct slice post_msg(const struct post_msgs *m, size_t nth)
{
	size_t at = 0, len;

	for (;;) {
		ASSERT_LE(at + MSG_HEADER, m->len);
		len = MSG_HEADER + ((size_t)m->b[at + 1] << 16 |
				    (size_t)m->b[at + 2] << 8 | m->b[at + 3]);
		ASSERT_LE(at + len, m->len);
		if (!nth--)
			return (struct slice){ m->b + at, len };
		at += len;
	}
}

void post_send(struct ktls_conn *conn, uint8_t type, const void *p,
	       size_t len)
{
	ASSERT_EQ(conn_write(conn, type, p, len, 0), len);
}

void post_send_cut(struct ktls_conn *conn, struct slice s, size_t max)
{
	for (size_t at = 0; at < s.len; at += max)
		post_send(conn, CT_HANDSHAKE, s.p + at,
			  s.len - at < max ? s.len - at : max);
}

size_t post_make_request(uint8_t *buf, const char *context, bool sigalgs)
{
	static const uint8_t algs[] = { 0, 13, 0, 4, 0, 2, 4, 3 };
	struct wr w = { 0 };
	size_t len;

	wr_u8(&w, HT_CERTIFICATE_REQUEST);
	wr_vec(&w, 3) {
		wr_opaque(&w, 1, slice_str(context));
		wr_vec(&w, 2)
			if (sigalgs)
				wr_bytes(&w, algs, sizeof(algs));
	}
	ASSERT_TRUE(wr_ok(&w));
	len = w.len;
	memcpy(buf, w.buf, len);
	wr_free(&w);
	return len;
}

void post_fails(struct ktls_conn *conn, struct ktls_conn *other, int err)
{
	struct ktls_info info;
	char c;
	ssize_t n;

	/* an answer before it may have been taken */
	do
		n = ktls_recv(conn, &c, 1, 0);
	while (n == -EINTR);
	ASSERT_EQ(n, err) TH_LOG("%s, not: %s", ktls_strerror((int)n),
				 ktls_strerror(err));
	ktls_conn_info(conn, &info);
	EXPECT_EQ(info.alert_sent, ktls_error_alert(err));
	EXPECT_EQ(ktls_send(conn, "x", 1, 0), err);
	EXPECT_FALSE(conn->post);
	EXPECT_EQ(ktls_conn_events(conn), 0);
	EXPECT_EQ(conn->config->role == KTLS_CLIENT ?
		  ktls_conn_authenticate(conn) : ktls_conn_request_auth(conn),
		  err);
	do
		n = ktls_recv(other, &c, 1, 0);
	while (n == -EINTR);
	ASSERT_EQ(n, -KTLS_E_PEER_ALERT);
	ktls_conn_info(other, &info);
	EXPECT_EQ(info.alert_received, ktls_error_alert(err));
}
