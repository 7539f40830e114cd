// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in a core dump, and in a child of fork(2)?  Every byte that the
 * process has is searched for the secrets that it was told of; those that are
 * there are where the kernel dumps nothing ("dd" in smaps).  Built without
 * sanitizers, whose memory is another (dump_test.sh).
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/conn.h"
#include "../lib/sched12.h"
#include "../lib/vault.h"
#include "hs_lib.h"
#include "mode_lib.h"
#include "session_lib.h"

/* ---- what is looked for ------------------------------------------------- */

#define NEEDLE		16
#define NEEDLES		64
#define MASK		0x5a	/* no copy of ours is to be found */

static struct needle {
	char name[40];
	uint8_t b[NEEDLE];		/* each over MASK */
	unsigned int kept, dumped;	/* how often it was found */
} needles[NEEDLES];
static size_t needles_len;

static void look_for(const char *name, const uint8_t *secret)
{
	struct needle *n = &needles[needles_len++];

	ASSERT_LE(needles_len, NEEDLES);
	snprintf(n->name, sizeof(n->name), "%s", name);
	for (size_t i = 0; i < NEEDLE; i++)
		n->b[i] = secret[i] ^ MASK;
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* For the hook: the last word of a line is the secret */
static void learn(void *arg, const char *line)
{
	const char *hex = strrchr(line, ' ') + 1;
	uint8_t b[NEEDLE];

	(void)arg;
	for (size_t i = 0; i < NEEDLE; i++)
		b[i] = (uint8_t)(nibble(hex[2 * i]) << 4 |
				 nibble(hex[2 * i + 1]));
	look_for(line, b);
	wipe(b, sizeof(b));
}

static const struct ktls_hooks hooks = { .keylog = learn };

/* ---- where it is -------------------------------------------------------- */

__attribute__((noinline))
static bool is_at(const struct needle *n, const volatile uint8_t *p)
{
	for (size_t i = 0; i < NEEDLE; i++)
		if ((p[i] ^ MASK) != n->b[i])
			return false;
	return true;
}

static void search(const uint8_t *from, const uint8_t *to, bool dumped)
{
	bool first[256] = { false };

	for (size_t i = 0; i < needles_len; i++)
		first[needles[i].b[0] ^ MASK] = true;
	for (; from + NEEDLE <= to; from++) {
		if (!first[*from])
			continue;
		for (size_t i = 0; i < needles_len; i++)
			if (is_at(&needles[i], from))
				(*(dumped ? &needles[i].dumped :
					    &needles[i].kept))++;
	}
}

#define RANGES	4096

/* Mappings that can be read, as they are before the search */
static void search_all(void)
{
	static struct { uintptr_t from, to; bool dumped; } at[RANGES];
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512], perms[8];
	uintptr_t from, to;
	size_t n = 0;

	ASSERT_TRUE(f);
	for (size_t i = 0; i < needles_len; i++)
		needles[i].kept = needles[i].dumped = 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) == 3) {
			ASSERT_LT(n, RANGES);
			at[n].from = from;
			at[n].to = perms[0] == 'r' && !strstr(line, "[v") ?
				   to : from;
			at[n++].dumped = true;
		} else if (!strncmp(line, "VmFlags:", 8) && n) {
			at[n - 1].dumped = !strstr(line, " dd");
		}
	}
	fclose(f);
	ASSERT_GT(n, 0);
	while (n--)
		search((const uint8_t *)at[n].from, (const uint8_t *)at[n].to,
		       at[n].dumped);
}

/* None is dumped; those of this name are there */
static void check(const char *there)
{
	bool found = false;

	search_all();
	for (size_t i = 0; i < needles_len; i++) {
		const struct needle *n = &needles[i];

		EXPECT_EQ(n->dumped, 0) TH_LOG("%s", n->name);
		found |= n->kept && strstr(n->name, there);
	}
	EXPECT_TRUE(found) TH_LOG("%s: not found", there);
}

static bool is_kept(const char *name)
{
	bool found = false;

	for (size_t i = 0; i < needles_len; i++)
		found |= needles[i].kept && strstr(needles[i].name, name);
	return found;
}

/* ---- connections -------------------------------------------------------- */

FIXTURE(dump) {
	struct ktls_config *config[2];
	struct pair p;
};
FIXTURE_VARIANT(dump) { uint16_t version; const char *secret; };
FIXTURE_VARIANT_ADD(dump, v12) { KTLS_TLS12, "CLIENT_RANDOM" };
FIXTURE_VARIANT_ADD(dump, v13) { KTLS_TLS13, "CLIENT_TRAFFIC_SECRET_0" };

static void know_ticket_keys(struct ktls_config *server)
{
	enum { FROM = 8, NAME = 16, ROW = FROM + NAME + AEAD_KEY_MAX };
	uint8_t keys[KTLS_TICKET_KEYS_SIZE];

	ASSERT_OK(ktls_ticket_keys_export(server, keys));
	/* the first of them is made later */
	for (size_t at = 1 + 4 + ROW; at < sizeof(keys); at += ROW)
		look_for("ticket key", keys + at + FROM + NAME);
	wipe(keys, sizeof(keys));
}

FIXTURE_SETUP(dump)
{
	for (int i = 0; i < 2; i++)
		self->config[i] = config(&(struct ktls_opts){
			.size = sizeof(struct ktls_opts),
			.role = i ? KTLS_SERVER : KTLS_CLIENT,
			.min_version = variant->version,
			.max_version = variant->version,
			.hooks = &hooks });
	know_ticket_keys(self->config[1]);
}

FIXTURE_TEARDOWN(dump)
{
	pair_close(&self->p);
	ktls_config_put(self->config[0]);
	ktls_config_put(self->config[1]);
	search_all();
	for (size_t i = 0; i < needles_len; i++)
		EXPECT_EQ(needles[i].kept + needles[i].dumped, 0)
			TH_LOG("%s is left", needles[i].name);
}

static void know_session(struct ktls_config *client)
{
	struct exported *out = calloc(1, sizeof(*out));
	struct session s = { 0 };
	struct slice ticket;

	ASSERT_TRUE(out);
	export_session(client, out);
	ASSERT_TRUE(session_read((struct slice){ out->b, out->len - 32 }, &s,
				 &ticket));
	look_for("session", s.secret.b);
	wipe(&s, sizeof(s));
	wipe_free(out, sizeof(*out));
}

/* What encrypts, once only the kernel does: else libcrypto has it, anywhere */
static void know_keys(const struct ktls_conn *conn)
{
	struct key_block b = { 0 };
	struct secret s[2];
	uint8_t randoms[64];

	if (ktls_conn_kernel(conn) != (KTLS_TX | KTLS_RX))
		return;
	conn_randoms(conn, randoms);
	if (conn->suite->version == KTLS_TLS12) {
		conn_secret(conn, CONN_EXPORTER, &s[0]);
		ASSERT_OK(key_block(conn->config->crypto, conn->suite, &s[0],
				    (struct slice){ randoms, 32 },
				    (struct slice){ randoms + 32, 32 }, &b));
	} else {
		conn_secret(conn, CONN_TX, &s[0]);
		conn_secret(conn, CONN_RX, &s[1]);
		ASSERT_OK(traffic_keys(conn->config->crypto, conn->suite,
				       &s[0], &b.client));
		ASSERT_OK(traffic_keys(conn->config->crypto, conn->suite,
				       &s[1], &b.server));
	}
	look_for("key", b.client.key);
	look_for("key", b.server.key);
	wipe(&b, sizeof(b));
	wipe(s, sizeof(s));
}

/* At each step: while it runs, with keys that were changed, its session */
TEST_F(dump, connection)
{
	for (int resumed = 0; resumed < 2; resumed++) {
		struct ktls_info info;

		pair_open(&self->p, self->config[0], self->config[1]);
		ktls_conn_info(self->p.client, &info);
		EXPECT_EQ(info.resumed, resumed);
		EXPECT_EQ(ktls_conn_kernel(self->p.client),
			  getenv("KTLS_VM") ? KTLS_TX | KTLS_RX : 0);
		exchange(self->p.client, self->p.server, 20000);
		exchange(self->p.server, self->p.client, 20000);
		know_keys(self->p.client);
		check(variant->secret);
		check("ticket key");
		pair_close(&self->p);
		/* a ticket of 1.3 is used once */
		know_session(self->config[0]);
		check("session");
	}
}

TEST_F(dump, new_keys)
{
	struct secret s = { 0 };

	if (variant->version == KTLS_TLS12)
		return;
	pair_open(&self->p, self->config[0], self->config[1]);
	if (ktls_conn_kernel(self->p.client) && !kernel_rekeys())
		return;
	ASSERT_OK(ktls_conn_rekey(self->p.client, KTLS_REKEY_BOTH));
	exchange(self->p.client, self->p.server, 1000);
	exchange(self->p.server, self->p.client, 1000);
	conn_secret(self->p.client, CONN_TX, &s);
	look_for("second", s.b);
	conn_secret(self->p.server, CONN_TX, &s);
	look_for("second", s.b);
	wipe(&s, sizeof(s));
	check("second");
	/* what nobody needs any more */
	EXPECT_FALSE(is_kept("TRAFFIC_SECRET_0"));
	EXPECT_TRUE(is_kept("EXPORTER_SECRET"));
}

/* Half way through, where a handshake has all of its secrets */
TEST_F(dump, handshake)
{
	struct ktls_hs *hs[2];

	ASSERT_OK(ktls_hs_new(&hs[0], self->config[0], "localhost"));
	ASSERT_OK(ktls_hs_new(&hs[1], self->config[1], NULL));
	for (int i = 0; i < 3; i++)
		pump_one(hs[i & 1], hs[!(i & 1)], SIZE_MAX);
	check(variant->version == KTLS_TLS12 ? "CLIENT_RANDOM" :
					       "HANDSHAKE_TRAFFIC");
	ASSERT_OK(pump(hs[0], hs[1], 0));
	check(variant->secret);
	ktls_hs_free(hs[0]);
	ktls_hs_free(hs[1]);
}

/* A server that forks has its keys in the child, which dumps no more of them */
TEST_F(dump, forked)
{
	int status;
	pid_t pid;

	ktls_config_put(self->config[0]);
	self->config[0] = NULL;
	pid = fork();
	ASSERT_OK(pid);
	if (!pid) {
		struct ktls_config *client = config(&(struct ktls_opts){
			.size = sizeof(struct ktls_opts),
			.role = KTLS_CLIENT,
			.hooks = &hooks });

		pair_open(&self->p, client, self->config[1]);
		exchange(self->p.client, self->p.server, 1000);
		check("ticket key");
		check(variant->secret);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* Keys that the options name */
TEST(psk)
{
	uint8_t key[32];
	const struct ktls_psk psk = { .identity = "me", .identity_len = 2,
				      .key = key, .key_len = sizeof(key) };
	struct ktls_config *server;

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 7 + 1);
	look_for("psk", key);
	server = config(KTLS_OPTS(.role = KTLS_SERVER, .psks = &psk,
				  .psks_len = 1));
	wipe(key, sizeof(key));
	check("psk");
	ktls_config_put(server);
}

/* Found: one that is where everything is */
TEST(found)
{
	uint8_t *p = malloc(32);

	ASSERT_TRUE(p);
	for (size_t i = 0; i < 32; i++)
		p[i] = (uint8_t)(i * 5 + 3);
	look_for("secret", p);
	search_all();
	EXPECT_EQ(needles[0].dumped, 1);
	EXPECT_EQ(needles[0].kept, 0);
	wipe_free(p, 32);
	search_all();
	EXPECT_EQ(needles[0].dumped, 0);
}

/* ---- the vault ---------------------------------------------------------- */

/* Of every size, many at once, in no order: zeros, and nobody else's */
TEST(vault)
{
	enum { N = 4000 };
	static struct { uint8_t *p; size_t len; } at[N];
	struct rnd rnd = { 1 };

	for (int round = 0; round < 40000; round++) {
		size_t i = rnd_below(&rnd, N);
		uint8_t mark = (uint8_t)(i | 1);

		if (at[i].p) {
			for (size_t j = 0; j < at[i].len; j++)
				ASSERT_EQ(at[i].p[j], mark);
			vault_free(at[i].p, at[i].len);
			at[i].p = NULL;
			continue;
		}
		at[i].len = rnd_size(&rnd, 20000);
		at[i].p = vault_alloc(at[i].len);
		ASSERT_TRUE(at[i].p);
		for (size_t j = 0; j < at[i].len; j++)
			ASSERT_EQ(at[i].p[j], 0);
		memset(at[i].p, mark, at[i].len);
	}
	for (size_t i = 0; i < N; i++)
		vault_free(at[i].p, at[i].len);
}

static void *at_it(void *arg)
{
	const atomic_bool *stop = arg;

	while (!atomic_load(stop))
		vault_free(vault_alloc(100), 100);
	return NULL;
}

/* A child does not wait for what a thread of its parent was doing */
TEST(forks_among_threads)
{
	atomic_bool stop = false;
	pthread_t thread[2];

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&thread[i], NULL, at_it, &stop), 0);
	for (int i = 0; i < 300; i++) {
		int status;
		pid_t pid = fork();

		ASSERT_OK(pid);
		if (!pid) {
			vault_free(vault_alloc(100), 100);
			_exit(0);
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_EQ(status, 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(pthread_join(thread[i], NULL), 0);
}

HARNESS_MAIN
