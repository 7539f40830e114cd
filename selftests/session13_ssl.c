// SPDX-License-Identifier: GPL-2.0-only
/* Sessions of TLS 1.3 with libssl as the other end, in both roles */
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock_lib.h"
#include "harness.h"
#include "mode_lib.h"
#include "session_lib.h"

#define KEPT_MAX	16

FIXTURE(ssl) {
	struct ktls_config *ours;
	struct ssl_end *end;
	uint64_t options;		/* of the next SSL */
	const char *groups, *suites;	/* as well; NULL: what it has */
	SSL_SESSION *kept[KEPT_MAX];	/* the newest last */
	size_t n;
};

FIXTURE_VARIANT(ssl) {
	bool server;		/* libssl is it */
	const char *suite;
	uint64_t options;	/* of libssl */
	unsigned int flags;	/* ours */
};

FIXTURE_VARIANT_ADD(ssl, server) { true, "TLS_AES_128_GCM_SHA256", 0, 0 };
FIXTURE_VARIANT_ADD(ssl, server_sha384) {
	true, "TLS_AES_256_GCM_SHA384", 0, 0,
};

FIXTURE_VARIANT_ADD(ssl, server_stateful) {
	true, "TLS_CHACHA20_POLY1305_SHA256", SSL_OP_NO_TICKET, 0,
};

FIXTURE_VARIANT_ADD(ssl, client) { false, "TLS_AES_128_GCM_SHA256", 0, 0 };
FIXTURE_VARIANT_ADD(ssl, client_sha384) {
	false, "TLS_AES_256_GCM_SHA384", 0, 0,
};

FIXTURE_VARIANT_ADD(ssl, client_single_use) {
	false, "TLS_CHACHA20_POLY1305_SHA256", 0, KTLS_F_SINGLE_USE,
};

/* ---- both ends --------------------------------------------------------- */

/* Of a client: what its server gave it */
static int keep(SSL *ssl, SSL_SESSION *session)
{
	FIXTURE_DATA(ssl) *self = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	ASSERT_LT(self->n, KEPT_MAX);
	self->kept[self->n++] = session;
	return 1;
}

/* The newest are left */
static void forget_but(FIXTURE_DATA(ssl) *self, size_t n)
{
	for (; self->n > n; self->n--) {
		SSL_SESSION_free(self->kept[0]);
		memmove(self->kept, self->kept + 1,
			(self->n - 1) * sizeof(*self->kept));
	}
}

static void use_ssl(FIXTURE_DATA(ssl) *self, struct ssl_opts opts)
{
	SSL_CTX *ctx;

	ssl_end_free(self->end);
	if (opts.server && !opts.cert)
		opts.cert = "p256";
	if (opts.server && !opts.tickets)
		opts.tickets = 2;
	self->end = ssl_end_new(&opts);
	ctx = SSL_get_SSL_CTX(ssl_end_ssl(self->end));
	SSL_CTX_set_app_data(ctx, self);
	SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"test", 4);
	if (opts.server)
		return;
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
				       SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep);
}

static struct ktls_config *make(const FIXTURE_VARIANT(ssl) *v,
				struct ktls_opts opts)
{
	opts.size = sizeof(opts);
	opts.role = v->server ? KTLS_CLIENT : KTLS_SERVER;
	opts.flags |= v->flags;
	opts.tx = opts.rx = KTLS_PATH_USER;
	return config(&opts);
}

static void replace(FIXTURE_DATA(ssl) *self, struct ktls_config *to)
{
	ktls_config_put(self->ours);
	self->ours = to;
}

#define OURS(...)	make(variant, (struct ktls_opts){ __VA_ARGS__ })
#define USE(...)	replace(self, OURS(__VA_ARGS__))
#define USE_SSL(...)							\
	use_ssl(self, (struct ssl_opts){ .server = variant->server,	\
					 .verify = !variant->server,	\
					 __VA_ARGS__ })

FIXTURE_SETUP(ssl)
{
	self->options = variant->options;
	self->suites = variant->suite;
	USE(.flags = 0);
	USE_SSL(.alpn = NULL);
}

FIXTURE_TEARDOWN(ssl)
{
	forget_but(self, 0);
	ssl_end_free(self->end);
	ktls_config_put(self->ours);
}

/* ---- one connection ---------------------------------------------------- */

struct link {
	struct ktls_conn *conn;
	struct ktls_info info;
	int fd[2];		/* ours, libssl's */
};

/* The next of libssl, with the oldest session it has not used yet */
static SSL *next_ssl(FIXTURE_DATA(ssl) *self, bool server)
{
	SSL *ssl;

	ssl_end_again(self->end, server ? NULL : "localhost");
	ssl = ssl_end_ssl(self->end);
	SSL_set_options(ssl, self->options);
	if (self->groups)
		ASSERT_EQ(SSL_set1_groups_list(ssl, self->groups), 1);
	ASSERT_EQ(SSL_set_ciphersuites(ssl, self->suites), 1);
	if (self->n) {
		ASSERT_EQ(SSL_set_session(ssl, self->kept[0]), 1);
		forget_but(self, self->n - 1);
	}
	return ssl;
}

static void join(struct link *l, SSL *ssl, struct ktls_hs *hs)
{
	BIO *out = SSL_get_wbio(ssl);
	char buf[4096];
	int n;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, l->fd));
	set_nonblock(l->fd[0]);
	set_nonblock(l->fd[1]);
	/* its tickets are still in memory */
	while ((n = BIO_read(out, buf, sizeof(buf))) > 0)
		ASSERT_EQ(send(l->fd[1], buf, (size_t)n, 0), n);
	ASSERT_EQ(SSL_set_fd(ssl, l->fd[1]), 1);
	ASSERT_OK(ktls_offload(&l->conn, hs, l->fd[0]));
}

static void same(const struct link *l, SSL *ssl)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	uint8_t ours[32], theirs[32];

	EXPECT_EQ(l->info.version, KTLS_TLS13);
	EXPECT_EQ(l->info.resumed, SSL_session_reused(ssl));
	EXPECT_STREQ(SSL_CIPHER_standard_name(cipher),
		     ktls_suite_name(l->info.suite));
	EXPECT_EQ(l->info.resumed, !l->info.sigalg && !l->info.peer_sigalg);
	ASSERT_OK(ktls_conn_export(l->conn, "EXPORTER-t", "", 0, ours, 32));
	ASSERT_EQ(SSL_export_keying_material(ssl, theirs, 32, "EXPORTER-t",
					     10, (const uint8_t *)"", 0, 1), 1);
	EXPECT_MEMEQ(ours, theirs, 32);
}

/* FULL or RESUMED, or the error */
static int begin(FIXTURE_DATA(ssl) *self, bool server, struct link *l)
{
	SSL *ssl = next_ssl(self, server);
	struct ktls_hs *hs;
	int err;

	ASSERT_OK(ktls_hs_new(&hs, self->ours, server ? "localhost" : NULL));
	err = ssl_pump(self->end, hs, 0);
	if (err) {
		ktls_hs_free(hs);
		return err;
	}
	ktls_hs_info(hs, &l->info);
	join(l, ssl, hs);
	same(l, ssl);
	return l->info.resumed;
}

/* Data both ways, with the tickets that come before it */
static void talk(const struct link *l, SSL *ssl)
{
	char buf[8];

	ASSERT_EQ(ktls_send(l->conn, "ours", 4, 0), 4);
	ASSERT_EQ(SSL_read(ssl, buf, sizeof(buf)), 4);
	EXPECT_MEMEQ(buf, "ours", 4);
	ASSERT_EQ(SSL_write(ssl, "theirs", 6), 6);
	ASSERT_EQ(ktls_recv(l->conn, buf, sizeof(buf), 0), 6);
	EXPECT_MEMEQ(buf, "theirs", 6);
}

static void end(struct link *l, SSL *ssl)
{
	char c;

	ASSERT_EQ(SSL_shutdown(ssl), 0);
	EXPECT_EQ(ktls_recv(l->conn, &c, 1, 0), 0);
	ASSERT_OK(ktls_conn_shutdown(l->conn));
	EXPECT_EQ(SSL_shutdown(ssl), 1);
	ktls_conn_free(l->conn);
	close(l->fd[0]);
	close(l->fd[1]);
}

static int once(FIXTURE_DATA(ssl) *self, bool server, struct ktls_info *info)
{
	struct link l;
	int how = begin(self, server, &l);
	SSL *ssl = ssl_end_ssl(self->end);

	if (how < 0)
		return how;
	talk(&l, ssl);
	ktls_conn_info(l.conn, &l.info);
	if (info)
		*info = l.info;
	end(&l, ssl);
	return how;
}

#define ONCE(info)	once(self, variant->server, info)
#define EXPECT_NEXT(how)						\
	ASSERT_EQ(ONCE(NULL), how)					\
		TH_LOG("libssl: %s", ssl_end_error(self->end))

/* ---- tickets ----------------------------------------------------------- */

TEST_F(ssl, again_and_again)
{
	struct ktls_info info;

	EXPECT_NEXT(FULL);
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(ONCE(&info), RESUMED);
		EXPECT_NE(info.group, 0);
		EXPECT_EQ(info.retried, 0);
		if (variant->server)
			EXPECT_STREQ(info.peer_subject, "CN = p256");
		EXPECT_EQ(info.peer_verified, variant->server);
	}
}

/* All that one connection brought, while none of the next brings another */
TEST_F(ssl, several_tickets)
{
	struct link l[6];
	size_t given = 4;

	USE(.tickets = 4);
	USE_SSL(.tickets = 4);
	EXPECT_NEXT(FULL);
	for (size_t i = 0; i <= given; i++) {
		int how = begin(self, variant->server, &l[i]);

		EXPECT_EQ(how, i < given ? RESUMED : FULL);
		/* what it has read of ours is not what is meant here */
		while (!variant->server && i < given &&
		       self->n > given - 1 - i)
			SSL_SESSION_free(self->kept[--self->n]);
		ktls_conn_free(l[i].conn);
		close(l[i].fd[0]);
		close(l[i].fd[1]);
		SSL_set_shutdown(ssl_end_ssl(self->end), SSL_SENT_SHUTDOWN |
				 SSL_RECEIVED_SHUTDOWN);
	}
}

TEST_F(ssl, server_has_lost_it)
{
	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
	if (variant->server)
		USE_SSL(.alpn = NULL);
	else
		USE(.flags = 0);
	EXPECT_NEXT(FULL);
	forget_but(self, 2);
	EXPECT_NEXT(RESUMED);
}

TEST_F(ssl, none_given)
{
	self->options |= SSL_OP_NO_TICKET;
	USE(.flags = KTLS_F_NO_TICKETS);
	for (int i = 0; i < 3; i++)
		EXPECT_NEXT(FULL);
	EXPECT_EQ(self->n, 0);
}

TEST_F(ssl, expired)
{
	struct ktls_hs *hs;

	USE(.session_lifetime = 100);
	EXPECT_NEXT(FULL);
	clock_ahead(101);
	ASSERT_OK(ktls_hs_new(&hs, self->ours, variant->server ? "localhost" :
			      NULL));
	EXPECT_FALSE(hs->client.psks_len);
	ktls_hs_free(hs);
	EXPECT_NEXT(FULL);
	forget_but(self, 2);
	EXPECT_NEXT(RESUMED);
}

/* ---- hashes ------------------------------------------------------------ */

/* A ticket is for one hash: with the other, it is a full handshake */
TEST_F(ssl, another_hash)
{
	bool sha384 = strstr(variant->suite, "SHA384");
	int how, i;

	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
	if (!variant->server)
		self->suites = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256";
	else
		self->suites = sha384 ? "TLS_AES_128_GCM_SHA256" :
					"TLS_AES_256_GCM_SHA384";
	if (variant->server) {
		/* it gives none to who offers one of another hash */
		for (how = FULL, i = 0; how == FULL && i < KEPT_MAX; i++)
			how = ONCE(NULL);
		EXPECT_GT(i, 1);
		EXPECT_EQ(how, RESUMED);
		return;
	}
	/* libssl offers it whatever it is; we go for a suite of ours */
	if (!(variant->flags & KTLS_F_SINGLE_USE)) {
		struct ktls_config *to = OURS(.ciphers = sha384 ?
			"TLS_AES_128_GCM_SHA256" : "TLS_AES_256_GCM_SHA384");

		share_keys(self->ours, to);
		replace(self, to);
		EXPECT_NEXT(FULL);
		forget_but(self, 0);
		EXPECT_NEXT(FULL);
		EXPECT_NEXT(RESUMED);
	}
}

/* ... and for any suite of the hash */
TEST_F(ssl, another_suite_of_the_hash)
{
	struct ktls_info info;

	if (strstr(variant->suite, "SHA384"))
		return;
	EXPECT_NEXT(FULL);
	self->suites = strstr(variant->suite, "CHACHA") ?
		"TLS_AES_128_GCM_SHA256" : "TLS_CHACHA20_POLY1305_SHA256";
	ASSERT_EQ(ONCE(&info), RESUMED);
	EXPECT_STREQ(ktls_suite_name(info.suite), self->suites);
}

/* ---- who the client is ------------------------------------------------- */

TEST_F(ssl, client_certificate)
{
	const struct ktls_cred cred = pki_cred("client");
	struct ktls_info info;

	USE(.creds = &cred, .creds_len = variant->server, .verify =
	    variant->server ? KTLS_VERIFY_DEFAULT : KTLS_VERIFY_REQUIRE);
	USE_SSL(.require = variant->server, .cert = variant->server ? NULL :
		"client");
	EXPECT_NEXT(FULL);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(ONCE(&info), RESUMED);
		EXPECT_EQ(info.peer_verified, 1);
		EXPECT_STREQ(info.peer_subject, variant->server ?
			     "CN = p256" : "CN = client");
		if (variant->server)
			EXPECT_TRUE(SSL_get0_peer_certificate(
					ssl_end_ssl(self->end)));
	}
}

/* Whom nobody has asked for is asked by the server that has to know */
TEST_F(ssl, client_certificate_wanted_later)
{
	struct ktls_config *to;

	if (variant->server || variant->flags & KTLS_F_SINGLE_USE)
		return;
	USE_SSL(.cert = "client");
	EXPECT_NEXT(FULL);
	to = OURS(.verify = KTLS_VERIFY_REQUIRE);
	share_keys(self->ours, to);
	replace(self, to);
	EXPECT_NEXT(FULL);
	forget_but(self, 0);
	EXPECT_NEXT(FULL);
	EXPECT_NEXT(RESUMED);
}

/* ---- key exchange ------------------------------------------------------ */

/* A retry, in the full handshake and in what resumes it, or there alone */
TEST_F(ssl, retried)
{
	for (int first = 0; first < 2; first++) {
		struct ktls_info info;

		USE(.groups = variant->server ? "x25519:secp384r1" :
		    first ? "secp384r1" : NULL, .flags = KTLS_F_NO_COMPAT);
		self->groups = variant->server ? NULL : "X25519:P-384";
		if (variant->server && first)
			self->groups = "P-384";
		forget_but(self, 0);
		ASSERT_EQ(ONCE(&info), FULL);
		EXPECT_EQ(info.retried, first);
		for (int i = 0; i < 2; i++) {
			if (variant->server)
				self->groups = "P-384";
			else if (!first)
				break;
			ASSERT_EQ(ONCE(&info), RESUMED);
			EXPECT_EQ(info.retried, 1);
			EXPECT_EQ(info.group, 0x0018);
		}
	}
}

/* With a cookie, of ours */
TEST_F(ssl, retried_without_state)
{
	struct ktls_info info;

	if (variant->server)
		return;
	USE(.flags = KTLS_F_COOKIE);
	ASSERT_EQ(ONCE(&info), FULL);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(ONCE(&info), RESUMED);
		EXPECT_EQ(info.retried, 1);
	}
}

/* psk_ke where there is no group in common, and both will have it */
TEST_F(ssl, without_a_key_exchange)
{
	struct ktls_info info;

	if (variant->flags & KTLS_F_SINGLE_USE)
		return;
	self->options |= SSL_OP_ALLOW_NO_DHE_KEX;
	self->groups = "X25519";
	USE(.flags = KTLS_F_PSK_KE, .groups = "x25519");
	EXPECT_NEXT(FULL);
	ASSERT_EQ(ONCE(&info), RESUMED);
	EXPECT_EQ(info.group, 0x001d);
	if (variant->server) {
		self->groups = "P-384";
	} else {
		struct ktls_config *to = OURS(.flags = KTLS_F_PSK_KE,
					      .groups = "secp384r1");

		share_keys(self->ours, to);
		replace(self, to);
	}
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(ONCE(&info), RESUMED)
			TH_LOG("libssl: %s", ssl_end_error(self->end));
		EXPECT_EQ(info.group, 0);
	}
	/* one end that will not is enough */
	self->options &= ~SSL_OP_ALLOW_NO_DHE_KEX;
	EXPECT_LT(ONCE(NULL), 0);
}

HARNESS_MAIN
