// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peers that cost: handshakes by the thousand, that succeed, fail or are left,
 * and connections that are cut at each point.  Whatever they do, nothing is left
 * of it: no byte, no descriptor.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../bench/heap.h"
#include "hs_lib.h"
#include "mode_lib.h"
#include "session_lib.h"

static struct heap heap;

/* What this thread holds */
struct held {
	int64_t bytes[HEAP_OWNERS], blocks[HEAP_OWNERS];
	int fds;
};

static struct held held(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct held h = { .fds = 0 };

	ASSERT_TRUE(dir);
	while (readdir(dir))
		h.fds++;
	closedir(dir);
	for (int i = 0; i < HEAP_OWNERS; i++) {
		h.bytes[i] = heap.of[i].live;
		h.blocks[i] = heap.of[i].blocks;
	}
	return h;
}

static void check_held(const struct held *was)
{
	struct held is = held();

	EXPECT_EQ(is.fds, was->fds);
	for (int i = 0; i < HEAP_OWNERS; i++) {
		EXPECT_EQ(is.bytes[i], was->bytes[i]);
		EXPECT_EQ(is.blocks[i], was->blocks[i]);
	}
}

/* ---- a hundred thousand ------------------------------------------------- */

enum kind { FULL12, BY_ID, BY_TICKET12, FULL13, MUTUAL13, BY_PSK, BY_TICKET13,
	    UNTRUSTED, NO_GROUP, LEFT, CHANGED, KINDS };

static const int wants[KINDS] = {
	[UNTRUSTED] = -KTLS_E_CERT_ISSUER, [NO_GROUP] = -KTLS_E_NO_GROUP,
	[LEFT] = -EDEADLK, [CHANGED] = -KTLS_E_RECORD_MAC,
};

static const uint8_t psk_key[] = "0123456789abcdef0123456789abcdef";
static const struct ktls_psk psk = {
	.identity = "many", .identity_len = 4, .key = psk_key, .key_len = 32,
};

struct many {
	struct ktls_config *server, *clients[KINDS];
	unsigned int resumed[KINDS];
};

static void many_begin(struct many *m)
{
	struct ktls_cred cred = pki_cred("client");
	struct ktls_config **c = m->clients;
	const size_t none = KTLS_NO_SESSIONS;

	m->server = SERVER13(.verify = KTLS_VERIFY_OPTIONAL, .sessions = 16,
			     .psks = &psk, .psks_len = 1,
			     .groups = "x25519:secp256r1");
	c[FULL12] = CLIENT12(.sessions = none);
	c[BY_ID] = CLIENT12(.flags = KTLS_F_NO_TICKETS);
	c[BY_TICKET12] = CLIENT12(.sessions = 4);
	c[FULL13] = CLIENT13(.sessions = none,
			     .known_chains = KTLS_NO_KNOWN_CHAINS);
	c[MUTUAL13] = CLIENT13(.sessions = none, .creds = &cred,
			       .creds_len = 1);
	c[BY_PSK] = CLIENT13(.sessions = none, .psks = &psk, .psks_len = 1);
	c[BY_TICKET13] = CLIENT13(.sessions = 4);
	c[UNTRUSTED] = CLIENT13(.sessions = none, .ca_file = pki("stranger"));
	c[NO_GROUP] = CLIENT13(.sessions = none, .groups = "secp521r1");
	c[LEFT] = CLIENT13(.sessions = none);
	c[CHANGED] = CLIENT13(.sessions = none);
}

static void many_end(struct many *m)
{
	for (int i = 0; i < KINDS; i++)
		ktls_config_put(m->clients[i]);
	ktls_config_put(m->server);
}

/* Both ends by turns, on sockets that do not wait: 0, or the first failure */
static int run_both(struct ktls_hs *hs[2], const int fd[2])
{
	int left[2] = { 1, 1 };

	while (left[0] || left[1]) {
		for (int i = 0; i < 2; i++) {
			if (left[i])
				left[i] = ktls_hs_run(hs[i], fd[i]);
			if (left[i] < 0)
				return left[i];
		}
	}
	return 0;
}

/* With the hand-off, data, and the tickets that come before it */
static int over_sockets(struct ktls_hs *hs[2])
{
	struct pair p = { .client = NULL };

	tcp_pair(p.fd);
	set_socket(p.fd[0]);
	set_socket(p.fd[1]);
	set_nonblock(p.fd[0]);
	set_nonblock(p.fd[1]);
	ASSERT_OK(run_both(hs, p.fd));
	set_block(p.fd[0]);
	set_block(p.fd[1]);
	ASSERT_OK(ktls_offload(&p.client, hs[0], p.fd[0]));
	ASSERT_OK(ktls_offload(&p.server, hs[1], p.fd[1]));
	hs[0] = hs[1] = NULL;
	ping(p.client, p.server);
	pair_close(&p);
	return 0;
}

/* A byte of the server's flight is another one */
static int change(struct ktls_hs *hs[2])
{
	static struct bytes flight;
	struct feed f = { .hs = hs[0] };

	flight.len = 0;
	pump_one(hs[0], hs[1], SIZE_MAX);
	bytes_take(&flight, hs[1]);
	flight.b[flight.len - 20] ^= 1;
	feed(&f, flight.b, flight.len, 0);
	return ktls_hs_error(hs[0]);
}

static int shake_once(struct many *m, enum kind kind)
{
	struct ktls_info info = { .resumed = 0 };
	struct ktls_hs *hs[2];
	int err;

	ASSERT_OK(ktls_hs_new(&hs[0], m->clients[kind], "localhost"));
	ASSERT_OK(ktls_hs_new(&hs[1], m->server, NULL));
	if (kind == BY_TICKET13) {
		m->resumed[kind] += hs[0]->client.psks_len > 0;
		err = over_sockets(hs);
	} else if (kind == CHANGED) {
		err = change(hs);
	} else if (kind == LEFT) {
		pump_one(hs[0], hs[1], SIZE_MAX);
		pump_one(hs[1], hs[0], 200);
		err = -EDEADLK;
	} else {
		err = pump(hs[0], hs[1], 0);
		ktls_hs_info(hs[1], &info);
		m->resumed[kind] += info.resumed;
	}
	ktls_hs_free(hs[0]);
	ktls_hs_free(hs[1]);
	return err;
}

static unsigned int how_many(void)
{
	const char *n = getenv("KTLS_HOSTILE_HANDSHAKES");

	return n ? (unsigned int)strtoul(n, NULL, 10) : 5500;
}

/*
 * In ten parts, with configs of their own.  What the first has left is there
 * once for all, and nothing may be added to it.
 */
TEST_TIMEOUT(nothing_is_left_of_many, 1200)
{
	unsigned int each = how_many() / 10 / KINDS, n = 0;
	struct held first;

	ASSERT_GT(each, 4);
	heap_account(&heap);
	for (int part = 0; part < 10; part++) {
		struct many m = { .server = NULL };

		many_begin(&m);
		for (unsigned int i = 0; i < each; i++)
			for (int kind = 0; kind < KINDS; kind++, n++)
				ASSERT_EQ(shake_once(&m, (enum kind)kind),
					  wants[kind])
					TH_LOG("kind %d, %u", kind, n);
		EXPECT_GE(m.resumed[BY_ID], each / 2);
		EXPECT_GE(m.resumed[BY_TICKET12], each - 1);
		EXPECT_GE(m.resumed[BY_TICKET13], each - 1);
		many_end(&m);
		if (!part)
			first = held();
		check_held(&first);
	}
	TH_LOG("%u handshakes", n);
	heap_account(NULL);
}

/* ---- connections that are cut ------------------------------------------- */

enum how { RESET, HALF_CLOSED };

FIXTURE(cut) {
	struct ktls_config *victim, *other;
	size_t total;		/* bytes that the other sends */
};
FIXTURE_VARIANT(cut) {
	uint16_t version;
	enum ktls_role role;	/* the victim's */
	enum how how;
};
FIXTURE_VARIANT_ADD(cut, server12_reset) { KTLS_TLS12, KTLS_SERVER, RESET };
FIXTURE_VARIANT_ADD(cut, server12_fin) { KTLS_TLS12, KTLS_SERVER, HALF_CLOSED };
FIXTURE_VARIANT_ADD(cut, client12_reset) { KTLS_TLS12, KTLS_CLIENT, RESET };
FIXTURE_VARIANT_ADD(cut, client12_fin) { KTLS_TLS12, KTLS_CLIENT, HALF_CLOSED };
FIXTURE_VARIANT_ADD(cut, server13_reset) { KTLS_TLS13, KTLS_SERVER, RESET };
FIXTURE_VARIANT_ADD(cut, server13_fin) { KTLS_TLS13, KTLS_SERVER, HALF_CLOSED };
FIXTURE_VARIANT_ADD(cut, client13_reset) { KTLS_TLS13, KTLS_CLIENT, RESET };
FIXTURE_VARIANT_ADD(cut, client13_fin) { KTLS_TLS13, KTLS_CLIENT, HALF_CLOSED };
FIXTURE_TIMEOUT(cut, 90);

static struct ktls_config *cut_config(enum ktls_role role, uint16_t version)
{
	struct ktls_cred cred = pki_cred(role == KTLS_SERVER ? "p256" :
							       "client");

	return config(KTLS_OPTS(.role = role, .max_version = version,
				.creds = &cred, .creds_len = 1,
				.verify = KTLS_VERIFY_REQUIRE,
				.sessions = KTLS_NO_SESSIONS));
}

FIXTURE_SETUP(cut)
{
	enum ktls_role other = variant->role == KTLS_SERVER ? KTLS_CLIENT :
							      KTLS_SERVER;

	self->victim = cut_config(variant->role, variant->version);
	self->other = cut_config(other, variant->version);
}

FIXTURE_TEARDOWN(cut)
{
	ktls_config_put(self->victim);
	ktls_config_put(self->other);
}

/* All that has come for the other end */
static void take_all(struct ktls_hs *hs, int fd)
{
	for (;;) {
		size_t room;
		void *to = ktls_hs_in(hs, &room);
		ssize_t n = to ? recv(fd, to, room, MSG_DONTWAIT) : 0;

		if (n <= 0)
			return;
		EXPECT_OK(ktls_hs_received(hs, (size_t)n));
	}
}

/* It sends what it would, up to @max bytes in all */
static void give(struct ktls_hs *hs, int fd, size_t max, size_t *sent)
{
	size_t len;
	const void *p = ktls_hs_out(hs, &len);

	if (!p || *sent == max)
		return;
	if (len > max - *sent)
		len = max - *sent;
	ASSERT_EQ(send(fd, p, len, MSG_NOSIGNAL), (ssize_t)len);
	ktls_hs_sent(hs, len);
	*sent += len;
}

static void hang_up(int *fd, enum how how)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (how == HALF_CLOSED) {
		shutdown(*fd, SHUT_WR);
		return;
	}
	ASSERT_OK(setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once,
			     sizeof(at_once)));
	close(*fd);
	*fd = -1;
}

/* What an established connection has to say of its end */
static int end_of(struct ktls_hs **hs, int fd)
{
	struct ktls_conn *conn;
	ssize_t n;
	char c;
	int err = ktls_offload(&conn, *hs, fd);

	if (err)
		return err;
	*hs = NULL;
	n = ktls_recv(conn, &c, 1, 0);
	ktls_conn_free(conn);
	return (int)n;
}

/* The victim's outcome when the other has sent @max bytes and hangs up */
static int cut_at(FIXTURE_DATA(cut) *self, const FIXTURE_VARIANT(cut) *variant,
		  size_t max)
{
	bool server = variant->role == KTLS_SERVER;
	struct ktls_hs *hs, *other;
	size_t sent = 0;
	bool over = false;
	int fd[2], err;

	tcp_pair(fd);
	set_socket(fd[server]);
	set_nonblock(fd[server]);
	ASSERT_OK(ktls_hs_new(&hs, self->victim, server ? NULL : "localhost"));
	ASSERT_OK(ktls_hs_new(&other, self->other,
			      server ? "localhost" : NULL));
	while ((err = ktls_hs_run(hs, fd[server])) > 0) {
		if (fd[!server] >= 0)
			take_all(other, fd[!server]);
		if (!over)
			give(other, fd[!server], max, &sent);
		if (!over && sent == max) {
			hang_up(&fd[!server], variant->how);
			over = true;
		}
	}
	if (fd[!server] >= 0) {
		take_all(other, fd[!server]);
		give(other, fd[!server], max, &sent);
		if (!over)
			hang_up(&fd[!server], variant->how);
	}
	if (!err) {
		set_block(fd[server]);
		err = end_of(&hs, fd[server]);
	}
	ktls_hs_free(hs);
	ktls_hs_free(other);
	close(fd[server]);
	if (fd[!server] >= 0)
		close(fd[!server]);
	self->total = sent;
	return err;
}

TEST_F(cut, at_each_point)
{
	struct held first;
	size_t step;
	int err;

	cut_at(self, variant, SIZE_MAX);
	step = self->total / 60 + 1;
	ASSERT_GT(self->total, 100);
	heap_account(&heap);
	for (size_t at = 0; at <= self->total + 6; at += at < 6 ? 1 : step) {
		size_t all = self->total;

		err = cut_at(self, variant, at < all ? at : all);
		self->total = all;
		if (variant->how == RESET)
			EXPECT_TRUE(err == -ECONNRESET || err == -EPIPE ||
				    err == -KTLS_E_TRUNCATED)
				TH_LOG("at %zu: %s", at, ktls_strerror(err));
		else
			EXPECT_EQ(err, -KTLS_E_TRUNCATED)
				TH_LOG("at %zu: %s", at, ktls_strerror(err));
		if (!at)
			first = held();
		check_held(&first);
	}
	heap_account(NULL);
}

HARNESS_MAIN
