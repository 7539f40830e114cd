// SPDX-License-Identifier: GPL-2.0-only
/*
 * What threads share: configs with their caches, keys and chains, while they
 * are used up and replaced.  What came of it is counted on both ends; built with
 * ThreadSanitizer ("make check-tsan"), it also shows what no count does.  What
 * is counted is relaxed, and locks are few: they would put in order what is not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "hs_lib.h"
#include "session_lib.h"

#define THREADS	4		/* of clients; and of servers */
#define EACH	84		/* connections of a client's thread */
#define ALL	(THREADS * EACH)
#define CHANGES	5		/* of the server's config, in the first half */
#define EARLY	4096

/* What a client is about; all of a kind share a config */
enum kind { BY_ID, BY_TICKET12, FULL12, MUTUAL, BY_TICKET13, BY_PSK, BY_EARLY,
	    KINDS };

static const uint8_t psk_key[] = "0123456789abcdef0123456789abcdef";
static const struct ktls_psk psk = {
	.identity = "crowd", .identity_len = 5, .key = psk_key, .key_len = 32,
};

/* Who signs for the servers' threads: a thread of its own */
struct signing {
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct ktls_signer *signer;
	struct signature {
		struct signature *next;
		struct ktls_sign_request request;
		uint8_t bytes[512];
		ssize_t len;
		bool made;
	} *first;
	unsigned int made;
	bool over;
};

FIXTURE(crowd) {
	struct ktls_config *clients[KINDS];
	struct sockaddr_in at;
	int listener;
	struct shelf shelf;
	struct signing signing;
	struct ktls_cred cred;
	struct ktls_session_store store;
	const char *ca;

	pthread_mutex_t lock;		/* of the next alone */
	struct ktls_config *server;	/* the present one */
	unsigned int changed;		/* by a thread of its own */
	struct ktls_opts opts;

	/* of the connection of each number: how often it was there */
	atomic_uint seen[ALL], seen_early[ALL];
	atomic_uint served, resumed, resumed_here[KINDS], psks, early, full;
};

FIXTURE_VARIANT(crowd) {
	unsigned int flags;
	bool store;
};
FIXTURE_VARIANT_ADD(crowd, tickets) { 0, false };
FIXTURE_VARIANT_ADD(crowd, single_use) { KTLS_F_SINGLE_USE, false };
FIXTURE_VARIANT_ADD(crowd, store) { KTLS_F_SINGLE_USE, true };
FIXTURE_TIMEOUT(crowd, 120);

static unsigned int count(atomic_uint *counter, unsigned int n)
{
	return atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static unsigned int counted(atomic_uint *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- ends --------------------------------------------------------------- */

static void make_clients(FIXTURE_DATA(crowd) *self)
{
	struct ktls_cred cred = pki_cred("client");
	struct ktls_config **c = self->clients;

	c[BY_ID] = CLIENT12(.flags = KTLS_F_NO_TICKETS);
	c[BY_TICKET12] = CLIENT12(.sessions = 64);
	c[FULL12] = CLIENT12(.sessions = KTLS_NO_SESSIONS, .known_chains = 1);
	c[MUTUAL] = CLIENT13(.creds = &cred, .creds_len = 1,
			     .sessions = KTLS_NO_SESSIONS);
	c[BY_TICKET13] = CLIENT13(.sessions = 64);
	c[BY_PSK] = CLIENT13(.psks = &psk, .psks_len = 1,
			     .sessions = KTLS_NO_SESSIONS);
	c[BY_EARLY] = CLIENT13(.early_data = EARLY);
}

static struct ktls_config *make_server(const FIXTURE_DATA(crowd) *self)
{
	struct ktls_config *cfg;

	ASSERT_OK(ktls_config_new(&cfg, &self->opts));
	return cfg;
}

static void listen_on(FIXTURE_DATA(crowd) *self)
{
	socklen_t len = sizeof(self->at);

	self->at = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_OK(self->listener);
	ASSERT_OK(bind(self->listener, (void *)&self->at, len));
	ASSERT_OK(listen(self->listener, 64));
	ASSERT_OK(getsockname(self->listener, (void *)&self->at, &len));
}

FIXTURE_SETUP(crowd)
{
	struct ktls_cred p256 = pki_cred("p256");

	pthread_mutex_init(&self->lock, NULL);
	pthread_mutex_init(&self->shelf.lock, NULL);
	pthread_mutex_init(&self->signing.lock, NULL);
	pthread_cond_init(&self->signing.work, NULL);
	pthread_cond_init(&self->signing.done, NULL);
	ASSERT_OK(ktls_signer_new(&self->signing.signer, &p256, NULL, 0));
	make_clients(self);
	self->store = shelf_store;
	self->cred = (struct ktls_cred){ .cert_file = pki("p256"),
					 .key_elsewhere = 1 };
	self->opts = (struct ktls_opts){ .size = sizeof(self->opts),
		.role = KTLS_SERVER, .flags = variant->flags,
		.creds = &self->cred, .creds_len = 1, .ca_file = pki("ca"),
		.verify = KTLS_VERIFY_OPTIONAL, .early_data = EARLY,
		.psks = &psk, .psks_len = 1, .arg = &self->shelf,
		.session_store = variant->store ? &self->store : NULL };
	self->server = make_server(self);
	listen_on(self);
}

FIXTURE_TEARDOWN(crowd)
{
	for (size_t i = 0; i < KINDS; i++)
		ktls_config_put(self->clients[i]);
	ktls_config_put(self->server);
	ktls_signer_free(self->signing.signer);
	close(self->listener);
}

/* ---- who signs ---------------------------------------------------------- */

static void *sign_all(void *arg)
{
	FIXTURE_DATA(crowd) *self = arg;
	struct signing *s = &self->signing;

	pthread_mutex_lock(&s->lock);
	while (s->first || !s->over) {
		struct signature *sig = s->first;

		if (!sig) {
			pthread_cond_wait(&s->work, &s->lock);
			continue;
		}
		s->first = sig->next;
		pthread_mutex_unlock(&s->lock);
		sig->len = ktls_signer_sign(s->signer, &sig->request,
					    sig->bytes, sizeof(sig->bytes));
		pthread_mutex_lock(&s->lock);
		sig->made = true;
		s->made++;
		pthread_cond_broadcast(&s->done);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int sign_there(struct signing *s, struct ktls_hs *hs)
{
	struct signature sig = { .made = false };

	ASSERT_OK(ktls_hs_sign_request(hs, &sig.request));
	pthread_mutex_lock(&s->lock);
	sig.next = s->first;
	s->first = &sig;
	pthread_cond_signal(&s->work);
	while (!sig.made)
		pthread_cond_wait(&s->done, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return ktls_hs_sign_answer(hs, sig.bytes, sig.len);
}

static void sign_no_more(struct signing *s)
{
	pthread_mutex_lock(&s->lock);
	s->over = true;
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->lock);
}

/* ---- connections -------------------------------------------------------- */

static struct ktls_conn *shake_hands(FIXTURE_DATA(crowd) *self,
				     struct ktls_hs *hs, int fd)
{
	struct ktls_conn *conn;
	int err;

	while ((err = ktls_hs_run(hs, fd)) == KTLS_WANT_SIGN)
		ASSERT_OK(sign_there(&self->signing, hs));
	ASSERT_EQ(err, 0) TH_LOG("%s", ktls_hs_error_text(hs));
	ASSERT_OK(ktls_offload(&conn, hs, fd));
	return conn;
}

static void send_number(struct ktls_conn *conn, uint32_t nr)
{
	ASSERT_EQ(ktls_send(conn, &nr, sizeof(nr), 0), (ssize_t)sizeof(nr));
}

static uint32_t recv_number(struct ktls_conn *conn)
{
	uint32_t nr = 0;

	ASSERT_EQ(ktls_recv(conn, &nr, sizeof(nr), 0), (ssize_t)sizeof(nr));
	return nr;
}

static void finish(struct ktls_conn *conn, int fd)
{
	char c;

	ASSERT_OK(ktls_conn_shutdown(conn));
	ASSERT_EQ(ktls_recv(conn, &c, 1, 0), 0);
	ktls_conn_free(conn);
	close(fd);
}

static struct ktls_hs *next_server(FIXTURE_DATA(crowd) *self)
{
	struct ktls_config *cfg;
	struct ktls_hs *hs;

	pthread_mutex_lock(&self->lock);
	cfg = ktls_config_get(self->server);
	pthread_mutex_unlock(&self->lock);
	ASSERT_OK(ktls_hs_new(&hs, cfg, NULL));
	ktls_config_put(cfg);
	return hs;
}

static void serve_one(FIXTURE_DATA(crowd) *self, int fd)
{
	struct ktls_conn *conn = shake_hands(self, next_server(self), fd);
	struct ktls_info info;
	uint32_t nr, early = 0;

	ktls_conn_info(conn, &info);
	count(&self->resumed, info.resumed);
	count(&self->psks, info.external_psk);
	count(&self->full, !info.resumed && !info.external_psk);
	if (info.early_data == KTLS_EARLY_ACCEPTED) {
		ASSERT_EQ(ktls_conn_early_read(conn, &early, sizeof(early)),
			  (ssize_t)sizeof(early));
		ASSERT_LT(early, ALL);
		EXPECT_EQ(count(&self->seen_early[early], 1), 0);
	}
	nr = recv_number(conn);
	ASSERT_LT(nr, ALL);
	EXPECT_EQ(count(&self->seen[nr], 1), 0);
	send_number(conn, ~nr);
	finish(conn, fd);
	count(&self->served, 1);
}

static void *serve_all(void *arg)
{
	FIXTURE_DATA(crowd) *self = arg;
	int fd;

	while ((fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		serve_one(self, fd);
	return NULL;
}

static void ask_one(FIXTURE_DATA(crowd) *self, enum kind kind, uint32_t nr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ktls_conn *conn;
	struct ktls_info info;
	struct ktls_hs *hs;
	ssize_t early;

	ASSERT_OK(fd);
	ASSERT_OK(connect(fd, (void *)&self->at, sizeof(self->at)));
	ASSERT_OK(ktls_hs_new(&hs, self->clients[kind], "localhost"));
	early = ktls_hs_early_write(hs, &nr, sizeof(nr));
	ASSERT_TRUE(early == sizeof(nr) || early == -KTLS_E_STATE);
	conn = shake_hands(self, hs, fd);
	send_number(conn, nr);
	ASSERT_EQ(recv_number(conn), ~nr);
	ktls_conn_info(conn, &info);
	EXPECT_EQ(info.version, kind < MUTUAL ? KTLS_TLS12 : KTLS_TLS13);
	EXPECT_EQ(info.external_psk, kind == BY_PSK);
	count(&self->resumed_here[kind], info.resumed);
	/* what it was told is what became of it */
	EXPECT_EQ(counted(&self->seen_early[nr]),
		  info.early_data == KTLS_EARLY_ACCEPTED);
	count(&self->early, info.early_data == KTLS_EARLY_ACCEPTED);
	finish(conn, fd);
}

struct asking {
	FIXTURE_DATA(crowd) *self;
	uint32_t first;
	pthread_t thread;
};

static void *ask_all(void *arg)
{
	struct asking *a = arg;

	for (uint32_t i = 0; i < EACH; i++)
		ask_one(a->self, (a->first / EACH + i) % KINDS, a->first + i);
	return NULL;
}

/* ---- who changes what is shared ----------------------------------------- */

/* The client's sessions are read and written by others meanwhile */
static void pass_sessions(FIXTURE_DATA(crowd) *self)
{
	uint8_t buf[4096];

	for (int kind = BY_ID; kind < KINDS; kind++) {
		ssize_t n = ktls_session_export(self->clients[kind],
						"localhost", buf, sizeof(buf));

		ASSERT_OK(n);
		ASSERT_LE(n, (ssize_t)sizeof(buf));
	}
}

/* Another takes the place of the present one; handshakes that have it go on */
static void change(FIXTURE_DATA(crowd) *self)
{
	struct ktls_config *fresh = make_server(self), *old;

	share_keys(self->server, fresh);
	pthread_mutex_lock(&self->lock);
	old = self->server;
	self->server = fresh;
	pthread_mutex_unlock(&self->lock);
	ktls_config_put(old);
	self->changed++;
}

/* All the while: the keys, the clients' sessions, and now and then the config */
static void *change_all(void *arg)
{
	FIXTURE_DATA(crowd) *self = arg;
	struct ktls_config *friend = make_server(self);
	struct ktls_caps caps;
	unsigned int served;

	while ((served = counted(&self->served)) < ALL) {
		share_keys(self->server, friend);
		share_keys(friend, self->server);
		pass_sessions(self);
		ASSERT_OK(ktls_probe(&caps));
		if (self->changed < CHANGES &&
		    served >= (self->changed + 1) * (ALL / 2 / CHANGES))
			change(self);
	}
	ktls_config_put(friend);
	return NULL;
}

TEST_F(crowd, shares_everything)
{
	pthread_t servers[THREADS], changer, signer;
	struct asking a[THREADS];
	unsigned int resumed = 0;

	ASSERT_OK(-pthread_create(&signer, NULL, sign_all, self));
	ASSERT_OK(-pthread_create(&changer, NULL, change_all, self));
	for (uint32_t i = 0; i < THREADS; i++) {
		a[i] = (struct asking){ .self = self, .first = i * EACH };
		ASSERT_OK(-pthread_create(&servers[i], NULL, serve_all, self));
		ASSERT_OK(-pthread_create(&a[i].thread, NULL, ask_all, &a[i]));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(a[i].thread, NULL);
	pthread_join(changer, NULL);
	shutdown(self->listener, SHUT_RDWR);
	for (int i = 0; i < THREADS; i++)
		pthread_join(servers[i], NULL);
	sign_no_more(&self->signing);
	pthread_join(signer, NULL);

	EXPECT_EQ(self->served, ALL);
	EXPECT_EQ(self->changed, CHANGES);
	for (int nr = 0; nr < ALL; nr++)
		EXPECT_EQ(self->seen[nr], 1);
	for (int kind = 0; kind < KINDS; kind++)
		resumed += self->resumed_here[kind];
	TH_LOG("%u resumed, %u early, %u full", resumed, self->early,
	       self->full);
	EXPECT_EQ(self->resumed, resumed);
	EXPECT_EQ(self->psks, ALL / KINDS);
	EXPECT_EQ(self->resumed + self->psks + self->full, ALL);
	/* one signature for each, and none is lost */
	EXPECT_EQ(self->signing.made, self->full);
	EXPECT_GT(self->early, 0);
	for (int kind = 0; kind < KINDS; kind++) {
		bool may = kind != FULL12 && kind != MUTUAL && kind != BY_PSK;

		EXPECT_EQ(self->resumed_here[kind] > 0, may)
			TH_LOG("kind %d", kind);
	}
}

/* ---- built with ThreadSanitizer, it sees ------------------------------- */

#ifdef __SANITIZE_THREAD__
static unsigned long unguarded;

static void *race(void *arg)
{
	for (int i = 0; i < 1000; i++)
		unguarded++;
	return arg;
}

TEST(a_race_is_found)
{
	char text[8192] = "";
	size_t len = 0;
	int status, fd[2];
	ssize_t n;
	pid_t pid;

	ASSERT_OK(pipe(fd));
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		pthread_t thread;

		dup2(fd[1], STDERR_FILENO);
		if (!pthread_create(&thread, NULL, race, NULL))
			race(NULL);
		pthread_join(thread, NULL);
		_exit(0);
	}
	close(fd[1]);
	while ((n = read(fd[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	EXPECT_TRUE(strstr(text, "WARNING: ThreadSanitizer: data race"))
		TH_LOG("%s", text);
	close(fd[0]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	/* as a test that has one would fail */
	EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status));
}
#endif

HARNESS_MAIN
