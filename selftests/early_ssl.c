// SPDX-License-Identifier: GPL-2.0-only
/* Early data (0-RTT) with libssl as the other end, in both roles */
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "mode_lib.h"
#include "session_lib.h"

#define MAX		20000
#define KEPT_MAX	16

FIXTURE(early) {
	struct ktls_config *ours;
	struct ssl_end *end;
	SSL *ssl;			/* its current one */
	struct ktls_hs *hs;
	const char *groups;		/* of the next SSL; NULL: all */
	uint8_t fragment;		/* as well, and a client; 0: any */
	SSL_SESSION *kept[KEPT_MAX];	/* the newest last */
	size_t n;
	const char *alpn;		/* what a server of libssl takes */
	uint8_t sent[MAX + 1], got[MAX + 1];
	size_t len;			/* how much came of it */
	bool done;			/* libssl has got all there is */
};

FIXTURE_VARIANT(early) {
	bool server;		/* libssl is it */
	const char *suite;
	uint64_t options;	/* of libssl */
	unsigned int flags;	/* ours */
};

FIXTURE_VARIANT_ADD(early, server) { true, "TLS_AES_128_GCM_SHA256", 0, 0 };
FIXTURE_VARIANT_ADD(early, server_sha384) {
	true, "TLS_AES_256_GCM_SHA384", SSL_OP_NO_ANTI_REPLAY, 0,
};

FIXTURE_VARIANT_ADD(early, server_no_compat) {
	true, "TLS_CHACHA20_POLY1305_SHA256", 0, KTLS_F_NO_COMPAT,
};

FIXTURE_VARIANT_ADD(early, client) { false, "TLS_AES_128_GCM_SHA256", 0, 0 };
FIXTURE_VARIANT_ADD(early, client_sha384) {
	false, "TLS_AES_256_GCM_SHA384", 0, 0,
};

FIXTURE_VARIANT_ADD(early, client_no_compat) {
	false, "TLS_CHACHA20_POLY1305_SHA256", 0, KTLS_F_NO_COMPAT,
};

/* ---- both ends --------------------------------------------------------- */

static int keep(SSL *ssl, SSL_SESSION *session)
{
	FIXTURE_DATA(early) *self = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	ASSERT_LT(self->n, KEPT_MAX);
	self->kept[self->n++] = session;
	return 1;
}

static void forget_but(FIXTURE_DATA(early) *self, size_t n)
{
	for (; self->n > n; self->n--) {
		SSL_SESSION_free(self->kept[0]);
		memmove(self->kept, self->kept + 1,
			(self->n - 1) * sizeof(*self->kept));
	}
}

static int take_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
		     const unsigned char *in, unsigned int in_len, void *arg)
{
	FIXTURE_DATA(early) *self = arg;
	size_t want = strlen(self->alpn);

	(void)ssl;
	for (unsigned int i = 0; i < in_len; i += 1U + in[i]) {
		if (in[i] != want || memcmp(in + i + 1, self->alpn, want))
			continue;
		*out = in + i + 1;
		*len = in[i];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Any of the servers that share a ticket key may take it: no test replays */
static int any_first(void *arg, const void *id, size_t len, uint64_t until)
{
	(void)arg;
	(void)id;
	(void)until;
	return len > 0;
}

static const struct ktls_hooks asked = { .early_first = any_first };

static struct ktls_config *make(const FIXTURE_VARIANT(early) *v,
				struct ktls_opts opts)
{
	opts.size = sizeof(opts);
	opts.role = v->server ? KTLS_CLIENT : KTLS_SERVER;
	opts.flags |= v->flags;
	opts.tx = opts.rx = KTLS_PATH_USER;
	if (!opts.alpn)
		opts.alpn = "h2,http/1.1";
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

static void use_ssl(FIXTURE_DATA(early) *self, bool server)
{
	SSL_CTX *ctx;

	self->end = ssl_end_new(&(struct ssl_opts){
		.server = server, .verify = !server,
		.cert = server ? "p256" : NULL, .tickets = 2,
		.alpn = "h2,http/1.1" });
	ctx = SSL_get_SSL_CTX(ssl_end_ssl(self->end));
	SSL_CTX_set_app_data(ctx, self);
	if (server) {
		SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"t", 1);
		SSL_CTX_set_max_early_data(ctx, MAX);
		SSL_CTX_set_recv_max_early_data(ctx, MAX);
		SSL_CTX_set_alpn_select_cb(ctx, take_alpn, self);
		return;
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
				       SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep);
}

/* The next connection: of libssl, with the newest session it has */
static void next(FIXTURE_DATA(early) *self, const FIXTURE_VARIANT(early) *v)
{
	ktls_hs_free(self->hs);
	ssl_end_again(self->end, v->server ? NULL : "localhost");
	self->ssl = ssl_end_ssl(self->end);
	SSL_set_options(self->ssl, v->options);
	ASSERT_EQ(SSL_set_ciphersuites(self->ssl, v->suite), 1);
	if (self->groups)
		ASSERT_EQ(SSL_set1_groups_list(self->ssl, self->groups), 1);
	if (self->fragment)
		ASSERT_EQ(SSL_set_tlsext_max_fragment_length(self->ssl,
						self->fragment), 1);
	if (self->n) {
		forget_but(self, 1);
		ASSERT_EQ(SSL_set_session(self->ssl, self->kept[0]), 1);
		forget_but(self, 0);
	}
	ASSERT_OK(ktls_hs_new(&self->hs, self->ours,
			      v->server ? "localhost" : NULL));
	self->len = 0;
	self->done = false;
}

/* ---- early data -------------------------------------------------------- */

static void give(FIXTURE_DATA(early) *self, size_t at, size_t len, bool server)
{
	size_t n;

	if (server) {
		ASSERT_EQ(ktls_hs_early_write(self->hs, self->sent + at, len),
			  len);
		return;
	}
	ASSERT_EQ(SSL_write_early_data(self->ssl, self->sent + at, len, &n), 1);
	ASSERT_EQ(n, len);
}

/* Of libssl: until it wants more, or there is no more */
static void take_ssl(FIXTURE_DATA(early) *self)
{
	while (!self->done) {
		size_t n = 0;
		int how = SSL_read_early_data(self->ssl, self->got + self->len,
					      sizeof(self->got) - self->len,
					      &n);

		self->len += n;
		if (how == SSL_READ_EARLY_DATA_FINISH) {
			self->done = true;
		} else if (how == SSL_READ_EARLY_DATA_ERROR) {
			ASSERT_EQ(SSL_get_error(self->ssl, 0),
				  SSL_ERROR_WANT_READ);
			break;
		}
	}
}

static void take_ours(FIXTURE_DATA(early) *self)
{
	ssize_t n;

	while ((n = ktls_hs_early_read(self->hs, self->got + self->len,
				       sizeof(self->got) - self->len)) > 0)
		self->len += (size_t)n;
	EXPECT_TRUE(!n || n == -EAGAIN);
}

static void to_ssl(FIXTURE_DATA(early) *self)
{
	size_t len;
	const void *p;

	while ((p = ktls_hs_out(self->hs, &len))) {
		ASSERT_EQ(BIO_write(SSL_get_rbio(self->ssl), p, (int)len), len);
		ktls_hs_sent(self->hs, len);
	}
}

static size_t to_ours(FIXTURE_DATA(early) *self)
{
	size_t room, moved = 0;
	void *in;

	while (BIO_ctrl_pending(SSL_get_wbio(self->ssl)) &&
	       (in = ktls_hs_in(self->hs, &room))) {
		int n = BIO_read(SSL_get_wbio(self->ssl), in, (int)room);

		ASSERT_GT(n, 0);
		ASSERT_EQ(ktls_hs_received(self->hs, (size_t)n),
			  ktls_hs_error(self->hs));
		moved += (size_t)n;
	}
	return moved;
}

/* The first flight is there, and all of the early data that is taken */
static void first_flight(FIXTURE_DATA(early) *self, bool server)
{
	if (server) {
		to_ssl(self);
		take_ssl(self);
		return;
	}
	to_ours(self);
	take_ours(self);
}

/* Early data is over for libssl's server before the rest can be run */
static void finish(FIXTURE_DATA(early) *self, bool server)
{
	while (server && !self->done && to_ours(self)) {
		to_ssl(self);
		take_ssl(self);
	}
	ASSERT_OK(ssl_pump(self->end, self->hs, 0))
		TH_LOG("ours: %s; libssl: %s", ktls_hs_error_text(self->hs),
		       ssl_end_error(self->end));
	if (!server)
		take_ours(self);
}

/* ---- data after it ----------------------------------------------------- */

static void join(FIXTURE_DATA(early) *self, struct ktls_conn **conn, int *fd)
{
	BIO *out = SSL_get_wbio(self->ssl);
	char buf[4096];
	int n;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	set_nonblock(fd[0]);
	set_nonblock(fd[1]);
	/* its tickets, and early answers, are still in memory */
	while ((n = BIO_read(out, buf, sizeof(buf))) > 0)
		ASSERT_EQ(send(fd[1], buf, (size_t)n, 0), n);
	ASSERT_EQ(SSL_set_fd(self->ssl, fd[1]), 1);
	ASSERT_OK(ktls_offload(conn, self->hs, fd[0]));
	self->hs = NULL;
}

static void talk(FIXTURE_DATA(early) *self, struct ktls_conn *conn)
{
	uint8_t ours[32], theirs[32];
	char buf[8];

	ASSERT_OK(ktls_conn_export(conn, "EXPORTER-t", "", 0, ours, 32));
	ASSERT_EQ(SSL_export_keying_material(self->ssl, theirs, 32,
			"EXPORTER-t", 10, (const uint8_t *)"", 0, 1), 1);
	EXPECT_MEMEQ(ours, theirs, 32);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(ktls_send(conn, "ours", 4, 0), 4);
		ASSERT_EQ(SSL_read(self->ssl, buf, sizeof(buf)), 4);
		EXPECT_MEMEQ(buf, "ours", 4);
		ASSERT_EQ(SSL_write(self->ssl, "theirs", 6), 6);
		ASSERT_EQ(ktls_recv(conn, buf, sizeof(buf), 0), 6);
		EXPECT_MEMEQ(buf, "theirs", 6);
	}
}

/* @answer: what libssl's server has sent before the handshake was over */
static void after(FIXTURE_DATA(early) *self, const char *answer)
{
	struct ktls_conn *conn;
	char buf[64];
	int fd[2];

	join(self, &conn, fd);
	if (answer) {
		ASSERT_EQ(ktls_recv(conn, buf, sizeof(buf), 0), strlen(answer));
		EXPECT_MEMEQ(buf, answer, strlen(answer));
	}
	talk(self, conn);
	ASSERT_EQ(SSL_shutdown(self->ssl), 0);
	EXPECT_EQ(ktls_recv(conn, buf, 1, 0), 0);
	ASSERT_OK(ktls_conn_shutdown(conn));
	EXPECT_EQ(SSL_shutdown(self->ssl), 1);
	ktls_conn_free(conn);
	close(fd[0]);
	close(fd[1]);
}

/* Both say @what became of @len bytes */
static void check(FIXTURE_DATA(early) *self, enum ktls_early what, size_t len)
{
	static const int theirs[] = {
		[KTLS_EARLY_NONE] = SSL_EARLY_DATA_NOT_SENT,
		[KTLS_EARLY_REJECTED] = SSL_EARLY_DATA_REJECTED,
		[KTLS_EARLY_ACCEPTED] = SSL_EARLY_DATA_ACCEPTED,
	};
	struct ktls_info info;

	ktls_hs_info(self->hs, &info);
	EXPECT_EQ(info.version, KTLS_TLS13);
	EXPECT_EQ(info.early_data, what);
	EXPECT_EQ(SSL_get_early_data_status(self->ssl), theirs[what]);
	EXPECT_EQ(info.resumed, SSL_session_reused(self->ssl));
	if (what == KTLS_EARLY_ACCEPTED)
		EXPECT_TRUE(info.resumed);
	else
		len = 0;
	ASSERT_EQ(self->len, len);
	EXPECT_MEMEQ(self->got, self->sent, len);
}

FIXTURE_SETUP(early)
{
	for (size_t i = 0; i < sizeof(self->sent); i++)
		self->sent[i] = (uint8_t)(i * 7 + i / 251);
	self->alpn = "h2";
	self->ours = OURS(.early_data = MAX,
			  .hooks = variant->server ? NULL : &asked);
	use_ssl(self, variant->server);
	next(self, variant);
	finish(self, variant->server);
	check(self, KTLS_EARLY_NONE, 0);
	after(self, NULL);
	for (size_t i = 0; i < self->n; i++)
		EXPECT_EQ(SSL_SESSION_get_max_early_data(self->kept[i]), MAX);
}

FIXTURE_TEARDOWN(early)
{
	ktls_hs_free(self->hs);
	forget_but(self, 0);
	ssl_end_free(self->end);
	ktls_config_put(self->ours);
}

/* ---- accepted ---------------------------------------------------------- */

TEST_F(early, accepted)
{
	static const size_t len[] = { 1, 100, 16384, 16385, MAX };

	for (size_t i = 0; i < sizeof(len) / sizeof(*len); i++) {
		next(self, variant);
		give(self, 0, len[i], variant->server);
		first_flight(self, variant->server);
		/* no round trip was needed for it */
		EXPECT_EQ(self->len, len[i]);
		finish(self, variant->server);
		check(self, KTLS_EARLY_ACCEPTED, len[i]);
		after(self, NULL);
	}
}

TEST_F(early, accepted_in_pieces)
{
	next(self, variant);
	for (size_t at = 0; at < 3000; at += 100) {
		give(self, at, 100, variant->server);
		first_flight(self, variant->server);
		EXPECT_EQ(self->len, at + 100);
	}
	finish(self, variant->server);
	check(self, KTLS_EARLY_ACCEPTED, 3000);
	after(self, NULL);
}

/* libssl holds early data to the fragments of its session, and so do we */
TEST_F(early, accepted_in_fragments)
{
	if (variant->server) {
		ktls_config_put(self->ours);
		self->ours = OURS(.early_data = MAX, .max_fragment = 512);
	} else {
		self->fragment = TLSEXT_max_fragment_length_512;
		forget_but(self, 0);
	}
	next(self, variant);
	finish(self, variant->server);
	after(self, NULL);
	next(self, variant);
	give(self, 0, 2000, variant->server);
	first_flight(self, variant->server);
	EXPECT_EQ(self->len, 2000);
	finish(self, variant->server);
	check(self, KTLS_EARLY_ACCEPTED, 2000);
	EXPECT_EQ(self->hs->info.tx_record, 512);
	EXPECT_EQ(self->hs->info.rx_record, 512);
	after(self, NULL);
}

/* Offered, and none was sent */
TEST_F(early, accepted_empty)
{
	if (!variant->server)
		return;
	next(self, variant);
	first_flight(self, variant->server);
	finish(self, variant->server);
	check(self, KTLS_EARLY_ACCEPTED, 0);
	after(self, NULL);
}

/* libssl as server answers before our Finished is there */
TEST_F(early, answered_at_once)
{
	size_t n;

	if (!variant->server)
		return;
	next(self, variant);
	give(self, 0, 100, true);
	first_flight(self, true);
	ASSERT_EQ(SSL_write_early_data(self->ssl, "answer", 6, &n), 1);
	finish(self, true);
	check(self, KTLS_EARLY_ACCEPTED, 100);
	after(self, "answer");
}

/* Neither end writes more than the ticket allows */
TEST_F(early, limited)
{
	size_t n;

	next(self, variant);
	if (variant->server) {
		EXPECT_EQ(ktls_hs_early_write(self->hs, self->sent, MAX + 1),
			  MAX);
		EXPECT_EQ(ktls_hs_early_write(self->hs, self->sent, 1), 0);
	} else {
		give(self, 0, MAX, false);
		EXPECT_NE(SSL_write_early_data(self->ssl, "x", 1, &n), 1);
		return;
	}
	first_flight(self, true);
	finish(self, true);
	check(self, KTLS_EARLY_ACCEPTED, MAX);
	after(self, NULL);
}

/* ---- rejected ---------------------------------------------------------- */

/* The handshake ends without it, and there is the next ticket */
static void rejected(FIXTURE_DATA(early) *self,
		     const FIXTURE_VARIANT(early) *v, size_t len, bool resumes)
{
	give(self, 0, len, v->server);
	first_flight(self, v->server);
	finish(self, v->server);
	check(self, KTLS_EARLY_REJECTED, len);
	/* libssl's server may have its own reasons to resume none */
	if (!v->server)
		EXPECT_EQ(SSL_session_reused(self->ssl), resumes);
}

/* The control: what follows is rejected for its own reason alone */
TEST_F(early, accepted_by_another)
{
	if (variant->server)
		return;
	replace_server(self, OURS(.early_data = MAX, .hooks = &asked));
	next(self, variant);
	give(self, 0, 100, false);
	finish(self, false);
	check(self, KTLS_EARLY_ACCEPTED, 100);
	after(self, NULL);
}

TEST_F(early, rejected_by_one_that_takes_none)
{
	if (!variant->server)
		replace_server(self, OURS(.early_data = 0));
	next(self, variant);
	if (variant->server)
		ASSERT_EQ(SSL_set_max_early_data(self->ssl, 0), 1);
	rejected(self, variant, MAX, true);
	after(self, NULL);
}

/* A program that does not ask libssl for it */
TEST_F(early, rejected_by_one_that_does_not_read)
{
	if (!variant->server)
		return;
	next(self, variant);
	self->done = true;
	rejected(self, variant, MAX, true);
	after(self, NULL);
}

TEST_F(early, rejected_by_a_retry)
{
	struct ktls_info info;

	if (variant->server) {
		struct ktls_config *to = OURS(.early_data = MAX,
					      .groups = "x25519:secp384r1");

		ASSERT_OK(move_session(self->ours, to));
		ktls_config_put(self->ours);
		self->ours = to;
		self->groups = "P-384";
	} else {
		replace_server(self, OURS(.early_data = MAX, .hooks = &asked,
					  .groups = "secp384r1"));
		self->groups = "X25519:P-384";
	}
	next(self, variant);
	rejected(self, variant, MAX, true);
	ktls_hs_info(self->hs, &info);
	EXPECT_EQ(info.retried, 1);
	after(self, NULL);
}

TEST_F(early, rejected_by_another_alpn)
{
	struct ktls_info info;

	if (variant->server)
		self->alpn = "http/1.1";
	else
		replace_server(self, OURS(.early_data = MAX, .hooks = &asked,
					  .alpn = "http/1.1"));
	next(self, variant);
	/* ours resumes a session for its own protocol alone */
	rejected(self, variant, MAX, variant->server);
	ktls_hs_info(self->hs, &info);
	EXPECT_STREQ(info.alpn, "http/1.1");
	after(self, NULL);
}

/* Who has forgotten the keys cannot know what it skips */
TEST_F(early, rejected_by_one_that_has_lost_it)
{
	if (variant->server) {
		ssl_end_free(self->end);
		use_ssl(self, true);
	} else {
		ktls_config_put(self->ours);
		self->ours = OURS(.early_data = MAX);
	}
	next(self, variant);
	rejected(self, variant, MAX, false);
	after(self, NULL);
}

HARNESS_MAIN
